"""Mean reversion on ticks: sell what ran too far above its mean, buy what fell too far below.

Shows a strategy that acts on ticks and forgets its statistics when ticks were missed.
"""

from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import Tick
from patang.domain.messages import Signal
from patang.engine.indicators import Indicator
from patang.engine.parameters import number, whole
from patang.engine.strategy import Gap, Strategy, View


class MeanReversion(Strategy):
    """Enter ``entry`` deviations from the mean of ``window`` ticks, leave within ``leave``.

    A deviation smaller than ``floor_bps`` (hundredths of a percent) of the price is noise: the
    charges would eat it.
    """

    window = whole(60, low=2)
    entry = number(2.2, above=0)
    leave = number(0.4, low=0)
    floor_bps = number(2.5, low=0)
    quantity = whole(40, low=1)

    def check(self) -> None:
        """It must leave nearer to the mean than it enters."""
        if self.leave >= self.entry:
            raise InvalidValue(
                "parameters.leave", f"{self.leave} must lie between 0 and entry ({self.entry})."
            )

    def on_start(self, view: View) -> None:
        """A running mean and deviation for each instrument."""
        self.statistics: dict[InstrumentId, tuple[Indicator, Indicator]] = {}
        for name in view.instruments:
            self._begin(name)

    def on_parameters(self, view: View) -> None:
        """Another window: the statistics begin anew."""
        self.on_start(view)

    def on_gap(self, view: View, gap: Gap) -> None:
        """A mean over a hole is no mean: begin anew where real time was missed."""
        if gap.to_ns > gap.from_ns:
            for name in view.instruments if gap.instruments is None else gap.instruments:
                if name in self.statistics:
                    self._begin(name)

    def on_tick(self, view: View, tick: Tick) -> Signal | None:
        """Lean against the stretch; go home when it is over."""
        price = tick.last_price
        mean, deviation = (each.update(price) for each in self.statistics[tick.instrument])
        if mean is None or deviation is None or deviation <= price * self.floor_bps / 10_000:
            return None
        stretch = (price - mean) / deviation
        if abs(stretch) >= self.entry:
            target = -self.quantity if stretch > 0 else self.quantity
        elif abs(stretch) <= self.leave:
            target = 0
        else:
            return None
        return Signal(instrument=tick.instrument, target=target, reason=f"{stretch:+.2f} sigma")

    def _begin(self, name: InstrumentId) -> None:
        self.statistics[name] = (
            Indicator("SMA", timeperiod=self.window),
            Indicator("STDDEV", timeperiod=self.window),
        )
