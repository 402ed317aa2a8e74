"""Margins of shares and contracts: rates, scans, offsets, and the days when they end."""

from datetime import date
from decimal import Decimal as D

import pytest

from patang.domain.enums import Exchange, InstrumentType, Product
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.margins import (
    DerivativeMargin,
    Kind,
    Leg,
    black_76,
    cash_rate,
    delivery_rate,
    derivative_margin,
    group_margin,
    implied_volatility,
    kind_of,
    underlying_of,
)

TODAY = date(2026, 11, 19)
NOVEMBER, DECEMBER = "2026-11-23", "2026-12-29"
SPOT = D(26_000)


def contract(
    symbol: str, *, kind: str = "FUT", name: str = "NIFTY", expiry: str = NOVEMBER, strike: int = 0,
    exchange: str = "NFO", multiplier: int = 1,
) -> Instrument:  # fmt: skip
    return Instrument(
        exchange=Exchange(exchange),
        symbol=symbol,
        token=1,
        tick_size=D("0.05"),
        instrument_type=InstrumentType(kind),
        name=name,
        expiry=expiry,
        strike=D(strike) if strike else None,
        multiplier=multiplier,
    )


def leg(instrument: Instrument, quantity: int, price: str, underlying: D = SPOT) -> Leg:
    return Leg(
        instrument=instrument, quantity=quantity, price=D(price), underlying_price=underlying
    )


FUTURE = contract("NIFTY26NOVFUT")
FAR = contract("NIFTY26DECFUT", expiry=DECEMBER)
CALL = contract("NIFTY26NOV26000CE", kind="CE", strike=26_000)
HIGH_CALL = contract("NIFTY26NOV26500CE", kind="CE", strike=26_500)
PUT = contract("NIFTY26NOV26000PE", kind="PE", strike=26_000)


@pytest.mark.parametrize(("product", "rate"), [("CNC", "1"), ("MIS", "0.2"), ("MTF", "0.2")])
def test_shares_block_their_products_share_of_value(product, rate):
    assert cash_rate(Product(product), TODAY) == D(rate)


def test_no_share_is_bought_under_a_product_of_derivatives():
    with pytest.raises(InvalidValue, match=r"product: NRML .* CNC, MIS, MTF"):
        cash_rate(Product.NRML, TODAY)


def test_a_fifth_of_a_delivery_sale_stays_blocked():
    assert delivery_rate(TODAY) == D("0.2")


def test_a_future_blocks_its_price_scan_and_its_exposure():
    margin = group_margin([leg(FUTURE, 65, "26050")], TODAY)
    assert margin.span == 65 * SPOT * D("0.105")
    assert margin.exposure == 65 * D(26_050) * D("0.02")
    assert margin.total / (65 * D(26_050)) == pytest.approx(D("0.125"), rel=D("0.01"))
    assert group_margin([leg(FUTURE, -65, "26050")], TODAY) == margin


def test_a_multiplier_counts():
    gold = contract("GOLDM26DECFUT", name="GOLDM", exchange="MCX", expiry="2026-12-04",
                    multiplier=10)  # fmt: skip
    margin = group_margin([leg(gold, 2, "120000", D(120_000))], TODAY)
    assert margin.total == 20 * 120_000 * D("0.10")


def test_opposite_quantities_of_one_contract_need_nothing():
    legs = [leg(FUTURE, 65, "26050"), leg(FUTURE, -65, "26060")]
    assert group_margin(legs, TODAY) == DerivativeMargin()
    assert group_margin([], TODAY) == DerivativeMargin()


def test_a_month_spread_costs_its_charge_and_a_third_of_the_far_months_exposure():
    # As in Kite's sample of a basket: a third of the far leg's exposure, 2.75 % of it as span.
    margin = group_margin([leg(FUTURE, 65, "26050"), leg(FAR, -65, "26200")], TODAY)
    assert margin.span == 65 * D(26_200) * D("0.0275")
    assert margin.exposure == pytest.approx(65 * D(26_200) * D("0.02") / 3, abs=D("0.01"))


