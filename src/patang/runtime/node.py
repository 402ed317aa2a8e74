"""The node: inbox, journal, engine and outbox, run as supervised tasks of one event loop.

Everything that happens is posted into the inbox; one task takes turns, the only one that touches
the engine. Effects go to the outbox, which syncs the journal once and only then sends, so no byte
of an order leaves before its intent is durable.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, runtime_checkable

from patang.brokers.port import Broker
from patang.domain.enums import Trust
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    CancelOrder,
    Effect,
    OperatorHalted,
    ReconcileStarted,
    RunStarted,
    RunStopped,
    StrategyOverran,
    SubmitOrder,
    TimerFired,
)
from patang.engine.day_watch import TradingState
from patang.engine.engine import Engine
from patang.kite.clock import Clock
from patang.runtime.clocks import sleep_until
from patang.runtime.daily_check import account_read
from patang.runtime.inbox import Inbox
from patang.runtime.snapshots import Snapshots
from patang.runtime.turns import take_turn
from patang.storage.journal import Head, JournalError
from patang.storage.writer import JournalWriter

_FLUSH_INTERVAL_S = 0.05
_LAST_CANCELS_S = 10.0
_DISK_FULL = "the disk is full: only cancels and exits are still journaled; free some space"
_TRUST_LOOK_S = 1.0
_COMPARE_AGAIN_S = 60.0
_RECONCILE_PAUSE_S = (1.0, 30.0)

Feeder = Callable[["Node"], Awaitable[None]]
"""A task that posts events into the node until it is cancelled."""


class Projection(Protocol):
    """Follows the run's stream; never reads the engine's own objects."""

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        """One turn was taken; ``sequence`` is the journal row it ended in."""
        ...

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        """An effect, durable now, is handed to the broker ``latency_ns`` after its cause arrived.

        The cause is the tick, timer or order event whose turn decided it.
        """
        ...


@runtime_checkable
class HearsAlarms(Protocol):
    """A projection that also hears what no journal row can say, because the journal failed."""

    def on_alarm(self, alarm: AlarmRaised) -> None:
        """The run ends now; a person should look."""
        ...


class Node:
    """One run of one engine against one broker.

    ``post`` may be called by any task of the loop. ``run`` returns when the run was stopped, with
    the journal sealed; it raises what a feeder or the journal raised, with the journal unsealed
    and everything written so far intact.

    An engine that ``recovery`` rebuilt is in the middle of its run: the broker's books are read
    before it plans anything. ``reconcile_first`` has a new run do the same.
    """

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        journal: JournalWriter,
        clock: Clock,
        *,
        projections: Iterable[Projection] = (),
        inbox: Inbox | None = None,
        reconcile_first: bool = False,
    ) -> None:
        if broker.mode is not engine.spec.mode:
            raise InvalidValue(
                "mode",
                f"a {engine.spec.mode} run cannot trade through a {broker.mode} broker.",
                "Choose the broker that belongs to the run's mode.",
            )
        self.inbox = Inbox() if inbox is None else inbox
        self.clock = clock
        self.snapshots = Snapshots()
        self._engine = engine
        engine.host.meter = time.monotonic_ns
        self._broker = broker
        self._reconcile_first = reconcile_first
        self._are_entries_allowed = True
        self._journal = journal
        self._projections = tuple(projections)
        self._effects: asyncio.Queue[tuple[list[Effect], int]] = asyncio.Queue()

    def post(self, event: AnyEvent, arrived_ns: int | None = None) -> None:
        """Queue an event for the engine.

        ``arrived_ns`` is the monotonic time at which its bytes arrived, now when not given.
        """
        self.inbox.put(event, time.monotonic_ns() if arrived_ns is None else arrived_ns)

    def stop(self, reason: str) -> None:
        """End the run: nothing that is posted later is processed."""
        self.post(RunStopped(at_ns=self.clock.now_ns(), reason=reason))

    async def run(self, feeders: Iterable[Feeder] = ()) -> Head:
        """Take turns until the run is stopped; seal the journal and return its head.

        Raises:
            JournalError: the journal could not be written; nothing was sent after that but
                cancels of orders that open positions.
            PatangError: what a feeder or the broker raised.
        """
        self._begin()
        self._follow_halt()
        try:
            await self._run_tasks(feeders)
        except* PatangError as failures:
            if self._journal.failure is not None:
                await self._leave_the_market(self._journal.failure)
            # One cause, one line for the reader; the rest of the group fell with it.
            raise _first_leaf(failures) from failures
        self._journal.seal(self._engine.state_hash())
        await self._journal.sync()
        return self._journal.head

    def _begin(self) -> None:
        engine, now_ns = self._engine, self.clock.now_ns()
        is_restart = engine.has_started
        if not is_restart:
            self.post(RunStarted(at_ns=now_ns, run=engine.spec))
        if is_restart or self._reconcile_first:
            since_ns = engine.now_ns if is_restart else now_ns
            self.post(ReconcileStarted(at_ns=now_ns, since_ns=since_ns, is_restart=is_restart))

    async def _run_tasks(self, feeders: Iterable[Feeder]) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._send(group), name="outbox"),
                group.create_task(self._relay_broker(), name="broker events"),
                group.create_task(self._fire_timers(), name="timer"),
                group.create_task(self._flush(), name="journal flush"),
                group.create_task(self._keep_trust(), name="reconciliation"),
                group.create_task(self._keep_snapshots(), name="snapshots"),
                group.create_task(self._compare_at_close(), name="daily comparison"),
            ]
            helpers += [
                group.create_task(_run_feeder(feeder, self), name=f"feeder {number}")
                for number, feeder in enumerate(feeders)
            ]
            await self._take_turns()
            # What was decided before the stop is sent: its intent is in the journal.
            await self._effects.join()
            for task in helpers:
                task.cancel()

    async def _take_turns(self) -> None:
        while True:
            taken = self.inbox.take()
            if taken is None:
                await self.inbox.wait()
                continue
            event, arrived_ns = taken
            commands = take_turn(self._engine, self._journal.append, event)
            self._follow_halt()
            for projection in self._projections:
                projection.on_turn(self._journal.head.sequence, event, commands)
            effects: list[Effect] = [
                c for c in commands if isinstance(c, SubmitOrder | CancelOrder)
            ]
            if effects:
                self._effects.put_nowait((effects, arrived_ns))
            if isinstance(event, RunStopped):
                return
            self._report_overruns()
            if effects:
                await asyncio.sleep(0)  # let the outbox start its sync before the next turn

    def _report_overruns(self) -> None:
        """What strategies took too long for becomes an event, so that a replay counts it too."""
        for slow in self._engine.host.take_overruns():
            self.post(
                StrategyOverran(
                    at_ns=self.clock.now_ns(),
                    strategy=slow.strategy,
                    callback=slow.callback,
                    took_ns=slow.took_ns,
                )
            )

    def _follow_halt(self) -> None:
        """What was decided before a halt and still waits for its turn must not leave after it."""
        is_active = self._engine.risk.state is TradingState.ACTIVE
        if is_active is not self._are_entries_allowed:
            self._are_entries_allowed = is_active
            self._broker.allow_entries(is_active)

    async def _send(self, group: asyncio.TaskGroup) -> None:
        while True:
            batches = [await self._effects.get()]
            while not self._effects.empty():
                batches.append(self._effects.get_nowait())
            await self._journal.sync()
            for effects, arrived_ns in batches:
                for effect in effects:
                    for projection in self._projections:
                        projection.on_send(effect, time.monotonic_ns() - arrived_ns)
                    group.create_task(
                        self._broker.submit(effect), name=f"submit {type(effect).__name__}"
                    )
                self._effects.task_done()

    async def _flush(self) -> None:
        is_told = False
        while True:
            await self._journal.sync()
            if self._journal.is_short and not is_told:
                is_told = True
                halt = OperatorHalted(at_ns=self.clock.now_ns(), by="patang", reason=_DISK_FULL)
                self.post(halt)
            await asyncio.sleep(_FLUSH_INTERVAL_S)

    async def _leave_the_market(self, error: JournalError) -> None:
        """Nothing can be journaled any more: withdraw what could still open a position, and tell.

        A cancel needs no journal to be safe; the next start learns of it from the broker's books.
        """
        entries = [
            CancelOrder(
                intent_id=order.intent.intent_id, order_id=order.order_id, reason="journal failed"
            )
            for order in self._engine.ledger.live_orders()
            if order.order_id is not None and not order.intent.reduces and not order.status.is_done
        ]
        try:
            async with asyncio.timeout(_LAST_CANCELS_S), asyncio.TaskGroup() as group:
                for cancel in entries:
                    group.create_task(self._broker.submit(cancel), name="last cancel")
            done = f"{len(entries)} entry orders were asked to end"
        except TimeoutError:
            done = f"{len(entries)} entry orders could not all be asked to end"
        held = [f"{p.instrument} {p.quantity}" for p in self._engine.portfolio.positions()]
        left = ", ".join(each for each in held if not each.endswith(" 0")) or "none"
        alarm = AlarmRaised(
            severity="critical",
            code="JOURNAL_FAILED",
            message=f"{error.cause} Nothing is sent any more; {done}; positions left: {left}.",
        )
        for projection in self._projections:
            if isinstance(projection, HearsAlarms):
                projection.on_alarm(alarm)

    async def _keep_snapshots(self) -> None:
        await self.snapshots.run(self._engine, self._journal, lambda: not len(self.inbox))

    async def _relay_broker(self) -> None:
        async for event in self._broker.events():
            self.post(event)

    async def _keep_trust(self) -> None:
        """Have the broker's books read for as long as ours are not known to be the same."""
        shortest_s, longest_s = _RECONCILE_PAUSE_S
        pause_s = shortest_s
        while True:
            engine = self._engine
            if engine.trust is Trust.TRUSTED:
                pause_s = shortest_s
                await self.clock.sleep(_TRUST_LOOK_S)
                continue
            await self._broker.reconcile(engine.ledger.orders.values())
            await self.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, longest_s)

    async def compare_books(self) -> bool:
        """Have the engine hold its books against the broker's own figures; False when unread."""
        try:
            snapshot = await self._broker.snapshot()
        except PatangError:
            return False
        self.post(account_read(snapshot))
        return True

    async def _compare_at_close(self) -> None:
        await sleep_until(self.clock, self._engine.spec.close_ns)
        while not await self.compare_books():
            await self.clock.sleep(_COMPARE_AGAIN_S)

    async def _fire_timers(self) -> None:
        while True:
            now_ns = self.clock.now_ns()
            await sleep_until(self.clock, (now_ns // NS_PER_SECOND + 1) * NS_PER_SECOND)
            self.post(TimerFired(at_ns=self.clock.now_ns()))


async def _run_feeder(feeder: Feeder, node: Node) -> None:
    await feeder(node)


def _first_leaf(group: BaseExceptionGroup[PatangError]) -> PatangError:
    first = group.exceptions[0]
    return _first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
