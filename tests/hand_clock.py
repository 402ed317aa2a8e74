"""A clock that a test turns by hand, for code that waits in venue time."""

import asyncio
import heapq
from itertools import count

SECOND = 1_000_000_000


class HandClock:
    """Time moves from sleeper to sleeper, and only while ``run_until`` runs."""

    def __init__(self) -> None:
        self._now_ns = 1_767_589_200 * SECOND
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_ns(self) -> int:
        return self._now_ns

    def step(self, seconds: float) -> None:
        """Set the clock, as an administrator would; no sleeper notices."""
        self._now_ns += round(seconds * SECOND)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        due_ns = self._now_ns + max(round(seconds * SECOND), 0)
        heapq.heappush(self._sleepers, (due_ns, next(self._order), woken))
        await woken

    async def run_for(self, seconds: float) -> None:
        end_ns = self._now_ns + round(seconds * SECOND)
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end_ns:
            due_ns, _, woken = heapq.heappop(self._sleepers)
            self._now_ns = due_ns
            if not woken.done():
                woken.set_result(None)
            await self._settle()
        self._now_ns = end_ns

    @staticmethod
    async def _settle() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
