"""An emergency stop names what is left until the broker has shown that nothing is."""

from patang.domain.enums import Side
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    OperatorHalted,
    OperatorResumed,
    OrderNotPlaced,
    OrderUnresolved,
    ReservationReleased,
)
from patang.domain.order import OrderStatus
from patang.engine.day_watch import TradingState
from tests.builders import INFY, TCS, Desk, alarms, cancelled, fill, submitted


def stop(desk: Desk, *, cancel_all: bool = False, flatten: bool = False) -> tuple[AnyCommand, ...]:
    return desk.send(
        OperatorHalted(
            at_ns=desk.now_ns, by="me", reason="fire", cancel_all=cancel_all, flatten=flatten
        )
    )


def told(commands: tuple[AnyCommand, ...], code: str) -> list[str]:
    return [c.message for c in commands if isinstance(c, AlarmRaised) and c.code == code]


def resting_exit(desk: Desk, order_id: str = "o2"):
    desk.hold(50)
    desk.say(0, limit=120.0)
    order = desk.last_order
    desk.accept(order, order_id)
    desk.update(order, order_id, OrderStatus.OPEN)
    return order


def test_cancel_all_takes_exits_too_and_is_confirmed_by_the_broker_alone():
    desk = Desk()
    order = resting_exit(desk)
    commands = stop(desk, cancel_all=True)
    assert cancelled(commands) == ["o2"]
    assert alarms(commands) == ["HALTED", "STOP_PENDING"]
    assert order.intent.intent_id in told(commands, "STOP_PENDING")[0]
    assert alarms(desk.wait()) == []
    commands = desk.update(order, "o2", OrderStatus.CANCELLED)
    assert submitted(commands) == []  # the exit is not planned anew by itself
    assert alarms(desk.wait()) == ["STOP_CONFIRMED"]
    assert alarms(desk.wait(60)) == []
    assert desk.owned() == 50


def test_what_is_left_is_told_again_every_half_minute():
    desk = Desk()
    resting_exit(desk)
    stop(desk, cancel_all=True)
    assert alarms(desk.wait(29)) == []
    assert "STOP_PENDING" in alarms(desk.wait(1))


def test_flatten_closes_what_strategies_hold_and_takes_no_wishes():
    desk = Desk()
    entry = desk.open(10, "o1", instrument=TCS)
    desk.hold(50, "o2")
    commands = stop(desk, flatten=True)
    assert cancelled(commands) == ["o1"]
    (leaving,) = submitted(commands)
    assert (leaving.instrument, leaving.side, leaving.quantity) == (INFY.id, Side.SELL, 50)
    assert "50 NSE:INFY of alpha" in told(commands, "STOP_PENDING")[0]
    desk.update(entry, "o1", OrderStatus.CANCELLED)
    order = desk.last_order
    desk.accept(order, "o3")
    desk.fill(order, "o3", 50)
    desk.update(order, "o3", OrderStatus.FILLED, 50)
    assert "STOP_CONFIRMED" in alarms(desk.wait())
    assert submitted(desk.say(20)) == []
    assert desk.owned() == 0


def test_a_position_that_appears_after_all_is_closed_too():
    desk = Desk()
    desk.say(50)
    order = desk.last_order
    desk.send(
        OrderUnresolved(at_ns=desk.now_ns, intent_id=order.intent.intent_id, reason="timeout")
    )
    commands = stop(desk, flatten=True)
    assert "UNRESOLVED" in told(commands, "STOP_PENDING")[0]
    desk.update(order, "o1", OrderStatus.FILLED, 50)
    leaving = submitted(desk.fill(order, "o1", 50))
    assert [(i.side, i.quantity) for i in leaving] == [(Side.SELL, 50)]


def test_what_was_placed_by_hand_is_left_to_the_hand():
    desk = Desk()
    phone = desk.open(10, "o1")
    desk.engine.portfolio.book(fill(30, order_id="phone"), "external")
    commands = stop(desk, flatten=True)
    assert submitted(commands) == []
    desk.update(phone, "o1", OrderStatus.CANCELLED)
    assert "STOP_CONFIRMED" in alarms(desk.wait())
    assert desk.engine.portfolio.held(INFY.id) == 30


def test_a_halt_is_ended_by_a_person_with_a_reason():
    desk = Desk()
    resting_exit(desk)
    stop(desk, cancel_all=True)
    for reason in ("", "  "):
        commands = desk.send(OperatorResumed(at_ns=desk.now_ns, by="me", reason=reason))
        assert alarms(commands) == ["RESUME_REFUSED"]
        assert desk.engine.risk.state is TradingState.HALTED
    commands = desk.send(OperatorResumed(at_ns=desk.now_ns, by="me", reason="seen"))
    assert "left: order" in told(commands, "RESUMED")[0]
    assert desk.engine.risk.state is TradingState.ACTIVE
    assert desk.engine.stop is None


def not_placed(desk: Desk):
    desk.say(50)
    order = desk.last_order
    intent_id = order.intent.intent_id
    desk.send(OrderUnresolved(at_ns=desk.now_ns, intent_id=intent_id, reason="timeout"))
    desk.send(OrderNotPlaced(at_ns=desk.now_ns, intent_id=intent_id, reads=5))
    desk.wait(6)
    return order


def release(desk: Desk, intent_id: str, reason: str = "the broker's desk says so"):
    return desk.send(
        ReservationReleased(at_ns=desk.now_ns, by="me", reason=reason, intent_id=intent_id)
    )


def test_a_person_releases_the_reservation_of_an_order_that_was_not_placed():
    desk = Desk()
    order = not_placed(desk)
    intent_id = order.intent.intent_id
    assert submitted(desk.say(80)) == []
    assert alarms(release(desk, intent_id, " ")) == ["RELEASE_REFUSED"]
    assert order.outstanding_quantity == 50
    assert "RESERVATION_RELEASED" in alarms(commands := release(desk, intent_id))
    assert [i.quantity for i in submitted(commands) or submitted(desk.say(80))] == [80]
    assert alarms(release(desk, intent_id)) == ["RELEASE_REFUSED"]
    assert alarms(release(desk, "nobody")) == ["RELEASE_REFUSED"]


def test_a_released_order_that_turns_up_counts_again():
    desk = Desk()
    order = not_placed(desk)
    release(desk, order.intent.intent_id)
    assert desk.engine.ledger.working(("alpha", INFY.id)) == 0
    assert "LATE_ORDER" in alarms(desk.update(order, "o1", OrderStatus.OPEN))
    assert desk.engine.ledger.working(("alpha", INFY.id)) == 50


def test_only_what_is_presumed_not_placed_can_be_released():
    desk = Desk()
    order = desk.open(10)
    assert alarms(release(desk, order.intent.intent_id)) == ["RELEASE_REFUSED"]
    assert order.outstanding_quantity == 10
