"""What instruments without a book show: a day of trades and a depth, worked out when asked for.

Nothing is kept up to date for its own sake. What a row shows at an instant follows from the seed
and its driver's path (``paths``), whoever looked before; only the time asked for must not fall. All
rows of an open segment change every quarter of a second. Needs NumPy.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules import order_rules
from patang.rules.ist import at_ist
from patang.rules.session import PhaseKind
from patang.simulator.day.timetable import Timetable, Timetables
from patang.simulator.quote import Quote
from patang.simulator.venue import Venue
from patang.simulator.worlds.backdrop_quotes import limits_of_drivers, quote_of
from patang.simulator.worlds.chain import Chain
from patang.simulator.worlds.contracts import trading_day_until
from patang.simulator.worlds.listing import HOURS, Listing
from patang.simulator.worlds.paths import Hours, Paths
from patang.simulator.worlds.regimes import Regime, Tide, Tides
from patang.simulator.worlds.seeded import SeededSource
from patang.simulator.worlds.tape_columns import Bar, DayTape, Show
from patang.simulator.worlds.vectors import key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from patang.simulator.worlds.vectors import Floats, Integers

STEP_NS = NS_PER_SECOND // 4
_PLANS_KEPT = 512
_CLOSED: Hours = (0, 0)

People = Callable[[Venue, int], None]
"""Lets agents in on a venue at an instant (UTC ns)."""


class VectorBackdrop:
    """Prices of a listing's rows. ``begin`` a day before asking; times are UTC nanoseconds."""

    def __init__(
        self,
        listing: Listing,
        seed: int,
        regime: Regime,
        with_derivatives: Collection[InstrumentId] = (),
    ) -> None:
        self.listing = listing
        self._tides = Tides(regime, SeededSource(seed).split)
        self.instruments = listing.instruments
        self.books: NDArray[np.bool_] = np.zeros(len(listing), dtype=np.bool_)
        """Rows that have a book: their prices are the book's."""
        self.let_in: People = _nobody
        """Set by the market: who comes to a venue that opens."""
        self.halts: Callable[[], Sequence[Hours]] = tuple
        """Set by the market: when today trading in shares and their contracts was halted."""
        self._row_of = listing.row_of
        self._rows_by_token: dict[int, int] | None = None
        self._seed = seed
        self._chain = Chain(listing, range(len(listing)))
        self._tape = DayTape(listing, self._chain, key_of(f"{seed}/tape"))
        self._timetables = Timetables(self.instruments, with_derivatives)
        self._timetable_of: Integers = np.zeros(0, dtype=np.int64)
        self._tables: list[Timetable] = []
        self._hours: list[Hours] = []
        self._auctions: list[int] = []
        self._plans: dict[bytes, list[Show]] = {}
        self._followed: dict[int, Venue] = {}
        self._contracts: dict[int, Venue] = {}
        self._knot = -1
        self._published: list[tuple[Venue, int]] = []
        self.on = date.min
        self._today = ""
        closes = np.array([one.close for one in listing.drivers])
        self._limits = np.array(limits_of_drivers(listing, self._timetables, regime))
        hours = dict.fromkeys(HOURS, _CLOSED)
        self.paths = Paths(listing.drivers, closes, hours, _NO_TIDE, "", self._limits)

    # --- the day --------------------------------------------------------------------------------

    def begin(self, on: date) -> None:
        """Start a day: yesterday's prices become closes, contracts get today's volatility.

        Raises:
            OutsideCalendar: a calendar does not know the day.
        """
        if on == self.on:
            return
        end_ns = self.paths.end_ns
        closes = (self.paths.spot(end_ns, end_ns) if end_ns else self.paths.closes).copy()
        for number, venue in self._followed.items():
            closes[number] = venue.close_ticks * float(venue.instrument.tick_size)
        self.on = on
        self._today = on.isoformat()
        self._plans.clear()
        self._tables = []
        numbers: dict[Timetable, int] = {}
        table_of = np.empty(len(self.listing), dtype=np.int64)
        for row, one in enumerate(self.instruments):
            table = self._timetables.of(one, on)
            table_of[row] = numbers.setdefault(table, len(numbers))
        self._timetable_of = table_of
        self._tables = list(numbers)
        self._hours = [_hours(table, on) for table in self._tables]
        self._auctions = [_auction_ns(table, on) for table in self._tables]
        before = trading_day_until(Exchange.NSE, on - timedelta(days=1))
        own = self._chain.own(closes)
        close_ns = at_ist(before, 15, 30)
        self._chain.smile(own, close_ns)
        self.paths = self._new_paths(closes, on)
        self._tape.begin(self._chain.worth(own, close_ns), self.paths, self._hours, table_of)
        for number, venue in self._followed.items():
            self._follow(number, venue)
        for row, venue in list(self._contracts.items()):
            if self.find(venue.instrument.id) is None:
                del self._contracts[row]

    def _new_paths(self, closes: "Floats", on: date) -> Paths:
        hours = {one: _hours(Timetable(one), on) for one in sorted({*HOURS.values()})}
        tide = self._tides.day(on)
        return Paths(self.listing.drivers, closes, hours, tide, f"{self._seed}/{on}", self._limits)

    def tick(self, at_ns: int) -> list[tuple[Venue, Decimal]]:
        """Note what books show; to be called each second. Returns indices with their levels."""
        self.paths.sample(at_ns)
        knot = self.paths.knot(at_ns)
        if knot != self._knot:
            self._knot = knot
            self._count_interest(at_ns)
        if not self._published:
            return []
        spot = self.paths.spot(at_ns, at_ns)
        return [
            (venue, venue.instrument.price_from_float(float(spot[number])))
            for venue, number in self._published
        ]

    def _count_interest(self, at_ns: int) -> None:
        """Let the contracts that have a book show their open interest."""
        for row, venue in self._contracts.items():
            (show,) = self._plan(np.array([row], dtype=np.int64))
            open_ns, close_ns = self._hours[show.table]
            if open_ns <= at_ns < close_ns:
                held = self._tape.held(show.chain.rows, (at_ns - open_ns) // STEP_NS)
                venue.set_oi(int(held[0]))

    # --- what the exchange asks -----------------------------------------------------------------

    def find(self, instrument: InstrumentId) -> Instrument | None:
        """A listed instrument."""
        row = self._row_of.get(instrument)
        if row is None:
            return None
        listed = self.instruments[row]
        # A contract that has ended is listed no more.
        return listed if listed.expiry is None or listed.expiry >= self._today else None

    def row(self, instrument: InstrumentId) -> int | None:
        """Where an instrument stands in the columns; None for one that is not listed."""
        return self._row_of.get(instrument)

    def row_of(self, token: int) -> int | None:
        """The row of a token; None for one that is not listed."""
        if self._rows_by_token is None:
            self._rows_by_token = {one.token: row for row, one in enumerate(self.instruments)}
        return self._rows_by_token.get(token)

    @property
    def close_ticks(self) -> "Integers":
        """By row: the last session's close, in ticks."""
        return self._tape.close_ticks

    def step(self, at_ns: int) -> int:
        """The number of the quarter second; rows without a book change with it."""
        return at_ns // STEP_NS

    def is_book(self, row: int) -> bool:
        """Whether the row has a book of its own."""
        return bool(self.books[row])

    def previous_close(self, instrument: InstrumentId) -> Decimal:
        """The last session's close, rupees."""
        row = self._row_of[instrument]
        return self.instruments[row].from_ticks(int(self._tape.close_ticks[row]))

    def last_price(self, instrument: InstrumentId, at_ns: int) -> Decimal:
        """The last price, rupees; the previous close before the first trade."""
        row = self._row_of[instrument]
        return self.instruments[row].from_wire(int(self._one(row, at_ns)["last_price"]))

    def columns(self, rows: "NDArray[np.int64]", at_ns: int) -> "NDArray[Any]":
        """Quotes of the rows, in their order, as ``patang.wire.tick_columns.COLUMNS``.

        Rows of a closed segment, or of a halted one, show when they last changed.
        """
        halts = self.halts()
        shows = self._plan(rows)
        shown = self._tape.blank(rows)
        for show in shows:
            open_ns, close_ns = self._hours[show.table]
            until_ns, lost_ns = _trading_until(min(at_ns, close_ns), show.is_haltable, halts)
            steps = max(0, until_ns - open_ns - lost_ns) // STEP_NS if open_ns else 0
            self._tape.fill(
                shown,
                show,
                steps=steps,
                until_ns=until_ns // STEP_NS * STEP_NS,
                now_ns=at_ns,
                is_open=until_ns == at_ns < close_ns,
            )
            auction_ns = self._auctions[show.table]
            if auction_ns and steps and not halts and at_ns >= auction_ns:
                self._tape.auction(shown, show, auction_ns=auction_ns, now_ns=at_ns)
        return shown

    def quote(self, instrument: InstrumentId, at_ns: int) -> Quote:
        """The full quote of an instrument without a book."""
        row = self._row_of[instrument]
        listed = self.instruments[row]
        spot = float(self.paths.closes[self._chain.driver[row]]) * self.listing.scale_of[row]
        return quote_of(
            listed,
            self._one(row, at_ns),
            self.previous_close(instrument),
            opening_band=order_rules.price_band(
                listed,
                self.previous_close(instrument),
                self.on,
                self._timetables.has_derivatives(listed),
                underlying=Decimal(f"{spot:.4f}"),
            ),
        )

    def minute_bars(self, instrument: InstrumentId, until_ns: int) -> list[Bar]:
        """Today's minutes up to an instant, the running one included, as the row shows them."""
        row = self._row_of[instrument]
        (show,) = self._plan(np.array([row], dtype=np.int64))
        open_ns, close_ns = self._hours[show.table]
        if not open_ns:
            return []
        return self._tape.minutes(show, open_ns, min(until_ns, close_ns), until_ns)

    def fair_ticks(self, row: int, at_ns: int) -> float:
        """What makers on the row's own book think it is worth, in ticks."""
        (show,) = self._plan(np.array([row], dtype=np.int64))
        number = int(self._chain.driver[row])
        if self._is_first(row, number):
            # The book makes the price, so the seed must say what its makers want.
            price = self.paths.drawn(number, at_ns) * self.listing.scale_of[row]
        else:
            own = show.chain.own(self.paths.spot(at_ns, at_ns))
            price = float(show.chain.worth(own, at_ns)[0])
        return price / float(self.instruments[row].tick_size)

    # --- books ----------------------------------------------------------------------------------

    def open(self, instrument: Instrument, at_ns: int) -> Venue:
        """A venue in the state that the row shows, its book still empty."""
        row = self._row_of[instrument.id]
        venue = Venue(instrument, self.previous_close(instrument.id))
        one = self._one(row, at_ns)
        wire = self._tape.wire_per_tick[row]
        if one["volume"] or (not instrument.is_tradable and one["open"]):
            venue.last_ticks = int(one["last_price"] // wire)
            venue.open_ticks = int(one["open"] // wire)
            venue.high_ticks = int(one["high"] // wire)
            venue.low_ticks = int(one["low"] // wire)
            venue.volume = int(one["volume"])
            venue.turnover_ticks = round(int(one["average_price"]) / int(wire) * venue.volume)
            venue.last_quantity = int(one["last_quantity"])
            venue.last_trade_ns = int(one["last_trade_time"]) * NS_PER_SECOND or None
        venue.oi, venue.oi_high, venue.oi_low = (
            int(one[name]) for name in ("oi", "oi_day_high", "oi_day_low")
        )
        venue.changed_ns = at_ns
        number = int(self._chain.driver[row])
        if not instrument.is_tradable:
            self._published.append((venue, number))
        self.books[row] = True
        if instrument.instrument_type is not InstrumentType.EQ:
            self._contracts[row] = venue
        if self._is_first(row, number):
            self._followed[number] = venue
            self._follow(number, venue)
        return venue

    def people(self, venue: Venue, at_ns: int) -> None:
        """Let agents quote on a venue that was just opened."""
        if venue.instrument.is_tradable:
            self.let_in(venue, at_ns)

    def _is_first(self, row: int, number: int) -> bool:
        """Whether the row's book makes its driver's price: the first share listed on it."""
        return int(self._tape.first_row[number]) == row

    def _follow(self, number: int, venue: Venue) -> None:
        tick = float(venue.instrument.tick_size)
        self.paths.follow(number, lambda: venue.last_ticks * tick)

    # --- plans ----------------------------------------------------------------------------------

    def _one(self, row: int, at_ns: int) -> Any:
        return self.columns(np.array([row], dtype=np.int64), at_ns)[0]

    def _plan(self, rows: "NDArray[np.int64]") -> list[Show]:
        """The rows in groups of one timetable each; remembered, as the same ones are asked for."""
        key = rows.tobytes()
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                del self._plans[next(iter(self._plans))]
            tables = self._timetable_of[rows]
            plan = self._plans[key] = [
                Show(
                    table=int(table),
                    places=places,
                    chain=self._chain.part(rows[places]),
                    is_haltable=self._tables[table].exchange not in _UNHALTED,
                )
                for table in np.unique(tables)
                for places in (np.flatnonzero(tables == table),)
            ]
        return plan


_NO_TIDE = Tide(Regime.CALM, SeededSource(0), 0, 1)
_UNHALTED = (Exchange.CDS, Exchange.BCD, Exchange.MCX, Exchange.NCO)


def _nobody(_venue: Venue, _at_ns: int) -> None:
    """Nobody comes."""


def _hours(table: Timetable, on: date) -> Hours:
    session = table.session(on)
    return _CLOSED if session is None else (session.open_ns, session.close_ns)


def _auction_ns(table: Timetable, on: date) -> int:
    """When the closing auction of a day has made its price; 0 where there is none."""
    session = table.session(on)
    phases = () if session is None else session.phases
    ends = (one.end_ns for one in phases if one.kind is PhaseKind.AUCTION_MATCHING)
    return next(ends, 0)


def _trading_until(at_ns: int, is_haltable: bool, halts: Sequence[Hours]) -> tuple[int, int]:
    """The last instant of trading up to ``at_ns``, and how long was halted before it."""
    lost_ns = 0
    if is_haltable:
        for start_ns, end_ns in halts:
            if at_ns <= start_ns:
                break
            if at_ns < end_ns:
                return start_ns, lost_ns
            lost_ns += end_ns - start_ns
    return at_ns, lost_ns
