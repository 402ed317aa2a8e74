"""Further rows of the portfolio: totals, short list, auctions, authorisation, trigger range.

Source: Kite Connect v3, portfolio; the summary and the compact list are in the official Go client
and its samples alone.
"""

from decimal import Decimal
from typing import Any

from msgspec import UNSET, UnsetType

from patang.wire.row import Row

_ZERO = Decimal(0)


class HoldingsSummaryRow(Row, frozen=True, kw_only=True, dict=True):
    """Totals of all holdings, in rupees and percent; ``GET /portfolio/holdings/summary``."""

    total_pnl: Decimal = _ZERO
    total_pnl_percent: Decimal = _ZERO
    today_pnl: Decimal = _ZERO
    today_pnl_percent: Decimal = _ZERO
    invested_amount: Decimal = _ZERO
    current_value: Decimal = _ZERO


class CompactHoldingRow(Row, frozen=True, kw_only=True, dict=True):
    """What and how many, nothing else; ``GET /portfolio/holdings/compact``."""

    exchange: str
    tradingsymbol: str
    instrument_token: int = 0
    t1_quantity: int = 0
    quantity: int = 0


class AuctionInstrumentRow(Row, frozen=True, kw_only=True, dict=True):
    """A holding that can be sold in an auction; an order names its ``auction_number``.

    ``instrument_token`` is the auction market's, whose segment byte is 10.
    """

    tradingsymbol: str
    exchange: str
    instrument_token: int = 0
    isin: str = ""
    product: str = "CNC"
    price: Decimal = _ZERO
    quantity: int = 0
    t1_quantity: int = 0
    realised_quantity: int = 0
    authorised_quantity: int = 0
    authorised_date: str | None = None
    opening_quantity: int = 0
    collateral_quantity: int = 0
    collateral_type: str | None = ""
    discrepancy: bool = False
    average_price: Decimal = _ZERO
    last_price: Decimal = _ZERO
    close_price: Decimal = _ZERO
    pnl: Decimal = _ZERO
    day_change: Decimal = _ZERO
    day_change_percentage: Decimal = _ZERO
    auction_number: str
    authorisation: dict[str, Any] | UnsetType | None = UNSET


class HoldingsAuthorisation(Row, frozen=True, kw_only=True, dict=True):
    """Names the authorisation that the user has to grant in the browser."""

    request_id: str


class TriggerRangeRow(Row, frozen=True, kw_only=True, dict=True):
    """Between which prices the trigger of a cover order may lie. A legacy call."""

    instrument_token: int = 0
    lower: Decimal = _ZERO
    upper: Decimal = _ZERO
