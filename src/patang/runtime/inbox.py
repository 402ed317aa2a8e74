"""The bounded inbox: one queue that orders everything that happens to a run.

Order events are never dropped. When too many ticks wait, newer ones replace older ones of the same
instrument, and the engine is told, so that the bars concerned are marked partial.
"""

import asyncio
from collections import deque

from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import Tick
from patang.domain.messages import AnyEvent, TicksConflated, TicksReceived


class Inbox:
    """Events in order of arrival, with at most ``max_tick_events`` frames of ticks waiting."""

    def __init__(self, max_tick_events: int = 1_000) -> None:
        if max_tick_events < 1:
            raise InvalidValue("max_tick_events", f"{max_tick_events} is below 1.")
        self.dropped_ticks = 0
        self._max_tick_events = max_tick_events
        self._events: deque[tuple[AnyEvent, int]] = deque()
        self._tick_events = 0
        self._newest: dict[InstrumentId, Tick] = {}
        self._touched: dict[InstrumentId, None] = {}
        self._dropped = 0
        self._newest_at_ns = 0
        self._newest_arrived_ns = 0
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events) + bool(self._newest)

    def put(self, event: AnyEvent, arrived_ns: int) -> None:
        """Queue an event; ticks beyond the bound are conflated.

        ``arrived_ns`` is the machine's monotonic time at which its bytes came, to measure by.
        """
        self._arrived.set()
        if not isinstance(event, TicksReceived):
            self._events.append((event, arrived_ns))
        elif self._tick_events < self._max_tick_events and not self._newest:
            self._tick_events += 1
            self._events.append((event, arrived_ns))
        else:
            self._conflate(event)
            self._newest_arrived_ns = arrived_ns

    def take(self) -> tuple[AnyEvent, int] | None:
        """The next event and when its bytes came, or None when nothing waits."""
        if not self._events and self._newest:
            self._release()
        if self._events:
            event, arrived_ns = self._events.popleft()
            self._tick_events -= isinstance(event, TicksReceived)
            return event, arrived_ns
        self._arrived.clear()
        return None

    async def wait(self) -> None:
        """Return once there may be something to take."""
        await self._arrived.wait()

    def _conflate(self, event: TicksReceived) -> None:
        self._newest_at_ns = event.at_ns
        for tick in event.ticks:
            if tick.instrument in self._newest:
                self._dropped += 1
                self.dropped_ticks += 1
                self._touched[tick.instrument] = None
            self._newest[tick.instrument] = tick

    def _release(self) -> None:
        at_ns = self._newest_at_ns
        if self._dropped:
            conflated = TicksConflated(
                at_ns=at_ns, instruments=tuple(self._touched), dropped=self._dropped
            )
            self._events.append((conflated, self._newest_arrived_ns))
        ticks = TicksReceived(at_ns=at_ns, ticks=tuple(self._newest.values()))
        self._events.append((ticks, self._newest_arrived_ns))
        self._tick_events += 1
        self._newest = {}
        self._touched = {}
        self._dropped = 0
