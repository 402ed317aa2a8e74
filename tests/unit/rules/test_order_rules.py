from datetime import date, time
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, InstrumentType, Product, Variety
from patang.domain.instrument import Instrument
from patang.rules import order_rules as rules

TODAY = date(2026, 11, 20)


def contract(exchange="NFO", kind="CE", name="NIFTY", tick="0.05", **more):
    return Instrument(
        exchange=Exchange(exchange),
        symbol="X",
        token=1,
        tick_size=Decimal(tick),
        instrument_type=InstrumentType(kind),
        name=name,
        **more,
    )


def test_protection_is_demanded_since_april_2026():
    assert not rules.market_protection_required(date(2026, 3, 31))
    assert rules.market_protection_required(date(2026, 4, 1))


@pytest.mark.parametrize(
    ("kind", "last", "percent"),
    [
        ("EQ", "99.99", "2"),
        ("EQ", "100", "1"),
        ("FUT", "500", "1"),
        ("EQ", "500.05", "0.5"),
        ("CE", "9.95", "5"),
        ("PE", "10", "3"),
        ("CE", "500", "2"),
        ("PE", "500.05", "1"),
    ],
)
def test_automatic_protection_follows_kind_and_price(kind, last, percent):
    found = rules.automatic_protection(InstrumentType(kind), Decimal(last))
    assert found == Decimal(percent)


def test_ioc_is_refused_on_mcx_since_april_2026():
    assert rules.ioc_allowed("MCX", date(2026, 3, 31))
    assert not rules.ioc_allowed(Exchange.MCX, date(2026, 4, 1))
    assert rules.ioc_allowed("NSE", TODAY)


def test_stop_market_orders_are_refused_for_options_only():
    assert not rules.slm_allowed(contract(), TODAY)
    assert not rules.slm_allowed(contract("BFO", "PE"), TODAY)
    assert rules.slm_allowed(contract(kind="FUT"), TODAY)
    assert rules.slm_allowed(contract("NSE", "EQ"), TODAY)
    assert rules.slm_allowed(contract("MCX", "CE", "GOLD"), TODAY)


def test_products_and_varieties_follow_the_segment():
    assert rules.products("NSE") == (Product.CNC, Product.MIS, Product.MTF)
    assert rules.products("NFO") == rules.products("MCX") == (Product.NRML, Product.MIS)
    assert Variety.AUCTION in rules.varieties("BSE")
    assert Variety.AUCTION not in rules.varieties("NFO")
    assert Variety.ICEBERG not in rules.varieties("MCX")
    assert all(rules.products(one) and rules.varieties(one) for one in Exchange)


def test_limits_of_slices_legs_and_disclosed_quantity():
    assert rules.max_slices(TODAY) == 10
    assert rules.iceberg_legs_max(date(2025, 6, 1)) == 10
    assert rules.iceberg_legs_max(TODAY) == 50
    assert rules.disclosed_minimum("NSE", 101) == 11
    assert rules.disclosed_minimum("NSE", 100) == 10
    assert rules.disclosed_minimum("MCX", 10) == 3
    assert rules.disclosed_minimum("NFO", 100) is None
    with pytest.raises(rules.RuleUnknown, match="legs of an iceberg on 2022-01-01"):
        rules.iceberg_legs_max(date(2022, 1, 1))


