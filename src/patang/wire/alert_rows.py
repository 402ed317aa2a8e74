"""Rows of price alerts. Source: Kite Connect v3, alerts."""

from decimal import Decimal
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType, field

from patang.wire.row import Row

_ZERO = Decimal(0)


class AlertGtt(Row, frozen=True, kw_only=True, dict=True):
    """Target and stop-loss, in percent, that follow an order of an alert's basket."""

    target: Decimal = _ZERO
    stoploss: Decimal = _ZERO


class AlertOrder(Row, frozen=True, kw_only=True, dict=True):
    """The order parameters of a basket item; zeros and empty words mean "not used"."""

    parts: ClassVar[tuple[str, ...]] = ("gtt",)

    validity: str = "DAY"
    validity_ttl: int = 0
    variety: str = "regular"
    product: str = ""
    order_type: str = ""
    transaction_type: str = ""
    quantity: int = 0
    disclosed_quantity: int = 0
    price: Decimal = _ZERO
    trigger_price: Decimal = _ZERO
    last_price: Decimal | UnsetType = UNSET
    market_protection: Decimal | UnsetType = UNSET
    iceberg_legs: int | UnsetType = UNSET
    squareoff: Decimal = _ZERO
    stoploss: Decimal = _ZERO
    trailing_stoploss: Decimal = _ZERO
    gtt: AlertGtt | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET


class AlertItem(Row, frozen=True, kw_only=True, dict=True):
    """One order of an alert's basket."""

    parts: ClassVar[tuple[str, ...]] = ("params",)

    id: int | UnsetType = UNSET
    type: str | UnsetType = UNSET
    tradingsymbol: str
    exchange: str
    instrument_token: int | UnsetType = UNSET
    weight: int = 0
    params: AlertOrder


class AlertBasket(Row, frozen=True, kw_only=True, dict=True):
    """The orders that an alert of type ``ato`` (alert triggers order) places."""

    parts: ClassVar[tuple[str, ...]] = ("items",)

    name: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    tags: list[str] | UnsetType | None = UNSET
    items: list[AlertItem]


class AlertRow(Row, frozen=True, kw_only=True, dict=True):
    """One alert; the ``rhs`` fields that its kind does not use are empty. Times are IST text."""

    parts: ClassVar[tuple[str, ...]] = ("basket",)

    type: str
    user_id: str = ""
    uuid: str
    name: str = ""
    status: str = ""
    disabled_reason: str | None = ""
    basket: AlertBasket | UnsetType | None = UNSET
    lhs_attribute: str = ""
    lhs_exchange: str = ""
    lhs_tradingsymbol: str = ""
    operator: str = ""
    rhs_type: str = ""
    rhs_attribute: str = ""
    rhs_exchange: str = ""
    rhs_tradingsymbol: str = ""
    rhs_constant: Decimal = _ZERO
    alert_count: int = 0
    created_at: str = ""
    updated_at: str = ""


class AlertHistoryRow(Row, frozen=True, kw_only=True, dict=True):
    """One firing of an alert: the quotes it saw (``meta``) and the orders it placed."""

    uuid: str
    type: str = ""
    meta: list[dict[str, Any]] | dict[str, Any] | None = field(default_factory=list)
    condition: str = ""
    created_at: str = ""
    order_meta: Any = None
