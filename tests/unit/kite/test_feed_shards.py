"""The feed over several connections: who carries what, what is told once, what is noticed."""

import asyncio
from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.kite import (
    FeedConnected,
    FeedDisconnected,
    FeedFrame,
    FeedStale,
    KiteFeed,
    LinkSettings,
    LinkState,
    OrderUpdate,
    TickMode,
    TokenException,
)
from patang.kite.order_echoes import OrderEchoes
from patang.kite.socket import HandshakeRefused, SocketClosed
from patang.wire.messages import SetMode, Subscribe, Unsubscribe, decode_request
from patang.wire.rows import Postback
from patang.wire.ticks import HEARTBEAT, Packet, PacketKind, encode_frame

MS = 1_000_000
SMALL = LinkSettings(max_tokens=3, first_wait_ns=1 * MS, longest_wait_ns=2 * MS)


class Line:
    """A socket whose other end is the test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.coming: asyncio.Queue[bytes | str | SocketClosed] = asyncio.Queue()
        self.heard = []
        self.is_closed = False

    async def receive(self) -> bytes | str:
        message = await self.coming.get()
        if isinstance(message, SocketClosed):
            raise message
        return message

    async def send(self, text: str) -> None:
        if self.is_closed:
            raise SocketClosed("gone")
        self.heard.append(decode_request(text))

    async def close(self) -> None:
        self.is_closed = True

    @property
    def carried(self) -> dict[int, TickMode]:
        """What a server would send after these requests."""
        modes: dict[int, TickMode] = {}
        for request in self.heard:
            match request:
                case Subscribe(tokens):
                    modes |= {token: modes.get(token, TickMode.QUOTE) for token in tokens}
                case SetMode(mode, tokens):
                    modes |= dict.fromkeys(tokens, mode)
                case Unsubscribe(tokens):
                    for token in tokens:
                        modes.pop(token, None)
        return modes


class Switchboard:
    """Dials lines; refuses when told to."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.refuse_after: int | None = None
        self.closed = 0

    async def dial(self, url, headers, timeout_seconds) -> Line:
        await asyncio.sleep(0)
        if self.refuse_after is not None and len(self.lines) >= self.refuse_after:
            raise HandshakeRefused(403, "Authentication failed.")
        self.lines.append(Line(url))
        return self.lines[-1]

    async def close(self) -> None:
        self.closed += 1

    @property
    def alive(self) -> list[Line]:
        return [line for line in self.lines if not line.is_closed]


def a_feed(exchange: Switchboard, link: LinkSettings = SMALL, **more) -> KiteFeed:
    return KiteFeed("key", "token", "ws://127.0.0.1:9", dialler=exchange, link=link, **more)


async def settle(feed: KiteFeed, connections: int) -> None:
    """Until that many links are open and have said what they want."""
    async with asyncio.timeout(5):
        while feed.states != (LinkState.OPEN,) * connections:
            await turns()
    await turns()


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


def order(status: str = "COMPLETE", filled: int = 1, order_id: str = "1") -> str:
    row = {
        "order_id": order_id,
        "status": status,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 5,
        "filled_quantity": filled,
    }
    return msgspec.json.encode({"type": "order", "data": row}).decode()


def ltp(token: int, price: int) -> bytes:
    return encode_frame([Packet(token, PacketKind.LTP, price)])


async def test_connections_are_opened_when_they_are_needed_and_filled_in_turn():
    exchange = Switchboard()
    async with a_feed(exchange) as feed:
        await settle(feed, 1)
        await feed.subscribe([1, 2], "full")
        assert feed.states == (LinkState.OPEN,)
        await feed.subscribe([3, 4, 5, 6, 7], "ltp")
        await settle(feed, 3)
        assert [set(line.carried) for line in exchange.lines] == [{1, 2, 3}, {4, 5, 6}, {7}]
        assert exchange.lines[0].carried == {1: "full", 2: "full", 3: "ltp"}
        assert feed.instruments_on(1) == (4, 5, 6)
        await feed.subscribe([1, 8, 9])
        with pytest.raises(InvalidValue, match="3 connections carry 9"):
            await feed.subscribe([1, 10], "full")
        assert feed.subscriptions[1] == "quote"
        assert len(feed.subscriptions) == feed.capacity == 9
    assert exchange.alive == []
    assert exchange.closed == 1


