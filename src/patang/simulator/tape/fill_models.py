"""How users' orders meet a recorded market that does not know of them: assumptions with names."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol

from patang.simulator.book import Resting
from patang.simulator.floor import Floor
from patang.simulator.tape.mirror import Mirror
from patang.simulator.tape.recording import Shown, TapeEvent
from patang.simulator.venue import Venue


class FillModelName(StrEnum):
    """The fill models that there are."""

    QUOTE_BASED = "quote-based"
    QUEUE_POSITION = "queue-position"


class FillModel(Protocol):
    """Plays events of the tape into a venue."""

    def play(self, venue: Venue, event: TapeEvent) -> None:
        """Let the venue show the event, and trade with users what the model says would have."""


class QuoteBased:
    """A resting order fills when the tape's quote reaches it, and only by as much as is quoted.

    What is traded at an order's own price fills nothing: the order is thought to be last in the
    queue until the whole price has gone.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._mirror = Mirror(floor)

    def play(self, venue: Venue, event: TapeEvent) -> None:
        """Replace the depth, then print what was traded."""
        sides = ((True, event.bids), (False, event.asks))
        levels = [(is_buy, *level) for is_buy, shown in sides for level in shown]
        self._mirror.replace(venue, event.time_ns, levels)
        _print(self._floor, venue, event, event.traded)


class QueuePosition:
    """A resting order waits behind what the tape showed at its price when it came.

    What the tape then trades at that price is taken from those in front first. When the quantity
    shown falls without a trade, those behind are thought to have gone first. What the tape trades
    beyond an order's price fills it.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._standing: dict[tuple[str, bool], dict[int, list[Resting]]] = {}

    def play(self, venue: Venue, event: TapeEvent) -> None:
        """Trade with whom the tape's trades would have met, then show the new depth."""
        left = self._trade(venue, event) if event.traded and event.last_ticks else event.traded
        for is_buy, shown in ((True, event.bids), (False, event.asks)):
            self._clear(venue, is_buy, shown, event.time_ns)
        for is_buy, shown in ((True, event.bids), (False, event.asks)):
            for ticks, quantity in shown:
                self._show(venue, is_buy, ticks, quantity, event.time_ns)
        _print(self._floor, venue, event, left)

    def _trade(self, venue: Venue, event: TapeEvent) -> int:
        """Let the tape's trade meet the book; return the units that met nobody there."""
        ticks, at_ns, book = event.last_ticks, event.time_ns, venue.book
        if venue.collects:
            # A call auction is under way: nobody trades until it ends.
            return event.traded
        is_buy = book.crosses(True, ticks)
        if not is_buy and not book.crosses(False, ticks):
            return event.traded
        # Who was shown at a better price has gone, or the tape would have traded there.
        self._withdraw(
            venue,
            not is_buy,
            at_ns,
            lambda price: price != ticks and (price < ticks if is_buy else price > ticks),
        )
        before = venue.volume
        taker = f"tape/{venue.instrument.id}"
        self._floor.enrol(taker, venue.instrument.id)
        self._floor.submit(taker, venue, is_buy, ticks, event.traded, at_ns, rests=False)
        return event.traded - (venue.volume - before)

    def _clear(self, venue: Venue, is_buy: bool, shown: Shown, at_ns: int) -> None:
        """Take away what is shown no more.

        What stands deeper than the tape shows keeps its place where a user waits behind it.
        """
        wanted = {ticks: None for ticks, _ in shown}
        waiting = {one.ticks: None for one in venue.resting.values() if one.is_buy is is_buy}
        worst = shown[-1][0] if shown else 0

        def is_gone(ticks: int) -> bool:
            is_deeper = bool(shown) and (ticks < worst if is_buy else ticks > worst)
            return ticks not in wanted and not (is_deeper and ticks in waiting)

        self._withdraw(venue, is_buy, at_ns, is_gone)

    def _withdraw(
        self, venue: Venue, is_buy: bool, at_ns: int, chosen: Callable[[int], bool]
    ) -> None:
        standing = self._side(venue, is_buy)
        for ticks in [one for one in standing if chosen(one)]:
            for order in standing.pop(ticks):
                self._floor.withdraw(venue, order, at_ns)

    def _show(self, venue: Venue, is_buy: bool, ticks: int, quantity: int, at_ns: int) -> None:
        """Bring what stands at a price to what the tape shows there."""
        orders = self._side(venue, is_buy).setdefault(ticks, [])
        orders[:] = [one for one in orders if one.sequence >= 0]
        excess = _total(orders) - quantity
        while excess > 0:
            newest = orders[-1]
            if newest.quantity <= excess:
                excess -= newest.quantity
                self._floor.withdraw(venue, orders.pop(), at_ns)
            else:
                venue.book.reduce(newest, excess)
                self._floor.mark(venue, at_ns)
                excess = 0
        if excess < 0:
            agent_id = f"outside/{venue.instrument.id}"
            self._floor.enrol(agent_id, venue.instrument.id)
            rest = self._floor.submit(agent_id, venue, is_buy, ticks, -excess, at_ns)
            if rest is not None:
                orders.append(rest)

    def _side(self, venue: Venue, is_buy: bool) -> dict[int, list[Resting]]:
        return self._standing.setdefault((venue.instrument.id, is_buy), {})


def fill_model(name: FillModelName, floor: Floor) -> FillModel:
    """The model of a name, for one floor."""
    match name:
        case FillModelName.QUOTE_BASED:
            return QuoteBased(floor)
        case FillModelName.QUEUE_POSITION:
            return QueuePosition(floor)


def _total(orders: Iterable[Resting]) -> int:
    return sum(one.quantity for one in orders)


def _print(floor: Floor, venue: Venue, event: TapeEvent, traded: int) -> None:
    """Put on the venue's tape what users had no part in; stop orders look at the last price."""
    ticks, at_ns = event.last_ticks, event.time_ns
    if event.oi is not None:
        venue.set_oi(event.oi)
    if not ticks:
        return
    if traded > 0:
        venue.print_trade(ticks, traded, at_ns)
    elif ticks != venue.last_ticks or not venue.open_ticks:
        venue.set_last(ticks, at_ns)
    floor.mark(venue, at_ns)
    floor.run_triggers(venue, at_ns)
