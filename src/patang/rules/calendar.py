"""When an exchange trades: dated hours, holidays and special sessions, up to a known day.

>>> calendar = Calendar.load("NSE")
>>> calendar.session(date(2026, 11, 24)) is None
True
>>> calendar.session(date(2026, 2, 1)).name
'Union Budget (Sunday)'
>>> Calendar.load("MCX").session(date(2026, 11, 24)).name
'Guru Nanak Jayanti (evening session)'
"""

from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from functools import lru_cache

import msgspec

from patang.domain.errors import InvalidValue, InvariantBroken, PatangError
from patang.rules.ist import at_ist, ist_date
from patang.rules.reader import read_table
from patang.rules.session import Phase, PhaseKind, Session

_TABLES = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO")
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
    group: str = ""


class _Special(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    date: date
    name: str
    phases: list[_Phase] | None = None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchange: str
    hours: list[_Hours]
    special: list[_Special] = []
    days_of: str | None = None
    valid_from: date | None = None
    valid_through: date | None = None
    hours_unknown: list[date] = []
    holidays: dict[date, str] = {}
    sessions_meet: str | None = None
    morning_only: dict[date, str] = {}
    evening_only: dict[date, str] = {}


class Calendar:
    """The sessions of one exchange segment. Immutable; ``load`` returns one and the same.

    ``closing_auction`` asks for the hours of a share in the closing auction, where continuous
    trading ends at 15:15 since 2026-08-03 (shares with live derivatives). ``hours`` asks for those
    of a group of contracts with hours of their own: ``near_future`` (NFO and BFO futures with an
    opening auction), ``agri`` and ``international_agri`` (MCX and NCO).
    """

    def __init__(self, table: _Table) -> None:
        # Several segments close on the same days: their tables name the one that lists them.
        days = table if table.days_of is None else _table(table.days_of)
        if days.valid_from is None or days.valid_through is None:
            raise InvariantBroken(f"table {days.exchange.lower()}.toml has no range of days")
        self.exchange = table.exchange
        self.valid_from = days.valid_from
        self.valid_through = days.valid_through
        self.holidays = dict(sorted(days.holidays.items()))
        """Closed weekdays and their names; a special session may still be held on one."""
        self.part_days = dict(sorted((days.morning_only | days.evening_only).items()))
        """Days with a morning or an evening session only, and what they are named after."""
        self.hours_unknown = frozenset(days.hours_unknown)
        """Days with a session whose hours are not known; treated as closed."""
        self._days = days
        self._hours = sorted(table.hours, key=lambda row: row.effective_from)
        special = [*([] if days is table else days.special), *table.special]
        self._special = {one.date: one for one in special}
        self._sessions: dict[tuple[date, bool, str], Session | None] = {}

    @staticmethod
    def load(exchange: str) -> "Calendar":
        """The calendar that ships with the package; raises ``InvalidValue`` for others."""
        if exchange not in _TABLES:
            known = ", ".join(_TABLES)
            raise InvalidValue("exchange", f"no calendar of {exchange!r}.", f"Known: {known}.")
        return _load(str(exchange))  # the cache tells an enum from its text

    def session(
        self, day: date, *, closing_auction: bool = False, hours: str = ""
    ) -> Session | None:
        """The session of a day in India, or None when the exchange is closed.

        Raises:
            CalendarExpired: after ``valid_through``.
            OutsideCalendar: before ``valid_from``.
        """
        key = (day, closing_auction, hours)
        try:
            return self._sessions[key]
        except KeyError:
            # The table is finite, so this memory is: days outside it raise.
            session = self._build(day, closing_auction=closing_auction, hours=hours)
            self._sessions[key] = session
            return session

    def regular_close(self, day: date, *, closing_auction: bool = False, hours: str = "") -> time:
        """When continuous trading ends on regular days of that time, IST; raises as ``session``."""
        self._check_known(day)
        phases = self._regular(day, closing_auction=closing_auction, hours=hours)
        end = next(phase.end for phase in phases if phase.kind is PhaseKind.CONTINUOUS)
        hour, minute = end.split(":")
        return time(int(hour), int(minute))

    def is_open(self, at_ns: int, *, closing_auction: bool = False, hours: str = "") -> bool:
        """Whether orders trade continuously at a UTC instant; raises as ``session`` does."""
        session = self.session(ist_date(at_ns), closing_auction=closing_auction, hours=hours)
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

    def _build(self, day: date, *, closing_auction: bool, hours: str) -> Session | None:
        self._check_known(day)
        special = self._special.get(day)
        is_closed = day.weekday() >= _SATURDAY or day in self.holidays
        if special is None and (is_closed or day in self.hours_unknown):
            return None
        if special is not None and special.phases is not None:
            return _session(day, special.phases, special.name)
        phases = self._regular(day, closing_auction=closing_auction, hours=hours)
        name = "" if special is None else special.name
        meet = self._days.sessions_meet
        if meet is not None and day in self._days.evening_only:
            phases = [_clip(phase, start=meet) for phase in phases if phase.end > meet]
            name = f"{self._days.evening_only[day]} (evening session)"
        elif meet is not None and day in self._days.morning_only:
            phases = [_clip(phase, end=meet) for phase in phases if phase.start < meet]
            name = f"{self._days.morning_only[day]} (morning session)"
        return _session(day, phases, name) if phases else None

    def _regular(self, day: date, *, closing_auction: bool, hours: str) -> list[_Phase]:
        begun = [row for row in self._hours if row.effective_from <= day]
        plain = [row for row in begun if not row.group][-1]
        row = next((row for row in reversed(begun) if row.group == hours), plain)
        if closing_auction and row.auction_phases is not None:
            return row.auction_phases
        return row.phases

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
    return Calendar(_table(exchange))


@lru_cache(maxsize=len(_TABLES))
def _table(exchange: str) -> _Table:
    return read_table(exchange.lower(), _Table)


def _clip(phase: _Phase, *, start: str = "", end: str = "24:00") -> _Phase:
    # Times are HH:MM, whose order is that of their texts.
    return _Phase(phase.kind, max(phase.start, start), min(phase.end, end))


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
