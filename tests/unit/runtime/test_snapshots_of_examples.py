"""A run of an example that is taken up from a snapshot decides what it would have decided."""

import pytest

from patang.domain.enums import Interval
from patang.domain.market import Bar
from patang.domain.messages import (
    AnyCommand,
    BarsReceived,
    Parameter,
    RunStarted,
    StrategySpec,
    encode_commands,
)
from patang.engine.engine import Engine
from patang.runtime.snapshots import restore_engine, take_snapshot
from patang.runtime.strategies import load_strategies
from patang.storage.journal import Head
from tests.builders import INFY, START_NS, spec

MINUTE_NS = 60_000_000_000


def minute(number: int) -> BarsReceived:
    start_ns, price = START_NS + number * MINUTE_NS, 100 + (number * 7 % 11) * 0.3 + number * 0.1
    bar = Bar(
        instrument=INFY.id,
        interval=Interval.MINUTE,
        start_ns=start_ns,
        end_ns=start_ns + MINUTE_NS,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price + 0.5,
        volume=10,
    )
    return BarsReceived(at_ns=bar.end_ns, bars=(bar,))


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("momentum:Momentum", {"window": 3, "enter": 0.02}),
        ("opening_range:OpeningRange", {"minutes": 3}),
        ("ema_cross:EmaCross", {}),
    ],
)
def test_a_restored_example_goes_on_as_if_nothing_had_been(
    path: str, parameters: dict[str, Parameter]
):
    example = StrategySpec(
        name="example",
        path=f"patang.examples.{path}",
        instruments=(INFY.id,),
        parameters=parameters,
        intervals=(Interval.MINUTE, Interval.MINUTE_5),
    )
    run = spec(strategies=(example,))
    engine = Engine(run, load_strategies(run.strategies))
    engine.process(RunStarted(at_ns=START_NS, run=run))
    for number in range(12):
        engine.process(minute(number))
    restored = restore_engine(take_snapshot(engine, Head(1, bytes(32))), run)
    said: list[AnyCommand] = []
    for number in range(12, 60):
        commands = engine.process(minute(number))
        assert encode_commands(commands) == encode_commands(restored.process(minute(number)))
        said += commands
    assert said
    assert engine.state_hash() == restored.state_hash()
