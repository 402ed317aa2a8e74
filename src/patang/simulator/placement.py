"""How an order comes to be: checked, numbered, entered in the books, and sent on its way."""

from collections.abc import Callable
from typing import Any

import msgspec

from patang.domain.enums import Product, Variety
from patang.domain.instrument import InstrumentId
from patang.rules.ist import ist_date
from patang.simulator.accounts import rms
from patang.simulator.accounts.account import Account
from patang.simulator.checks import settle_terms
from patang.simulator.errors import Refused, Rejection
from patang.simulator.identifiers import OrderIds
from patang.simulator.lifecycle import Lifecycle
from patang.simulator.orders import OrderRequest, SimOrder
from patang.simulator.terms import Terms, asked_terms
from patang.simulator.varieties.time_limits import TimeLimits
from patang.simulator.venue import Venue

VenueOf = Callable[[InstrumentId], Venue]
"""The venue of an instrument; raises ``Refused`` for one that is not listed."""


class Placement:
    """Makes orders, for users' requests and for the orders that follow from others."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        accounts: dict[str, Account],
        venue_of: VenueOf,
        ids: OrderIds,
        limits: TimeLimits,
    ) -> None:
        self.lifecycle = lifecycle
        self.venue_of = venue_of
        self.limits = limits
        self._accounts = accounts
        self._ids = ids

    def next_id(self, at_ns: int) -> str:
        """A new order id."""
        return self._ids.make(at_ns)

    def enter(
        self,
        user_id: str,
        request: OrderRequest,
        at_ns: int,
        *,
        tags: tuple[str, ...] = (),
        meta: dict[str, Any] | None = None,
        rejection: Rejection | None = None,
        until_ns: int | None = None,
        leaves_row: bool = False,
        on_registered: Callable[[SimOrder], None] | None = None,
    ) -> SimOrder:
        """Check a request against market and account, and let the order trade as far as it goes.

        ``tags`` and ``meta`` come to the request's own. ``until_ns`` ends a TTL order in place of
        its minutes. With ``rejection`` the order gets as far as whoever rejects it.
        ``on_registered`` is told the order when it has its id, before anything happens to it.

        Raises:
            Refused: what Kite refuses at once; with ``leaves_row`` it ends in the order's row.
        """
        venue = self.venue_of(request.instrument)
        terms = asked_terms(request)
        terms = msgspec.structs.replace(terms, tags=(*terms.tags, *tags)) if tags else terms
        try:
            settled = settle_terms(venue, request.side, terms, ist_date(at_ns))
            if request.variety is Variety.CO:
                # The entry keeps the trigger that its second leg is to have.
                settled = msgspec.structs.replace(settled, trigger_price=terms.trigger_price)
            order = self.make(user_id, request, settled, at_ns, meta=meta)
            if rejection is None or rejection.stage != "broker":
                rms.check(self._accounts[user_id], venue, order, settled, settled.quantity)
        except Refused as refused:
            if not leaves_row:
                raise
            order = self.make(user_id, request, terms, at_ns, meta=meta)
            rejection = refused.rejection
        self.register(order, at_ns)
        if on_registered is not None:
            on_registered(order)
        self.lifecycle.admit(venue, order, at_ns, rejection)
        self.limits.watch(order, at_ns, until_ns)
        return order

    def make(
        self,
        user_id: str,
        request: OrderRequest,
        terms: Terms,
        at_ns: int,
        *,
        meta: dict[str, Any] | None = None,
    ) -> SimOrder:
        """An order of these terms that has no id yet and stands nowhere."""
        return SimOrder(
            order_id="",
            user_id=user_id,
            request=request,
            order_type=terms.order_type,
            quantity=terms.quantity,
            pending_quantity=terms.quantity,
            placed_ns=at_ns,
            order_ns=at_ns,
            price=terms.price,
            trigger_price=terms.trigger_price,
            validity=terms.validity,
            validity_ttl=terms.validity_ttl,
            disclosed_quantity=terms.disclosed_quantity,
            market_protection=terms.market_protection,
            tags=terms.tags,
            parent_order_id=request.parent_order_id,
            placed_by=request.placed_by or user_id,
            meta={**request.origin, **(meta or {})},
        )

    def register(self, order: SimOrder, at_ns: int) -> None:
        """Give an order its id and let it count in its account from now on."""
        order.order_id = self._ids.make(at_ns)
        account = self._accounts[order.user_id]
        account.orders[order.order_id] = order
        account.add_working(order)

    def check_cover(self, order: SimOrder, terms: Terms) -> None:
        """Refuse new terms that the account cannot answer for; raises ``Refused``."""
        account, venue = self._accounts[order.user_id], self.venue_of(order.instrument)
        rms.check(account, venue, order, terms, terms.quantity - order.filled_quantity)


def closed(product: Product) -> Refused:
    """The refusal of an order while the market is closed.

    Source: message catalogue ("MIS (intraday) are blocked as ...").
    """
    what = "MIS (intraday) are blocked" if product is Product.MIS else "Orders are blocked"
    return Refused(
        "InputException",
        f"{what} as the markets are not open for trading today. Try placing an AMO order.",
    )
