"""When an exchange trades: dated hours, holidays and special sessions, up to a known day.

>>> calendar = Calendar.load("NSE")
>>> calendar.session(date(2026, 11, 24)) is None
True
>>> calendar.session(date(2026, 2, 1)).name
'Union Budget (Sunday)'
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from patang.domain.errors import InvalidValue, InvariantBroken, PatangError
from patang.rules.ist import at_ist, ist_date
from patang.rules.reader import read_table
from patang.rules.session import Phase, PhaseKind, Session

_TABLES = ("NSE",)
_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


class OutsideCalendar(PatangError):
    """The calendar says nothing of this day."""


class CalendarExpired(OutsideCalendar):
    """The day lies after the last one whose holidays are known."""


class _Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: PhaseKind
    start: str
    end: str
    random_end: str | None = None


class _Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    phases: list[_Phase]
    auction_phases: list[_Phase] | None = None


class _Special(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    date: date
    name: str
    phases: list[_Phase] | None = None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchange: str
    valid_from: date
    valid_through: date
    hours_unknown: list[date]
    hours: list[_Hours]
    special: list[_Special]
    holidays: dict[date, str]


class Calendar:
    """The sessions of one exchange segment. Immutable; ``load`` returns one and the same.

    ``closing_auction`` asks for the hours of a share in the closing auction, where continuous
    trading ends at 15:15 since 2026-08-03 (shares with live derivatives).
    """

    def __init__(self, table: _Table) -> None:
        self.exchange = table.exchange
        self.valid_from = table.valid_from
        self.valid_through = table.valid_through
        self.holidays = dict(sorted(table.holidays.items()))
        """Closed weekdays and their names; a special session may still be held on one."""
        self.hours_unknown = frozenset(table.hours_unknown)
        """Days with a session whose hours are not known; treated as closed."""
        self._hours = sorted(table.hours, key=lambda row: row.effective_from)
        self._special = {special.date: special for special in table.special}
        self._sessions: dict[tuple[date, bool], Session | None] = {}

    @staticmethod
    def load(exchange: str) -> "Calendar":
        """The calendar that ships with the package; raises ``InvalidValue`` for others."""
        if exchange not in _TABLES:
            known = ", ".join(_TABLES)
            raise InvalidValue("exchange", f"no calendar of {exchange!r}.", f"Known: {known}.")
        return _load(str(exchange))  # the cache tells an enum from its text

    def session(self, day: date, *, closing_auction: bool = False) -> Session | None:
        """The session of a day in India, or None when the exchange is closed.

        Raises:
            CalendarExpired: after ``valid_through``.
            OutsideCalendar: before ``valid_from``.
        """
        key = (day, closing_auction)
        try:
            return self._sessions[key]
        except KeyError:
            # The table is finite, so this memory is: days outside it raise.
            session = self._sessions[key] = self._build(day, closing_auction=closing_auction)
            return session

    def is_open(self, at_ns: int, *, closing_auction: bool = False) -> bool:
        """Whether orders trade continuously at a UTC instant; raises as ``session`` does."""
        session = self.session(ist_date(at_ns), closing_auction=closing_auction)
        return session is not None and session.is_open(at_ns)

    def next_session(self, at_ns: int, *, closing_auction: bool = False) -> Session:
        """The first session that opens at or after a UTC instant; raises as ``session`` does."""
        day = ist_date(at_ns)
        while True:
            session = self.session(day, closing_auction=closing_auction)
            if session is not None and session.open_ns >= at_ns:
                return session
            day += _ONE_DAY

    def trading_days(self, first: date, last: date) -> list[date]:
        """Days with a session from ``first`` to ``last``, both included; raises as ``session``."""
        self._check_known(first)
        self._check_known(last)
        return [day for day in _days(first, last) if self.session(day) is not None]

    def _build(self, day: date, *, closing_auction: bool) -> Session | None:
        self._check_known(day)
        special = self._special.get(day)
        is_closed = day.weekday() >= _SATURDAY or day in self.holidays
        if special is None and (is_closed or day in self.hours_unknown):
            return None
        hours = [row for row in self._hours if row.effective_from <= day][-1]
        phases = hours.phases
        if special is not None and special.phases is not None:
            phases = special.phases
        elif closing_auction and hours.auction_phases is not None:
            phases = hours.auction_phases
        return _session(day, phases, "" if special is None else special.name)

    def _check_known(self, day: date) -> None:
        if day > self.valid_through:
            raise CalendarExpired(
                f"The {self.exchange} calendar ends on {self.valid_through}; asked for {day}.",
                "Update Patang: the exchange publishes next year's holidays in mid-December.",
            )
        if day < self.valid_from:
            raise OutsideCalendar(
                f"The {self.exchange} calendar begins on {self.valid_from}; asked for {day}.",
                "Choose a later day.",
            )


@lru_cache(maxsize=len(_TABLES))
def _load(exchange: str) -> Calendar:
    return Calendar(read_table(exchange.lower(), _Table))


def _days(first: date, last: date) -> Iterator[date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def _session(day: date, rows: Sequence[_Phase], name: str) -> Session:
    phases = tuple(
        Phase(
            row.kind,
            _instant(day, row.start),
            _instant(day, row.end),
            None if row.random_end is None else _instant(day, row.random_end),
        )
        for row in rows
    )
    continuous = [phase for phase in phases if phase.kind is PhaseKind.CONTINUOUS]
    if len(continuous) != 1:
        raise InvariantBroken(f"the session of {day} has {len(continuous)} continuous phases")
    return Session(
        date=day,
        open_ns=continuous[0].start_ns,
        close_ns=continuous[0].end_ns,
        phases=phases,
        name=name,
    )


def _instant(day: date, clock: str) -> int:
    hour, minute = clock.split(":")
    return at_ist(day, int(hour), int(minute))
