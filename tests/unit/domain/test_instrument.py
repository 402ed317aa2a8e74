"""Prices on the tick, quantities in lots, and no number that is not one."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, instrument_id, parse_instrument_id
from tests.builders import FUTURE, INFY


@pytest.mark.parametrize(
    ("price", "rounding", "expected"),
    [
        ("100.05", "nearest", "100.10"),
        ("100.04", "nearest", "100.00"),
        ("100.09", "down", "100.00"),
        ("100.01", "up", "100.10"),
        ("100.10", "up", "100.10"),
    ],
)
def test_prices_round_to_the_tick(price: str, rounding: str, expected: str):
    assert INFY.round_price(Decimal(price), rounding) == Decimal(expected)


@pytest.mark.parametrize("price", [100.10000000000001, 0.1 + 0.2, np.float64(1541.3)])
def test_float_noise_does_not_move_a_price(price: float):
    assert INFY.price_from_float(price) == Decimal(str(round(float(price), 1)))


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 1e300])
def test_what_is_no_price_is_refused(price: float):
    with pytest.raises(InvalidValue, match="price"):
        INFY.round_price(Decimal("Infinity") if price != price else Decimal(repr(price)))
    with pytest.raises(InvalidValue, match="price"):
        INFY.to_ticks(Decimal(repr(price)))


def test_ticks_and_wire_units_are_exact_both_ways():
    assert INFY.to_ticks(Decimal("1541.3")) == 15_413
    assert INFY.from_ticks(15_413) == Decimal("1541.3")
    assert INFY.from_wire(INFY.to_wire(Decimal("1541.30"))) == Decimal("1541.30")
    with pytest.raises(InvalidValue, match=r"nearest is 1541\.30"):
        INFY.to_ticks(Decimal("1541.34"))
    assert not INFY.is_on_tick(Decimal("1541.34"))


def test_quantities_round_down_to_lots():
    assert [FUTURE.round_quantity(n) for n in (0, 74, 75, 149, 150)] == [0, 0, 75, 75, 150]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tick_size", Decimal(0)),
        ("tick_size", Decimal("-0.05")),
        ("tick_size", Decimal("NaN")),
        ("tick_size", Decimal("Infinity")),
        ("lot_size", 0),
        ("multiplier", 0),
        ("price_divisor", 0),
        ("freeze_quantity", 10),
        ("token", 1 << 32),
        ("token", -1),
    ],
)
def test_an_impossible_instrument_is_refused_by_name(field: str, value: object):
    with pytest.raises(InvalidValue) as refused:
        msgspec.structs.replace(FUTURE, **{field: value})
    assert refused.value.field == field


def test_ids_are_exchange_and_symbol():
    assert instrument_id(Exchange.NSE, "M&M") == "NSE:M&M"
    assert Instrument(
        exchange=Exchange.NSE, symbol="NIFTY 50", token=1, tick_size=Decimal("0.05")
    ).id == ("NSE:NIFTY 50")
    for bad in ("INFY", "NSE:", "ABC:INFY", "NSE: INFY", "NSE:INFY "):
        with pytest.raises(InvalidValue):
            parse_instrument_id(bad)
