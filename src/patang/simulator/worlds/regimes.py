"""What kind of day it is: moves that take the whole market along, or one share of it.

A tide is a pure function of the time of day. It is laid over whatever each price does by itself,
so one seed gives the same market in every regime but for the tide.
"""

import math
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from patang.domain.enums import Exchange
from patang.domain.market import NS_PER_SECOND
from patang.rules.calendar import Calendar, OutsideCalendar
from patang.rules.ist import ist_date
from patang.simulator.worlds.seeded import RandomSource

HOUR_NS = 3_600 * NS_PER_SECOND
_MINUTE_NS = 60 * NS_PER_SECOND


class Regime(StrEnum):
    """The days there are."""

    CALM = "calm"
    """Every price moves by itself."""
    TREND = "trend"
    """The market rises or falls all day long, two to three percent."""
    GAP = "gap"
    """The market opens two to four percent away from yesterday, and keeps most of it."""
    CRASH = "crash"
    """Within twenty minutes the market falls far enough to halt it, and recovers a third."""
    CIRCUIT = "circuit"
    """Every fifth share runs to the end of its band and stays there; the others are calm."""


class Swell(NamedTuple):
    """One smooth move: ``height`` (logarithm of prices) between two instants, UTC nanoseconds."""

    start_ns: int
    end_ns: int
    height: float

    def at(self, at_ns: int) -> float:
        """How much of it has come."""
        if at_ns >= self.end_ns:
            return self.height
        if at_ns <= self.start_ns:
            return 0.0
        part = (at_ns - self.start_ns) / (self.end_ns - self.start_ns)
        return self.height * part * part * (3.0 - 2.0 * part)


class Tide:
    """The moves of a day that begins trading at ``open_ns`` and ends at ``close_ns`` (UTC)."""

    crash_depth = math.log(0.875)
    """Deeper than the first level at which the whole market is halted (10 percent)."""

    def __init__(self, regime: Regime, rng: RandomSource, open_ns: int, close_ns: int) -> None:
        self.regime = regime
        self.gap = 0.0
        """Logarithm of the opening price to yesterday's close, over everything else."""
        self._swells: tuple[Swell, ...] = ()
        self._run: Swell | None = None
        sign = 1.0 if rng.random() < 0.5 else -1.0
        match regime:
            case Regime.TREND:
                self._swells = (Swell(open_ns, close_ns, sign * (0.02 + 0.01 * rng.random())),)
            case Regime.GAP:
                self.gap = sign * (0.02 + 0.02 * rng.random())
                back = -self.gap * 0.3 * rng.random()
                self._swells = (Swell(open_ns, open_ns + HOUR_NS, back),)
            case Regime.CRASH:
                start = open_ns + HOUR_NS + int(rng.random() * 2 * HOUR_NS)
                end = start + 20 * _MINUTE_NS
                rise = -self.crash_depth / 3
                self._swells = (
                    Swell(start, end, self.crash_depth),
                    Swell(end + HOUR_NS, end + 3 * HOUR_NS, rise),
                )
            case Regime.CIRCUIT:
                start = open_ns + int((0.5 + rng.random()) * HOUR_NS)
                self._run = Swell(start, start + HOUR_NS // 2, sign * 0.25)
            case Regime.CALM:
                pass

    def at(self, at_ns: int, number: int = 0) -> float:
        """Logarithm of what the tide has done to the price of share ``number`` since the open."""
        height = sum(swell.at(at_ns) for swell in self._swells)
        if self._run is not None and is_runner(number):
            height += self._run.at(at_ns) * (1.0 if number % 2 == 0 else -1.0)
        return height


class Tides:
    """The tides of all days of a market in one regime; each day has its own.

    They are drawn from ``streams`` and follow the hours of the NSE's shares.
    """

    def __init__(self, regime: Regime, streams: Callable[[str], RandomSource]) -> None:
        self._regime = regime
        self._streams = streams
        self._days: dict[date, Tide] = {}

    def day(self, on: date) -> Tide:
        """The tide of a day; calm on days without trading."""
        tide = self._days.get(on)
        if tide is None:
            try:
                session = Calendar.load(Exchange.NSE).session(on)
            except OutsideCalendar:
                session = None
            hours = (0, 1) if session is None else (session.open_ns, session.close_ns)
            regime = Regime.CALM if session is None else self._regime
            tide = self._days[on] = Tide(regime, self._streams(f"tide/{on}"), *hours)
        return tide

    def of(self, number: int) -> Callable[[int], float] | None:
        """What the tides do to a share's price, night gaps included; None for nothing."""
        if self._regime is Regime.CALM:
            return None

        def height(at_ns: int) -> float:
            tide = self.day(ist_date(at_ns))
            return tide.gap + tide.at(at_ns, number)

        return height


def is_runner(number: int) -> bool:
    """Whether the share of this number runs to its band in the regime ``circuit``."""
    return number % 5 == 1
