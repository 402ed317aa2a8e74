"""How the prices of a day move: a knot every half minute, straight lines between. Needs NumPy.

Knots are drawn from the seed alone. A driver that has a book of its own follows the book instead:
its knots are what the book showed then. Indices are made of their members at every instant.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from patang.domain.enums import Exchange
from patang.domain.market import NS_PER_SECOND
from patang.simulator.worlds.listing import Driver
from patang.simulator.worlds.regimes import Tide
from patang.simulator.worlds.vectors import gauss, key_of

if TYPE_CHECKING:
    from patang.simulator.worlds.vectors import Floats, Integers, Words

KNOT_NS = 30 * NS_PER_SECOND
Hours = tuple[int, int]
"""[open, close) of continuous trading, UTC nanoseconds."""

_OPENING_SHARE = 0.25
"""The step over night, as a share of a day's volatility."""

_NOT_RUNNING, _RISING, _FALLING = 0, 6, 1
"""Numbers of drivers that stand for all of their kind in ``Tide.at``."""


class Paths:
    """The drivers' prices of one day, in rupees, from ``start_ns`` on; asked in any order.

    ``hours`` gives the trading hours of each exchange that drivers name; (0, 0) when it is closed.
    ``limits`` is how far each driver goes from its close in a day, as a share.
    """

    def __init__(
        self,
        drivers: Sequence[Driver],
        closes: "Floats",
        hours: Mapping[Exchange, Hours],
        tide: Tide,
        seed: str,
        limits: "Floats",
    ) -> None:
        self.drivers = drivers
        self.closes = closes
        busy = [one for one in hours.values() if one[1]]
        self.start_ns = min((start for start, _ in busy), default=0) - KNOT_NS
        self.end_ns = max((end for _, end in busy), default=0)
        """When the last driver stops moving, UTC nanoseconds; 0 on a day without trading."""
        self._tide = tide
        self._key = key_of(f"{seed}/paths")
        self._places: Words = np.arange(len(drivers), dtype=np.uint64)
        self._opens = np.array([hours[one.hours][0] for one in drivers])
        self._shuts = np.array([hours[one.hours][1] for one in drivers])
        seconds = (self._shuts - self._opens) / NS_PER_SECOND
        volatility = np.array([one.daily_volatility for one in drivers])
        self._step = volatility * np.sqrt(KNOT_NS / NS_PER_SECOND / np.maximum(seconds, 1.0))
        self._night = volatility * _OPENING_SHARE
        self._beta = np.array([one.beta for one in drivers])
        self._runs = np.arange(len(drivers)) % 5 == 1
        self._is_even = np.arange(len(drivers)) % 2 == 0
        self._lowest, self._highest = closes * (1 - limits), closes * (1 + limits)
        self._indices = _Indices(drivers, closes)
        self._walk = np.zeros(len(drivers))
        self._drawn: list[Floats] = []
        self.knots: list[Floats] = []
        """Prices at each knot; a driver that follows a book has what the book showed."""
        self._seen: dict[int, tuple[Integers, Floats, Floats]] = {}
        self._live: dict[int, Callable[[], float]] = {}
        self._live_numbers: Integers = np.zeros(0, dtype=np.int64)
        self._seen_high: Floats = np.zeros(0)
        self._seen_low: Floats = np.zeros(0)
        self._interval = 0
        self._spot_of = (-1, -1)
        self._spot: Floats = closes
        self._draw_to(1)

    def follow(self, number: int, price: Callable[[], float]) -> None:
        """From now on a driver's price is what ``price`` says, in rupees."""
        self._live[number] = price
        self._live_numbers = np.array(sorted({*self._live, *self._indices.numbers.tolist()}))
        self._spot_of = (-1, -1)
        now = self._at_knots(self._interval)
        self._seen_high = now[self._live_numbers].copy()
        self._seen_low = self._seen_high.copy()

    def ranges(self, numbers: "Integers", first: int, last: int) -> "tuple[Floats, Floats, Floats]":
        """Prices of some drivers at the knots from ``first`` to ``last``, and between them.

        One line for each knot; then one for each interval, of the highest and the lowest prices.
        ``numbers`` are in ascending order, each once.
        """
        prices = np.array([self.knots[knot][numbers] for knot in range(first, last + 1)])
        highs = np.maximum(prices[:-1], prices[1:])
        lows = np.minimum(prices[:-1], prices[1:])
        for knot in range(first, last):
            seen = self._seen.get(knot)
            if seen is not None:
                live, high, low = seen
                places = np.searchsorted(numbers, live)
                here = places < len(numbers)
                here[here] = numbers[places[here]] == live[here]
                highs[knot - first, places[here]] = high[here]
                lows[knot - first, places[here]] = low[here]
        return prices, highs, lows

    def knot(self, at_ns: int) -> int:
        """The number of the last knot at or before an instant."""
        return max(0, (at_ns - self.start_ns) // KNOT_NS)

    def knot_ns(self, number: int) -> int:
        """When a knot is."""
        return self.start_ns + number * KNOT_NS

    def drawn(self, number: int, at_ns: int) -> float:
        """What the seed alone makes of a driver: the value of one that follows its own book."""
        knot, part = self._place(at_ns)
        before, after = self._drawn[knot][number], self._drawn[knot + 1][number]
        return float(before + (after - before) * part)

    def spot(self, at_ns: int, now_ns: int) -> "Floats":
        """All prices at an instant up to ``now_ns``, when books are looked at; read only."""
        if (at_ns, now_ns) == self._spot_of:
            return self._spot
        knot, part = self._place(at_ns)
        before = self.knots[knot]
        spot = before + (self._drawn[knot + 1] - before) * part
        for number, price in self._live.items():
            spot[number] = price()
        self._indices.settle(spot)
        self._spot_of, self._spot = (at_ns, now_ns), spot
        return spot

    def extremes(self, at_ns: int, now_ns: int) -> "tuple[Floats, Floats]":
        """Highest and lowest prices since the last knot before ``at_ns``."""
        spot = self.spot(at_ns, now_ns)
        before = self.knots[self.knot(at_ns)]
        highs, lows = np.maximum(before, spot), np.minimum(before, spot)
        numbers = self._live_numbers
        if len(numbers):
            highs[numbers] = np.maximum(highs[numbers], self._seen_high)
            lows[numbers] = np.minimum(lows[numbers], self._seen_low)
        return highs, lows

    def sample(self, at_ns: int) -> None:
        """Note what the books show now; to be called about each second, times never falling."""
        knot, _ = self._place(at_ns)
        self._spot_of = (-1, -1)
        numbers = self._live_numbers
        if not len(numbers):
            self._interval = knot
            return
        spot = self.spot(at_ns, at_ns)
        seen = spot[numbers]
        np.maximum(self._seen_high, seen, out=self._seen_high)
        np.minimum(self._seen_low, seen, out=self._seen_low)
        while self._interval < knot:
            self._interval += 1
            self._settle(self._interval, numbers, seen)

    def _settle(self, knot: int, numbers: "Integers", seen: "Floats") -> None:
        """Write down what books and indices showed in the interval that ends at ``knot``."""
        self._seen[knot - 1] = (numbers, self._seen_high, self._seen_low)
        shown = self._drawn[knot].copy()
        shown[numbers] = seen
        self.knots[knot] = shown
        # What was drawn for a time that is over will not be asked for again.
        self._drawn[knot - 1] = self.knots[knot - 1]
        self._seen_high, self._seen_low = seen.copy(), seen.copy()

    def _at_knots(self, knot: int) -> "Floats":
        return self.knots[min(knot, len(self.knots) - 1)]

    def _place(self, at_ns: int) -> tuple[int, float]:
        since = max(0, at_ns - self.start_ns)
        knot = since // KNOT_NS
        self._draw_to(knot + 1)
        return knot, (since - knot * KNOT_NS) / KNOT_NS

    def _draw_to(self, knot: int) -> None:
        while len(self._drawn) <= knot:
            number = len(self._drawn)
            at_ns = self.knot_ns(number)
            if number:
                self._walk = self._walk + self._move(number, at_ns)
            prices = self._price(at_ns)
            self._drawn.append(prices)
            self.knots.append(prices)

    def _move(self, number: int, at_ns: int) -> "Floats":
        moves = gauss(self._key, self._places, number)
        night = np.where(self._opens == at_ns, self._night, 0.0)
        if self._tide.gap:
            gap = np.where(self._opens == at_ns, self._tide.gap, 0.0) * self._beta
        else:
            gap = night * 0.0
        trades = (self._opens < at_ns) & (at_ns <= self._shuts)
        total: Floats = moves * (np.where(trades, self._step, 0.0) + night) + gap
        return total

    def _price(self, at_ns: int) -> "Floats":
        tide = np.full(len(self._walk), self._tide.at(at_ns, _NOT_RUNNING))
        rising = self._tide.at(at_ns, _RISING)
        if rising != tide[0]:
            falling = self._tide.at(at_ns, _FALLING)
            tide = np.where(self._runs, np.where(self._is_even, rising, falling), tide)
        prices: Floats = self.closes * np.exp(self._walk + tide * self._beta)
        np.clip(prices, self._lowest, self._highest, out=prices)
        self._indices.settle(prices)
        return prices


class _Indices:
    """Drivers that are made of others."""

    def __init__(self, drivers: Sequence[Driver], closes: "Floats") -> None:
        made = [(number, one) for number, one in enumerate(drivers) if one.members]
        self.numbers: Integers = np.array([number for number, _ in made], dtype=np.int64)
        self._members: Integers = np.array(
            [member for _, one in made for member, _ in one.members], dtype=np.int64
        )
        sizes = [len(one.members) for _, one in made]
        self._starts = np.cumsum([0, *sizes[:-1]]) if made else np.zeros(0, dtype=np.int64)
        shares = [
            weight / total / float(closes[member])
            for _, one in made
            for total in (sum(weight for _, weight in one.members),)
            for member, weight in one.members
        ]
        self._shares: Floats = np.array(shares)
        self._base: Floats = closes[self.numbers] if made else np.zeros(0)

    def settle(self, prices: "Floats") -> None:
        """Set the indices among ``prices`` from their members."""
        if len(self.numbers):
            parts = prices[self._members] * self._shares
            prices[self.numbers] = self._base * np.add.reduceat(parts, self._starts)
