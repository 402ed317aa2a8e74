"""Wherever a run is cut, what a snapshot gives goes on exactly as the run did."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.messages import RunStarted, StrategySpec
from patang.engine.engine import Engine
from patang.runtime.snapshots import restore_engine, take_snapshot
from patang.runtime.strategies import load_strategies
from patang.storage.journal import START
from tests.builders import START_NS
from tests.generate_events import FOLLOWERS, MOVES, Move, chaos_spec, events_of
from tests.planners import PLANNERS


@settings(max_examples=60, deadline=None)
@given(MOVES, st.integers(0, 60), st.sampled_from([FOLLOWERS, PLANNERS]))
def test_a_restored_engine_decides_what_the_first_one_decides(
    moves: list[Move], cut: int, kind: tuple[StrategySpec, ...]
) -> None:
    run = msgspec.structs.replace(chaos_spec(), strategies=kind)
    first = Engine(run, load_strategies(run.strategies))
    first.process(RunStarted(at_ns=START_NS, run=run))
    second: Engine | None = None
    for number, event in enumerate(events_of(first, moves)):
        if number == cut:
            second = restore_engine(take_snapshot(first, START), run)
        decided = first.process(event)
        if second is not None:
            assert second.process(event) == decided
    if second is not None:
        assert second.state_hash() == first.state_hash()
        assert take_snapshot(second, START) == take_snapshot(first, START)
