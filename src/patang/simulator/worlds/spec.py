"""Made-up markets by description: how large, on which day, in what mood.

>>> from datetime import date
>>> from patang.rules.ist import at_ist
>>> market = build_market(WorldSpec(seed=7, start_ns=at_ist(date(2026, 11, 20), 9, 20)))
>>> len(market.exchange.instruments)
21
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.errors import InvalidValue, MissingExtra
from patang.domain.instrument import InstrumentId, instrument_id
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import ist_date
from patang.simulator.day.trading_day import INDICES, TradingDay
from patang.simulator.exchange import Exchange
from patang.simulator.venue import Venue
from patang.simulator.worlds.generation import DEFAULT_SIZE, check_size, generate_universe
from patang.simulator.worlds.listing import Listing
from patang.simulator.worlds.market import Actor, Market
from patang.simulator.worlds.people import people_of
from patang.simulator.worlds.regimes import Regime, Tides
from patang.simulator.worlds.seeded import RandomSource, SeededSource
from patang.simulator.worlds.shares import SHARES
from patang.simulator.worlds.universe import default_agents, default_market
from patang.simulator.worlds.universe_file import read_universe

if TYPE_CHECKING:
    from patang.simulator.worlds.backdrop import VectorBackdrop

_WELL_KNOWN = {instrument_id(ExchangeName.NSE, one.symbol): one for one in SHARES}


class WorldSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A market to make. Equal descriptions make equal markets.

    ``universe`` is how many rows are listed: 20 (the default market) or 250 to 100,000;
    ``universe_file`` is an instruments dump to list instead. ``book_limit`` is how many books with
    agents may be open before anybody has ordered; an order always opens its instrument's book.

    Raises:
        InvalidValue: a universe of a size that cannot be made, or a negative ``book_limit``.
    """

    seed: int
    start_ns: int
    regime: Regime = Regime.CALM
    universe: int = DEFAULT_SIZE
    universe_file: bytes | None = None
    book_limit: int = 50

    def __post_init__(self) -> None:
        check_size(self.universe)
        if self.book_limit < 0:
            raise InvalidValue("book_limit", f"{self.book_limit} is negative.", "Use 0 or more.")

    @property
    def is_default(self) -> bool:
        """Whether every instrument has a book: no backdrop is needed then."""
        return self.universe == DEFAULT_SIZE and self.universe_file is None


def build_market(spec: WorldSpec) -> Market:
    """The market, as it stands at ``spec.start_ns``.

    Raises:
        InvalidValue: the universe file is no instruments dump.
        MissingExtra: a market larger than the default one needs NumPy.
        OutsideCalendar: the calendars do not know the day.
    """
    if spec.is_default:
        return default_market(spec.seed, spec.start_ns, regime=spec.regime)
    on = ist_date(spec.start_ns)
    if spec.universe_file is None:
        listing = generate_universe(spec.universe, on, spec.seed)
    else:
        listing = read_universe(spec.universe_file, on, spec.seed)
    return _Builder(spec, listing).market


class _Builder:
    """Puts a large market together: a backdrop, a few books to begin with, and their people."""

    def __init__(self, spec: WorldSpec, listing: Listing) -> None:
        try:
            from patang.simulator.worlds.backdrop import VectorBackdrop
        except ModuleNotFoundError as error:
            raise MissingExtra("A market larger than the default one", "fast") from error

        self._spec = spec
        self._streams: Callable[[str], RandomSource] = SeededSource(spec.seed).split
        self._tides = Tides(spec.regime, self._streams)
        self._listing = listing
        self._backdrop: VectorBackdrop = VectorBackdrop(
            listing, spec.seed, spec.regime, tuple(_WELL_KNOWN)
        )
        self._backdrop.begin(ist_date(spec.start_ns))
        self._exchange = Exchange((), {}, backdrop=self._backdrop)
        first: list[Actor] = []
        self._backdrop.let_in = lambda venue, _at_ns: first.extend(self._first_people(venue))
        for name in self._first_books():
            self._exchange.venue(name)
        day = TradingDay(self._exchange, self._streams, with_derivatives=tuple(_WELL_KNOWN))
        self._backdrop.halts = lambda: day.halts
        self.market = Market(self._exchange, first, spec.start_ns, day)
        self.market.on_new_day.append(self._start_day)
        self._backdrop.let_in = self._let_in
        self.market.advance(spec.start_ns)
        self._watch(spec.start_ns)

    def _first_books(self) -> Sequence[InstrumentId]:
        """The indices that can halt the market, and the well known shares."""
        listed = self._listing.row_of
        indices = [name for name in INDICES if name in listed]
        shares = [name for name in _WELL_KNOWN if name in listed]
        return [*indices, *shares[: self._spec.book_limit]]

    def _first_people(self, venue: Venue) -> list[Actor]:
        """Who is there from the start: the same people as in the default market."""
        share = _WELL_KNOWN[venue.instrument.id]
        tide = self._tides.of(SHARES.index(share))
        return default_agents(
            self._exchange,
            venue,
            share.daily_volatility,
            self._spec.start_ns,
            self._streams,
            tide,
        )

    def _let_in(self, venue: Venue, at_ns: int) -> None:
        """People for a book that opens later: they quote at once, so that orders meet somebody."""
        backdrop, listing = self._backdrop, self._listing
        row = listing.row_of[venue.instrument.id]
        people = people_of(
            self._exchange.floor,
            venue,
            _BackdropValue(backdrop, row),
            self._streams,
            daily_volatility=listing.drivers[listing.driver_of[row]].daily_volatility,
            start_ticks=max(1, venue.last_ticks),
            start_ns=at_ns,
        )
        for actor in people:
            if venue.phase in actor.acts_in:
                actor.act(at_ns)
        self.market.add(people, at_ns + NS_PER_SECOND)

    def _start_day(self, at_ns: int) -> None:
        self._backdrop.begin(ist_date(at_ns))
        self._watch(at_ns)

    def _watch(self, at_ns: int) -> None:
        """Look at the books each second of the day, and publish the indices."""
        paths = self._backdrop.paths
        next_ns = (max(at_ns, paths.start_ns) // NS_PER_SECOND + 1) * NS_PER_SECOND
        if next_ns <= paths.end_ns + NS_PER_SECOND:
            self._exchange.agenda.at(next_ns, partial(self._look, ist_date(at_ns)))

    def _look(self, on: object, at_ns: int) -> None:
        for venue, level in self._backdrop.tick(at_ns):
            self._exchange.set_index(venue.instrument.id, level, at_ns)
        if on == self._backdrop.on:
            self._watch(at_ns)


class _BackdropValue:
    """The worth of a row that has got a book: what the backdrop would have gone on to show."""

    def __init__(self, backdrop: "VectorBackdrop", row: int) -> None:
        self._backdrop = backdrop
        self._row = row

    def at(self, at_ns: int) -> float:
        """The value at a time, in ticks."""
        return self._backdrop.fair_ticks(self._row, at_ns)

    def reopen(self, ticks: float, at_ns: int) -> None:
        """The backdrop begins its days by itself."""
