"""Autoslice: a quantity above the freeze limit as several orders under one parent id.

Source: kite-protocol reference, autoslice response.
"""

import msgspec

from patang.domain.instrument import Instrument
from patang.simulator.errors import Refused
from patang.simulator.orders import SimOrder


class SlicedOrder(msgspec.Struct, frozen=True):
    """What became of a request that asked to be sliced.

    ``order_id`` is a parent id that is no order, and ``children`` the slices: orders, or why they
    were refused. Without children it is the one order that was enough.
    """

    order_id: str
    children: tuple[SimOrder | Refused, ...]


def slice_sizes(instrument: Instrument, quantity: int, most: int) -> list[int]:
    """The quantities of the slices, the last one smaller; a single one where no slicing is needed.

    Raises:
        Refused: more than ``most`` slices would be needed.
    """
    freeze = instrument.freeze_quantity
    if freeze is None or quantity <= freeze:
        return [quantity]
    size = instrument.round_quantity(freeze)
    full, rest = divmod(quantity, size)
    if full + bool(rest) > most:
        raise Refused(
            "InputException",
            f"Quantity {quantity} is above {most * size}, the most that {most} slices of the "
            f"freeze quantity {freeze} of {instrument.symbol} hold.",
        )
    return [size] * full + ([rest] if rest else [])
