"""Feed and broker against a running world: ticks, fills in order, one order for a lost reply."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pytest

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode, OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.messages import (
    BrokerEvent,
    CancelOrder,
    FillReceived,
    OrderAccepted,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import OrderIntent, OrderStatus
from patang.kite import (
    FeedConnected,
    FeedFrame,
    Kite,
    KiteFeed,
    OrderUpdate,
    TickMode,
    TokenException,
)
from patang.runtime.clocks import VenueClock
from patang.wire.ticks import PacketKind, to_tick

SPEED = 20.0
USERS = [{"user_id": f"PT{number:04}"} for number in range(8)]


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=SPEED, users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user["user_id"] for user in USERS)


@pytest.fixture
def token(sandbox, free_users) -> str:
    return sandbox.access_token(next(free_users))


class Trading:
    """A broker and a feed of one user, and everything they told."""

    def __init__(self, kite: Kite, broker: KiteBroker) -> None:
        self.kite = kite
        self.broker = broker
        self.told: list[BrokerEvent] = []
        self.changed = asyncio.Condition()

    async def wait_for(self, claim: Callable[[list[BrokerEvent]], bool]) -> None:
        async with asyncio.timeout(15), self.changed:
            await self.changed.wait_for(lambda: claim(self.told))

    async def tell(self, event: BrokerEvent) -> None:
        async with self.changed:
            self.told.append(event)
            self.changed.notify_all()

    def of(self, kind: type) -> list:
        return [event for event in self.told if isinstance(event, kind)]


@asynccontextmanager
async def trading(sandbox, token: str, root: str | None = None) -> AsyncIterator[Trading]:
    reading = sandbox.ready["clock"]
    clock = VenueClock(reading["now_ns"], reading["speed"])
    async with (
        Kite(sandbox.api_key, token, root or sandbox.root) as kite,
        KiteFeed(sandbox.api_key, token, sandbox.ready["ws"], clock=clock) as feed,
        KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker,
        asyncio.TaskGroup() as group,
    ):
        session = Trading(kite, broker)

        async def listen_to_feed() -> None:
            async for event in feed:
                if isinstance(event, OrderUpdate):
                    broker.order_update_received(event)

        async def listen_to_broker() -> None:
            async for event in broker.events():
                await session.tell(event)

        listeners = [group.create_task(listen_to_feed()), group.create_task(listen_to_broker())]
        yield session
        for listener in listeners:
            listener.cancel()


def an_intent(tag: str, side: Side, **changes) -> OrderIntent:
    fields = {
        "intent_id": tag,
        "tag": tag,
        "strategy": "s",
        "instrument": InstrumentId("NSE:INFY"),
        "side": side,
        "quantity": 25,
        "order_type": OrderType.MARKET,
        "market_protection": Decimal(-1),
        "product": Product.MIS,
        "created_ns": 0,
    }
    return OrderIntent(**fields | changes)


async def test_full_ticks_decode_to_the_sandboxs_prices(sandbox, token):
    async with (
        Kite(sandbox.api_key, token, sandbox.root) as kite,
        KiteFeed(sandbox.api_key, token, sandbox.ready["ws"]) as feed,
    ):
        infy = next(i for i in await kite.instruments("NSE") if i.symbol == "INFY")
        await feed.subscribe([infy.token], TickMode.FULL)
        await feed.subscribe([256265], TickMode.QUOTE)
        newest = {}
        # A first packet may leave before the mode request arrives, and is then in quote mode.
        wanted = {infy.token: PacketKind.FULL, 256265: PacketKind.INDEX_QUOTE}
        async with asyncio.timeout(10):
            while {number: packet.kind for number, packet in newest.items()} != wanted:
                event = await anext(feed)
                if isinstance(event, FeedFrame):
                    newest |= {packet.token: packet for packet in event.packets}
    full = to_tick(newest[infy.token], infy, event.received_ns)
    assert infy.is_on_tick(infy.price_from_float(full.last_price))
    assert full.bid < full.ask
    assert len(full.bids) <= 5
    assert feed.counters.malformed == 0


async def test_a_dead_session_ends_the_feed(sandbox):
    async with KiteFeed(sandbox.api_key, "wrong", sandbox.ready["ws"]) as feed:
        with pytest.raises(TokenException):
            await anext(feed)


async def test_orders_fill_and_the_broker_tells_it_in_order_once(sandbox, token):
    async with trading(sandbox, token) as session:
        intents = [an_intent("buy1", Side.BUY), an_intent("buy2", Side.BUY)]
        for intent in intents:
            await session.broker.submit(SubmitOrder(intent=intent))
        await session.wait_for(lambda told: filled(told) >= {"buy1", "buy2"})
        await session.broker.submit(SubmitOrder(intent=an_intent("sell1", Side.SELL)))
        await session.wait_for(lambda told: "sell1" in filled(told))
        snapshot = await session.broker.snapshot()
    assert {e.intent_id for e in session.of(OrderAccepted)} == {"buy1", "buy2", "sell1"}
    fills = session.of(FillReceived)
    assert sorted(e.fill.trade_id for e in fills) == sorted(t.trade_id for t in snapshot.trades)
    for update in session.of(OrderUpdated):
        before = session.told[: session.told.index(update)]
        told_quantity = sum(
            e.fill.quantity
            for e in before
            if isinstance(e, FillReceived) and e.fill.order_id == update.order_id
        )
        assert told_quantity >= update.filled_quantity
    (position,) = snapshot.positions
    assert position.quantity == sum(e.fill.quantity * e.fill.side.sign for e in fills) == 25
    assert snapshot.available_cash < 1_000_000


def filled(told: list[BrokerEvent]) -> set[str | None]:
    return {e.tag for e in told if isinstance(e, OrderUpdated) and e.status is OrderStatus.FILLED}


async def test_a_resting_order_is_cancelled(sandbox, token):
    resting = {"order_type": OrderType.LIMIT, "price": Decimal("1440.00")}
    async with trading(sandbox, token) as session:
        intent = an_intent("rest", Side.BUY, market_protection=None, **resting)
        await session.broker.submit(SubmitOrder(intent=intent))
        await session.wait_for(lambda told: bool(session.of(OrderAccepted)))
        order_id = session.of(OrderAccepted)[0].order_id
        await session.broker.submit(CancelOrder(intent_id="rest", order_id=order_id, reason="x"))
        await session.wait_for(
            lambda told: any(e.status is OrderStatus.CANCELLED for e in session.of(OrderUpdated))
        )
        (order,) = (await session.broker.snapshot()).orders
    assert (order.order_id, order.status) == (order_id, OrderStatus.CANCELLED)
    assert order.filled_quantity == 0


@asynccontextmanager
async def losing_replies(port: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that passes everything on, but breaks the link where a POST's reply is due."""
    posts: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                upstream_writer.write(head + await reader.readexactly(length_of(head)))
                reply = await upstream_reader.readuntil(b"\r\n\r\n")
                reply += await upstream_reader.readexactly(length_of(reply))
                if head.startswith(b"POST /orders"):
                    posts.append(head)
                    break
                writer.write(reply)
        writer.transport.abort()
        upstream_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", posts
    server.close()


def length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def test_a_lost_reply_is_one_order_that_is_found(sandbox, token):
    async with (
        losing_replies(int(sandbox.root.rpartition(":")[2])) as (root, posts),
        trading(sandbox, token, root) as session,
    ):
        await session.broker.submit(SubmitOrder(intent=an_intent("lost", Side.BUY)))
        await session.wait_for(lambda told: "lost" in filled(told))
        await session.wait_for(lambda told: bool(session.of(OrderAccepted)))
        orders = await session.kite.orders()
    assert len(posts) == 1
    assert [order.tag for order in orders] == ["lost"]
    assert len(session.of(OrderUnresolved)) == len(session.of(OrderAccepted)) == 1
    assert session.of(OrderAccepted)[0].order_id == orders[0].order_id
    assert sum(e.fill.quantity for e in session.of(FillReceived)) == 25


async def test_a_new_feed_says_it_is_connected(sandbox, token):
    async with KiteFeed(sandbox.api_key, token, sandbox.ready["ws"]) as feed:
        assert isinstance(await anext(feed), FeedConnected)
