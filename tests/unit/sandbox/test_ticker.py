import asyncio
import json

import pytest

from patang.domain.errors import InvalidValue
from patang.sandbox.outgoing import Outgoing, Silence, UpdateFate
from patang.sandbox.subscriber import (
    TEXTS_MAX,
    TOKEN_INTERVAL_NS,
    TRY_AGAIN_LATER,
    Subscriber,
    TickerLimits,
)
from patang.sandbox.ticker import REPLACED, Ticker
from patang.wire.connection import MAX_TOKENS
from patang.wire.messages import SetMode, Subscribe, Unsubscribe, encode_request
from patang.wire.ticks import HEARTBEAT, Packet, PacketKind, TickMode, decode_frame

NOW = 1_000 * TOKEN_INTERVAL_NS
KINDS = {
    TickMode.LTP: PacketKind.LTP,
    TickMode.QUOTE: PacketKind.QUOTE,
    TickMode.FULL: PacketKind.FULL,
}


class Prices:
    """A market of bare prices."""

    def __init__(self) -> None:
        self.last = {1: 100, 2: 200, 3: 300}
        self.columns = None

    def packet(self, token: int, mode: TickMode) -> Packet | None:
        price = self.last.get(token)
        return None if price is None else Packet(token, KINDS[mode], price)


@pytest.fixture
def prices() -> Prices:
    return Prices()


@pytest.fixture
def subscriber(prices: Prices) -> Subscriber:
    return Subscriber("AB1234", prices)


def ask(subscriber: Subscriber, *requests) -> None:
    for request in requests:
        subscriber.handle(encode_request(request))


def sent(subscriber: Subscriber, now_ns: int = NOW, real_ns: int | None = None) -> dict:
    frame = subscriber.take_frame(now_ns, now_ns if real_ns is None else real_ns)
    packets = decode_frame(frame).packets if frame else ()
    return {packet.token: (packet.kind, packet.last_price) for packet in packets}


async def test_the_last_packet_goes_out_at_once_in_quote_mode(subscriber):
    ask(subscriber, Subscribe((1, 2)))
    assert sent(subscriber) == {1: (PacketKind.QUOTE, 100), 2: (PacketKind.QUOTE, 200)}
    assert sent(subscriber) == {}


async def test_a_mode_subscribes_and_pushes_in_that_mode(subscriber):
    ask(subscriber, SetMode(TickMode.FULL, (1,)))
    assert sent(subscriber) == {1: (PacketKind.FULL, 100)}


async def test_subscribing_again_keeps_the_mode(subscriber):
    ask(subscriber, SetMode(TickMode.FULL, (1,)), Subscribe((1,)))
    assert sent(subscriber) == {1: (PacketKind.FULL, 100)}


async def test_changes_conflate_to_the_newest_and_wait_for_their_turn(subscriber, prices):
    ask(subscriber, Subscribe((1, 2)))
    sent(subscriber)
    for prices.last[1] in (101, 102, 103):
        subscriber.mark([1])
    assert sent(subscriber, NOW + TOKEN_INTERVAL_NS - 1) == {}
    assert sent(subscriber, NOW + TOKEN_INTERVAL_NS) == {1: (PacketKind.QUOTE, 103)}
    assert sent(subscriber, NOW + 9 * TOKEN_INTERVAL_NS) == {}


async def test_a_frozen_clock_pushes_by_the_real_one(subscriber, prices):
    ask(subscriber, Subscribe((1,)))
    sent(subscriber)
    prices.last[1] = 101
    subscriber.mark([1])
    assert sent(subscriber, NOW, NOW + TOKEN_INTERVAL_NS) == {1: (PacketKind.QUOTE, 101)}


async def test_ltp_mode_pushes_new_prices_only(subscriber, prices):
    ask(subscriber, SetMode(TickMode.LTP, (1,)))
    sent(subscriber)
    subscriber.mark([1])
    assert sent(subscriber, NOW + TOKEN_INTERVAL_NS) == {}
    prices.last[1] = 101
    subscriber.mark([1])
    assert sent(subscriber, NOW + 2 * TOKEN_INTERVAL_NS) == {1: (PacketKind.LTP, 101)}


async def test_unsubscribed_tokens_are_silent(subscriber):
    ask(subscriber, Subscribe((1, 2)), Unsubscribe((1,)))
    subscriber.mark([1])
    assert set(sent(subscriber)) == {2}


