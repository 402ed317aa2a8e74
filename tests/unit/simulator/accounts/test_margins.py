"""Funds and holdings as orders find them: futures, options, funded shares, the depository."""

from decimal import Decimal as D

import pytest

from patang.domain.enums import OrderType, Product, Side
from patang.rules.session import PhaseKind
from patang.simulator import KiteStatus, OrderRequest, Refused
from patang.simulator.accounts.estimates import PlannedOrder, basket_needs, order_needs
from patang.simulator.accounts.rms import NEEDS_AUTHORISATION
from tests.money_house import (
    CALL,
    FRIDAY,
    FUTURE,
    HIGH_CALL,
    INFY,
    NEXT_FUTURE,
    SBIN,
    THURSDAY,
    House,
)

OPENING = D(10_000_000)
LOT_SPAN, LOT_EXPOSURE = 65 * 26_000 * D("0.105"), 65 * 26_050 * D("0.02")


def planned(house: House, name, side: Side, quantity: int, price: str, product=Product.NRML):
    instrument = house.exchange.instrument(name)
    return PlannedOrder(
        instrument=instrument, product=product, side=side, quantity=quantity, price=D(price)
    )


def needs(house: House, *order, user: str = "buyer"):
    return order_needs(house.exchange.back_office.account(user), planned(house, *order))


def basket(house: House, *orders, with_positions: bool = True, user: str = "buyer"):
    account = house.exchange.back_office.account(user)
    several = [planned(house, *order) for order in orders]
    return basket_needs(account, house.exchange.marks, several, with_positions=with_positions)


def test_a_working_future_blocks_span_and_exposure_and_its_end_frees_them(house):
    order = house.order("buyer", Side.BUY, FUTURE, 65, "26050", Product.NRML)
    assert house.funds().margin_used == LOT_SPAN + LOT_EXPOSURE
    house.exchange.cancel("buyer", order.order_id, house.now_ns)
    assert house.funds().available == OPENING


def test_an_open_future_blocks_the_same_and_shows_its_parts(house):
    house.trade(FUTURE, 65, "26050")
    for user in ("buyer", "seller"):
        funds = house.funds(user)
        assert (funds.span, funds.exposure) == (LOT_SPAN, LOT_EXPOSURE)
        assert funds.available == OPENING - LOT_SPAN - LOT_EXPOSURE


def test_an_exit_needs_no_margin_and_a_second_one_does(house):
    house.trade(FUTURE, 65, "26050")
    before = house.funds().margin_used
    house.order("buyer", Side.SELL, FUTURE, 65, "26100", Product.NRML)
    assert house.funds().margin_used == before
    house.order("buyer", Side.SELL, FUTURE, 65, "26110", Product.NRML)
    assert house.funds().margin_used > before + LOT_SPAN


def test_a_partly_filled_order_blocks_what_is_left_of_it(house):
    house.order("seller", Side.SELL, FUTURE, 65, "26050", Product.NRML)
    house.order("buyer", Side.BUY, FUTURE, 195, "26050", Product.NRML)
    assert house.funds().margin_used == 3 * (LOT_SPAN + LOT_EXPOSURE)


def test_a_sold_option_is_paid_and_blocks_span_and_exposure(house):
    house.trade(CALL, 65, "150")
    funds = house.funds("seller")
    assert funds.option_premium == -9_750
    assert funds.span > LOT_SPAN * D("0.8")
    assert funds.available == OPENING + 9_750 - funds.span - funds.exposure


def test_a_bought_option_lowers_the_margin_of_a_sold_one(house):
    house.trade(CALL, 65, "150")
    before = house.funds("seller")
    house.trade(HIGH_CALL, 65, "40", buyer="seller", seller="buyer")
    after = house.funds("seller")
    assert after.span < before.span / 2
    assert after.available == OPENING + 9_750 - 2_600 - after.span - after.exposure


