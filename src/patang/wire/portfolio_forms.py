"""Requests that change how holdings and positions are kept. Source: Kite Connect v3, portfolio."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from patang.domain.enums import Exchange, Product, Side
from patang.domain.errors import InvalidValue
from patang.wire.errors import InputException
from patang.wire.form_fields import Fields, check_count, check_text, check_texts, form_of


class PositionType(StrEnum):
    """Whether a position was opened today or carried overnight."""

    DAY = "day"
    OVERNIGHT = "overnight"


class ConversionForm(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a position's product; ``transaction_type`` is BUY for long, SELL for short.

    Raises:
        InvalidValue: naming the field.
    """

    exchange: Exchange
    tradingsymbol: str
    transaction_type: Side
    position_type: PositionType
    quantity: int
    old_product: Product
    new_product: Product

    def __post_init__(self) -> None:
        check_text("tradingsymbol", self.tradingsymbol)
        check_count("quantity", self.quantity)
        if self.old_product is self.new_product:
            raise InvalidValue("new_product", f"the position is {self.old_product} already.")


def conversion_to_form(form: ConversionForm) -> dict[str, str]:
    """The body parameters."""
    return form_of(form)


def parse_conversion(form: Mapping[str, str]) -> ConversionForm:
    """Read the body of ``PUT /portfolio/positions``; raises ``InputException``."""
    fields = Fields(form)
    try:
        return ConversionForm(
            exchange=fields.required_word(Exchange, "exchange"),
            tradingsymbol=fields.required("tradingsymbol"),
            transaction_type=fields.required_word(Side, "transaction_type"),
            position_type=fields.required_word(PositionType, "position_type"),
            quantity=fields.required_count("quantity"),
            old_product=fields.required_word(Product, "old_product"),
            new_product=fields.required_word(Product, "new_product"),
        )
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error


class AuthorisationForm(msgspec.Struct, frozen=True, kw_only=True):
    """Which holdings the depository is asked to let go: pairs of ISIN and quantity, none for all.

    The further fields are the official Go client's: ``type`` (mf, equity), ``transfer_type`` (pre,
    post, off, gift) and ``exec_date``.

    Raises:
        InvalidValue: naming the field.
    """

    holdings: tuple[tuple[str, int], ...] = ()
    type: str | None = None
    transfer_type: str | None = None
    exec_date: str | None = None

    def __post_init__(self) -> None:
        check_texts(self, "type", "transfer_type", "exec_date")
        for index, (isin, quantity) in enumerate(self.holdings):
            check_text(f"holdings[{index}].isin", isin)
            check_count(f"holdings[{index}].quantity", quantity)


def authorisation_to_form(form: AuthorisationForm) -> list[tuple[str, str]]:
    """The body parameters; ``isin`` and ``quantity`` repeat in step."""
    pairs: list[tuple[str, str]] = []
    for isin, quantity in form.holdings:
        pairs += [("isin", isin), ("quantity", str(quantity))]
    return pairs + list(form_of(form, leaving_out=frozenset({"holdings"})).items())
