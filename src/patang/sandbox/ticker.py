"""The ticker WebSocket: who listens to what, and frames that never wait for a slow reader."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, assert_never

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from patang.domain.market import NS_PER_SECOND
from patang.wire.connection import MAX_TOKENS
from patang.wire.messages import (
    BadMessage,
    ErrorText,
    SetMode,
    Subscribe,
    Unsubscribe,
    decode_request,
    encode_text,
)
from patang.wire.ticks import HEARTBEAT, Packet, TickMode, encode_frame

TEXTS_MAX = 10_000
FRAME_INTERVAL_S = 0.02
HEARTBEAT_S = 1.0
STALLED_S = 10.0
# Kite pushes a liquid instrument about twice a second. Source: Zerodha staff, developer forum. The
# second is virtual, or real where the virtual one is longer: a frozen clock still shows trades.
TOKEN_INTERVAL_NS = NS_PER_SECOND // 2

GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013


class Quotes(Protocol):
    """Where the ticker finds the newest packet of a token."""

    def packet(self, token: int, mode: TickMode) -> Packet | None:
        """The packet as of now; None for a token that does not exist."""


class Subscriber:
    """The state of one connection: its modes, what changed since, and what waits to be sent.

    Ticks conflate: only the newest state of a token is ever sent. Texts keep their order and none
    is dropped; the connection of a reader that lets ``TEXTS_MAX`` of them pile up is closed.
    """

    def __init__(self, user_id: str, quotes: Quotes) -> None:
        self.user_id = user_id
        self.wake = asyncio.Event()
        self.close_code: int | None = None
        self._quotes = quotes
        self._modes: dict[int, TickMode] = {}
        self._due_at_once: dict[int, None] = {}
        self._changed: dict[int, None] = {}
        self._sent_ns: dict[int, tuple[int, int]] = {}
        self._sent_price: dict[int, int] = {}
        self._texts: deque[str] = deque()

    def handle(self, text: str) -> None:
        """Obey one request of the client; answer one that cannot be read with an error text."""
        try:
            request = decode_request(text)
        except BadMessage as error:
            self.push_text(encode_text(ErrorText(str(error))))
            return
        match request:
            case Subscribe():
                self._subscribe(request.tokens, None)
            case SetMode():
                self._subscribe(request.tokens, request.mode)
            case Unsubscribe():
                for token in request.tokens:
                    self._forget(token)
            case _:
                assert_never(request)

    def mark(self, tokens: Iterable[int]) -> None:
        """Note tokens whose market state changed; wake the writer if it has something to send."""
        for token in tokens:
            if token in self._modes:
                self._changed[token] = None
        if self._changed or self._due_at_once:
            self.wake.set()

    def push_text(self, text: str) -> None:
        """Queue a text frame."""
        if len(self._texts) >= TEXTS_MAX:
            # The close tells the reader that something is missing; a silent gap would not.
            self._texts.clear()
            self.close(TRY_AGAIN_LATER)
        if self.close_code is not None:
            return
        self._texts.append(text)
        self.wake.set()

    def close(self, code: int) -> None:
        """Ask the writer to end the connection."""
        self.close_code = code
        self.wake.set()

    def take_text(self) -> str | None:
        """The next text frame, oldest first."""
        return self._texts.popleft() if self._texts else None

    def take_frame(self, now_ns: int, real_ns: int) -> bytes | None:
        """One frame with every token that is due; None when there is none.

        ``now_ns`` is virtual time, ``real_ns`` the machine's monotonic one.
        """
        packets: list[Packet] = []
        due = self._due_at_once
        self._due_at_once = {}
        for token in self._changed:
            sent_ns, sent_real_ns = self._sent_ns.get(token, (0, 0))
            if max(now_ns - sent_ns, real_ns - sent_real_ns) >= TOKEN_INTERVAL_NS:
                due[token] = None
        for token in due:
            self._changed.pop(token, None)
            packet = self._quotes.packet(token, self._modes[token])
            if packet is not None and self._is_news(packet, token):
                packets.append(packet)
                self._sent_ns[token] = (now_ns, real_ns)
                self._sent_price[token] = packet.last_price
        return encode_frame(packets) if packets else None

    def _is_news(self, packet: Packet, token: int) -> bool:
        """In ltp mode only a new price is pushed. Source: Zerodha staff, developer forum."""
        if self._modes[token] is not TickMode.LTP:
            return True
        return self._sent_price.get(token) != packet.last_price

    def _subscribe(self, tokens: Iterable[int], mode: TickMode | None) -> None:
        refused: list[int] = []
        for token in tokens:
            if token not in self._modes and len(self._modes) >= MAX_TOKENS:
                refused.append(token)
                continue
            # Subscribing anew keeps the mode; the first packet goes out at once either way.
            self._modes[token] = mode or self._modes.get(token, TickMode.QUOTE)
            self._due_at_once[token] = None
            self._sent_price.pop(token, None)
        if refused:
            self.push_text(
                encode_text(
                    ErrorText(
                        f"Maximum of {MAX_TOKENS} instruments per connection exceeded; "
                        f"{len(refused)} were not subscribed."
                    )
                )
            )
        self.wake.set()

    def _forget(self, token: int) -> None:
        for record in (self._modes, self._due_at_once, self._changed, self._sent_ns):
            record.pop(token, None)
        self._sent_price.pop(token, None)


class Ticker:
    """All connections of the world."""

    def __init__(self) -> None:
        self._subscribers: dict[Subscriber, None] = {}

    def publish(self, tokens: list[int]) -> None:
        """Tell every connection which tokens changed; also wakes those with older changes."""
        for subscriber in self._subscribers:
            subscriber.mark(tokens)

    def send_text(self, user_id: str, text: str) -> None:
        """Send a text frame to all connections of a user."""
        for subscriber in self._subscribers:
            if subscriber.user_id == user_id:
                subscriber.push_text(text)

    def close_all(self, code: int = GOING_AWAY) -> None:
        """Ask every connection to end."""
        for subscriber in self._subscribers:
            subscriber.close(code)

    async def serve(
        self, websocket: WebSocket, subscriber: Subscriber, now_ns: Callable[[], int]
    ) -> None:
        """Run one accepted connection to its end."""
        self._subscribers[subscriber] = None
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(_read(websocket, subscriber))
                writer = group.create_task(_write(websocket, subscriber, now_ns))
                await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
                reader.cancel()
                writer.cancel()
        finally:
            del self._subscribers[subscriber]


async def refuse(websocket: WebSocket) -> None:
    """Answer a handshake that has no valid credentials: HTTP 403 with a JSON body."""
    body = b'{"status":"error","message":"Authentication failed."}'
    await websocket.send_denial_response(Response(body, 403, media_type="application/json"))


async def _read(websocket: WebSocket, subscriber: Subscriber) -> None:
    # Waits as long as the client stays connected: it owes nothing after its subscriptions.
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is not None:
            subscriber.handle(text)


async def _write(websocket: WebSocket, subscriber: Subscriber, now_ns: Callable[[], int]) -> None:
    sent_s = time.monotonic()
    next_frame_s = 0.0
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S / 4):
                    await subscriber.wake.wait()
            subscriber.wake.clear()
            while (text := subscriber.take_text()) is not None:
                await _within_patience(websocket.send_text(text))
                sent_s = time.monotonic()
            if subscriber.close_code is not None:
                await _within_patience(websocket.close(subscriber.close_code))
                return
            if time.monotonic() >= next_frame_s:
                frame = subscriber.take_frame(now_ns(), time.monotonic_ns())
                if frame is not None:
                    await _within_patience(websocket.send_bytes(frame))
                    sent_s = time.monotonic()
                    next_frame_s = sent_s + FRAME_INTERVAL_S
            if time.monotonic() - sent_s >= HEARTBEAT_S:
                await _within_patience(websocket.send_bytes(HEARTBEAT))
                sent_s = time.monotonic()
    except (WebSocketDisconnect, TimeoutError):
        # The peer has gone, or has not read for so long that it might as well have.
        return


async def _within_patience(sending: Awaitable[None]) -> None:
    async with asyncio.timeout(STALLED_S):
        await sending
