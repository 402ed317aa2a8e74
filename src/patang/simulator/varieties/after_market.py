"""After-market orders: taken while the market is closed, sent when it opens again.

Source: kite-protocol reference, varieties (windows and times of sending from Zerodha's support
pages, ``rules/tables/orders.toml``).
"""

import msgspec

from patang.domain.enums import Exchange, Validity
from patang.domain.instrument import Instrument
from patang.rules import order_rules
from patang.rules.ist import ist_date, ist_time
from patang.rules.session import PhaseKind
from patang.simulator.admission import STOPS
from patang.simulator.checks import UNKNOWN_INSTRUMENT, check_waiting, settle_terms
from patang.simulator.errors import Refused, Rejection
from patang.simulator.orders import OrderRequest, SimOrder
from patang.simulator.placement import Placement
from patang.simulator.terms import Change, asked_terms, changed_terms, order_terms


class AfterMarket:
    """The orders that wait for their segment to open, oldest first."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._lifecycle = placement.lifecycle
        self._waiting: dict[str, SimOrder] = {}

    def is_waiting(self, order: SimOrder) -> bool:
        """Whether the order is here, and not at the exchange."""
        return order.order_id in self._waiting

    def place(
        self,
        user_id: str,
        request: OrderRequest,
        at_ns: int,
        *,
        tags: tuple[str, ...] = (),
        rejection: Rejection | None = None,
    ) -> SimOrder:
        """Take an order for the next session.

        Raises:
            Refused: the market is open, the order could never be good, or funds are short.
        """
        venue = self._placement.venue_of(request.instrument)
        _check_window(venue.instrument, at_ns)
        _check_listed(venue.instrument, at_ns)
        terms = asked_terms(request)
        terms = msgspec.structs.replace(terms, tags=(*terms.tags, *tags))
        terms = check_waiting(venue.instrument, terms, ist_date(at_ns))
        order = self._placement.make(user_id, request, terms, at_ns)
        if rejection is None:
            self._placement.check_cover(order, terms)
        self._placement.register(order, at_ns)
        if rejection is not None:
            self._lifecycle.admit(venue, order, at_ns, rejection)
            return order
        self._waiting[order.order_id] = order
        self._lifecycle.queue(order, at_ns)
        return order

    def modify(self, order: SimOrder, change: Change, at_ns: int) -> None:
        """Change a waiting order; raises ``Refused`` as ``place`` does."""
        venue = self._placement.venue_of(order.instrument)
        terms = check_waiting(venue.instrument, changed_terms(order, change), ist_date(at_ns))
        self._placement.check_cover(order, terms)
        self._lifecycle.requeue(order, terms, at_ns)

    def cancel(self, order: SimOrder, at_ns: int) -> None:
        """Take a waiting order back."""
        venue = self._placement.venue_of(order.instrument)
        order.order_ns = at_ns
        self._lifecycle.expire(venue, order, at_ns, None)

    def ended(self, order: SimOrder) -> None:
        """The order is over."""
        self._waiting.pop(order.order_id, None)

    def release(self, segment: Exchange, at_ns: int) -> None:
        """Send the segment's orders that its phase allows; the others go on waiting.

        An order that the new day's prices or funds do not allow ends REJECTED.
        """
        for order in list(self._waiting.values()):
            venue = self._placement.venue_of(order.instrument)
            if venue.instrument.exchange is not segment or venue.phase is None:
                continue
            if venue.phase is not PhaseKind.CONTINUOUS and _is_special(order):
                continue
            del self._waiting[order.order_id]
            try:
                terms = settle_terms(venue, order.side, order_terms(order), ist_date(at_ns))
                self._placement.check_cover(order, terms)
            except Refused as refused:
                self._lifecycle.submit(venue, order, at_ns, refused.rejection)
            else:
                self._lifecycle.put_terms(order, terms)
                self._lifecycle.submit(venue, order, at_ns)
                self._placement.limits.watch(order, at_ns)


def _is_special(order: SimOrder) -> bool:
    return (
        order.order_type in STOPS or order.validity is Validity.IOC or order.disclosed_quantity > 0
    )


def _check_listed(instrument: Instrument, at_ns: int) -> None:
    """Raises ``Refused`` where the next session comes after the contract's last day."""
    on = ist_date(at_ns)
    if instrument.expiry != on.isoformat():
        return
    window = order_rules.amo_window(instrument.exchange, on)
    if window is None or ist_time(at_ns) >= window.opens:
        raise Refused("InputException", UNKNOWN_INSTRUMENT)


def _check_window(instrument: Instrument, at_ns: int) -> None:
    """Raises ``Refused`` while the segment takes ordinary orders."""
    window = order_rules.amo_window(instrument.exchange, ist_date(at_ns))
    if window is not None and not window.contains(ist_time(at_ns)):
        raise Refused(
            "InputException",
            f"After market orders (AMO) for {instrument.exchange} are taken from "
            f"{window.opens:%H:%M} to {window.closes:%H:%M}. Try placing a regular order.",
        )
