"""Lives of a small trading run that are ended by SIGKILL at a chosen point, and their restarts.

Run as a script it reads scenarios from standard input, one JSON line each, and answers each with a
line. It forks for every life, so that a hundred of them take seconds; the journal, its SQLite
file and the exchange's book are real files.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from patang.brokers.port import AccountSnapshot
from patang.domain.enums import Mode, Side, Trust
from patang.domain.errors import PatangError
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import (
    BookedPosition,
    BooksRead,
    BrokerEvent,
    Effect,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderUpdated,
    ReservationReleased,
    StrategySpec,
    SubmitOrder,
    TicksReceived,
)
from patang.domain.order import Fill, Order, OrderStatus
from patang.engine.engine import Engine
from patang.runtime.clocks import SimClock
from patang.runtime.node import Node
from patang.runtime.recovery import recover
from patang.runtime.replay import replay
from patang.runtime.strategies import load_strategies
from patang.storage import snapshot_file
from patang.storage.journal import Journal, verify
from patang.storage.journal_file import JournalFile
from patang.storage.witness import Witness
from patang.storage.writer import JournalWriter
from tests.builders import INFY, START_NS, spec, tick

TICKS = 9
ROWS_BETWEEN_SNAPSHOTS = 8
RUN = spec(
    strategies=(
        StrategySpec(name="alpha", path="tests.builders:PriceFollower", instruments=(INFY.id,)),
    )
)

POINTS = (
    "before write",
    "torn write",
    "after commit",
    "after sync",
    "before send",
    "after send",
    "accepted",
    "answered",
    "snapshot drafted",
    "snapshot in place",
)
"""Where a life may end: around the journal's writes, around an order's way out and back."""


class Point:
    """Ends the process by SIGKILL at the ``count``-th passing of ``name``."""

    def __init__(self, name: str | None, count: int) -> None:
        self.name = name
        self.left = count

    def passes(self, name: str) -> None:
        if name == self.name:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Book:
    """An exchange that fills everything at once and writes it to a file, come what may."""

    mode = Mode.PAPER

    def __init__(self, path: Path, point: Point) -> None:
        self.path = path
        self._point = point
        self._news: asyncio.Queue[BrokerEvent] = asyncio.Queue()

    def lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def held(self) -> int:
        return sum(line["quantity"] * (1 if line["side"] == "BUY" else -1) for line in self.lines())

    async def submit(self, command: Effect) -> None:
        if not isinstance(command, SubmitOrder):
            return  # nothing rests here, so there is nothing to cancel
        self._point.passes("before send")
        intent = command.intent
        line = {
            "order_id": f"o{len(self.lines()) + 1}",
            "tag": intent.tag,
            "side": intent.side.value,
            "quantity": intent.quantity,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._point.passes("after send")
        accepted = OrderAccepted(
            at_ns=START_NS, intent_id=intent.intent_id, order_id=line["order_id"]
        )
        self._news.put_nowait(accepted)
        await asyncio.sleep(0)
        self._point.passes("accepted")
        for event in self._told(line):
            self._news.put_nowait(event)
        await asyncio.sleep(0)
        self._point.passes("answered")

    async def events(self) -> AsyncIterator[BrokerEvent]:
        while True:
            yield await self._news.get()

    async def snapshot(self) -> AccountSnapshot:
        raise PatangError("nobody asks here")

    def allow_entries(self, are_allowed: bool) -> None:
        """What was submitted has left."""

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        lines = self.lines()
        tags = {line["tag"] for line in lines}
        for line in lines:
            for event in self._told(line):
                self._news.put_nowait(event)
        for order in list(orders):
            if order.status is OrderStatus.UNRESOLVED and order.intent.tag not in tags:
                self._news.put_nowait(
                    OrderNotPlaced(at_ns=START_NS, intent_id=order.intent.intent_id, reads=3)
                )
        booked = BookedPosition(instrument=INFY.id, product=RUN.product, quantity=self.held())
        self._news.put_nowait(BooksRead(at_ns=START_NS, positions=(booked,)))
        return True

    def _told(self, line: dict[str, Any]) -> list[BrokerEvent]:
        side = Side(line["side"])
        fill = Fill(
            trade_id=f"t-{line['order_id']}",
            order_id=line["order_id"],
            instrument=INFY.id,
            side=side,
            quantity=line["quantity"],
            price=Decimal("100.10"),
            product=RUN.product,
            time_ns=START_NS,
        )
        update = OrderUpdated(
            at_ns=START_NS,
            order_id=line["order_id"],
            tag=line["tag"],
            instrument=INFY.id,
            side=side,
            quantity=line["quantity"],
            filled_quantity=line["quantity"],
            status=OrderStatus.FILLED,
        )
        return [FillReceived(at_ns=START_NS, fill=fill, tag=line["tag"]), update]


def arm(point: Point) -> None:
    """Put the points into the journal; only ever done in a process that is to die."""
    write, commit, note = JournalFile.write, JournalFile._commit, Witness.note
    replace = Path.replace

    def writing(self: JournalFile, rows: Any) -> None:
        point.passes("before write")
        write(self, rows)
        point.passes("after sync")

    def committing(self: JournalFile, values: Any) -> None:
        if point.name == "torn write" and point.left == 1:
            # Pages of the transaction reach the file before its end does.
            self._connection.execute("PRAGMA cache_size = 1")
            self._connection.execute("BEGIN IMMEDIATE")
            for value in values:
                self._connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", value)
            self._connection.execute("CREATE TABLE filler AS SELECT zeroblob(200000) AS x")
        point.passes("torn write")
        commit(self, values)

    def noting(self: Witness, head: Any) -> None:
        point.passes("after commit")
        note(self, head)

    def replacing(self: Path, target: Path) -> Path:
        point.passes("snapshot drafted")
        done = replace(self, target)
        point.passes("snapshot in place")
        return done

    JournalFile.write = writing  # type: ignore[method-assign]
    JournalFile._commit = committing  # type: ignore[method-assign]
    Witness.note = noting  # type: ignore[method-assign]
    snapshot_file.Path.replace = replacing  # type: ignore[method-assign]


async def live(folder: Path, point: Point) -> None:
    """Begin the run or take it up, and trade until its ticks are over or the point is reached."""
    path = folder / "run.journal"
    book = Book(folder / "book", point)
    if path.exists() and verify(path).rows:
        taken_up = recover(path)
        engine, journal = taken_up.engine, taken_up.journal
    else:
        journal = Journal.open_for_append(path) if path.exists() else Journal.create(path)
        engine = Engine(RUN, load_strategies(RUN.strategies))
    clock = SimClock(max(START_NS, engine.now_ns))
    async with JournalWriter(journal) as writer:
        node = Node(engine, book, writer, clock)

        async def settle(done: Callable[[], bool]) -> None:
            async with asyncio.timeout(20):
                while not done():
                    clock.advance_to(clock.now_ns() + NS_PER_SECOND)
                    await asyncio.sleep(0.001)

        def release() -> None:
            """A person has looked: what is not in the exchange's book was never placed."""
            for order in engine.ledger.orders.values():
                if order.status is OrderStatus.NOT_PLACED and order.outstanding_quantity:
                    node.post(
                        ReservationReleased(
                            at_ns=clock.now_ns(),
                            by="ravi",
                            reason="not in the book",
                            intent_id=order.intent.intent_id,
                        )
                    )

        async def feed(node: Node) -> None:
            await settle(lambda: engine.has_started and engine.trust is Trust.TRUSTED)
            await settle(lambda: not live_orders())
            release()
            seen = (engine.now_ns - START_NS) // (600 * NS_PER_SECOND)
            for number in range(seen + 1, TICKS):
                at_ns = START_NS + number * 600 * NS_PER_SECOND
                clock.advance_to(at_ns)
                price = 100.0 + number * 3 % 7 / 20
                node.post(TicksReceived(at_ns=at_ns, ticks=(tick(price, at_ns),)))
                turns = writer.head.sequence
                await settle(lambda turns=turns: writer.head.sequence > turns)
                await settle(lambda: not live_orders())
                release()
                if writer.head.sequence > ROWS_BETWEEN_SNAPSHOTS * (node.snapshots.taken + 1):
                    await node.snapshots.take(engine, writer)
            node.stop("the ticks are over")

        def live_orders() -> list[Order]:
            return [o for o in engine.ledger.live_orders() if not o.status.is_done]

        await node.run([feed])
    positions = {p.instrument: p.quantity for p in engine.portfolio.positions()}
    result = {
        "held": positions.get(INFY.id, 0),
        "fills": engine.portfolio.fills,
        "filled": sorted(o.intent.tag for o in engine.ledger.orders.values() if o.filled_quantity),
    }
    (folder / "result").write_text(json.dumps(result))