async def test_nine_thousand_instruments_go_over_three_connections_in_batches():
    exchange = Switchboard()
    async with a_feed(exchange, LinkSettings()) as feed:
        await feed.subscribe(range(1, 9001), TickMode.FULL)
        await settle(feed, 3)
        assert [len(line.carried) for line in exchange.lines] == [3000] * 3
        assert all(len(request.tokens) <= 1000 for request in exchange.lines[2].heard)
        assert {request.mode for line in exchange.lines for request in line.heard
                if isinstance(request, SetMode)} == {"full"}  # fmt: skip
        with pytest.raises(InvalidValue, match="9001 instruments"):
            await feed.subscribe([9001])


async def test_freed_places_are_filled_again():
    exchange = Switchboard()
    async with a_feed(exchange, max_connections=1) as feed:
        await feed.subscribe([1, 2, 3])
        await settle(feed, 1)
        await feed.unsubscribe([2, 99])
        await feed.subscribe([4])
        assert set(exchange.lines[0].carried) == {1, 3, 4}
        with pytest.raises(InvalidValue):
            await feed.subscribe([5])


async def test_a_broken_connection_is_mended_alone_and_names_its_gap():
    exchange = Switchboard()
    async with a_feed(exchange) as feed:
        await feed.subscribe(range(1, 6), "full")
        await settle(feed, 2)
        exchange.lines[1].coming.put_nowait(HEARTBEAT)
        exchange.lines[1].coming.put_nowait(SocketClosed("closed by the server", 1001))
        events = [await anext(feed) for _ in range(4)]
        lost, again = events[2:]
        assert isinstance(lost, FeedDisconnected)
        assert (lost.connection, lost.code, lost.attempt) == (1, 1001, 1)
        assert isinstance(again, FeedConnected)
        assert (again.connection, again.is_reconnect) == (1, True)
        assert again.gap_from_ns <= lost.at_ns <= again.at_ns
        await settle(feed, 2)
        assert exchange.lines[2].carried == {4: "full", 5: "full"}
        assert len(exchange.lines[2].heard) == 2
        assert len(exchange.lines) == 3


async def test_an_order_update_that_every_connection_hears_is_told_once():
    exchange = Switchboard()
    async with a_feed(exchange) as feed:
        await feed.subscribe(range(1, 10))
        await settle(feed, 3)
        texts = [order("UPDATE", 1), order("UPDATE", 2), order("COMPLETE", 5)]
        for line in exchange.lines:
            for text in texts:
                line.coming.put_nowait(text)
        told = []
        while len(told) < 3:
            event = await anext(feed)
            if isinstance(event, OrderUpdate):
                told.append(event.order.filled_quantity)
        exchange.lines[0].coming.put_nowait(order(order_id="2"))
        last = await anext(feed)
        assert told == [1, 2, 5]
        assert last.order.order_id == "2"
        assert feed.repeated_orders == 6


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60))
def test_what_differs_in_anything_is_news(updates):
    echoes = OrderEchoes()
    news = Counter()
    for order_id, filled in updates:
        row = Postback(
            order_id=str(order_id), status="UPDATE", exchange="NSE", tradingsymbol="INFY",
            transaction_type="BUY", quantity=9, filled_quantity=filled, meta={"a": {"b": filled}},
        )  # fmt: skip
        news[order_id, filled] += echoes.is_news(row)
    assert all(times == 1 for times in news.values())
    assert echoes.repeated == len(updates) - len(news)


