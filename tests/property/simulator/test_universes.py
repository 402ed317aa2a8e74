from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Exchange, InstrumentType
from patang.rules.calendar import Calendar, OutsideCalendar
from patang.simulator.worlds.generation import generate_universe

DAYS = st.dates(date(2025, 4, 15), date(2026, 12, 31))


def trades(exchange, day):
    try:
        return Calendar.load(exchange).session(day) is not None
    except OutsideCalendar:
        return day.weekday() < 5


@settings(max_examples=25, deadline=None)
@given(size=st.integers(250, 1_500), on=DAYS, seed=st.integers(0, 2**63 - 1))
def test_any_universe_is_consistent(size, on, seed):
    listing = generate_universe(size, on, seed)
    assert len(listing.row_of) == len(listing) == size
    days = {}
    for row, one in enumerate(listing.rows):
        driver = listing.drivers[listing.driver_of[row]]
        assert driver.close > 0
        assert all(member < listing.driver_of[row] for member, _ in driver.members)
        if one.instrument_type is InstrumentType.EQ:
            assert one.lot_size == 1
            assert one.expiry is None
            continue
        assert one.expiry >= on.isoformat()
        days.setdefault((one.exchange, one.expiry), one)
        assert one.freeze_quantity >= one.lot_size
        assert (one.strike is None) == (one.instrument_type is InstrumentType.FUT)
        if one.exchange in (Exchange.MCX, Exchange.NCO):
            assert one.lot_size == 1
    for exchange, expiry in days:
        assert trades(exchange, date.fromisoformat(expiry))
