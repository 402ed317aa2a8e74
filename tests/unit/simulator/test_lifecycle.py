from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Validity
from patang.simulator import Refused


def statuses(order):
    return [state.status.value for state in order.history]


PLACED = ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"]


def test_price_change_leaves_the_official_eight_rows(desk):
    order = desk.buy(price="1490")
    desk.exchange.modify("buyer", order.order_id, desk.now_ns + 5, price=Decimal("1490.10"))
    assert statuses(order) == [
        *PLACED,
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "OPEN",
    ]
    assert [state.exchange_order_id is None for state in order.history] == [True] * 3 + [False] * 5
    assert [state.exchange_ns is None for state in order.history] == [True] * 3 + [False] * 5
    assert [str(state.price) for state in order.history] == ["1490"] * 6 + ["1490.10"] * 2
    assert order.is_modified
    assert order.update_ns == desk.now_ns + 5


def test_resting_order_fills_in_parts_then_completes(desk):
    order = desk.buy(10, "1500")
    desk.sell(4, "1499")
    assert (order.status.value, order.filled_quantity, order.pending_quantity) == ("OPEN", 4, 6)
    desk.sell(6, "1500")
    assert statuses(order) == [*PLACED, "OPEN", "COMPLETE"]
    assert order.average_price == 1500
    assert [trade.quantity for trade in desk.exchange.trades("buyer")] == [4, 6]


def test_incoming_order_sweeps_levels_at_their_prices(desk):
    desk.sell(5, "1500")
    desk.sell(5, "1501")
    order = desk.buy(8, "1502")
    assert statuses(order) == [*PLACED, "COMPLETE"]
    assert order.average_price == (Decimal(1500) * 5 + Decimal(1501) * 3) / 8
    mine, theirs = desk.exchange.trades("buyer"), desk.exchange.trades("seller")
    assert [one.trade_id for one in mine] == [one.trade_id for one in theirs]
    assert all(one.trade_id.isdigit() for one in mine)


def test_order_is_confirmed_before_its_trades_and_reported_after_them(desk):
    desk.sell(3, "1500")
    desk.orders.clear()
    order = desk.buy(5, "1500")
    own = [entry[1:] for entry in desk.orders if entry[0] == order.order_id]
    assert own == [("OPEN", 0), ("OPEN", 3)]


def test_ioc_cancels_what_does_not_trade_at_once(desk):
    desk.sell(3, "1500")
    order = desk.buy(5, "1500", validity=Validity.IOC)
    assert statuses(order) == [*PLACED, "CANCELLED"]
    assert (order.filled_quantity, order.cancelled_quantity, order.pending_quantity) == (3, 2, 0)
    assert desk.exchange.quote(desk.instrument).buy_quantity == 0


def test_cancel_after_a_partial_fill_keeps_the_fill(desk):
    order = desk.buy(10)
    desk.sell(4)
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    assert statuses(order)[-2:] == ["CANCEL PENDING", "CANCELLED"]
    assert (order.filled_quantity, order.cancelled_quantity, order.pending_quantity) == (4, 6, 0)


def test_finished_order_can_be_neither_cancelled_nor_modified(desk):
    order = desk.buy()
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    with pytest.raises(Refused, match="cannot be cancelled as it is being processed"):
        desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    with pytest.raises(Refused, match=r"^Order cannot be modified as it is being processed\. Try"):
        desk.exchange.modify("buyer", order.order_id, desk.now_ns, quantity=5)


def test_another_users_order_is_not_found(desk):
    order = desk.buy()
    with pytest.raises(Refused, match="order_id"):
        desk.exchange.cancel("seller", order.order_id, desk.now_ns)


def test_newer_order_loses_its_rest_rather_than_trade_with_its_owners_older_one(desk):
    own = desk.sell(5, "1500", user="buyer")
    desk.sell(2, "1499")
    order = desk.buy(10, "1500")
    assert (order.status.value, order.filled_quantity, order.cancelled_quantity) == (
        "CANCELLED",
        2,
        8,
    )
    assert "own order" in order.status_message
    assert own.status.value == "OPEN"


