"""A book that follows an outside market, so that paper orders meet live prices."""

from collections.abc import Sequence
from decimal import Decimal

from patang.simulator.book import Resting
from patang.simulator.floor import Floor
from patang.simulator.venue import Venue

Levels = Sequence[tuple[Decimal, int]]
"""(rupees, units) of one side of the depth."""


class Mirror:
    """Keeps each venue's book filled with the depth that was last seen outside.

    The depth stands there under an agent's name: users' orders trade with it by the ordinary
    rules, and what they take of it is there again with the next depth.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._standing: dict[str, list[Resting]] = {}

    def show(
        self, venue: Venue, at_ns: int, *, last_price: Decimal | None, bids: Levels, asks: Levels
    ) -> None:
        """Replace the depth shown before; then let the last price fire the stop orders.

        Raises:
            InvalidValue: a price is off the tick.
        """
        floor, to_ticks = self._floor, venue.instrument.to_ticks
        wanted = [
            (is_buy, to_ticks(price), quantity)
            for is_buy, levels in ((True, bids), (False, asks))
            for price, quantity in levels
            if quantity
        ]
        self.replace(venue, at_ns, wanted)
        if last_price is not None:
            venue.set_last(to_ticks(last_price), at_ns)
            floor.mark(venue, at_ns)
            floor.run_triggers(venue, at_ns)

    def replace(self, venue: Venue, at_ns: int, levels: Sequence[tuple[bool, int, int]]) -> None:
        """Replace the depth shown before by (is a bid, ticks, units), best first on each side."""
        floor = self._floor
        agent_id = f"outside/{venue.instrument.id}"
        floor.enrol(agent_id, venue.instrument.id)
        for order in self._standing.pop(agent_id, ()):
            floor.withdraw(venue, order, at_ns)
        standing = self._standing[agent_id] = []
        for is_buy, ticks, quantity in levels:
            rest = floor.submit(agent_id, venue, is_buy, ticks, quantity, at_ns)
            if rest is not None:
                standing.append(rest)