def test_what_is_remembered_is_bounded():
    echoes = OrderEchoes(remembered=10)
    rows = [
        Postback(order_id=str(n), status="OPEN", exchange="NSE", tradingsymbol="X",
                 transaction_type="BUY", quantity=1)
        for n in range(50)
    ]  # fmt: skip
    assert all(echoes.is_news(row) for row in rows)
    assert len(echoes._told) == 10
    with pytest.raises(InvalidValue, match="remembered"):
        OrderEchoes(0)


async def test_a_refusal_of_one_connection_ends_all_at_once():
    exchange = Switchboard()
    exchange.refuse_after = 1
    async with a_feed(exchange) as feed:
        await settle(feed, 1)
        await feed.subscribe(range(1, 6))
        await anext(feed)
        with pytest.raises(TokenException, match="market data"):
            await anext(feed)
        assert feed.state is LinkState.REFUSED
        assert isinstance(feed.refusal, TokenException)
        await turns()
        assert exchange.alive == []
        await feed.subscribe([7])  # remembered, and nothing is dialled for it
        assert len(exchange.lines) == 1
    exchange.refuse_after = None
    async with feed:
        await settle(feed, 2)
        assert feed.refusal is None
        assert [len(line.carried) for line in exchange.alive] == [3, 3]


async def test_a_link_without_ticks_is_told_once_and_kept():
    exchange = Switchboard()
    link = LinkSettings(stale_ns=20 * MS)
    async with a_feed(exchange, link) as feed:
        await settle(feed, 1)
        await feed.subscribe([1])
        exchange.lines[0].coming.put_nowait(HEARTBEAT)
        assert isinstance(await anext(feed), FeedConnected)
        first = await anext(feed)
        assert isinstance(first, FeedStale)
        assert first.last_tick_ns is feed.last_tick_ns is None
        exchange.lines[0].coming.put_nowait(ltp(1, 5))
        frame, second = await anext(feed), await anext(feed)
        assert isinstance(frame, FeedFrame)
        assert second == FeedStale(at_ns=second.at_ns, last_tick_ns=frame.received_ns)
        assert feed.last_tick_ns == frame.received_ns
        assert feed.counters.stale == 2
        assert feed.counters.disconnections == 0


async def test_a_busy_heartbeat_does_not_hide_that_ticks_are_missing():
    exchange = Switchboard()
    async with a_feed(exchange, LinkSettings(stale_ns=15 * MS)) as feed:
        await settle(feed, 1)
        await feed.subscribe([1])
        await anext(feed)

        async def beat() -> None:
            while True:
                exchange.lines[0].coming.put_nowait(HEARTBEAT)
                await asyncio.sleep(0.001)

        beating = asyncio.create_task(beat())
        async with asyncio.timeout(5):
            assert isinstance(await anext(feed), FeedStale)
        beating.cancel()


async def test_a_link_without_subscriptions_is_never_stale():
    exchange = Switchboard()
    link = LinkSettings(stale_ns=1 * MS, stall_ns=30 * MS, first_wait_ns=1, longest_wait_ns=1)
    async with a_feed(exchange, link) as feed:
        kinds = [type(await anext(feed)) for _ in range(3)]
    assert kinds == [FeedConnected, FeedDisconnected, FeedConnected]


async def test_ticks_come_typed_and_other_events_are_handed_on():
    exchange = Switchboard()
    infy = Instrument(exchange=Exchange.NSE, symbol="INFY", token=257, tick_size=Decimal("0.05"))
    others = []
    async with a_feed(exchange) as feed:
        await settle(feed, 1)
        exchange.lines[0].coming.put_nowait(ltp(513, 1))
        exchange.lines[0].coming.put_nowait(order())
        exchange.lines[0].coming.put_nowait(ltp(257, 150_050))
        tick = await anext(feed.ticks({infy.token: infy}, others.append))
    assert (tick.instrument, tick.last_price) == ("NSE:INFY", 1500.5)
    assert [type(event) for event in others] == [FeedConnected, OrderUpdate]


