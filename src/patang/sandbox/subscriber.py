"""One connection of the ticker: what it listens to, what changed, and what waits to be sent."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, assert_never

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.column_ticks import Columns, ColumnTicks
from patang.sandbox.outgoing import Silence
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
from patang.wire.ticks import Packet, TickMode, encode_bodies, frame_of

TEXTS_MAX = 10_000
MAX_CONNECTIONS = 3
"""Connections of one user with one API key. Source: Kite Connect v3, WebSocket streaming."""

# Kite pushes a liquid instrument two to four times a second; a fifth of a second lets through what
# changes each quarter. Source: Zerodha staff, developer forum. The second is virtual, or real where
# the virtual one is longer: a frozen clock still shows trades.
TOKEN_INTERVAL_NS = NS_PER_SECOND // 5

TRY_AGAIN_LATER = 1013


class TickerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may carry, how many a user may have, how often a token is pushed."""

    tokens_max: int = MAX_TOKENS
    connections_max: int = MAX_CONNECTIONS
    token_interval_ns: int = TOKEN_INTERVAL_NS

    def __post_init__(self) -> None:
        for field in ("tokens_max", "connections_max"):
            if getattr(self, field) < 1:
                raise InvalidValue(field, f"{getattr(self, field)} is below 1.")
        if self.token_interval_ns < 0:
            raise InvalidValue("token_interval_ns", f"{self.token_interval_ns} is negative.")


class Quotes(Protocol):
    """Where the ticker finds the newest packet of a token."""

    def packet(self, token: int, mode: TickMode) -> Packet | None:
        """The packet as of now; None for a token that does not exist."""

    @property
    def columns(self) -> Columns | None:
        """The instruments that have no book; None where every one has."""


class Subscriber:
    """The state of one connection: its modes, what changed since, and what waits to be sent.

    Ticks conflate: only the newest state of a token is ever sent. Texts keep their order and none
    is dropped; the connection of a reader that lets ``TEXTS_MAX`` of them pile up is closed.
    ``api_key`` and ``number`` (counted by the ticker from 1) say which connection it is.
    """

    def __init__(
        self,
        user_id: str,
        quotes: Quotes,
        *,
        api_key: str = "",
        number: int = 0,
        limits: TickerLimits | None = None,
    ) -> None:
        self.user_id = user_id
        self.api_key = api_key
        self.number = number
        self.wake = asyncio.Event()
        self.close_code: int | None = None
        self.on_silence: Callable[[Silence], None] | None = None
        self.on_depth: Callable[[int], None] | None = None
        """Called with each token whose depth is asked for, before it is subscribed."""
        self.peer: tuple[str, int] | None = None
        """Host and port of the other end, where there is a network between."""
        self._limits = limits or TickerLimits()
        self._silence = Silence.NONE
        self._quotes = quotes
        source = quotes.columns
        self._columns = (
            None if source is None else ColumnTicks(source, self._limits.token_interval_ns)
        )
        self._modes: dict[int, TickMode] = {}
        self._due_at_once: dict[int, None] = {}
        self._changed: dict[int, None] = {}
        self._sent_ns: dict[int, tuple[int, int]] = {}
        self._sent_price: dict[int, int] = {}
        self._texts: deque[str] = deque()

    @property
    def silence(self) -> Silence:
        """How the connection is kept silent, a fault made on purpose; ``NONE`` as a rule.

        What changes meanwhile is sent when the silence ends; texts of that time are lost.
        """
        return self._silence

    @silence.setter
    def silence(self, silence: Silence) -> None:
        self._silence = silence
        if silence is not Silence.NONE:
            self._texts.clear()
        if self.on_silence is not None:
            self.on_silence(silence)
        self.wake.set()

    @property
    def modes(self) -> dict[int, TickMode]:
        """Every token listened to and its mode, in order of subscription."""
        return dict(self._modes)

    def handle(self, text: str) -> None:
        """Obey one request of the client; answer one that cannot be read with an error text."""
        if self._silence is Silence.HALF_OPEN:
            return
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
        columns = self._columns
        for token in tokens:
            if token in self._modes and (columns is None or token not in columns):
                self._changed[token] = None
        if self._changed or self._due_at_once or columns:
            self.wake.set()

    def push_text(self, text: str) -> None:
        """Queue a text frame."""
        if self._silence is not Silence.NONE:
            return
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
        if self._silence is not Silence.NONE:
            return None
        count, bodies = self._take_columns(now_ns, real_ns)
        packets: list[Packet] = []
        due = self._due_at_once
        self._due_at_once = {}
        interval_ns = self._limits.token_interval_ns
        for token in self._changed:
            sent_ns, sent_real_ns = self._sent_ns.get(token, (0, 0))
            if max(now_ns - sent_ns, real_ns - sent_real_ns) >= interval_ns:
                due[token] = None
        for token in due:
            self._changed.pop(token, None)
            packet = self._quotes.packet(token, self._modes[token])
            if packet is not None and self._is_news(packet, token):
                packets.append(packet)
                self._sent_ns[token] = (now_ns, real_ns)
                self._sent_price[token] = packet.last_price
        count += len(packets)
        return frame_of(count, encode_bodies(packets), *bodies) if count else None

    def _take_columns(self, now_ns: int, real_ns: int) -> tuple[int, list[bytes]]:
        columns = self._columns
        if not columns:
            return 0, []
        for token in columns.take_books():
            self._due_at_once[token] = None
        return columns.take(now_ns, real_ns)

    def _is_news(self, packet: Packet, token: int) -> bool:
        """In ltp mode only a new price is pushed. Source: Zerodha staff, developer forum."""
        if self._modes[token] is not TickMode.LTP:
            return True
        return self._sent_price.get(token) != packet.last_price

    def _subscribe(self, tokens: Iterable[int], mode: TickMode | None) -> None:
        refused: list[int] = []
        tokens_max = self._limits.tokens_max
        for token in tokens:
            if token not in self._modes and len(self._modes) >= tokens_max:
                refused.append(token)
                continue
            # Subscribing anew keeps the mode; the first packet goes out at once either way.
            wanted = mode or self._modes.get(token, TickMode.QUOTE)
            self._modes[token] = wanted
            if wanted is TickMode.FULL and self.on_depth is not None:
                self.on_depth(token)
            if self._columns is not None and self._columns.subscribe(token, wanted):
                continue
            self._due_at_once[token] = None
            self._sent_price.pop(token, None)
        if refused:
            self.push_text(
                encode_text(
                    ErrorText(
                        f"Maximum of {tokens_max} instruments per connection exceeded; "
                        f"{len(refused)} were not subscribed."
                    )
                )
            )
        self.wake.set()

    def _forget(self, token: int) -> None:
        for record in (self._modes, self._due_at_once, self._changed, self._sent_ns):
            record.pop(token, None)
        self._sent_price.pop(token, None)
        if self._columns is not None:
            self._columns.forget(token)
