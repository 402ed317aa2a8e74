"""Orders, their life, and the fills they end in.

An order's life is one table, ``TRANSITIONS``. The words are FIX's where Kite has none:

    (risk gate) -> DENIED                              never left us
    SUBMITTED -> ACCEPTED -> OPEN -> FILLED            the plain path
                          -> REJECTED                  refused by broker or exchange
              -> UNRESOLVED -> ACCEPTED | NOT_PLACED   the reply was lost; only evidence decides
    OPEN -> CANCEL_PENDING -> CANCELLED | FILLED | OPEN

Terminal states have no way out but one: NOT_PLACED is a presumption, so an order that turns up
late is adopted. Fills are booked on their own, whatever the status: one that arrives after a
cancel still moves the position.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.enums import OrderType, Product, Side, Validity, Variety
from patang.domain.errors import IllegalTransition
from patang.domain.instrument import InstrumentId
from patang.domain.market import HIGHEST_PRICE
from patang.domain.money import ZERO


class OrderStatus(StrEnum):
    """Where an order is, as far as evidence goes."""

    DENIED = "DENIED"
    SUBMITTED = "SUBMITTED"
    UNRESOLVED = "UNRESOLVED"
    NOT_PLACED = "NOT_PLACED"
    ACCEPTED = "ACCEPTED"
    TRIGGER_PENDING = "TRIGGER_PENDING"
    OPEN = "OPEN"
    CANCEL_PENDING = "CANCEL_PENDING"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_done(self) -> bool:
        """Whether nothing more is expected of the order."""
        return self in DONE


_S = OrderStatus
DONE = frozenset({_S.DENIED, _S.NOT_PLACED, _S.FILLED, _S.CANCELLED, _S.REJECTED})
WORKING = frozenset(_S) - DONE
# NOT_PLACED is a presumption: it holds its reservation until the order book is final.
RELEASED = DONE - {_S.NOT_PLACED}

# What a broker can say of an order; the others are our own words.
REPORTED = frozenset(_S) - {_S.DENIED, _S.SUBMITTED, _S.UNRESOLVED, _S.NOT_PLACED}

_AT_BROKER = {_S.TRIGGER_PENDING, _S.OPEN, _S.CANCEL_PENDING, _S.FILLED, _S.CANCELLED, _S.REJECTED}

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    # Updates overtake the reply to the placement: the socket may speak before the POST returns.
    _S.SUBMITTED: frozenset({_S.ACCEPTED, _S.UNRESOLVED, _S.NOT_PLACED} | _AT_BROKER),
    _S.UNRESOLVED: frozenset({_S.ACCEPTED, _S.NOT_PLACED} | _AT_BROKER),
    _S.NOT_PLACED: frozenset({_S.ACCEPTED} | _AT_BROKER),
    _S.ACCEPTED: frozenset(_AT_BROKER),
    _S.TRIGGER_PENDING: frozenset(_AT_BROKER - {_S.TRIGGER_PENDING}),
    _S.OPEN: frozenset({_S.CANCEL_PENDING, _S.FILLED, _S.CANCELLED, _S.REJECTED}),
    # A refused cancel puts the order back where it was.
    _S.CANCEL_PENDING: frozenset(
        {_S.OPEN, _S.TRIGGER_PENDING, _S.FILLED, _S.CANCELLED, _S.REJECTED}
    ),
    _S.DENIED: frozenset(),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
}


def can_move(current: OrderStatus, new: OrderStatus) -> bool:
    """Whether the table holds the move; staying put is always allowed."""
    return current is new or new in TRANSITIONS[current]


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision to trade, whole and immutable: what is journaled before any byte leaves.

    ``tag`` identifies the intent at the broker (alphanumeric, at most 20 characters, unique for
    intent and run). ``price`` and ``trigger_price`` are rupees on the tick. ``market_protection``
    is percent of the last price, -1 for the broker's automatic band; MARKET and SL-M orders need
    it since 2026-04-01. ``reduces`` says the order only shrinks a position, so a halt lets it out.
    ``rests`` leaves it in the book for as long as it takes.
    """

    intent_id: str
    tag: str
    strategy: str
    instrument: InstrumentId
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    created_ns: int
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    market_protection: Decimal | None = None
    validity: Validity = Validity.DAY
    variety: Variety = Variety.REGULAR
    reduces: bool = False
    reason: str = ""
    rests: bool = False


class Fill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trade of ours. ``price`` is exact rupees; ``time_ns`` is the exchange's, UTC."""

    trade_id: str
    order_id: str
    instrument: InstrumentId
    side: Side
    quantity: int
    price: Decimal
    product: Product
    time_ns: int

    @property
    def value(self) -> Decimal:
        """Price times quantity, in rupees, without the contract multiplier."""
        return self.price * self.quantity

    @property
    def fault(self) -> str | None:
        """Why this cannot be a trade; None when it can."""
        if not 0 < self.quantity < HIGHEST_PRICE:
            return f"quantity {self.quantity}"
        if not (self.price.is_finite() and 0 < self.price < HIGHEST_PRICE):
            return f"price {self.price}"
        return None


class Order(msgspec.Struct, kw_only=True):
    """The state of one order in the ledger; its intent never changes.

    ``filled_quantity`` and ``filled_value`` sum the fills booked so far. ``reported_filled`` is
    what the broker's newest update claims, which may run ahead of the fills that have arrived.
    ``is_cancel_asked`` says that we ever asked for its end: then its end is not somebody else's.
    ``is_cancel_in_flight`` says that the newest such request has not been refused.
    ``is_released`` says that a person gave up the reservation of an order that is NOT_PLACED.
    """

    intent: OrderIntent
    status: OrderStatus = OrderStatus.SUBMITTED
    order_id: str | None = None
    filled_quantity: int = 0
    filled_value: Decimal = ZERO
    reported_filled: int = 0
    message: str = ""
    updated_ns: int = 0
    resting_status: OrderStatus = OrderStatus.OPEN
    is_cancel_asked: bool = False
    is_cancel_in_flight: bool = False
    # Absent until it happens, so that the states of older runs keep their hash.
    is_released: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def outstanding_quantity(self) -> int:
        """Units that may still reach the position: unfilled, or filled but not yet booked."""
        is_released = self.status in RELEASED or (
            bool(self.is_released) and self.status is OrderStatus.NOT_PLACED
        )
        ceiling = self.reported_filled if is_released else self.intent.quantity
        return max(ceiling - self.filled_quantity, 0)

    @property
    def average_price(self) -> Decimal | None:
        """Mean price of the fills booked so far, rupees."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else None

    def move_to(self, status: OrderStatus, at_ns: int) -> None:
        """Take one step of the table.

        Raises:
            IllegalTransition: the table does not hold the step.
        """
        if not can_move(self.status, status):
            raise IllegalTransition(
                f"order {self.intent.intent_id}: {self.status} cannot become {status}."
            )
        if status in (OrderStatus.OPEN, OrderStatus.TRIGGER_PENDING):
            self.resting_status = status
        self.status = status
        self.updated_ns = at_ns
