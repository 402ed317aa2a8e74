"""The world's candles: what books and backdrop have shown, and the past made up for them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from patang.domain.instrument import InstrumentId
from patang.rules.ist import at_ist, ist_date
from patang.sandbox.backdrop_days import BackdropDays
from patang.simulator.exchange import Exchange
from patang.simulator.quote import Quote
from patang.simulator.tape.candles import TickCandle, merged
from patang.simulator.tape.history import History
from patang.simulator.tape.past import Subject
from patang.simulator.tape.subjects import DAILY_VOLATILITY, Subjects, lone_subject
from patang.simulator.venue import Venue
from patang.simulator.worlds.listing import Listing
from patang.simulator.worlds.shares import SHARES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Backdrop(Protocol):
    """A backdrop that knows the minutes of its day, and what its rows hang on."""

    listing: Listing

    @property
    def close_ticks(self) -> "NDArray[np.int64]": ...

    def quote(self, instrument: InstrumentId, at_ns: int) -> Quote: ...

    def minute_bars(
        self, instrument: InstrumentId, until_ns: int
    ) -> Sequence[tuple[int, int, int, int, int, int, int]]: ...


class _Tape:
    """The minutes of every instrument, with a book or without."""

    def __init__(self, exchange: Exchange, seed: int) -> None:
        self._exchange = exchange
        self._backdrop = cast("_Backdrop | None", exchange.backdrop)
        self._days = (
            None if exchange.backdrop is None else BackdropDays(exchange, exchange.backdrop, seed)
        )
        self._before: dict[InstrumentId, list[TickCandle]] = {}
        for venue in exchange.floor.venues.values():
            self._remember(venue)
        exchange.floor.venues.on_open.append(self._remember)

    def minutes(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> list[TickCandle]:
        seen = self._seen(instrument, first_ns, end_ns)
        if seen or self._days is None:
            return seen
        listed = self._exchange.instrument(instrument)
        return self._days.minutes(listed, ist_date(first_ns))

    def _seen(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> list[TickCandle]:
        venue = self._exchange.floor.venues.peek(instrument)
        if venue is None:
            known = self._shown(instrument, self._exchange.now_ns)
            return [one for one in known if first_ns <= one.start_ns < end_ns]
        after = venue.minutes.between(first_ns, end_ns)
        known = self._before.get(instrument, [])
        before = [one for one in known if first_ns <= one.start_ns < end_ns]
        if before and after and before[-1].start_ns == after[0].start_ns:
            # The book opened within a minute, which both sides saw a part of.
            whole = merged(after[0].start_ns, (before.pop(), after.pop(0)))
            return [*before, whole, *after] if whole is not None else before
        return before + after

    def closing(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> int | None:
        venue = self._exchange.floor.venues.peek(instrument)
        noted = None if venue is None else venue.minutes.closing_between(first_ns, end_ns)
        if noted is None and self._days is not None:
            return self._days.closing(instrument, ist_date(first_ns))
        return noted

    def _remember(self, venue: Venue) -> None:
        """Keep what the backdrop showed before the book took over."""
        name = venue.instrument.id
        first_ns = venue.minutes.first_ns
        until_ns = self._exchange.now_ns if first_ns is None else first_ns
        self._before[name] = self._shown(name, until_ns)

    def _shown(self, instrument: InstrumentId, until_ns: int) -> list[TickCandle]:
        if self._backdrop is None:
            return []
        return [TickCandle(*one) for one in self._backdrop.minute_bars(instrument, until_ns)]


def build_history(exchange: Exchange, seed: int, start_ns: int) -> History:
    """The history of a world that begins now, at ``start_ns`` UTC."""
    backdrop = cast("_Backdrop | None", exchange.backdrop)
    # The past meets the closes that the world began with, however many days it goes on for.
    first_day = ist_date(start_ns)
    midnight_ns = at_ist(first_day, 0, 0)
    find = _lone(exchange) if backdrop is None else _listed(exchange, backdrop, midnight_ns)
    return History(seed, first_day, _Tape(exchange, seed), cache(find))


def _listed(
    exchange: Exchange, backdrop: _Backdrop, midnight_ns: int
) -> Callable[[InstrumentId], Subject]:
    listing, closes = backdrop.listing, backdrop.close_ticks
    subjects = Subjects(listing)

    def find(name: InstrumentId) -> Subject:
        listed = exchange.instrument(name)
        close = listed.from_ticks(int(closes[listing.row_of[name]]))
        # Before the day's trading the backdrop shows the open interest of the night.
        return subjects.of(listed, close, backdrop.quote(name, midnight_ns).oi)

    return find


def _lone(exchange: Exchange) -> Callable[[InstrumentId], Subject]:
    venues = exchange.floor.venues.values()
    closes = {one.instrument.id: one.price(one.close_ticks) for one in venues}
    volatilities = {f"NSE:{one.symbol}": one.daily_volatility for one in SHARES}

    def find(name: InstrumentId) -> Subject:
        volatility = volatilities.get(name, DAILY_VOLATILITY)
        return lone_subject(exchange.instrument(name), closes[name], volatility)

    return find