@pytest.mark.parametrize(
    ("protection", "percent", "price"), [("-1", "0.50", "1507.50"), ("2", "2.00", "1530.00")]
)
def test_protected_market_order_is_echoed_as_a_limit(desk, protection, percent, price):
    order = desk.buy(
        5,
        None,
        order_type=OrderType.MARKET,
        market_protection=protection,
        tag="mine",
    )
    assert (order.order_type, order.price) == (OrderType.LIMIT, Decimal(price))
    assert order.market_protection == 0
    assert order.tags == ("mine", "mktp", f"mktp:{percent}")
    assert (order.status.value, order.pending_quantity) == ("OPEN", 5)


def test_protected_sell_is_below_the_last_price_and_on_the_tick(desk):
    order = desk.sell(5, None, order_type=OrderType.MARKET, market_protection="0.33")
    assert order.price == Decimal("1495.10")


def test_protection_never_leaves_the_band(desk):
    order = desk.buy(1, None, order_type=OrderType.MARKET, market_protection="50")
    assert order.price == 1650


def test_stop_waits_for_the_last_price_then_rests_as_a_limit(desk):
    order = desk.buy(5, "1510", order_type=OrderType.SL, trigger_price="1505")
    assert statuses(order) == [*PLACED[:2], "TRIGGER PENDING"]
    desk.trade_at("1504.90")
    assert order.status.value == "TRIGGER PENDING"
    desk.trade_at("1505")
    assert statuses(order) == [*PLACED[:2], "TRIGGER PENDING", "OPEN"]
    assert desk.exchange.quote(desk.instrument).bids[0].price == 1510


def test_stop_market_becomes_a_protected_limit_when_it_triggers(desk):
    order = desk.sell(5, None, order_type=OrderType.SL_M, trigger_price="1490", market_protection=2)
    desk.buy(3, "1485")
    desk.trade_at("1490")
    assert order.price == Decimal("1460.20")
    assert (order.filled_quantity, order.average_price) == (3, 1485)
    assert order.status.value == "OPEN"
    assert (order.order_type, order.market_protection) == (OrderType.LIMIT, 0)
    assert order.tags == ("mktp", "mktp:2.00")
    assert [state.order_type for state in order.history[-3:]] == [
        OrderType.SL_M,
        OrderType.LIMIT,
        OrderType.LIMIT,
    ]


def test_one_stop_may_set_off_the_next(desk):
    first = desk.sell(5, "1480", order_type=OrderType.SL, trigger_price="1490")
    second = desk.sell(5, "1470", order_type=OrderType.SL, trigger_price="1485")
    desk.buy(5, "1484")
    desk.buy(5, "1475")
    desk.trade_at("1490")
    assert (first.status.value, first.average_price) == ("COMPLETE", 1484)
    assert (second.status.value, second.average_price) == ("COMPLETE", 1475)


def test_cancelled_stop_never_triggers(desk):
    order = desk.buy(5, "1510", order_type=OrderType.SL, trigger_price="1505")
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    desk.trade_at("1505")
    assert order.status.value == "CANCELLED"


def test_day_orders_end_with_the_session(desk):
    close = desk.now_ns + 10**12
    resting = desk.buy(5, "1490")
    stop = desk.sell(5, None, order_type=OrderType.SL_M, trigger_price="1480", market_protection=1)
    desk.exchange.expire_orders(None, close)
    assert {resting.status.value, stop.status.value} == {"CANCELLED"}
    assert "end of the session" in resting.status_message
    assert desk.exchange.funds("buyer").margin_used == 0


def test_time_never_runs_backwards(desk):
    first = desk.buy(1, "1490")
    second = desk.exchange.place("buyer", desk.request(price="1490"), desk.now_ns - 10**9)
    assert second.placed_ns == first.placed_ns
    assert int(second.order_id) > int(first.order_id)


def test_product_of_the_request_reaches_the_trade(desk):
    desk.sell(2, "1500")
    desk.buy(2, "1500", product=Product.CNC)
    assert desk.exchange.trades("buyer")[0].product is Product.CNC
