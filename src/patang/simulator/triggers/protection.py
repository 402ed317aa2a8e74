"""The trigger that follows an order of an alert's basket: a target, a stop, or both of them.

Source: Kite Connect v3, alerts (``params.gtt``, percent of the price paid).
"""

from decimal import Decimal

from msgspec import UNSET

from patang.domain.enums import Product
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.simulator.errors import Refused
from patang.simulator.orders import SimOrder
from patang.wire.gtt_forms import GttForm, GttLeg, GttType
from patang.wire.rows import AlertGtt, AlertOrder

_CARRIED = (Product.CNC, Product.NRML, Product.MTF)


def protection_of(name: str, params: AlertOrder) -> AlertGtt | None:
    """What a basket's order asks for to follow it; None where it asks for nothing.

    Raises:
        Refused: a percentage that cannot be, or a product that no trigger places.
    """
    asked = params.gtt
    if asked is None or asked is UNSET or not (asked.target or asked.stoploss):
        return None
    is_possible = asked.target >= 0 and 0 <= asked.stoploss < 100
    if not is_possible or params.product not in _CARRIED:
        raise Refused("InputException", f"Invalid `{name}.params.gtt`.")
    return asked


def protection_form(
    order: SimOrder, instrument: Instrument, asked: AlertGtt, last_price: Decimal
) -> GttForm:
    """The trigger that closes what ``order`` filled, around the price that it filled at.

    Raises:
        InvalidValue: the last price has left the range between target and stop already.
    """
    sign = order.side.sign
    moves = [sign * asked.target, -sign * asked.stoploss]
    values = sorted(
        instrument.round_price(order.average_price * (1 + move / 100))
        for move in moves
        if move != ZERO
    )
    legs = tuple(
        GttLeg(
            transaction_type=order.side.opposite,
            quantity=order.filled_quantity,
            product=order.product,
            price=value,
        )
        for value in values
    )
    return GttForm(
        type=GttType.TWO_LEG if len(values) == 2 else GttType.SINGLE,
        exchange=instrument.exchange,
        tradingsymbol=instrument.symbol,
        trigger_values=tuple(values),
        last_price=last_price,
        orders=legs,
    )
