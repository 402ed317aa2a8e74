"""An order's terms: what a request asks for, and what a modification makes of them."""

from decimal import Decimal
from typing import TypeVar

import msgspec

from patang.domain.enums import OrderType, Validity
from patang.domain.money import ZERO
from patang.simulator.orders import OrderRequest, SimOrder

T = TypeVar("T")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What of an order may be modified. Absent prices are zero, as on the wire."""

    order_type: OrderType
    quantity: int
    price: Decimal = ZERO
    trigger_price: Decimal = ZERO
    validity: Validity = Validity.DAY
    disclosed_quantity: int = 0
    market_protection: Decimal = ZERO
    validity_ttl: int = 0
    tags: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A modification: what is None stays as it is. ``quantity`` is the new total."""

    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    order_type: OrderType | None = None
    validity: Validity | None = None
    disclosed_quantity: int | None = None
    market_protection: Decimal | None = None
    validity_ttl: int | None = None


def asked_terms(request: OrderRequest) -> Terms:
    """The terms of a new order, not yet checked."""
    return Terms(
        order_type=request.order_type,
        quantity=request.quantity,
        price=request.price or ZERO,
        trigger_price=request.trigger_price or ZERO,
        validity=request.validity,
        disclosed_quantity=request.disclosed_quantity,
        market_protection=request.market_protection or ZERO,
        validity_ttl=request.validity_ttl or 0,
        tags=() if request.tag is None else (request.tag,),
    )


def changed_terms(order: SimOrder, change: Change) -> Terms:
    """The terms of an order after a modification, not yet checked."""
    order_type = _either(change.order_type, order.order_type)
    quantity = _either(change.quantity, order.quantity)
    protection = _either(change.market_protection, order.market_protection)
    if order_type is OrderType.MARKET and order.request.order_type is OrderType.MARKET:
        # An order that was placed as MARKET needs no new protection to stay one.
        protection = protection or order.request.market_protection or ZERO
    # A smaller order discloses no more than all of itself.
    disclosed = min(order.disclosed_quantity, quantity)
    return Terms(
        order_type=order_type,
        quantity=quantity,
        price=_either(change.price, order.price),
        trigger_price=_either(change.trigger_price, order.trigger_price),
        validity=_either(change.validity, order.validity),
        disclosed_quantity=_either(change.disclosed_quantity, disclosed),
        market_protection=protection,
        validity_ttl=_either(change.validity_ttl, order.validity_ttl),
        tags=order.tags,
    )


def _either(new: T | None, old: T) -> T:
    return old if new is None else new


def order_terms(order: SimOrder) -> Terms:
    """The terms in force."""
    return Terms(**{name: getattr(order, name) for name in Terms.__struct_fields__})
