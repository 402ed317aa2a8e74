"""A whole run in one process and one thread: market, broker, engine and journal, step by step.

Nothing here waits and nothing reads a clock, so the same seed gives the same journal, to the last
byte of its hash chain.
"""

from collections import deque
from collections.abc import Mapping

from patang.brokers.paper import PaperBroker
from patang.domain.instrument import InstrumentId
from patang.domain.market import DepthLevel, Tick
from patang.domain.messages import (
    AnyEvent,
    CancelOrder,
    RunSpec,
    RunStarted,
    RunStopped,
    SubmitOrder,
    TicksReceived,
    TimerFired,
)
from patang.engine.engine import Engine
from patang.engine.strategy import Strategy
from patang.runtime.turns import take_turn
from patang.simulator.quote import Quote, QuoteLevel
from patang.simulator.worlds.market import Market
from patang.storage.journal import Journal


def simulate(
    spec: RunSpec,
    strategies: Mapping[str, Strategy],
    market: Market,
    journal: Journal,
    *,
    until_ns: int,
    step_ns: int = 500_000_000,
) -> Engine:
    """Run ``spec`` against ``market`` from its present time to ``until_ns``; seal the journal.

    Every ``step_ns`` the instruments that changed tick, and every second the timer fires. Orders
    reach the exchange at the time of the turn that decided them.
    """
    run = _Simulation(spec, strategies, market, journal)
    run.take(RunStarted(at_ns=market.now_ns, run=spec))
    at_ns = market.now_ns
    while at_ns < until_ns:
        at_ns = min(at_ns + step_ns, until_ns)
        run.step(at_ns)
    run.take(RunStopped(at_ns=at_ns, reason="the simulation reached its end"))
    journal.seal(run.engine.state_hash())
    journal.sync()
    return run.engine


class _Simulation:
    def __init__(
        self, spec: RunSpec, strategies: Mapping[str, Strategy], market: Market, journal: Journal
    ) -> None:
        self.engine = Engine(spec, strategies)
        self._market = market
        self._journal = journal
        self._broker = PaperBroker(
            market.exchange, spec.account, spec.opening_cash, lambda: market.now_ns
        )
        self._known = {instrument.id for instrument in spec.instruments}
        for instrument in spec.instruments:
            market.exchange.venue(instrument.id)  # opens a book where there was only a backdrop
        self._last_timer_s = 0

    def step(self, at_ns: int) -> None:
        self._market.advance(at_ns)
        self._drain(at_ns)
        changed = [name for name in self._market.exchange.take_changed() if name in self._known]
        if changed:
            ticks = tuple(self._tick(name, at_ns) for name in changed)
            self.take(TicksReceived(at_ns=at_ns, ticks=ticks))
        second = at_ns // 1_000_000_000
        if second > self._last_timer_s:
            self._last_timer_s = second
            self.take(TimerFired(at_ns=at_ns))

    def take(self, event: AnyEvent) -> None:
        """One turn, and every turn that the orders of this one lead to."""
        waiting: deque[AnyEvent] = deque([event])
        while waiting:
            commands = take_turn(self.engine, self._journal.append, waiting.popleft())
            effects = [c for c in commands if isinstance(c, SubmitOrder | CancelOrder)]
            if effects:
                self._journal.sync()
            for effect in effects:
                self._broker.execute(effect, event.at_ns)
            waiting.extend(self._broker.take_events())

    def _drain(self, at_ns: int) -> None:
        for event in self._broker.take_events():
            self.take(event)

    def _tick(self, name: InstrumentId, at_ns: int) -> Tick:
        return tick_of(self._market.exchange.quote(name), at_ns)


def tick_of(quote: Quote, received_ns: int) -> Tick:
    """The full-mode tick that the ticker would push for a quote."""
    return Tick(
        instrument=quote.instrument,
        received_ns=received_ns,
        exchange_ns=quote.exchange_ns,
        last_trade_ns=quote.last_trade_ns,
        last_price=float(quote.last_price),
        last_quantity=quote.last_quantity,
        average_price=float(quote.average_price),
        volume=quote.volume,
        buy_quantity=quote.buy_quantity,
        sell_quantity=quote.sell_quantity,
        open=float(quote.open),
        high=float(quote.high),
        low=float(quote.low),
        close=float(quote.close),
        bids=tuple(_level(level) for level in quote.bids),
        asks=tuple(_level(level) for level in quote.asks),
    )


def _level(level: QuoteLevel) -> DepthLevel:
    return DepthLevel(float(level.price), level.quantity, level.orders)
