"""Order requests, paced so that no server second ever sees more than the limit.

Kite counts order requests per calendar second of its own clock, and how long a request travels
is not known. So a slot is held from the send until one second after the reply: two requests that
arrive in one server second then always hold their slots at the same moment, whatever the latency
and whatever the two clocks say. Source: Kite Connect v3, rate limits (10 a second, hard).
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.kite.clock import Clock
from patang.kite.errors import ConnectFailed
from patang.wire.errors import KiteError, TokenException

KITE_LIMIT_PER_SECOND = 10


class Lane(IntEnum):
    """Who goes first. A cancel never waits behind an entry."""

    CANCEL = 0
    EXIT = 1
    ENTRY = 2


class OrderGovernor:
    """Hands out slots for order requests; ``run`` must be running for any to be granted.

    ``arrival_bound_s`` is how long after an unanswered request it may still reach the server.
    """

    def __init__(self, clock: Clock, *, per_second: int = 9, arrival_bound_s: float = 10.0) -> None:
        if not 1 <= per_second <= KITE_LIMIT_PER_SECOND:
            raise InvalidValue(
                "per_second", f"{per_second} is not between 1 and {KITE_LIMIT_PER_SECOND}."
            )
        self._clock = clock
        self._limit = per_second
        self._lost_hold_ns = round(arrival_bound_s * NS_PER_SECOND) + NS_PER_SECOND
        self._sequence = count()
        self._queue: list[tuple[Lane, int, asyncio.Future[None]]] = []
        self._cooling: list[int] = []
        self._in_flight = 0
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet."""
        return sum(not turn.done() for _, _, turn in self._queue)

    @asynccontextmanager
    async def slot(self, lane: Lane) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the block sends and awaits the reply."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (lane, next(self._sequence), turn))
        self._changed.set()
        await self._granted(turn)
        hold_ns = self._lost_hold_ns
        try:
            yield
            hold_ns = NS_PER_SECOND
        except KiteError as error:
            if isinstance(error, ConnectFailed | TokenException) and error.status is None:
                hold_ns = 0  # nothing was sent
            elif error.status is not None:
                # The server has answered, so the request is not still travelling.
                hold_ns = NS_PER_SECOND
            raise
        except InvalidValue:
            hold_ns = 0  # nothing was sent
            raise
        finally:
            self._in_flight -= 1
            heapq.heappush(self._cooling, self._clock.now_ns() + hold_ns)
            self._changed.set()

    async def _granted(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._in_flight -= 1
                self._changed.set()
            raise

    async def run(self) -> None:
        """Grant slots, the most urgent request first, until cancelled."""
        while True:
            self._changed.clear()
            wait_ns = self._grant()
            if wait_ns is None:
                await self._changed.wait()
            else:
                await self._sleep_or_change(wait_ns / NS_PER_SECOND)

    async def _sleep_or_change(self, seconds: float) -> None:
        # A reply during the sleep can free a slot before the one that was slept for.
        async with asyncio.TaskGroup() as group:
            waits = [
                group.create_task(self._clock.sleep(seconds)),
                group.create_task(self._wait_for_change()),
            ]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _wait_for_change(self) -> None:
        await self._changed.wait()

    def _grant(self) -> int | None:
        """Grant what can be granted; return how long until the next slot frees by itself."""
        now_ns = self._clock.now_ns()
        while self._cooling and self._cooling[0] <= now_ns:
            heapq.heappop(self._cooling)
        while self._queue:
            if self._queue[0][2].done():
                heapq.heappop(self._queue)
            elif self._in_flight + len(self._cooling) < self._limit:
                heapq.heappop(self._queue)[2].set_result(None)
                self._in_flight += 1
            else:
                return self._cooling[0] - now_ns if self._cooling else None
        return None
