"""Market status from the calendar: open, closed, or honestly not known."""

from datetime import date

import pytest

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.kite.market_status import MarketState, market_status, market_status_all
from patang.rules.ist import at_ist

DAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("exchange", "clock", "state"),
    [
        ("NSE", (8, 59), MarketState.CLOSED),
        ("NSE", (9, 0), MarketState.PRE_OPEN),
        ("NSE", (9, 14), MarketState.PRE_OPEN),
        ("NSE", (9, 15), MarketState.OPEN),
        ("BSE", (15, 29), MarketState.OPEN),
        ("NSE", (15, 30), MarketState.CLOSED),
        ("NSE", (15, 55), MarketState.POST_CLOSE),
        ("NSE", (16, 0), MarketState.CLOSED),
        ("NFO", (9, 5), MarketState.CLOSED),
        ("NFO", (15, 39), MarketState.OPEN),
        ("BFO", (15, 40), MarketState.CLOSED),
        ("MCX", (12, 0), MarketState.OPEN),
        ("MCX", (23, 54), MarketState.OPEN),
        ("CDS", (16, 59), MarketState.OPEN),
        ("BCD", (17, 0), MarketState.CLOSED),
    ],
)
def test_the_state_follows_the_days_phases(exchange, clock, state):
    status = market_status(exchange, at_ist(DAY, *clock))
    assert status.state is state
    assert status.is_open is (state is MarketState.OPEN)


def test_it_says_when_the_state_ends():
    assert market_status("NSE", at_ist(DAY, 9, 1)).changes_ns == at_ist(DAY, 9, 15)
    assert market_status("NSE", at_ist(DAY, 10, 0)).changes_ns == at_ist(DAY, 15, 30)
    assert market_status("NSE", at_ist(DAY, 7, 0)).changes_ns == at_ist(DAY, 9, 0)
    assert market_status("NSE", at_ist(DAY, 17, 0)).changes_ns is None


def test_derivatives_closed_earlier_before_the_change():
    assert not market_status("NFO", at_ist(date(2026, 7, 31), 15, 35)).is_open


@pytest.mark.parametrize(
    ("day", "state", "reason"),
    [
        (date(2026, 11, 21), MarketState.CLOSED, "weekend"),
        (date(2026, 12, 25), MarketState.CLOSED, "Christmas"),
        (date(2026, 2, 1), MarketState.OPEN, "Union Budget"),
        (date(2026, 11, 8), MarketState.UNKNOWN, "hours are not known"),
        (date(2031, 1, 6), MarketState.UNKNOWN, "calendar ends"),
    ],
)
def test_special_days_are_named(day, state, reason):
    status = market_status(Exchange.NSE, at_ist(day, 12, 0))
    assert (status.state, reason in status.reason) == (state, True), status.reason


def test_an_evening_session_is_named():
    status = market_status("MCX", at_ist(date(2026, 11, 24), 12, 0))
    assert (status.state, status.reason) == (
        MarketState.CLOSED,
        "Guru Nanak Jayanti (evening session)",
    )
    assert status.changes_ns == at_ist(date(2026, 11, 24), 17, 0)


def test_every_exchange_is_told_and_an_unknown_one_is_refused():
    assert [status.exchange for status in market_status_all(at_ist(DAY, 12, 0))] == list(Exchange)
    with pytest.raises(InvalidValue, match="exchange"):
        market_status("NYSE", 0)
