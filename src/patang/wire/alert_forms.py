"""Requests of price alerts, both ways. Source: Kite Connect v3, alerts.

The body is a form whose ``basket`` is JSON text.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from patang.domain.errors import InvalidValue
from patang.wire.errors import InputException
from patang.wire.form_fields import Fields, check_text, encode_json, finite, form_of

LAST_PRICE = "LastTradedPrice"
"""The only attribute that an alert is documented to watch."""


class AlertType(StrEnum):
    """Tell the user, or place orders too (alert triggers order)."""

    SIMPLE = "simple"
    ATO = "ato"


class AlertOperator(StrEnum):
    """How the left side is compared with the right."""

    AT_MOST = "<="
    AT_LEAST = ">="
    BELOW = "<"
    ABOVE = ">"
    EQUAL = "=="


class RhsType(StrEnum):
    """What the right side is: a number, or another instrument's price."""

    CONSTANT = "constant"
    INSTRUMENT = "instrument"


class AlertForm(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to create, or what an existing one becomes (every field is sent again).

    Indices are on the exchange ``INDICES`` here, unlike ``NSE:`` in quotes. ``basket`` is the
    documented object with ``name``, ``type``, ``tags`` and ``items``; an ``ato`` alert needs it.

    Raises:
        InvalidValue: naming the field.
    """

    name: str
    type: AlertType = AlertType.SIMPLE
    lhs_exchange: str
    lhs_tradingsymbol: str
    lhs_attribute: str = LAST_PRICE
    operator: AlertOperator
    rhs_type: RhsType = RhsType.CONSTANT
    rhs_constant: Decimal | None = None
    rhs_exchange: str | None = None
    rhs_tradingsymbol: str | None = None
    rhs_attribute: str | None = None
    basket: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("name", "lhs_exchange", "lhs_tradingsymbol", "lhs_attribute"):
            check_text(name, getattr(self, name))
        if self.rhs_type is RhsType.CONSTANT:
            _check_constant(self)
        else:
            for name in ("rhs_exchange", "rhs_tradingsymbol", "rhs_attribute"):
                check_text(name, getattr(self, name))
            if self.rhs_constant is not None:
                raise InvalidValue("rhs_constant", "another instrument is compared with.")
        if self.type is AlertType.ATO:
            _check_basket(self.basket)
            _check_encodable(self.basket)
        elif self.basket is not None:
            raise InvalidValue("basket", "a simple alert places no orders.", "Use type ato.")


def alert_to_form(form: AlertForm) -> dict[str, str]:
    """The body parameters."""
    return form_of(form)


def parse_alert(form: Mapping[str, str]) -> AlertForm:
    """Read the body of ``POST /alerts`` or ``PUT /alerts/{uuid}``.

    Raises:
        InputException: a parameter is missing or wrong; the message names it.
    """
    fields = Fields(form)
    rhs_type = fields.required_word(RhsType, "rhs_type")
    is_constant = rhs_type is RhsType.CONSTANT
    basket = fields.text("basket")
    constant = fields.required("rhs_constant") if is_constant else None
    try:
        return AlertForm(
            name=fields.required("name"),
            type=fields.required_word(AlertType, "type"),
            lhs_exchange=fields.required("lhs_exchange"),
            lhs_tradingsymbol=fields.required("lhs_tradingsymbol"),
            lhs_attribute=fields.required("lhs_attribute"),
            operator=fields.required_word(AlertOperator, "operator"),
            rhs_type=rhs_type,
            rhs_constant=None if constant is None else _amount(constant),
            rhs_exchange=None if is_constant else fields.required("rhs_exchange"),
            rhs_tradingsymbol=None if is_constant else fields.required("rhs_tradingsymbol"),
            rhs_attribute=None if is_constant else fields.required("rhs_attribute"),
            basket=None if basket is None else fields.json("basket", dict[str, Any]),
        )
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error


def _amount(text: str) -> Decimal:
    return Fields.read("rhs_constant", text, finite)


def _check_constant(form: AlertForm) -> None:
    constant = form.rhs_constant
    if not isinstance(constant, Decimal) or not constant.is_finite():
        raise InvalidValue("rhs_constant", f"{constant!r} is not a finite Decimal.")
    for name in ("rhs_exchange", "rhs_tradingsymbol", "rhs_attribute"):
        if getattr(form, name) is not None:
            raise InvalidValue(name, "a number is compared with.", "Use rhs_type instrument.")


def _check_encodable(basket: dict[str, Any] | None) -> None:
    try:
        encode_json(basket)
    except (TypeError, msgspec.MsgspecError) as error:
        raise InvalidValue("basket", f"cannot be written as JSON: {error}.") from error


def _check_basket(basket: dict[str, Any] | None) -> None:
    if not isinstance(basket, dict):
        raise InvalidValue("basket", "an ato alert needs the orders that it places.")
    items = basket.get("items")
    if not isinstance(items, list) or not items:
        raise InvalidValue("basket.items", "there is no order in it.")
    for index, item in enumerate(items):
        for name in ("exchange", "tradingsymbol", "params"):
            if not isinstance(item, dict) or not item.get(name):
                raise InvalidValue(f"basket.items[{index}].{name}", "is missing.")
