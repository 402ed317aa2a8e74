"""The steps of a user's order, from registration to its end. Source: Kite Connect v3, statuses.

    place   PUT ORDER REQ RECEIVED, VALIDATION PENDING, OPEN PENDING, OPEN, ... COMPLETE
            stop orders: ..., VALIDATION PENDING, TRIGGER PENDING, (trigger) OPEN, ...
    modify  MODIFY VALIDATION PENDING, MODIFY PENDING, MODIFIED, OPEN (or TRIGGER PENDING)
    cancel  CANCEL PENDING, CANCELLED

A partial fill adds an OPEN row. An IOC order ends COMPLETE, or CANCELLED with what did not trade.
"""

from collections.abc import Callable, Iterable

from patang.domain.enums import OrderType, Side, Validity
from patang.simulator.accounts.account import Account
from patang.simulator.book import Resting
from patang.simulator.checks import protection_percent
from patang.simulator.floor import Floor
from patang.simulator.orders import KiteStatus, SimOrder, SimTrade
from patang.simulator.terms import Terms
from patang.simulator.venue import Venue

FIRST_EXCHANGE_ORDER_NUMBER = 1_300_000_000_000_001
SELF_TRADE = "The rest of the order was cancelled: it would have traded with your own order."
EXPIRED = "The order was cancelled by the exchange at the end of the session."

STOPS = (OrderType.SL, OrderType.SL_M)
"""Order types that wait for a trigger."""


