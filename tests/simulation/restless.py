"""A strategy that never rests: what it wants is a pure function of how often it has heard ticks."""

from zlib import crc32

from patang.domain.market import Tick
from patang.domain.messages import Signal
from patang.engine.strategy import Strategy, View

_BURSTS = 3


class Restless(Strategy):
    """First, every ``burst`` ticks, all instruments at once turn around, some times over.

    Every ``pace`` ticks of an instrument, another target: MARKET, near the price or far away."""

    def __init__(self, *, seed: int = 0, pace: int = 12, unit: int = 10, burst: int = 0) -> None:
        self.seed = seed
        self.pace = pace
        self.unit = unit
        self.burst = burst
        self._heard: dict[str, int] = {}

    def on_tick(self, view: View, tick: Tick) -> Signal | None:
        name = tick.instrument
        heard = self._heard[name] = self._heard.get(name, 0) + 1
        if self.burst and heard <= _BURSTS * self.burst and heard % self.burst == 0:
            side = 1 if heard // self.burst % 2 else -1
            return Signal(instrument=name, target=side * self.unit, reason="burst")
        if heard % self.pace:
            return None
        drawn = crc32(f"{self.seed} {name} {heard}".encode())
        target = (drawn % 7 - 3) * self.unit
        side = 1 if target >= 0 else -1
        away = (0.0, 0.0, 0.0005, -0.0005, 0.004)[drawn // 7 % 5] * side
        is_market = drawn // 35 % 2
        limit = None if is_market else tick.last_price * (1 - away)
        return Signal(instrument=name, target=target, limit_price=limit, reason="restless")
