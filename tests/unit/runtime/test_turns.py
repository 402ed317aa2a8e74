"""A turn is journaled as it is taken: the event before the decision, and nothing else."""

import pytest

from patang.domain.errors import InvariantBroken
from patang.domain.messages import (
    RunStarted,
    RunStopped,
    TicksReceived,
    TimerFired,
    decode_commands,
    decode_event,
)
from patang.engine.engine import Engine
from patang.runtime.turns import COMMANDS, EVENT, take_turn
from tests.builders import START_NS, PriceFollower, spec, tick


def test_a_turn_is_an_event_row_and_a_commands_row_if_there_were_any():
    engine = Engine(spec(), {"alpha": PriceFollower()})
    rows: list[tuple[str, bytes]] = []
    events = [
        RunStarted(at_ns=START_NS, run=spec()),
        TicksReceived(at_ns=START_NS, ticks=(tick(100.2),)),
        TimerFired(at_ns=START_NS),
    ]
    turns = [take_turn(engine, lambda *row: rows.append(row), event) for event in events]
    assert [kind for kind, _ in rows] == [EVENT, EVENT, COMMANDS, EVENT]
    assert [decode_event(rows[index][1]) for index in (0, 1, 3)] == events
    assert decode_commands(rows[2][1]) == turns[1] != ()


def test_an_event_that_breaks_the_engine_is_on_record():
    engine = Engine(spec(), {"alpha": PriceFollower()})
    rows: list[tuple[str, bytes]] = []
    with pytest.raises(InvariantBroken):
        take_turn(engine, lambda *row: rows.append(row), RunStopped(at_ns=1, reason="early"))
    assert len(rows) == 1
