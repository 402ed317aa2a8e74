"""Rows of the order and trade books, and order updates. Source: Kite Connect v3, orders."""

from decimal import Decimal
from typing import Any

from msgspec import UNSET, UnsetType, field

from patang.wire.row import Row
from patang.wire.times import parse_ist

_ZERO = Decimal(0)


class OrderRow(Row, frozen=True, kw_only=True, dict=True):
    """One state of an order. Source: Kite Connect v3, orders.

    Timestamps are IST text. A protected MARKET order is echoed as LIMIT with
    ``market_protection`` 0, so never recognise an order by its type.
    """

    account_id: str | UnsetType = UNSET
    placed_by: str = ""
    terminal_id: str | UnsetType = UNSET
    order_id: str
    exchange_order_id: str | None = None
    parent_order_id: str | None = None
    status: str
    status_message: str | None = None
    status_message_raw: str | None = None
    order_timestamp: str | None = None
    exchange_update_timestamp: str | None = None
    exchange_timestamp: str | None = None
    variety: str = "regular"
    modified: bool | UnsetType = UNSET
    exchange: str
    tradingsymbol: str
    instrument_token: int = 0
    order_type: str = ""
    transaction_type: str
    validity: str = "DAY"
    validity_ttl: int | UnsetType = UNSET
    product: str = ""
    quantity: int
    disclosed_quantity: int = 0
    price: Decimal = _ZERO
    trigger_price: Decimal = _ZERO
    average_price: Decimal = _ZERO
    filled_quantity: int = 0
    pending_quantity: int = 0
    cancelled_quantity: int = 0
    auction_number: str | UnsetType | None = UNSET
    market_protection: Decimal = _ZERO
    meta: dict[str, Any] | str | None = field(default_factory=dict)
    tag: str | None = None
    tags: list[str] | UnsetType | None = UNSET
    guid: str | None = None

    @property
    def order_timestamp_ns(self) -> int | None:
        """When the order was registered or last changed at the broker, UTC nanoseconds."""
        return _ns(self.order_timestamp)

    @property
    def exchange_timestamp_ns(self) -> int | None:
        """When the exchange registered the order, UTC nanoseconds."""
        return _ns(self.exchange_timestamp)

    @property
    def exchange_update_timestamp_ns(self) -> int | None:
        """When the exchange last changed its state, UTC nanoseconds."""
        return _ns(self.exchange_update_timestamp)


class Postback(OrderRow, frozen=True, kw_only=True, dict=True):
    """An order update, as an HTTP postback and as the ticker's ``order`` frame.

    Its ``status`` is ``UPDATE`` on a modification or a partial fill, a word that order rows do
    not use. Source: Kite Connect v3, postbacks.
    """

    user_id: str = ""
    unfilled_quantity: int = 0
    app_id: int | None = None
    checksum: str = ""


class OrderAck(Row, frozen=True, kw_only=True, dict=True):
    """The answer to placing, modifying or cancelling: accepted for processing, nothing more."""

    order_id: str


class TradeRow(Row, frozen=True, kw_only=True, dict=True):
    """One fill of an order; ``order_timestamp`` is ``HH:MM:SS`` alone. Source: orders, trades."""

    trade_id: str
    order_id: str
    exchange_order_id: str | None = None
    exchange: str
    tradingsymbol: str
    instrument_token: int = 0
    product: str
    transaction_type: str
    average_price: Decimal
    quantity: int
    fill_timestamp: str | None = None
    exchange_timestamp: str | None = None
    order_timestamp: str | None = None

    @property
    def fill_timestamp_ns(self) -> int | None:
        """When the exchange filled it, UTC nanoseconds."""
        return _ns(self.fill_timestamp)


def _ns(text: str | None) -> int | None:
    """Parsed when asked for: most readers of a book never ask."""
    return parse_ist(text) if text else None
