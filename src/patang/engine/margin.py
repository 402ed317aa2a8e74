"""What an account's positions block, by the market's own rules: an estimate, not the broker's word.

Shares block their product's share of the value; contracts are scanned together; what is paid for
options is counted as well. Source: see ``patang.rules.margins``.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from patang.domain.enums import Product
from patang.domain.errors import PatangError
from patang.domain.instrument import InstrumentId
from patang.domain.money import ZERO
from patang.engine.exposure import Line
from patang.rules.margins import (
    Leg,
    cash_rate,
    derivative_margin,
    is_derivative,
    is_option,
    underlying_of,
)


def margin_of(
    lines: Iterable[Line], product: Product, on: date, prices: Mapping[InstrumentId, Decimal]
) -> Decimal | None:
    """Rupees blocked if every working order filled; None when a rate or price is not known.

    ``prices`` are last prices by instrument, for what contracts stand on; a contract whose
    underlying has no price is valued at its strike, or at its own price.
    """
    legs: list[Leg] = []
    total = ZERO
    try:
        for line in lines:
            units = _worst(line)
            if not units:
                continue
            if line.price is None:
                return None
            instrument = line.instrument
            if not is_derivative(instrument):
                total += abs(units) * line.unit_value * cash_rate(product, on)
                continue
            if is_option(instrument) and units > 0:
                total += units * line.unit_value
            name = underlying_of(instrument)
            known = None if name is None else prices.get(name)
            reference = known or instrument.strike or line.price
            legs.append(
                Leg(
                    instrument=instrument,
                    quantity=units,
                    price=line.price,
                    underlying_price=reference,
                )
            )
        return total + (derivative_margin(legs, on).total if legs else ZERO)
    except PatangError:
        # No rate for this product or day: the gate refuses what cannot be estimated.
        return None


def _worst(line: Line) -> int:
    bought, sold = line.held + line.buys, line.held - line.sells
    return bought if abs(bought) >= abs(sold) else sold
