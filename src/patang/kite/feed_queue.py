"""The bounded queue between the socket's reader and whoever iterates the feed."""

import asyncio
from collections import deque

from patang.kite.feed_events import FeedEvent, FeedFrame, FeedNotice, OrderUpdate


class FeedQueue:
    """First in, first out; when full, ticks conflate to the newest of each instrument.

    Only frames conflate. Order updates and changes of the link are never dropped, so they may
    pass the bound.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._events: deque[FeedEvent] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False
        self._error: Exception | None = None
        self.conflated = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: FeedEvent) -> None:
        """Add an event; merge a frame into the newest one when there is no room."""
        if isinstance(event, FeedFrame) and len(self._events) >= self._bound:
            event = self._with_newest(event)
        self._events.append(event)
        self._changed.set()

    def _with_newest(self, frame: FeedFrame) -> FeedFrame:
        """The frame with what waits in the newest one, which leaves its place for it."""
        for back, event in enumerate(reversed(self._events), 1):
            if isinstance(event, FeedFrame):
                del self._events[-back]
                return self._merged(event, frame)
            # Ticks may be told after an order's update, but not after the news that they are old.
            if not isinstance(event, OrderUpdate | FeedNotice):
                break
        return frame

    def _merged(self, older: FeedFrame, newer: FeedFrame) -> FeedFrame:
        packets = {packet.token: packet for packet in older.packets}
        before = len(packets) + len(newer.packets)
        packets.update((packet.token, packet) for packet in newer.packets)
        replaced = before - len(packets)
        self.conflated += replaced
        return FeedFrame(
            packets=tuple(packets.values()),
            received_ns=newer.received_ns,
            received_monotonic_ns=newer.received_monotonic_ns,
            raw_size=older.raw_size + newer.raw_size,
            conflated=older.conflated + replaced,
            connection=newer.connection,
        )

    def close(self, error: Exception | None = None) -> None:
        """Let the consumer drain what is here and then stop, or raise ``error``."""
        if not self._is_closed:
            self._is_closed = True
            self._error = error
            self._changed.set()

    async def get(self) -> FeedEvent:
        """The oldest event; ``StopAsyncIteration`` or the error when closed and drained."""
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._is_closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    async def get_all(self) -> list[FeedEvent]:
        """Every event that is here, the oldest first, at least one; ends as ``get`` does."""
        events = [await self.get(), *self._events]
        self._events.clear()
        return events
