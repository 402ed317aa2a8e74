"""A trading process that is killed again and again: no order lost, none doubled.

    python -m tests.soak.kills --rounds 100

A real ``patang run`` trades at a real ``patang sandbox`` whose faults come and go, and is ended by
SIGKILL at random moments. Each next one takes the same journal up. At the end the last one ends in
order, and its journal is held against the sandbox's own books.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from patang.domain.messages import RunStarted, SubmitOrder, decode_event
from patang.engine.engine import Engine
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import EVENT
from patang.sandbox.control_client import Control
from patang.sandbox.faults.menu import (
    CloseSockets,
    DelayReply,
    DropRequest,
    DropUpdate,
    DuplicateReply,
    ErrorReply,
    Fault,
    HoldUpdate,
    LoseReply,
    TimedOutReply,
)
from patang.sandbox.ready import Ready
from patang.simulator.worlds.shares import SHARES
from patang.storage.journal import read_journal
from patang.wire.translate import status_of

ROOT = Path(__file__).parents[2]
PATANG = [sys.executable, "-m", "patang.cli"]
SPEED = 20
SETTLED_WITHIN_S = 60.0
QUIET_FOR_S = 1.0

CONFIG = """\
mode: sandbox
broker: sandbox
ready_file: ready.json
journal: killed.journal
instruments: [@]
strategies:
  - path: tests.simulation.restless:Restless
    parameters: {pace: 2, seed: 7}
limits:
  max_daily_loss: 400000
  max_drawdown: 400000
  max_order_value: 400000
  max_position_value: 900000
"""

# What is presumed lost is not replaced that day: enough instruments, that some always trade.
SHARES_TRADED = [f"NSE:{share.symbol}" for share in SHARES[:18]]


class KillsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds saw. ``violations`` is empty when every promise was kept."""

    rounds: int
    seconds: float
    resumed: int
    orders: int
    trades: int
    faults: dict[str, int]
    violations: list[str]


def faults_of(chance: random.Random) -> list[Fault]:
    """What one life meets: now and then nothing."""
    menu: list[Fault] = [
        LoseReply(probability=0.3, ending="reset"),
        DropRequest(probability=0.2, count=1, ending="reset"),
        ErrorReply(probability=0.3, status=503, carried_out=True),
        TimedOutReply(probability=0.3),
        DelayReply(probability=0.5, seconds=0.3),
        DuplicateReply(probability=0.2),
        DropUpdate(probability=0.3),
        HoldUpdate(probability=0.3),
        CloseSockets(at_s=10.0),
    ]
    return chance.sample(menu, chance.choice((0, 1, 2, 4)))


def soak(rounds: int, seed: int = 1, *, longest_s: float = 2.5) -> KillsReport:
    """Kill ``rounds`` lives; raises when a life fails for a reason of its own."""
    chance, started_s = random.Random(seed), time.monotonic()
    befell: Counter[str] = Counter()
    resumed = 0
    with TemporaryDirectory(prefix="patang-kills-") as name:
        folder = Path(name)
        config = folder / "run.yaml"
        config.write_text(CONFIG.replace("@", ", ".join(SHARES_TRADED)))
        with _sandbox(folder, seed) as ready:
            control = Control(ready.control)
            for number in range(rounds):
                control.clear_faults()
                planned = control.order_faults(*faults_of(chance))
                life = _Life(config, folder / f"life-{number}.log")
                life.wait_until_begun()
                time.sleep(chance.uniform(0.0, longest_s))
                life.kill()
                resumed += "taken up" in life.said()
                ids = {one.id for one in planned}
                for one in control.faults():
                    if one.id in ids:
                        befell[type(one.fault).__name__] += one.fired
            control.clear_faults()
            life = _Life(config, folder / "last.log")
            life.wait_until_begun()
            life.wait_until_trusted()
            code = life.end()
            time.sleep(QUIET_FOR_S)
            truth = control.truth()["users"][ready.users[0].user_id]
        violations = [] if code == 130 else [f"the last life ended with {code}: {life.said()}"]
        engine, doubles = _rebuilt(folder / "killed.journal")
        violations += doubles + differences(engine, truth)
    return KillsReport(
        rounds=rounds,
        seconds=round(time.monotonic() - started_s, 1),
        resumed=resumed,
        orders=len(truth["orders"]),
        trades=len(truth["trades"]),
        faults=dict(sorted(befell.items())),
        violations=violations,
    )