async def test_unknown_tokens_are_silent_and_harmless(subscriber):
    ask(subscriber, Subscribe((99, 1)))
    assert set(sent(subscriber)) == {1}


async def test_a_connection_holds_three_thousand_tokens(subscriber):
    ask(subscriber, Subscribe(tuple(range(10, 10 + MAX_TOKENS))), Subscribe((1,)))
    assert sent(subscriber) == {}
    error = json.loads(subscriber.take_text())
    assert error["type"] == "error"
    assert str(MAX_TOKENS) in error["data"]
    ask(subscriber, Unsubscribe((10,)), Subscribe((1,)))
    assert set(sent(subscriber)) == {1}


async def test_texts_keep_their_order(subscriber):
    for number in range(TEXTS_MAX):
        subscriber.push_text(str(number))
    assert subscriber.close_code is None
    assert [subscriber.take_text() for _ in range(3)] == ["0", "1", "2"]


async def test_a_reader_with_too_many_texts_waiting_is_closed_not_served_with_a_gap(subscriber):
    for number in range(TEXTS_MAX + 1):
        subscriber.push_text(str(number))
    assert subscriber.close_code == TRY_AGAIN_LATER
    assert subscriber.take_text() is None
    subscriber.push_text("late")
    assert subscriber.take_text() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a":"dance","v":[1]}', '{"a":"mode","v":["x",[1]]}']
)
async def test_nonsense_is_answered_with_an_error_text(subscriber, text):
    subscriber.handle(text)
    assert json.loads(subscriber.take_text())["type"] == "error"


class FakeSocket:
    """An accepted WebSocket whose peer says nothing, and reads only while ``is_read``."""

    def __init__(self, *, is_read: bool) -> None:
        self.is_read = is_read
        self.scope = {"client": ("127.0.0.1", 40_001)}
        self.frames: list[bytes | str] = []
        self.arrivals: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed_with: int | None = None

    async def receive(self) -> dict:
        return await asyncio.Future()

    async def send_bytes(self, data: bytes) -> None:
        if not self.is_read:
            await asyncio.Future()
        self.frames.append(data)
        self.arrivals.put_nowait(data)

    async def send_text(self, data: str) -> None:
        await self.send_bytes(data.encode())

    async def close(self, code: int) -> None:
        self.closed_with = code


async def test_a_reader_that_stops_reading_is_dropped_and_holds_nobody_up(prices, monkeypatch):
    monkeypatch.setattr("patang.sandbox.ticker.STALLED_S", 0.05)
    ticker = Ticker()
    stuck, lively = FakeSocket(is_read=False), FakeSocket(is_read=True)
    subscribers = [Subscriber(user_id, prices) for user_id in ("AB1234", "CD5678")]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        ending = group.create_task(ticker.serve(stuck, subscribers[0], lambda: NOW))
        group.create_task(ticker.serve(lively, subscribers[1], lambda: NOW))
        for subscriber in subscribers:
            ask(subscriber, Subscribe((1,)))
        await ending
        assert len(lively.frames) == 1
        ticker.close_all()
    assert lively.closed_with == 1001
    assert stuck.closed_with is None


async def test_a_text_that_waits_is_sent_before_the_close(prices):
    ticker = Ticker()
    socket, subscriber = FakeSocket(is_read=True), Subscriber("AB1234", prices)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(ticker.serve(socket, subscriber, lambda: NOW))
        await asyncio.sleep(0)
        ticker.send_text("AB1234", "update")
        ticker.send_text("ZZ9999", "not for us")
        ticker.close_all()
    assert socket.frames == [b"update"]
    assert socket.closed_with == 1001


async def test_a_fourth_connection_ends_the_oldest_of_the_same_user_and_key(prices):
    ticker = Ticker()
    first, second, third = (ticker.connect("AB1234", "key", prices) for _ in range(3))
    other_user = ticker.connect("CD5678", "key", prices)
    other_key = ticker.connect("AB1234", "other", prices)
    assert [one.close_code for one in ticker.connections()] == [None] * 5
    fourth = ticker.connect("AB1234", "key", prices)
    assert first.close_code == REPLACED
    # The first is still on its way out when the fifth comes.
    fifth = ticker.connect("AB1234", "key", prices)
    assert second.close_code == REPLACED
    assert [one.close_code for one in (third, fourth, fifth, other_user, other_key)] == [None] * 5
    assert [one.number for one in (first, fifth)] == [1, 7]


