"""Requests of good-till-triggered orders, both ways. Source: Kite Connect v3, GTT orders.

The body is a form whose ``condition`` and ``orders`` are JSON text.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.enums import Exchange, OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.wire.errors import InputException
from patang.wire.form_fields import (
    Fields,
    check_amount,
    check_count,
    check_text,
    check_texts,
    form_text,
    read_json,
)
from patang.wire.times import parse_ist

_AUTO_PROTECTION = Decimal(-1)
_MAX_PROTECTION = Decimal(100)
_PRODUCTS = (Product.CNC, Product.NRML, Product.MTF)


class GttType(StrEnum):
    """One trigger, or two of which the first to fire cancels the other."""

    SINGLE = "single"
    TWO_LEG = "two-leg"


class GttLeg(msgspec.Struct, frozen=True, kw_only=True):
    """The order that one trigger value places: LIMIT, or MARKET with ``market_protection``.

    ``price`` is rupees; a MARKET leg has none. ``market_protection`` is percent, -1 for automatic.
    """

    transaction_type: Side
    quantity: int
    product: Product
    order_type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    market_protection: Decimal | None = None


class GttForm(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger to place, or what an existing one becomes.

    ``trigger_values`` and ``last_price`` are rupees; leg i belongs to value i, the lower first.
    ``expires_at`` is IST text; a year from now without it.

    Raises:
        InvalidValue: naming the field, ``orders[0].price`` for one inside a leg.
    """

    type: GttType
    exchange: Exchange
    tradingsymbol: str
    trigger_values: tuple[Decimal, ...]
    last_price: Decimal
    orders: tuple[GttLeg, ...]
    expires_at: str | None = None

    def __post_init__(self) -> None:
        check_text("tradingsymbol", self.tradingsymbol)
        check_amount("last_price", self.last_price)
        arity = 1 if self.type is GttType.SINGLE else 2
        for name in ("trigger_values", "orders"):
            if len(getattr(self, name)) != arity:
                cause = f"a {self.type} trigger has {arity}, not {len(getattr(self, name))}."
                raise InvalidValue(name, cause)
        for index, value in enumerate(self.trigger_values):
            check_amount(f"trigger_values[{index}]", value)
        if self.type is GttType.TWO_LEG:
            self._check_sides()
        for index, leg in enumerate(self.orders):
            _check_leg(f"orders[{index}]", leg)
        check_texts(self, "expires_at")
        if self.expires_at is not None:
            _check_expiry(self.expires_at)

    def _check_sides(self) -> None:
        lower, upper = self.trigger_values
        if not lower < self.last_price < upper:
            cause = f"{lower} and {upper} do not lie below and above {self.last_price}."
            raise InvalidValue("trigger_values", cause, "Write the lower one first.")


class _Condition(msgspec.Struct, frozen=True):
    exchange: Exchange
    tradingsymbol: str
    trigger_values: tuple[Decimal, ...]
    last_price: Decimal


class _Order(msgspec.Struct, frozen=True, omit_defaults=True):
    exchange: Exchange
    tradingsymbol: str
    transaction_type: Side
    quantity: int
    order_type: OrderType
    product: Product
    price: Decimal
    market_protection: Decimal | None = None


def check_gtt(form: GttForm, instrument: Instrument) -> None:
    """Check a trigger against its instrument: tick and lot; raises ``InvalidValue``."""
    for index, value in enumerate(form.trigger_values):
        _check_tick(f"trigger_values[{index}]", value, instrument)
    for index, leg in enumerate(form.orders):
        if leg.price is not None:
            _check_tick(f"orders[{index}].price", leg.price, instrument)
        if leg.quantity % instrument.lot_size:
            cause = f"{leg.quantity} is not a whole number of lots of {instrument.lot_size}."
            raise InvalidValue(f"orders[{index}].quantity", cause)


