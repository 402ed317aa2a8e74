"""The NSE calendar: the right days, the right hours, and no answer where none is known."""

from datetime import date

import pytest

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.rules.calendar import Calendar, CalendarExpired, OutsideCalendar
from patang.rules.ist import at_ist, format_ist
from patang.rules.session import PhaseKind, Session

NSE = Calendar.load("NSE")


def session(day: date, *, closing_auction: bool = False) -> Session:
    found = NSE.session(day, closing_auction=closing_auction)
    assert found is not None
    return found


def hours(found: Session) -> tuple[str, str]:
    return format_ist(found.open_ns)[11:16], format_ist(found.close_ns)[11:16]


def timeline(found: Session) -> list[tuple[str, str, str]]:
    return [
        (phase.kind.value, format_ist(phase.start_ns)[11:16], format_ist(phase.end_ns)[11:16])
        for phase in found.phases
    ]


def test_a_plain_day_trades_from_0915_to_1530() -> None:
    found = session(date(2026, 11, 20))
    assert hours(found) == ("09:15", "15:30")
    assert (found.date, found.name) == (date(2026, 11, 20), "")
    assert format_ist(found.starts_ns)[11:] == "09:00:00"
    assert format_ist(found.ends_ns)[11:] == "16:00:00"


@pytest.mark.parametrize(
    ("day", "closing_auction", "close"),
    [
        (date(2026, 7, 31), False, "15:30"),
        (date(2026, 7, 31), True, "15:30"),
        (date(2026, 8, 3), False, "15:30"),
        (date(2026, 8, 3), True, "15:15"),
        (date(2026, 11, 20), False, "15:30"),
        (date(2026, 11, 20), True, "15:15"),
    ],
)
def test_shares_in_the_closing_auction_stop_at_1515_since_august_2026(
    day: date, closing_auction: bool, close: str
) -> None:
    assert hours(session(day, closing_auction=closing_auction)) == ("09:15", close)


def test_the_phases_of_a_closing_auction_day() -> None:
    assert timeline(session(date(2026, 9, 7), closing_auction=True)) == [
        ("pre_open_entry", "09:00", "09:05"),
        ("pre_open_limit_only", "09:05", "09:10"),
        ("pre_open_matching", "09:10", "09:12"),
        ("buffer", "09:12", "09:15"),
        ("continuous", "09:15", "15:15"),
        ("auction_reference", "15:15", "15:20"),
        ("auction_entry", "15:20", "15:25"),
        ("auction_limit_only", "15:25", "15:30"),
        ("auction_matching", "15:30", "15:35"),
        ("buffer", "15:35", "15:50"),
        ("post_close", "15:50", "16:00"),
    ]


@pytest.mark.parametrize(
    ("day", "pre_open_ends", "post_close"),
    [
        (date(2026, 7, 31), "09:08", ("15:40", "16:00")),
        (date(2026, 9, 4), "09:08", ("15:50", "16:00")),
        (date(2026, 9, 7), "09:05", ("15:50", "16:00")),
    ],
)
def test_hours_change_on_their_day(
    day: date, pre_open_ends: str, post_close: tuple[str, str]
) -> None:
    phases = timeline(session(day))
    assert phases[0] == ("pre_open_entry", "09:00", pre_open_ends)
    assert phases[-1] == ("post_close", *post_close)


@pytest.mark.parametrize(("year", "count"), [(2025, 249), (2026, 246)])
def test_the_number_of_trading_days_of_a_year(year: int, count: int) -> None:
    assert len(NSE.trading_days(date(year, 1, 1), date(year, 12, 31))) == count


@pytest.mark.parametrize("day", [date(2026, 8, 15), date(2026, 11, 22), date(2026, 11, 24)])
def test_weekends_and_holidays_are_closed(day: date) -> None:
    assert NSE.session(day) is None
    assert not NSE.is_open(at_ist(day, 12, 0))


def test_a_clearing_holiday_is_a_trading_day() -> None:
    assert NSE.session(date(2026, 8, 26)) is not None


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 2, 1), ("09:15", "15:30")),
        (date(2025, 10, 21), ("13:45", "14:45")),
        (date(2026, 2, 1), ("09:15", "15:30")),
    ],
)
def test_special_sessions_are_held(day: date, expected: tuple[str, str]) -> None:
    assert hours(session(day)) == expected
    assert session(day).name


def test_a_session_whose_hours_are_not_known_is_listed_and_counted_as_closed() -> None:
    muhurat = date(2026, 11, 8)
    assert muhurat in NSE.hours_unknown
    assert NSE.session(muhurat) is None


def test_open_includes_the_first_instant_and_excludes_the_last() -> None:
    found = session(date(2026, 11, 20))
    assert not NSE.is_open(found.open_ns - 1)
    assert NSE.is_open(found.open_ns)
    assert NSE.is_open(found.close_ns - 1)
    assert not NSE.is_open(found.close_ns)
    assert not NSE.is_open(found.close_ns - 1, closing_auction=True)


def test_the_phase_under_way_is_named() -> None:
    found = session(date(2026, 11, 20))
    phase = found.phase_at(at_ist(found.date, 9, 7))
    assert phase is not None
    assert phase.kind is PhaseKind.PRE_OPEN_LIMIT_ONLY
    assert phase.random_end_ns == at_ist(found.date, 9, 8)
    assert found.phase_at(at_ist(found.date, 15, 45)) is None
    assert found.phase_at(at_ist(found.date, 8, 59)) is None


def test_the_next_session_skips_weekend_and_holiday() -> None:
    friday, monday, wednesday = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 25)
    opening_ns = session(friday).open_ns
    assert NSE.next_session(opening_ns).date == friday
    assert NSE.next_session(opening_ns + 1).date == monday
    assert NSE.next_session(at_ist(monday, 12, 0)).date == wednesday  # the 24th is a holiday


def test_beyond_the_last_known_day_the_calendar_gives_no_answer() -> None:
    assert NSE.session(NSE.valid_through) is not None
    new_year = date(2027, 1, 1)
    with pytest.raises(CalendarExpired, match="ends on 2026-12-31; asked for 2027-01-01") as caught:
        NSE.session(new_year)
    assert "Update Patang" in caught.value.remedy
    for ask in (
        lambda: NSE.is_open(at_ist(new_year, 12, 0)),
        lambda: NSE.next_session(at_ist(date(2026, 12, 31), 12, 0)),
        lambda: NSE.trading_days(date(2026, 12, 1), new_year),
    ):
        with pytest.raises(CalendarExpired):
            ask()
    with pytest.raises(OutsideCalendar, match="begins on 2025-01-01"):
        NSE.session(date(2024, 12, 31))


def test_an_unknown_exchange_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidValue, match=r"no calendar of 'NYSE'.*Known: NSE"):
        Calendar.load("NYSE")


def test_a_calendar_is_loaded_once() -> None:
    assert Calendar.load("NSE") is NSE
    assert Calendar.load(Exchange.NSE) is NSE
