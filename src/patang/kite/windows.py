"""The arithmetic of rate limits: who may go now, and how long the others wait. No clock, no file.

Kite counts requests per calendar second, minute and day of its own clock, and how long a request
travels is not known. So a request holds a slot in a window of length W from its grant until W
after it can no longer arrive (its reply, or a bound after a time-out). When two requests arrive in
one calendar window of the server, the earlier still holds its slot at the later one's grant,
whatever the latencies and whatever the clocks say. Hence the server never sees more than there are
slots. Source: Kite Connect v3, rate limits; counting rules from Zerodha's forum.
"""

from collections.abc import Iterable
from enum import IntEnum

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.wire.endpoints import RateClass

KITE_ORDERS_PER_SECOND = 10
"""The hard limit of an account, over all its apps. Source: Kite Connect v3, since 2026-04-01."""

NEVER_NS = 2**62
"""Later than any time: a request that is still on its way, in a process that watches it."""


class Lane(IntEnum):
    """Who goes first. A cancel never waits behind an entry."""

    CANCEL = 0
    EXIT = 1
    MODIFY = 2
    ENTRY = 3

    @property
    def is_reserved_for(self) -> bool:
        """Whether the slots that are kept back are kept for this lane."""
        return self <= Lane.EXIT


class Window(msgspec.Struct, frozen=True):
    """At most ``limit`` requests in ``length_ns``, the last ``reserve`` for cancels and exits."""

    length_ns: int
    limit: int
    reserve: int = 0

    def allowance(self, lane: Lane) -> int:
        """How many slots a lane may find taken and still go is one less than this."""
        return self.limit if lane.is_reserved_for else self.limit - self.reserve


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may send. The defaults are Kite's limits, orders one below the hard ten.

    Reserves are kept for cancels and exits, so that entries alone can never use up a limit.
    ``arrival_bound_s`` is how long after its time-out a request may still reach the server.

    Raises:
        InvalidValue: a number is outside what Kite allows.
    """

    orders_per_second: int = 9
    orders_per_minute: int = 400
    orders_per_day: int = 5_000
    modifications_per_order: int = 25
    quotes_per_second: int = 1
    candles_per_second: int = 3
    others_per_second: int = 10
    reserve_per_second: int = 0
    reserve_per_minute: int = 20
    reserve_per_day: int = 50
    arrival_bound_s: float = 10.0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 1 <= (value := getattr(self, name)) <= most:
                raise InvalidValue(name, f"{value} is not between 1 and {most}.")
        for span in ("second", "minute", "day"):
            name = f"reserve_per_{span}"
            reserve, limit = getattr(self, name), getattr(self, f"orders_per_{span}")
            if not 0 <= reserve < limit:
                raise InvalidValue(name, f"{reserve} of {limit} leaves no entry.")
        if not 0 <= self.arrival_bound_s <= 300:
            raise InvalidValue("arrival_bound_s", f"{self.arrival_bound_s} is not in [0, 300].")

    def windows(self, rate: RateClass) -> tuple[Window, ...]:
        """The rolling windows of a class, shortest first. The day is counted apart."""
        second = NS_PER_SECOND
        match rate:
            case RateClass.ORDER:
                return (
                    Window(second, self.orders_per_second, self.reserve_per_second),
                    Window(60 * second, self.orders_per_minute, self.reserve_per_minute),
                )
            case RateClass.QUOTE:
                return (Window(second, self.quotes_per_second),)
            case RateClass.HISTORICAL:
                return (Window(second, self.candles_per_second),)
            case RateClass.GENERAL:
                return (Window(second, self.others_per_second),)

    def day_allowance(self, lane: Lane) -> int:
        """How many orders of the day a lane may bring the account to."""
        kept_back = 0 if lane.is_reserved_for else self.reserve_per_day
        return self.orders_per_day - kept_back


_MOST = {
    "orders_per_second": KITE_ORDERS_PER_SECOND,
    "orders_per_minute": 2_000,
    "orders_per_day": 1_000_000,
    "modifications_per_order": 1_000,
    "quotes_per_second": 1_000,
    "candles_per_second": 1_000,
    "others_per_second": 1_000,
}


def wait_ns(settled: Iterable[int], windows: Iterable[Window], lane: Lane, now_ns: int) -> int:
    """How long until a request of ``lane`` may go; 0 is now, ``NEVER_NS`` not before a reply.

    ``settled`` holds, for each request granted before, when it can no longer arrive.
    """
    times = sorted(settled)
    longest_ns = 0
    for window in windows:
        held = [at_ns for at_ns in times if at_ns + window.length_ns > now_ns]
        excess = len(held) - window.allowance(lane)
        if excess < 0:
            continue
        frees_ns = held[excess]
        if frees_ns >= NEVER_NS:
            return NEVER_NS
        longest_ns = max(longest_ns, frees_ns + window.length_ns - now_ns)
    return longest_ns


def held_count(settled: Iterable[int], window: Window, now_ns: int) -> int:
    """How many slots of a window are taken."""
    return sum(at_ns + window.length_ns > now_ns for at_ns in settled)
