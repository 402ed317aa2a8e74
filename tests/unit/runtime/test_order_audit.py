"""The audit follows orders whose news is late, doubled, missing or somebody else's."""

import msgspec

from patang.domain.enums import OrderType, Product, Side
from patang.domain.messages import (
    AnyCommand,
    AnyEvent,
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    ReservationReleased,
    RunStarted,
    SubmitOrder,
)
from patang.domain.order import OrderIntent, OrderStatus
from patang.runtime.journal_entries import Entry, all_names, kind_of
from patang.runtime.order_audit import AuditedOrder, audit_orders
from tests.builders import INFY, START_NS, TCS, fill, spec

INTENT = OrderIntent(
    intent_id="run-1",
    tag="tag1",
    strategy="alpha",
    instrument=INFY.id,
    side=Side.BUY,
    quantity=10,
    order_type=OrderType.MARKET,
    product=Product.MIS,
    created_ns=START_NS,
    reason="why not",
)


def entries(*messages: AnyEvent | AnyCommand) -> list[Entry]:
    begun = RunStarted(at_ns=START_NS, run=spec())
    return [
        Entry(sequence=n, kind=kind_of(message), at_ns=START_NS + n, message=message)
        for n, message in enumerate((begun, *messages), 1)
    ]


def audited(*messages: AnyEvent | AnyCommand) -> list[AuditedOrder]:
    return audit_orders(entries(SubmitOrder(intent=INTENT), *messages))


def update(status: OrderStatus, order_id: str = "o1", tag: str | None = "tag1") -> OrderUpdated:
    return OrderUpdated(
        at_ns=START_NS,
        order_id=order_id,
        tag=tag,
        instrument=INFY.id,
        side=Side.BUY,
        quantity=10,
        filled_quantity=0,
        status=status,
    )


ACCEPTED = OrderAccepted(at_ns=START_NS, intent_id="run-1", order_id="o1")


def test_an_order_presumed_gone_and_released_says_who_released_it_and_why():
    (order,) = audited(
        OrderUnresolved(at_ns=START_NS, intent_id="run-1", reason="timed out"),
        OrderNotPlaced(at_ns=START_NS, intent_id="run-1", reads=4),
        ReservationReleased(at_ns=START_NS, intent_id="run-1", by="ravi", reason="asked them"),
    )
    assert order.status is OrderStatus.NOT_PLACED
    assert order.messages == [
        "timed out",
        "absent from 4 order books in a row",
        "released by ravi: asked them",
    ]
    assert order.rows == [2, 3, 4, 5]


def test_an_order_that_turns_up_late_is_still_the_same_order():
    (order,) = audited(
        OrderNotPlaced(at_ns=START_NS, intent_id="run-1", reads=4),
        FillReceived(at_ns=START_NS, fill=fill(10, "99.5"), tag="tag1"),
        update(OrderStatus.FILLED),
    )
    assert (order.status, order.filled_quantity, order.order_ids) == (
        OrderStatus.FILLED,
        10,
        ["o1"],
    )


def test_a_trade_told_twice_counts_once_and_a_bad_one_not_at_all():
    good = FillReceived(at_ns=START_NS, fill=fill(4, "100"), tag="tag1")
    other = FillReceived(at_ns=START_NS, fill=fill(6, "101", trade_id="t2"))
    bad = FillReceived(at_ns=START_NS, fill=fill(-5, "100", trade_id="t3"), tag="tag1")
    (order,) = audited(ACCEPTED, good, good, other, bad)
    assert (order.filled_quantity, order.trade_ids) == (10, ["t1", "t2"])
    assert str(order.average_price) == "100.6"


def test_a_cancel_and_its_refusal_are_told_with_their_reasons():
    (order,) = audited(
        ACCEPTED,
        update(OrderStatus.OPEN),
        CancelOrder(intent_id="run-1", order_id="o1", reason="target changed"),
        CancelRefused(at_ns=START_NS, intent_id="run-1", message="too late"),
    )
    assert order.cancel_reason == "target changed"
    assert order.messages == ["cancel refused: too late"]
    assert order.status is OrderStatus.OPEN


def test_a_refusal_does_not_bury_an_order_that_the_broker_has_shown():
    refused = OrderRefused(at_ns=START_NS, intent_id="run-1", code="X", message="no")
    (order,) = audited(update(OrderStatus.OPEN), refused)
    assert order.status is OrderStatus.OPEN
    assert order.messages == ["X: no"]


def test_a_tag_on_another_instrument_or_a_second_order_is_not_confused_with_ours():
    strange = msgspec.structs.replace(update(OrderStatus.OPEN, "o9"), instrument=TCS.id)
    ours, other = audited(ACCEPTED, strange)
    assert (ours.source, ours.order_ids) == ("patang", ["o1"])
    assert (other.source, other.order_ids, other.instrument) == ("external", ["o9"], TCS.id)
    (twice,) = audited(ACCEPTED, update(OrderStatus.OPEN, "o2"))
    assert twice.order_ids == ["o1", "o2"]


def test_news_before_the_reply_that_names_the_order_belongs_to_it():
    early = FillReceived(at_ns=START_NS, fill=fill(10, "100"))
    untagged = update(OrderStatus.FILLED, tag=None)
    (order,) = audited(early, untagged, ACCEPTED)
    assert (order.source, order.filled_quantity, order.status) == (
        "patang",
        10,
        OrderStatus.FILLED,
    )
    assert order.rows == [2, 3, 4, 5]


def test_one_name_leads_to_all_names_whichever_came_first():
    told = entries(
        update(OrderStatus.OPEN, tag=None),
        SubmitOrder(intent=INTENT),
        ACCEPTED,
        FillReceived(at_ns=START_NS, fill=fill(5, "1", order_id="o7", instrument=TCS)),
    )
    assert all_names(told, "tag1") == all_names(told, "o1") == {"run-1", "tag1", "o1"}
    assert all_names(told, "o7") == {"o7"}
    assert all_names(told, "nobody") == frozenset()