@pytest.mark.parametrize(
    ("exchange", "kind", "name", "price", "on", "tick"),
    [
        ("NSE", "EQ", "X", "249.99", TODAY, "0.01"),
        ("NSE", "EQ", "X", "250", TODAY, "0.05"),
        ("NSE", "EQ", "X", "1000", TODAY, "0.05"),
        ("NSE", "EQ", "X", "1000.05", TODAY, "0.10"),
        ("NSE", "EQ", "X", "5000", TODAY, "0.10"),
        ("NSE", "EQ", "X", "9999", TODAY, "0.50"),
        ("NSE", "EQ", "X", "20000", TODAY, "1.00"),
        ("NSE", "EQ", "X", "20001", TODAY, "5.00"),
        ("NSE", "EQ", "X", "20001", date(2025, 4, 14), "0.05"),
        ("NSE", "EQ", "X", "200", date(2025, 4, 14), "0.01"),
        ("NFO", "FUT", "INFY", "1500", TODAY, "0.10"),
        ("NFO", "FUT", "INFY", "1500", date(2025, 4, 14), "0.05"),
        ("NFO", "FUT", "NIFTY", "15000", TODAY, "0.05"),
        ("NFO", "FUT", "NIFTY", "25900", TODAY, "0.10"),
        ("NFO", "FUT", "BANKNIFTY", "58000", TODAY, "0.20"),
        ("NFO", "CE", "NIFTY", "100", TODAY, "0.05"),
        ("BFO", "FUT", "SENSEX", "84000", TODAY, "0.05"),
        ("BSE", "EQ", "X", "99.99", TODAY, "0.01"),
        ("BSE", "EQ", "X", "100", TODAY, "0.05"),
        ("CDS", "FUT", "USDINR", "88", TODAY, "0.0025"),
        ("MCX", "FUT", "NATURALGAS", "300", TODAY, "0.10"),
        ("MCX", "FUT", "CRUDEOIL", "5300", TODAY, "1"),
    ],
)
def test_tick_follows_segment_price_and_day(exchange, kind, name, price, on, tick):
    found = rules.tick_size_for(exchange, InstrumentType(kind), name, Decimal(price), on)
    assert found == Decimal(tick)


def test_a_fund_has_the_finest_tick():
    found = rules.tick_size_for(
        "NSE", InstrumentType.EQ, "NIFTYBEES", Decimal(290), TODAY, is_fund=True
    )
    assert found == Decimal("0.01")


def test_lots_and_freeze_quantities_are_dated():
    assert rules.lot_size("NFO", "NIFTY", date(2025, 12, 31)) == 75
    assert rules.lot_size("NFO", "NIFTY", TODAY) == 65
    assert rules.lot_size("BFO", "SENSEX", TODAY) == 20
    assert rules.lot_size("NFO", "INFY", TODAY) is None
    assert rules.lot_size("MCX", "GOLD", TODAY) == 1
    assert rules.freeze_quantity("NFO", "BANKNIFTY", date(2025, 12, 1)) == 900
    assert rules.freeze_quantity("NFO", "BANKNIFTY", TODAY) == 600
    assert rules.freeze_quantity("NSE", "INFY", TODAY) is None
    assert rules.freeze_quantity("CDS", "USDINR", TODAY) == 10_000_000


def test_band_of_a_share_depends_on_its_derivatives():
    share = contract("NSE", "EQ", "INFY", "0.10")
    close = Decimal("1500.05")
    assert rules.price_band(share, close, TODAY, True) == (Decimal("1350.10"), Decimal("1650.00"))
    assert rules.price_band(share, close, TODAY, False) == (Decimal("1200.10"), Decimal("1800.00"))


def test_band_of_an_option_follows_its_underlying():
    call = contract(strike=Decimal(26000))
    band = rules.price_band(call, Decimal(120), TODAY, True)
    assert band == (Decimal("0.05"), Decimal("2720.00"))
    band = rules.price_band(call, Decimal(120), TODAY, True, underlying=Decimal(1000))
    assert band == (Decimal("20.00"), Decimal("220.00"))


def test_protection_range_of_derivatives():
    option, future = contract(), contract(kind="FUT")
    assert rules.lpp_range(option, Decimal(50), TODAY) == (Decimal(30), Decimal(70))
    assert rules.lpp_range(option, Decimal(100), TODAY) == (Decimal(60), Decimal(140))
    assert rules.lpp_range(option, Decimal(5), TODAY) == (Decimal("0.05"), Decimal(25))
    assert rules.lpp_range(future, Decimal(26000), TODAY) == (Decimal(25480), Decimal(26520))
    share = contract(kind="FUT", name="INFY", tick="0.10")
    assert rules.lpp_range(share, Decimal(1000), TODAY) == (Decimal(970), Decimal(1030))
    assert rules.lpp_range(contract("NSE", "EQ"), Decimal(100), TODAY) is None
    assert rules.lpp_range(contract("MCX", "FUT", "GOLD"), Decimal(100), TODAY) is None
    late = contract("BFO", "CE", "RELIANCE")
    assert rules.lpp_range(late, Decimal(100), date(2026, 7, 5)) is None
    assert rules.lpp_range(late, Decimal(100), date(2026, 7, 6)) == (Decimal(60), Decimal(140))


