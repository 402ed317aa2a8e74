"""The trading floor: every venue, the agents' accounts, and the one place where trades happen."""

from collections.abc import Callable, Iterable

from patang.domain.instrument import InstrumentId
from patang.simulator.accounts.account import AgentAccount
from patang.simulator.book import Execution, Resting
from patang.simulator.venue import Venue

FIRST_TRADE_NUMBER = 10_000_001

UserFill = Callable[[Venue, Resting, Execution, str, int], None]
"""Called with (venue, the user's side, the execution, trade id, UTC ns) for each user's fill."""

Release = Callable[[Venue, str, int], None]
"""Called with (venue, order id, UTC ns) for each stop order whose trigger was reached."""


class Floor:
    """Matches orders of users and agents alike; tells the exchange what happened to users'.

    Agents trade without checks of funds, each on one instrument only. An order that would trade
    with one of the same owner loses what is left of it: the newer order is cancelled, the older
    stays. Source: Zerodha support, self-trade prevention ("new order will be cancelled").
    """

    def __init__(self, venues: Iterable[Venue], user_fill: UserFill, release: Release) -> None:
        self.venues: dict[InstrumentId, Venue] = {one.instrument.id: one for one in venues}
        self.agents: dict[str, AgentAccount] = {}
        self.agent_instruments: dict[str, InstrumentId] = {}
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
        self._changed[venue.instrument.id] = None
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
        for execution in venue.book.match(incoming):
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
                self._user_fill(venue, incoming, execution, str(trade_id), at_ns)
            maker_account = agents.get(maker.owner)
            if maker_account is not None:
                maker_account.shares -= signed
                maker_account.cash_ticks += signed * ticks
            else:
                self._user_fill(venue, maker, execution, str(trade_id), at_ns)
        self.mark(venue, at_ns)

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
        """An agent's limit order; return what rests of it, None where nothing does."""
        order = Resting(agent_id, is_buy, ticks, quantity)
        book = venue.book
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
