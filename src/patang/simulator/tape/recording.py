"""A recorded market, ready to be played: what each instrument showed, in the order of time."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from patang.domain.instrument import Instrument, InstrumentId

Shown = tuple[tuple[int, int], ...]
"""Levels of one side, best first: (ticks, units)."""


class TapeEvent(NamedTuple):
    """One moment of one instrument.

    ``last_ticks`` is the last price (0: none yet), ``traded`` the units traded since the event
    before, most recently at that price. ``oi`` is None where the tape does not tell.
    """

    time_ns: int
    last_ticks: int
    traded: int
    bids: Shown
    asks: Shown
    oi: int | None = None


class TickBar(NamedTuple):
    """A bar of the tape: its start in UTC nanoseconds, prices in ticks, units traded in it."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    oi: int | None = None


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """All of a tape. ``previous_closes`` are in rupees, one for each instrument.

    The events of an instrument never go back in time.
    """

    instruments: tuple[Instrument, ...]
    previous_closes: dict[InstrumentId, Decimal]
    events: dict[InstrumentId, tuple[TapeEvent, ...]]

    @property
    def start_ns(self) -> int:
        """The first event, UTC."""
        return min(some[0].time_ns for some in self.events.values())

    @property
    def end_ns(self) -> int:
        """The last event, UTC."""
        return max(some[-1].time_ns for some in self.events.values())


def quoted_about(last_ticks: int, quantity: int) -> tuple[Shown, Shown]:
    """Depth for a tape that has none: one level a side, a tick away from the last price."""
    size = max(quantity, 1)
    bids = ((last_ticks - 1, size),) if last_ticks > 1 else ()
    return bids, ((last_ticks + 1, size),)


def bar_events(bar: TickBar, length_ns: int) -> tuple[TapeEvent, ...]:
    """A bar as four moments inside it: open, both extremes, close; a quarter of the volume each.

    A bar that rose went to its low first, one that fell to its high. The four add up to the bar.
    """
    extremes = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    prices = (bar.open, *extremes, bar.close)
    quarter = bar.volume // 4
    volumes = (quarter, quarter, quarter, bar.volume - 3 * quarter)
    offsets = (0, length_ns // 4, length_ns // 2, length_ns - 1)
    return tuple(
        TapeEvent(bar.start_ns + offset, price, volume, *quoted_about(price, quarter), bar.oi)
        for price, volume, offset in zip(prices, volumes, offsets, strict=True)
    )
