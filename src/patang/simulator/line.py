"""The broker's line to the exchange: while it is cut, what should go over it waits."""

from collections.abc import Callable

from patang.simulator.orders import SimOrder

Step = Callable[[int], None]
"""What happens at the exchange when a message arrives there; called with UTC nanoseconds."""


class Line:
    """Messages about orders, in the order they were sent.

    Only the way to the exchange is cut: fills of orders that stand there are still reported.
    Source: kite-protocol reference, life cycle (orders seen stuck in OPEN PENDING).
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._held: list[tuple[SimOrder, Step]] = []

    def hold(self, order: SimOrder, step: Step) -> None:
        """Keep a message until the line is whole again."""
        self._held.append((order, step))

    def mend(self, at_ns: int) -> None:
        """Send what was held, oldest first; messages about finished orders are dropped."""
        self.is_cut = False
        held, self._held = self._held, []
        for order, step in held:
            if not order.status.is_done:
                step(at_ns)
