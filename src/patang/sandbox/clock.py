"""The sandbox's clock: virtual time that runs at a chosen speed and never outruns the market."""

import time
from collections.abc import Callable

from patang.domain.market import NS_PER_SECOND

IST_OFFSET_NS = 19_800 * NS_PER_SECOND
DAY_NS = 86_400 * NS_PER_SECOND
_TOKENS_DIE_NS = 6 * 3_600 * NS_PER_SECOND


class VirtualClock:
    """Time as ``start + elapsed real time x speed``, in nanoseconds UTC. Speed 0 is frozen."""

    def __init__(
        self,
        start_ns: int,
        speed: float,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.speed = speed
        self._monotonic_ns = monotonic_ns
        self._anchor_ns = start_ns
        self._anchor_monotonic_ns = monotonic_ns()

    def now_ns(self) -> int:
        """Virtual nanoseconds UTC."""
        elapsed_ns = self._monotonic_ns() - self._anchor_monotonic_ns
        return self._anchor_ns + int(elapsed_ns * self.speed)

    def fall_back_to(self, now_ns: int) -> None:
        """Go on from ``now_ns``: the market could not be computed as fast as the clock asked."""
        self._anchor_ns = now_ns
        self._anchor_monotonic_ns = self._monotonic_ns()


def ist_day(at_ns: int) -> int:
    """Number of the Indian calendar day that holds ``at_ns``, counted from 1970-01-01."""
    return (at_ns + IST_OFFSET_NS) // DAY_NS


def next_token_expiry_ns(at_ns: int) -> int:
    """The first 06:00 IST after ``at_ns``, when access tokens die.

    Source: Kite Connect v3, user, login flow (regulatory daily logout).
    """
    since_expiry_ns = (at_ns + IST_OFFSET_NS - _TOKENS_DIE_NS) % DAY_NS
    return at_ns - since_expiry_ns + DAY_NS
