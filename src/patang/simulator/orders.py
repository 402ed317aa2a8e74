"""An order's life in Kite's words: the request, its states, and the trades it ends in."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from patang.domain.enums import OrderType, Product, Side, Validity, Variety
from patang.domain.instrument import InstrumentId
from patang.domain.money import ZERO


class KiteStatus(StrEnum):
    """The texts of an order row's ``status``. Source: Kite Connect v3, order statuses."""

    PUT_ORDER_REQ_RECEIVED = "PUT ORDER REQ RECEIVED"
    AMO_REQ_RECEIVED = "AMO REQ RECEIVED"
    MODIFY_AMO_REQ_RECEIVED = "MODIFY AMO REQ RECEIVED"
    VALIDATION_PENDING = "VALIDATION PENDING"
    OPEN_PENDING = "OPEN PENDING"
    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER PENDING"
    MODIFY_VALIDATION_PENDING = "MODIFY VALIDATION PENDING"
    MODIFY_PENDING = "MODIFY PENDING"
    MODIFIED = "MODIFIED"
    NOT_MODIFIED = "NOT MODIFIED"
    CANCEL_PENDING = "CANCEL PENDING"
    NOT_CANCELLED = "NOT CANCELLED"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_done(self) -> bool:
        """Whether the order can change no more."""
        return self in _DONE

    @property
    def is_resting(self) -> bool:
        """Whether the order stands in the book, or waits for its trigger or the market."""
        return self in _RESTING


_DONE = frozenset({KiteStatus.COMPLETE, KiteStatus.CANCELLED, KiteStatus.REJECTED})
_RESTING = frozenset({KiteStatus.OPEN, KiteStatus.TRIGGER_PENDING, KiteStatus.AMO_REQ_RECEIVED})


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user asks for. Prices are rupees; ``market_protection`` is percent, -1 automatic.

    ``validity_ttl`` is minutes. ``algo_id`` is taken and kept, nothing depends on it.
    ``parent_order_id`` is for second legs, ``placed_by`` for orders that someone else than the
    user places: the broker's risk desk (``RMS``), a dealer. None is the user.

    ``app_id`` is the app that asked, None for the broker itself. ``origin`` says what else placed
    the order, JSON-ready (``{"gtt": 1}``): the order row's ``meta`` begins with it.

    Source: Kite Connect v3, orders, placing orders.
    """

    instrument: InstrumentId
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    validity: Validity = Validity.DAY
    variety: Variety = Variety.REGULAR
    market_protection: Decimal | None = None
    disclosed_quantity: int = 0
    tag: str | None = None
    validity_ttl: int | None = None
    iceberg_legs: int | None = None
    iceberg_quantity: int | None = None
    auction_number: str | None = None
    autoslice: bool = False
    algo_id: str | None = None
    parent_order_id: str | None = None
    placed_by: str | None = None
    app_id: int | None = None
    origin: dict[str, Any] = {}


class OrderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of an order's history: everything of the order that changes in its life."""

    status: KiteStatus
    at_ns: int
    order_type: OrderType
    validity: Validity
    quantity: int
    price: Decimal
    trigger_price: Decimal
    disclosed_quantity: int
    market_protection: Decimal
    filled_quantity: int
    pending_quantity: int
    cancelled_quantity: int
    average_price: Decimal
    is_modified: bool
    exchange_order_id: str | None
    exchange_ns: int | None
    update_ns: int | None
    status_message: str | None
    status_message_raw: str | None = None
    validity_ttl: int = 0


class SimOrder(msgspec.Struct, kw_only=True):
    """One user's order as it stands now; ``history`` has each state it went through.

    ``order_type``, ``price``, ``market_protection`` are the ones in force: a protected MARKET
    order stands here as the LIMIT it became. Absent prices are zero, as on the wire.
    ``order_ns`` is the last change at the broker, ``placed_ns`` the placement, ``exchange_ns`` the
    registration at the exchange, ``update_ns`` the last change there; UTC nanoseconds.
    ``status_message`` is for people, ``status_message_raw`` the words of the risk system or the
    exchange. ``meta`` is JSON-ready. ``validity_ttl`` is minutes, 0 where unused.
    """

    order_id: str
    user_id: str
    request: OrderRequest
    order_type: OrderType
    quantity: int
    pending_quantity: int
    placed_ns: int
    order_ns: int
    price: Decimal = ZERO
    trigger_price: Decimal = ZERO
    validity: Validity = Validity.DAY
    disclosed_quantity: int = 0
    market_protection: Decimal = ZERO
    status: KiteStatus = KiteStatus.PUT_ORDER_REQ_RECEIVED
    status_message: str | None = None
    status_message_raw: str | None = None
    parent_order_id: str | None = None
    meta: dict[str, Any] = msgspec.field(default_factory=dict)
    placed_by: str = ""
    validity_ttl: int = 0
    exchange_order_id: str | None = None
    exchange_ns: int | None = None
    update_ns: int | None = None
    filled_quantity: int = 0
    filled_value: Decimal = ZERO
    cancelled_quantity: int = 0
    is_modified: bool = False
    modifications: int = 0
    tags: tuple[str, ...] = ()
    history: list[OrderState] = msgspec.field(default_factory=list)

    @property
    def instrument(self) -> InstrumentId:
        """What is traded."""
        return self.request.instrument

    @property
    def side(self) -> Side:
        """BUY or SELL."""
        return self.request.side

    @property
    def product(self) -> Product:
        """CNC, MIS, ..."""
        return self.request.product

    @property
    def variety(self) -> Variety:
        """regular, amo, co, iceberg, auction."""
        return self.request.variety

    @property
    def tag(self) -> str | None:
        """The user's own tag, None where there was none."""
        return self.request.tag

    @property
    def average_price(self) -> Decimal:
        """Mean price of the fills, rupees; zero before the first."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else ZERO

    def record(
        self, status: KiteStatus, at_ns: int, message: str | None = None, raw: str | None = None
    ) -> None:
        """Move to ``status`` and add the history row; ``raw`` is the message where not given."""
        self.status = status
        self.status_message = message
        self.status_message_raw = raw = message if raw is None else raw
        if self.exchange_order_id is not None:
            self.update_ns = at_ns
        self.history.append(
            OrderState(
                status=status,
                at_ns=at_ns,
                order_type=self.order_type,
                validity=self.validity,
                quantity=self.quantity,
                price=self.price,
                trigger_price=self.trigger_price,
                disclosed_quantity=self.disclosed_quantity,
                market_protection=self.market_protection,
                filled_quantity=self.filled_quantity,
                pending_quantity=self.pending_quantity,
                cancelled_quantity=self.cancelled_quantity,
                average_price=self.average_price,
                is_modified=self.is_modified,
                exchange_order_id=self.exchange_order_id,
                exchange_ns=self.exchange_ns,
                update_ns=self.update_ns,
                status_message=message,
                status_message_raw=raw,
                validity_ttl=self.validity_ttl,
            )
        )

    def fill(self, quantity: int, price: Decimal) -> None:
        """Count a trade of ``quantity`` units at ``price`` rupees."""
        self.filled_quantity += quantity
        self.filled_value += price * quantity
        self.pending_quantity -= quantity


class SimTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill of a user's order. Both sides of a trade carry the same ``trade_id``."""

    trade_id: str
    order_id: str
    exchange_order_id: str
    user_id: str
    instrument: InstrumentId
    side: Side
    quantity: int
    price: Decimal
    product: Product
    time_ns: int
