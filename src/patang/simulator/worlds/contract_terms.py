"""What the rules say of a contract that is listed: tick, lot, freeze quantity, units."""

from datetime import date
from decimal import Decimal

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.rules import order_rules
from patang.wire.ticks import Segment, price_divisor

_LOTS_IN_AN_ORDER = 40
"""Most lots of one order where no list says so: shares' contracts, by the exchange's daily file."""


class ContractTerms(msgspec.Struct, frozen=True, gc=False):
    """What all options on a name have in common, and all futures on it."""

    segment: str
    tick_size: Decimal
    freeze_quantity: int
    multiplier: int
    price_divisor: int


def contract_terms(
    exchange: Exchange, kind: InstrumentType, name: str, price: Decimal, lot_size: int, on: date
) -> ContractTerms:
    """The terms on a day; ``price`` is the underlying's, in rupees.

    Raises:
        RuleUnknown: the rules are not known for that day.
    """
    commodity = order_rules.commodity(name)
    freeze = order_rules.freeze_quantity(exchange, name, on) or lot_size * _LOTS_IN_AN_ORDER
    return ContractTerms(
        segment=f"{exchange}-{'FUT' if kind is InstrumentType.FUT else 'OPT'}",
        tick_size=order_rules.tick_size_for(exchange, kind, name, price, on),
        freeze_quantity=max(freeze, lot_size),
        multiplier=1 if commodity is None else commodity.multiplier,
        price_divisor=price_divisor(Segment[exchange.value]),
    )
