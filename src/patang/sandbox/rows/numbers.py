"""Exact rupees as the numbers that Kite writes."""

from decimal import ROUND_HALF_EVEN, Decimal

_GRAIN = Decimal("0.000001")
_FINE = Decimal("0.000000000001")
_ONE = Decimal(1)


def json_number(value: Decimal) -> Decimal:
    """The same amount without trailing zeros, at most six decimals: 72.00 -> 72, 109.40 -> 109.4.

    Kite writes floats in their shortest form; a quotient such as an average price would otherwise
    carry Decimal's twenty-eight digits.
    """
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        value = value.quantize(_GRAIN, rounding=ROUND_HALF_EVEN)
    value = value.normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(_ONE) if isinstance(exponent, int) and exponent > 0 else value


def json_exact(value: Decimal) -> Decimal:
    """As ``json_number`` with up to twelve decimals: charges are stated unrounded."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -12:
        value = value.quantize(_FINE, rounding=ROUND_HALF_EVEN)
    value = value.normalize()
    exponent = value.as_tuple().exponent
    return value.quantize(_ONE) if isinstance(exponent, int) and exponent > 0 else value
