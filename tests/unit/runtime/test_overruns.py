"""A callback that takes too long: measured by the node, counted by an event, replayed the same."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path

from patang.brokers.paper import PaperBroker
from patang.domain.market import Tick
from patang.domain.messages import (
    AnyCommand,
    AnyEvent,
    Effect,
    Signal,
    StrategyDisabled,
    StrategyOverran,
    StrategySpec,
    TicksReceived,
)
from patang.engine.engine import Engine
from patang.engine.strategy import Strategy, View
from patang.runtime.clocks import SimClock
from patang.runtime.node import Node
from patang.runtime.replay import replay
from patang.simulator.exchange import Exchange
from patang.storage.journal import Journal
from patang.storage.writer import JournalWriter
from tests.builders import INFY, START_NS, spec


class Slow(Strategy):
    """Takes its time over every tick, says the clock."""

    def on_tick(self, view: View, tick: Tick) -> Signal:
        return Signal(instrument=tick.instrument, target=10)


class Quick(Strategy):
    """Looks at ticks and says nothing."""

    def on_bar(self, view: View, bar: object) -> None:
        return None


class Seen:
    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.commands: list[AnyCommand] = []

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        self.events.append(event)
        self.commands += commands

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        pass


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0)


async def test_a_strategy_that_keeps_overrunning_is_disabled_and_a_replay_agrees(tmp_path: Path):
    path = tmp_path / "run.journal"
    run = spec(
        strategies=(
            StrategySpec(name="slow", path=f"{__name__}:Slow", instruments=(INFY.id,)),
            StrategySpec(name="quick", path=f"{__name__}:Quick", instruments=(INFY.id,)),
        )
    )
    clock, seen = SimClock(START_NS), Seen()
    exchange = Exchange([INFY], {INFY.id: Decimal(100)})
    broker = PaperBroker(exchange, "AB1234", Decimal(1_000_000), clock.now_ns)
    engine = Engine(run, {"slow": Slow(), "quick": Quick()})
    writer = JournalWriter(Journal.create(path))
    node = Node(engine, broker, writer, clock, projections=(seen,))
    ticks = count()
    engine.host.meter = lambda: next(ticks) * 600_000_000  # every callback takes 600 ms

    async def feed(node: Node) -> None:
        for number in range(3):
            price = 100.0 + number
            tick = Tick(instrument=INFY.id, received_ns=START_NS, last_price=price)
            node.post(TicksReceived(at_ns=START_NS, ticks=(tick,)))
        await until(lambda: not engine.host.hosted["slow"].is_enabled)
        node.stop("enough")

    async with writer:
        await node.run([feed])
    overruns = [event for event in seen.events if isinstance(event, StrategyOverran)]
    slow = [event for event in overruns if event.strategy == "slow"]
    assert [(event.callback, event.took_ns) for event in slow[-1:]] == [("on_tick", 600_000_000)]
    (disabled,) = (c for c in seen.commands if isinstance(c, StrategyDisabled))
    assert disabled.strategy == "slow"
    assert "600 ms, allowed 500 ms" in disabled.reason
    assert replay(path).difference is None
