"""Momentum on bars: hold what has risen most over a while, sell it when the rise is over.

Shows indicators that the engine feeds, so that history warms them up, and the housekeeping timer.
"""

from patang.domain.instrument import InstrumentId
from patang.domain.market import Bar
from patang.domain.messages import Signal
from patang.engine.parameters import flag, number, whole
from patang.engine.strategy import Strategy, View


class Momentum(Strategy):
    """The rate of change of the close over ``window`` bars decides, percent.

    Above ``enter`` it buys ``quantity`` units if the RSI is below ``too_hot``; below ``leave`` it
    goes home. With ``both_ways`` it sells short in the mirror. At most ``most`` instruments are
    held at a time. ``rest_minutes`` before the square-off nothing new is opened.
    """

    window = whole(10, low=2, high=400)
    enter = number(0.15, above=0)
    leave = number(0.0, low=0)
    too_hot = number(80, low=50, high=100)
    most = whole(5, low=1)
    quantity = whole(25, low=1)
    both_ways = flag(False)
    rest_minutes = whole(10, low=0)

    def on_start(self, view: View) -> None:
        """The indicators of each instrument; asked for again, they are the same ones."""
        self.is_resting = False
        for name in view.instruments:
            self._rise(view, name)
            self._heat(view, name)

    def on_parameters(self, view: View) -> None:
        """Other windows are other indicators."""
        self.on_start(view)

    def on_timer(self, view: View) -> None:
        """Near the square-off, only exits."""
        left_ns = view.session.square_off_ns - view.now_ns
        self.is_resting = left_ns <= self.rest_minutes * 60_000_000_000

    def on_bar(self, view: View, bar: Bar) -> Signal | None:
        """Go with what moves; let go of what has stopped."""
        rise, heat = self._rise(view, bar.instrument), self._heat(view, bar.instrument)
        if rise is None or heat is None or bar.is_partial:
            return None
        held = view.position(bar.instrument)
        if held and rise * held <= self.leave * abs(held):
            return self._signal(bar.instrument, 0, rise)
        if held or self.is_resting or view.working(bar.instrument) or self._is_full(view):
            return None
        if rise >= self.enter and heat < self.too_hot:
            return self._signal(bar.instrument, self.quantity, rise)
        if self.both_ways and rise <= -self.enter and heat > 100 - self.too_hot:
            return self._signal(bar.instrument, -self.quantity, rise)
        return None

    def _signal(self, name: InstrumentId, target: int, rise: float) -> Signal:
        reason = f"{rise:+.2f} % in {self.window} bars"
        return Signal(instrument=name, target=target, reason=reason)

    def _is_full(self, view: View) -> bool:
        taken = [name for name in view.instruments if view.position(name) or view.working(name)]
        return len(taken) >= self.most

    def _rise(self, view: View, name: InstrumentId) -> float | None:
        return view.indicator("ROC", name, timeperiod=self.window).value

    def _heat(self, view: View, name: InstrumentId) -> float | None:
        return view.indicator("RSI", name, timeperiod=self.window).value
