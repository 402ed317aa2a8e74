"""The feed over a real WebSocket server on loopback: what it says, repairs and gives up on."""

import asyncio
import logging
from collections.abc import Callable

import msgspec
import pytest
from aiohttp import WSMsgType, web

from patang.domain.errors import InvalidValue, InvariantBroken
from patang.kite import (
    FeedConnected,
    FeedDisconnected,
    FeedFrame,
    FeedNotice,
    KiteFeed,
    LinkSettings,
    LinkState,
    OrderUpdate,
    PermissionException,
    TickMode,
    TokenException,
)
from patang.wire.messages import Request, SetMode, Subscribe, decode_request
from patang.wire.ticks import HEARTBEAT, Packet, PacketKind, encode_frame

MS = 1_000_000
INFY, RELIANCE, NIFTY = 408065, 738561, 256265
QUICK = LinkSettings(stall_ns=150 * MS, first_wait_ns=5 * MS, longest_wait_ns=20 * MS)


def ltp(token: int, price: int) -> Packet:
    return Packet(token, PacketKind.LTP, price)


class Ticker:
    """A ticker server: each connection runs the next act, and what clients say is kept."""

    def __init__(self) -> None:
        self.acts: list[Callable] = []
        self.heard: list[list[Request]] = []
        self.queries: list[dict[str, str]] = []
        self.root = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        act = self.acts.pop(0) if self.acts else stay_alive
        if isinstance(act, web.Response):
            return act
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        heard: list[Request] = []
        self.heard.append(heard)

        async def listen() -> None:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    heard.append(decode_request(message.data))

        listening = asyncio.create_task(listen())
        try:
            await act(socket)
        finally:
            listening.cancel()
        return socket


async def stay_alive(socket: web.WebSocketResponse) -> None:
    while not socket.closed:
        await socket.send_bytes(HEARTBEAT)
        await asyncio.sleep(0.03)


