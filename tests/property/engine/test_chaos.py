"""Whatever valid messages arrive in whatever order, the engine stands and keeps its promises."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.messages import (
    CancelOrder,
    RunStarted,
    StrategySpec,
    SubmitOrder,
    decode_commands,
    encode_commands,
)
from patang.domain.money import ZERO
from patang.domain.order import TRANSITIONS, OrderStatus
from patang.engine.engine import Engine
from patang.runtime.strategies import load_strategies
from tests.builders import START_NS
from tests.generate_events import FOLLOWERS, MOVES, Move, chaos_spec, events_of
from tests.planners import PLANNERS

Kind = tuple[StrategySpec, ...]
KINDS = st.sampled_from([FOLLOWERS, PLANNERS])


@settings(max_examples=250, deadline=None)
@given(MOVES, KINDS)
def test_no_message_breaks_the_engine_or_its_promises(moves: list[Move], kind: Kind):
    run = msgspec.structs.replace(chaos_spec(), strategies=kind)
    engine = Engine(run, load_strategies(kind))
    engine.process(RunStarted(at_ns=START_NS, run=run))
    sent: set[str] = set()
    presumed_gone: set[str] = set()
    statuses = {}
    for event in events_of(engine, moves):
        commands = engine.process(event)
        assert decode_commands(encode_commands(commands)) == commands
        for command in commands:
            if isinstance(command, SubmitOrder):
                assert command.intent.tag not in sent
                sent.add(command.intent.tag)
            elif isinstance(command, CancelOrder):
                assert engine.ledger.orders[command.intent_id].order_id == command.order_id
        # One that turns up after it was presumed not placed may meet the exit that went past it.
        presumed_gone.update(
            order.intent.intent_id
            for order in engine.ledger.orders.values()
            if order.status is OrderStatus.NOT_PLACED
        )
        live = Counter(
            (order.intent.strategy, order.intent.instrument)
            for order in engine.ledger.orders.values()
            if not order.status.is_done and order.intent.intent_id not in presumed_gone
        )
        assert max(live.values(), default=0) <= 1
        for name, order in engine.ledger.orders.items():
            before = statuses.get(name, order.status)
            assert _reachable(before, order.status)
            statuses[name] = order.status
        books = engine.portfolio
        held = sum(
            (p.quantity * books.last_mark(p.instrument) * p.multiplier for p in books.positions()),
            ZERO,
        )
        assert books.equity == books.cash + held
        for position in books.positions():
            name = position.instrument
            shares = sum(p.quantity for (_, each), p in books.owners().items() if each == name)
            assert shares == books.held(name)


def _reachable(before: object, after: object) -> bool:
    """Within one turn an order may take several steps of the table."""
    seen, todo = {before}, [before]
    while todo:
        for status in TRANSITIONS[todo.pop()]:  # type: ignore[index]
            if status not in seen:
                seen.add(status)
                todo.append(status)
    return after in seen


@settings(max_examples=60, deadline=None)
@given(MOVES, KINDS)
def test_the_same_events_give_the_same_commands_and_the_same_hash(moves: list[Move], kind: Kind):
    run = msgspec.structs.replace(chaos_spec(), strategies=kind)
    first = Engine(run, load_strategies(kind))
    second = Engine(run, load_strategies(kind))
    start = RunStarted(at_ns=START_NS, run=run)
    assert first.process(start) == second.process(start)
    for event in events_of(first, moves):
        # The generator reads the first engine between events, so the second follows behind.
        assert encode_commands(first.process(event)) == encode_commands(second.process(event))
    assert first.state_hash() == second.state_hash()
