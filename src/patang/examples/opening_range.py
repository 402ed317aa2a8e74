"""Breakout of the opening range: buy above the first minutes' high, sell below their low.

Shows brackets: an entry with its target and its trailing stop, which the engine keeps.
"""

from patang.domain.enums import Side
from patang.domain.instrument import InstrumentId
from patang.domain.intents import BracketIntent
from patang.domain.market import Bar
from patang.engine.parameters import choice, flag, number, whole
from patang.engine.strategy import Strategy, View


class OpeningRange(Strategy):
    """One trade a day and instrument, once the range of the first ``minutes`` is left.

    The stop lies at the range's other side, the target ``reward`` times as far away; with
    ``trail`` the stop follows the best price at the same distance. ``facing`` limits the sides.
    The range counts from the session's open, or from the run's start when that is later.
    """

    minutes = whole(15, low=1, high=180)
    reward = number(2.0, above=0)
    quantity = whole(20, low=1)
    facing = choice("both", "long", "short")
    trail = flag(True)

    def on_start(self, view: View) -> None:
        """No range yet."""
        self.range_end_ns = max(view.now_ns, view.session.open_ns) + self.minutes * 60_000_000_000
        self.highs: dict[InstrumentId, float] = {}
        self.lows: dict[InstrumentId, float] = {}
        self.traded: dict[InstrumentId, Side] = {}

    def on_bar(self, view: View, bar: Bar) -> BracketIntent | None:
        """Widen the range while it forms; trade the first close outside it."""
        name = bar.instrument
        if bar.end_ns <= self.range_end_ns:
            self.highs[name] = max(self.highs.get(name, bar.high), bar.high)
            self.lows[name] = min(self.lows.get(name, bar.low), bar.low)
            return None
        if name not in self.highs or name in self.traded:
            return None
        high, low = self.highs[name], self.lows[name]
        tick = float(view.instrument(name).tick_size)
        if bar.close > high and self.facing != "short":
            return self._bracket(name, Side.BUY, bar.close, min(low, bar.close - 2 * tick))
        if bar.close < low and self.facing != "long":
            return self._bracket(name, Side.SELL, bar.close, max(high, bar.close + 2 * tick))
        return None

    def _bracket(
        self, name: InstrumentId, side: Side, price: float, stop: float
    ) -> BracketIntent | None:
        risk = abs(price - stop)
        target = price + risk * self.reward * side.sign
        if target <= 0:
            return None
        self.traded[name] = side
        return BracketIntent(
            instrument=name,
            side=side,
            quantity=self.quantity,
            target=target,
            stop=stop,
            trail=risk if self.trail else None,
            reason=f"left the range of {self.minutes} minutes at {price:.2f}",
        )
