"""The node: one loop, one writer; durable before sent; a clean end and an honest failure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from patang.brokers.paper import PaperBroker
from patang.brokers.port import AccountSnapshot
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.market import NS_PER_SECOND, DepthLevel, Tick
from patang.domain.messages import (
    AnyCommand,
    AnyEvent,
    BrokerEvent,
    Effect,
    RunSpec,
    Signal,
    StrategySpec,
    SubmitOrder,
    TicksReceived,
    TimerFired,
)
from patang.domain.order import OrderStatus
from patang.engine.engine import Engine
from patang.engine.strategy import Strategy, View
from patang.runtime.agreement import differences
from patang.runtime.clocks import SimClock
from patang.runtime.node import Node
from patang.runtime.replay import replay
from patang.simulator.exchange import Exchange
from patang.storage.journal import Journal, verify
from patang.storage.writer import JournalWriter
from tests.builders import INFY, START_NS, spec


class Buys(Strategy):
    """Wants ten from the first tick on."""

    def on_tick(self, view: View, tick: Tick) -> Signal:
        return Signal(instrument=tick.instrument, target=10)


def buying() -> RunSpec:
    path = f"{__name__}:Buys"
    return spec(strategies=(StrategySpec(name="alpha", path=path, instruments=(INFY.id,)),))


class Follows:
    """What a projection saw."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, AnyEvent, tuple[AnyCommand, ...]]] = []
        self.sent: list[Effect] = []

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        self.turns.append((sequence, event, commands))

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        assert latency_ns >= 0
        self.sent.append(effect)


class World:
    """A paper exchange, a clock and a node over them."""

    def __init__(self, journal: Journal) -> None:
        self.clock = SimClock(START_NS)
        exchange = Exchange([INFY], {INFY.id: Decimal(100)})
        self.run = buying()
        self.broker = PaperBroker(exchange, "AB1234", Decimal(1_000_000), self.clock.now_ns)
        self.engine = Engine(self.run, {"alpha": Buys()})
        self.writer = JournalWriter(journal)
        self.seen = Follows()
        self.node = Node(
            self.engine, self.broker, self.writer, self.clock, projections=(self.seen,)
        )

    def tick(self) -> TicksReceived:
        tick = Tick(
            instrument=INFY.id,
            received_ns=self.clock.now_ns(),
            last_price=100.0,
            bids=(DepthLevel(99.9, 100, 1),),
            asks=(DepthLevel(100.1, 100, 1),),
        )
        self.broker.follow(tick)
        return TicksReceived(at_ns=self.clock.now_ns(), ticks=(tick,))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0)


async def trade(node: Node, world: World) -> None:
    node.post(world.tick())
    await until(lambda: world.engine.portfolio.fills)
    world.clock.advance_to(START_NS + 2 * NS_PER_SECOND)
    await until(lambda: any(isinstance(e, TimerFired) for _, e, _ in world.seen.turns))
    node.stop("enough")


async def test_a_run_trades_seals_its_journal_and_replays_equal(tmp_path: Path):
    path = tmp_path / "run.journal"
    world = World(Journal.create(path))
    async with world.writer:
        head = await world.node.run([lambda node: trade(node, world)])
    (order,) = world.engine.ledger.orders.values()
    assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, 10)
    assert differences(world.engine, await world.broker.snapshot()) == []
    assert verify(path).problem is None
    report = replay(path)
    assert report.difference is None
    assert report.state_hash == world.engine.state_hash()
    assert report.head == head.hash.hex()


async def test_projections_follow_every_turn_in_order():
    world = World(Journal.in_memory())
    await world.node.run([lambda node: trade(node, world)])
    sequences = [sequence for sequence, _, _ in world.seen.turns]
    assert sequences == sorted(set(sequences))
    assert [type(e).__name__ for _, e, _ in world.seen.turns][:2] == ["RunStarted", "TicksReceived"]
    assert [type(effect) for effect in world.seen.sent] == [SubmitOrder]


class Watches:
    """A broker that notes how much was durable when each order reached it."""

    mode = Mode.PAPER

    def __init__(self, writer: JournalWriter) -> None:
        self.writer = writer
        self.synced: list[int] = []

    async def submit(self, command: Effect) -> None:
        self.synced.append(self.writer.synced)

    async def events(self) -> AsyncIterator[BrokerEvent]:
        await asyncio.Event().wait()
        yield  # type: ignore[misc] # never reached: it makes this a generator

    async def snapshot(self) -> AccountSnapshot:
        raise PatangError("no books here")


async def test_no_order_leaves_before_its_intent_is_durable(tmp_path: Path):
    writer = JournalWriter(Journal.create(tmp_path / "run.journal"))
    broker, seen, clock = Watches(writer), Follows(), SimClock(START_NS)
    run = buying()
    node = Node(Engine(run, {"alpha": Buys()}), broker, writer, clock, projections=(seen,))
    tick = Tick(instrument=INFY.id, received_ns=START_NS, last_price=100.0)

    async def feed(node: Node) -> None:
        node.post(TicksReceived(at_ns=START_NS, ticks=(tick,)))
        await until(lambda: broker.synced)
        node.stop("enough")

    async with writer:
        await node.run([feed])
    (row,) = [
        sequence
        for sequence, _, commands in seen.turns
        if any(isinstance(command, SubmitOrder) for command in commands)
    ]
    assert broker.synced[0] >= row


async def test_a_feeder_that_fails_ends_the_run_with_its_error_and_leaves_the_journal_whole(
    tmp_path: Path,
):
    path = tmp_path / "run.journal"
    world = World(Journal.create(path))

    async def fail(node: Node) -> None:
        node.post(world.tick())
        await until(lambda: world.engine.portfolio.fills)
        raise PatangError("the feed is gone.", "Look after it.")

    async with world.writer:
        with pytest.raises(PatangError, match="the feed is gone"):
            await world.node.run([fail])
    assert verify(path).problem is None
    assert not replay(path).is_sealed


def test_a_broker_of_another_mode_is_refused():
    broker = Watches(JournalWriter(Journal.in_memory()))
    run = spec(mode=Mode.LIVE, strategies=())
    with pytest.raises(InvalidValue, match="live run cannot trade through a paper broker"):
        Node(Engine(run, {}), broker, broker.writer, SimClock(START_NS))


async def test_an_order_decided_just_before_the_stop_is_still_sent(tmp_path: Path):
    world = World(Journal.create(tmp_path / "run.journal"))

    async def stop_at_once(node: Node) -> None:
        node.post(world.tick())
        node.stop("at once")

    async with world.writer:
        await world.node.run([stop_at_once])
    assert [type(effect) for effect in world.seen.sent] == [SubmitOrder]
    (order,) = (await world.broker.snapshot()).orders
    assert order.quantity == 10
