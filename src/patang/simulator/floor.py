"""The trading floor: every venue, the agents' accounts, and the one place where trades happen."""

from collections.abc import Callable

from patang.domain.instrument import InstrumentId
from patang.simulator.accounts.account import AgentAccount
from patang.simulator.book import Resting
from patang.simulator.shelf import Venues
from patang.simulator.venue import Venue

FIRST_TRADE_NUMBER = 10_000_001

UserFill = Callable[[Venue, Resting, int, int, str, int, bool], None]
"""Called for each user's fill with (venue, the user's side, units, ticks, trade id, UTC ns, whether
that side rested)."""

AtEdge = Callable[[Venue, int], None]
"""Called with (venue, UTC ns) after trades at the edge of its price band."""

Release = Callable[[Venue, str, int], None]
"""Called with (venue, order id, UTC ns) for each stop order whose trigger was reached."""


class Floor:
    """Matches orders of users and agents alike; tells the exchange what happened to users'.

    Agents trade without checks of funds, each on one instrument only. An order that would trade
    with one of the same owner loses what is left of it: the newer order is cancelled, the older
    stays. Source: Zerodha support, self-trade prevention ("new order will be cancelled").
    """

    def __init__(self, venues: Venues, user_fill: UserFill, release: Release) -> None:
        self.venues = venues
        self.agents: dict[str, AgentAccount] = {}
        self.agent_instruments: dict[str, InstrumentId] = {}
        self.on_edge: AtEdge = _ignore
        """Must not trade or change orders; it may set timers."""
        self._user_fill = user_fill
        self._release = release
        self._trade_number = FIRST_TRADE_NUMBER
        self._changed: dict[InstrumentId, None] = {}

    def enrol(self, agent_id: str, instrument: InstrumentId) -> AgentAccount:
        """Give an agent its account; the same one when it asks again."""
        self.agent_instruments[agent_id] = instrument
        return self.agents.setdefault(agent_id, AgentAccount())

    def mark(self, venue: Venue, at_ns: int) -> None:
        """Remember that what the venue shows has changed."""
        venue.changed_ns = at_ns
        self._changed[venue.id] = None
        if venue.watcher is not None:
            venue.watcher(at_ns)

    def take_changed(self) -> list[InstrumentId]:
        """Instruments whose quote changed since the last call, in the order they first did."""
        changed = list(self._changed)
        self._changed.clear()
        return changed

    def execute(self, venue: Venue, incoming: Resting, at_ns: int) -> None:
        """Trade ``incoming`` as far as it goes; what is left of it stays in ``quantity``."""
        agents = self.agents
        executions = venue.book.match(incoming)
        for execution in executions:
            maker, quantity, ticks = execution.maker, execution.quantity, execution.ticks
            trade_id = self._trade_number
            self._trade_number += 1
            venue.print_trade(ticks, quantity, at_ns)
            signed = quantity if incoming.is_buy else -quantity
            taker_account = agents.get(incoming.owner)
            if taker_account is not None:
                taker_account.shares += signed
                taker_account.cash_ticks -= signed * ticks
            else:
                self._user_fill(venue, incoming, quantity, ticks, str(trade_id), at_ns, False)
            maker_account = agents.get(maker.owner)
            if maker_account is not None:
                maker_account.shares -= signed
                maker_account.cash_ticks += signed * ticks
            else:
                self._user_fill(venue, maker, quantity, ticks, str(trade_id), at_ns, True)
        self.mark(venue, at_ns)
        if executions and not venue.low_edge < venue.last_ticks < venue.high_edge:
            self.on_edge(venue, at_ns)

    def trade_at(
        self, venue: Venue, buy: Resting, sell: Resting, quantity: int, ticks: int, at_ns: int
    ) -> None:
        """Let two resting orders trade at a price that neither of them need have named.

        For call auctions; the caller sees to it that both want the price and that ``quantity`` is
        at most what each of them shows.
        """
        trade_id = str(self._trade_number)
        self._trade_number += 1
        venue.print_trade(ticks, quantity, at_ns)
        for order in (buy, sell):
            venue.book.trade(order, quantity)
        for order, signed in ((buy, quantity), (sell, -quantity)):
            account = self.agents.get(order.owner)
            if account is not None:
                account.shares += signed
                account.cash_ticks -= signed * ticks
            else:
                self._user_fill(venue, order, quantity, ticks, trade_id, at_ns, True)
        self.mark(venue, at_ns)
        if not venue.low_edge < venue.last_ticks < venue.high_edge:
            self.on_edge(venue, at_ns)

    def run_triggers(self, venue: Venue, at_ns: int) -> None:
        """Release the stop orders that the last price reached, until none is left to."""
        while triggered := venue.take_triggered():
            for order_id in triggered:
                self._release(venue, order_id, at_ns)

    def submit(
        self,
        agent_id: str,
        venue: Venue,
        is_buy: bool,
        ticks: int,
        quantity: int,
        at_ns: int,
        *,
        rests: bool = True,
    ) -> Resting | None:
        """An agent's limit order; return what rests of it, None where nothing does.

        While a call auction collects orders it rests, whatever stands against it.
        """
        order = Resting(agent_id, is_buy, ticks, quantity)
        book = venue.book
        if venue.collects:
            book.add(order)
            self.mark(venue, at_ns)
            return order
        if book.crosses(is_buy, ticks):
            self.execute(venue, order, at_ns)
            if order.quantity and book.crosses(is_buy, ticks):
                rests = False
        resting = None
        if order.quantity and rests:
            book.add(order)
            self.mark(venue, at_ns)
            resting = order
        self.run_triggers(venue, at_ns)
        return resting

    def withdraw(self, venue: Venue, order: Resting, at_ns: int) -> None:
        """Take an agent's order out of the book if it still stands there."""
        if order.sequence >= 0:
            venue.book.cancel(order)
            self.mark(venue, at_ns)


def _ignore(_venue: Venue, _at_ns: int) -> None:
    """Nobody watches the edges."""
