"""From targets to orders: what is sent, how much of it, and when nothing may be."""

from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import OrderType, Side
from patang.domain.messages import OrderNotPlaced, OrderRefused, OrderUnresolved
from patang.domain.order import OrderStatus
from tests.builders import FUTURE, INFY, SQUARE_OFF_NS, TCS, Desk, cancelled, spec, submitted, told


def test_a_target_becomes_one_protected_market_order():
    (intent,) = submitted(Desk().say(50))
    assert (intent.side, intent.quantity, intent.order_type) == (Side.BUY, 50, OrderType.MARKET)
    assert intent.price is None
    assert intent.market_protection == -1
    assert intent.tag.isalnum()
    assert len(intent.tag) <= 20


def test_tags_are_unique_for_intent_and_run():
    tags = set()
    for run_id in ("a", "b"):
        desk = Desk(spec(run_id=run_id))
        tags |= {submitted(desk.say(10, instrument=name))[0].tag for name in (INFY, TCS)}
    assert len(tags) == 4


def test_repeating_a_target_sends_nothing_more():
    desk = Desk()
    desk.say(50)
    assert submitted(desk.say(50)) == []
    order = desk.last_order
    desk.accept(order, "o1")
    desk.update(order, "o1", OrderStatus.OPEN)
    assert submitted(desk.say(50)) == []
    desk.fill(order, "o1", 50)
    desk.update(order, "o1", OrderStatus.FILLED, 50)
    assert submitted(desk.say(50)) == []


def test_a_flip_closes_before_it_opens():
    desk = Desk()
    desk.hold(50)
    (closing,) = submitted(desk.say(-30))
    assert (closing.side, closing.quantity, closing.reduces) == (Side.SELL, 50, True)
    order = desk.last_order
    desk.update(order, "o2", OrderStatus.OPEN)
    assert submitted(desk.fill(order, "o2", 50)) == []
    (opening,) = submitted(desk.update(order, "o2", OrderStatus.FILLED, 50))
    assert (opening.side, opening.quantity, opening.reduces) == (Side.SELL, 30, False)


def test_the_rest_of_a_partial_fill_is_not_ordered_twice():
    desk = Desk()
    order = desk.open(50)
    assert submitted(desk.fill(order, "o1", 20)) == []
    assert submitted(desk.wait()) == []
    assert desk.engine.ledger.working(("alpha", INFY.id)) == 30


def test_a_lower_target_cancels_the_working_order_and_plans_anew():
    desk = Desk()
    order = desk.open(50)
    assert cancelled(desk.say(20)) == ["o1"]
    (again,) = submitted(desk.update(order, "o1", OrderStatus.CANCELLED))
    assert again.quantity == 20


def test_a_higher_target_waits_for_the_working_order():
    desk = Desk()
    order = desk.open(50)
    assert desk.say(80)[1:] == ()
    desk.fill(order, "o1", 50)
    (more,) = submitted(desk.update(order, "o1", OrderStatus.FILLED, 50))
    assert more.quantity == 30


def test_quantities_are_whole_lots_and_slices_of_the_freeze_quantity():
    run = spec(limits=msgspec.structs.replace(spec().limits, max_order_value=Decimal(10**9)))
    run = msgspec.structs.replace(
        run, limits=msgspec.structs.replace(run.limits, max_position_value=Decimal(10**9))
    )
    desk = Desk(run)
    desk.say(4_000, instrument=FUTURE)
    sent = [desk.last_order.intent.quantity]
    for number in range(3):
        order = desk.last_order
        if desk.owned(FUTURE) + order.intent.quantity > 4_000:
            break
        order_id = f"slice-{number}"
        desk.update(order, order_id, OrderStatus.OPEN)
        desk.fill(order, order_id, order.intent.quantity)
        commands = desk.update(order, order_id, OrderStatus.FILLED, order.intent.quantity)
        sent += [intent.quantity for intent in submitted(commands)]
    assert sent == [1_800, 1_800, 375]  # 4,000 is 53 lots and 25 units, which cannot be bought


def test_less_than_a_lot_is_no_order():
    assert submitted(Desk().say(74, instrument=FUTURE)) == []


def test_limit_prices_round_to_the_tick_and_never_against_us():
    desk = Desk()
    (buy,) = submitted(desk.say(10, limit=100.07))
    assert (buy.price, buy.order_type) == (Decimal("100.0"), OrderType.LIMIT)
    assert buy.market_protection is None
    (sale,) = submitted(desk.say(-10, limit=100.01, instrument=TCS))
    assert sale.price == Decimal("100.1")


def test_an_unknown_outcome_blocks_all_planning_for_that_instrument_only():
    desk = Desk()
    desk.say(50)
    order = desk.last_order
    lost = OrderUnresolved(at_ns=desk.now_ns, intent_id=order.intent.intent_id, reason="timeout")
    desk.send(lost)
    assert order.status is OrderStatus.UNRESOLVED
    for target in (0, -50, 80):
        assert submitted(desk.say(target)) == []
        assert cancelled(desk.wait(120)) == []
    assert len(submitted(desk.say(10, instrument=TCS))) == 1


