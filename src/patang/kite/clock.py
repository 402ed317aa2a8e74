"""The clock that business time is read from: the wall, or a sandbox world's own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Venue time. A sandbox that runs at speed has its own, and waits are in its seconds."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when the venue's clock has moved on by ``seconds``."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
