"""Contracts that end while something waits for them, or on a day without shares."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Variety
from patang.simulator import KiteStatus, Refused
from patang.simulator.checks import UNKNOWN_INSTRUMENT

FUTURE, GOLD = "NFO:INFY26NOVFUT", "MCX:GOLD26DECFUT"
EXPIRY, HOLIDAY = date(2026, 11, 23), date(2026, 11, 24)
"""The holiday has an evening session of commodities."""
WEDNESDAY, THURSDAY = date(2026, 11, 25), date(2026, 11, 26)


def list_until(day, name, expiry):
    """Let a contract of the listing end on another day."""
    venue = day.exchange.venue(name)
    venue.instrument = msgspec.structs.replace(venue.instrument, expiry=expiry.isoformat())


def test_no_order_is_taken_for_a_day_after_the_contract_has_ended(make_day):
    day = make_day(on=EXPIRY)
    morning = day.buy(10, "1500", name=FUTURE, variety=Variety.AMO)
    day.at(16, 0)
    assert morning.status is KiteStatus.CANCELLED  # sent at 09:15, expired at the close
    with pytest.raises(Refused, match="expired or does not exist"):
        day.buy(10, "1500", name=FUTURE, variety=Variety.AMO)


def test_an_order_that_waited_beyond_the_end_of_its_contract_is_cancelled(make_day):
    day = make_day(12, 0, on=HOLIDAY)
    list_until(day, FUTURE, HOLIDAY)
    venue = day.exchange.venue(FUTURE)
    venue.instrument = msgspec.structs.replace(venue.instrument, expiry=None)
    order = day.buy(10, "1500", name=FUTURE, variety=Variety.AMO)
    list_until(day, FUTURE, HOLIDAY)
    free = day.exchange.funds("third").available
    day.at(9, 20, on=WEDNESDAY)
    assert (order.status, order.status_message) == (KiteStatus.CANCELLED, UNKNOWN_INSTRUMENT)
    assert day.exchange.orders("buyer") == []
    assert day.exchange.funds("buyer").available == free
    day.at(9, 20, on=THURSDAY)
    assert day.exchange.funds("buyer").available == free


def test_a_commodity_that_ends_on_a_holiday_of_shares_is_settled(make_day):
    day = make_day(18, 0, on=EXPIRY)
    list_until(day, GOLD, HOLIDAY)
    day.trade(1, "1500", name=GOLD)
    day.at(10, 0, on=WEDNESDAY)
    assert day.exchange.positions("buyer") == []
    assert day.exchange.funds("buyer").margin_used == 0
    day.at(10, 0, on=THURSDAY)
    day.trade(1, "1500", name="NSE:INFY")
    assert day.exchange.positions("buyer")[0].quantity == 1


def test_a_contract_that_ends_on_a_weekend_is_settled_with_the_friday(make_day):
    friday, saturday, monday = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)
    day = make_day(10, 0, on=friday)
    list_until(day, GOLD, saturday)
    for price in ("1510", "1500"):
        day.trade(1, price, name=GOLD)
    day.trade(7, "1500")
    day.at(10, 0, on=monday)
    ledger = day.exchange.back_office.ledger("buyer")
    (expiry,) = [one for one in ledger if one.kind == "expiry"]
    assert (expiry.on, expiry.amount) == (friday, Decimal(-10))
    assert day.exchange.positions("buyer") == []
    # The shares of Friday have come all the same.
    (holding,) = [one for one in day.exchange.holdings("buyer") if one.instrument == "NSE:INFY"]
    assert holding.t1_quantity == 7
