"""The sandbox's clock: virtual time that runs at a chosen speed and never outruns the market."""

import time
from collections.abc import Callable


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

    def set_speed(self, speed: float) -> None:
        """Go on from now at another speed."""
        self.fall_back_to(self.now_ns())
        self.speed = speed

    def fall_back_to(self, now_ns: int) -> None:
        """Go on from ``now_ns``: the market could not be computed as fast as the clock asked."""
        self._anchor_ns = now_ns
        self._anchor_monotonic_ns = self._monotonic_ns()
