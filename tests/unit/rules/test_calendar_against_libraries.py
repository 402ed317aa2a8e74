"""Our calendar of 2025 and 2026 equals two public libraries, but for their known errors.

Each difference is written down with its proof; a new one, or one that a library has since
corrected, fails here.
"""

from datetime import date

import pytest

from patang.rules.calendar import Calendar
from patang.rules.ist import format_ist

exchange_calendars = pytest.importorskip("exchange_calendars")
pandas_market_calendars = pytest.importorskip("pandas_market_calendars")

# Both use pandas in ways that newer pandas warns of.
pytestmark = pytest.mark.filterwarnings("ignore")

FIRST, LAST = date(2025, 1, 1), date(2026, 12, 31)
NSE = Calendar.load("NSE")
OURS = set(NSE.trading_days(FIRST, LAST))

BUDGETS = {
    date(2025, 2, 1),  # Saturday: NSE circular of December 2024, normal hours
    date(2026, 2, 1),  # Sunday: NSE/CMTR/72349 and BSE 20260116-33, normal hours
}
MUHURAT = date(2025, 10, 21)  # 13:45 to 14:45; exchange-calendars has the holiday only


def test_exchange_calendars_has_the_same_days() -> None:
    theirs = exchange_calendars.get_calendar("XBOM", start=FIRST, end=LAST)
    days = {session.date() for session in theirs.sessions}
    assert OURS - days == BUDGETS | {MUHURAT}
    assert days - OURS == set()


@pytest.mark.parametrize(("exchange", "missing"), [("NSE", BUDGETS), ("BSE", BUDGETS | {MUHURAT})])
def test_pandas_market_calendars_has_the_same_days_and_hours(
    exchange: str, missing: set[date]
) -> None:
    schedule = pandas_market_calendars.get_calendar(exchange).schedule(FIRST, LAST)
    days = {session.date() for session in schedule.index}
    assert OURS - days == missing
    assert days - OURS == set()
    for row in schedule.itertuples():
        session = Calendar.load(exchange).session(row.Index.date())
        assert session is not None
        theirs = [at.tz_convert("Asia/Kolkata") for at in (row.market_open, row.market_close)]
        assert [format_ist(session.open_ns), format_ist(session.close_ns)] == [
            at.strftime("%Y-%m-%d %H:%M:%S") for at in theirs
        ]


def test_neither_library_knows_derivatives_currency_or_commodities() -> None:
    ours = {"NFO", "BFO", "CDS", "BCD", "MCX", "NCO"}
    assert not ours & set(pandas_market_calendars.get_calendar_names())
    assert not ours & set(exchange_calendars.get_calendar_names())


def test_neither_library_ends_a_share_with_derivatives_for_its_closing_auction() -> None:
    day = date(2026, 11, 20)
    ours = NSE.session(day, closing_auction=True)
    assert ours is not None
    schedule = exchange_calendars.get_calendar("XBOM", start=FIRST, end=LAST)
    theirs = schedule.session_close(day.isoformat()).tz_convert("Asia/Kolkata")
    assert format_ist(ours.close_ns) == "2026-11-20 15:15:00"
    assert theirs.strftime("%H:%M") == "15:30"
