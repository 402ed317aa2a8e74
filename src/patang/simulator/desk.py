"""The broker's order desk: every request about an order, and the orders that follow from orders."""

from collections.abc import Iterable

import msgspec

from patang.domain.enums import Exchange, OrderType, Product, Variety
from patang.domain.instrument import InstrumentId
from patang.rules import order_rules
from patang.rules.ist import ist_date
from patang.simulator.accounts.account import Account
from patang.simulator.admission import STOPS
from patang.simulator.agenda import Agenda
from patang.simulator.checks import check_cover_change, check_request, settle_terms
from patang.simulator.errors import Refused
from patang.simulator.identifiers import OrderIds
from patang.simulator.lifecycle import EXPIRED, Lifecycle
from patang.simulator.orders import KiteStatus, OrderRequest, SimOrder
from patang.simulator.past_orders import PastOrders
from patang.simulator.placement import Placement, VenueOf, closed
from patang.simulator.refusals import Refusals
from patang.simulator.terms import Change, Terms, changed_terms
from patang.simulator.varieties.after_market import AfterMarket
from patang.simulator.varieties.cover import CoverOrders, is_stop_leg
from patang.simulator.varieties.iceberg import Icebergs
from patang.simulator.varieties.slicing import SlicedOrder, slice_sizes
from patang.simulator.varieties.time_limits import RAN_OUT, TimeLimits
from patang.simulator.venue import Venue

MAX_MODIFICATIONS = 25
"""Source: Kite Connect v3, modifications of an order."""

INTRADAY_OVER = (
    "MIS (intraday) orders are blocked as the square-off time has passed. "
    "Try placing the order in another product."
)
_BUSY = "Order cannot be {} as it is being processed. Try later."


