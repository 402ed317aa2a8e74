"""Rupees: exact arithmetic in ``Decimal``, and how a person reads them."""

from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
_PAISA = Decimal("0.01")
_RUPEE = Decimal(1)


def to_paisa(value: Decimal) -> Decimal:
    """Round to two decimals, half away from zero (how contract notes round)."""
    return value.quantize(_PAISA, rounding=ROUND_HALF_UP)


def to_rupee(value: Decimal) -> Decimal:
    """Round to whole rupees, half away from zero (how STT and stamp duty round)."""
    return value.quantize(_RUPEE, rounding=ROUND_HALF_UP)


def format_inr(value: Decimal, *, decimals: int = 2, signed: bool = False) -> str:
    """Text with Indian digit grouping: thousands, then lakhs and crores in pairs.

    >>> format_inr(Decimal("12345678.5"))
    '1,23,45,678.50'
    >>> format_inr(Decimal("-950"), signed=True)
    '-950.00'
    >>> format_inr(Decimal("950"), signed=True)
    '+950.00'
    """
    quantum = Decimal(1).scaleb(-decimals)
    rounded = value.quantize(quantum, rounding=ROUND_HALF_UP)
    whole, _, fraction = f"{abs(rounded):f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = []
    while head:
        pairs.append(head[-2:])
        head = head[:-2]
    grouped = ",".join([*reversed(pairs), tail])
    sign = "-" if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{grouped}.{fraction}" if fraction else f"{sign}{grouped}"
