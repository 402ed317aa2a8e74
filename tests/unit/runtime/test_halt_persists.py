"""A halt, what its stop still waits for, and what the gate counted outlive the process."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from patang.domain.limits import ScopeLimits
from patang.domain.messages import OperatorHalted, OperatorResumed, RunStarted, TimerFired
from patang.engine.day_watch import TradingState
from patang.engine.engine import Engine
from patang.runtime.recovery import recover
from patang.runtime.snapshots import restore_engine, take_snapshot
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import take_turn
from patang.storage.journal import Head, Journal
from tests.builders import LIMITS, START_NS
from tests.generate_events import Move, chaos_spec, events_of

MOVES = [Move(kind, n % 4, 17 * n % 120, 5) for n in range(12) for kind in (0, 5, 7, 12, 15)]
LIMITED = msgspec.structs.replace(
    LIMITS,
    max_gross_value=Decimal(3_000_000),
    max_drawdown=Decimal(40_000),
    max_orders_per_day=500,
    max_loss_streak=50,
    duplicate_window_ns=1_000_000_000,
    strategies={"two": ScopeLimits(max_daily_loss=Decimal(1_000), max_orders_per_day=100)},
)


@pytest.mark.parametrize("flatten", [False, True])
def test_a_halt_outlives_the_process_by_journal_and_by_snapshot(tmp_path: Path, flatten: bool):
    path = tmp_path / "run.journal"
    run = msgspec.structs.replace(chaos_spec(), limits=LIMITED)
    engine = Engine(run, load_strategies(run.strategies))
    with Journal.create(path) as journal:
        take_turn(engine, journal.append, RunStarted(at_ns=START_NS, run=run))
        for event in events_of(engine, MOVES):
            take_turn(engine, journal.append, event)
        now_ns = engine.now_ns + 1
        stop = OperatorHalted(
            at_ns=now_ns, by="me", reason="fire", cancel_all=True, flatten=flatten
        )
        take_turn(engine, journal.append, stop)
    snapshot = take_snapshot(engine, Head(1, b"x"))
    assert engine.risk.tally.orders["strategy two"] > 0
    recovered = recover(path)
    recovered.journal.close()
    for again in (recovered.engine, restore_engine(snapshot, run)):
        assert again.risk.state is TradingState.HALTED
        assert again.risk.halt_reason == "fire (me)"
        assert again.stop == engine.stop is not None
        assert again.risk.tally == engine.risk.tally
        assert again.state_hash() == engine.state_hash()
        again.process(TimerFired(at_ns=now_ns + 3_600_000_000_000))
        assert again.risk.state is TradingState.HALTED
        again.process(OperatorResumed(at_ns=now_ns, by="me", reason="looked at it"))
        assert (again.risk.state, again.stop) == (TradingState.ACTIVE, None)
