"""One life of the trading program inside a simulation, from its start to its end or its murder."""

import asyncio
import random
import re
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.domain.messages import (
    AnyCommand,
    AnyEvent,
    Effect,
    OperatorHalted,
    OperatorResumed,
    TicksReceived,
)
from patang.domain.order import TRANSITIONS, OrderStatus
from patang.engine.engine import Engine
from patang.kite.account_file import AccountMemory
from patang.kite.client import Kite
from patang.kite.feed import KiteFeed
from patang.kite.transport import Request
from patang.runtime.market_feed import KiteMarketFeed
from patang.runtime.node import Node
from patang.runtime.recovery import recovered
from patang.runtime.strategies import load_strategies
from patang.storage.chain import START, Head, Row, chain_hash, kind_prefix
from patang.storage.journal import Journal
from tests.simulation.loop import PROCESS, ProcessDied, SeededLoop
from tests.simulation.network import Network, SimDialler, SimTransport

if TYPE_CHECKING:
    from tests.simulation.episode import World

_TAG = re.compile(rb'"submit_order","intent":\{[^}]*?"tag":"([^"]+)"')


class SimDisk:
    """Where a journal's synced rows lie: all of a commit or nothing, as SQLite has it."""

    path: Path | None = Path("simulated.journal")

    def __init__(self) -> None:
        self.written: list[Row] = []
        self.tags: set[str] = set()
        self.process: Process | None = None

    @property
    def head(self) -> Head:
        last = self.written[-1] if self.written else None
        return START if last is None else Head(last.sequence, last.hash)

    def write(self, rows: list[Row]) -> None:
        process = self.process
        if process is not None:
            process.boundary("before write")
        for row in rows:
            if row.sequence != self.head.sequence + 1:
                raise AssertionError(f"row {row.sequence} follows {self.head.sequence} on disk")
            self.written.append(row)
            self.tags.update(tag.decode() for tag in _TAG.findall(row.payload))
        if process is not None:
            process.boundary("after write")

    def rows(self) -> list[Row]:
        """The rows, each proved against the chain."""
        previous = START.hash
        for row in self.written:
            if chain_hash(previous, row.sequence, kind_prefix(row.kind), row.payload) != row.hash:
                raise AssertionError(f"row {row.sequence} does not follow its predecessor")
            previous = row.hash
        return list(self.written)

    def close(self) -> None:
        self.process = None


class SharedAccount(AccountMemory):
    """What the shared file of the limits is to processes: it outlives each of them."""

    is_shared = True


class Crash:
    """Die at the ``countdown``-th time a boundary is passed."""

    def __init__(self, boundary: str, countdown: int) -> None:
        self.boundary = boundary
        self.countdown = countdown


