"""Trend following on bars: long while the fast average is above the slow one, else short.

Shows a target per bar, indicators of one's own, and parameters that may change at run time.
"""

from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import Bar
from patang.domain.messages import Signal
from patang.engine.indicators import Indicator
from patang.engine.parameters import whole
from patang.engine.strategy import Strategy, View


class EmaCross(Strategy):
    """Two exponential averages of the close, in bars; ``quantity`` in units."""

    fast = whole(4, low=2)
    slow = whole(9, low=3)
    quantity = whole(50, low=1)

    def check(self) -> None:
        """The fast average must be the faster one."""
        if self.fast >= self.slow:
            raise InvalidValue(
                "parameters.fast", f"{self.fast} must lie between 1 and slow ({self.slow})."
            )

    def on_start(self, view: View) -> None:
        """One pair of averages for each instrument."""
        self.averages: dict[InstrumentId, tuple[Indicator, Indicator]] = {}
        for name in view.instruments:
            averages = self.averages[name] = (
                Indicator("EMA", timeperiod=self.fast),
                Indicator("EMA", timeperiod=self.slow),
            )
            for bar in view.bars(name, self.slow * 10):
                for average in averages:
                    average.update(bar.close)

    def on_parameters(self, view: View) -> None:
        """Other lengths: the averages are built anew from the bars there are."""
        self.on_start(view)

    def on_history(self, view: View, bar: Bar) -> None:
        """Yesterday's closes warm the averages up."""
        for average in self.averages[bar.instrument]:
            average.update(bar.close)

    def on_bar(self, view: View, bar: Bar) -> Signal | None:
        """Face the way the fast average lies of the slow one."""
        fast, slow = (average.update(bar.close) for average in self.averages[bar.instrument])
        if fast is None or slow is None or fast == slow:
            return None
        target = self.quantity if fast > slow else -self.quantity
        reason = f"ema {self.fast}/{self.slow}: {fast:.2f}/{slow:.2f}"
        return Signal(instrument=bar.instrument, target=target, reason=reason)