def forget_to_sync() -> None:
    """Take the protection away that the scenarios are there to prove."""

    async def sync(self: JournalWriter) -> None:
        return

    JournalWriter.sync = sync  # type: ignore[method-assign]


def one_life(folder: Path, name: str | None, count: int, *, syncs: bool = True) -> str:
    """Fork a life; return how it ended: killed, finished or failed."""
    child = os.fork()
    if child == 0:
        try:
            point = Point(name, count)
            if name is not None:
                arm(point)
                if not syncs:
                    forget_to_sync()
            asyncio.run(live(folder, point))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a fork must never return into its parent's work
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else "crashed"
    return "finished" if os.WEXITSTATUS(status) == 0 else "failed"


def play(folder: Path, crashes: list[tuple[str, int]], *, syncs: bool = True) -> dict[str, Any]:
    """Lives that end at ``crashes``, then one that may finish; what the files then say."""
    folder.mkdir(parents=True)
    ends = []
    for name, count in [*crashes, (None, 0)]:
        ends.append(one_life(folder, name, count, syncs=syncs))
        if ends[-1] != "killed":
            break
    path = folder / "run.journal"
    lines = Book(folder / "book", Point(None, 0)).lines()
    report = replay(path)
    return {
        "ends": ends,
        "result": json.loads((folder / "result").read_text()),
        "tags": sorted(line["tag"] for line in lines),
        "doubled": [tag for tag, n in Counter(line["tag"] for line in lines).items() if n > 1],
        "held": Book(folder / "book", Point(None, 0)).held(),
        "difference": report.difference,
        "files": sorted(file.name for file in folder.iterdir()),
    }


if __name__ == "__main__":
    for text in sys.stdin:
        scenario = json.loads(text)
        try:
            answer = play(Path(scenario["folder"]), scenario["crashes"], syncs=scenario["syncs"])
        except (OSError, PatangError) as error:
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
