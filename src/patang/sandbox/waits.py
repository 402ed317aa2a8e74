"""Tasks that sleep in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush

from patang.simulator.agenda import FOREVER_NS


class VirtualWaits:
    """Who waits for which moment of the virtual clock, nanoseconds UTC.

    Whoever moves the clock asks ``next_ns`` first, stops there, calls ``release`` and waits until
    ``settle`` returns: so what is waited for happens at its own time, however far a step leads.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, asyncio.Event]] = []
        self._count = 0
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def next_ns(self) -> int:
        """The earliest moment somebody waits for."""
        return self._heap[0][0] if self._heap else FOREVER_NS

    @asynccontextmanager
    async def until(self, due_ns: int) -> AsyncIterator[None]:
        """Enter the block once ``release`` was told of ``due_ns``; the block is what settles."""
        woken = asyncio.Event()
        self._count += 1
        entry = (due_ns, self._count, woken)
        heappush(self._heap, entry)
        try:
            await woken.wait()
            yield
        finally:
            if woken.is_set():
                self._busy -= 1
                if not self._busy:
                    self._idle.set()
            else:
                self._heap.remove(entry)
                self._heap.sort()

    def release(self, now_ns: int) -> None:
        """Wake everyone whose moment has come, in the order of the moments."""
        while self._heap and self._heap[0][0] <= now_ns:
            _, _, woken = heappop(self._heap)
            self._busy += 1
            self._idle.clear()
            woken.set()

    async def settle(self, timeout_s: float) -> None:
        """Return once everyone who was woken has finished, or after ``timeout_s`` real seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return
