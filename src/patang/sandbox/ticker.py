"""The ticker WebSocket: its connections, and frames that never wait for a slow reader."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from patang.sandbox.outgoing import Outgoing, Silence
from patang.sandbox.subscriber import Quotes, Subscriber, TickerLimits
from patang.wire.ticks import HEARTBEAT

FRAME_INTERVAL_S = 0.02
HEARTBEAT_S = 1.0
STALLED_S = 10.0

GOING_AWAY = 1001
REPLACED = 1008

Peer = tuple[str, int]
"""Host and port of the other end."""


class Ticker:
    """All connections of the world.

    A user may have ``limits.connections_max`` with one API key; one more ends the oldest of them.
    Source: Zerodha staff, developer forum (the fourth pushes out the first).
    """

    def __init__(self, limits: TickerLimits | None = None) -> None:
        self.limits = limits or TickerLimits()
        self.outgoing = Outgoing()
        self.on_update: Callable[[str], None] = _ignore
        """Called with each order update that ``outgoing`` lets out."""
        self.greetings: Callable[[], Sequence[str]] = tuple
        """Text frames that each new connection is sent first."""
        self.stop_reading: Callable[[Peer, bool], None] | None = None
        """How the server stops (True) and takes up again reading from a peer, if it can."""
        self._subscribers: dict[Subscriber, None] = {}
        self._count = 0

    def connections(self) -> tuple[Subscriber, ...]:
        """Everyone connected, the oldest first."""
        return tuple(self._subscribers)

    def publish(self, tokens: list[int]) -> None:
        """Tell every connection which tokens changed; also wakes those with older changes."""
        for subscriber in self._subscribers:
            subscriber.mark(tokens)

    def send_text(self, user_id: str, text: str) -> None:
        """Send a text frame to all connections of a user."""
        for subscriber in self._subscribers:
            if subscriber.user_id == user_id:
                subscriber.push_text(text)

    def send_update(self, user_id: str, text: str) -> None:
        """Send an order update to all connections of a user, as far as ``outgoing`` lets it."""
        for one in self.outgoing.texts(user_id, text):
            self.let_out(user_id, one)

    def let_out(self, user_id: str, text: str) -> None:
        """Send an order update past ``outgoing``, and tell ``on_update``."""
        self.send_text(user_id, text)
        self.on_update(text)

    def close_all(self, code: int = GOING_AWAY) -> None:
        """Ask every connection to end."""
        for subscriber in self._subscribers:
            subscriber.close(code)

    def connect(self, user_id: str, api_key: str, quotes: Quotes) -> Subscriber:
        """A new connection of a user; where that is one too many, the oldest is asked to end."""
        held = [
            one
            for one in self._subscribers
            if (one.user_id, one.api_key) == (user_id, api_key) and one.close_code is None
        ]
        for one in held[: max(0, len(held) + 1 - self.limits.connections_max)]:
            one.close(REPLACED)
        self._count += 1
        subscriber = Subscriber(
            user_id, quotes, api_key=api_key, number=self._count, limits=self.limits
        )
        for text in self.greetings():
            subscriber.push_text(text)
        self._subscribers[subscriber] = None
        return subscriber

    async def serve(
        self, websocket: WebSocket, subscriber: Subscriber, now_ns: Callable[[], int]
    ) -> None:
        """Run one accepted connection to its end."""
        self._subscribers[subscriber] = None
        peer = websocket.scope.get("client")
        if peer is not None:
            subscriber.peer = (peer[0], peer[1])
            subscriber.on_silence = self._silencer(subscriber.peer)
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(_read(websocket, subscriber))
                writer = group.create_task(_write(websocket, subscriber, now_ns))
                await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
                reader.cancel()
                writer.cancel()
        finally:
            del self._subscribers[subscriber]

    def _silencer(self, peer: Peer) -> Callable[[Silence], None]:
        def apply(silence: Silence) -> None:
            if self.stop_reading is not None:
                self.stop_reading(peer, silence is Silence.HALF_OPEN)

        return apply


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
            is_dead = subscriber.silence is Silence.HALF_OPEN
            if not is_dead and time.monotonic() - sent_s >= HEARTBEAT_S:
                await _within_patience(websocket.send_bytes(HEARTBEAT))
                sent_s = time.monotonic()
    except (WebSocketDisconnect, TimeoutError):
        # The peer has gone, or has not read for so long that it might as well have.
        return


async def _within_patience(sending: Awaitable[None]) -> None:
    async with asyncio.timeout(STALLED_S):
        await sending


def _ignore(_: str) -> None:
    """Nobody listens."""
