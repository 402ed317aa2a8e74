"""Orders that stand for so many minutes. Source: Kite Connect v3, orders, validity TTL."""

from collections.abc import Callable

from patang.domain.enums import Validity
from patang.domain.market import NS_PER_SECOND
from patang.simulator.agenda import Agenda, Entry
from patang.simulator.orders import KiteStatus, SimOrder

NS_PER_MINUTE = 60 * NS_PER_SECOND
RAN_OUT = "The order was cancelled: the minutes of its validity are over."


class TimeLimits:
    """Ends TTL orders when their minutes are over; ``end`` is called with the order and UTC ns."""

    def __init__(self, agenda: Agenda, end: Callable[[SimOrder, int], None]) -> None:
        self._agenda = agenda
        self._end = end
        self._entries: dict[str, Entry] = {}

    def watch(self, order: SimOrder, at_ns: int, until_ns: int | None = None) -> None:
        """Count the minutes of a TTL order from ``at_ns``; of any other, forget what was counted.

        ``until_ns`` is when it ends in place of its minutes. Orders that are done, or that wait
        for the market to open, are not counted.
        """
        if order.order_id in self._entries:
            self._entries.pop(order.order_id).cancel()
        if order.validity is not Validity.TTL or order.status.is_done:
            return
        if order.status is KiteStatus.AMO_REQ_RECEIVED:
            return
        if until_ns is None:
            until_ns = at_ns + order.validity_ttl * NS_PER_MINUTE
        self._entries[order.order_id] = self._agenda.at(
            until_ns, lambda due_ns: self._run_out(order, due_ns)
        )

    def forget(self, order: SimOrder) -> None:
        """The order has ended another way."""
        if order.order_id in self._entries:
            self._entries.pop(order.order_id).cancel()

    def _run_out(self, order: SimOrder, at_ns: int) -> None:
        self._entries.pop(order.order_id, None)
        self._end(order, at_ns)
