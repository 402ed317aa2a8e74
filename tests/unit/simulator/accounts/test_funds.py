from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.simulator import Refused

LAKH = Decimal(100_000)


def test_intraday_blocks_a_fifth_and_delivery_all(desk):
    desk.buy(10, "1490")
    assert desk.exchange.funds("buyer").margin_used == Decimal("2980.00")
    desk.buy(10, "1490", product=Product.CNC)
    funds = desk.exchange.funds("buyer")
    assert (funds.margin_used, funds.available) == (Decimal("17880.00"), Decimal("982120.00"))


def test_short_funds_are_refused_with_kites_text(desk):
    assert desk.refusal(quantity=1_000, product=Product.CNC) == (
        "MarginException",
        "Insufficient funds. Required margin is 1500000.00 but available margin is 1000000.00.",
    )
    assert desk.exchange.orders("buyer") == []


def test_exit_needs_no_margin_even_when_nothing_is_left(desk):
    desk.sell(3_300)
    desk.buy(3_300)
    assert desk.exchange.funds("buyer").available < Decimal(15_000)
    exit_order = desk.sell(3_300, "1500", user="buyer")
    assert exit_order.status.value == "OPEN"
    assert desk.exchange.funds("buyer").margin_used == Decimal("990000.00")
    # A second exit of the same shares would open a short, so it must be paid for.
    with pytest.raises(Refused, match="Insufficient funds"):
        desk.sell(3_300, "1501", user="buyer")


def test_cancel_frees_what_was_blocked(desk):
    order = desk.buy(10, "1490")
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    assert desk.exchange.funds("buyer").available == 10 * LAKH


def test_sale_is_valued_at_the_last_price_or_above(desk):
    desk.sell(10, "1400")
    assert desk.exchange.funds("seller").margin_used == Decimal("3000.00")


def test_delivery_sale_needs_holdings(desk):
    assert desk.refusal(side=Side.SELL, product=Product.CNC) == (
        "HoldingException",
        "Insufficient holding quantity. Required quantity is 10 but available quantity is 0.",
    )
    desk.exchange.seed_holding("seller", desk.instrument, 10, Decimal(1200))
    desk.sell(6, "1510", product=Product.CNC)
    with pytest.raises(Refused, match="available quantity is 4"):
        desk.sell(5, "1510", product=Product.CNC)
    assert desk.exchange.funds("seller").margin_used == 0


def test_sold_holding_shows_as_used_and_as_a_negative_position(desk):
    desk.exchange.seed_holding("seller", desk.instrument, 10, Decimal(1200))
    desk.sell(4, product=Product.CNC)
    desk.buy(4, product=Product.CNC)
    holding = desk.exchange.holdings("seller")[0]
    assert (holding.quantity, holding.used_quantity) == (10, 4)
    assert desk.exchange.positions("seller")[0].quantity == -4


def test_delivery_buy_of_today_may_be_sold(desk):
    desk.sell(4)
    desk.buy(4, product=Product.CNC)
    order = desk.sell(4, "1505", user="buyer", product=Product.CNC)
    assert order.status.value == "OPEN"


def test_profit_is_realised_and_open_profit_marked_to_the_last_price(desk):
    desk.sell(10, "1500")
    desk.buy(10, "1500")
    desk.sell(4, "1510", user="buyer")
    desk.buy(4, "1510", user="seller")
    funds = desk.exchange.funds("buyer")
    assert (funds.realised, funds.unrealised) == (Decimal("40.00"), Decimal("60.00"))
    assert funds.margin_used == Decimal("1800.00")
    assert funds.available == 10 * LAKH + 40 - 1800
    assert funds.cash == 10 * LAKH - 15_000 + 6_040
    theirs = desk.exchange.funds("seller")
    assert (theirs.realised, theirs.unrealised) == (Decimal("-40.00"), Decimal("-60.00"))


def test_stop_without_a_price_is_valued_at_its_trigger(desk):
    desk.buy(10, None, order_type=OrderType.SL_M, trigger_price="1600", market_protection="1")
    assert desk.exchange.funds("buyer").margin_used == Decimal("3200.00")


def test_account_ids_are_unique_and_cash_not_negative(desk):
    with pytest.raises(InvalidValue, match="user_id"):
        desk.exchange.open_account("buyer", LAKH)
    with pytest.raises(InvalidValue, match="cash"):
        desk.exchange.open_account("third", Decimal(-1))