async def test_code_that_cannot_wait_subscribes_too():
    exchange = Switchboard()
    feed = a_feed(exchange)
    feed.subscribe_soon([1], "full")
    async with feed:
        await settle(feed, 1)
        feed.subscribe_soon([2], "ltp")
        feed.unsubscribe_soon([1])
        await settle(feed, 1)
        assert exchange.lines[0].carried == {2: "ltp"}
        assert len(await feed.take()) == 1


async def test_connections_that_carry_nothing_are_not_dialled_after_a_restart():
    exchange = Switchboard()
    feed = a_feed(exchange)
    async with feed:
        await feed.subscribe(range(1, 8))
        await settle(feed, 3)
        await feed.unsubscribe(range(4, 8))
    async with feed:
        await settle(feed, 1)
        assert feed.states == (LinkState.OPEN,)
        await feed.subscribe([4])
        await settle(feed, 2)
        assert [set(line.carried) for line in exchange.alive] == [{1, 2, 3}, {4}]


def test_a_feed_can_be_started_on_one_loop_after_another():
    exchange = Switchboard()
    feed = a_feed(exchange)

    async def once() -> None:
        async with feed:
            await feed.subscribe([1, 2, 3, 4])
            await settle(feed, 2)
            assert [len(line.carried) for line in exchange.alive] == [3, 1]

    for _ in range(20):
        asyncio.run(once())
    assert exchange.alive == []
    assert len(exchange.lines) == 40


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"max_connections": 4}, "max_connections"), ({"queue_frames": 0}, "queue_frames")],
)
def test_settings_out_of_range_are_refused(settings, field):
    with pytest.raises(InvalidValue, match=field):
        KiteFeed("key", "token", **settings)


@pytest.mark.parametrize("token", [-1, 1 << 32, True, "408065", 1.0])
async def test_what_is_no_token_is_refused_before_anything_changes(token):
    feed = a_feed(Switchboard())
    with pytest.raises(InvalidValue, match="tokens"):
        await feed.subscribe([1, token])
    assert feed.subscriptions == {}


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(list(TickMode)), st.lists(st.integers(1, 14), min_size=1, max_size=6)
        ),
        st.tuples(st.just("unsubscribe"), st.lists(st.integers(1, 14), min_size=1, max_size=6)),
        st.tuples(st.just("break"), st.lists(st.integers(0, 2), min_size=1, max_size=1)),
    ),
    max_size=12,
)


@given(STEPS)
def test_whatever_is_asked_and_broken_the_servers_carry_what_is_wanted_and_nothing_twice(steps):
    async def run() -> None:
        exchange = Switchboard()
        wanted: dict[int, TickMode] = {}
        async with a_feed(exchange) as feed:
            await settle(feed, 1)
            for what, numbers in steps:
                if what == "break":
                    for line in exchange.alive[numbers[0] :][:1]:
                        line.coming.put_nowait(SocketClosed("gone"))
                elif what == "unsubscribe":
                    await feed.unsubscribe(numbers)
                    for number in numbers:
                        wanted.pop(number, None)
                elif len(wanted | dict.fromkeys(numbers, what)) > 9:
                    with pytest.raises(InvalidValue):
                        await feed.subscribe(numbers, what)
                else:
                    await feed.subscribe(numbers, what)
                    wanted |= dict.fromkeys(numbers, what)
                await asyncio.sleep(0)  # so that changes meet links in every state
            await turns()
            await settle(feed, len(feed.states))
            assert feed.subscriptions == wanted
            carried = [line.carried for line in exchange.alive]
            assert all(len(part) <= 3 for part in carried)
            assert sum(map(len, carried)) == len(wanted)
            assert {token: mode for part in carried for token, mode in part.items()} == wanted
            for line in exchange.lines:
                subscribed = [t for r in line.heard if isinstance(r, Subscribe) for t in r.tokens]
                ended = [t for r in line.heard if isinstance(r, Unsubscribe) for t in r.tokens]
                assert all(
                    times <= 1 + ended.count(token) for token, times in Counter(subscribed).items()
                )

    asyncio.run(run())
