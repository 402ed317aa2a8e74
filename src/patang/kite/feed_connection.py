"""One ticker connection: dial, ask for the subscriptions, read, watch, and dial again."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

import msgspec

from patang.domain.market import NS_PER_SECOND
from patang.kite.addresses import COMMON_HEADERS
from patang.kite.clock import Clock
from patang.kite.errors import ConnectFailed
from patang.kite.feed_events import (
    FeedConnected,
    FeedDisconnected,
    FeedEvent,
    FeedFrame,
    FeedNotice,
    FeedStale,
    OrderUpdate,
)
from patang.kite.order_echoes import OrderEchoes
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
    stale: int = 0


class FeedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the connections of one feed share: the account, the way out, and where events go."""

    api_key: str
    access_token: Callable[[], Secret]
    root: str
    clock: Clock
    dialler: Callable[[], Dialler]
    settings: LinkSettings
    connect_timeout_s: float
    tell: Callable[[FeedEvent], None]
    echoes: OrderEchoes
    counters: FeedCounters
    jitter: random.Random


class FeedConnection:
    """One of a feed's connections. ``run`` keeps it alive until cancelled or refused.

    Subscriptions outlive disconnections and restarts.
    """

    def __init__(self, number: int, line: FeedLine) -> None:
        self.number = number
        self._line = line
        self._link = TickerLink(line.settings, line.jitter)
        self._socket: Socket | None = None
        self._sending = asyncio.Lock()
        self._last_received_ns: int | None = None
        self._last_tick_ns: int | None = None
        self._was_connected = False

    @property
    def link(self) -> TickerLink:
        """The connection as decisions."""
        return self._link

    @property
    def state(self) -> LinkState:
        """Where the connection is."""
        return self._link.state

    @property
    def last_tick_ns(self) -> int | None:
        """When the newest tick arrived (the clock's UTC time)."""
        return self._last_tick_ns

    def begin(self) -> None:
        """Prepare for a new run, perhaps on another event loop."""
        # A lock belongs to the loop that first waited for it; a notebook starts many.
        self._sending = asyncio.Lock()
        self._last_received_ns = self._last_tick_ns = None
        self._was_connected = False

    def end(self) -> None:
        """The run is over on purpose."""
        self._link.closed()

    def subscribe(self, tokens: Iterable[int], mode: TickMode) -> None:
        """Want these tokens; ``flush`` sends it."""
        self._link.subscribe(tokens, mode)

    def unsubscribe(self, tokens: Iterable[int]) -> None:
        """Want these tokens no more; ``flush`` sends it."""
        self._link.unsubscribe(tokens)

    async def flush(self) -> None:
        """Send what the link decided, in order. A link that breaks meanwhile is the reader's."""
        async with self._sending:
            socket = self._socket
            if socket is None:
                return
            try:
                async with asyncio.timeout(self._line.connect_timeout_s):
                    for request in self._link.take_requests():
                        await socket.send(messages.encode_request(request))
            except (SocketClosed, TimeoutError):
                await socket.close()

    async def run(self) -> None:
        """Connect, read, and connect again, until cancelled.

        Raises:
            TokenException, PermissionException: the server refuses the credentials.
        """
        while True:
            reason, code = await self._connect_and_read()
            wait_ns = self._link.lost()
            self._report_loss(reason, code, wait_ns)
            await asyncio.sleep(wait_ns / NS_PER_SECOND)

    async def _connect_and_read(self) -> tuple[str, int | None]:
        """Live through one connection; return why it ended, and its closing code."""
        self._link.dialling()
        refusal: KiteError | None = None
        try:
            socket = await self._line.dialler().dial(
                self._url(), COMMON_HEADERS, self._line.connect_timeout_s
            )
        except ConnectFailed as error:
            return error.message, None
        except HandshakeRefused as error:
            if error.status not in _REFUSALS:
                return f"the handshake failed with {error}", None
            refusal = credentials_error(error)
        if refusal is not None:
            self._link.refused()
            raise refusal
        self._link.opened(time.monotonic_ns())
        self._socket = socket
        try:
            await self.flush()
            self._report_connection()
            return await self._read(socket)
        finally:
            self._socket = None
            await socket.close()

    async def _read(self, socket: Socket) -> tuple[str, int | None]:
        """Take frames until the socket ends or falls silent; return which."""
        excused = False
        while True:
            now_ns = time.monotonic_ns()
            left_ns = self._time_left_ns(now_ns)
            try:
                async with asyncio.timeout(max(left_ns, 0) / NS_PER_SECOND):
                    message = await socket.receive()
            except SocketClosed as closed:
                return str(closed), closed.code
            except TimeoutError:
                timed_out_ns = time.monotonic_ns()
                is_silent = self._link.silence_left_ns(timed_out_ns) <= 0
                if timed_out_ns - (now_ns + left_ns) >= _LATE_NS and not excused:
                    # This process itself was held up: frames may be waiting behind the timer.
                    excused = True
                    if is_silent:
                        self._link.frame_received(timed_out_ns)
                elif is_silent:
                    seconds = self._line.settings.stall_ns / NS_PER_SECOND
                    return f"silent for {seconds:g} s", None
                else:
                    self._watch_staleness()
                continue
            excused = False
            self._take(message)

    def _time_left_ns(self, now_ns: int) -> int:
        silence_ns = self._link.silence_left_ns(now_ns)
        staleness_ns = self._link.staleness_left_ns(now_ns)
        return silence_ns if staleness_ns is None else min(silence_ns, staleness_ns)

    def _watch_staleness(self) -> None:
        left_ns = self._link.staleness_left_ns(time.monotonic_ns())
        if left_ns is not None and left_ns <= 0:
            self._link.staleness_told()
            self._line.counters.stale += 1
            self._line.tell(
                FeedStale(
                    at_ns=self._line.clock.now_ns(),
                    last_tick_ns=self._last_tick_ns,
                    connection=self.number,
                )
            )

    def _take(self, message: bytes | str) -> None:
        monotonic_ns = time.monotonic_ns()
        self._link.frame_received(monotonic_ns)
        self._last_received_ns = received_ns = self._line.clock.now_ns()
        if isinstance(message, bytes):
            self._take_frame(message, received_ns, monotonic_ns)
        else:
            self._take_text(message, received_ns)
        # Heartbeats and texts end no timer of their own, so ticks are looked for here too.
        self._watch_staleness()

    def _take_frame(self, raw: bytes, received_ns: int, monotonic_ns: int) -> None:
        counters = self._line.counters
        frame = decode_frame(raw)
        if frame.is_heartbeat:
            counters.heartbeats += 1
            return
        counters.frames += 1
        counters.packets += len(frame.packets)
        if frame.skipped or not frame.packets:
            self._count_malformed(raw, frame.skipped[0].reason if frame.skipped else "no packet")
        if frame.packets:
            self._link.ticks_received(monotonic_ns)
            self._last_tick_ns = received_ns
            self._line.tell(
                FeedFrame(
                    packets=frame.packets,
                    received_ns=received_ns,
                    received_monotonic_ns=monotonic_ns,
                    raw_size=len(raw),
                    connection=self.number,
                )
            )

    def _count_malformed(self, raw: bytes, reason: str) -> None:
        self._line.counters.malformed += 1
        # Once: a server that sends one broken frame sends thousands.
        if self._line.counters.malformed == 1:
            _log.warning(
                "ticker frame of %d bytes cannot be read (%s); it starts %s. Further ones are"
                " only counted.",
                len(raw),
                reason,
                raw[:32].hex(" "),
            )

    def _take_text(self, text: str, received_ns: int) -> None:
        tell = self._line.tell
        match messages.decode_text(text):
            case messages.OrderUpdate(order):
                if self._line.echoes.is_news(order):
                    tell(OrderUpdate(order=order, received_ns=received_ns))
            case messages.ErrorText(words):
                tell(FeedNotice(text=words, is_error=True, received_ns=received_ns))
            case messages.BrokerMessage(words):
                tell(FeedNotice(text=words, is_error=False, received_ns=received_ns))
            case messages.Other(type):
                self._line.counters.unknown_texts += 1
                if type == "order":
                    # Something happened to an order, and this is all that can be known of it.
                    notice = "an order update could not be read; read the order book."
                    tell(FeedNotice(text=notice, is_error=True, received_ns=received_ns))

    def _report_connection(self) -> None:
        self._line.counters.connections += 1
        self._line.tell(
            FeedConnected(
                at_ns=self._line.clock.now_ns(),
                is_reconnect=self._was_connected,
                gap_from_ns=self._last_received_ns if self._was_connected else None,
                connection=self.number,
            )
        )
        self._was_connected = True

    def _report_loss(self, reason: str, code: int | None, wait_ns: int) -> None:
        self._line.counters.disconnections += 1
        retry_in_s = wait_ns / NS_PER_SECOND
        _log.info("ticker link %d lost: %s; next try in %.1f s", self.number, reason, retry_in_s)
        self._line.tell(
            FeedDisconnected(
                at_ns=self._line.clock.now_ns(),
                reason=reason,
                retry_in_s=retry_in_s,
                connection=self.number,
                attempt=self._link.failures,
                code=code,
            )
        )

    def _url(self) -> str:
        line = self._line
        query = urlencode({"api_key": line.api_key, "access_token": line.access_token().reveal()})
        path = "" if line.root.count("/") > 2 else "/"
        return f"{line.root}{path}?{query}"


def credentials_error(refusal: HandshakeRefused) -> KiteError:
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
        remedy="Log in again; a session ends at 06:00 IST on the next day. If the session is good"
        " (`profile` answers), the api_key's plan has no market data.",
    )
