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


def test_pandas_market_calendars_has_the_same_days_and_hours() -> None:
    schedule = pandas_market_calendars.get_calendar("NSE").schedule(FIRST, LAST)
    days = {session.date() for session in schedule.index}
    assert OURS - days == BUDGETS
    assert days - OURS == set()
    for row in schedule.itertuples():
        session = NSE.session(row.Index.date())
        assert session is not None
        theirs = [at.tz_convert("Asia/Kolkata") for at in (row.market_open, row.market_close)]
        assert [format_ist(session.open_ns), format_ist(session.close_ns)] == [
            at.strftime("%Y-%m-%d %H:%M:%S") for at in theirs
        ]
