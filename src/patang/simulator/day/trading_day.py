"""The trading day: moves every instrument through its phases, from one day to the next.

Nothing here polls. A day's changes stand on the exchange's agenda, per timetable: phases with their
auctions, bands, closing prices, releases of after-market orders and the broker's square-off. At
06:00 IST the next day is put there.
"""

from collections.abc import Callable, Collection
from datetime import date, time
from functools import partial

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules.calendar import CalendarExpired
from patang.rules.ist import at_ist, ist_date, ist_time
from patang.rules.order_rules import (
    amo_release_times,
    closing_auction_percent,
    has_late_band,
    square_off_time,
)
from patang.rules.session import Phase, PhaseKind, Session
from patang.simulator.agenda import FOREVER_NS, Entry
from patang.simulator.day.bands import Bands
from patang.simulator.day.breaker import Halt, halt_for, level_reached
from patang.simulator.day.call_auction import uncross
from patang.simulator.day.square_off import square_off
from patang.simulator.day.timetable import DERIVATIVES, EQUITY, SHARES, Timetable, Timetables
from patang.simulator.exchange import Exchange
from patang.simulator.orders import KiteStatus, SimOrder
from patang.simulator.venue import COLLECTING, Venue
from patang.simulator.worlds.seeded import RandomSource

INDICES = (InstrumentId("NSE:NIFTY 50"), InstrumentId("BSE:SENSEX"))
"""Indices whose moves stop the whole market, whichever is first."""

NOT_IN_AUCTION = "The order was cancelled by the exchange: its kind has no part in the auction."
UNMATCHED = "The order was cancelled by the exchange: it did not trade in the closing auction."

ROLL_AT = time(6, 0)
"""When the books of the day before are closed, IST, as Kite resets its sessions."""

MARKET_ORDERS_FIRST_FROM = date(2026, 9, 7)
"""Orders without a price come first in the opening auction too. Source: BSE 20260803-35."""

_NS_PER_MINUTE = 60 * NS_PER_SECOND
_PROTECTION_WINDOW_NS = 30 * NS_PER_SECOND
_CLOSE_WINDOW_NS = 30 * _NS_PER_MINUTE
_REFERENCE_WINDOW_NS = 15 * _NS_PER_MINUTE
# A halt is followed by an opening auction; continuous trading resumes so long after its beginning.
_REOPENING_NS = 15 * _NS_PER_MINUTE

_BEFORE_OPEN = (
    PhaseKind.PRE_OPEN_ENTRY,
    PhaseKind.PRE_OPEN_LIMIT_ONLY,
    PhaseKind.PRE_OPEN_MATCHING,
)
_IN_AUCTION = (
    PhaseKind.AUCTION_REFERENCE,
    PhaseKind.AUCTION_ENTRY,
    PhaseKind.AUCTION_LIMIT_ONLY,
)

Streams = Callable[[str], RandomSource]
"""Gives the random stream of a name."""


