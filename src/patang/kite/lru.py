"""A cache bounded by bytes, for what does not change while it is kept.

Quotes, orders, positions and funds have no place in it: its keys begin with a ``Kept``, and that
set has no word for them.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from patang.domain.errors import InvalidValue
from patang.kite.single_flight import SingleFlight

V = TypeVar("V")


class Kept(StrEnum):
    """What may be kept."""

    INSTRUMENTS = "instruments"
    """Of one trading date."""
    FUNDS = "mutual fund instruments"
    """Of one trading date."""
    CANDLES = "candles"
    """Of days that are over."""


Key = tuple[Hashable, ...]
"""A ``Kept`` and what tells its values apart."""


class CacheCounters(msgspec.Struct):
    """How a cache did."""

    hits: int = 0
    misses: int = 0
    evicted: int = 0
    too_large: int = 0


class ByteCache(Generic[V]):
    """Keeps the values used last within ``budget_bytes``; misses are loaded once, single flight.

    ``size_of`` says how many bytes a value counts for. One larger than the whole budget is handed
    out and not kept. An instance belongs to one event loop.
    """

    def __init__(self, budget_bytes: int, size_of: Callable[[V], int]) -> None:
        if budget_bytes < 1:
            raise InvalidValue("budget_bytes", f"{budget_bytes} is below 1.")
        self._budget = budget_bytes
        self._size_of = size_of
        self._values: OrderedDict[Key, tuple[V, int]] = OrderedDict()
        self._flights: SingleFlight[Key, V] = SingleFlight()
        self.bytes_kept = 0
        self.counters = CacheCounters()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    async def get(self, key: Key, load: Callable[[], Awaitable[V]]) -> V:
        """The value of ``key``, loaded when it is not here; a failed load leaves nothing."""
        if not key or not isinstance(key[0], Kept):
            raise InvalidValue("key", f"{key!r} does not begin with what may be kept.")
        kept = self._values.get(key)
        if kept is not None:
            self._values.move_to_end(key)
            self.counters.hits += 1
            return kept[0]
        self.counters.misses += 1
        return await self._flights.get(key, lambda: self._load(key, load))

    def drop(self, keep: Callable[[Key], bool]) -> None:
        """Forget every key for which ``keep`` is false."""
        for key in [key for key in self._values if not keep(key)]:
            self._forget(key)

    async def _load(self, key: Key, load: Callable[[], Awaitable[V]]) -> V:
        value = await load()
        size = self._size_of(value)
        if size > self._budget:
            self.counters.too_large += 1
            return value
        if key in self._values:
            self._forget(key)
        self._values[key] = (value, size)
        self.bytes_kept += size
        while self.bytes_kept > self._budget:
            self._forget(next(iter(self._values)))
            self.counters.evicted += 1
        return value

    def _forget(self, key: Key) -> None:
        self.bytes_kept -= self._values.pop(key)[1]