def test_after_market_windows():
    window = rules.amo_window("NSE", TODAY)
    assert window is not None
    assert window.contains(time(16, 0))
    assert window.contains(time(8, 57, 59))
    assert not window.contains(time(8, 58))
    assert not window.contains(time(15, 59))
    assert rules.amo_window("NSE", date(2026, 11, 24)) is None
    assert rules.amo_window("MCX", TODAY).opens == time(23, 55)
    assert rules.amo_window("MCX", date(2026, 7, 1)).opens == time(23, 30)


@pytest.mark.parametrize(
    ("exchange", "on", "closes"),
    [
        ("NSE", date(2025, 10, 21), time(13, 28)),
        ("NFO", date(2025, 10, 21), time(13, 40)),
        ("MCX", date(2026, 11, 24), time(16, 58)),
        ("NSE", date(2026, 2, 1), time(8, 58)),
        ("NFO", date(2026, 2, 1), time(9, 10)),
        ("MCX", date(2026, 1, 1), time(8, 58)),
    ],
)
def test_after_market_orders_are_taken_until_a_late_session_begins(exchange, on, closes):
    assert rules.amo_window(exchange, on).closes == closes


def test_after_market_orders_are_sent_when_the_day_begins_and_when_trading_does():
    assert rules.amo_release_times("NSE") == (time(9, 0), time(9, 15))
    assert rules.amo_release_times("NFO") == (time(9, 15),)
    assert rules.amo_release_times("MCX") == rules.amo_release_times("CDS") == (time(9, 0),)


@pytest.mark.parametrize(
    ("exchange", "on", "auction", "at"),
    [
        ("NSE", date(2026, 8, 3), True, time(15, 12)),
        ("NSE", date(2026, 7, 31), True, time(15, 20)),
        ("NSE", TODAY, False, time(15, 20)),
        ("NFO", date(2026, 7, 31), False, time(15, 25)),
        ("BFO", TODAY, False, time(15, 35)),
        ("CDS", TODAY, False, time(16, 45)),
        ("MCX", TODAY, False, time(23, 30)),
        ("MCX", date(2026, 7, 1), False, time(23, 5)),
        ("NSE", date(2025, 10, 21), False, time(14, 35)),
        ("NSE", date(2026, 11, 24), True, None),
        ("MCX", date(2026, 11, 24), False, time(23, 30)),
    ],
)
def test_square_off_time_follows_segment_and_day(exchange, on, auction, at):
    assert rules.square_off_time(exchange, on, auction) == at


def test_agricultural_commodities_are_squared_off_before_their_own_close():
    assert rules.square_off_time("MCX", TODAY, hours="agri") == time(16, 35)
    assert rules.square_off_time("MCX", date(2026, 11, 24), hours="agri") is None


def test_bands_grow_by_the_steps_of_the_circular():
    flexing = rules.flexing()
    assert [int(flexing.step(n).percent) for n in range(6)] == [5, 5, 3, 3, 2, 2]
    assert flexing.step(0).minutes == 15
    assert flexing.step(0).late_minutes == 5


def test_futures_take_over_the_closing_auctions_band_by_kind_and_day():
    share, index = contract(kind="FUT", name="INFY"), contract(kind="FUT")
    assert not rules.has_late_band(share, date(2026, 8, 2))
    assert rules.has_late_band(share, date(2026, 8, 3))
    assert not rules.has_late_band(index, date(2026, 9, 4))
    assert rules.has_late_band(index, date(2026, 9, 7))
    assert not rules.has_late_band(contract(), TODAY)