class TradingDay:
    """Runs an exchange's days. ``begin`` once; from then on the exchange's agenda does the rest.

    ``on_phase`` is called with (venue, UTC ns) after a venue's phase has changed and before
    anything else happens in it; ``on_new_day`` with (UTC ns) when a day has been prepared.
    Shares in ``with_derivatives`` go to the closing auction even where no derivatives are listed.
    """

    def __init__(
        self,
        exchange: Exchange,
        streams: Streams,
        *,
        with_derivatives: Collection[InstrumentId] = (),
    ) -> None:
        self.exchange = exchange
        self.on_phase: Callable[[Venue, int], None] = _ignore
        self.on_new_day: Callable[[int], None] = _ignore_day
        self.halt: Halt | None = None
        """The circuit breaker in force, None while trading goes on."""
        self.halts: list[tuple[int, int]] = []
        """When trading was halted today: from and until, UTC nanoseconds."""
        self.timetables = Timetables(exchange.instruments, with_derivatives)
        self.bands = Bands(exchange, self.timetables.has_derivatives, self._continuous_ends_ns)
        self._streams = streams
        self._on = date.min
        self._venues: dict[Timetable, list[Venue]] = {}
        self._phases: dict[Timetable, PhaseKind | None] = {}
        self._sessions: dict[Timetable, Session] = {}
        self._squared_off: dict[Timetable, bool] = {}
        self._entries: dict[Timetable, list[Entry]] = {}
        self._marks: dict[tuple[str, InstrumentId], tuple[int, int]] = {}
        self._marked: dict[tuple[str, Timetable], bool] = {}
        self._level = 0

    def begin(self, at_ns: int) -> None:
        """Take up the day at ``at_ns``, in the middle of it if need be.

        Raises:
            OutsideCalendar: a calendar does not know the day.
        """
        for venue in self.exchange.floor.venues.values():
            self.bands.open_day(venue, at_ns)
        self._plan(ist_date(at_ns), at_ns)
        self.exchange.on_index = self._watch_index
        self.exchange.floor.venues.on_open.append(self.adopt)

    def adopt(self, venue: Venue) -> None:
        """Let a venue that has just been opened stand where the others of its timetable do."""
        at_ns = self.exchange.now_ns
        if _has_expired(venue.instrument, self._on):
            venue.phase = None
            return
        timetable = self.timetables.of(venue.instrument, self._on)
        self._venues.setdefault(timetable, []).append(venue)
        self.bands.open_day(venue, at_ns)
        for window in ("close", "reference"):
            if (window, timetable) in self._marked:
                self._marks[window, venue.instrument.id] = (venue.volume, venue.turnover_ticks)
        self._stand(venue, timetable, at_ns)

    def phase(self, venue: Venue) -> PhaseKind | None:
        """What the venue's timetable says now."""
        return self._phases.get(self.timetables.of(venue.instrument, self._on))

    # --- planning -------------------------------------------------------------------------------

    def _plan(self, on: date, at_ns: int) -> None:
        """Put the rest of a day on the agenda, and every venue into its present phase."""
        self._on = on
        self._level = 0
        self.halt = None
        self.halts.clear()
        self._marks.clear()
        self._marked.clear()
        self._venues = {}
        self._phases = {}
        self._sessions = {}
        self._squared_off = {}
        for instrument in self.exchange.instruments:
            self._venues.setdefault(self.timetables.of(instrument, on), [])
        for venue in self.exchange.floor.venues.values():
            if _has_expired(venue.instrument, on):
                venue.phase = None
            else:
                self._venues[self.timetables.of(venue.instrument, on)].append(venue)
        self._entries = {timetable: [] for timetable in self._venues}
        segments: dict[ExchangeName, Session] = {}
        for timetable in self._venues:
            session = timetable.session(on)
            now = None
            if session is not None:
                self._sessions[timetable] = session
                segments.setdefault(timetable.exchange, session)
                now = self._plan_phases(timetable, session, at_ns)
                self._plan_square_off(timetable, at_ns)
            self._phases[timetable] = now
            for venue in self._venues[timetable]:
                self._stand(venue, timetable, at_ns)
            if session is not None and timetable.exchange in DERIVATIVES:
                first_ns = max(at_ns, session.open_ns)
                self._at(timetable, first_ns, partial(self._protect, timetable))
        for exchange, session in segments.items():
            self._plan_releases(exchange, session, at_ns)
        self._plan_late_bands(on, at_ns)
        tomorrow = date.fromordinal(on.toordinal() + 1)
        self.exchange.agenda.at(at_ist(tomorrow, ROLL_AT.hour, ROLL_AT.minute), self._roll)

    def _plan_phases(self, timetable: Timetable, session: Session, at_ns: int) -> PhaseKind | None:
        """Put phases that have not begun on the agenda; return the one under way."""
        now: PhaseKind | None = None
        phases = session.phases
        for number, phase in enumerate(phases):
            following = phases[number + 1] if number + 1 < len(phases) else None
            if phase.start_ns > at_ns:
                self._at(timetable, phase.start_ns, partial(self._enter, timetable, phase.kind))
            else:
                now = phase.kind
            shut_ns = self._random_close(timetable, phase)
            if following is not None and phase.end_ns > shut_ns > at_ns:
                # Entry has ended; the auction itself is when the calendar says.
                self._at(timetable, shut_ns, partial(self._show, timetable, following.kind))
            elif following is not None and phase.end_ns > at_ns >= shut_ns:
                now = following.kind
            if following is None or following.start_ns > phase.end_ns:
                if phase.end_ns > at_ns:
                    self._at(timetable, phase.end_ns, partial(self._enter, timetable, None))
                else:
                    now = None
        open_ns, close_ns = session.open_ns, session.close_ns
        window_ns = _REFERENCE_WINDOW_NS if _has_auction(session) else _CLOSE_WINDOW_NS
        start_ns = max(open_ns, close_ns - window_ns)
        if start_ns > at_ns:
            self._at(timetable, start_ns, partial(self._mark, timetable, "close"))
        else:
            self._mark(timetable, "close", at_ns)
        return now

    def _random_close(self, timetable: Timetable, phase: Phase) -> int:
        """When entry ends: a second of the phase's last minutes, the same for a whole exchange."""
        if phase.random_end_ns is None:
            return phase.end_ns
        stream = self._streams(f"close/{timetable.exchange}/{self._on}/{phase.kind}")
        seconds = (phase.end_ns - phase.random_end_ns) // NS_PER_SECOND
        return phase.random_end_ns + stream.randrange(int(seconds)) * NS_PER_SECOND

    def _plan_square_off(self, timetable: Timetable, at_ns: int) -> None:
        due = square_off_time(
            timetable.exchange, self._on, timetable.closing_auction, hours=timetable.hours
        )
        if due is None:
            return
        due_ns = at_ist(self._on, due.hour, due.minute)
        self._squared_off[timetable] = due_ns <= at_ns
        if due_ns > at_ns:
            self._at(timetable, due_ns, partial(self._square_off, timetable))

    def _square_off(self, timetable: Timetable, at_ns: int) -> None:
        self._squared_off[timetable] = True
        square_off(self.exchange, [one.instrument.id for one in self._venues[timetable]], at_ns)

    def _plan_releases(self, exchange: ExchangeName, session: Session, at_ns: int) -> None:
        """After-market orders go out when the segment's day begins, and when trading does."""
        clocks = amo_release_times(exchange)
        for clock in clocks:
            due_ns = at_ist(self._on, clock.hour, clock.minute)
            if session.name:
                # One with hours of its own takes them when it begins, and the rest when it trades.
                is_last = clock == clocks[-1]
                due_ns = max(due_ns, session.open_ns if is_last else session.starts_ns)
            if due_ns > at_ns:
                self.exchange.agenda.at(due_ns, partial(self._release, exchange))

    def _release(self, exchange: ExchangeName, at_ns: int) -> None:
        self.exchange.release_amo(exchange, at_ns)

    def _protect(self, timetable: Timetable, at_ns: int) -> None:
        """Move the references of limit price protection: the mean of each half minute's trades.

        A contract that did not trade keeps its own; the mean is weighted by quantity.
        Source: NSE LPP FAQs (average of the last 30 seconds' trades, refreshed as often).
        """
        for venue in self._venues[timetable]:
            name = venue.instrument.id
            mark = self._marks.get(("protection", name))
            if mark is not None and venue.volume > mark[0]:
                venue.protected_around_ticks = self._average_since(venue, "protection")
            elif not venue.protected_around_ticks:
                venue.protected_around_ticks = venue.last_ticks
            self._marks["protection", name] = (venue.volume, venue.turnover_ticks)
        due_ns = at_ns + _PROTECTION_WINDOW_NS
        if due_ns < self._sessions[timetable].close_ns:
            self._at(timetable, due_ns, partial(self._protect, timetable))

    def _plan_late_bands(self, on: date, at_ns: int) -> None:
        """Futures take over the band of the closing auction while it is held.

        Source: NSE/CMTR/73362, NSE/CMTR/76170, BSE 20260801-2.
        """
        auction = Timetable(ExchangeName.NSE, closing_auction=True).session(on)
        if auction is None or not _has_auction(auction):
            return
        due_ns = auction.close_ns
        for timetable in self._venues:
            if timetable.exchange not in DERIVATIVES or due_ns <= at_ns:
                continue
            start_ns = due_ns - _REFERENCE_WINDOW_NS
            self._at(timetable, start_ns, partial(self._mark, timetable, "reference"))
            self._at(timetable, due_ns, partial(self._late_bands, timetable))

    def _late_bands(self, timetable: Timetable, at_ns: int) -> None:
        for venue in self._venues[timetable]:
            if has_late_band(venue.instrument, self._on):
                reference = venue.price(self._average_since(venue, "reference"))
                self.bands.narrow(venue, reference, closing_auction_percent(), at_ns)
                self.exchange.floor.mark(venue, at_ns)

    def _at(self, timetable: Timetable, due_ns: int, action: Callable[[int], None]) -> None:
        self._entries[timetable].append(self.exchange.agenda.at(due_ns, action))

    # --- phases ---------------------------------------------------------------------------------

    def _stand(self, venue: Venue, timetable: Timetable, at_ns: int) -> None:
        """Begin in the middle: what would have happened before has no traces but these."""
        kind = self._phases.get(timetable)
        session = self._sessions.get(timetable)
        was, venue.phase = venue.phase, kind
        venue.is_intraday_over = self._squared_off.get(timetable, False)
        if kind in _IN_AUCTION:
            self._enter_auction(venue, at_ns)
        elif session is not None and at_ns >= session.close_ns:
            self._set_close(venue, venue.last_ticks)
        if kind is not was:
            self.on_phase(venue, at_ns)

    def _show(self, timetable: Timetable, kind: PhaseKind | None, at_ns: int) -> None:
        """Let a phase begin, and nothing else."""
        self._phases[timetable] = kind
        for venue in self._venues[timetable]:
            venue.phase = kind
            self.on_phase(venue, at_ns)
            self.exchange.floor.mark(venue, at_ns)

    def _enter(self, timetable: Timetable, kind: PhaseKind | None, at_ns: int) -> None:
        """Let a phase begin, with all that happens then."""
        was = self._phases[timetable]
        self._show(timetable, kind, at_ns)
        self._leave(timetable, was, kind, at_ns)
        # An entry that trading follows at once has its auction then.
        is_opening = kind is PhaseKind.CONTINUOUS and was in COLLECTING
        for venue in self._venues[timetable]:
            if is_opening or kind is PhaseKind.PRE_OPEN_MATCHING:
                self._open_auction(venue, at_ns)
            if kind is PhaseKind.CONTINUOUS:
                self.exchange.floor.run_triggers(venue, at_ns)
            elif kind is PhaseKind.AUCTION_REFERENCE:
                self._enter_auction(venue, at_ns)
            elif kind is PhaseKind.AUCTION_MATCHING:
                self._close_auction(venue, at_ns)

    def _leave(
        self, timetable: Timetable, was: PhaseKind | None, now: PhaseKind | None, at_ns: int
    ) -> None:
        """What the end of continuous trading, and of the session after it, brings."""
        if was is PhaseKind.CONTINUOUS and now not in (*_IN_AUCTION, PhaseKind.BUFFER):
            for venue in self._venues[timetable]:
                self._set_close(venue, self._average_since(venue, "close"))
            self._expire(timetable, at_ns)
        elif was is PhaseKind.POST_CLOSE:
            self._expire(timetable, at_ns)

    def _expire(self, timetable: Timetable, at_ns: int, message: str | None = None) -> None:
        names = [one.instrument.id for one in self._venues[timetable]]
        if message is None:
            self.exchange.expire_orders(names, at_ns)
        else:
            self.exchange.expire_orders(names, at_ns, message=message)

    def _set_close(self, venue: Venue, ticks: int) -> None:
        if venue.instrument.is_tradable:
            venue.closing_ticks = ticks

    # --- auctions -------------------------------------------------------------------------------

    def _open_auction(self, venue: Venue, at_ns: int) -> None:
        """Find the opening price; what did not trade goes on into continuous trading.

        After a halt the last price stands in for the previous close.
        """
        reference = venue.last_ticks if self.halt else venue.close_ticks
        found = uncross(
            self.exchange,
            venue,
            reference,
            at_ns,
            market_first=self._on >= MARKET_ORDERS_FIRST_FROM,
        )
        opened = reference if found is None else found.ticks
        self.exchange.price_market_orders(venue, opened, at_ns)

    def _enter_auction(self, venue: Venue, at_ns: int) -> None:
        """The closing auction's reference price and band, and who may not stay for it."""
        for order in self._resting(venue):
            is_hidden = 0 < order.disclosed_quantity < order.quantity
            if order.status is KiteStatus.TRIGGER_PENDING or is_hidden:
                self.exchange.expire_order(order, at_ns, NOT_IN_AUCTION)
        reference = venue.price(self._average_since(venue, "close"))
        self.bands.narrow(venue, reference, closing_auction_percent(), at_ns)
        self._marks["auction", venue.instrument.id] = (0, venue.instrument.to_ticks(reference))
        self.exchange.floor.mark(venue, at_ns)

    def _close_auction(self, venue: Venue, at_ns: int) -> None:
        """Find the closing price; without one the reference is it. What is left is cancelled."""
        name = venue.instrument.id
        _, reference = self._marks.get(("auction", name), (0, venue.last_ticks))
        found = uncross(self.exchange, venue, reference, at_ns, market_first=True)
        self._set_close(venue, reference if found is None else found.ticks)
        self.exchange.expire_orders([name], at_ns, message=UNMATCHED)
        for is_buy in (True, False):
            for order in list(venue.book.orders(is_buy)):
                self.exchange.drop(venue, order, at_ns, UNMATCHED)

    def _resting(self, venue: Venue) -> list[SimOrder]:
        name = venue.instrument.id
        return [
            order
            for user_id in self.exchange.user_ids()
            for order in self.exchange.orders(user_id)
            if order.instrument == name and order.status.is_resting
        ]

    def _mark(self, timetable: Timetable, window: str, _at_ns: int) -> None:
        """Remember where volume and turnover stood when an averaging window began."""
        self._marked[window, timetable] = True
        for venue in self._venues[timetable]:
            self._marks[window, venue.instrument.id] = (venue.volume, venue.turnover_ticks)

    def _average_since(self, venue: Venue, window: str) -> int:
        """Mean price of a window's trades in ticks; the last price without any, or before it."""
        mark = self._marks.get((window, venue.instrument.id))
        if mark is None or venue.volume <= mark[0]:
            return venue.last_ticks
        volume, turnover = mark
        traded = venue.volume - volume
        return (2 * (venue.turnover_ticks - turnover) + traded) // (2 * traded)

    def _continuous_ends_ns(self, venue: Venue) -> int:
        session = self._sessions.get(self.timetables.of(venue.instrument, self._on))
        return 0 if session is None else session.close_ns

    # --- circuit breakers -----------------------------------------------------------------------

    def _watch_index(self, index: Venue, at_ns: int) -> None:
        name = index.instrument.id
        # Levels are those of the first index that reaches one; later in a day only higher ones.
        if name not in INDICES or self.halt is not None or not self._is_trading():
            return
        close = index.price(index.close_ticks)
        level = level_reached(index.last_price, close, index.instrument.tick_size)
        if level <= self._level:
            return
        self._level = level
        halt = halt_for(level, ist_time(at_ns))
        if halt is not None:
            # Whoever published the index is in the middle of acting: stop when that is done.
            self.exchange.agenda.at(at_ns, lambda now_ns: self._stop(halt, now_ns))

    def _is_trading(self) -> bool:
        return any(
            self._phases.get(one) is PhaseKind.CONTINUOUS
            for one in self._venues
            if one.exchange in SHARES
        )

    def _stop(self, halt: Halt, at_ns: int) -> None:
        """Halt shares and their derivatives on all exchanges."""
        self.halt = halt
        self.halts.append((at_ns, FOREVER_NS))
        for timetable in self._venues:
            session = self._sessions.get(timetable)
            if session is None or timetable.exchange not in EQUITY:
                continue
            if halt.minutes is None:
                for entry in self._entries[timetable]:
                    entry.cancel()
                self._show(timetable, None, at_ns)
                for venue in self._venues[timetable]:
                    self._set_close(venue, self._average_since(venue, "close"))
                self._expire(timetable, at_ns)
            elif self._phases[timetable] is PhaseKind.CONTINUOUS:
                self._show(timetable, PhaseKind.BUFFER, at_ns)
                self._plan_reopening(timetable, session, at_ns + halt.minutes * _NS_PER_MINUTE)

    def _plan_reopening(self, timetable: Timetable, session: Session, from_ns: int) -> None:
        """An opening auction like the day's first, from ``from_ns``; then trading goes on."""
        by_ns = from_ns - session.starts_ns
        for phase in session.phases:
            if phase.kind not in _BEFORE_OPEN:
                continue
            self._at(timetable, phase.start_ns + by_ns, partial(self._enter, timetable, phase.kind))
            shut_ns = self._random_close(timetable, phase) + by_ns
            if shut_ns < phase.end_ns + by_ns:
                self._at(
                    timetable, shut_ns, partial(self._show, timetable, PhaseKind.PRE_OPEN_MATCHING)
                )
            if phase.kind is PhaseKind.PRE_OPEN_MATCHING:
                self._at(
                    timetable,
                    phase.end_ns + by_ns,
                    partial(self._show, timetable, PhaseKind.BUFFER),
                )
        self._at(timetable, from_ns + _REOPENING_NS, partial(self._resume, timetable))

    def _resume(self, timetable: Timetable, at_ns: int) -> None:
        self.halt = None
        self.halts[-1] = (self.halts[-1][0], at_ns)
        if self._phases[timetable] is PhaseKind.BUFFER:
            self._enter(timetable, PhaseKind.CONTINUOUS, at_ns)

    # --- the next day ---------------------------------------------------------------------------

    def _roll(self, at_ns: int) -> None:
        """Close yesterday's books if anything trades today, and plan today."""
        on = ist_date(at_ns)
        try:
            trades = {one: one.session(on) is not None for one in list(self._venues)}
        except CalendarExpired:
            # Nothing is known of this day: the market stays closed from here on.
            return
        if any(trades.values()):
            self.exchange.roll_day(at_ns)
            for venue in self.exchange.floor.venues.values():
                if trades.get(self.timetables.of(venue.instrument, self._on), True):
                    venue.start_day()
                    self.bands.open_day(venue, at_ns)
                    self.exchange.floor.mark(venue, at_ns)
        self._plan(on, at_ns)
        if any(trades.values()):
            self.on_new_day(at_ns)


def _has_expired(instrument: Instrument, on: date) -> bool:
    return instrument.expiry is not None and instrument.expiry < on.isoformat()


def _has_auction(session: Session) -> bool:
    return any(phase.kind is PhaseKind.AUCTION_REFERENCE for phase in session.phases)


def _ignore(_venue: Venue, _at_ns: int) -> None:
    """Nobody listens."""


def _ignore_day(_at_ns: int) -> None:
    """Nobody listens."""
