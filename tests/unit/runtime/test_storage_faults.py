"""The journal fails in mid-run: no new exposure, a loud alarm, and a restart that knows."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from patang.brokers.port import AccountSnapshot
from patang.domain.enums import Mode
from patang.domain.errors import PatangError
from patang.domain.market import Tick
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    BrokerEvent,
    CancelOrder,
    Effect,
    OrderAccepted,
    OrderUpdated,
    Signal,
    StrategySpec,
    SubmitOrder,
    TicksReceived,
)
from patang.domain.order import Order, OrderStatus
from patang.engine.day_watch import TradingState
from patang.engine.engine import Engine
from patang.engine.strategy import Strategy, View
from patang.runtime.clocks import SimClock
from patang.runtime.node import Node
from patang.runtime.recovery import recovered
from patang.storage.journal import Head, Journal, JournalError, Row
from patang.storage.writer import JournalWriter
from tests.builders import INFY, START_NS, spec, tick


class Bids(Strategy):
    """Bids below the market with every tick, for ever more."""

    def __init__(self) -> None:
        self.target = 0

    def on_tick(self, view: View, tick: Tick) -> Signal:
        self.target += 10
        return Signal(instrument=tick.instrument, target=self.target, limit_price=99.0)


class Disk:
    """A store in memory that fails when told to."""

    path: Path | None = None

    def __init__(self) -> None:
        self.kept: list[Row] = []
        self.is_broken = False

    def write(self, rows: Sequence[Row]) -> None:
        if self.is_broken:
            raise JournalError(None, "Cannot write the journal: disk I/O error.", "Check the disk.")
        self.kept.extend(rows)

    def rows(self) -> Iterator[Row]:
        return iter(list(self.kept))

    def close(self) -> None:
        return


class Rests:
    """A broker where every order rests; it notes all it is sent."""

    mode = Mode.PAPER

    def __init__(self) -> None:
        self.sent: list[Effect] = []
        self.news: asyncio.Queue[BrokerEvent] = asyncio.Queue()

    async def submit(self, command: Effect) -> None:
        self.sent.append(command)
        if isinstance(command, SubmitOrder):
            intent, name = command.intent, f"o{len(self.sent)}"
            accepted = OrderAccepted(at_ns=START_NS, intent_id=intent.intent_id, order_id=name)
            self.news.put_nowait(accepted)
            self.news.put_nowait(
                OrderUpdated(
                    at_ns=START_NS,
                    order_id=name,
                    tag=intent.tag,
                    instrument=intent.instrument,
                    side=intent.side,
                    quantity=intent.quantity,
                    filled_quantity=0,
                    status=OrderStatus.OPEN,
                )
            )

    async def events(self) -> AsyncIterator[BrokerEvent]:
        while True:
            yield await self.news.get()

    async def snapshot(self) -> AccountSnapshot:
        raise PatangError("no books here")

    def allow_entries(self, are_allowed: bool) -> None:
        """What was submitted has left."""

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        return False


class Hears:
    """A projection with an ear for alarms."""

    def __init__(self) -> None:
        self.alarms: list[AlarmRaised] = []
        self.commands: list[AnyCommand] = []

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        self.commands += commands

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        return

    def on_alarm(self, alarm: AlarmRaised) -> None:
        self.alarms.append(alarm)


class Run:
    """One run on a disk that may fail."""

    def __init__(self, writer: JournalWriter | None = None) -> None:
        path = f"{__name__}:Bids"
        self.spec = spec(strategies=(StrategySpec(name="one", path=path, instruments=(INFY.id,)),))
        self.disk = Disk()
        self.broker, self.ears, self.clock = Rests(), Hears(), SimClock(START_NS)
        self.engine = Engine(self.spec, {"one": Bids()})
        self.writer = JournalWriter(Journal(self.disk)) if writer is None else writer
        self.node = Node(
            self.engine, self.broker, self.writer, self.clock, projections=(self.ears,)
        )

    def tick(self, price: float = 100.0) -> None:
        at_ns = self.clock.now_ns()
        self.node.post(TicksReceived(at_ns=at_ns, ticks=(tick(price, at_ns),)))

    def statuses(self) -> list[OrderStatus]:
        return [order.status for order in self.engine.ledger.orders.values()]


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
            await asyncio.sleep(0.001)


async def broken_run() -> Run:
    run = Run()

    async def feed(node: Node) -> None:
        run.tick()
        await until(lambda: run.statuses() == [OrderStatus.OPEN])
        run.disk.is_broken = True
        while True:
            run.tick()
            await asyncio.sleep(0.001)

    with pytest.raises(JournalError, match="disk I/O error"):
        await run.node.run([feed])
    return run


async def test_after_a_failed_write_nothing_leaves_but_cancels_of_entries():
    run = await broken_run()
    kinds = [type(effect) for effect in run.broker.sent]
    assert kinds == [SubmitOrder, CancelOrder]
    assert isinstance(run.broker.sent[1], CancelOrder)
    assert run.broker.sent[1].order_id == "o1"


async def test_the_alarm_says_what_failed_and_what_is_left():
    run = await broken_run()
    (alarm,) = run.ears.alarms
    assert (alarm.severity, alarm.code) == ("critical", "JOURNAL_FAILED")
    assert "disk I/O error" in alarm.message
    assert "1 entry orders were asked to end" in alarm.message
    assert "positions left: none" in alarm.message


async def test_what_was_durable_before_the_failure_can_be_taken_up():
    run = await broken_run()
    run.disk.is_broken = False
    last = run.disk.kept[-1]
    again = recovered(run.disk.rows(), Journal(run.disk, Head(last.sequence, last.hash)))
    # Of what came after the last sync nothing is known; the intent of what was sent is.
    sent = [e.intent for e in run.broker.sent if isinstance(e, SubmitOrder)]
    assert [order.intent for order in again.engine.ledger.orders.values()] == sent


async def test_a_broker_that_does_not_answer_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("patang.runtime.node._LAST_CANCELS_S", 0.01)
    run = Run()
    submit = run.broker.submit

    async def hang_on_cancel(command: Effect) -> None:
        if isinstance(command, CancelOrder):
            await asyncio.Event().wait()
        await submit(command)

    run.broker.submit = hang_on_cancel  # type: ignore[method-assign]

    async def feed(node: Node) -> None:
        run.tick()
        await until(lambda: run.statuses() == [OrderStatus.OPEN])
        run.disk.is_broken = True
        run.tick()
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        with pytest.raises(JournalError):
            await run.node.run([feed])
    assert "could not all be asked" in run.ears.alarms[0].message


async def test_a_full_disk_halts_the_run_which_still_ends_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    writer = JournalWriter(Journal.create(tmp_path / "run.journal"))
    run = Run(writer)

    async def feed(node: Node) -> None:
        run.tick()
        await until(lambda: run.statuses() == [OrderStatus.OPEN])
        monkeypatch.setattr(JournalWriter, "is_short", True)
        await until(lambda: run.engine.risk.state is TradingState.HALTED)
        await until(lambda: run.statuses()[0] is OrderStatus.CANCEL_PENDING)
        run.tick()
        node.stop("enough")

    async with writer:
        await run.node.run([feed])
    assert "the disk is full" in run.engine.risk.halt_reason
    assert [type(effect) for effect in run.broker.sent] == [SubmitOrder, CancelOrder]
    assert sum(isinstance(c, AlarmRaised) and c.code == "HALTED" for c in run.ears.commands) == 1