def test_margins_come_back_when_the_day_is_rolled(house):
    house.trade(FUTURE, 65, "26050")
    house.trade(FUTURE, 65, "26050", buyer="seller", seller="buyer")
    assert house.funds().span == house.funds().exposure == 0
    house.trade(FUTURE, 65, "26050")
    house.end_day(THURSDAY)
    house.begin_day(FRIDAY)
    assert house.funds().span == LOT_SPAN


@pytest.mark.parametrize(
    ("name", "side", "quantity", "price", "product"),
    [
        (FUTURE, Side.BUY, 65, "26050", Product.NRML),
        (FUTURE, Side.SELL, 130, "26100", Product.MIS),
        (CALL, Side.BUY, 65, "151", Product.NRML),
        (CALL, Side.SELL, 65, "149", Product.NRML),
        (INFY, Side.BUY, 100, "1499", Product.CNC),
        (INFY, Side.SELL, 100, "1450", Product.MIS),
        (INFY, Side.BUY, 100, "1500", Product.MTF),
    ],
)
def test_an_order_blocks_what_its_estimate_says(house, name, side, quantity, price, product):
    house.trade(CALL, 65, "150")  # something to stand beside
    estimate = needs(house, name, side, quantity, price, product).total
    before = house.funds().available
    house.order("buyer", side, name, quantity, price, product)
    assert before - house.funds().available == pytest.approx(estimate, abs=D("0.01"))


def test_an_order_beyond_the_funds_is_refused_with_both_figures(house):
    with pytest.raises(Refused) as refusal:
        house.order("buyer", Side.BUY, FUTURE, 65 * 48, "26050", Product.NRML)
    total = 48 * (LOT_SPAN + LOT_EXPOSURE)
    assert refusal.value.error_type == "MarginException"
    assert refusal.value.message == (
        f"Insufficient funds. Required margin is {total:.2f} but available margin is 10000000.00."
    )
    house.order("buyer", Side.BUY, FUTURE, 65 * 47, "26050", Product.NRML)


def test_an_estimate_of_a_bought_option_is_its_premium(house):
    needed = needs(house, CALL, Side.BUY, 65, "150")
    assert (needed.option_premium, needed.span, needed.exposure) == (9_750, 0, 0)


def test_a_basket_ends_with_the_benefit_that_its_orders_lack(house):
    result = basket(
        house,
        (CALL, Side.SELL, 65, "150", Product.NRML),
        (HIGH_CALL, Side.BUY, 65, "40", Product.NRML),
    )
    sold, bought = result.orders
    assert (sold.option_premium, bought.option_premium, bought.span) == (0, 2_600, 0)
    assert result.initial.total == sold.total + bought.total
    assert result.final.option_premium == 2_600 - 9_750
    assert result.final.total < result.initial.total / 2


def test_a_calendar_basket_is_charged_as_kites_sample_is(house):
    result = basket(
        house,
        (FUTURE, Side.BUY, 65, "26050", Product.NRML),
        (NEXT_FUTURE, Side.SELL, 65, "26200", Product.NRML),
    )
    near, far = result.orders
    assert (near.span, far.span) == (LOT_SPAN, 0)
    assert far.exposure == 65 * 26_200 * D("0.02")
    assert result.final.span == 65 * 26_200 * D("0.0275")
    assert result.final.exposure == pytest.approx(far.exposure / 3, abs=D("0.01"))


def test_a_basket_may_be_seen_with_or_without_what_is_held(house):
    house.trade(FUTURE, 65, "26050")
    order = (FUTURE, Side.SELL, 65, "26050", Product.NRML)
    assert basket(house, order).final.total == -(LOT_SPAN + LOT_EXPOSURE)
    assert basket(house, order, with_positions=False).final.total == LOT_SPAN + LOT_EXPOSURE


def test_a_basket_of_shares_offsets_both_sides(house):
    orders = [(INFY, side, 100, "1500", Product.MIS) for side in (Side.BUY, Side.SELL)]
    result = basket(house, *orders)
    assert result.initial.total == 60_000
    assert result.final.total == 0
    assert basket(house, orders[0], orders[0], orders[1]).final.total == 30_000


