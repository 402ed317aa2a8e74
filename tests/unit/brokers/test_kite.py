"""The Kite broker sends each command once and tells what became of it."""

import asyncio

import pytest

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.messages import (
    BooksRead,
    CancelOrder,
    CancelRefused,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import Order, OrderStatus
from patang.kite import ConnectFailed, Kite, MemoryTransport, ReplyLost, Response
from patang.kite.governor import Governor
from patang.kite.reconcile import RESOLVE_AT_S
from tests.builders import Desk, alarms, spec, submitted
from tests.lossy_exchange import HTML, an_intent, kinds, order_form, success


async def test_an_accepted_order_is_told_once(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(1)
    (accepted,) = told
    assert isinstance(accepted, OrderAccepted)
    assert (accepted.intent_id, accepted.order_id) == ("intent-tag1", "1")
    assert accepted.at_ns >= 1_767_589_200 * 1_000_000_000
    assert exchange.requests == ["POST /orders/regular"]


async def test_a_fill_faster_than_the_reply_is_still_ours(broker, told, exchange, clock):
    exchange.reply_gate = gate = asyncio.Event()
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(1)
    gate.set()
    await clock.run_for(1)
    assert kinds(told) == ["FillReceived", "OrderUpdated", "OrderAccepted"]
    assert told[0].tag == "tag1"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("refuse", "InputException"), (ConnectFailed("no route"), "NetworkException")],
)
async def test_a_definite_refusal_is_told_as_one(broker, told, exchange, clock, fault, code):
    exchange.faults["POST"] = [fault]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(200)
    (refused,) = told
    assert isinstance(refused, OrderRefused)
    assert refused.code == code
    assert exchange.count("POST /orders/regular") == 1


@pytest.mark.parametrize("lost", [ReplyLost("reset"), HTML])
async def test_an_order_whose_reply_was_lost_is_found_by_its_tag(
    broker, told, exchange, clock, lost
):
    if lost is HTML:
        exchange.carry_out("POST", "/orders/regular", order_form("tag1"))
    exchange.faults["POST"] = [lost]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(1)
    assert kinds(told) == ["OrderUnresolved", "OrderAccepted", "OrderUpdated"]
    assert told[1].order_id == "1"
    assert exchange.count("POST /orders/regular") == 1
    await clock.run_for(200)
    assert "OrderNotPlaced" not in kinds(told)


async def test_an_order_that_never_arrived_is_not_placed_after_the_whole_window(
    broker, told, exchange, clock
):
    exchange.faults["POST"] = [HTML]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(89)
    assert kinds(told) == ["OrderUnresolved"]
    assert exchange.count("GET /orders") == 5
    await clock.run_for(2)
    unresolved, absent = told
    assert isinstance(unresolved, OrderUnresolved)
    assert "502" in unresolved.reason
    assert isinstance(absent, OrderNotPlaced)
    assert absent.reads == 6
    assert exchange.count("POST /orders/regular") == 1


async def test_unreadable_books_are_no_evidence_of_absence(broker, told, exchange, clock):
    exchange.faults = {"POST": [HTML], "GET": [HTML] * 6}
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(170)
    assert kinds(told) == ["OrderUnresolved"]
    await clock.run_for(20)
    assert kinds(told) == ["OrderUnresolved", "OrderNotPlaced"]
    assert told[-1].reads == 3


async def test_an_order_that_turns_up_late_is_told_with_its_tag(broker, told, exchange, clock):
    exchange.faults["POST"] = [HTML]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(100)
    exchange.carry_out("POST", "/orders/regular", order_form("tag1"))
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(1)
    assert kinds(told)[-1] == "OrderUpdated"
    assert told[-1].tag == "tag1"


async def test_an_order_the_socket_named_before_its_reply_was_lost_is_found(
    broker, told, exchange, clock
):
    exchange.reply_gate = lost = asyncio.Event()
    exchange.faults["POST"] = [ReplyLost("timed out")]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(0.1)
    lost.set()
    await clock.run_for(200)
    assert kinds(told) == ["OrderUpdated", "OrderUnresolved", "OrderAccepted"]


