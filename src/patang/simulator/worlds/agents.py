"""Who trades in the pretend market: seeded agents, each on one instrument's book.

None of them models a real participant closely. Together they keep the book two-sided, move the
price like a liquid stock's day, and leave trends and small reversions for strategies to find.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

from patang.domain.market import NS_PER_SECOND
from patang.rules.session import PhaseKind
from patang.simulator.book import Resting
from patang.simulator.floor import Floor
from patang.simulator.venue import Venue
from patang.simulator.worlds.seeded import RandomSource

_SESSION_SECONDS = 22_500.0

TideLevel = Callable[[int], float]
"""What a day does to every price: a logarithm, by the time (UTC ns)."""


class Value(Protocol):
    """What an instrument is worth, in ticks: the makers' common opinion."""

    def at(self, at_ns: int) -> float:
        """The value at a time (UTC ns) not before the last one asked for."""

    def reopen(self, ticks: float, at_ns: int) -> None:
        """Begin a new day at ``ticks``."""


class FairValue:
    """A value that moves by itself.

    A random walk of ``daily_volatility`` (a share, such as 0.014) with drifts that change every few
    minutes, a weak pull to where it began, and around it a wave that reverts within minutes.
    ``tide`` lays the whole market's moves over it: logarithms, by UTC nanoseconds.
    """

    drift_per_second = 4e-6
    drift_seconds = 480.0
    pull_per_second = 1 / 9_000
    wave_size = 7e-4
    wave_seconds = 80.0

    def __init__(
        self,
        rng: RandomSource,
        start_ticks: int,
        daily_volatility: float,
        start_ns: int,
        tide: TideLevel | None = None,
    ) -> None:
        self._tide = tide
        self._rng = rng
        self._anchor = float(start_ticks)
        self._offset = 0.0
        self._wave = 0.0
        self._drift = 0.0
        self._drift_ends_ns = start_ns
        self._sigma = daily_volatility / math.sqrt(_SESSION_SECONDS)
        self._at_ns = start_ns
        self.ticks = float(start_ticks)

    def reopen(self, ticks: float, at_ns: int) -> None:
        """Begin a new day at ``ticks``."""
        self._anchor = ticks
        self._offset = self._wave = 0.0
        self._drift_ends_ns = self._at_ns = at_ns
        self.ticks = ticks

    def at(self, at_ns: int) -> float:
        """The value at a time, in ticks; it moves when asked again a while later."""
        seconds = (at_ns - self._at_ns) / NS_PER_SECOND
        if seconds < 0.1:
            return self.ticks
        rng = self._rng
        self._at_ns = at_ns
        if at_ns >= self._drift_ends_ns:
            self._drift = rng.choice((-1.0, 0.0, 1.0)) * self.drift_per_second
            length = rng.expovariate(1 / self.drift_seconds)
            self._drift_ends_ns = at_ns + int(length * NS_PER_SECOND)
        # A long silence, such as a night, must not become one long stride.
        seconds = min(seconds, 60.0)
        self._offset += (self._drift - self.pull_per_second * self._offset) * seconds
        self._offset += self._sigma * math.sqrt(seconds) * rng.gauss(0.0, 1.0)
        keep = math.exp(-seconds / self.wave_seconds)
        swing = self.wave_size * math.sqrt(1.0 - keep * keep)
        self._wave = self._wave * keep + swing * rng.gauss(0.0, 1.0)
        tide = 0.0 if self._tide is None else self._tide(at_ns)
        self.ticks = self._anchor * math.exp(self._offset + self._wave + tide)
        return self.ticks


class Agent:
    """One seeded participant; ``act`` does what is due and says when it will act again.

    It acts while its venue is in a phase of ``acts_in``, and its orders stay in those of
    ``stays_in``; at the end of these it leaves.
    """

    acts_in: frozenset[PhaseKind] = frozenset({PhaseKind.CONTINUOUS})
    stays_in: frozenset[PhaseKind] = frozenset({PhaseKind.CONTINUOUS})

    def __init__(
        self, name: str, floor: Floor, venue: Venue, rng: RandomSource, *, pause_seconds: float
    ) -> None:
        self.agent_id = f"{name}/{venue.instrument.id}"
        self.account = floor.enrol(self.agent_id, venue.instrument.id)
        self.floor = floor
        self.venue = venue
        self.rng = rng
        self.lot_size = venue.instrument.lot_size
        self._rate = 1.0 / (pause_seconds * NS_PER_SECOND)

    @property
    def held(self) -> int:
        """What it has bought more than sold, in lots."""
        return self.account.shares // self.lot_size

    def act(self, at_ns: int) -> int:
        """Trade, quote or stay still at ``at_ns``; return the UTC ns of the next action."""
        self.trade(at_ns)
        return at_ns + 1 + int(self.rng.expovariate(self._rate))

    def trade(self, at_ns: int) -> None:
        """What this kind of agent does."""
        raise TypeError(f"{type(self).__name__} is no kind of agent.")

    def leave(self, at_ns: int) -> None:
        """Take all orders out of the book."""

    def send(
        self,
        is_buy: bool,
        ticks: int,
        quantity: int,
        at_ns: int,
        *,
        rests: bool = True,
        agent_id: str = "",
    ) -> Resting | None:
        """A limit order of so many lots inside the band; return what rests of it."""
        venue = self.venue
        ticks = min(max(ticks, venue.lower_ticks), venue.upper_ticks)
        units = quantity * self.lot_size
        return self.floor.submit(
            agent_id or self.agent_id, venue, is_buy, ticks, units, at_ns, rests=rests
        )


