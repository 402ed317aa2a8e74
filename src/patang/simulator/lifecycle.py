"""The steps of a user's order, from registration to its end. Source: Kite Connect v3, statuses.

    place   PUT ORDER REQ RECEIVED, VALIDATION PENDING, OPEN PENDING, OPEN, ... COMPLETE
            stop orders: ..., VALIDATION PENDING, TRIGGER PENDING, (trigger) OPEN, ...
            refused: ..., VALIDATION PENDING (by the broker), OPEN PENDING (exchange), REJECTED
    modify  MODIFY VALIDATION PENDING, MODIFY PENDING, MODIFIED, OPEN (or TRIGGER PENDING)
            refused: ..., MODIFY PENDING, NOT MODIFIED, OPEN
    cancel  CANCEL PENDING, CANCELLED (refused: NOT CANCELLED, OPEN)

A partial fill adds an OPEN row. An IOC order ends COMPLETE, or CANCELLED with what did not trade.
While the line to the exchange is cut, orders stay OPEN PENDING, MODIFY PENDING, CANCEL PENDING.
"""

from collections.abc import Callable

from patang.domain.enums import OrderType, Side, Validity, Variety
from patang.domain.money import ZERO
from patang.rules.ist import ist_date
from patang.rules.session import PhaseKind
from patang.simulator.accounts.account import Account
from patang.simulator.admission import STOPS, refuse_change, refuse_entry, refuse_price
from patang.simulator.book import Resting
from patang.simulator.checks import protection_percent, protection_tags
from patang.simulator.errors import Rejection
from patang.simulator.floor import Floor
from patang.simulator.line import Line
from patang.simulator.orders import KiteStatus, SimOrder, SimTrade
from patang.simulator.shelf import Venues
from patang.simulator.terms import Terms
from patang.simulator.venue import Venue

FIRST_EXCHANGE_ORDER_NUMBER = 1_300_000_000_000_001
SELF_TRADE = "The rest of the order was cancelled: it would have traded with your own order."
EXPIRED = "The order was cancelled by the exchange at the end of the session."

_TOO_SMALL = Rejection(
    "More of the order has traded than it is to have.", "16282 : Quantity exceeds"
)
_HELD = (KiteStatus.MODIFY_PENDING, KiteStatus.CANCEL_PENDING)
_CLOSING = (PhaseKind.AUCTION_ENTRY, PhaseKind.AUCTION_LIMIT_ONLY)

News = Callable[[SimOrder, int], None]
"""Called with an order and the time (UTC nanoseconds); it may set timers, and change nothing.

``on_triggered`` comes before the released order trades, and may cancel others."""

Changed = Callable[[SimOrder, bool], None]
"""Called with an order under new terms, and whether it waits for its trigger."""


