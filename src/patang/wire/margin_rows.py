"""Rows of margin and charge calculations, in rupees. Source: Kite Connect v3, margins.

The compact form of a margin answer is not documented, so every field has a neutral default and
``to_dict`` still gives exactly what the server sent.
"""

from decimal import Decimal
from typing import ClassVar

from msgspec import UNSET, UnsetType, field

from patang.wire.row import Row

_ZERO = Decimal(0)


class GstRow(Row, frozen=True, kw_only=True, dict=True):
    """Goods and services tax on the charges."""

    igst: Decimal = _ZERO
    cgst: Decimal = _ZERO
    sgst: Decimal = _ZERO
    total: Decimal = _ZERO


class ChargesRow(Row, frozen=True, kw_only=True, dict=True):
    """What a trade costs; ``transaction_tax_type`` is ``stt``, ``ctt`` or empty."""

    parts: ClassVar[tuple[str, ...]] = ("gst",)

    transaction_tax: Decimal = _ZERO
    transaction_tax_type: str = ""
    exchange_turnover_charge: Decimal = _ZERO
    sebi_turnover_charge: Decimal = _ZERO
    brokerage: Decimal = _ZERO
    stamp_duty: Decimal = _ZERO
    gst: GstRow | UnsetType | None = UNSET
    total: Decimal = _ZERO


class MarginPnl(Row, frozen=True, kw_only=True, dict=True):
    """Profit and loss that a margin takes into account."""

    realised: Decimal = _ZERO
    unrealised: Decimal = _ZERO


class OrderMarginRow(Row, frozen=True, kw_only=True, dict=True):
    """The margin that one order needs; ``total`` is what is blocked.

    ``type`` is ``equity`` (futures and options of shares too) or ``commodity``.
    """

    parts: ClassVar[tuple[str, ...]] = ("pnl", "charges")

    type: str = ""
    tradingsymbol: str = ""
    exchange: str = ""
    span: Decimal = _ZERO
    exposure: Decimal = _ZERO
    option_premium: Decimal = _ZERO
    additional: Decimal = _ZERO
    bo: Decimal = _ZERO
    cash: Decimal = _ZERO
    var: Decimal = _ZERO
    pnl: MarginPnl | UnsetType | None = UNSET
    leverage: Decimal = _ZERO
    charges: ChargesRow | UnsetType | None = UNSET
    total: Decimal = _ZERO


class BasketMarginRow(Row, frozen=True, kw_only=True, dict=True):
    """The margin of a basket: ``final`` has the spread benefit that ``initial`` lacks.

    Ignore the ``charges`` beside them: Kite documents them as not meaningful.
    """

    parts: ClassVar[tuple[str, ...]] = ("initial", "final", "orders", "charges")

    initial: OrderMarginRow | UnsetType | None = UNSET
    final: OrderMarginRow | UnsetType | None = UNSET
    orders: list[OrderMarginRow] | None = field(default_factory=list)
    charges: ChargesRow | UnsetType | None = UNSET


class OrderChargesRow(Row, frozen=True, kw_only=True, dict=True):
    """The charges of one order of a virtual contract note.

    ``price`` is the average price that was asked about. No order id comes back: the index in the
    answer is the index in the request.
    """

    parts: ClassVar[tuple[str, ...]] = ("charges",)

    transaction_type: str = ""
    tradingsymbol: str = ""
    exchange: str = ""
    variety: str = ""
    product: str = ""
    order_type: str = ""
    quantity: int = 0
    price: Decimal = _ZERO
    charges: ChargesRow | UnsetType | None = UNSET