def test_an_order_presumed_not_placed_is_not_replaced_and_keeps_its_reservation():
    desk = Desk()
    desk.say(50)
    order = desk.last_order
    desk.send(
        OrderUnresolved(at_ns=desk.now_ns, intent_id=order.intent.intent_id, reason="timeout")
    )
    desk.send(OrderNotPlaced(at_ns=desk.now_ns, intent_id=order.intent.intent_id, reads=6))
    assert submitted(desk.wait(30)) == []
    assert submitted(desk.say(50)) == []
    assert desk.engine.ledger.working_sides(INFY.id) == (50, 0)


def test_a_refused_target_is_left_alone_for_a_while_and_may_then_be_asked_again():
    desk = Desk()
    desk.say(50)
    refused = OrderRefused(
        at_ns=desk.now_ns,
        intent_id=desk.last_order.intent.intent_id,
        code="InputException",
        message="no",
    )
    desk.send(refused)
    assert submitted(desk.say(50)) == []
    desk.wait(5)
    assert len(submitted(desk.say(50))) == 1


def test_an_old_order_is_cancelled_and_planned_anew():
    desk = Desk()
    order = desk.open(50)
    assert cancelled(desk.wait(59)) == []
    assert cancelled(desk.wait(1)) == ["o1"]
    (again,) = submitted(desk.update(order, "o1", OrderStatus.CANCELLED))
    assert again.quantity == 50


def test_an_order_that_never_got_beyond_accepted_is_cancelled_when_it_is_old():
    desk = Desk()
    desk.say(50)
    desk.accept(desk.last_order, "o1")
    assert cancelled(desk.say(0)) == []
    assert cancelled(desk.wait(60)) == ["o1"]


def test_square_off_closes_everything_cancels_entries_and_takes_no_more_signals():
    desk = Desk()
    desk.hold(50)
    entry = desk.open(20, "o2", instrument=TCS)
    desk.now_ns = SQUARE_OFF_NS - 1_000_000_000
    commands = desk.wait()
    assert [(i.side, i.quantity, i.reduces) for i in submitted(commands)] == [(Side.SELL, 50, True)]
    assert cancelled(commands) == ["o2"]
    desk.update(entry, "o2", OrderStatus.CANCELLED)
    assert desk.say(500, instrument=TCS) == ()


def test_square_off_replaces_an_exit_that_rests_at_a_limit():
    desk = Desk(spec(max_working_ns=10**15))
    desk.hold(50)
    desk.say(0, limit=500.0)
    exit_order = desk.last_order
    desk.update(exit_order, "o2", OrderStatus.OPEN)
    desk.now_ns = SQUARE_OFF_NS - 1_000_000_000
    assert cancelled(desk.wait()) == ["o2"]
    (exit_again,) = submitted(desk.update(exit_order, "o2", OrderStatus.CANCELLED))
    assert (exit_again.order_type, exit_again.quantity) == (OrderType.MARKET, 50)


def test_a_refused_exit_is_tried_again_at_square_off():
    desk = Desk()
    desk.hold(50)
    desk.now_ns = SQUARE_OFF_NS - 1_000_000_000
    desk.wait()
    for _ in range(3):
        order = desk.last_order
        desk.update(order, f"exit-{order.intent.intent_id}", OrderStatus.REJECTED)
        assert submitted(desk.wait(4)) == []
        assert [i.quantity for i in submitted(desk.wait(1))] == [50]


@pytest.mark.parametrize("target", [-50, 50])
def test_two_strategies_on_one_instrument_keep_their_own_books(target: int):
    desk = Desk(spec(strategies=(told("alpha"), told("beta"))))
    desk.hold(50)
    desk.say(target, by="beta")
    order = desk.last_order
    assert order.intent.strategy == "beta"
    desk.fill(order, "o2", 50)
    desk.update(order, "o2", OrderStatus.FILLED, 50)
    assert (desk.owned(), desk.owned(by="beta")) == (50, target)
    assert desk.engine.portfolio.held(INFY.id) == 50 + target


def test_an_entry_presumed_not_placed_does_not_block_the_way_out():
    desk = Desk()
    desk.hold(50)
    desk.say(80)
    entry = desk.last_order
    desk.send(OrderNotPlaced(at_ns=desk.now_ns, intent_id=entry.intent.intent_id, reads=6))
    assert submitted(desk.say(90)) == []
    assert [(i.quantity, i.reduces) for i in submitted(desk.say(0))] == [(50, True)]


def test_an_exit_presumed_not_placed_is_not_replaced():
    desk = Desk()
    desk.hold(50)
    desk.say(0)
    leaving = desk.last_order
    desk.send(OrderNotPlaced(at_ns=desk.now_ns, intent_id=leaving.intent.intent_id, reads=6))
    assert submitted(desk.say(0)) == []
    assert submitted(desk.wait(60)) == []
