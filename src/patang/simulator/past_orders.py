"""Orders of the day from before the world began, for accounts that begin with a history."""

from decimal import Decimal

import msgspec

from patang.domain.errors import InvalidValue
from patang.simulator.accounts.account import Account
from patang.simulator.orders import KiteStatus, OrderRequest, SimOrder, SimTrade
from patang.simulator.placement import Placement
from patang.simulator.terms import asked_terms

FIRST_PAST_NUMBER = 1_000_000_000_001
"""Exchange order ids of such orders begin here, below all others."""

FIRST_PAST_TRADE = 9_000_001


class PastOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was placed at ``at_ns`` (UTC) and is done.

    ``filled`` units traded at ``price`` rupees; all of them where it is COMPLETE. ``message`` and
    ``raw`` say why one was REJECTED.
    """

    request: OrderRequest
    at_ns: int
    status: KiteStatus
    filled: int = 0
    price: Decimal | None = None
    message: str | None = None
    raw: str | None = None

    def __post_init__(self) -> None:
        quantity = self.request.quantity
        if quantity < 1:
            raise InvalidValue("quantity", f"{quantity} is below 1.")
        if not self.status.is_done:
            raise InvalidValue("status", f"{self.status} is no end of an order.")
        if not 0 <= self.filled <= quantity:
            raise InvalidValue("filled", f"{self.filled} is not from 0 to {quantity}.")
        if (self.status is KiteStatus.COMPLETE) != (self.filled == quantity):
            raise InvalidValue("filled", "exactly a COMPLETE order is filled whole.")
        if self.status is KiteStatus.REJECTED and self.filled:
            raise InvalidValue("filled", "a REJECTED order has no fills.")
        if self.filled and (self.price is None or self.price <= 0):
            raise InvalidValue("price", "fills need a price above zero.")


class PastOrders:
    """Writes done orders and their fills into accounts.

    Their counterparties are not in this world: shares and cash that such a fill moves come from
    outside it.
    """

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._count = 0

    def enter(self, account: Account, past: PastOrder) -> tuple[SimOrder, SimTrade | None]:
        """The order as it stands in the book now, and its fill if there was one.

        Orders of one world have to be entered by rising ``at_ns``: their ids rise.
        """
        at_ns = past.at_ns
        request = past.request
        order = self._placement.make(account.user_id, request, asked_terms(request), at_ns)
        self._placement.register(order, at_ns)
        order.record(KiteStatus.PUT_ORDER_REQ_RECEIVED, at_ns)
        order.record(KiteStatus.VALIDATION_PENDING, at_ns)
        trade = None
        if past.status is not KiteStatus.REJECTED:
            order.record(KiteStatus.OPEN_PENDING, at_ns)
            order.exchange_order_id = str(FIRST_PAST_NUMBER + self._count)
            order.exchange_ns = at_ns
            order.record(KiteStatus.OPEN, at_ns)
            trade = self._fill(account, order, past)
        self._count += 1
        left, order.pending_quantity = order.pending_quantity, 0
        if past.status is KiteStatus.CANCELLED:
            order.cancelled_quantity = left
        account.remove_working(order)
        order.record(past.status, at_ns, past.message, past.raw)
        return order, trade

    def _fill(self, account: Account, order: SimOrder, past: PastOrder) -> SimTrade | None:
        if not past.filled or past.price is None:
            return None
        instrument = self._placement.venue_of(order.instrument).instrument
        order.fill(past.filled, past.price)
        trade = SimTrade(
            trade_id=str(FIRST_PAST_TRADE + self._count),
            order_id=order.order_id,
            exchange_order_id=order.exchange_order_id or "",
            user_id=account.user_id,
            instrument=order.instrument,
            side=order.side,
            quantity=past.filled,
            price=past.price,
            product=order.product,
            time_ns=past.at_ns,
        )
        account.book(trade, instrument)
        account.work_changed(order)
        return trade
