"""Clocks. Time belongs to the venue: business time comes from one of these, never from the OS.

The real exchange's clock is ``patang.kite.clock.SystemClock``; here are the other two.
"""

import asyncio
import time

from patang.domain.market import NS_PER_SECOND
from patang.kite.clock import Clock

_LONGEST_NAP_S = 1.0


class VenueClock:
    """The clock of a sandbox world that may run at speed, or lag behind it.

    It runs on from the last ``synchronise`` at ``speed`` and never steps back: when the world
    turns out to be behind, this clock waits for it.
    """

    def __init__(self, now_ns: int, speed: float) -> None:
        self._latest_ns = now_ns
        self.synchronise(now_ns, speed)

    def synchronise(self, now_ns: int, speed: float) -> None:
        """Adopt the world's answer to "what time is it?"."""
        self._anchor_ns = now_ns
        self._anchor_monotonic_ns = time.monotonic_ns()
        self._speed = speed

    def now_ns(self) -> int:
        """UTC nanoseconds of the world."""
        elapsed_ns = time.monotonic_ns() - self._anchor_monotonic_ns
        self._latest_ns = max(self._latest_ns, self._anchor_ns + int(elapsed_ns * self._speed))
        return self._latest_ns

    async def sleep(self, seconds: float) -> None:
        """Return once the world's clock has moved on by ``seconds``."""
        until_ns = self.now_ns() + round(seconds * NS_PER_SECOND)
        while (wait_ns := until_ns - self.now_ns()) > 0:
            # Short naps: the world may be synchronised meanwhile, or stand still.
            nap_s = wait_ns / NS_PER_SECOND / self._speed if self._speed > 0 else _LONGEST_NAP_S
            await asyncio.sleep(min(nap_s, _LONGEST_NAP_S))


class SimClock:
    """A clock that moves only when told: for backtests, simulations and tests."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._moved = asyncio.Event()

    def now_ns(self) -> int:
        """UTC nanoseconds, as last told."""
        return self._now_ns

    def advance_to(self, at_ns: int) -> None:
        """Move forward; a time in the past is ignored."""
        self._now_ns = max(self._now_ns, at_ns)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced by ``seconds``."""
        until_ns = self._now_ns + round(seconds * NS_PER_SECOND)
        while self._now_ns < until_ns:
            await self._moved.wait()


async def sleep_until(clock: Clock, at_ns: int) -> None:
    """Return once ``clock`` shows ``at_ns``."""
    wait_ns = at_ns - clock.now_ns()
    if wait_ns > 0:
        await clock.sleep(wait_ns / NS_PER_SECOND)