def test_a_month_spread_has_no_benefit_on_its_last_day():
    legs = [leg(FUTURE, 65, "26050"), leg(FAR, -65, "26200")]
    apart = group_margin(legs[:1], TODAY) + group_margin(legs[1:], TODAY)
    on_expiry = group_margin(legs, date(2026, 11, 23))
    assert on_expiry.total == apart.total
    assert on_expiry.total > group_margin(legs, TODAY).total
    before_the_rule = [
        leg(contract("A", expiry="2024-11-26"), 65, "26050"),
        leg(contract("B", expiry="2024-12-31"), -65, "26200"),
    ]
    assert group_margin(before_the_rule, date(2024, 11, 26)).span == 65 * D(26_200) * D("0.0275")


def test_a_bought_option_needs_nothing_beyond_its_premium():
    assert group_margin([leg(CALL, 65, "150")], TODAY) == DerivativeMargin()
    assert group_margin([leg(PUT, 65, "140")], TODAY) == DerivativeMargin()


def test_a_sold_option_needs_about_as_much_as_a_future_and_its_own_value():
    margin = group_margin([leg(CALL, -65, "150")], TODAY)
    future = group_margin([leg(FUTURE, -65, "26050")], TODAY)
    assert margin.exposure == 65 * SPOT * D("0.02")
    assert future.span * D("0.8") < margin.span < future.span * D("1.1")


def test_a_far_sold_option_needs_the_minimum():
    far_call = contract("NIFTY26NOV32000CE", kind="CE", strike=32_000)
    margin = group_margin([leg(far_call, -65, "0.05")], TODAY)
    assert margin.span == 65 * (SPOT * D("0.03") + D("0.05"))


def test_a_bought_option_limits_what_a_sold_one_can_lose():
    spread = group_margin([leg(CALL, -65, "150"), leg(HIGH_CALL, 65, "40")], TODAY)
    alone = group_margin([leg(CALL, -65, "150")], TODAY)
    # At worst the distance of the strikes less what came in, plus what came in; or the minimum.
    least = 65 * SPOT * D("0.03") + 65 * 110
    assert spread.span == max(D(65 * 500), least)
    assert spread.span < alone.span / 2


def test_a_sold_index_option_needs_more_exposure_on_its_last_day():
    margin = group_margin([leg(CALL, -65, "150")], date(2026, 11, 23))
    assert margin.exposure == 65 * SPOT * D("0.04")


def test_underlyings_do_not_offset_each_other():
    other = contract("BANKNIFTY26NOVFUT", name="BANKNIFTY")
    both = derivative_margin([leg(FUTURE, 65, "26050"), leg(other, -30, "59000", D(59_000))], TODAY)
    each = group_margin([leg(FUTURE, 65, "26050")], TODAY) + group_margin(
        [leg(other, -30, "59000", D(59_000))], TODAY
    )
    assert both == each


@pytest.mark.parametrize(
    ("exchange", "name", "kind", "underlying"),
    [
        ("NFO", "NIFTY", Kind.INDEX, "NSE:NIFTY 50"),
        ("NFO", "RELIANCE", Kind.STOCK, "NSE:RELIANCE"),
        ("BFO", "SENSEX", Kind.INDEX, "BSE:SENSEX"),
        ("BFO", "RELIANCE", Kind.STOCK, "BSE:RELIANCE"),
        ("CDS", "USDINR", Kind.CURRENCY, None),
        ("MCX", "GOLDM", Kind.COMMODITY, None),
        ("NFO", "", Kind.STOCK, None),
    ],
)
def test_a_contract_says_what_it_stands_on(exchange, name, kind, underlying):
    listed = contract("X", name=name, exchange=exchange)
    assert kind_of(listed) is kind
    assert underlying_of(listed) == (InstrumentId(underlying) if underlying else None)


def test_a_volatility_is_found_back_from_its_price():
    for volatility in (0.08, 0.2, 0.6):
        price = black_76(26_000.0, 26_300.0, 0.05, volatility, True)
        found = implied_volatility(price, 26_000.0, 26_300.0, 0.05, True, 0.14)
        assert found == pytest.approx(volatility, rel=1e-6)
    # Below its intrinsic value no volatility explains a price.
    assert implied_volatility(10.0, 26_000.0, 25_000.0, 0.05, True, 0.14) == 0.14


def test_calls_and_puts_keep_parity():
    call = black_76(26_000.0, 26_300.0, 0.05, 0.2, True)
    put = black_76(26_000.0, 26_300.0, 0.05, 0.2, False)
    assert call - put == pytest.approx(26_000.0 - 26_300.0)
    assert black_76(0.0, 100.0, 1.0, 0.2, False) == 100.0
