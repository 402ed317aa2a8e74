"""An emergency stop is done when the broker has shown it, not when it was asked for."""

from collections.abc import Iterable

import msgspec

from patang.domain.market import NS_PER_SECOND
from patang.domain.order import Order
from patang.domain.position import Position

TELL_AGAIN_NS = 30 * NS_PER_SECOND


class EmergencyStop(msgspec.Struct, kw_only=True):
    """What a stop asked for beyond the halt, and what it still waits for.

    ``orders`` are the intents that worked when it came, by id: with ``cancel_all`` they go, exits
    too. With ``flatten`` every order is waited for, and the strategies' positions are closed.
    """

    by: str
    cancel_all: bool
    flatten: bool
    orders: tuple[str, ...]
    left: str = "nothing has been looked at yet"
    told_ns: int = 0

    def is_cancelled(self, intent_id: str) -> bool:
        """Whether this order is to go because of the stop."""
        return self.cancel_all and intent_id in self.orders

    def look(
        self, orders: Iterable[Order], positions: Iterable[tuple[str, Position]], now_ns: int
    ) -> bool:
        """Work out what is left; True when it is time to tell of it."""
        waited = [
            f"order {order.intent.intent_id} ({order.status})"
            for order in orders
            if self.flatten or order.intent.intent_id in self.orders
        ]
        if self.flatten:
            waited += [
                f"{position.quantity} {position.instrument} of {owner}"
                for owner, position in positions
                if position.quantity
            ]
        left = ", ".join(waited)
        if left == self.left and (not left or now_ns < self.told_ns + TELL_AGAIN_NS):
            return False
        self.left, self.told_ns = left, now_ns
        return True
