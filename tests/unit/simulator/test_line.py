"""The line between broker and exchange, cut and mended; and refusals on demand."""

from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Validity
from patang.rules.session import PhaseKind
from patang.simulator import KiteStatus, Refused
from patang.simulator.errors import Rejection


def statuses(order):
    return [state.status.value for state in order.history]


def test_while_the_line_is_cut_everything_stays_pending(desk):
    resting = desk.buy(price="1490")
    other = desk.buy(price="1491")
    desk.exchange.cut(desk.now_ns)
    placed = desk.buy(price="1500")
    desk.exchange.modify("buyer", resting.order_id, desk.now_ns, price=Decimal(1495))
    desk.exchange.cancel("buyer", other.order_id, desk.now_ns)
    assert (placed.status, resting.status, other.status) == (
        KiteStatus.OPEN_PENDING,
        KiteStatus.MODIFY_PENDING,
        KiteStatus.CANCEL_PENDING,
    )
    assert (placed.exchange_order_id, resting.price) == (None, 1490)
    for order in (placed, resting, other):
        with pytest.raises(Refused, match="as it is being processed"):
            desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    assert desk.exchange.quote(desk.instrument).buy_quantity == 20
    assert ("OPEN PENDING", 0) in [(status, filled) for _, status, filled in desk.orders]


def test_mended_line_carries_on_in_the_order_things_were_sent(desk):
    desk.exchange.cut(desk.now_ns)
    first, second = desk.buy(price="1500"), desk.buy(price="1500", user="seller")
    desk.exchange.mend(desk.now_ns + 7)
    assert first.exchange_order_id < second.exchange_order_id
    assert (first.exchange_ns, first.status) == (desk.now_ns + 7, KiteStatus.OPEN)
    assert statuses(first) == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
    ]
    desk.exchange.open_account("third", Decimal(1_000_000))
    desk.sell(10, user="third")
    assert (first.status, second.status) == (KiteStatus.COMPLETE, KiteStatus.OPEN)


def test_change_and_cancel_take_effect_when_the_line_is_mended(desk):
    resting, other = desk.buy(price="1490"), desk.buy(price="1491")
    desk.exchange.cut(desk.now_ns)
    desk.exchange.modify("buyer", resting.order_id, desk.now_ns, price=Decimal(1495))
    desk.exchange.cancel("buyer", other.order_id, desk.now_ns)
    desk.exchange.mend(desk.now_ns)
    assert (resting.status, resting.price) == (KiteStatus.OPEN, 1495)
    assert other.status is KiteStatus.CANCELLED


def test_orders_that_stand_trade_on_while_the_line_is_cut(desk):
    resting, other = desk.buy(10, price="1500"), desk.buy(10, price="1499")
    desk.exchange.cut(desk.now_ns)
    desk.exchange.modify("buyer", resting.order_id, desk.now_ns, price=Decimal(1495))
    desk.exchange.cancel("buyer", other.order_id, desk.now_ns)
    agent = desk.exchange.floor
    agent.enrol("agent", desk.instrument)
    venue = desk.exchange.venue(desk.instrument)
    agent.submit("agent", venue, False, 15_000, 4, desk.now_ns)
    assert (resting.filled_quantity, resting.status) == (4, KiteStatus.MODIFY_PENDING)
    agent.submit("agent", venue, False, 14_990, 16, desk.now_ns)
    assert (resting.status, other.filled_quantity) == (KiteStatus.COMPLETE, 10)
    assert other.status is KiteStatus.COMPLETE
    desk.exchange.mend(desk.now_ns)
    assert (resting.status, other.status) == (KiteStatus.COMPLETE, KiteStatus.COMPLETE)


def test_modification_below_what_traded_meanwhile_is_not_made(desk):
    order = desk.buy(10, price="1500")
    desk.exchange.cut(desk.now_ns)
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, quantity=3)
    floor, venue = desk.exchange.floor, desk.exchange.venue(desk.instrument)
    floor.enrol("agent", desk.instrument)
    floor.submit("agent", venue, False, 15_000, 5, desk.now_ns)
    desk.exchange.mend(desk.now_ns)
    assert statuses(order)[-2:] == ["NOT MODIFIED", "OPEN"]
    assert (order.quantity, order.filled_quantity, order.pending_quantity) == (10, 5, 5)


def test_stop_that_triggers_while_its_change_is_held_rests_under_the_new_terms(desk):
    order = desk.buy(10, "1510", order_type=OrderType.SL, trigger_price="1505")
    desk.exchange.cut(desk.now_ns)
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, price=Decimal("1511"))
    floor, venue = desk.exchange.floor, desk.exchange.venue(desk.instrument)
    for agent, is_buy in (("a", True), ("b", False)):
        floor.enrol(agent, desk.instrument)
        floor.submit(agent, venue, is_buy, 15_060, 1, desk.now_ns)
    assert order.status is KiteStatus.MODIFY_PENDING
    assert order.order_id in venue.resting
    desk.exchange.mend(desk.now_ns)
    assert (order.status, order.price) == (KiteStatus.OPEN, 1511)


def test_order_that_arrives_after_the_close_is_rejected(desk):
    desk.exchange.cut(desk.now_ns)
    order = desk.buy()
    desk.exchange.venue(desk.instrument).phase = PhaseKind.BUFFER
    desk.exchange.mend(desk.now_ns)
    assert order.status is KiteStatus.REJECTED


def test_end_of_the_day_ends_what_is_pending_too(desk):
    desk.exchange.cut(desk.now_ns)
    order = desk.buy(validity=Validity.TTL, validity_ttl=1)
    desk.exchange.expire_orders(None, desk.now_ns)
    desk.exchange.mend(desk.now_ns)
    assert (order.status, order.cancelled_quantity) == (KiteStatus.CANCELLED, 10)
    assert desk.exchange.funds("buyer").margin_used == 0
    assert desk.exchange.quote(desk.instrument).buy_quantity == 0


def test_refusal_on_demand_meets_one_placement(desk):
    desk.exchange.refuse_next("buyer", Refused("NetworkException", "Gone.", status=503))
    desk.sell(price="1600")
    with pytest.raises(Refused, match="Gone") as caught:
        desk.buy()
    assert caught.value.status == 503
    assert desk.buy(price="1490").status is KiteStatus.OPEN


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("broker", ["VALIDATION PENDING", "REJECTED"]),
        ("exchange", ["VALIDATION PENDING", "OPEN PENDING", "REJECTED"]),
    ],
)
def test_rejection_on_demand_ends_in_the_row(desk, stage, path):
    desk.exchange.refuse_next(None, Rejection("Blocked.", "RMS:Blocked for MIS", stage))
    order = desk.buy()
    assert statuses(order)[1:] == path
    assert (order.status_message, order.status_message_raw) == ("Blocked.", "RMS:Blocked for MIS")
    assert (order.pending_quantity, order.cancelled_quantity) == (0, 0)
    assert desk.orders[-1][1] == "REJECTED"
    assert desk.exchange.funds("buyer").margin_used == 0


def test_unused_refusals_can_be_forgotten(desk):
    desk.exchange.refuse_next(None, Refused("OrderException", "No."))
    desk.exchange.clear_refusals()
    assert desk.buy(price="1490").status is KiteStatus.OPEN
