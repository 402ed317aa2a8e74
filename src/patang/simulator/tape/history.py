"""Candles of any span: what the world has recorded, and before it the past made up for it.

Source: Kite Connect v3, historical candle data; spans as the server's own error texts name them.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import InstrumentId
from patang.rules.calendar import Calendar, OutsideCalendar
from patang.rules.ist import NS_PER_DAY, at_ist, ist_date
from patang.simulator.errors import Refused
from patang.simulator.tape.candles import MINUTE_NS, TickCandle, aggregated, merged
from patang.simulator.tape.past import BLOCK_MINUTES, Hours, Past, Subject

MINUTES_FROM = date(2015, 2, 2)
"""The oldest day with candles shorter than a day. Source: Zerodha staff, developer forum."""

DAYS_FROM = date(2000, 1, 3)
CONTINUOUS_FROM = date(2011, 7, 1)
"""The oldest day of expired futures. Source: Zerodha staff, developer forum."""

_WEEKEND = 5
# Days of the year on which every exchange in India is closed, for years without a calendar.
_FIXED_HOLIDAYS = frozenset({(1, 26), (5, 1), (8, 15), (10, 2), (12, 25)})


class Interval(NamedTuple):
    """A candle's length in minutes (None: days or weeks), and the longest span of a request."""

    minutes: int | None
    days_max: int


INTERVALS = {
    "minute": Interval(1, 60),
    "2minute": Interval(2, 60),
    "3minute": Interval(3, 100),
    "4minute": Interval(4, 100),
    "5minute": Interval(5, 100),
    "10minute": Interval(10, 100),
    "15minute": Interval(15, 200),
    "30minute": Interval(30, 200),
    "60minute": Interval(60, 400),
    "hour": Interval(60, 400),
    "2hour": Interval(120, 400),
    "3hour": Interval(180, 400),
    "4hour": Interval(240, 400),
    "day": Interval(None, 2000),
    "week": Interval(None, 2000),
}
"""By Kite's names; ``2minute``, ``4minute``, the hours and ``week`` are in no documentation."""


