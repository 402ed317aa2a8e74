"""What is due later: timers of the exchange, run in the order of their times."""

from collections.abc import Callable
from heapq import heappop, heappush

import msgspec

FOREVER_NS = 1 << 62
"""Later than any time: what never happens is due then."""

Action = Callable[[int], None]
"""Called with the instant it was due, UTC nanoseconds."""


class Entry(msgspec.Struct, eq=False):
    """One thing to do at ``due_ns``; ``cancel`` makes it not happen."""

    due_ns: int
    action: Action | None

    def cancel(self) -> None:
        """Let it not happen. Harmless when it already has."""
        self.action = None


class Agenda:
    """Timers in UTC nanoseconds. At one instant, those that were set first run first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Entry]] = []
        self._count = 0

    @property
    def next_ns(self) -> int:
        """When the next timer is due; ``FOREVER_NS`` when none is set."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heappop(heap)
        return heap[0][0] if heap else FOREVER_NS

    def at(self, due_ns: int, action: Action) -> Entry:
        """Set a timer; one whose time has passed is due at once, at the next ``take_due``."""
        entry = Entry(due_ns, action)
        self._count += 1
        heappush(self._heap, (due_ns, self._count, entry))
        return entry

    def take_due(self, until_ns: int) -> Entry | None:
        """Take off the next timer due up to and at ``until_ns``; None when there is none."""
        return heappop(self._heap)[2] if self.next_ns <= until_ns else None