def gtt_to_form(form: GttForm) -> dict[str, str]:
    """The body parameters; numbers inside the JSON stay exact."""
    condition = _Condition(form.exchange, form.tradingsymbol, form.trigger_values, form.last_price)
    orders = [
        _Order(
            form.exchange,
            form.tradingsymbol,
            leg.transaction_type,
            leg.quantity,
            leg.order_type,
            leg.product,
            Decimal(0) if leg.price is None else leg.price,
            leg.market_protection,
        )
        for leg in form.orders
    ]
    body = {
        "type": form.type.value,
        "condition": form_text(condition),
        "orders": form_text(orders),
    }
    return body if form.expires_at is None else body | {"expires_at": form.expires_at}


def parse_gtt(form: Mapping[str, str]) -> GttForm:
    """Read the body of ``POST`` or ``PUT /gtt/triggers``; unknown keys are ignored.

    Raises:
        InputException: a parameter is missing or wrong; the message names it.
    """
    fields = Fields(form)
    kind = fields.required_word(GttType, "type")
    condition = read_json("condition", fields.required("condition"), _Condition)
    orders = read_json("orders", fields.required("orders"), list[_Order])
    for index, order in enumerate(orders):
        # A trigger orders what it watches; another symbol would be dropped in silence.
        for name in ("exchange", "tradingsymbol"):
            if getattr(order, name) != getattr(condition, name):
                raise InputException(f"Invalid `orders[{index}].{name}`.")
    try:
        return GttForm(
            type=kind,
            exchange=condition.exchange,
            tradingsymbol=condition.tradingsymbol,
            trigger_values=condition.trigger_values,
            last_price=condition.last_price,
            orders=tuple(map(_leg, orders)),
            expires_at=fields.text("expires_at"),
        )
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error


def _leg(order: _Order) -> GttLeg:
    return GttLeg(
        transaction_type=order.transaction_type,
        quantity=order.quantity,
        product=order.product,
        order_type=order.order_type,
        price=None if order.order_type is OrderType.MARKET else order.price,
        # The Go client sends a whole order with zeros for what it does not use.
        market_protection=order.market_protection or None,
    )


def _check_leg(name: str, leg: GttLeg) -> None:
    check_count(f"{name}.quantity", leg.quantity)
    if leg.product not in _PRODUCTS:
        cause = f"a trigger cannot place {leg.product}."
        raise InvalidValue(f"{name}.product", cause, f"Known: {', '.join(_PRODUCTS)}.")
    protection = leg.market_protection
    if leg.order_type is OrderType.LIMIT:
        check_amount(f"{name}.price", leg.price)
    elif leg.order_type is OrderType.MARKET:
        if leg.price is not None:
            raise InvalidValue(f"{name}.price", "a MARKET order has none.", "Leave it out.")
        if protection is None:
            remedy = "Pass -1 for the automatic band, or percent up to 100."
            cause = "a MARKET order is refused without it."
            raise InvalidValue(f"{name}.market_protection", cause, remedy)
    else:
        cause = f"a trigger places LIMIT or MARKET, not {leg.order_type}."
        raise InvalidValue(f"{name}.order_type", cause)
    if protection is not None and protection != _AUTO_PROTECTION:
        check_amount(f"{name}.market_protection", protection)
        if protection > _MAX_PROTECTION:
            cause = f"{protection} is neither -1 nor a percentage up to 100."
            raise InvalidValue(f"{name}.market_protection", cause)


def _check_tick(name: str, price: Decimal, instrument: Instrument) -> None:
    if not instrument.is_on_tick(price):
        cause = f"{price} is not a multiple of the tick {instrument.tick_size}."
        raise InvalidValue(name, cause, f"The nearest is {instrument.round_price(price)}.")


def _check_expiry(text: str) -> None:
    try:
        parse_ist(text)
    except InvalidValue as error:
        raise InvalidValue("expires_at", f"{text!r} is not YYYY-MM-DD HH:MM:SS.") from error