def differences(engine: Engine, truth: dict[str, Any]) -> list[str]:
    """Every way in which our books are not the exchange's."""
    found: list[str] = []
    tags = Counter(order["tag"] for order in truth["orders"] if order["tag"])
    found += [f"tag {tag} has {count} orders" for tag, count in tags.items() if count > 1]
    ours = {
        order.order_id: (str(order.status), order.filled_quantity)
        for order in engine.ledger.orders.values()
        if order.order_id is not None
    }
    theirs = {
        order["order_id"]: (str(status_of(order["status"])), order["filled_quantity"])
        for order in truth["orders"]
    }
    found += [
        f"order {order_id}: {ours.get(order_id)} with us, {theirs.get(order_id)} there"
        for order_id in sorted(ours.keys() | theirs.keys())
        if not _is_same(ours.get(order_id), theirs.get(order_id))
    ]
    our_trades = {trade_id for _, trade_id, *_ in engine.portfolio.trades()}
    their_trades = {trade["trade_id"] for trade in truth["trades"]}
    found += [f"trade {one} is on one side only" for one in sorted(our_trades ^ their_trades)]
    held = {p.instrument: p.quantity for p in engine.portfolio.positions() if p.quantity}
    there = {
        f"{p['exchange']}:{p['tradingsymbol']}": p["quantity"]
        for p in truth["positions"]["net"]
        if p["quantity"]
    }
    if held != there:
        found.append(f"positions: {held} with us, {there} there")
    cash = engine.portfolio.cash + engine.portfolio.charges
    if cash != Decimal(str(truth["cash"])):
        found.append(f"cash before charges: {cash} with us, {truth['cash']} there")
    charged = Decimal(str(truth["charges"]["total"]))
    if abs(engine.portfolio.charges - charged) > Decimal("0.01") * (len(their_trades) + 1):
        found.append(f"charges: {engine.portfolio.charges} with us, {charged} there")
    return found


def _is_same(mine: tuple[str, int] | None, other: tuple[str, int] | None) -> bool:
    """Words of an order on its way to the exchange are not the same everywhere."""
    if mine is None or other is None:
        return False
    done = {"FILLED", "CANCELLED", "REJECTED", "EXPIRED"}
    return mine[1] == other[1] and (mine[0] == other[0] or not {mine[0], other[0]} & done)


def _rebuilt(journal: Path) -> tuple[Engine, list[str]]:
    """The engine as the journal leaves it, and the intents that were submitted more than once."""
    engine: Engine | None = None
    submitted: Counter[str] = Counter()
    for row in read_journal(journal):
        if row.kind != EVENT:
            continue
        event = decode_event(row.payload)
        if engine is None:
            assert isinstance(event, RunStarted)
            engine = Engine(event.run, load_strategies(event.run.strategies))
        for command in engine.process(event):
            if isinstance(command, SubmitOrder):
                submitted[command.intent.intent_id] += 1
    assert engine is not None
    return engine, [f"{one} was submitted {n} times" for one, n in submitted.items() if n > 1]


class _Life:
    """One process of ``patang run``."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [*PATANG, "run", "--config", str(config), "-o", "json"],
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def said(self) -> str:
        return self._log.read_text()

    def wait_until_begun(self) -> None:
        self._wait_for("run killed ")

    def wait_until_trusted(self) -> None:
        self._wait_for("BOOKS_TRUSTED")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(SETTLED_WITHIN_S)

    def _wait_for(self, words: str) -> None:
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while words not in self.said():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self._process.kill()
                self._process.wait()
                raise RuntimeError(f"no {words!r} of a life: {self.said()}")
            time.sleep(0.02)


@contextmanager
def _sandbox(folder: Path, seed: int) -> Iterator[Ready]:
    ready_file = folder / "ready.json"
    options = ["--seed", str(seed), "--speed", str(SPEED), "--ready-file", str(ready_file)]
    with (folder / "sandbox.log").open("wb") as said:
        process = subprocess.Popen(
            [*PATANG, "sandbox", *options], stdout=subprocess.DEVNULL, stderr=said
        )
    try:
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError((folder / "sandbox.log").read_text())
            time.sleep(0.02)
        yield msgspec.json.decode(ready_file.read_bytes(), type=Ready)
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill a trading process again and again.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report = soak(options.rounds, options.seed)
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
