"""What a trader writes: a plain class with synchronous callbacks that return targets.

    class BuyAndHold(Strategy):
        def on_bar(self, view, bar):
            return Signal(instrument=bar.instrument, target=10)

A callback may return nothing, one ``Signal`` or several. It sees the world through a read-only
``View``; it has no clock, no network and no broker, so the same class runs in every mode.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import Bar, Tick
from patang.domain.messages import Signal
from patang.domain.order import Fill

Signals = Signal | Iterable[Signal] | None


class View(Protocol):
    """What a strategy may look at: its own instruments and positions, as of this turn."""

    @property
    def now_ns(self) -> int:
        """The time of the event being processed, UTC nanoseconds."""
        ...

    @property
    def instruments(self) -> Sequence[InstrumentId]:
        """The instruments this strategy runs on."""
        ...

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """The contract: lot, tick, multiplier."""
        ...

    def last_price(self, instrument: InstrumentId) -> float | None:
        """The newest traded price in rupees; None before the first tick."""
        ...

    def position(self, instrument: InstrumentId) -> int:
        """Units this strategy holds, short negative, fills booked so far."""
        ...

    def working(self, instrument: InstrumentId) -> int:
        """Signed units of this strategy's orders that may still fill."""
        ...

    def bars(self, instrument: InstrumentId, count: int) -> Sequence[Bar]:
        """Up to ``count`` newest finished bars, oldest first."""
        ...


class Strategy:
    """Base of every strategy. Override the callbacks you need; parameters arrive as keywords."""

    def on_start(self, view: View) -> Signals:
        """The run begins; nothing has been seen yet."""
        return None

    def on_bar(self, view: View, bar: Bar) -> Signals:
        """One of this strategy's instruments finished a bar."""
        return None

    def on_tick(self, view: View, tick: Tick) -> Signals:
        """One of this strategy's instruments ticked."""
        return None

    def on_fill(self, view: View, fill: Fill) -> Signals:
        """An order of this strategy traded; ``view.position`` already includes it."""
        return None

    def on_stop(self, view: View) -> None:
        """The run ends; signals are no longer taken."""
