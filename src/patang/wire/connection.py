"""The ticker connection's decisions: what to subscribe, when a link is dead, when to dial again.

Nothing here touches a socket or a clock: the feed tells what happened and when (monotonic
nanoseconds), and is told what to do. Source: Kite Connect v3, WebSocket streaming.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

import msgspec

from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.market import NS_PER_SECOND
from patang.wire.messages import Request, SetMode, Subscribe, Unsubscribe
from patang.wire.ticks import TickMode

MAX_TOKENS = 3_000
"""Instruments one ticker connection may carry. Source: Kite Connect v3, WebSocket streaming."""

BATCH_TOKENS = 1_000
"""Tokens in one request, so that no text frame grows beyond some twelve kilobytes."""


class RandomSource(Protocol):
    """A seeded source of randomness; ``random.Random`` is one."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between ``a`` and ``b``."""
        ...


class LinkState(StrEnum):
    """Where the connection is."""

    IDLE = "idle"
    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    REFUSED = "refused"


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in nanoseconds of monotonic time.

    ``stall_ns`` is how long a link may be silent: the server sends a heartbeat every second or
    so. ``stale_ns`` is how long a link with subscriptions may carry no tick before that is told:
    a quiet market looks the same, so such a link is kept. The wait after failure ``n`` (from 0) is
    drawn between ``first_wait_ns * 2**n`` and twice that; near ``longest_wait_ns``, which it never
    exceeds, between half of it and all of it.
    """

    stall_ns: int = 9 * NS_PER_SECOND // 2
    stale_ns: int = 9 * NS_PER_SECOND // 2
    first_wait_ns: int = 1 * NS_PER_SECOND
    longest_wait_ns: int = 60 * NS_PER_SECOND
    max_tokens: int = MAX_TOKENS

    def __post_init__(self) -> None:
        for field in ("stall_ns", "stale_ns"):
            if getattr(self, field) <= 0:
                raise InvalidValue(field, f"{getattr(self, field)} is not positive.")
        if not 0 < self.first_wait_ns <= self.longest_wait_ns:
            raise InvalidValue(
                "first_wait_ns",
                f"{self.first_wait_ns} is not between 1 and longest_wait_ns"
                f" ({self.longest_wait_ns}).",
            )
        if not 1 <= self.max_tokens <= MAX_TOKENS:
            raise InvalidValue(
                "max_tokens", f"{self.max_tokens} is not between 1 and {MAX_TOKENS}."
            )


class TickerLink:
    """One ticker connection, as decisions.

    The desired subscriptions outlive every connection: whatever is asked while the link is down
    is sent once, in its final form, when it is up. Requests are handed out in the order in which
    they were decided, so a change made during a resubscription is never overtaken by it.
    """

    def __init__(self, settings: LinkSettings, random: RandomSource) -> None:
        self._settings = settings
        self._random = random
        self._state = LinkState.IDLE
        self._desired: dict[int, TickMode] = {}
        self._requests: deque[Request] = deque()
        self._last_frame_ns = 0
        self._last_tick_ns = 0
        self._is_stale = False
        self._failures = 0

    @property
    def state(self) -> LinkState:
        """Where the connection is."""
        return self._state

    @property
    def desired(self) -> Mapping[int, TickMode]:
        """Every subscribed token and its mode, in order of subscription."""
        return MappingProxyType(self._desired)

    @property
    def failures(self) -> int:
        """Connections in a row that ended, or never began, without a single frame."""
        return self._failures

    def subscribe(self, tokens: Iterable[int], mode: TickMode) -> None:
        """Want these tokens in this mode; tokens that already are so cost nothing.

        Raises:
            InvalidValue: a token does not fit 32 bits, or the connection would carry too many.
        """
        wanted = dict.fromkeys(checked_tokens(tokens))
        added = [token for token in wanted if token not in self._desired]
        if len(self._desired) + len(added) > self._settings.max_tokens:
            raise InvalidValue(
                "tokens",
                f"{len(self._desired) + len(added)} instruments on one connection;"
                f" it may carry {self._settings.max_tokens}.",
                "Unsubscribe some first, or open a second feed.",
            )
        changed = [token for token in wanted if self._desired.get(token) is not mode]
        if not self._desired:
            # Ticks are owed from now on; a link without subscriptions is never stale.
            self._last_tick_ns = self._last_frame_ns
        self._desired.update(dict.fromkeys(changed, mode))
        if self._state is LinkState.OPEN:
            self._queue_subscribe(added)
            self._queue_mode(mode, changed)

    def unsubscribe(self, tokens: Iterable[int]) -> None:
        """Stop wanting these tokens; unknown ones are ignored."""
        removed = [
            token for token in dict.fromkeys(checked_tokens(tokens)) if token in self._desired
        ]
        for token in removed:
            del self._desired[token]
        if self._state is LinkState.OPEN:
            self._requests.extend(Unsubscribe(tokens=batch) for batch in _batches(removed))

    def take_requests(self) -> list[Request]:
        """The requests to send now, in order; each is handed out once."""
        taken = list(self._requests)
        self._requests.clear()
        return taken

    def dialling(self) -> None:
        """The feed begins to connect."""
        self._require(LinkState.IDLE, LinkState.WAITING, LinkState.REFUSED)
        self._state = LinkState.CONNECTING

    def opened(self, now_ns: int) -> None:
        """The handshake succeeded: queue every desired subscription, once, with its mode.

        The mode is always said, also for ``quote``: that a new subscription starts in quote mode
        is what the server does, not what it promises.
        """
        self._require(LinkState.CONNECTING)
        self._state = LinkState.OPEN
        self._last_frame_ns = self._last_tick_ns = now_ns
        self._is_stale = False
        self._queue_subscribe(list(self._desired))
        for mode in TickMode:
            self._queue_mode(mode, [t for t, wanted in self._desired.items() if wanted is mode])

    def frame_received(self, now_ns: int) -> None:
        """Any frame, heartbeats too, proves the link alive and ends a series of failures."""
        self._last_frame_ns = now_ns
        self._failures = 0

    def ticks_received(self, now_ns: int) -> None:
        """A frame with ticks: the data is fresh."""
        self.frame_received(now_ns)
        self._last_tick_ns = now_ns
        self._is_stale = False

    def staleness_left_ns(self, now_ns: int) -> int | None:
        """How long until the ticks are stale; None when none are owed, or it has been told."""
        if self._is_stale or not self._desired:
            return None
        return self._last_tick_ns + self._settings.stale_ns - now_ns

    def staleness_told(self) -> None:
        """That the ticks are stale has been told; it is told again after the next tick only."""
        self._is_stale = True

    def silence_left_ns(self, now_ns: int) -> int:
        """How long the link may still be silent; zero or less means it is dead."""
        return self._last_frame_ns + self._settings.stall_ns - now_ns

    def lost(self) -> int:
        """The link broke or could not be made; return how long to wait before dialling again."""
        self._require(LinkState.CONNECTING, LinkState.OPEN)
        self._state = LinkState.WAITING
        self._requests.clear()
        longest = self._settings.longest_wait_ns
        # 36 doublings of one nanosecond pass the longest sensible wait; no larger integer is built.
        ceiling = min(self._settings.first_wait_ns << min(self._failures + 1, 36), longest)
        self._failures += 1
        return round(self._random.uniform(max(ceiling // 2, 1), ceiling))

    def refused(self) -> None:
        """The server refused the credentials: dialling again is useless and may block the app."""
        self._require(LinkState.CONNECTING)
        self._state = LinkState.REFUSED

    def closed(self) -> None:
        """The feed ended on purpose. Desired subscriptions stay for the next start."""
        self._state = LinkState.IDLE
        self._failures = 0
        self._requests.clear()

    def _queue_subscribe(self, tokens: list[int]) -> None:
        self._requests.extend(Subscribe(tokens=batch) for batch in _batches(tokens))

    def _queue_mode(self, mode: TickMode, tokens: list[int]) -> None:
        self._requests.extend(SetMode(mode=mode, tokens=batch) for batch in _batches(tokens))

    def _require(self, *states: LinkState) -> None:
        if self._state not in states:
            raise InvariantBroken(f"the ticker link is {self._state}, not {' or '.join(states)}.")


def _batches(tokens: list[int]) -> list[tuple[int, ...]]:
    return [
        tuple(tokens[start : start + BATCH_TOKENS]) for start in range(0, len(tokens), BATCH_TOKENS)
    ]


def checked_tokens(tokens: Iterable[int]) -> list[int]:
    """The tokens, once each is known to be a 32-bit number; raises ``InvalidValue``."""
    checked = list(tokens)
    for token in checked:
        # bool is an int to Python, and True would quietly become token 1.
        if type(token) is not int or not 0 <= token < 1 << 32:
            raise InvalidValue("tokens", f"{token!r} is not an instrument token.")
    return checked
