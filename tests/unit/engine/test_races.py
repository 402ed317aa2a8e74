"""Replies, updates and fills overtake, repeat and contradict each other; the books stay right."""

from decimal import Decimal
from itertools import permutations

from patang.domain.enums import Side
from patang.domain.messages import (
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
)
from patang.domain.order import OrderStatus
from patang.engine.day_watch import TradingState
from patang.engine.engine import EXTERNAL
from tests.builders import INFY, TCS, Desk, alarms, cancelled, fill, spec, submitted, told


def placed(target: int = 50):
    desk = Desk()
    desk.say(target)
    return desk, desk.last_order


def test_an_update_may_come_before_the_reply():
    desk, order = placed()
    desk.update(order, "o1", OrderStatus.OPEN)
    desk.accept(order, "o1")
    assert (order.status, order.order_id) == (OrderStatus.OPEN, "o1")


def test_a_whole_life_may_come_before_the_reply():
    desk, order = placed()
    desk.fill(order, "o1", 50)
    desk.update(order, "o1", OrderStatus.FILLED, 50)
    desk.accept(order, "o1")
    assert (order.status, desk.owned()) == (OrderStatus.FILLED, 50)
    assert submitted(desk.wait()) == []


def test_a_fill_without_tag_before_the_reply_finds_its_owner_with_the_reply():
    desk, order = placed()
    desk.fill(order, "o1", 20, tag=False)
    assert desk.engine.portfolio.held(INFY.id) == 20
    desk.fill(order, "o2", 5, tag=False)
    assert submitted(desk.accept(order, "o1")) == []
    assert (desk.owned(), desk.owned(by=EXTERNAL)) == (20, 5)
    assert (order.filled_quantity, order.outstanding_quantity) == (20, 30)
    assert desk.engine.portfolio.held(INFY.id) == 25


def test_the_same_trade_is_booked_once():
    desk = Desk()
    order = desk.open(50)
    for _ in range(3):
        desk.fill(order, "o1", 20, trade_id="same")
    assert (desk.owned(), order.filled_quantity) == (20, 20)


def test_one_trade_between_two_of_our_own_orders_is_two_fills():
    desk = Desk(spec(strategies=(told("alpha"), told("beta"))))
    buy = desk.open(50, "o1")
    sell = desk.open(-50, "o2", by="beta")
    desk.fill(buy, "o1", 50, trade_id="both")
    desk.fill(sell, "o2", 50, trade_id="both")
    assert (desk.owned(), desk.owned(by="beta")) == (50, -50)


def test_fills_before_their_update_and_after_it_count_once():
    desk = Desk()
    order = desk.open(50)
    desk.update(order, "o1", OrderStatus.FILLED, 50)
    assert desk.engine.ledger.working(("alpha", INFY.id)) == 50
    assert submitted(desk.wait()) == []
    desk.fill(order, "o1", 50)
    assert (desk.owned(), desk.engine.ledger.working(("alpha", INFY.id))) == (50, 0)
    assert submitted(desk.wait()) == []


def test_a_fill_after_cancel_moves_the_position_and_is_waited_for():
    desk = Desk()
    order = desk.open(50)
    desk.say(0)
    assert submitted(desk.update(order, "o1", OrderStatus.CANCELLED, 30)) == []
    assert submitted(desk.wait()) == []  # 30 units are known to have traded; their fill is not here
    (exit_intent,) = submitted(desk.fill(order, "o1", 30))
    assert (exit_intent.side, exit_intent.quantity) == (Side.SELL, 30)


def test_a_stale_open_after_complete_changes_nothing():
    desk = Desk()
    order = desk.hold(50)
    for status in (OrderStatus.OPEN, OrderStatus.ACCEPTED, OrderStatus.CANCEL_PENDING):
        assert desk.update(order, "o1", status, 10) == ()
    assert (order.status, desk.owned()) == (OrderStatus.FILLED, 50)


def test_an_open_that_was_written_before_our_cancel_does_not_undo_it():
    desk = Desk()
    order = desk.open(50)
    desk.say(0)
    assert order.status is OrderStatus.CANCEL_PENDING
    for stale in (OrderStatus.OPEN, OrderStatus.TRIGGER_PENDING, OrderStatus.ACCEPTED):
        desk.update(order, "o1", stale, 10)
        assert order.status is OrderStatus.CANCEL_PENDING
    assert cancelled(desk.wait(29)) == []


def test_a_cancel_that_nobody_answers_is_asked_again():
    desk = Desk()
    desk.open(50)
    desk.say(0)
    assert cancelled(desk.wait(29)) == []
    assert cancelled(desk.wait(1)) == ["o1"]


