"""Icebergs: one order in legs, of which the next is sent when the one before has traded.

Each leg is an order row of its own, with its progress in ``meta``. A leg that ends otherwise ends
the iceberg. Source: Kite Connect v3, orders, iceberg; kite-protocol reference, varieties.
"""

import msgspec

from patang.domain.enums import OrderType, Validity
from patang.simulator.agenda import Agenda
from patang.simulator.errors import Rejection
from patang.simulator.orders import KiteStatus, OrderRequest, SimOrder
from patang.simulator.placement import Placement
from patang.simulator.varieties.time_limits import NS_PER_MINUTE


class _Plan(msgspec.Struct):
    """What is left to do of one iceberg; ``leg`` is the one that is out, from 1."""

    user_id: str
    request: OrderRequest
    leg: int
    legs: int
    until_ns: int | None

    @property
    def size(self) -> int:
        return self.request.iceberg_quantity or 0

    @property
    def quantity(self) -> int:
        return min(self.size, self.request.quantity - (self.leg - 1) * self.size)

    @property
    def meta(self) -> dict[str, dict[str, int]]:
        total = self.request.quantity
        sent = min(self.leg * self.size, total)
        return {
            "iceberg": {
                "leg": self.leg,
                "legs": self.legs,
                "leg_quantity": self.size,
                "total_quantity": total,
                "remaining_quantity": total - sent,
            }
        }


class Icebergs:
    """Sends the legs of icebergs, one after the other."""

    def __init__(self, placement: Placement, agenda: Agenda) -> None:
        self._placement = placement
        self._agenda = agenda
        self._plans: dict[str, _Plan] = {}

    def place(
        self, user_id: str, request: OrderRequest, at_ns: int, rejection: Rejection | None
    ) -> SimOrder:
        """Send the first leg; raises ``Refused`` as for any order."""
        until_ns = None
        if request.validity is Validity.TTL:
            until_ns = at_ns + (request.validity_ttl or 0) * NS_PER_MINUTE
        plan = _Plan(user_id, request, 1, request.iceberg_legs or 0, until_ns)
        return self._send(plan, at_ns, rejection=rejection, leaves_row=False)

    def changed(self, order: SimOrder, waits: bool) -> None:
        """A leg was modified: those after it are like it."""
        plan = self._plans.get(order.order_id)
        if plan is not None:
            plan.request = msgspec.structs.replace(
                plan.request,
                order_type=order.order_type if waits or not order.price else OrderType.LIMIT,
                price=order.price or None,
                trigger_price=order.trigger_price or None,
                market_protection=order.market_protection or None,
            )

    def ended(self, order: SimOrder, at_ns: int) -> None:
        """A leg has come to its end: the next one follows if it has traded whole."""
        plan = self._plans.pop(order.order_id, None)
        is_whole = order.status is KiteStatus.COMPLETE
        if plan is not None and is_whole and plan.leg < plan.legs:
            # Not at once: whoever traded with this leg has first to finish.
            self._agenda.at(at_ns, lambda due_ns: self._next(plan, due_ns))

    def _send(
        self, plan: _Plan, at_ns: int, *, rejection: Rejection | None, leaves_row: bool
    ) -> SimOrder:
        def remember(order: SimOrder) -> None:
            self._plans[order.order_id] = plan

        return self._placement.enter(
            plan.user_id,
            msgspec.structs.replace(plan.request, quantity=plan.quantity),
            at_ns,
            meta=plan.meta,
            rejection=rejection,
            until_ns=plan.until_ns,
            leaves_row=leaves_row,
            on_registered=remember,
        )

    def _next(self, plan: _Plan, at_ns: int) -> None:
        plan.leg += 1
        plan.request = _released(plan.request)
        self._send(plan, at_ns, rejection=None, leaves_row=True)


def _released(request: OrderRequest) -> OrderRequest:
    """The first leg's trigger has come, so the later ones wait for none."""
    plain = {OrderType.SL: OrderType.LIMIT, OrderType.SL_M: OrderType.MARKET}
    if request.order_type not in plain:
        return request
    return msgspec.structs.replace(
        request, order_type=plain[request.order_type], trigger_price=None
    )
