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

    def steady_ns(self) -> int:
        """Nanoseconds that no setting of the clock moves, one scale for all processes of a host."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


async def sleep_or_event(clock: Clock, seconds: float, event: asyncio.Event) -> None:
    """Return when ``event`` is set, or when the venue's clock has moved on by ``seconds``."""
    if event.is_set():
        return
    async with asyncio.TaskGroup() as group:
        waits = [
            group.create_task(clock.sleep(seconds)),
            group.create_task(_until_set(event)),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()


def steady_ns(clock: Clock) -> int:
    """A scale to count seconds by: the machine's clock may be set by hand, a venue's cannot."""
    return clock.steady_ns() if isinstance(clock, SystemClock) else clock.now_ns()
