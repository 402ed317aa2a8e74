"""Trend following on bars: long while the fast average is above the slow one, else short."""

from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import Bar
from patang.domain.messages import Signal
from patang.engine.indicators import Indicator
from patang.engine.strategy import Strategy, View


class EmaCross(Strategy):
    """Two exponential averages of the close, in bars; ``quantity`` in units."""

    def __init__(self, *, fast: int = 4, slow: int = 9, quantity: int = 50) -> None:
        if not 1 < fast < slow:
            raise InvalidValue("fast", f"{fast} must lie between 1 and slow ({slow}).")
        if quantity < 1:
            raise InvalidValue("quantity", f"{quantity} is below 1.")
        self.fast = fast
        self.slow = slow
        self.quantity = quantity
        self.averages: dict[InstrumentId, tuple[Indicator, Indicator]] = {}

    def on_start(self, view: View) -> None:
        """One pair of averages for each instrument."""
        for name in view.instruments:
            self.averages[name] = (
                Indicator("EMA", timeperiod=self.fast),
                Indicator("EMA", timeperiod=self.slow),
            )

    def on_bar(self, view: View, bar: Bar) -> Signal | None:
        """Face the way the fast average lies of the slow one."""
        fast, slow = (average.update(bar.close) for average in self.averages[bar.instrument])
        if fast is None or slow is None or fast == slow:
            return None
        target = self.quantity if fast > slow else -self.quantity
        reason = f"ema {self.fast}/{self.slow}: {fast:.2f}/{slow:.2f}"
        return Signal(instrument=bar.instrument, target=target, reason=reason)
