"""What the desk keeps of one client between its connections."""

from collections.abc import Callable

from patang.gateway.clients import Client, Rate, Scope
from patang.gateway.ledger import Entry
from patang.gateway.stream import Stream


class Seat:
    """A client, its stream, its rates, and what it watches."""

    def __init__(self, client: Client, steady_ns: Callable[[], int]) -> None:
        self.client = client
        self.stream = Stream()
        self.orders = Rate(client.orders_per_second, steady_ns)
        self.in_flight = 0
        self.watched: dict[str, None] = {}

    def may_see(self, entry: Entry | None) -> bool:
        """Whether an order that came of this request, or of none of ours, is its business."""
        if self.client.scope is Scope.ACCOUNT:
            return True
        return entry is not None and entry.client == self.client.client_id
