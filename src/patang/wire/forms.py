"""Order requests as form parameters, both ways.

Building is strict: it names the wrong field before anything is sent. Parsing is as lenient as the
server must be: unknown parameters, and path parameters repeated in the body, are ignored.
Source: Kite Connect v3, orders.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.wire.errors import InputException
from patang.wire.form_fields import (
    Fields,
    check_flag,
    check_text,
    check_texts,
    form_of,
    read_word,
)

TAG_MAX_CHARACTERS = 20
"""A longer tag gets the whole order rejected, not cut."""

_PRICED = {OrderType.LIMIT, OrderType.SL}
_TRIGGERED = {OrderType.SL, OrderType.SL_M}
_COUNTS = ("quantity", "disclosed_quantity", "validity_ttl", "iceberg_legs", "iceberg_quantity")
_AUTO_PROTECTION = Decimal(-1)
_MAX_PROTECTION = Decimal(100)
_IN_PATH = frozenset({"variety", "order_id"})


class PlaceForm(msgspec.Struct, frozen=True, kw_only=True):
    """A new order. ``price`` and ``trigger_price`` are rupees on the tick.

    ``market_protection`` is percent, -1 for the broker's automatic band. ``validity_ttl`` is
    minutes. ``variety`` travels in the path, everything else in the body.

    Raises:
        InvalidValue: a field holds what no order may hold.
    """

    variety: Variety = Variety.REGULAR
    exchange: Exchange
    tradingsymbol: str
    transaction_type: Side
    order_type: OrderType
    quantity: int
    product: Product
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    validity: Validity | None = None
    validity_ttl: int | None = None
    disclosed_quantity: int | None = None
    iceberg_legs: int | None = None
    iceberg_quantity: int | None = None
    auction_number: str | None = None
    tag: str | None = None
    market_protection: Decimal | None = None
    autoslice: bool | None = None
    algo_id: str | None = None

    def __post_init__(self) -> None:
        check_text("tradingsymbol", self.tradingsymbol)
        check_texts(self, "auction_number", "tag", "algo_id")
        check_flag("autoslice", self.autoslice)
        _check_numbers(self)
        _check_tag_length(self.tag)


class ModifyForm(msgspec.Struct, frozen=True, kw_only=True):
    """What changes on an order; None leaves a field as it is. ``quantity`` is the new total."""

    variety: Variety = Variety.REGULAR
    order_id: str
    order_type: OrderType | None = None
    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    validity: Validity | None = None
    validity_ttl: int | None = None
    disclosed_quantity: int | None = None
    market_protection: Decimal | None = None
    parent_order_id: str | None = None

    def __post_init__(self) -> None:
        check_text("order_id", self.order_id)
        check_texts(self, "parent_order_id")
        _check_numbers(self)


class CancelForm(msgspec.Struct, frozen=True, kw_only=True):
    """Which order to cancel; the second leg of a cover order names its parent."""

    variety: Variety = Variety.REGULAR
    order_id: str
    parent_order_id: str | None = None

    def __post_init__(self) -> None:
        check_text("order_id", self.order_id)
        check_texts(self, "parent_order_id")


def _check_numbers(form: PlaceForm | ModifyForm) -> None:
    for name in _COUNTS:
        count = getattr(form, name, None)
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InvalidValue(name, f"{count!r} is not a positive whole number.")
    for name in ("price", "trigger_price", "market_protection"):
        amount = getattr(form, name)
        if amount is None:
            continue
        if not isinstance(amount, Decimal) or not amount.is_finite():
            raise InvalidValue(name, f"{amount!r} is not a finite Decimal.")
    protection = form.market_protection
    if protection not in (None, _AUTO_PROTECTION) and not 0 < protection <= _MAX_PROTECTION:
        cause = f"{protection} is neither -1 nor a percentage up to 100."
        raise InvalidValue("market_protection", cause)


def _check_tag_length(tag: str | None) -> None:
    if tag is not None and len(tag) > TAG_MAX_CHARACTERS:
        cause = f"{tag!r} is longer than {TAG_MAX_CHARACTERS} characters."
        raise InvalidValue("tag", cause, "The whole order would be refused.")


def to_form(form: PlaceForm | ModifyForm | CancelForm) -> dict[str, str]:
    """The body parameters (for a cancel, the query): None left out, decimals without exponent.

    Raises:
        InvalidValue: the tag is not letters and digits alone.
    """
    tag = getattr(form, "tag", None)
    if tag and not (tag.isascii() and tag.isalnum()):
        raise InvalidValue("tag", f"{tag!r} is not letters and digits alone.")
    return form_of(form, leaving_out=_IN_PATH)


def parse_place(variety: str, form: Mapping[str, str]) -> PlaceForm:
    """Read the body of ``POST /orders/{variety}``.

    Zeros that stand for "not used" become None, because clients send them.

    Raises:
        InputException: a parameter is missing or wrong; the message names it.
    """
    fields = Fields(form)
    kind = read_word(Variety, "variety", variety)
    order_type = fields.required_word(OrderType, "order_type")
    validity = fields.word(Validity, "validity")
    is_iceberg = kind is Variety.ICEBERG
    try:
        return PlaceForm(
            variety=kind,
            exchange=fields.required_word(Exchange, "exchange"),
            tradingsymbol=fields.required("tradingsymbol"),
            transaction_type=fields.required_word(Side, "transaction_type"),
            order_type=order_type,
            quantity=fields.required_count("quantity"),
            product=fields.required_word(Product, "product"),
            price=fields.money("price", is_required=order_type in _PRICED),
            trigger_price=fields.money(
                "trigger_price", is_required=order_type in _TRIGGERED or kind is Variety.CO
            ),
            validity=validity,
            validity_ttl=fields.count("validity_ttl", is_required=validity is Validity.TTL),
            disclosed_quantity=fields.count("disclosed_quantity"),
            iceberg_legs=fields.count("iceberg_legs", is_required=is_iceberg),
            iceberg_quantity=fields.count("iceberg_quantity", is_required=is_iceberg),
            auction_number=fields.text("auction_number", is_required=kind is Variety.AUCTION),
            tag=fields.text("tag"),
            market_protection=fields.money("market_protection"),
            autoslice=fields.flag("autoslice"),
            algo_id=fields.text("algo_id"),
        )
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error


def parse_modify(variety: str, order_id: str, form: Mapping[str, str]) -> ModifyForm:
    """Read the body of ``PUT /orders/{variety}/{order_id}``; raises ``InputException``."""
    fields = Fields(form)
    try:
        return ModifyForm(
            variety=read_word(Variety, "variety", variety),
            order_id=order_id,
            order_type=fields.word(OrderType, "order_type"),
            quantity=fields.count("quantity"),
            price=fields.money("price"),
            trigger_price=fields.money("trigger_price"),
            validity=fields.word(Validity, "validity"),
            validity_ttl=fields.count("validity_ttl"),
            disclosed_quantity=fields.count("disclosed_quantity"),
            market_protection=fields.money("market_protection"),
            parent_order_id=fields.text("parent_order_id"),
        )
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error


def parse_cancel(variety: str, order_id: str, query: Mapping[str, str]) -> CancelForm:
    """Read the query of ``DELETE /orders/{variety}/{order_id}``; raises ``InputException``."""
    return CancelForm(
        variety=read_word(Variety, "variety", variety),
        order_id=order_id,
        parent_order_id=Fields(query).text("parent_order_id"),
    )
