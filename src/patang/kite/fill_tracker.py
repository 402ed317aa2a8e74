"""Which fills have been told, and which orders report more than the trade book has shown."""

import logging
from collections import Counter

from patang.domain.messages import OrderUpdated
from patang.domain.order import Fill
from patang.wire.errors import DataException
from patang.wire.rows import TradeRow
from patang.wire.translate import fill_of

_log = logging.getLogger("patang.kite.fills")

TradeKey = tuple[str, str, str]


class FillTracker:
    """Turns repeated reads of the trade book into each fill once.

    A trade of an order that is not known yet waits: the socket and the trade book may be faster
    than the reply that names the order, and a fill must not be taken for somebody else's.
    """

    def __init__(self) -> None:
        self._told: set[TradeKey] = set()
        self._told_quantity: Counter[str] = Counter()
        self._reported: dict[str, int] = {}
        self._known: set[str] = set()
        self._held: dict[TradeKey, TradeRow] = {}

    @property
    def is_behind(self) -> bool:
        """Whether some order reports more than the fills told so far."""
        return any(
            reported > self._told_quantity[order_id]
            for order_id, reported in self._reported.items()
        )

    @property
    def has_held(self) -> bool:
        """Whether trades of unknown orders wait."""
        return bool(self._held)

    def report(self, order: OrderUpdated) -> bool:
        """Note an order's filled quantity; return whether all of it has been told."""
        order_id = order.order_id
        self._known.add(order_id)
        self._reported[order_id] = max(self._reported.get(order_id, 0), order.filled_quantity)
        return self.covers(order)

    def covers(self, order: OrderUpdated) -> bool:
        """Whether the fills told so far add up to what this update reports."""
        return self._told_quantity[order.order_id] >= order.filled_quantity

    def learn(self, order_id: str) -> list[Fill]:
        """An order is ours or has been seen; return its fills that waited for that."""
        self._known.add(order_id)
        released = [row for row in self._held.values() if row.order_id == order_id]
        return self.take(released)

    def take(self, trades: list[TradeRow]) -> list[Fill]:
        """The fills that are new, in the trade book's order.

        A row whose words are not Kite's is logged once and passed over: reading it again would
        not help, and reconciliation of positions shows what it did.
        """
        fills = []
        for row in trades:
            # Exchanges number their trades alone, and a trade with oneself has two orders.
            key = (row.exchange, row.trade_id, row.order_id)
            if key in self._told:
                continue
            if row.order_id not in self._known:
                self._held[key] = row
                continue
            self._held.pop(key, None)
            self._told.add(key)
            self._told_quantity[row.order_id] += row.quantity
            try:
                fills.append(fill_of(row))
            except DataException as error:
                _log.error("a trade could not be understood and is passed over: %s", error)
        return fills

    def adopt(self, trades: tuple[Fill, ...]) -> None:
        """Count these fills as told, because whoever asks has them from a snapshot."""
        for fill in trades:
            exchange = fill.instrument.partition(":")[0]
            key = (exchange, fill.trade_id, fill.order_id)
            if key not in self._told:
                self._told.add(key)
                self._told_quantity[fill.order_id] += fill.quantity
            self._known.add(fill.order_id)
            self._held.pop(key, None)
