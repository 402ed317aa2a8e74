"""Rows of positions and holdings. Source: Kite Connect v3, portfolio."""

from decimal import Decimal
from typing import Any, ClassVar

from msgspec import field

from patang.wire.row import Row

_ZERO = Decimal(0)


class PositionRow(Row, frozen=True, kw_only=True, dict=True):
    """One position; ``quantity`` is signed, short negative. Source: portfolio, positions."""

    tradingsymbol: str
    exchange: str
    instrument_token: int = 0
    product: str
    quantity: int
    overnight_quantity: int = 0
    multiplier: Decimal = Decimal(1)
    average_price: Decimal = _ZERO
    close_price: Decimal = _ZERO
    last_price: Decimal = _ZERO
    value: Decimal = _ZERO
    pnl: Decimal = _ZERO
    m2m: Decimal = _ZERO
    unrealised: Decimal = _ZERO
    realised: Decimal = _ZERO
    buy_quantity: int = 0
    buy_price: Decimal = _ZERO
    buy_value: Decimal = _ZERO
    buy_m2m: Decimal = _ZERO
    sell_quantity: int = 0
    sell_price: Decimal = _ZERO
    sell_value: Decimal = _ZERO
    sell_m2m: Decimal = _ZERO
    day_buy_quantity: int = 0
    day_buy_price: Decimal = _ZERO
    day_buy_value: Decimal = _ZERO
    day_sell_quantity: int = 0
    day_sell_price: Decimal = _ZERO
    day_sell_value: Decimal = _ZERO


class Positions(Row, frozen=True, kw_only=True, dict=True):
    """The current book (``net``) and today's activity alone (``day``)."""

    parts: ClassVar[tuple[str, ...]] = ("net", "day")

    net: list[PositionRow]
    day: list[PositionRow]


class MtfRow(Row, frozen=True, kw_only=True, dict=True):
    """The margin-funded part of a holding."""

    quantity: int = 0
    used_quantity: int = 0
    average_price: Decimal = _ZERO
    value: Decimal = _ZERO
    initial_margin: Decimal = _ZERO


class HoldingRow(Row, frozen=True, kw_only=True, dict=True):
    """One holding in the demat account. Source: portfolio, holdings."""

    parts: ClassVar[tuple[str, ...]] = ("mtf",)

    tradingsymbol: str
    exchange: str
    instrument_token: int = 0
    isin: str = ""
    product: str = "CNC"
    price: Decimal = _ZERO
    quantity: int
    used_quantity: int = 0
    t1_quantity: int = 0
    realised_quantity: int = 0
    authorised_quantity: int = 0
    authorised_date: str | None = None
    authorisation: dict[str, Any] | None = field(default_factory=dict)
    opening_quantity: int = 0
    short_quantity: int = 0
    collateral_quantity: int = 0
    collateral_type: str | None = ""
    discrepancy: bool = False
    average_price: Decimal = _ZERO
    last_price: Decimal = _ZERO
    close_price: Decimal = _ZERO
    pnl: Decimal = _ZERO
    day_change: Decimal = _ZERO
    day_change_percentage: Decimal = _ZERO
    mtf: MtfRow | None = None
