"""Candles in ticks, how they add up to longer ones, and the minutes of a running day."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from patang.domain.market import NS_PER_SECOND

MINUTE_NS = 60 * NS_PER_SECOND


class TickCandle(NamedTuple):
    """One candle: its start in UTC nanoseconds, prices in ticks, units traded inside it.

    ``oi`` is the open interest at its end, 0 where there is none.
    """

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    oi: int = 0


def merged(start_ns: int, candles: Iterable[TickCandle]) -> TickCandle | None:
    """One candle of several that follow each other; None of none."""
    parts = tuple(candles)
    if not parts:
        return None
    return TickCandle(
        start_ns,
        parts[0].open,
        max(one.high for one in parts),
        min(one.low for one in parts),
        parts[-1].close,
        sum(one.volume for one in parts),
        parts[-1].oi,
    )


def aggregated(
    candles: Iterable[TickCandle], length_ns: int, anchor_ns: int
) -> Iterator[TickCandle]:
    """Candles of ``length_ns`` whose starts are counted from ``anchor_ns``, oldest first.

    Where nothing was traded there is no candle.
    """
    start_ns, parts = 0, list[TickCandle]()
    for one in candles:
        begins_ns = one.start_ns - (one.start_ns - anchor_ns) % length_ns
        if parts and begins_ns != start_ns:
            yield from _some(start_ns, parts)
            parts = []
        start_ns = begins_ns
        parts.append(one)
    yield from _some(start_ns, parts)


def _some(start_ns: int, parts: list[TickCandle]) -> Iterator[TickCandle]:
    whole = merged(start_ns, parts)
    if whole is not None:
        yield whole


class MinuteTape:
    """The minutes in which something was traded, written down as it happens.

    Closing prices that the exchange works out at the end of a day are kept beside them: a day's
    candle closes at that price, as Kite's do.
    """

    __slots__ = ("_closes", "_done", "_minute", "_now")

    def __init__(self) -> None:
        self._done: list[TickCandle] = []
        self._minute = -1
        self._now: list[int] = []
        self._closes: list[tuple[int, int]] = []

    def add(self, ticks: int, quantity: int, at_ns: int, oi: int = 0) -> None:
        """A trade of ``quantity`` units, or with quantity 0 a price made elsewhere."""
        minute = at_ns // MINUTE_NS
        now = self._now
        if minute != self._minute:
            if now:
                self._done.append(TickCandle(*now))
            self._minute = minute
            self._now = [minute * MINUTE_NS, ticks, ticks, ticks, ticks, quantity, oi]
            return
        if ticks > now[2]:
            now[2] = ticks
        elif ticks < now[3]:
            now[3] = ticks
        now[4] = ticks
        now[5] += quantity
        now[6] = oi

    def end_day(self, closing_ticks: int) -> None:
        """Note the closing price of the day that the last minutes belong to."""
        if self._minute >= 0:
            self._closes.append((self._minute * MINUTE_NS, closing_ticks))

    @property
    def first_ns(self) -> int | None:
        """Start of the first minute; None before any trade."""
        if self._done:
            return self._done[0].start_ns
        return self._now[0] if self._now else None

    def between(self, first_ns: int, end_ns: int) -> list[TickCandle]:
        """Minutes that start in ``[first_ns, end_ns)``; the newest may still be running."""
        minutes = [one for one in self._done if first_ns <= one.start_ns < end_ns]
        if self._now and first_ns <= self._now[0] < end_ns:
            minutes.append(TickCandle(*self._now))
        return minutes

    def closing_between(self, first_ns: int, end_ns: int) -> int | None:
        """The closing price noted for the day inside this span, in ticks."""
        return next((ticks for at, ticks in self._closes if first_ns <= at < end_ns), None)