class SimClock:
    """The venue's clock as the program sees it."""

    def __init__(self, loop: SeededLoop, start_ns: int) -> None:
        self._loop = loop
        self._start_ns = start_ns

    def now_ns(self) -> int:
        return self._start_ns + self._loop.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Watch:
    """Sees every turn: what must hold at each, and what was halted when."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._states: dict[str, OrderStatus] = {
            name: order.status for name, order in process.engine.ledger.orders.items()
        }

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        process = self._process
        if isinstance(event, OperatorHalted):
            process.world.halted_ns = process.clock.now_ns()
            process.halt_row = sequence - 1
        elif isinstance(event, OperatorResumed):
            process.world.halted_ns = None
        if isinstance(event, TicksReceived):
            return  # what a tick moved is compared at the next event that tells of an order
        for name, order in process.engine.ledger.orders.items():
            before = self._states.get(name, OrderStatus.SUBMITTED)
            now = order.status
            if now is before:
                self._states[name] = now
                continue
            # A turn may take several steps: it must lead somewhere the table reaches.
            if not _reachable(before, now):
                process.world.violate("transitions", f"{name}: {before} became {now}")
            self._states[name] = now

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        return


class Process:
    """The real engine, node, broker, client, governor and journal. ``world`` is the episode."""

    def __init__(
        self,
        world: "World",
        number: int,
        network: Network,
        disk: SimDisk,
        crash: Crash | None,
    ) -> None:
        self.world = world
        self.number = number
        self.network = network
        self.disk = disk
        self.crash = crash
        self.is_dead = False
        self.clock = SimClock(network.loop, world.start_ns)
        self.dialler = SimDialler(self)
        self.node: Node | None = None
        self.halt_row: int | None = None
        self.kite: Kite | None = None
        self.feed: KiteFeed | None = None
        head = disk.head
        self.first_row = head.sequence
        disk.process = self
        journal = Journal(disk, head)
        if head.sequence:
            taken_up = recovered(disk.rows(), journal)
            self.engine, self.journal = taken_up.engine, taken_up.journal
        else:
            spec = world.spec()
            self.engine, self.journal = Engine(spec, load_strategies(spec.strategies)), journal

    def start(self) -> "asyncio.Task[None]":
        """Begin this life; the task ends with it, unless it is killed."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return self.network.loop.create_task(self._live(), context=context)

    async def _live(self) -> None:
        world = self.world
        chance = random.Random(f"client {world.seed} {self.number}")
        governor = world.new_governor(self.clock)
        governor._store = world.account  # the file that outlives processes
        kite = Kite(
            world.ready.api_key,
            world.access_token,
            world.ready.root,
            transport=SimTransport(self),
            clock=self.clock,
            governor=governor,
        )
        kite._courier._chance = chance
        feed = KiteFeed(
            world.ready.api_key,
            world.access_token,
            world.ready.ws,
            clock=self.clock,
            dialler=self.dialler,
            jitter=chance,
        )
        self.kite, self.feed = kite, feed
        async with (
            kite,
            KiteBroker(kite, mode=Mode.SANDBOX, clock=self.clock) as broker,
            world.new_writer(self.journal) as writer,
        ):
            market = KiteMarketFeed(
                feed,
                self.engine.spec.instruments,
                broker.order_update_received,
                on_reconnect=broker.feed_reconnected,
            )
            self.node = Node(self.engine, broker, writer, self.clock, projections=[Watch(self)])
            await self.node.run([market.run])

    # --- where it may die ---------------------------------------------------

    def boundary(self, name: str) -> None:
        """Pass a boundary, or die at it; raises ``ProcessDied``."""
        crash = self.crash
        if crash is None or crash.boundary != name or self.is_dead:
            return
        crash.countdown -= 1
        if crash.countdown == 0:
            self.die()
            if name in ("before write", "after write"):
                raise ProcessDied

    async def pass_boundary(self, name: str) -> None:
        """The same in a coroutine of the process, which then never goes on."""
        self.boundary(name)
        if self.is_dead:
            await self.network.loop.create_future()

    def die(self) -> None:
        """SIGKILL: only what has left the machine and what is on the disk remains."""
        self.is_dead = True
        self.network.loop.kill(self)
        self.disk.process = None
        if self.halt_row is not None and self.disk.head.sequence < self.halt_row:
            # The operator was never told that it stands.
            self.world.halted_ns = None
        self.world.died(self)

    # --- what must hold whenever a byte leaves --------------------------------

    def watch_departure(self, request: Request) -> None:
        """Durable before wire; once for each intent; nothing that opens after a halt."""
        if request.method != "POST":
            return
        world = self.world
        tag = dict(parse_qsl(request.body.decode())).get("tag")
        if tag is None:
            return  # whose it is shows in the books, at the end
        if tag not in self.disk.tags:
            world.violate("durable before wire", f"tag {tag!r} left before its intent was on disk")
        if tag in world.departed:
            world.violate("at most one", f"tag {tag} left twice")
        world.departed.add(tag)
        order = next((o for o in self.engine.ledger.orders.values() if o.intent.tag == tag), None)
        if order is None:
            world.violate("durable before wire", f"tag {tag!r} is of no intent")
        elif world.halted_ns is not None and not order.intent.reduces:
            world.violate("halt", f"{order.intent.intent_id} opens and left after the halt")


def _reachable(before: OrderStatus, now: OrderStatus) -> bool:
    seen, reach = {before}, [before]
    while reach:
        for status in TRANSITIONS[reach.pop()]:
            if status not in seen:
                seen.add(status)
                reach.append(status)
    return now in seen
