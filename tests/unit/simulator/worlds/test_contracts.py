from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import InstrumentType
from patang.simulator.worlds.contracts import (
    expiries,
    future_symbol,
    monthly_expiry,
    option_expiry,
    option_symbol,
)


@pytest.mark.parametrize(
    ("name", "expiry", "strike", "kind", "is_monthly", "symbol"),
    [
        ("NIFTY", date(2025, 8, 7), "24400", "CE", False, "NIFTY2580724400CE"),
        ("NIFTY", date(2023, 7, 13), "17900", "PE", False, "NIFTY2371317900PE"),
        ("NIFTY", date(2023, 7, 27), "20600", "CE", True, "NIFTY23JUL20600CE"),
        ("RELIANCE", date(2026, 9, 29), "1300", "CE", True, "RELIANCE26SEP1300CE"),
        ("IDEA", date(2026, 9, 29), "7.50", "CE", True, "IDEA26SEP7.5CE"),
        ("SENSEX", date(2026, 10, 8), "84000", "PE", False, "SENSEX26O0884000PE"),
        ("SENSEX", date(2026, 12, 10), "84000", "PE", False, "SENSEX26D1084000PE"),
    ],
)
def test_options_are_named_as_kite_does(name, expiry, strike, kind, is_monthly, symbol):
    made = option_symbol(name, expiry, Decimal(strike), InstrumentType(kind), is_monthly=is_monthly)
    assert made == symbol


def test_futures_are_named_as_kite_does():
    assert future_symbol("USDINR", date(2021, 6, 28)) == "USDINR21JUNFUT"
    assert future_symbol("USDINR", date(2026, 11, 20), is_monthly=False) == "USDINR26N20FUT"


def test_weekday_of_expiry_follows_the_day():
    assert monthly_expiry("NFO", "NIFTY", 2025, 8) == date(2025, 8, 28)
    assert monthly_expiry("NFO", "NIFTY", 2025, 9) == date(2025, 9, 30)
    assert monthly_expiry("BFO", "SENSEX", 2026, 10) == date(2026, 10, 29)


def test_expiry_on_a_holiday_moves_to_the_trading_day_before():
    assert monthly_expiry("NFO", "NIFTY", 2026, 3) == date(2026, 3, 30)
    # Guru Nanak's day is the last Tuesday of November.
    assert monthly_expiry("NFO", "NIFTY", 2026, 11) == date(2026, 11, 23)


def test_only_the_benchmark_has_weekly_contracts():
    on = date(2026, 11, 19)
    nifty = expiries("NFO", "NIFTY", on, months=2, weeks=4)
    bank = expiries("NFO", "BANKNIFTY", on, months=2, weeks=4)
    assert [(str(one.on), one.is_monthly) for one in nifty] == [
        ("2026-11-23", True),
        ("2026-12-01", False),
        ("2026-12-08", False),
        ("2026-12-15", False),
        ("2026-12-22", False),
        ("2026-12-29", True),
    ]
    assert [one.is_monthly for one in bank] == [True, True]


def test_contracts_that_end_today_still_trade():
    assert expiries("NFO", "NIFTY", date(2026, 11, 23), months=1)[0].on == date(2026, 11, 23)
    assert expiries("NFO", "NIFTY", date(2026, 11, 25), months=1)[0].on == date(2026, 12, 29)


def test_options_on_a_commodity_end_before_its_future():
    future = monthly_expiry("MCX", "CRUDEOIL", 2026, 12)
    assert future == date(2026, 12, 18)
    assert option_expiry("MCX", future) == date(2026, 12, 15)