def sending(*frames: bytes | str, then=stay_alive):
    async def act(socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(0.02)
        for frame in frames:
            await (socket.send_str if isinstance(frame, str) else socket.send_bytes)(frame)
        await then(socket)

    return act


async def leave(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def abort(socket: web.WebSocketResponse) -> None:
    socket._req.transport.abort()


async def fall_silent(socket: web.WebSocketResponse) -> None:
    while not socket.closed:  # noqa: ASYNC110 - nothing tells a handler of the end
        await asyncio.sleep(0.02)


@pytest.fixture
async def ticker():
    served = Ticker()
    app = web.Application()
    app.router.add_get("/", served.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.root = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    await runner.cleanup()


def a_feed(ticker: Ticker, **more) -> KiteFeed:
    return KiteFeed("key", "hushhush", ticker.root, **{"link": QUICK} | more)


async def collect(feed: KiteFeed, until: Callable[[list], bool]) -> list:
    events = []
    async with asyncio.timeout(5):
        async for event in feed:
            events.append(event)
            if until(events):
                break
    return events


async def until(claim: Callable[[], bool]) -> None:
    for _ in range(300):
        if claim():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within three seconds")


def count(kind: type) -> Callable[[list, int], int]:
    return lambda events: sum(isinstance(event, kind) for event in events)


async def test_frames_come_decoded_and_stamped_once(ticker):
    ticker.acts = [sending(HEARTBEAT, encode_frame([ltp(INFY, 151235), ltp(RELIANCE, 290010)]))]
    async with a_feed(ticker) as feed:
        connected, frame = await collect(feed, lambda events: len(events) == 2)
    assert connected == FeedConnected(at_ns=connected.at_ns, is_reconnect=False)
    assert [packet.last_price for packet in frame.packets] == [151235, 290010]
    assert frame.raw_size == 22
    assert frame.conflated == 0
    assert connected.at_ns <= frame.received_ns
    assert ticker.queries == [{"api_key": "key", "access_token": "hushhush"}]


async def test_text_frames_become_order_updates_and_notices(ticker):
    row = {
        "order_id": "9",
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
    }
    order = msgspec.json.encode({"type": "order", "data": row}).decode()
    ticker.acts = [
        sending(
            '{"type":"instruments_meta","data":{"count":1}}',
            "not json at all",
            order,
            '{"type":"error","data":"too many instruments"}',
            '{"type":"message","data":"Markets close early."}',
        )
    ]
    async with a_feed(ticker) as feed:
        _, update, error, notice = await collect(feed, lambda events: len(events) == 4)
    assert isinstance(update, OrderUpdate)
    assert update.order.order_id == "9"
    assert (error.text, error.is_error) == ("too many instruments", True)
    assert isinstance(notice, FeedNotice)
    assert not notice.is_error
    assert feed.counters.unknown_texts == 2


async def test_an_order_update_that_cannot_be_read_is_said_to_have_come(ticker):
    ticker.acts = [sending('{"type":"order","data":{"order_id":9}}')]
    async with a_feed(ticker) as feed:
        _, notice = await collect(feed, lambda events: len(events) == 2)
    assert isinstance(notice, FeedNotice)
    assert notice.is_error
    assert "order book" in notice.text


async def test_a_broken_frame_is_counted_and_costs_nothing_else(ticker, caplog):
    good = encode_frame([ltp(INFY, 1)])
    half_good = encode_frame([ltp(INFY, 2), ltp(RELIANCE, 3)])[:-3]
    ticker.acts = [sending(b"\x00\x02\x00\x0cxx", b"\xff\xff\xff", good, half_good, good)]
    with caplog.at_level(logging.WARNING):
        async with a_feed(ticker) as feed:
            events = await collect(feed, lambda events: count(FeedFrame)(events) == 3)
    prices = [[p.last_price for p in e.packets] for e in events if isinstance(e, FeedFrame)]
    assert prices == [[1], [2], [1]]
    assert feed.counters.malformed == 3
    assert feed.counters.disconnections == 0
    assert len([r for r in caplog.records if "cannot be read" in r.message]) == 1


async def test_a_silently_dead_link_is_noticed_and_replaced(ticker):
    ticker.acts = [sending(encode_frame([ltp(INFY, 1)]), then=fall_silent)]
    async with a_feed(ticker) as feed:
        await collect(feed, lambda events: count(FeedFrame)(events) == 1)
        lost, again = await collect(feed, lambda events: len(events) == 2)
    assert isinstance(lost, FeedDisconnected)
    assert lost.reason == "silent for 0.15 s"
    assert again.is_reconnect
    assert again.gap_from_ns is not None
    assert again.gap_from_ns < lost.at_ns <= again.at_ns


@pytest.mark.parametrize("end", [leave, abort])
async def test_a_reconnect_asks_again_for_everything_once_in_its_mode(ticker, end):
    ticker.acts = [sending(HEARTBEAT, then=end), sending(HEARTBEAT, then=end)]
    feed = a_feed(ticker)
    await feed.subscribe([INFY, RELIANCE], "full")
    await feed.subscribe([NIFTY], TickMode.LTP)
    await feed.subscribe([RELIANCE], TickMode.QUOTE)
    async with feed:
        await collect(feed, lambda events: count(FeedConnected)(events) == 3)
        await asyncio.sleep(0.05)
        assert feed.counters.connections == 3
    expected = [
        Subscribe(tokens=(INFY, RELIANCE, NIFTY)),
        SetMode(mode=TickMode.LTP, tokens=(NIFTY,)),
        SetMode(mode=TickMode.QUOTE, tokens=(RELIANCE,)),
        SetMode(mode=TickMode.FULL, tokens=(INFY,)),
    ]
    assert ticker.heard[1:] == [expected, expected]


async def test_subscriptions_reach_an_open_link_at_once(ticker):
    async with a_feed(ticker) as feed:
        await collect(feed, lambda events: len(events) == 1)
        await feed.subscribe([INFY], TickMode.FULL)
        await feed.subscribe([INFY], TickMode.FULL)
        await feed.unsubscribe([INFY])
        await until(lambda: len(ticker.heard[0]) == 3)
    assert [type(request).__name__ for request in ticker.heard[0]] == [
        "Subscribe",
        "SetMode",
        "Unsubscribe",
    ]
    with pytest.raises(InvalidValue, match="ltp, quote, full"):
        await feed.subscribe([1], "everything")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('{"status":"error","message":"Authentication failed."}', TokenException),
        ('{"status":"error","message":"Insufficient permission."}', PermissionException),
        ("", TokenException),
    ],
)
async def test_a_refused_handshake_ends_the_feed_at_once(ticker, words, expected):
    ticker.acts = [web.Response(status=403, text=words, content_type="application/json")]
    async with a_feed(ticker) as feed:
        with pytest.raises(expected) as failure:
            await collect(feed, lambda events: False)
        await asyncio.sleep(0.05)
        assert feed.state is LinkState.REFUSED
    assert len(ticker.queries) == 1
    error = failure.value
    assert error.status == 403
    assert "hushhush" not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
    assert "hushhush" not in repr(feed)


async def test_other_handshake_failures_are_tried_again(ticker):
    ticker.acts = [web.Response(status=503), web.Response(status=500), stay_alive]
    async with a_feed(ticker) as feed:
        *lost, connected = await collect(feed, lambda events: len(events) == 3)
    assert [event.reason for event in lost] == [
        "the handshake failed with HTTP 503",
        "the handshake failed with HTTP 500",
    ]
    assert not connected.is_reconnect
    assert connected.gap_from_ns is None


async def test_an_unreachable_ticker_is_dialled_again_and_names_no_token():
    feed = KiteFeed("key", "hushhush", "ws://127.0.0.1:9", link=QUICK)
    async with feed:
        lost = await collect(feed, lambda events: len(events) == 3)
    assert all("cannot be reached" in event.reason for event in lost)
    assert "hushhush" not in repr(lost)


async def test_a_feed_can_be_started_again_and_keeps_its_subscriptions(ticker):
    feed = a_feed(ticker)
    await feed.subscribe([INFY], TickMode.LTP)
    for _ in range(3):
        async with feed:
            (connected,) = await collect(feed, lambda events: len(events) == 1)
            assert not connected.is_reconnect
        assert feed.state is LinkState.IDLE
    await feed.close()
    assert [heard[0] for heard in ticker.heard] == [Subscribe(tokens=(INFY,))] * 3


async def test_closing_ends_an_iteration_that_is_waiting(ticker):
    feed = a_feed(ticker)
    seen = []

    async def consume() -> None:
        async for event in feed:
            seen.append(event)

    async with feed:
        consuming = asyncio.create_task(consume())
        await until(lambda: bool(seen))
        assert not consuming.done()
    await asyncio.wait_for(consuming, 1)
    assert isinstance(seen[0], FeedConnected)


async def test_an_error_in_the_users_block_comes_out_as_it_is(ticker):
    with pytest.raises(ZeroDivisionError):
        async with a_feed(ticker):
            _ = 1 / 0


async def test_a_feed_is_entered_once_at_a_time(ticker):
    async with a_feed(ticker) as feed:
        with pytest.raises(InvariantBroken):
            await feed.__aenter__()


async def test_a_slow_consumer_gets_the_newest_of_each_instrument_and_a_count(ticker):
    frames = [encode_frame([ltp(INFY, n), ltp(RELIANCE, 2 * n)]) for n in range(1, 51)]
    ticker.acts = [sending(*frames)]
    async with a_feed(ticker, queue_frames=3) as feed:
        await until(lambda: feed.counters.frames == 50)
        events = await collect(feed, lambda events: count(FeedFrame)(events) == 2)
    newest = events[-1]
    assert {p.token: p.last_price for p in newest.packets} == {INFY: 50, RELIANCE: 100}
    assert newest.conflated == feed.conflated == 96


async def test_twenty_broken_links_lose_no_subscription_and_leave_no_task(ticker):
    frame = encode_frame([ltp(INFY, 1)])
    ends = [leave, abort, fall_silent, sending(b"\x00\x01\x00", then=abort)]
    ticker.acts = [sending(frame, then=ends[n % len(ends)]) for n in range(20)]
    tasks_before = len(asyncio.all_tasks())
    link = LinkSettings(stall_ns=60 * MS, first_wait_ns=1 * MS, longest_wait_ns=2 * MS)
    async with a_feed(ticker, link=link) as feed:
        await feed.subscribe([INFY, RELIANCE], TickMode.FULL)
        async with asyncio.timeout(20):
            async for event in feed:
                if isinstance(event, FeedConnected) and feed.counters.disconnections == 20:
                    break
        await until(lambda: len(ticker.heard) == 21 and len(ticker.heard[-1]) == 2)
    once = [
        Subscribe(tokens=(INFY, RELIANCE)),
        SetMode(mode=TickMode.FULL, tokens=(INFY, RELIANCE)),
    ]
    assert ticker.heard[1:] == [once] * 20
    await until(lambda: len(asyncio.all_tasks()) <= tasks_before)


class SlowSocket:
    """A link that takes one text at a time, when it is let."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def receive(self) -> bytes | str:
        await asyncio.sleep(0.03)
        return HEARTBEAT

    async def send(self, text: str) -> None:
        await self.may_send.wait()
        self.sent.append(decode_request(text))

    async def close(self) -> None:
        return

    async def dial(self, *_: object) -> "SlowSocket":
        return self


async def test_a_subscription_whose_caller_gives_up_is_sent_all_the_same():
    link = SlowSocket()
    async with KiteFeed("key", "token", "ws://127.0.0.1:1", dialler=link, link=QUICK) as feed:
        await until(lambda: feed.state is LinkState.OPEN)
        link.may_send.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await feed.subscribe([INFY, RELIANCE], TickMode.FULL)
        link.may_send.set()
        await until(lambda: len(link.sent) == 2)
        assert feed.counters.disconnections == 0
    tokens = (INFY, RELIANCE)
    assert link.sent == [Subscribe(tokens=tokens), SetMode(mode=TickMode.FULL, tokens=tokens)]