async def test_limits_are_settings(prices):
    ticker = Ticker(TickerLimits(tokens_max=1, connections_max=1))
    first = ticker.connect("AB1234", "key", prices)
    ask(first, Subscribe((1, 2)))
    assert set(sent(first)) == {1}
    assert "Maximum of 1 instruments" in first.take_text()
    ticker.connect("AB1234", "key", prices)
    assert first.close_code == REPLACED


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_as_many_connections_stand_as_the_limit_says(prices, most):
    ticker = Ticker(TickerLimits(connections_max=most))
    made = [ticker.connect("AB1234", "key", prices) for _ in range(8)]
    assert [one.close_code for one in made] == [REPLACED] * (8 - most) + [None] * most


@pytest.mark.parametrize("field", ["tokens_max", "connections_max", "token_interval_ns"])
def test_limits_make_sense(field):
    with pytest.raises(InvalidValue, match=field):
        TickerLimits(**{field: -1})


async def test_greetings_come_first(prices):
    ticker = Ticker()
    ticker.greetings = lambda: ("one", "two")
    subscriber = ticker.connect("AB1234", "key", prices)
    ticker.send_text("AB1234", "three")
    assert [subscriber.take_text() for _ in range(3)] == ["one", "two", "three"]


async def test_a_mute_connection_beats_on_and_says_nothing_else(prices, monkeypatch):
    monkeypatch.setattr("patang.sandbox.ticker.HEARTBEAT_S", 0.04)
    ticker = Ticker()
    socket, subscriber = FakeSocket(is_read=True), Subscriber("AB1234", prices)
    subscriber.silence = Silence.MUTE
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(ticker.serve(socket, subscriber, lambda: NOW))
        ask(subscriber, Subscribe((1,)))
        subscriber.push_text("lost")
        assert [await socket.arrivals.get() for _ in range(2)] == [HEARTBEAT] * 2
        subscriber.silence = Silence.NONE
        ticker.close_all()
    spoken = [frame for frame in socket.frames if frame != HEARTBEAT]
    assert spoken == []
    assert sent(subscriber) == {1: (PacketKind.QUOTE, 100)}, "ticks wait for the end of silence"


async def test_a_half_open_connection_says_and_hears_nothing(prices, monkeypatch):
    monkeypatch.setattr("patang.sandbox.ticker.HEARTBEAT_S", 0.02)
    ticker = Ticker()
    reading: list[tuple[tuple[str, int], bool]] = []
    ticker.stop_reading = lambda peer, is_stopped: reading.append((peer, is_stopped))
    socket, subscriber = FakeSocket(is_read=True), Subscriber("AB1234", prices)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(ticker.serve(socket, subscriber, lambda: NOW))
        await asyncio.sleep(0)
        subscriber.silence = Silence.HALF_OPEN
        ask(subscriber, Subscribe((1,)))
        await asyncio.sleep(0.1)
        assert socket.frames == []
        assert subscriber.modes == {}
        subscriber.silence = Silence.NONE
        ticker.close_all()
    assert reading == [(("127.0.0.1", 40_001), True), (("127.0.0.1", 40_001), False)]


def test_order_updates_pass_unless_somebody_decides_otherwise():
    assert Outgoing().texts("AB1234", "a") == ["a"]


def test_order_updates_are_dropped_doubled_and_reordered_on_purpose():
    fates = {
        "a": UpdateFate.HOLD,
        "b": UpdateFate.PASS,
        "c": UpdateFate.DROP,
        "d": UpdateFate.DUPLICATE,
        "e": UpdateFate.HOLD,
    }
    outgoing = Outgoing()
    outgoing.decide = lambda _user, text: fates[text]
    assert outgoing.texts("AB1234", "a") == []
    assert outgoing.texts("CD5678", "b") == ["b"], "another user's updates keep their order"
    assert [outgoing.texts("AB1234", text) for text in "bcde"] == [
        ["b", "a"],
        [],
        ["d", "d"],
        [],
    ]
    assert outgoing.release("AB1234") == ["e"]
    assert outgoing.release("AB1234") == []
