"""Mean reversion on ticks: sell what ran too far above its mean, buy what fell too far below."""

from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import Tick
from patang.domain.messages import Signal
from patang.engine.indicators import Indicator
from patang.engine.strategy import Strategy, View


class MeanReversion(Strategy):
    """Enter ``entry`` deviations from the mean of ``window`` ticks, leave within ``leave``.

    A deviation smaller than ``floor_bps`` (hundredths of a percent) of the price is noise: the
    charges would eat it.
    """

    def __init__(
        self,
        *,
        window: int = 60,
        entry: float = 2.2,
        leave: float = 0.4,
        floor_bps: float = 2.5,
        quantity: int = 40,
    ) -> None:
        if window < 2:
            raise InvalidValue("window", f"{window} is below 2.")
        if not 0 <= leave < entry:
            raise InvalidValue("leave", f"{leave} must lie between 0 and entry ({entry}).")
        if quantity < 1:
            raise InvalidValue("quantity", f"{quantity} is below 1.")
        self.window = window
        self.entry = entry
        self.leave = leave
        self.floor_bps = floor_bps
        self.quantity = quantity
        self.statistics: dict[InstrumentId, tuple[Indicator, Indicator]] = {}

    def on_start(self, view: View) -> None:
        """A running mean and deviation for each instrument."""
        for name in view.instruments:
            self.statistics[name] = (
                Indicator("SMA", timeperiod=self.window),
                Indicator("STDDEV", timeperiod=self.window),
            )

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
