"""The Kite broker against an exchange of a few lines that can lose, delay and repeat."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode, OrderType, Product, Side
from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.instrument import InstrumentId
from patang.domain.messages import (
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import OrderIntent, OrderStatus
from patang.kite import ConnectFailed, Kite, MemoryTransport, OrderUpdate, ReplyLost, Response
from patang.wire.rows import Postback

STAMP = "2026-01-05 10:30:15"
HTML = Response(status=502, headers={"content-type": "text/html"}, body=b"<html>bad</html>")


def success(value: object) -> Response:
    body = msgspec.json.encode({"status": "success", "data": value})
    return Response(status=200, headers={"content-type": "application/json"}, body=body)


def refusal(status: int, error_type: str, message: str) -> Response:
    value = {"status": "error", "error_type": error_type, "message": message}
    headers = {"content-type": "application/json"}
    return Response(status=status, headers=headers, body=msgspec.json.encode(value))


class Exchange:
    """Keeps orders and trades; ``faults`` holds what happens to the next requests of a method."""

    def __init__(self) -> None:
        self.orders: dict[str, dict] = {}
        self.trades: list[dict] = []
        self.requests: list[str] = []
        self.faults: dict[str, list] = {}
        self.hidden: set[str] = set()
        self.reply_gate: asyncio.Event | None = None

    async def answer(self, request) -> Response:
        path = urlsplit(request.url).path
        self.requests.append(f"{request.method} {path}")
        fault = self.faults.get(request.method, [])
        planned = fault.pop(0) if fault else None
        if isinstance(planned, ConnectFailed) or planned is HTML or planned == "refuse":
            if isinstance(planned, ConnectFailed):
                raise planned
            return planned if planned is HTML else refusal(400, "InputException", "no")
        reply = self.carry_out(request.method, path, dict(parse_qsl(request.body.decode())))
        if request.method == "POST" and self.reply_gate is not None:
            await self.reply_gate.wait()
        if isinstance(planned, Exception):
            raise planned
        return planned or reply

    def carry_out(self, method: str, path: str, form: dict) -> Response:
        if method == "POST":
            order_id = str(len(self.orders) + 1)
            self.orders[order_id] = {
                "order_id": order_id,
                "status": "OPEN",
                "exchange": form["exchange"],
                "tradingsymbol": form["tradingsymbol"],
                "transaction_type": form["transaction_type"],
                "quantity": int(form["quantity"]),
                "filled_quantity": 0,
                "tag": form["tag"],
                "exchange_update_timestamp": STAMP,
            }
            return success({"order_id": order_id})
        if method == "DELETE":
            order_id = path.rpartition("/")[2]
            self.orders[order_id]["status"] = "CANCELLED"
            return success({"order_id": order_id})
        if path == "/trades":
            return success([t for t in self.trades if t["trade_id"] not in self.hidden])
        return success([o for o in self.orders.values() if o["order_id"] not in self.hidden])

    def fill(self, order_id: str, quantity: int) -> None:
        order = self.orders[order_id]
        order["filled_quantity"] += quantity
        done = order["filled_quantity"] == order["quantity"]
        order["status"] = "COMPLETE" if done else "OPEN"
        self.trades.append(
            {
                "trade_id": f"T{len(self.trades) + 1}",
                "order_id": order_id,
                "exchange": order["exchange"],
                "tradingsymbol": order["tradingsymbol"],
                "product": "MIS",
                "transaction_type": order["transaction_type"],
                "average_price": 1500.05,
                "quantity": quantity,
                "fill_timestamp": STAMP,
            }
        )

    def update(self, order_id: str) -> OrderUpdate:
        row = msgspec.convert(self.orders[order_id], Postback, strict=False)
        return OrderUpdate(order=row, received_ns=0)

    def count(self, request: str) -> int:
        return self.requests.count(request)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
async def broker(exchange, clock) -> AsyncIterator[KiteBroker]:
    kite = Kite("key", "token", "http://127.0.0.1:1", transport=MemoryTransport(exchange.answer))
    async with KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as running:
        yield running


@pytest.fixture
async def told(broker) -> AsyncIterator[list]:
    events: list = []

    async def listen() -> None:
        async for event in broker.events():
            events.append(event)

    listening = asyncio.create_task(listen())
    yield events
    listening.cancel()


def an_intent(tag: str = "tag1", quantity: int = 10, **more) -> OrderIntent:
    return OrderIntent(
        intent_id=f"intent-{tag}",
        tag=tag,
        strategy="s",
        instrument=InstrumentId("NSE:INFY"),
        side=Side.BUY,
        quantity=quantity,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        created_ns=0,
        price=Decimal("1500.05"),
        **more,
    )


def kinds(events: list) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_an_accepted_order_is_told_once(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(1)
    (accepted,) = told
    assert isinstance(accepted, OrderAccepted)
    assert (accepted.intent_id, accepted.order_id) == ("intent-tag1", "1")
    assert accepted.at_ns >= 1_767_589_200 * 1_000_000_000
    assert exchange.requests == ["POST /orders/regular"]


async def test_a_fill_is_told_before_the_update_that_reports_it(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    for quantity in (4, 6):
        exchange.fill("1", quantity)
        broker.order_update_received(exchange.update("1"))
        await clock.run_for(1)
    assert kinds(told) == [
        "OrderAccepted",
        "FillReceived",
        "OrderUpdated",
        "FillReceived",
        "OrderUpdated",
    ]
    assert [e.fill.quantity for e in told if isinstance(e, FillReceived)] == [4, 6]
    assert {e.tag for e in told if isinstance(e, FillReceived)} == {"tag1"}
    assert told[1].fill.price == Decimal("1500.05")
    assert told[-1].status is OrderStatus.FILLED


async def test_repeated_and_late_updates_change_nothing(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 4)
    partial = exchange.update("1")
    exchange.fill("1", 6)
    complete = exchange.update("1")
    for update in (complete, complete, partial, complete, partial):
        broker.order_update_received(update)
        await clock.run_for(1)
    broker.feed_reconnected()
    await clock.run_for(1)
    assert kinds(told) == ["OrderAccepted", "FillReceived", "FillReceived", "OrderUpdated"]


async def test_many_updates_share_one_read_of_the_trade_book(broker, told, exchange, clock):
    for n in range(5):
        await broker.submit(SubmitOrder(intent=an_intent(f"tag{n}")))
    await clock.run_for(0.1)
    for order_id in exchange.orders:
        exchange.fill(order_id, 10)
        broker.order_update_received(exchange.update(order_id))
    await clock.run_for(3)
    assert exchange.count("GET /trades") == 1
    assert kinds(told).count("FillReceived") == kinds(told).count("OrderUpdated") == 5


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


async def test_a_lagging_trade_book_delays_the_update_but_not_for_ever(
    broker, told, exchange, clock
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    exchange.hidden.add("T1")
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(0.5)
    assert kinds(told) == ["OrderAccepted"]
    await clock.run_for(2)
    assert kinds(told) == ["OrderAccepted", "OrderUpdated"]
    exchange.hidden.clear()
    await clock.run_for(10)
    assert kinds(told) == ["OrderAccepted", "OrderUpdated", "FillReceived"]


async def test_a_trade_book_that_cannot_be_read_is_read_again(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    exchange.faults["GET"] = [HTML, ReplyLost("x")]
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(2)
    assert kinds(told) == ["OrderAccepted", "FillReceived", "OrderUpdated"]


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


def order_form(tag: str) -> dict[str, str]:
    return {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": "10",
        "tag": tag,
    }


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


async def test_a_fill_that_the_socket_never_told_of_is_found_in_the_book(
    broker, told, exchange, clock
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    await clock.run_for(31)
    assert kinds(told) == ["OrderAccepted", "FillReceived", "OrderUpdated"]
    reads = len(exchange.requests)
    await clock.run_for(600)
    assert len(exchange.requests) == reads


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


async def test_orders_placed_by_hand_are_told_without_a_tag(broker, told, exchange, clock):
    exchange.carry_out("POST", "/orders/regular", order_form("x"))
    exchange.orders["1"]["tag"] = None
    exchange.fill("1", 10)
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(1)
    fill, update = told
    assert (fill.tag, update.tag) == (None, None)


async def test_trades_of_an_order_nobody_told_of_wait_for_the_order_book(
    broker, told, exchange, clock
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.carry_out("POST", "/orders/regular", order_form("elsewhere"))
    exchange.fill("1", 10)
    exchange.fill("2", 10)
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(3)
    tags = [event.tag for event in told if isinstance(event, FillReceived)]
    assert tags == ["tag1", "elsewhere"]


async def test_a_snapshot_is_the_brokers_books_and_adopting_it_repeats_nothing(
    exchange, clock, broker, told
):
    exchange.carry_out("POST", "/orders/regular", order_form("earlier"))
    exchange.fill("1", 10)
    segment = {"net": 99.5, "available": {}, "utilised": {}}
    position = {
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "product": "MIS",
        "quantity": 10,
        "buy_value": 15000.5,
    }
    exchange.faults["GET"] = [
        None,
        None,
        success({"net": [position], "day": []}),
        success({"equity": segment, "commodity": segment}),
    ]
    snapshot = await broker.snapshot()
    assert [order.tag for order in snapshot.orders] == ["earlier"]
    assert [fill.trade_id for fill in snapshot.trades] == ["T1"]
    assert snapshot.positions[0].buy_value == Decimal("15000.5")
    assert snapshot.available_cash == Decimal("99.5")
    broker.adopt(snapshot)
    broker.feed_reconnected()
    await clock.run_for(60)
    assert told == []


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