def test_an_order_that_still_rests_long_after_our_cancel_is_open_again():
    desk = Desk()
    order = desk.open(50)
    desk.say(0)
    desk.wait(11)
    assert cancelled(desk.update(order, "o1", OrderStatus.OPEN)) == ["o1"]


def test_a_stop_that_triggers_while_its_cancel_is_under_way_rests_open_when_that_is_refused():
    desk = Desk()
    desk.say(50)
    order = desk.last_order
    desk.update(order, "o1", OrderStatus.TRIGGER_PENDING)
    desk.say(0)
    desk.update(order, "o1", OrderStatus.OPEN)
    assert order.status is OrderStatus.CANCEL_PENDING
    desk.refuse_cancel(order)
    assert order.status is OrderStatus.OPEN


def test_a_refused_cancel_puts_the_order_back_and_is_tried_again_later():
    desk = Desk()
    order = desk.open(50)
    desk.say(0)
    desk.refuse_cancel(order)
    assert order.status is OrderStatus.OPEN
    assert cancelled(desk.wait(0.5)) == []
    assert cancelled(desk.wait(0.5)) == ["o1"]


def test_a_cancel_refused_because_the_order_filled():
    desk = Desk()
    order = desk.open(50)
    desk.say(0)
    desk.refuse_cancel(order)
    desk.fill(order, "o1", 50)
    (exit_intent,) = submitted(desk.update(order, "o1", OrderStatus.FILLED, 50))
    assert (exit_intent.side, exit_intent.quantity) == (Side.SELL, 50)


def test_our_cancel_that_seemed_refused_but_worked_is_still_ours():
    desk = Desk()
    desk.hold(50)
    order = desk.open(80, "o2")
    desk.say(0)
    desk.refuse_cancel(order, "outcome not known")
    (exit_intent,) = submitted(desk.update(order, "o2", OrderStatus.CANCELLED))
    assert (exit_intent.side, exit_intent.quantity) == (Side.SELL, 50)


def test_a_cancel_by_somebody_else_is_not_undone():
    desk = Desk()
    order = desk.open(50)
    assert alarms(desk.update(order, "o1", OrderStatus.CANCELLED)) == ["ORDER_CANCELLED"]
    assert submitted(desk.wait(60)) == []
    assert len(submitted(desk.say(50))) == 1


def test_a_cancel_by_somebody_else_is_not_undone_when_it_was_announced():
    desk = Desk()
    order = desk.open(50)
    desk.update(order, "o1", OrderStatus.CANCEL_PENDING)
    commands = desk.update(order, "o1", OrderStatus.CANCELLED)
    assert alarms(commands) == ["ORDER_CANCELLED"]
    assert submitted(commands) == []
    assert submitted(desk.wait(60)) == []


def test_a_cancel_by_somebody_else_that_failed_leaves_the_order_working():
    desk = Desk()
    order = desk.open(50)
    desk.update(order, "o1", OrderStatus.CANCEL_PENDING)
    desk.update(order, "o1", OrderStatus.OPEN)
    assert order.status is OrderStatus.OPEN
    assert cancelled(desk.say(0)) == ["o1"]


def test_a_late_order_is_adopted_and_alarmed():
    desk, order = placed()
    intent_id = order.intent.intent_id
    desk.send(OrderUnresolved(at_ns=desk.now_ns, intent_id=intent_id, reason="timeout"))
    desk.send(OrderNotPlaced(at_ns=desk.now_ns, intent_id=intent_id, reads=6))
    assert order.status is OrderStatus.NOT_PLACED
    assert "LATE_ORDER" in alarms(desk.update(order, "o1", OrderStatus.OPEN))
    desk.fill(order, "o1", 50)
    desk.update(order, "o1", OrderStatus.FILLED, 50)
    assert (order.status, desk.owned()) == (OrderStatus.FILLED, 50)


def test_a_late_reply_adopts_and_alarms_too():
    desk, order = placed()
    intent_id = order.intent.intent_id
    desk.send(OrderNotPlaced(at_ns=desk.now_ns, intent_id=intent_id, reads=6))
    assert "LATE_ORDER" in alarms(desk.accept(order, "o1"))
    assert order.status is OrderStatus.ACCEPTED


def test_news_after_the_lost_reply_resolves_it_whatever_the_order():
    for sequence in permutations(("unresolved", "open", "filled", "fill")):
        desk, order = placed()
        for word in sequence:
            if word == "unresolved":
                desk.send(
                    OrderUnresolved(
                        at_ns=desk.now_ns, intent_id=order.intent.intent_id, reason="reset"
                    )
                )
            elif word == "open":
                desk.update(order, "o1", OrderStatus.OPEN)
            elif word == "filled":
                desk.update(order, "o1", OrderStatus.FILLED, 50)
            else:
                desk.fill(order, "o1", 50)
        assert (order.status, desk.owned()) == (OrderStatus.FILLED, 50), sequence
        assert len(desk.orders) == 1


