"""Rows of good-till-triggered orders (GTT). Source: Kite Connect v3, GTT orders."""

from decimal import Decimal
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType, field

from patang.wire.row import Row

_ZERO = Decimal(0)


class GttAck(Row, frozen=True, kw_only=True, dict=True):
    """The answer to placing, modifying or deleting a trigger."""

    trigger_id: int


class GttCondition(Row, frozen=True, kw_only=True, dict=True):
    """What a trigger watches; a two-leg trigger has two values, the lower first."""

    exchange: str
    last_price: Decimal = _ZERO
    tradingsymbol: str
    trigger_values: list[Decimal]
    instrument_token: int | UnsetType = UNSET


class GttOrderResult(Row, frozen=True, kw_only=True, dict=True):
    """What became of the order that a trigger placed: ``success`` or ``failed``."""

    status: str = ""
    order_id: str | None = ""
    rejection_reason: str | None = ""


class GttResult(Row, frozen=True, kw_only=True, dict=True):
    """The order that a trigger placed. ``triggered_at`` is a price; ``meta`` is JSON text."""

    parts: ClassVar[tuple[str, ...]] = ("order_result",)

    account_id: str = ""
    exchange: str = ""
    tradingsymbol: str = ""
    validity: str = "DAY"
    product: str = ""
    order_type: str = ""
    transaction_type: str = ""
    quantity: int = 0
    price: Decimal = _ZERO
    meta: str | dict[str, Any] | None = ""
    timestamp: str | None = None
    triggered_at: Decimal = _ZERO
    order_result: GttOrderResult | None = None


class GttOrderRow(Row, frozen=True, kw_only=True, dict=True):
    """One order of a trigger; ``result`` is null until it has fired."""

    parts: ClassVar[tuple[str, ...]] = ("result",)

    exchange: str
    tradingsymbol: str
    product: str = ""
    order_type: str = ""
    transaction_type: str
    quantity: int
    price: Decimal = _ZERO
    market_protection: Decimal | UnsetType = UNSET
    result: GttResult | None = None


class GttRow(Row, frozen=True, kw_only=True, dict=True):
    """One trigger. Times are IST text.

    ``triggered`` says that it has fired and nothing of the order's fate: read
    ``orders[i].result.order_result``.
    """

    parts: ClassVar[tuple[str, ...]] = ("condition", "orders")

    id: int
    user_id: str = ""
    parent_trigger: int | str | None = None
    type: str
    created_at: str = ""
    updated_at: str = ""
    expires_at: str = ""
    status: str
    condition: GttCondition
    orders: list[GttOrderRow]
    meta: dict[str, Any] | None = field(default_factory=dict)
