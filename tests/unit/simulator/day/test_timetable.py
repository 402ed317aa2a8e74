from datetime import date
from decimal import Decimal

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator.day.timetable import Timetable, Timetables

DAY = date(2026, 11, 20)


def listed(exchange, symbol, kind="EQ", **more):
    return Instrument(
        exchange=Exchange(exchange),
        symbol=symbol,
        token=1,
        tick_size=Decimal("0.05"),
        instrument_type=InstrumentType(kind),
        **more,
    )


INFY = listed("NSE", "INFY", name="INFOSYS")
ON_BSE = listed("BSE", "INFY", name="INFOSYS LTD.")
SMALL = listed("NSE", "SMALL")
NEAR = listed("NFO", "INFY26NOVFUT", "FUT", name="INFY", expiry="2026-11-23")
NEXT = listed("NFO", "INFY26DECFUT", "FUT", name="INFY", expiry="2026-12-29")
FAR = listed("NFO", "INFY27JANFUT", "FUT", name="INFY", expiry="2027-01-26")
CALL = listed("NFO", "INFY26NOV1500CE", "CE", name="INFY", expiry="2026-11-23")
ALL = (INFY, ON_BSE, SMALL, NEAR, NEXT, FAR, CALL)


def test_shares_with_listed_derivatives_go_to_the_closing_auction():
    tables = Timetables(ALL)
    assert tables.of(INFY, DAY) == Timetable(Exchange.NSE, closing_auction=True)
    assert tables.of(ON_BSE, DAY) == Timetable(Exchange.BSE, closing_auction=True)
    assert tables.of(SMALL, DAY) == Timetable(Exchange.NSE)


def test_shares_can_be_said_to_have_derivatives():
    assert Timetables([SMALL], [InstrumentId("NSE:SMALL")]).of(SMALL, DAY).closing_auction
    index = listed("NSE", "NIFTY 50", is_tradable=False)
    assert not Timetables([index], [index.id]).of(index, DAY).closing_auction


def test_the_nearest_future_opens_with_an_auction():
    tables = Timetables(ALL)
    assert tables.of(NEAR, DAY).hours == "near_future"
    assert tables.of(CALL, DAY).hours == tables.of(FAR, DAY).hours == ""


def test_the_next_future_does_too_in_the_last_days_before_expiry():
    tables = Timetables(ALL)
    # Five trading days with the expiry itself: 17, 18, 19, 20, 23 November.
    assert tables.of(NEXT, date(2026, 11, 16)).hours == ""
    assert tables.of(NEXT, date(2026, 11, 17)).hours == "near_future"
    assert tables.of(NEXT, date(2026, 11, 25)).hours == "near_future"


def test_commodities_keep_the_hours_of_their_kind():
    gold = listed("MCX", "GOLD26DECFUT", "FUT", name="GOLD", expiry="2026-12-04")
    mentha = listed("MCX", "MENTHAOIL26NOVFUT", "FUT", name="MENTHAOIL", expiry="2026-11-30")
    tables = Timetables([gold, mentha])
    assert tables.of(gold, DAY) == Timetable(Exchange.MCX)
    assert tables.of(mentha, DAY) == Timetable(Exchange.MCX, hours="agri")
    assert str(tables.of(mentha, DAY)) == "MCX/agri"