def test_a_refusal_does_not_bury_an_order_the_broker_has_shown_alive():
    desk, order = placed()
    desk.update(order, "o1", OrderStatus.OPEN)
    commands = desk.send(
        OrderRefused(
            at_ns=desk.now_ns,
            intent_id=order.intent.intent_id,
            code="GeneralException",
            message="again?",
        )
    )
    assert order.status is OrderStatus.OPEN
    assert "REFUSED_BUT_LIVE" in alarms(commands)
    assert submitted(desk.wait(60)) == []


def test_an_order_that_lives_after_its_refusal_halts_the_run():
    desk, order = placed()
    desk.send(
        OrderRefused(
            at_ns=desk.now_ns, intent_id=order.intent.intent_id, code="X", message="refused"
        )
    )
    desk.update(order, "o1", OrderStatus.OPEN)
    assert desk.engine.risk.state is TradingState.HALTED


def test_a_row_that_records_the_refusal_is_no_contradiction():
    desk, order = placed()
    desk.send(
        OrderRefused(
            at_ns=desk.now_ns, intent_id=order.intent.intent_id, code="X", message="margin"
        )
    )
    desk.update(order, "o1", OrderStatus.REJECTED)
    assert desk.engine.risk.state is TradingState.ACTIVE
    assert (order.status, order.order_id) == (OrderStatus.REJECTED, "o1")


def test_a_tag_on_two_orders_halts_and_the_second_does_not_speak_for_the_first():
    desk = Desk()
    order = desk.open(50)
    assert "HALTED" in alarms(desk.update(order, "o2", OrderStatus.CANCELLED))
    assert (order.status, order.order_id) == (OrderStatus.CANCEL_PENDING, "o1")
    desk.fill(order, "o2", 50)
    assert (order.filled_quantity, desk.owned()) == (0, 50)


def test_a_tag_on_another_instrument_or_side_is_not_our_order():
    desk = Desk()
    order = desk.open(50)
    for instrument, side in ((TCS, Side.BUY), (INFY, Side.SELL)):
        foreign = OrderUpdated(
            at_ns=desk.now_ns,
            order_id="elsewhere",
            tag=order.intent.tag,
            instrument=instrument.id,
            side=side,
            quantity=50,
            filled_quantity=50,
            status=OrderStatus.FILLED,
        )
        assert alarms(desk.send(foreign)) == ["EXTERNAL_ORDER"]
    assert order.status is OrderStatus.OPEN


def test_a_quantity_lowered_by_hand_completes_at_that_quantity():
    desk = Desk()
    order = desk.open(50)
    desk.fill(order, "o1", 30)
    desk.update(order, "o1", OrderStatus.FILLED, 30, quantity=30)
    assert (order.status, order.outstanding_quantity) == (OrderStatus.FILLED, 0)


def test_a_fill_placed_elsewhere_counts_for_the_account_and_no_strategy():
    desk = Desk()
    desk.send(FillReceived(at_ns=desk.now_ns, fill=fill(10, order_id="phone")))
    assert desk.engine.portfolio.held(INFY.id) == 10
    assert (desk.owned(), desk.owned(by=EXTERNAL)) == (0, 10)


def test_a_fill_that_cannot_be_a_trade_is_alarmed_and_not_booked():
    desk = Desk()
    for quantity, price in ((0, "100"), (-5, "100"), (5, "0"), (5, "NaN"), (5, "Infinity")):
        bad = fill(quantity, price, order_id="phone")
        assert alarms(desk.send(FillReceived(at_ns=desk.now_ns, fill=bad))) == ["BAD_FILL"]
    assert desk.engine.portfolio.cash == Decimal(1_000_000)


def test_an_answer_for_an_unknown_intent_is_alarmed():
    desk = Desk()
    unknown = OrderAccepted(at_ns=desk.now_ns, intent_id="nobody", order_id="o1")
    assert alarms(desk.send(unknown)) == ["UNKNOWN_INTENT"]


def test_a_cancel_that_is_refused_again_and_again_is_asked_more_and_more_rarely():
    desk = Desk()
    order = desk.open(50)
    desk.say(0)
    asked_at = []
    for second in range(1, 41):
        desk.refuse_cancel(order)
        asked_at += [second] * len(cancelled(desk.wait()))
    assert asked_at == [1, 3, 7, 15, 31]
