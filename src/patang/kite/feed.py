"""Zerodha's ticker as an async iterator of events, on a link that is kept alive."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping
from typing import Self
from urllib.parse import urlencode

import msgspec

from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.market import NS_PER_SECOND
from patang.kite.addresses import COMMON_HEADERS, TICKER_ROOT, checked_root
from patang.kite.clock import Clock, SystemClock
from patang.kite.errors import ConnectFailed
from patang.kite.feed_events import (
    FeedConnected,
    FeedDisconnected,
    FeedEvent,
    FeedFrame,
    FeedNotice,
    OrderUpdate,
)
from patang.kite.feed_queue import FeedQueue
from patang.kite.secret import Secret
from patang.kite.socket import Dialler, HandshakeRefused, Socket, SocketClosed
from patang.wire import messages
from patang.wire.connection import LinkSettings, LinkState, TickerLink
from patang.wire.errors import KiteError, PermissionException, TokenException
from patang.wire.ticks import TickMode, decode_frame

_log = logging.getLogger("patang.kite.feed")

_REFUSALS = (401, 403)
_LATE_NS = NS_PER_SECOND // 4


class FeedCounters(msgspec.Struct):
    """What a feed has seen since it was made."""

    frames: int = 0
    heartbeats: int = 0
    packets: int = 0
    malformed: int = 0
    unknown_texts: int = 0
    connections: int = 0
    disconnections: int = 0


class KiteFeed:
    """One ticker connection that reconnects, resubscribes and says what was missed.

    Use it as an async context manager and iterate it:

        async with KiteFeed(api_key, access_token) as feed:
            await feed.subscribe([408065], TickMode.FULL)
            async for event in feed:
                ...

    Iteration raises ``TokenException`` or ``PermissionException`` when the server refuses the
    credentials; everything else is repaired and reported as an event. Subscriptions outlive
    disconnections and restarts: after ``async with`` ended, the same feed may be entered again.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | Secret,
        root: str = TICKER_ROOT,
        *,
        clock: Clock | None = None,
        dialler: Dialler | None = None,
        link: LinkSettings | None = None,
        connect_timeout_s: float = 7.0,
        queue_frames: int = 1_024,
        jitter: random.Random | None = None,
    ) -> None:
        """Prepare; nothing is connected before ``async with``.

        ``clock`` stamps frames; time-outs and the watchdog use machine time. ``link`` sets the
        watchdog and the waits between dials, ``queue_frames`` how far the consumer may fall
        behind before ticks conflate.
        """
        if queue_frames < 1:
            raise InvalidValue("queue_frames", f"{queue_frames} is below 1.")
        self._api_key = api_key
        self._access_token = Secret(access_token)
        self._root = checked_root(root, "ws")
        self._clock = clock or SystemClock()
        self._dialler = dialler
        self._settings = link or LinkSettings()
        # Jitter keeps many clients from dialling at once; nothing secret depends on it.
        self._link = TickerLink(self._settings, jitter or random.Random())  # noqa: S311
        self._connect_timeout_s = connect_timeout_s
        self._queue_frames = queue_frames
        self._queue = FeedQueue(queue_frames)
        self._socket: Socket | None = None
        self._sending = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._reader: asyncio.Task[None] | None = None
        self._last_received_ns: int | None = None
        self._was_connected = False
        self._earlier_conflated = 0
        self.counters = FeedCounters()

    def __repr__(self) -> str:
        return f"KiteFeed({self._root}, {self.state}, {len(self._link.desired)} instruments)"

    @property
    def state(self) -> LinkState:
        """Where the connection is."""
        return self._link.state

    @property
    def subscriptions(self) -> Mapping[int, TickMode]:
        """Every wanted token and its mode."""
        return self._link.desired

    @property
    def conflated(self) -> int:
        """Packets replaced by newer ones because the consumer was too slow."""
        return self._earlier_conflated + self._queue.conflated

    def set_access_token(self, access_token: str | Secret) -> None:
        """Use this token from the next connection on."""
        self._access_token = Secret(access_token)

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise InvariantBroken("this KiteFeed is already running; enter it once at a time.")
        if self._dialler is None:
            from patang.kite.aiohttp_transport import AiohttpDialler

            self._dialler = AiohttpDialler()
        self._earlier_conflated += self._queue.conflated
        self._queue = FeedQueue(self._queue_frames)
        # A lock belongs to the loop that first waited for it; a notebook starts many.
        self._sending = asyncio.Lock()
        self._last_received_ns = None
        self._was_connected = False
        self._group = await asyncio.TaskGroup().__aenter__()
        self._reader = self._group.create_task(self._run(), name="kite-feed")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the link cleanly and end the iteration; safe to call twice."""
        group, reader = self._group, self._reader
        self._group = self._reader = None
        if group is None or reader is None or self._dialler is None:
            return
        reader.cancel()
        try:
            await group.__aexit__(None, None, None)
        finally:
            self._link.closed()
            self._queue.close()
            await self._dialler.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedEvent:
        return await self._queue.get()

    async def subscribe(self, tokens: Iterable[int], mode: TickMode | str = TickMode.QUOTE) -> None:
        """Want these tokens in this mode, now and after every reconnect; repeating is free.

        Raises:
            InvalidValue: an unknown mode, a wrong token, or more than 3,000 instruments.
        """
        if mode not in TickMode.__members__.values():
            raise InvalidValue("mode", f"unknown mode {mode!r}.", f"Known: {', '.join(TickMode)}.")
        self._link.subscribe(tokens, TickMode(mode))
        await self._flush()

    async def unsubscribe(self, tokens: Iterable[int]) -> None:
        """Stop wanting these tokens; unknown ones are ignored."""
        self._link.unsubscribe(tokens)
        await self._flush()

    async def _flush(self) -> None:
        """Send what the link decided, in order. A link that breaks meanwhile is the reader's."""
        async with self._sending:
            socket = self._socket
            if socket is None:
                return
            try:
                async with asyncio.timeout(self._connect_timeout_s):
                    for request in self._link.take_requests():
                        await socket.send(messages.encode_request(request))
            except (SocketClosed, TimeoutError):
                await socket.close()

    async def _run(self) -> None:
        try:
            while True:
                reason = await self._connect_and_read()
                wait_ns = self._link.lost()
                self._report_loss(reason, wait_ns)
                await asyncio.sleep(wait_ns / NS_PER_SECOND)
        except Exception as error:  # noqa: BLE001 - outermost frame: the iteration raises it
            self._queue.close(error)

    async def _connect_and_read(self) -> str:
        """Live through one connection; return why it ended. Raises when credentials are refused."""
        self._link.dialling()
        if self._dialler is None:
            raise InvariantBroken("the feed runs without a dialler.")
        refusal: KiteError | None = None
        try:
            socket = await self._dialler.dial(self._url(), COMMON_HEADERS, self._connect_timeout_s)
        except ConnectFailed as error:
            return error.message
        except HandshakeRefused as error:
            if error.status not in _REFUSALS:
                return f"the handshake failed with {error}"
            refusal = _credentials_error(error)
        if refusal is not None:
            self._link.refused()
            raise refusal
        self._link.opened(time.monotonic_ns())
        self._socket = socket
        try:
            await self._flush()
            self._report_connection()
            return await self._read(socket)
        finally:
            self._socket = None
            await socket.close()

    async def _read(self, socket: Socket) -> str:
        """Take frames until the socket ends or falls silent; return which."""
        excused = False
        while True:
            left_ns = self._link.silence_left_ns(time.monotonic_ns())
            deadline_ns = time.monotonic_ns() + left_ns
            try:
                async with asyncio.timeout(max(left_ns, 0) / NS_PER_SECOND):
                    message = await socket.receive()
            except SocketClosed as closed:
                return str(closed)
            except TimeoutError:
                # When this process itself was held up, frames may be waiting behind the timer.
                if excused or time.monotonic_ns() - deadline_ns < _LATE_NS:
                    return f"silent for {self._settings.stall_ns / NS_PER_SECOND:g} s"
                excused = True
                self._link.frame_received(time.monotonic_ns())
                continue
            excused = False
            monotonic_ns = time.monotonic_ns()
            self._link.frame_received(monotonic_ns)
            self._last_received_ns = self._clock.now_ns()
            if isinstance(message, bytes):
                self._take_frame(message, self._last_received_ns, monotonic_ns)
            else:
                self._take_text(message, self._last_received_ns)

    def _take_frame(self, raw: bytes, received_ns: int, monotonic_ns: int) -> None:
        frame = decode_frame(raw)
        if frame.is_heartbeat:
            self.counters.heartbeats += 1
            return
        self.counters.frames += 1
        self.counters.packets += len(frame.packets)
        if frame.skipped or not frame.packets:
            self._count_malformed(raw, frame.skipped[0].reason if frame.skipped else "no packet")
        if frame.packets:
            self._queue.put(
                FeedFrame(
                    packets=frame.packets,
                    received_ns=received_ns,
                    received_monotonic_ns=monotonic_ns,
                    raw_size=len(raw),
                )
            )

    def _count_malformed(self, raw: bytes, reason: str) -> None:
        self.counters.malformed += 1
        # Once: a server that sends one broken frame sends thousands.
        if self.counters.malformed == 1:
            _log.warning(
                "ticker frame of %d bytes cannot be read (%s); it starts %s. Further ones are"
                " only counted.",
                len(raw),
                reason,
                raw[:32].hex(" "),
            )

    def _take_text(self, text: str, received_ns: int) -> None:
        match messages.decode_text(text):
            case messages.OrderUpdate(order):
                self._queue.put(OrderUpdate(order=order, received_ns=received_ns))
            case messages.ErrorText(words):
                self._queue.put(FeedNotice(text=words, is_error=True, received_ns=received_ns))
            case messages.BrokerMessage(words):
                self._queue.put(FeedNotice(text=words, is_error=False, received_ns=received_ns))
            case messages.Other(type):
                self.counters.unknown_texts += 1
                if type == "order":
                    # Something happened to an order, and this is all that can be known of it.
                    notice = "an order update could not be read; read the order book."
                    self._queue.put(FeedNotice(text=notice, is_error=True, received_ns=received_ns))

    def _report_connection(self) -> None:
        self.counters.connections += 1
        self._queue.put(
            FeedConnected(
                at_ns=self._clock.now_ns(),
                is_reconnect=self._was_connected,
                gap_from_ns=self._last_received_ns if self._was_connected else None,
            )
        )
        self._was_connected = True

    def _report_loss(self, reason: str, wait_ns: int) -> None:
        self.counters.disconnections += 1
        retry_in_s = wait_ns / NS_PER_SECOND
        _log.info("ticker link lost: %s; next try in %.1f s", reason, retry_in_s)
        self._queue.put(
            FeedDisconnected(at_ns=self._clock.now_ns(), reason=reason, retry_in_s=retry_in_s)
        )

    def _url(self) -> str:
        query = urlencode({"api_key": self._api_key, "access_token": self._access_token.reveal()})
        path = "" if self._root.count("/") > 2 else "/"
        return f"{self._root}{path}?{query}"


def _credentials_error(refusal: HandshakeRefused) -> KiteError:
    """Kite answers 403 both to a dead session and to a plan without market data."""
    words = refusal.message.lower()
    if "permission" in words or "not enabled" in words:
        return PermissionException(
            f"the ticker refuses this key: {refusal}.",
            status=refusal.status,
            remedy="Market data needs a Connect subscription for the api_key.",
        )
    return TokenException(
        f"the ticker refuses the session: {refusal}.",
        status=refusal.status,
        remedy="Log in again; a session ends at 06:00 IST on the next day.",
    )