class Recorded(Protocol):
    """What the world itself has seen."""

    def minutes(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> list[TickCandle]:
        """Minutes that start in the span, oldest first."""

    def closing(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> int | None:
        """The closing price of the day inside the span, in ticks; None when it has none yet."""


class History:
    """Candles of everything that is listed. ``first_day`` is the world's first day.

    Candles shorter than a day are counted from the opening of their exchange; trades before it
    belong to the first one. A day's candle closes at the day's closing price.
    """

    def __init__(
        self,
        seed: int,
        first_day: date,
        recorded: Recorded,
        subject: Callable[[InstrumentId], Subject],
    ) -> None:
        self._seed = seed
        self._first_day = first_day
        self._recorded = recorded
        self._subject = subject
        self._pasts: dict[Exchange, Past] = {}

    def candles(
        self,
        instrument: InstrumentId,
        interval: str,
        from_ns: int,
        to_ns: int,
        now_ns: int,
        *,
        continuous: bool = False,
        to_whole_day: bool = False,
    ) -> list[TickCandle]:
        """Candles that start in the span, both ends included; the last one may still be running.

        With ``to_whole_day`` the span ends with the day that begins at ``to_ns``; its length, as
        the limits count it, is still up to ``to_ns``: from a day to that sixty days later is sixty.

        Raises:
            Refused: no such interval, a span too long, or expired contracts where there are none.
        """
        known = INTERVALS.get(interval)
        if known is None:
            raise Refused("InputException", "invalid interval")
        length_ns = to_ns - from_ns
        if to_whole_day:
            to_ns += NS_PER_DAY - 1
        if from_ns > to_ns:
            raise Refused("InputException", "from date cannot be after to date")
        if length_ns > known.days_max * NS_PER_DAY:
            raise Refused("InputException", f"interval exceeds max limit: {known.days_max} days")
        subject = self._subject(instrument)
        listed = subject.listed
        if continuous:
            is_future = subject.instrument.instrument_type is InstrumentType.FUT
            if not is_future or known.minutes is not None:
                raise Refused(
                    "InputException", "continuous data is for day candles of futures only"
                )
            listed = CONTINUOUS_FROM
        oldest = DAYS_FROM if known.minutes is None else MINUTES_FROM
        first = max(ist_date(from_ns), listed, oldest)
        if interval == "week":
            first = max(first, DAYS_FROM + timedelta(7))
            first -= timedelta(first.weekday())
        last = ist_date(min(to_ns, now_ns))
        subject = _listed_from(subject, listed)
        candles = self._all(subject, known.minutes, first, last, now_ns)
        if interval == "week":
            candles = aggregated(candles, 7 * NS_PER_DAY, at_ist(date(2000, 1, 3), 0, 0))
        return [one for one in candles if from_ns <= one.start_ns <= to_ns]

    def _all(
        self, subject: Subject, minutes: int | None, first: date, last: date, now_ns: int
    ) -> Iterator[TickCandle]:
        exchange = subject.instrument.exchange
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if day >= self._first_day:
                yield from self._recorded_day(subject, minutes, day, now_ns)
                continue
            past = self._past(exchange)
            if minutes is None:
                whole = past.day(subject, day)
                if whole is not None:
                    yield whole._replace(start_ns=at_ist(day, 0, 0))
                continue
            is_coarse = minutes % BLOCK_MINUTES == 0
            parts = past.blocks(subject, day) if is_coarse else past.minutes(subject, day)
            if parts and minutes > 1:
                yield from aggregated(parts, minutes * MINUTE_NS, parts[0].start_ns)
            else:
                yield from parts

    def _recorded_day(
        self, subject: Subject, minutes: int | None, day: date, now_ns: int
    ) -> Iterator[TickCandle]:
        instrument = subject.instrument.id
        midnight_ns = at_ist(day, 0, 0)
        span = (midnight_ns, midnight_ns + NS_PER_DAY)
        hours = trading_hours(subject.instrument.exchange, day)
        parts = self._recorded.minutes(instrument, *span)
        if hours is not None:
            if now_ns < hours.open_ns:
                return
            parts = _from_open(parts, hours.open_ns)
        if minutes is not None:
            anchor_ns = midnight_ns if hours is None else hours.open_ns
            yield from aggregated(parts, minutes * MINUTE_NS, anchor_ns)
            return
        whole = merged(midnight_ns, parts)
        if whole is not None:
            closing = self._recorded.closing(instrument, *span)
            if closing is not None:
                high, low = max(whole.high, closing), min(whole.low, closing)
                whole = whole._replace(close=closing, high=high, low=low)
            yield whole

    def _past(self, exchange: Exchange) -> Past:
        past = self._pasts.get(exchange)
        if past is None:
            days = tuple(
                day
                for day in _days(DAYS_FROM, self._first_day - timedelta(1))
                if trading_hours(exchange, day) is not None
            )
            past = self._pasts[exchange] = Past(
                self._seed, days, lambda day: _known_hours(exchange, day)
            )
        return past


def trading_hours(exchange: Exchange, day: date) -> Hours | None:
    """Continuous trading of a day; None when the exchange was closed.

    For years that the calendar does not know, weekdays have the hours of its first day; only
    holidays with a fixed date are left out.
    """
    calendar = Calendar.load(exchange)
    try:
        session = calendar.session(day)
    except OutsideCalendar:
        if day.weekday() >= _WEEKEND or (day.month, day.day) in _FIXED_HOLIDAYS:
            return None
        open_ns, close_ns = _first_hours(exchange)
        shift_ns = at_ist(day, 0, 0)
        return Hours(open_ns + shift_ns, (close_ns - open_ns) // MINUTE_NS)
    if session is None:
        return None
    return Hours(session.open_ns, (session.close_ns - session.open_ns) // MINUTE_NS)


@lru_cache(maxsize=len(Exchange))
def _first_hours(exchange: Exchange) -> tuple[int, int]:
    """Opening and close of the calendar's first regular day, since its midnight."""
    calendar = Calendar.load(exchange)
    session = calendar.next_session(at_ist(calendar.valid_from, 0, 0))
    midnight_ns = at_ist(session.date, 0, 0)
    return session.open_ns - midnight_ns, session.close_ns - midnight_ns


def _known_hours(exchange: Exchange, day: date) -> Hours:
    hours = trading_hours(exchange, day)
    if hours is None:
        raise OutsideCalendar(f"{exchange} was closed on {day}.")
    return hours


def _from_open(minutes: list[TickCandle], open_ns: int) -> list[TickCandle]:
    """The minutes, with everything before the opening in the opening minute."""
    early = [one for one in minutes if one.start_ns < open_ns + MINUTE_NS]
    first = merged(open_ns, early)
    return minutes if first is None else [first, *minutes[len(early) :]]


def _listed_from(subject: Subject, listed: date) -> Subject:
    return subject if listed == subject.listed else replace(subject, listed=listed)


def _days(first: date, last: date) -> Iterator[date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)
