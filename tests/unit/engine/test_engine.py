"""The engine as a whole: the frame of a run, its clock and its hash."""

from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Product
from patang.domain.errors import InvariantBroken
from patang.domain.messages import (
    BarClosed,
    FeedGap,
    FillReceived,
    RunStarted,
    RunStopped,
    TicksConflated,
    TimerFired,
)
from patang.engine.engine import Engine
from tests.builders import INFY, START_NS, Desk, Told, alarms, fill, spec, submitted


def test_a_run_begins_once_with_its_own_specification_and_ends_once():
    run = spec()
    with pytest.raises(InvariantBroken):
        Engine(run, {"alpha": Told()}).process(TimerFired(at_ns=START_NS))
    with pytest.raises(InvariantBroken):
        Engine(run, {"alpha": Told()}).process(RunStarted(at_ns=START_NS, run=spec(run_id="other")))
    desk = Desk(run)
    with pytest.raises(InvariantBroken):
        desk.send(RunStarted(at_ns=START_NS, run=run))
    desk.send(RunStopped(at_ns=START_NS, reason="done"))
    with pytest.raises(InvariantBroken):
        desk.wait()


def test_time_never_runs_backwards():
    desk = Desk()
    desk.send(TimerFired(at_ns=START_NS - 5))
    assert desk.engine.state().now_ns == START_NS


def test_two_engines_that_saw_the_same_are_the_same():
    def life() -> str:
        desk = Desk()
        desk.hold(50)
        desk.open(20)
        return desk.engine.state_hash()

    assert life() == life()


@pytest.mark.parametrize("event", ["tick", "timer", "signal"])
def test_the_hash_sees_whatever_decides_what_comes_next(event: str):
    desk = Desk()
    before = desk.engine.state_hash()
    {"tick": lambda: desk.tick(100.1), "timer": desk.wait, "signal": lambda: desk.say(5)}[event]()
    assert desk.engine.state_hash() != before


@pytest.mark.parametrize("kind", [FeedGap, TicksConflated])
def test_lost_ticks_mark_the_open_bar_partial_and_the_next_one_whole(kind: type):
    desk = Desk()
    partial = []
    for volume in range(1, 6):
        desk.tick(volume=volume)
        now_ns = desk.now_ns + 1
        if volume == 3 and kind is FeedGap:
            event = FeedGap(at_ns=now_ns, from_ns=now_ns - 1, to_ns=now_ns)
            assert alarms(desk.send(event)) == ["FEED_GAP"]
        elif volume == 3:
            desk.send(TicksConflated(at_ns=now_ns, instruments=(INFY.id,), dropped=3))
        partial += [c.bar.is_partial for c in desk.wait(62) if isinstance(c, BarClosed)]
        desk.now_ns -= 2_000_000_000
    assert partial == [False, True, False, False]


def test_a_fill_with_no_known_rates_is_booked_and_alarmed():
    desk = Desk()
    ancient = FillReceived(at_ns=desk.now_ns, fill=fill(10, at_ns=0))
    assert alarms(desk.send(ancient)) == ["NO_CHARGES", "EXTERNAL_FILL"]
    assert desk.engine.portfolio.held(INFY.id) == 10
    assert desk.engine.portfolio.charges == 0


def test_a_fill_of_an_instrument_outside_the_run_is_alarmed_only():
    desk = Desk()
    foreign = msgspec.structs.replace(fill(10), instrument="NSE:OTHER")
    assert alarms(desk.send(FillReceived(at_ns=desk.now_ns, fill=foreign))) == ["EXTERNAL_FILL"]
    assert desk.engine.portfolio.positions() == []


def test_positions_of_another_product_count_towards_exposure():
    desk = Desk()
    desk.send(FillReceived(at_ns=desk.now_ns, fill=fill(19_990, product=Product.CNC)))
    assert submitted(desk.say(50)) == []
    assert desk.denials == ["MAX_POSITION_VALUE"]
    assert desk.engine.portfolio.cash < Decimal(1_000_000)