def test_an_order_without_a_price_counts_at_the_last_one(house):
    house.exchange.venue(INFY).phase = PhaseKind.PRE_OPEN_ENTRY
    request = OrderRequest(
        instrument=INFY,
        side=Side.BUY,
        quantity=100,
        order_type=OrderType.MARKET,
        product=Product.MIS,
        market_protection=D(-1),
    )
    order = house.exchange.place("buyer", request, house.now_ns)
    assert order.price == 0
    assert house.funds().margin_used == 30_000


# --- the depository -----------------------------------------------------------------------------


@pytest.fixture
def careful(house) -> House:
    """A user whose sales out of holdings need the depository's word."""
    house.exchange.open_account("careful", OPENING, sells_freely=False)
    house.exchange.seed_holding("careful", INFY, 100, D(1400))
    return house


def sell(house: House, quantity: int):
    return house.order("careful", Side.SELL, INFY, quantity, "1500", Product.CNC)


def test_a_sale_without_authorisation_is_refused_as_kite_does(careful):
    with pytest.raises(Refused, match="60 quantity needs authorisation at depository") as refusal:
        sell(careful, 60)
    assert refusal.value.status == NEEDS_AUTHORISATION


def test_what_was_authorised_may_be_sold_and_no_more(careful):
    office = careful.exchange.back_office
    office.authorise("careful", {INFY: 50}, careful.now_ns)
    sell(careful, 30)
    with pytest.raises(Refused, match="10 quantity needs authorisation"):
        sell(careful, 30)
    sell(careful, 20)
    office.authorise("careful", None, careful.now_ns)
    sell(careful, 50)


def test_what_was_bought_today_needs_no_authorisation(careful):
    careful.exchange.seed_holding("seller", SBIN, 10, D(800))
    careful.trade(SBIN, 10, "900", Product.CNC, buyer="careful")
    sale = careful.order("careful", Side.SELL, SBIN, 10, "905", Product.CNC)
    assert sale.status is KiteStatus.OPEN


def test_an_authorisation_lapses_overnight_unless_it_was_given_in_the_evening(careful):
    office = careful.exchange.back_office
    office.authorise("careful", None, careful.now_ns)
    careful.end_day(THURSDAY)
    (one,) = careful.exchange.holdings("careful")
    assert (one.authorised_quantity, one.authorised_ns) == (0, None)
    evening = careful.exchange.now_ns + 12 * 3_600 * 1_000_000_000  # Friday, 18:00
    office.authorise("careful", {INFY: 40}, evening)
    careful.end_day(FRIDAY)
    (one,) = careful.exchange.holdings("careful")
    assert one.authorised_quantity == 40


def test_more_than_is_held_cannot_be_authorised(careful):
    with pytest.raises(Refused, match="Invalid `quantity` 101"):
        careful.exchange.back_office.authorise("careful", {INFY: 101}, careful.now_ns)


def test_an_exit_whose_position_is_gone_blocks_what_opening_does(house):
    house.trade(CALL, 130, "150")
    first = house.order("buyer", Side.SELL, CALL, 130, "155", Product.NRML)
    house.order("seller", Side.BUY, CALL, 65, "155", Product.NRML)
    # What is left of it closes what is left of the position.
    assert (first.pending_quantity, house.funds().margin_used) == (65, 65 * D(150))
    house.order("seller", Side.BUY, CALL, 65, "149", Product.NRML)
    second = house.order("buyer", Side.SELL, CALL, 65, "149", Product.NRML)
    assert second.pending_quantity == 0
    naked = house.funds().margin_used
    house.exchange.cancel("buyer", first.order_id, house.now_ns)
    assert house.funds().margin_used == 0
    again = house.order("buyer", Side.SELL, CALL, 65, "155", Product.NRML)
    assert again.pending_quantity == 65
    assert house.funds().margin_used == naked > 100_000
