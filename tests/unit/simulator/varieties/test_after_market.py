from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, OrderType, Product, Validity, Variety
from patang.rules.ist import at_ist
from patang.rules.session import PhaseKind
from patang.simulator import KiteStatus, Refused

EVENING = at_ist(date(2026, 11, 19), 20, 0)
PRE_OPEN = at_ist(date(2026, 11, 20), 9, 0)
OPENING = at_ist(date(2026, 11, 20), 9, 15)


def statuses(order):
    return [state.status.value for state in order.history]


@pytest.fixture
def night(desk):
    """The desk in the evening: the market is closed."""
    desk.now_ns = EVENING
    desk.exchange.venue(desk.instrument).phase = None
    return desk


def phase(desk, kind, at_ns):
    desk.now_ns = at_ns
    desk.exchange.pass_time(at_ns)
    desk.exchange.venue(desk.instrument).phase = kind
    desk.exchange.release_amo(Exchange.NSE, at_ns)


def test_order_waits_for_the_market_and_then_goes_its_way(night):
    order = night.buy(variety=Variety.AMO)
    assert statuses(order) == ["PUT ORDER REQ RECEIVED", "AMO REQ RECEIVED"]
    assert (order.exchange_order_id, order.status.is_resting) == (None, True)
    assert night.exchange.quote(night.instrument).buy_quantity == 0
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    assert statuses(order)[2:] == ["VALIDATION PENDING", "OPEN PENDING", "OPEN"]
    assert (order.variety, order.exchange_ns) == (Variety.AMO, OPENING)
    night.sell()
    assert order.status is KiteStatus.COMPLETE


def test_plain_orders_are_sent_into_the_opening_auction_and_special_ones_after_it(night):
    plain = night.buy(variety=Variety.AMO)
    stop = night.buy(
        price="1520", variety=Variety.AMO, order_type=OrderType.SL, trigger_price="1510"
    )
    ioc = night.buy(variety=Variety.AMO, validity=Validity.IOC)
    disclosed = night.buy(variety=Variety.AMO, disclosed_quantity=5)
    phase(night, PhaseKind.PRE_OPEN_ENTRY, PRE_OPEN)
    assert [one.status.value for one in (plain, stop, ioc, disclosed)] == [
        "OPEN",
        "AMO REQ RECEIVED",
        "AMO REQ RECEIVED",
        "AMO REQ RECEIVED",
    ]
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    assert [one.status.value for one in (stop, ioc, disclosed)] == [
        "TRIGGER PENDING",
        "CANCELLED",
        "OPEN",
    ]


def test_waiting_order_can_be_changed_and_taken_back(night):
    order = night.buy(variety=Variety.AMO)
    night.exchange.modify(
        "buyer", order.order_id, night.now_ns + 5, quantity=20, price=Decimal(1490)
    )
    assert statuses(order)[2:] == ["MODIFY AMO REQ RECEIVED", "AMO REQ RECEIVED"]
    assert (order.quantity, order.pending_quantity, order.price) == (20, 20, 1490)
    assert order.is_modified
    night.exchange.cancel("buyer", order.order_id, night.now_ns + 9)
    assert (order.status, order.cancelled_quantity) == (KiteStatus.CANCELLED, 20)
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    assert order.status is KiteStatus.CANCELLED


def test_waiting_orders_block_their_margin(night):
    free = night.exchange.funds("buyer").available
    order = night.buy(100, variety=Variety.AMO, product=Product.CNC)
    assert free - night.exchange.funds("buyer").available == 150_000
    with pytest.raises(Refused) as caught:
        night.buy(1000, variety=Variety.AMO, product=Product.CNC)
    assert caught.value.error_type == "MarginException"
    night.exchange.cancel("buyer", order.order_id, night.now_ns)
    assert night.exchange.funds("buyer").available == free


def test_market_order_is_protected_by_the_price_of_the_time_it_is_sent(night):
    order = night.buy(
        price=None, variety=Variety.AMO, order_type=OrderType.MARKET, market_protection="2"
    )
    assert order.order_type is OrderType.MARKET
    night.exchange.venue(night.instrument).last_ticks = 14_000
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    assert (order.order_type, order.price) == (OrderType.LIMIT, 1428)


def test_order_outside_the_new_days_band_ends_rejected(night):
    order = night.buy(price="1500", variety=Variety.AMO)
    night.exchange.venue(night.instrument).upper_ticks = 14_900
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    assert statuses(order)[2:] == ["VALIDATION PENDING", "REJECTED"]
    assert "upper circuit limit" in order.status_message
    assert order.status_message_raw.startswith("RMS:")
    assert night.exchange.funds("buyer").margin_used == 0


def test_other_segments_wait_for_their_own_time(night):
    order = night.buy(variety=Variety.AMO)
    night.exchange.venue(night.instrument).phase = PhaseKind.CONTINUOUS
    night.exchange.release_amo(Exchange.NFO, OPENING)
    assert order.status is KiteStatus.AMO_REQ_RECEIVED


def test_orders_that_wait_survive_the_night(night):
    order = night.buy(100, variety=Variety.AMO, product=Product.CNC)
    blocked = night.exchange.funds("buyer").margin_used
    night.exchange.roll_day(at_ist(date(2026, 11, 20), 6, 0))
    assert night.exchange.orders("buyer") == [order]
    assert night.exchange.funds("buyer").margin_used == blocked
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    assert order.status is KiteStatus.OPEN


def test_in_market_hours_there_are_no_after_market_orders(desk):
    desk.now_ns = at_ist(date(2026, 11, 20), 11, 0)
    error, text = desk.refusal(variety=Variety.AMO)
    assert error == "InputException"
    assert text.startswith("After market orders (AMO) for NSE are taken from 16:00 to 08:58.")


def test_minutes_of_a_ttl_order_begin_when_it_is_sent(night):
    order = night.buy(price="1490", variety=Variety.AMO, validity=Validity.TTL, validity_ttl=5)
    phase(night, PhaseKind.CONTINUOUS, OPENING)
    night.exchange.pass_time(OPENING + 5 * 60_000_000_000 - 1)
    assert order.status is KiteStatus.OPEN
    night.exchange.pass_time(OPENING + 5 * 60_000_000_000)
    assert order.status is KiteStatus.CANCELLED
