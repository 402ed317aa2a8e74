"""Cover orders: an entry whose position a stop order closes, at the trigger named at the start.

The stop leg is an order row of its own that carries the entry's id. It is placed when the entry
trades and grows with it; once its trigger comes, what is left of the entry is cancelled.
Source: kite-protocol reference, varieties; Kite Connect v3, orders.
"""

from decimal import Decimal

import msgspec

from patang.domain.enums import OrderType, Variety
from patang.domain.money import ZERO
from patang.rules import order_rules
from patang.rules.ist import ist_date
from patang.simulator.agenda import Agenda
from patang.simulator.checks import AUTOMATIC, check_cover_trigger, settle_terms
from patang.simulator.errors import Rejection
from patang.simulator.orders import KiteStatus, OrderRequest, SimOrder
from patang.simulator.placement import Placement
from patang.simulator.terms import Terms, order_terms
from patang.simulator.venue import Venue


def is_stop_leg(order: SimOrder) -> bool:
    """Whether this is the second leg of a cover order."""
    return order.request.variety is Variety.CO and order.parent_order_id is not None


class CoverOrders:
    """Places the stop legs of cover orders, and lets users exit through them."""

    def __init__(self, placement: Placement, agenda: Agenda) -> None:
        self._placement = placement
        self._lifecycle = placement.lifecycle
        self._agenda = agenda
        self._entries: dict[str, SimOrder] = {}
        self._legs: dict[str, list[SimOrder]] = {}
        self._covered: dict[str, int] = {}
        """Units of each entry that legs have been sent for, known to the exchange or not yet."""
        self._due: dict[str, None] = {}

    def place(
        self, user_id: str, request: OrderRequest, at_ns: int, rejection: Rejection | None
    ) -> SimOrder:
        """Send the entry; raises ``Refused`` for a stop on the wrong side, and as for any order."""
        venue = self._placement.venue_of(request.instrument)
        price = request.price if request.order_type is OrderType.LIMIT else None
        check_cover_trigger(
            venue, request.side, price or venue.last_price, request.trigger_price or ZERO
        )
        return self._placement.enter(user_id, request, at_ns, rejection=rejection)

    def clear(self) -> None:
        """Forget entries and legs; none of them is left."""
        self._entries.clear()
        self._legs.clear()
        self._covered.clear()
        self._due.clear()

    def check_entry(self, venue: Venue, order: SimOrder, terms: Terms) -> None:
        """Check new terms of an entry, its future stop among them; raises ``Refused``."""
        check_cover_trigger(venue, order.side, terms.price, terms.trigger_price)

    def filled(self, order: SimOrder, at_ns: int) -> None:
        """An entry has traded: its stop leg is due once the trade is done with."""
        if not is_stop_leg(order) and order.order_id not in self._due:
            self._due[order.order_id] = None
            self._entries[order.order_id] = order
            self._agenda.at(at_ns, lambda due_ns: self._cover(order, due_ns))

    def triggered(self, order: SimOrder, at_ns: int) -> None:
        """A stop leg's trigger came: what is left of the entry is not wanted any more.

        It goes before the leg trades: the two would meet each other otherwise.
        """
        entry = self._entries.get(order.parent_order_id or "")
        if entry is not None and is_stop_leg(order):
            self._call_off(entry, at_ns)

    def exit(self, leg: SimOrder, at_ns: int) -> None:
        """Close the position at the market: the stop leg becomes a protected MARKET order.

        Raises:
            Refused: the market would not take such an order now.
        """
        venue = self._placement.venue_of(leg.instrument)
        wanted = Terms(
            order_type=OrderType.MARKET,
            quantity=leg.quantity,
            market_protection=AUTOMATIC,
            tags=leg.tags,
        )
        terms = settle_terms(venue, leg.side, wanted, ist_date(at_ns))
        entry = self._entries.get(leg.parent_order_id or "")
        if entry is not None:
            self._call_off(entry, at_ns)
        self._lifecycle.modify(venue, leg, terms, at_ns, waits=False)

    def _call_off(self, entry: SimOrder, at_ns: int) -> None:
        if entry.status.is_resting:
            self._lifecycle.cancel(self._placement.venue_of(entry.instrument), entry, at_ns)

    def _cover(self, entry: SimOrder, at_ns: int) -> None:
        """Let the stop leg be as large as what the entry has traded."""
        self._due.pop(entry.order_id, None)
        legs = self._legs.setdefault(entry.order_id, [])
        covered = self._covered.get(entry.order_id, 0)
        missing = entry.filled_quantity - covered
        if not missing:
            return
        if legs and legs[-1].status.is_resting:
            leg, venue = legs[-1], self._placement.venue_of(entry.instrument)
            terms = order_terms(leg)
            larger = msgspec.structs.replace(terms, quantity=terms.quantity + missing)
            waits = leg.order_id not in venue.resting
            self._lifecycle.modify(venue, leg, larger, at_ns, waits=waits)
            if leg.history[-2].status is KiteStatus.NOT_MODIFIED:
                return  # The next fill asks again.
        else:
            legs.append(self._place_leg(entry, missing, at_ns))
        self._covered[entry.order_id] = covered + missing

    def _place_leg(self, entry: SimOrder, quantity: int, at_ns: int) -> SimOrder:
        venue = self._placement.venue_of(entry.instrument)
        side, trigger = entry.side.opposite, entry.trigger_price
        is_market = order_rules.slm_allowed(venue.instrument, ist_date(at_ns))
        terms = Terms(
            order_type=OrderType.SL_M if is_market else OrderType.SL,
            quantity=quantity,
            price=ZERO if is_market else _limit(venue, side.sign, trigger),
            trigger_price=trigger,
            market_protection=AUTOMATIC if is_market else ZERO,
            tags=() if entry.tag is None else (entry.tag,),
        )
        request = msgspec.structs.replace(
            entry.request,
            side=side,
            quantity=quantity,
            order_type=terms.order_type,
            price=terms.price or None,
            market_protection=terms.market_protection or None,
            parent_order_id=entry.order_id,
        )
        leg = self._placement.make(entry.user_id, request, terms, at_ns)
        self._placement.register(leg, at_ns)
        self._lifecycle.admit(venue, leg, at_ns)
        return leg


def _limit(venue: Venue, sign: int, trigger: Decimal) -> Decimal:
    """The limit of a stop leg where SL-M is not taken: as far beyond as automatic protection."""
    percent = order_rules.automatic_protection(venue.instrument.instrument_type, trigger)
    price = trigger * (1 + sign * percent / 100)
    instrument = venue.instrument
    return venue.price(venue.clamp(instrument.to_ticks(instrument.round_price(price))))
