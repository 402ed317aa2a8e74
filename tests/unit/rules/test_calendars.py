"""The calendars of every segment: hours by date and group, days of their own, days shared."""

from datetime import date, time

import pytest

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.rules.calendar import Calendar
from patang.rules.ist import ist_time
from patang.rules.session import PhaseKind

FIRST, LAST = date(2025, 1, 1), date(2026, 12, 31)


def hours(exchange, day, **which):
    session = Calendar.load(exchange).session(day, **which)
    return None if session is None else (ist_time(session.open_ns), ist_time(session.close_ns))


@pytest.mark.parametrize(
    ("exchange", "day", "expected"),
    [
        ("BSE", date(2026, 11, 20), (time(9, 15), time(15, 30))),
        ("NFO", date(2026, 7, 31), (time(9, 15), time(15, 30))),
        ("NFO", date(2026, 8, 3), (time(9, 15), time(15, 40))),
        ("BFO", date(2026, 11, 20), (time(9, 15), time(15, 40))),
        ("NFO", date(2025, 10, 21), (time(13, 45), time(14, 45))),
        ("NFO", date(2026, 2, 1), (time(9, 15), time(15, 30))),
        ("CDS", date(2026, 11, 20), (time(9, 0), time(17, 0))),
        ("CDS", date(2026, 2, 19), None),
        ("BCD", date(2026, 4, 1), None),
        ("CDS", date(2025, 9, 5), (time(9, 0), time(17, 0))),
        ("CDS", date(2025, 9, 8), None),
        ("MCX", date(2026, 3, 6), (time(9, 0), time(23, 55))),
        ("MCX", date(2026, 3, 9), (time(9, 0), time(23, 30))),
        ("MCX", date(2026, 10, 30), (time(9, 0), time(23, 30))),
        ("MCX", date(2026, 11, 2), (time(9, 0), time(23, 55))),
        ("MCX", date(2026, 11, 24), (time(17, 0), time(23, 55))),
        ("MCX", date(2026, 5, 1), (time(17, 0), time(23, 30))),
        ("MCX", date(2026, 1, 1), (time(9, 0), time(17, 0))),
        ("MCX", date(2026, 1, 26), None),
        ("NCO", date(2026, 11, 24), (time(17, 0), time(23, 55))),
        ("MCX", date(2026, 11, 8), None),
    ],
)
def test_hours_follow_the_segment_and_the_day(exchange, day, expected):
    assert hours(exchange, day) == expected


def test_groups_of_commodities_close_earlier_and_have_no_evening_of_their_own():
    day, evening = date(2026, 11, 20), date(2026, 11, 24)
    assert hours("MCX", day, hours="agri") == (time(9, 0), time(17, 0))
    assert hours("MCX", day, hours="international_agri") == (time(9, 0), time(21, 0))
    assert hours("MCX", evening, hours="agri") is None
    assert hours("MCX", evening, hours="international_agri") == (time(17, 0), time(21, 0))


def test_near_futures_open_with_an_auction_since_december_2025():
    def kinds(day):
        session = Calendar.load("NFO").session(day, hours="near_future")
        return [phase.kind for phase in session.phases]

    assert kinds(date(2025, 12, 5)) == [PhaseKind.CONTINUOUS]
    assert kinds(date(2025, 12, 8))[:2] == [PhaseKind.PRE_OPEN_ENTRY, PhaseKind.PRE_OPEN_MATCHING]
    assert PhaseKind.PRE_OPEN_LIMIT_ONLY in kinds(date(2026, 9, 7))
    plain = Calendar.load("NFO").session(date(2026, 9, 7))
    assert [phase.kind for phase in plain.phases] == [PhaseKind.CONTINUOUS]


def test_segments_of_the_share_market_trade_on_the_same_days():
    shares = Calendar.load("NSE").trading_days(FIRST, LAST)
    for exchange in ("BSE", "NFO", "BFO"):
        assert Calendar.load(exchange).trading_days(FIRST, LAST) == shares
    currency = Calendar.load("CDS").trading_days(FIRST, LAST)
    assert Calendar.load("BCD").trading_days(FIRST, LAST) == currency
    # Currency closes on bank holidays as well, and on the Budget's weekend days.
    assert set(shares) - set(currency) == {
        date(2025, 2, 1),
        date(2025, 2, 19),
        date(2025, 4, 1),
        date(2025, 5, 12),
        date(2025, 9, 8),
        date(2026, 2, 1),
        date(2026, 2, 19),
        date(2026, 3, 19),
        date(2026, 4, 1),
        date(2026, 8, 26),
    }
    assert set(currency) <= set(shares)


def test_every_exchange_has_a_calendar_with_phases_in_order():
    for exchange in Exchange:
        calendar = Calendar.load(exchange)
        assert (calendar.valid_from, calendar.valid_through) == (FIRST, LAST)
        for day in calendar.trading_days(FIRST, LAST):
            for auction in (False, True):
                phases = calendar.session(day, closing_auction=auction).phases
                times = [at for phase in phases for at in (phase.start_ns, phase.end_ns)]
                assert times == sorted(times), (exchange, day)


def test_an_unknown_exchange_is_refused_with_the_known_ones():
    with pytest.raises(InvalidValue, match="Known: NSE, BSE, NFO"):
        Calendar.load("NYSE")


def test_regular_close_is_told_for_closed_days_too():
    calendar = Calendar.load("MCX")
    assert calendar.regular_close(date(2026, 1, 26)) == time(23, 55)
    assert calendar.part_days[date(2026, 1, 1)] == "New Year's Day"