class MarketMaker(Agent):
    """Quotes several levels each side of the fair value, on a grid of its own.

    The grid keeps most quotes in place when the value moves little, so time priority means
    something. What it holds shifts its quotes the other way.
    """

    def __init__(
        self,
        name: str,
        floor: Floor,
        venue: Venue,
        rng: RandomSource,
        fair: Value,
        *,
        half_spread_ticks: float,
        grid_ticks: int,
        levels: int,
        size: int,
        pause_seconds: float = 2.0,
    ) -> None:
        super().__init__(name, floor, venue, rng, pause_seconds=pause_seconds)
        self._fair = fair
        self._half_spread = half_spread_ticks
        self._grid = grid_ticks
        self._levels = levels
        self._size = size
        self._quotes: tuple[dict[int, Resting], dict[int, Resting]] = ({}, {})

    def trade(self, at_ns: int) -> None:
        """Withdraw the quotes that stand wrong, then fill the gaps."""
        grid = self._grid
        lean = max(-2.0, min(2.0, self.held / (20.0 * self._size))) * grid
        centre = self._fair.at(at_ns) - lean
        best_bid = math.floor((centre - self._half_spread) / grid) * grid
        best_ask = math.ceil((centre + self._half_spread) / grid) * grid
        reach = (self._levels - 1) * grid
        bids, asks = self._quotes
        self._clear(bids, best_bid - reach, best_bid, at_ns)
        self._clear(asks, best_ask, best_ask + reach, at_ns)
        self._quote(bids, True, best_bid, -grid, at_ns)
        self._quote(asks, False, best_ask, grid, at_ns)

    def leave(self, at_ns: int) -> None:
        """Take all quotes out of the book."""
        for quotes in self._quotes:
            self._clear(quotes, 1, 0, at_ns)

    def _clear(self, quotes: dict[int, Resting], low: int, high: int, at_ns: int) -> None:
        for ticks in list(quotes):
            order = quotes[ticks]
            if order.sequence < 0:
                del quotes[ticks]
            elif not low <= ticks <= high:
                self.floor.withdraw(self.venue, order, at_ns)
                del quotes[ticks]

    def _quote(
        self, quotes: dict[int, Resting], is_buy: bool, ticks: int, step: int, at_ns: int
    ) -> None:
        for level in range(self._levels):
            if ticks not in quotes:
                quantity = 1 + int(self._size * (1 + level) * (0.4 + self.rng.random()))
                order = self.send(is_buy, ticks, quantity, at_ns)
                if order is not None:
                    quotes[ticks] = order
            ticks += step


class NoiseTrader(Agent):
    """A crowd without a view: takes what is offered, or leaves an order near the touch.

    It acts under two names, so that its one hand may trade with its other as strangers would.
    """

    max_orders = 10

    def __init__(
        self,
        name: str,
        floor: Floor,
        venue: Venue,
        rng: RandomSource,
        *,
        size: int,
        pause_seconds: float = 1.2,
    ) -> None:
        super().__init__(name, floor, venue, rng, pause_seconds=pause_seconds)
        self._patient_id = f"{name}-patient/{venue.instrument.id}"
        floor.enrol(self._patient_id, venue.instrument.id)
        self._size = size
        self._orders: deque[Resting] = deque()

    def trade(self, at_ns: int) -> None:
        """Take, leave an order, or take the oldest one away."""
        rng, book = self.rng, self.venue.book
        kind = rng.random()
        is_buy = rng.random() < 0.5
        quantity = 1 + int(rng.expovariate(1 / self._size))
        bid, ask = book.best_bid, book.best_ask
        if kind < 0.6:
            touch = ask if is_buy else bid
            if touch is not None:
                limit = touch + (1 if is_buy else -1) * rng.randrange(4)
                self.send(is_buy, limit, quantity, at_ns, rests=False)
        elif kind < 0.9:
            touch = bid if is_buy else ask
            if touch is not None:
                limit = touch + (-1 if is_buy else 1) * (rng.randrange(8) - 1)
                order = self.send(is_buy, limit, quantity, at_ns, agent_id=self._patient_id)
                if order is not None:
                    self._orders.append(order)
            if len(self._orders) > self.max_orders:
                self.floor.withdraw(self.venue, self._orders.popleft(), at_ns)
        elif self._orders:
            self.floor.withdraw(self.venue, self._orders.popleft(), at_ns)

    def leave(self, at_ns: int) -> None:
        """Take all orders out of the book."""
        while self._orders:
            self.floor.withdraw(self.venue, self._orders.popleft(), at_ns)


class TrendFollower(Agent):
    """Buys what has risen and sells what has fallen, up to a limit; lets go when it calms."""

    memory = 0.12
    threshold = 5e-4

    def __init__(
        self,
        name: str,
        floor: Floor,
        venue: Venue,
        rng: RandomSource,
        *,
        size: int,
        pause_seconds: float = 5.0,
    ) -> None:
        super().__init__(name, floor, venue, rng, pause_seconds=pause_seconds)
        self._size = size
        self._mean = float(venue.last_ticks)

    def trade(self, at_ns: int) -> None:
        """Compare the last price with its own running mean, and follow."""
        last = self.venue.last_ticks
        self._mean += self.memory * (last - self._mean)
        strength = (last - self._mean) / last
        held = self.held
        limit = 10 * self._size
        if strength > self.threshold and held < limit:
            self._take(True, self._size, at_ns)
        elif strength < -self.threshold and held > -limit:
            self._take(False, self._size, at_ns)
        elif held and abs(strength) < self.threshold / 4:
            self._take(held < 0, min(abs(held), self._size), at_ns)

    def _take(self, is_buy: bool, quantity: int, at_ns: int) -> None:
        book = self.venue.book
        touch = book.best_ask if is_buy else book.best_bid
        if touch is not None:
            limit = touch + (2 if is_buy else -2)
            self.send(is_buy, limit, quantity, at_ns, rests=False)