class OrderDesk:
    """Takes requests, turns them into orders by their variety, and sees to what comes of them."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        accounts: dict[str, Account],
        venue_of: VenueOf,
        ids: OrderIds,
        agenda: Agenda,
    ) -> None:
        self.refusals = Refusals()
        self._lifecycle = lifecycle
        self._venue_of = venue_of
        self._limits = TimeLimits(agenda, self._run_out)
        self._placement = Placement(lifecycle, accounts, venue_of, ids, self._limits)
        self.past = PastOrders(self._placement)
        """For accounts that begin with a history."""
        self._after_market = AfterMarket(self._placement)
        self._icebergs = Icebergs(self._placement, agenda)
        self._covers = CoverOrders(self._placement, agenda)
        lifecycle.on_filled = self._covers.filled
        lifecycle.on_triggered = self._covers.triggered
        lifecycle.on_ended = self._ended
        lifecycle.on_changed = self._icebergs.changed

    # --- requests -------------------------------------------------------------------------------

    def place(
        self, user_id: str, request: OrderRequest, at_ns: int, *, tags: tuple[str, ...] = ()
    ) -> SimOrder:
        """Check a request, make the order and trade it as far as it goes; raises ``Refused``."""
        rejection = self.refusals.take(user_id)
        venue = self._venue_of(request.instrument)
        check_request(venue.instrument, request, ist_date(at_ns))
        if request.variety is Variety.AMO:
            return self._after_market.place(user_id, request, at_ns, tags=tags, rejection=rejection)
        if venue.phase is None:
            raise closed(request.product)
        if request.product is Product.MIS and venue.is_intraday_over and not request.placed_by:
            raise Refused("InputException", INTRADAY_OVER)
        match request.variety:
            case Variety.ICEBERG:
                return self._icebergs.place(user_id, request, at_ns, rejection)
            case Variety.CO:
                return self._covers.place(user_id, request, at_ns, rejection)
            case _:
                return self._placement.enter(
                    user_id, request, at_ns, tags=tags, rejection=rejection
                )

    def place_sliced(self, user_id: str, request: OrderRequest, at_ns: int) -> SlicedOrder:
        """Place a request in slices that the exchange takes; part of them may be refused.

        Raises:
            Refused: nothing of it can be placed: no such instrument, or too many slices.
        """
        instrument = self._venue_of(request.instrument).instrument
        most = order_rules.max_slices(ist_date(at_ns))
        sizes = slice_sizes(instrument, request.quantity, most)
        is_odd = bool(request.quantity % instrument.lot_size)  # refused whole, as any such order
        is_plain = request.variety not in (Variety.ICEBERG, Variety.CO, Variety.AUCTION)
        if len(sizes) == 1 or is_odd or not is_plain:
            return SlicedOrder(self.place(user_id, request, at_ns).order_id, ())
        parent_id = self._placement.next_id(at_ns)
        tags = ("autoslice", f"autoslice:{parent_id}")
        children: list[SimOrder | Refused] = []
        for size in sizes:
            part = msgspec.structs.replace(request, quantity=size)
            try:
                children.append(self.place(user_id, part, at_ns, tags=tags))
            except Refused as refused:
                children.append(refused)
        return SlicedOrder(parent_id, tuple(children))

    def modify(self, order: SimOrder, change: Change, at_ns: int, parent: str | None) -> None:
        """Change a resting order; raises ``Refused``."""
        _check_parent(order, parent)
        if not order.status.is_resting:
            raise Refused("InputException", _BUSY.format("modified"))
        if order.modifications >= MAX_MODIFICATIONS:
            raise Refused("InputException", "Maximum allowed order modifications exceeded.")
        if self._after_market.is_waiting(order):
            self._after_market.modify(order, change, at_ns)
            order.modifications += 1
            return
        venue = self._venue_of(order.instrument)
        if venue.phase is None:
            raise closed(order.product)
        if order.request.variety is Variety.CO:
            check_cover_change(order, change)
        terms, waits = self._settle_change(venue, order, changed_terms(order, change), at_ns)
        if not is_stop_leg(order):
            self._placement.check_cover(order, terms)
        order.modifications += 1
        self._lifecycle.modify(venue, order, terms, at_ns, waits=waits)
        if change.validity is not None or change.validity_ttl is not None:
            self._limits.watch(order, at_ns)

    def cancel(self, order: SimOrder, at_ns: int, parent: str | None) -> None:
        """Cancel what is left of an order; a cover order's stop leg exits instead.

        Raises:
            Refused: the order is not resting, or ``parent`` is not its parent.
        """
        _check_parent(order, parent)
        if not order.status.is_resting:
            raise Refused("InputException", _BUSY.format("cancelled"))
        venue = self._venue_of(order.instrument)
        if self._after_market.is_waiting(order):
            self._after_market.cancel(order, at_ns)
        elif is_stop_leg(order):
            if venue.phase is None:
                raise closed(order.product)
            self._covers.exit(order, at_ns)
        else:
            self._lifecycle.cancel(venue, order, at_ns)

    # --- the day ---------------------------------------------------------------------------------

    def begin_day(self) -> None:
        """Forget what tied orders of the day before together."""
        self._covers.clear()

    def release_after_market(self, segment: Exchange, at_ns: int) -> None:
        """Send the waiting after-market orders that the segment's phases allow."""
        self._after_market.release(segment, at_ns)

    def is_after_market(self, order: SimOrder) -> bool:
        """Whether the order waits for its market to open."""
        return self._after_market.is_waiting(order)

    def expire(self, order: SimOrder, at_ns: int, message: str | None = EXPIRED) -> None:
        """Take a working order out at nobody's request; one that is done stays as it is."""
        if not order.status.is_done:
            self._lifecycle.expire(self._venue_of(order.instrument), order, at_ns, message)

    def expire_all(
        self,
        orders: Iterable[SimOrder],
        instruments: frozenset[InstrumentId] | None,
        at_ns: int,
        message: str | None,
    ) -> None:
        """Take out all of these orders that stand at the exchange, in some instruments or all."""
        for order in orders:
            is_meant = instruments is None or order.instrument in instruments
            if is_meant and not self._after_market.is_waiting(order):
                self.expire(order, at_ns, message)

    # --- what follows ---------------------------------------------------------------------------

    def _ended(self, order: SimOrder, at_ns: int) -> None:
        self._limits.forget(order)
        self._after_market.ended(order)
        self._icebergs.ended(order, at_ns)

    def _run_out(self, order: SimOrder, at_ns: int) -> None:
        self.expire(order, at_ns, RAN_OUT)

    def _settle_change(
        self, venue: Venue, order: SimOrder, terms: Terms, at_ns: int
    ) -> tuple[Terms, bool]:
        """New terms checked, and whether the order is to wait for its trigger under them."""
        if terms.quantity < order.filled_quantity:
            raise Refused(
                "InputException",
                f"Quantity {terms.quantity} is below the {order.filled_quantity} already filled.",
            )
        on = ist_date(at_ns)
        if order.status is KiteStatus.OPEN and terms.order_type is order.order_type:
            if order.order_type is OrderType.MARKET:
                return settle_terms(venue, order.side, terms, on), False
            # A stop order whose trigger was reached is a LIMIT in all but its name.
            as_limit = msgspec.structs.replace(terms, order_type=OrderType.LIMIT)
            settled = settle_terms(venue, order.side, as_limit, on)
            terms = msgspec.structs.replace(terms, validity_ttl=settled.validity_ttl)
            if order.request.variety is Variety.CO and not is_stop_leg(order):
                self._covers.check_entry(venue, order, terms)
                return terms, False
            return msgspec.structs.replace(terms, trigger_price=order.trigger_price), False
        terms = settle_terms(venue, order.side, terms, on)
        return terms, terms.order_type in STOPS


def _check_parent(order: SimOrder, parent: str | None) -> None:
    if parent is not None and parent != order.parent_order_id:
        raise Refused("InputException", "Invalid `parent_order_id`.")
