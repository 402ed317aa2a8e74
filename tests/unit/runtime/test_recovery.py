"""A run that was interrupted is taken up: nothing is sent again, and the gate opens on evidence."""

from pathlib import Path

import pytest

from patang.domain.enums import Product, Trust
from patang.domain.messages import (
    BookedPosition,
    BooksRead,
    OrderAccepted,
    ReconcileStarted,
    RunStarted,
    StrategySpec,
    SubmitOrder,
    TicksReceived,
)
from patang.domain.order import OrderStatus
from patang.engine.engine import Engine
from patang.runtime.recovery import recover, recovered
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS, take_turn
from patang.storage.journal import Journal, JournalError, JournalLocked, read_journal
from tests.builders import INFY, START_NS, TCS, Desk, alarms, spec, submitted, tick

FOLLOWER = "tests.builders:PriceFollower"


def run_of_a_follower():
    follower = StrategySpec(name="alpha", path=FOLLOWER, instruments=(INFY.id,))
    return spec(strategies=(follower,))


def interrupted(journal: Journal) -> tuple[Engine, SubmitOrder]:
    """A run that decided one order and then ended without a word."""
    run = run_of_a_follower()
    engine = Engine(run, load_strategies(run.strategies))
    take_turn(engine, journal.append, RunStarted(at_ns=START_NS, run=run))
    seen = tick(100.15, START_NS)
    commands = take_turn(engine, journal.append, TicksReceived(at_ns=START_NS, ticks=(seen,)))
    journal.sync()
    (order,) = [c for c in commands if isinstance(c, SubmitOrder)]
    return engine, order


def test_the_journal_gives_back_the_state_and_the_lock_keeps_others_out(tmp_path: Path):
    path = tmp_path / "run.journal"
    journal = Journal.create(path)
    engine, order = interrupted(journal)
    journal.close()
    taken_up = recover(path)
    try:
        assert taken_up.engine.state_hash() == engine.state_hash()
        assert list(taken_up.engine.ledger.orders) == [order.intent.intent_id]
        with pytest.raises(JournalLocked):
            recover(path)
    finally:
        taken_up.journal.close()


def test_a_decision_that_the_crash_cut_off_is_journaled_before_anything_else(tmp_path: Path):
    whole = Journal.in_memory()
    interrupted(whole)
    path = tmp_path / "run.journal"
    with Journal.create(path) as cut:
        for row in list(whole.durable_rows())[:-1]:
            cut.append(row.kind, row.payload)
    taken_up = recover(path)
    taken_up.journal.close()
    rows = list(read_journal(path))
    assert rows[-1].kind == COMMANDS
    assert rows[-1].hash == whole.head.hash


def test_a_decision_that_this_version_would_not_take_stops_the_start():
    whole, altered = Journal.in_memory(), Journal.in_memory()
    interrupted(whole)
    for row in whole.durable_rows():
        altered.append(row.kind, row.payload.replace(b'"SELL"', b'"BUY"'))
    altered.sync()
    with pytest.raises(JournalError, match="cannot be taken up"):
        recovered(altered.durable_rows(), altered)


def test_an_empty_journal_is_no_run(tmp_path: Path):
    Journal.create(tmp_path / "empty.journal").close()
    with pytest.raises(JournalError, match="no run"):
        recover(tmp_path / "empty.journal")


def books(*positions: tuple[object, int]) -> BooksRead:
    return BooksRead(
        at_ns=START_NS,
        positions=tuple(
            BookedPosition(instrument=item.id, product=Product.MIS, quantity=quantity)
            for item, quantity in positions
        ),
    )


def restarted(desk: Desk):
    return desk.send(ReconcileStarted(at_ns=desk.now_ns, since_ns=desk.now_ns, is_restart=True))


def test_what_was_on_the_wire_is_unresolved_after_a_restart_and_not_sent_again():
    desk = Desk()
    desk.say(50)
    order = desk.last_order
    assert "ORDER_UNRESOLVED" in alarms(restarted(desk))
    assert order.status is OrderStatus.UNRESOLVED
    assert submitted(desk.send(books())) == []
    assert submitted(desk.wait(5)) == []
    desk.update(order, "o1", OrderStatus.OPEN)
    assert (order.status, order.order_id) == (OrderStatus.OPEN, "o1")


def test_nothing_is_planned_before_the_books_are_read():
    desk = Desk()
    assert restarted(desk)
    assert desk.engine.trust is Trust.RECONCILING
    assert submitted(desk.say(50)) == []
    assert submitted(desk.wait()) == []
    assert [intent.quantity for intent in submitted(desk.send(books()))] == [50]
    assert desk.engine.trust is Trust.TRUSTED


def test_books_that_differ_let_only_exits_out_until_they_agree():
    desk = Desk()
    desk.hold(50)
    restarted(desk)
    told = desk.send(books((INFY, 70)))
    assert "BOOKS_DIFFER" in alarms(told)
    assert desk.engine.trust is Trust.DEGRADED
    assert submitted(desk.say(10, instrument=TCS)) == []
    assert desk.denials == ["NOT_TRUSTED"]
    assert [intent.reduces for intent in submitted(desk.say(0))] == [True]
    assert "BOOKS_TRUSTED" in alarms(desk.send(books((INFY, 50))))


def test_a_cancel_of_the_dead_process_is_not_believed_to_be_under_way():
    desk = Desk()
    order = desk.open(50, limit=100.0)
    desk.say(0)
    assert order.status is OrderStatus.CANCEL_PENDING
    restarted(desk)
    desk.update(order, "o1", OrderStatus.OPEN)
    assert order.status is OrderStatus.OPEN


def test_a_halt_outlives_the_restart_and_the_name_of_another_order_is_not_taken():
    desk = Desk()
    first = desk.open(50, "o1")
    desk.say(10, instrument=TCS)
    second = desk.last_order
    desk.send(OrderAccepted(at_ns=desk.now_ns, intent_id=second.intent.intent_id, order_id="o1"))
    assert second.order_id is None
    assert first.order_id == "o1"
    assert "HALTED" in alarms(desk.log)
    restarted(desk)
    desk.send(books())
    assert submitted(desk.wait()) == []
    assert desk.engine.risk.halt_reason
