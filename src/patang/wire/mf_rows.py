"""Rows of mutual funds. Source: Kite Connect v3, mutual funds."""

from decimal import Decimal
from typing import Any

from msgspec import UNSET, UnsetType

from patang.wire.row import Row

_ZERO = Decimal(0)


class MfOrderAck(Row, frozen=True, kw_only=True, dict=True):
    """The answer to placing or cancelling a fund order; ``order_id`` is a UUID."""

    order_id: str


class MfSipAck(Row, frozen=True, kw_only=True, dict=True):
    """The answer to placing, changing or cancelling a SIP; a first purchase has an order too."""

    sip_id: str
    order_id: str | UnsetType | None = UNSET


class MfOrderRow(Row, frozen=True, kw_only=True, dict=True):
    """One fund order. ``tradingsymbol`` is the ISIN; ``exchange_timestamp`` is a date alone."""

    status: str
    purchase_type: str | None = None
    folio: str | None = None
    order_timestamp: str | None = None
    average_price: Decimal = _ZERO
    exchange_order_id: str | None = None
    last_price: Decimal = _ZERO
    tradingsymbol: str
    settlement_id: str | None = None
    transaction_type: str
    order_id: str
    amount: Decimal = _ZERO
    tag: str | None = None
    placed_by: str | None = ""
    exchange_timestamp: str | None = None
    variety: str | None = "regular"
    last_price_date: str | None = ""
    status_message: str | None = None
    fund: str | None = ""
    quantity: Decimal = _ZERO


class MfSipRow(Row, frozen=True, kw_only=True, dict=True):
    """One systematic plan. ``instalments`` -1 means endless; ``step_up`` maps DD-MM to percent."""

    status: str | UnsetType = UNSET
    sip_reg_num: str | None = None
    pending_instalments: int = 0
    created: str | None = None
    step_up: dict[str, Any] | UnsetType | None = UNSET
    dividend_type: str | None = ""
    instalment_amount: Decimal = _ZERO
    tag: str | None = None
    instalments: int = 0
    next_instalment: str | None = None
    transaction_type: str = ""
    trigger_price: Decimal | UnsetType | None = UNSET
    fund: str | None = ""
    tradingsymbol: str = ""
    frequency: str = ""
    last_instalment: str | None = None
    instalment_day: int | None = 0
    sip_type: str | UnsetType | None = UNSET
    fund_source: str | UnsetType | None = UNSET
    completed_instalments: int | UnsetType = UNSET
    sip_id: str


class MfHoldingRow(Row, frozen=True, kw_only=True, dict=True):
    """One fund holding; ``quantity`` is fractional units."""

    folio: str | None = None
    average_price: Decimal = _ZERO
    last_price: Decimal = _ZERO
    last_price_date: str | None = ""
    pledged_quantity: Decimal = _ZERO
    fund: str | None = ""
    tradingsymbol: str
    pnl: Decimal = _ZERO
    quantity: Decimal


class MfTradeRow(Row, frozen=True, kw_only=True, dict=True):
    """One purchase or sale behind a fund holding; known from the official Go client alone."""

    fund: str | None = ""
    tradingsymbol: str = ""
    average_price: Decimal = _ZERO
    variety: str | None = ""
    exchange_timestamp: str | None = None
    amount: Decimal = _ZERO
    folio: str | None = None
    quantity: Decimal = _ZERO
