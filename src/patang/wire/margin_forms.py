"""Requests of margin and charge calculations: JSON arrays. Source: Kite Connect v3, margins."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from patang.domain.enums import Exchange, OrderType, Product, Side, Variety
from patang.domain.errors import InvalidValue
from patang.wire.errors import InputException
from patang.wire.form_fields import check_count, check_text, encode_json

_ZERO = Decimal(0)


class MarginMode(StrEnum):
    """How much of a margin calculation comes back."""

    COMPACT = "compact"


class MarginOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose margin is asked for; ``price`` 0 stands for the market's."""

    exchange: Exchange
    tradingsymbol: str
    transaction_type: Side
    variety: Variety = Variety.REGULAR
    product: Product
    order_type: OrderType
    quantity: int
    price: Decimal = _ZERO
    trigger_price: Decimal = _ZERO


class ChargeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An executed order whose charges are asked for; ``order_id`` may be any text."""

    order_id: str
    exchange: Exchange
    tradingsymbol: str
    transaction_type: Side
    variety: Variety = Variety.REGULAR
    product: Product
    order_type: OrderType
    quantity: int
    average_price: Decimal


_WORDS: dict[str, type[StrEnum]] = {
    "exchange": Exchange,
    "transaction_type": Side,
    "variety": Variety,
    "product": Product,
    "order_type": OrderType,
}
_NUMBERS = {"price", "trigger_price", "average_price"}


def calculation_orders(
    params: Sequence[MarginOrder | ChargeOrder | Mapping[str, Any]],
    kind: type[MarginOrder] | type[ChargeOrder],
) -> list[dict[str, Any]]:
    """The array to send, from structs or plain dicts; further keys of a dict travel along.

    Raises:
        InvalidValue: naming the field, as ``params[0].quantity``.
    """
    if isinstance(params, str | bytes | Mapping) or not isinstance(params, Sequence):
        raise InvalidValue("params", "is no list of orders.", "Put the one order into a list.")
    if not params:
        raise InvalidValue("params", "there is no order in it.")
    return [_element(f"params[{index}]", order, kind) for index, order in enumerate(params)]


def parse_calculation(
    body: bytes, kind: type[MarginOrder] | type[ChargeOrder]
) -> list[MarginOrder] | list[ChargeOrder]:
    """Read the array as a server does: unknown keys ignored, numbers as text accepted.

    Raises:
        InputException: it is not such an array.
    """
    try:
        orders: Any = msgspec.json.decode(body, type=list[kind], strict=False)  # type: ignore[valid-type]
        for index, order in enumerate(orders):
            _check(f"[{index}]", msgspec.structs.asdict(order))
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputException("Invalid JSON in the request body.") from error
    return list(orders)


def _element(
    name: str,
    order: MarginOrder | ChargeOrder | Mapping[str, Any],
    kind: type[MarginOrder] | type[ChargeOrder],
) -> dict[str, Any]:
    if isinstance(order, msgspec.Struct):
        fields = msgspec.structs.asdict(order)
    elif isinstance(order, Mapping):
        fields = dict(order)
    else:
        raise InvalidValue(name, f"{type(order).__name__} is no order.", "Pass a dict.")
    for field in msgspec.structs.fields(kind):
        if field.required and fields.get(field.name) in (None, ""):
            raise InvalidValue(f"{name}.{field.name}", "is missing.")
    _check(name, fields)
    return fields


def _check(name: str, fields: Mapping[str, Any]) -> None:
    for field, words in _WORDS.items():
        if field in fields and fields[field] not in list(words):
            known = ", ".join(words)
            cause = f"unknown value {fields[field]!r}."
            raise InvalidValue(f"{name}.{field}", cause, f"Known: {known}.")
    check_text(f"{name}.tradingsymbol", fields["tradingsymbol"])
    check_count(f"{name}.quantity", fields["quantity"])
    try:
        encode_json(fields)
    except (TypeError, msgspec.MsgspecError) as error:
        raise InvalidValue(name, f"cannot be written as JSON: {error}.") from error
    for field in _NUMBERS & fields.keys():
        if not _is_amount(fields[field]):
            raise InvalidValue(f"{name}.{field}", f"{fields[field]!r} is no amount.")


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    amount = Decimal(value)
    return amount.is_finite() and amount >= 0