class Lifecycle:
    """Moves orders through their states, and books the fills that the floor reports.

    ``on_filled``, ``on_triggered``, ``on_changed`` and ``on_ended`` tell the varieties whose orders
    depend on each other what became of one of them.
    """

    def __init__(
        self,
        venues: Venues,
        accounts: dict[str, Account],
        *,
        on_order: Callable[[SimOrder], None],
        on_trade: Callable[[SimTrade], None],
    ) -> None:
        self.floor = Floor(venues, self._book_fill, self._release)
        self.line = Line()
        self.on_filled: News = _ignore
        self.on_triggered: News = _ignore
        self.on_ended: News = _ignore
        self.on_changed: Changed = _ignore_change
        self._accounts = accounts
        self._on_order = on_order
        self._on_trade = on_trade
        self._exchange_number = FIRST_EXCHANGE_ORDER_NUMBER
        self._stops: dict[str, SimOrder] = {}

    def admit(
        self, venue: Venue, order: SimOrder, at_ns: int, rejection: Rejection | None = None
    ) -> None:
        """Register a checked order and let it trade, rest, or wait for its trigger.

        With a ``rejection`` it gets as far as whoever rejects it.
        """
        order.record(KiteStatus.PUT_ORDER_REQ_RECEIVED, at_ns)
        self.submit(venue, order, at_ns, rejection)

    def submit(
        self, venue: Venue, order: SimOrder, at_ns: int, rejection: Rejection | None = None
    ) -> None:
        """Send a registered order to the exchange."""
        order.record(KiteStatus.VALIDATION_PENDING, at_ns)
        if rejection is not None and rejection.stage == "broker":
            self.reject(order, rejection, at_ns)
            return
        if self.line.is_cut:
            order.record(KiteStatus.OPEN_PENDING, at_ns)
            self._on_order(order)
            self.line.hold(order, lambda later_ns: self._arrive(venue, order, later_ns, rejection))
            return
        if order.order_type not in STOPS:
            order.record(KiteStatus.OPEN_PENDING, at_ns)
        self._arrive(venue, order, at_ns, rejection)

    def queue(self, order: SimOrder, at_ns: int) -> None:
        """Keep a new order at the broker until its market opens."""
        order.record(KiteStatus.PUT_ORDER_REQ_RECEIVED, at_ns)
        order.record(KiteStatus.AMO_REQ_RECEIVED, at_ns)
        self._on_order(order)

    def requeue(self, order: SimOrder, terms: Terms, at_ns: int) -> None:
        """Change an order that waits at the broker."""
        order.order_ns = at_ns
        order.record(KiteStatus.MODIFY_AMO_REQ_RECEIVED, at_ns)
        order.is_modified = True
        self.put_terms(order, terms)
        order.record(KiteStatus.AMO_REQ_RECEIVED, at_ns)
        self._on_order(order)

    def put_terms(self, order: SimOrder, terms: Terms) -> None:
        """Let an order that does not stand at the exchange have these terms."""
        order.pending_quantity -= order.quantity - terms.quantity
        for name in terms.__struct_fields__:
            setattr(order, name, getattr(terms, name))
        self._accounts[order.user_id].work_changed(order)

    def reject(self, order: SimOrder, rejection: Rejection, at_ns: int) -> None:
        """End an order that broker or exchange refuse; its row stays."""
        order.pending_quantity = 0
        self._end(order, KiteStatus.REJECTED, at_ns, rejection.message, rejection.raw_message)

    def modify(
        self, venue: Venue, order: SimOrder, terms: Terms, at_ns: int, *, waits: bool
    ) -> None:
        """Ask the exchange for new terms; ``waits``: the order is to wait for its trigger."""
        order.order_ns = at_ns
        order.record(KiteStatus.MODIFY_VALIDATION_PENDING, at_ns)
        order.record(KiteStatus.MODIFY_PENDING, at_ns)
        if not self.line.is_cut:
            self._change(venue, order, terms, at_ns, waits=waits)
            return
        self._on_order(order)
        waited = order.order_id in self._stops

        def change(later_ns: int) -> None:
            # While the message was held back, the order's trigger may have come.
            has_triggered = waited and order.order_id not in self._stops
            self._change(venue, order, terms, later_ns, waits=waits and not has_triggered)

        self.line.hold(order, change)

    def cancel(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """Ask the exchange to take a resting order out, at its user's wish."""
        order.order_ns = at_ns
        order.record(KiteStatus.CANCEL_PENDING, at_ns)
        if self.line.is_cut:
            self._on_order(order)
            self.line.hold(order, lambda later_ns: self._withdraw(venue, order, later_ns))
        else:
            self._withdraw(venue, order, at_ns)

    def expire(
        self, venue: Venue, order: SimOrder, at_ns: int, message: str | None = EXPIRED
    ) -> None:
        """Take a working order out at nobody's request: its time is over, or the day's."""
        self._lift(venue, order, at_ns)
        self._end(order, KiteStatus.CANCELLED, at_ns, message)

    def give_price(self, venue: Venue, resting: Resting, ticks: int, at_ns: int) -> None:
        """Turn what an auction left of a user's MARKET order into a LIMIT that keeps its time."""
        venue.book.give_price(resting, ticks)
        order = self._accounts[resting.owner].orders[resting.order_id]
        order.order_type = OrderType.LIMIT
        order.price = venue.price(ticks)
        self._accounts[order.user_id].work_changed(order)
        order.record(KiteStatus.OPEN, at_ns)
        self._on_order(order)

    # --- at the exchange ------------------------------------------------------------------------

    def _arrive(
        self, venue: Venue, order: SimOrder, at_ns: int, rejection: Rejection | None
    ) -> None:
        waits = order.order_type in STOPS
        rejection = rejection or refuse_entry(venue, order, order, ist_date(at_ns), waits=waits)
        if rejection is not None:
            self.reject(order, rejection, at_ns)
            return
        order.exchange_order_id = str(self._exchange_number)
        order.exchange_ns = at_ns
        self._exchange_number += 1
        self._stand(venue, order, at_ns, waits=waits)
        self.floor.run_triggers(venue, at_ns)

    def _change(
        self, venue: Venue, order: SimOrder, terms: Terms, at_ns: int, *, waits: bool
    ) -> None:
        """Put new terms in force, if the exchange takes them."""
        resting = venue.resting.get(order.order_id)
        rejection = self._refuse_terms(venue, order, terms, at_ns, waits=waits)
        if rejection is not None:
            self._stay(order, KiteStatus.NOT_MODIFIED, rejection, at_ns)
            return
        keeps_place = resting is not None and not waits and _keeps_place(venue, order, terms)
        lowered_by = order.quantity - terms.quantity
        if resting is None or not keeps_place:
            self._lift(venue, order, at_ns)
        elif lowered_by:
            venue.book.reduce(resting, lowered_by)
            self.floor.mark(venue, at_ns)
        order.is_modified = True
        self.put_terms(order, terms)
        self.on_changed(order, waits)
        order.record(KiteStatus.MODIFIED, at_ns)
        if not keeps_place:
            self._stand(venue, order, at_ns, waits=waits)
            self.floor.run_triggers(venue, at_ns)
        else:
            self._rest_on(venue, order, at_ns)

    def _refuse_terms(
        self, venue: Venue, order: SimOrder, terms: Terms, at_ns: int, *, waits: bool
    ) -> Rejection | None:
        if terms.quantity < order.filled_quantity:
            return _TOO_SMALL
        on = ist_date(at_ns)
        return refuse_change(venue, order) or refuse_entry(venue, order, terms, on, waits=waits)

    def _withdraw(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        rejection = refuse_change(venue, order)
        if rejection is not None:
            self._stay(order, KiteStatus.NOT_CANCELLED, rejection, at_ns)
            return
        self._lift(venue, order, at_ns)
        self._end(order, KiteStatus.CANCELLED, at_ns)

    def _stay(self, order: SimOrder, status: KiteStatus, rejection: Rejection, at_ns: int) -> None:
        """A change was refused: the order is what it was."""
        message, raw = rejection.message, rejection.raw_message
        order.record(status, at_ns, message, raw)
        waits = order.order_id in self._stops
        standing = KiteStatus.TRIGGER_PENDING if waits else KiteStatus.OPEN
        order.record(standing, at_ns, message, raw)
        self._on_order(order)

    # --- steps ----------------------------------------------------------------------------------

    def _stand(self, venue: Venue, order: SimOrder, at_ns: int, *, waits: bool) -> None:
        if waits:
            trigger = venue.instrument.to_ticks(order.trigger_price)
            venue.add_stop(order.order_id, order.side is Side.BUY, trigger)
            self._stops[order.order_id] = order
            order.record(KiteStatus.TRIGGER_PENDING, at_ns)
            self._on_order(order)
        elif order.request.variety is Variety.AUCTION:
            # It waits for the exchange's auction, apart from the book of ordinary lots.
            order.record(KiteStatus.OPEN, at_ns)
            self._on_order(order)
        else:
            self._enter_book(venue, order, at_ns)

    def _release(self, venue: Venue, order_id: str, at_ns: int) -> None:
        """The last price reached a stop order's trigger."""
        order = self._stops.pop(order_id)
        rejection = refuse_price(venue, order, order, ist_date(at_ns))
        if rejection is not None:
            self.reject(order, rejection, at_ns)
            return
        if order.order_type is OrderType.SL_M and order.market_protection:
            percent = protection_percent(venue, order.market_protection)
            order.price = venue.price(venue.protected_ticks(order.side, percent))
            # From here on it is the limit order that the protection made of it, as for MARKET.
            order.order_type, order.market_protection = OrderType.LIMIT, ZERO
            order.tags = (*order.tags, *protection_tags(percent))
            self._accounts[order.user_id].work_changed(order)
        self.on_triggered(order, at_ns)
        self._enter_book(venue, order, at_ns)

    def _enter_book(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        order.record(_standing(order), at_ns)
        # The exchange confirms an order before its trades, even when it trades at once.
        self._on_order(order)
        is_buy = order.side is Side.BUY
        is_priced = order.price > 0
        ticks = venue.instrument.to_ticks(order.price) if is_priced else _worst(venue, is_buy)
        resting = Resting(order.user_id, is_buy, ticks, order.pending_quantity, order.order_id)
        resting.tranche = order.disclosed_quantity
        if venue.collects:
            resting.is_market = not is_priced
            self._rest(venue, order, resting)
            self.floor.mark(venue, at_ns)
            return
        filled_before = order.filled_quantity
        self.floor.execute(venue, resting, at_ns)
        if not resting.quantity:
            self._end(order, KiteStatus.COMPLETE, at_ns)
        elif venue.book.crosses(is_buy, ticks):
            self._end(order, KiteStatus.CANCELLED, at_ns, SELF_TRADE)
        elif order.validity is Validity.IOC:
            self._end(order, KiteStatus.CANCELLED, at_ns)
        else:
            if not is_priced:
                self._price_rest(venue, order, resting)
            self._rest(venue, order, resting)
            if order.filled_quantity > filled_before:
                order.record(_standing(order), at_ns)
                self._on_order(order)

    def _rest(self, venue: Venue, order: SimOrder, resting: Resting) -> None:
        venue.book.add(resting)
        venue.resting[order.order_id] = resting

    def _price_rest(self, venue: Venue, order: SimOrder, resting: Resting) -> None:
        """What is left of an order without a price rests at the last price.

        Source: NSE, market orders.
        """
        at_close = venue.phase is PhaseKind.POST_CLOSE
        resting.ticks = venue.closing_ticks if at_close else venue.clamp(venue.last_ticks)
        order.price = venue.price(resting.ticks)
        if order.order_type is OrderType.MARKET:
            order.order_type = OrderType.LIMIT
        self._accounts[order.user_id].work_changed(order)

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
        account.book(trade, venue.instrument)
        account.work_changed(order)
        self._on_trade(trade)
        if order.request.variety is Variety.CO:
            self.on_filled(order, at_ns)
        if rested:
            self._rest_on(venue, order, at_ns)
        # The incoming order's states follow when it has traded all it can.

    def _rest_on(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """A resting order has become smaller: it stays open, or it is complete."""
        if order.pending_quantity:
            order.record(_standing(order), at_ns)
            self._on_order(order)
        else:
            del venue.resting[order.order_id]
            self._end(order, KiteStatus.COMPLETE, at_ns)

    def _lift(self, venue: Venue, order: SimOrder, at_ns: int) -> None:
        """Out of the book, or out of the stop orders, wherever it stands."""
        resting = venue.resting.pop(order.order_id, None)
        if resting is not None:
            venue.book.cancel(resting)
            self.floor.mark(venue, at_ns)
        elif self._stops.pop(order.order_id, None) is not None:
            venue.remove_stop(order.order_id)

    def _end(
        self,
        order: SimOrder,
        status: KiteStatus,
        at_ns: int,
        message: str | None = None,
        raw: str | None = None,
    ) -> None:
        if status is KiteStatus.CANCELLED:
            order.cancelled_quantity = order.pending_quantity
            order.pending_quantity = 0
        account = self._accounts[order.user_id]
        if order.order_id in account.working:
            account.remove_working(order)
        order.record(status, at_ns, message, raw)
        self._on_order(order)
        self.on_ended(order, at_ns)


def _standing(order: SimOrder) -> KiteStatus:
    """OPEN, or what the user has asked for and the exchange not yet answered."""
    return order.status if order.status in _HELD else KiteStatus.OPEN


def _worst(venue: Venue, is_buy: bool) -> int:
    """The limit of an order without one: the closing price after the close, else the band's."""
    if venue.phase is PhaseKind.POST_CLOSE:
        return venue.closing_ticks
    return venue.upper_ticks if is_buy else venue.lower_ticks


def _keeps_place(venue: Venue, order: SimOrder, terms: Terms) -> bool:
    """Whether an order in the book keeps its time priority under new terms.

    Source: NSE (a new price, a larger quantity or another disclosed quantity loses it); NSE/CMTR/
    73362 (in the closing auction every change does).
    """
    return (
        terms.order_type in (order.order_type, OrderType.LIMIT)
        and terms.price == order.price
        and terms.quantity <= order.quantity
        and terms.disclosed_quantity == min(order.disclosed_quantity, terms.quantity)
        and terms.validity is not Validity.IOC
        and venue.phase not in _CLOSING
    )


def _ignore(_order: SimOrder, _at_ns: int) -> None:
    """Nobody waits for the news."""


def _ignore_change(_order: SimOrder, _waits: bool) -> None:
    """Nobody waits for the news."""