async def test_a_cancel_goes_to_the_order_and_its_effect_is_seen(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    broker.order_update_received(exchange.update("1"))
    await broker.submit(CancelOrder(intent_id="intent-tag1", order_id="1", reason="old"))
    await clock.run_for(1)
    assert exchange.count("DELETE /orders/regular/1") == 1
    # No update came over the socket; the book, read while an order works, tells it.
    await clock.run_for(40)
    assert told[-1].status is OrderStatus.CANCELLED


@pytest.mark.parametrize("fault", ["refuse", ReplyLost("reset"), HTML])
async def test_a_cancel_that_is_not_confirmed_is_told_and_the_book_is_read(
    broker, told, exchange, clock, fault
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.faults["DELETE"] = [fault]
    await broker.submit(CancelOrder(intent_id="intent-tag1", order_id="1", reason="old"))
    await clock.run_for(1)
    assert isinstance(told[1], CancelRefused)
    assert isinstance(told[2], OrderUpdated)
    arrived = isinstance(fault, ReplyLost)
    assert told[2].status is (OrderStatus.CANCELLED if arrived else OrderStatus.OPEN)
    assert exchange.count("DELETE /orders/regular/1") == 1


async def test_an_intent_is_submitted_once(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    with pytest.raises(InvariantBroken):
        await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(1)
    assert exchange.count("POST /orders/regular") == 1


async def test_closing_waits_for_a_request_on_the_wire_and_ends_the_events(exchange, clock):
    gate = asyncio.Event()

    async def slow(request) -> Response:
        await gate.wait()
        return await exchange.answer(request)

    kite = Kite("key", "token", "http://127.0.0.1:1", transport=MemoryTransport(slow))
    async with KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker:
        await broker.submit(SubmitOrder(intent=an_intent()))
        await clock.run_for(0.1)
        asyncio.get_running_loop().call_later(0.02, gate.set)
    assert kinds([event async for event in broker.events()]) == ["OrderAccepted"]
    with pytest.raises(InvariantBroken):
        await broker.submit(SubmitOrder(intent=an_intent("tag2")))


@pytest.mark.parametrize(
    ("mode", "root"),
    [
        (Mode.SANDBOX, "https://api.kite.trade"),
        (Mode.LIVE, "http://127.0.0.1:1"),
        (Mode.LIVE, "https://api.kite.trade.example.com"),
        (Mode.PAPER, "https://api.kite.trade"),
        (Mode.BACKTEST, "http://127.0.0.1:1"),
    ],
)
def test_a_mode_that_does_not_fit_the_address_is_refused(clock, mode, root):
    with pytest.raises(InvalidValue, match="mode"):
        KiteBroker(Kite("key", root=root), mode=mode, clock=clock)


def test_live_reaches_the_broker_and_only_when_asked_for(clock):
    assert KiteBroker(Kite("key"), mode=Mode.LIVE, clock=clock).mode is Mode.LIVE


def test_live_orders_need_limits_that_are_shared(clock, tmp_path):
    alone = Kite("key", governor=Governor(clock))
    with pytest.raises(InvalidValue, match="governor"):
        KiteBroker(alone, mode=Mode.LIVE, clock=clock)
    shared = Kite("key", governor=Governor(clock, path=tmp_path / "AB1234.state"))
    KiteBroker(shared, mode=Mode.LIVE, clock=clock)


async def test_many_lost_replies_share_their_reads_of_the_order_book(broker, told, exchange, clock):
    exchange.faults["POST"] = [HTML] * 8
    exchange.before_a_read = lambda: clock.sleep(0.05)
    for n in range(8):
        await broker.submit(SubmitOrder(intent=an_intent(f"tag{n}")))
    await clock.run_for(95)
    assert kinds(told).count("OrderNotPlaced") == 8
    assert exchange.count("GET /orders") <= 2 * len(RESOLVE_AT_S)


async def test_an_order_that_turns_up_late_is_found_without_the_socket(
    broker, told, exchange, clock
):
    exchange.faults["POST"] = [HTML]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(100)
    exchange.carry_out("POST", "/orders/regular", order_form("tag1"))
    await clock.run_for(31)
    assert kinds(told) == ["OrderUnresolved", "OrderNotPlaced", "OrderUpdated"]
    assert told[-1].tag == "tag1"


async def test_a_second_cancellation_while_closing_leaves_no_task_behind(exchange, clock):
    kite = Kite("key", "token", "http://127.0.0.1:1", transport=MemoryTransport(exchange.answer))
    exchange.reply_gate = asyncio.Event()
    before = asyncio.all_tasks()

    async def trade() -> None:
        async with KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker:
            await broker.submit(SubmitOrder(intent=an_intent()))
            await asyncio.Event().wait()

    trading = asyncio.create_task(trade())
    await clock.run_for(0.1)
    for _ in range(2):
        trading.cancel()
        await clock.run_for(0.1)
    with pytest.raises(asyncio.CancelledError):
        await trading
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("lost", [None, ReplyLost("reset")])
@pytest.mark.parametrize("filled", [0, 10])
async def test_a_tag_on_two_orders_halts_the_engine(broker, told, exchange, clock, lost, filled):
    desk = Desk(spec(mode=Mode.SANDBOX))
    (intent,) = submitted(desk.say(10))
    exchange.faults["POST"] = [lost]
    await broker.submit(SubmitOrder(intent=intent))
    await clock.run_for(0.1)
    exchange.carry_out("POST", "/orders/regular", order_form(intent.tag))
    exchange.fill("2", filled)
    broker.feed_reconnected()
    await clock.run_for(5)
    commands = [command for event in told for command in desk.send(event)]
    assert "HALTED" in alarms(commands)
    assert desk.engine.risk.halt_reason == f"tag {intent.tag} stands on two orders: 1 and 2"
    assert submitted(commands) == []
    assert exchange.count("POST /orders/regular") == 1


async def test_a_reply_that_names_another_order_is_no_acceptance(broker, told, exchange, clock):
    first, second = an_intent("tag1"), an_intent("tag2")
    await broker.submit(SubmitOrder(intent=first))
    await clock.run_for(0.1)
    exchange.faults["POST"] = [success({"order_id": "1"})]
    await broker.submit(SubmitOrder(intent=second))
    await clock.run_for(0.1)
    assert kinds(told) == ["OrderAccepted", "OrderUnresolved"]
    await clock.run_for(5)
    accepted = [event for event in told if isinstance(event, OrderAccepted)]
    assert [(one.intent_id, one.order_id) for one in accepted] == [
        ("intent-tag1", "1"),
        ("intent-tag2", "2"),
    ]


async def test_reconciling_tells_the_whole_book_and_looks_for_what_a_dead_process_sent(
    broker, told, exchange, clock
):
    exchange.carry_out("POST", "/orders/regular", order_form("tag1"))
    exchange.fill("1", 10)
    lost, never = an_intent("tag1"), an_intent("tag9")
    orders = [Order(intent=one, status=OrderStatus.UNRESOLVED) for one in (lost, never)]
    read = asyncio.create_task(broker.reconcile(orders))
    await clock.run_for(2)
    assert await read
    assert kinds(told)[:3] == ["OrderAccepted", "FillReceived", "OrderUpdated"]
    assert [p.quantity for event in told if isinstance(event, BooksRead) for p in event.positions]
    await clock.run_for(200)
    gone = [event for event in told if isinstance(event, OrderNotPlaced)]
    assert [event.intent_id for event in gone] == ["intent-tag9"]
    assert exchange.count("POST /orders/regular") == 0


async def test_reconciling_says_when_the_books_cannot_be_read(broker, told, exchange, clock):
    exchange.faults["GET"] = [HTML] * 50
    read = asyncio.create_task(broker.reconcile([]))
    await clock.run_for(60)
    assert await read is False
    assert "BooksRead" not in kinds(told)


async def test_what_waits_for_its_turn_at_a_halt_does_not_leave_and_exits_do(
    broker, told, exchange, clock
):
    # Nine orders a second may leave; the others wait, and then the run is halted.
    for number in range(12):
        await broker.submit(SubmitOrder(intent=an_intent(f"tag{number}")))
    await clock.run_for(0)
    broker.allow_entries(False)
    await broker.submit(SubmitOrder(intent=an_intent("out", reduces=True)))
    await clock.run_for(3)
    refused = [event for event in told if isinstance(event, OrderRefused)]
    assert [event.code for event in refused] == ["HALTED"] * 3
    assert exchange.count("POST /orders/regular") == 10
    broker.allow_entries(True)
    await broker.submit(SubmitOrder(intent=an_intent("later")))
    await clock.run_for(3)
    assert exchange.count("POST /orders/regular") == 11
