"""Who bids in call auctions: a crowd that scatters its orders about the fair value."""

from patang.rules.ist import ist_date
from patang.rules.session import PhaseKind
from patang.simulator.book import Resting
from patang.simulator.floor import Floor
from patang.simulator.venue import COLLECTING, Venue
from patang.simulator.worlds.agents import Agent, Value
from patang.simulator.worlds.seeded import RandomSource

_ENTRY = (PhaseKind.PRE_OPEN_ENTRY, PhaseKind.AUCTION_ENTRY)
_MATCHING = (PhaseKind.PRE_OPEN_MATCHING, PhaseKind.AUCTION_MATCHING, PhaseKind.BUFFER)


class AuctionCrowd(Agent):
    """Enters orders while a call auction collects them, and goes when trading begins.

    Its buyers and its sellers are different people, so that they can meet. One order in eight names
    no price, while such orders are taken. ``width`` is how far their opinions lie apart, as a share
    of the price.
    """

    acts_in = COLLECTING
    stays_in = COLLECTING | frozenset(_MATCHING)

    def __init__(
        self,
        name: str,
        floor: Floor,
        venue: Venue,
        rng: RandomSource,
        fair: Value,
        *,
        size: int,
        width: float,
        start_ns: int,
        pause_seconds: float = 8.0,
    ) -> None:
        super().__init__(name, floor, venue, rng, pause_seconds=pause_seconds)
        self._seller_id = f"{name}-sellers/{venue.instrument.id}"
        floor.enrol(self._seller_id, venue.instrument.id)
        self._fair = fair
        self._size = size
        self._width = width
        self._day = ist_date(start_ns)
        self._orders: list[Resting] = []

    def act(self, at_ns: int) -> int:
        """Enter an order, or only think of the first on entering the auction."""
        if self._orders or self.rng.random() < 0.5:
            self.trade(at_ns)
        return at_ns + 1 + int(self.rng.expovariate(self._rate))

    def trade(self, at_ns: int) -> None:
        """One order, a buyer's or a seller's, priced about the fair value."""
        if ist_date(at_ns) != self._day:
            self._day = ist_date(at_ns)
            # News of the night: the value opens away from where it closed.
            gap = self.rng.gauss(0.0, self._width * 2)
            self._fair.reopen(self.venue.close_ticks * (1 + gap), at_ns)
        rng = self.rng
        is_buy = rng.random() < 0.5
        quantity = 1 + int(self._size * rng.expovariate(1.0))
        opinion = self._fair.at(at_ns) * (1 + rng.gauss(0.0, self._width))
        ticks = self.venue.clamp(round(opinion))
        owner = self.agent_id if is_buy else self._seller_id
        if self.venue.phase in _ENTRY and rng.random() < 0.125:
            units = quantity * self.lot_size
            order = Resting(owner, is_buy, ticks, units, is_market=True)
            self.venue.book.add(order)
            self.floor.mark(self.venue, at_ns)
            self._orders.append(order)
        else:
            resting = self.send(is_buy, ticks, quantity, at_ns, agent_id=owner)
            if resting is not None:
                self._orders.append(resting)

    def leave(self, at_ns: int) -> None:
        """Take what did not trade out of the book."""
        for order in self._orders:
            self.floor.withdraw(self.venue, order, at_ns)
        self._orders.clear()