class Lifecycle:
    """Moves orders through their states, and books the fills that the floor reports."""

    def __init__(
        self,
        venues: Iterable[Venue],
        accounts: dict[str, Account],
        *,
        on_order: Callable[[SimOrder], None],
        on_trade: Callable[[SimTrade], None],
    ) -> None:
        self.floor = Floor(venues, self._book_fill, self._release)
        self._accounts = accounts
        self._on_order = on_order
        self._on_trade = on_trade
        self._exchange_number = FIRST_EXCHANGE_ORDER_NUMBER

    def admit(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """Register a checked order and let it trade, rest, or wait for its trigger."""
        order.record(KiteStatus.PUT_ORDER_REQ_RECEIVED, at_ns)
        order.record(KiteStatus.VALIDATION_PENDING, at_ns)
        waits = order.order_type in STOPS
        if not waits:
            order.record(KiteStatus.OPEN_PENDING, at_ns)
        order.exchange_order_id = str(self._exchange_number)
        order.exchange_ns = at_ns
        self._exchange_number += 1
        self._stand(venue, order, at_ns, waits=waits)
        self.floor.run_triggers(venue, at_ns)

    def modify(
        self, venue: Venue, order: SimOrder, terms: Terms, at_ns: int, *, waits: bool
    ) -> None:
        """Put new terms in force; ``waits`` says that the order is to wait for its trigger."""
        keeps_place = (
            order.status is KiteStatus.OPEN
            and not waits
            and terms.price == order.price
            and terms.quantity <= order.quantity
            and terms.validity is Validity.DAY
        )
        order.modifications += 1
        order.order_ns = at_ns
        order.record(KiteStatus.MODIFY_VALIDATION_PENDING, at_ns)
        order.record(KiteStatus.MODIFY_PENDING, at_ns)
        lowered_by = order.quantity - terms.quantity
        if not keeps_place:
            self._lift(venue, order, at_ns)
        elif lowered_by:
            venue.book.reduce(venue.resting[order.order_id], lowered_by)
            self.floor.mark(venue, at_ns)
        order.is_modified = True
        order.order_type = terms.order_type
        order.quantity = terms.quantity
        order.pending_quantity -= lowered_by
        order.price = terms.price
        order.trigger_price = terms.trigger_price
        order.validity = terms.validity
        order.disclosed_quantity = terms.disclosed_quantity
        order.market_protection = terms.market_protection
        order.tags = terms.tags
        self._accounts[order.user_id].work_changed(order)
        order.record(KiteStatus.MODIFIED, at_ns)
        if not keeps_place:
            self._stand(venue, order, at_ns, waits=waits)
            self.floor.run_triggers(venue, at_ns)
        else:
            self._rest_on(venue, order, at_ns)

    def cancel(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """Take a resting order out at its user's wish."""
        order.order_ns = at_ns
        order.record(KiteStatus.CANCEL_PENDING, at_ns)
        self._lift(venue, order, at_ns)
        self._end(order, KiteStatus.CANCELLED, at_ns)

    def expire(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """Take a resting order out because its session is over."""
        self._lift(venue, order, at_ns)
        self._end(order, KiteStatus.CANCELLED, at_ns, EXPIRED)

    # --- steps ----------------------------------------------------------------------------------

    def _stand(self, venue: Venue, order: SimOrder, at_ns: int, *, waits: bool) -> None:
        if waits:
            trigger = venue.instrument.to_ticks(order.trigger_price)
            venue.add_stop(order.order_id, order.side is Side.BUY, trigger)
            order.record(KiteStatus.TRIGGER_PENDING, at_ns)
            self._on_order(order)
        else:
            self._enter_book(venue, order, at_ns)

    def _release(self, venue: Venue, order_id: str, at_ns: int) -> None:
        """The last price reached a stop order's trigger."""
        order = self._find(order_id)
        if order.order_type is OrderType.SL_M:
            percent = protection_percent(venue, order.market_protection)
            order.price = venue.price(venue.protected_ticks(order.side, percent))
            self._accounts[order.user_id].work_changed(order)
        self._enter_book(venue, order, at_ns)

    def _enter_book(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        order.record(KiteStatus.OPEN, at_ns)
        # The exchange confirms an order before its trades, even when it trades at once.
        self._on_order(order)
        is_buy = order.side is Side.BUY
        ticks = venue.instrument.to_ticks(order.price)
        resting = Resting(order.user_id, is_buy, ticks, order.pending_quantity, order.order_id)
        filled_before = order.filled_quantity
        self.floor.execute(venue, resting, at_ns)
        if not resting.quantity:
            self._end(order, KiteStatus.COMPLETE, at_ns)
        elif venue.book.crosses(is_buy, ticks):
            self._end(order, KiteStatus.CANCELLED, at_ns, SELF_TRADE)
        elif order.validity is Validity.IOC:
            self._end(order, KiteStatus.CANCELLED, at_ns)
        else:
            venue.book.add(resting)
            venue.resting[order.order_id] = resting
            if order.filled_quantity > filled_before:
                order.record(KiteStatus.OPEN, at_ns)
                self._on_order(order)

    def _book_fill(
        self,
        venue: Venue,
        side: Resting,
        quantity: int,
        ticks: int,
        trade_id: str,
        at_ns: int,
        rested: bool,
    ) -> None:
        account = self._accounts[side.owner]
        order = account.orders[side.order_id]
        price = venue.price(ticks)
        order.fill(quantity, price)
        trade = SimTrade(
            trade_id=trade_id,
            order_id=order.order_id,
            exchange_order_id=order.exchange_order_id or "",
            user_id=side.owner,
            instrument=order.instrument,
            side=order.side,
            quantity=quantity,
            price=price,
            product=order.product,
            time_ns=at_ns,
        )
        account.book(trade, venue.instrument.multiplier)
        account.work_changed(order)
        self._on_trade(trade)
        if rested:
            self._rest_on(venue, order, at_ns)
        # The incoming order's states follow when it has traded all it can.

    def _rest_on(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """A resting order has become smaller: it stays open, or it is complete."""
        if order.pending_quantity:
            order.record(KiteStatus.OPEN, at_ns)
            self._on_order(order)
        else:
            del venue.resting[order.order_id]
            self._end(order, KiteStatus.COMPLETE, at_ns)

    def _lift(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """Out of the book, or out of the stop orders."""
        resting = venue.resting.pop(order.order_id, None)
        if resting is None:
            venue.remove_stop(order.order_id)
        else:
            venue.book.cancel(resting)
            self.floor.mark(venue, at_ns)

    def _end(
        self, order: SimOrder, status: KiteStatus, at_ns: int, message: str | None = None
    ) -> None:
        if status is KiteStatus.CANCELLED:
            order.cancelled_quantity = order.pending_quantity
            order.pending_quantity = 0
        self._accounts[order.user_id].remove_working(order)
        order.record(status, at_ns, message)
        self._on_order(order)

    def _find(self, order_id: str) -> SimOrder:
        for account in self._accounts.values():
            order = account.working.get(order_id)
            if order is not None:
                return order
        raise KeyError(order_id)
