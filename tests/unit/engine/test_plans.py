"""Explicit intents: each becomes targets at its time, and never two orders for one wish."""

from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Side
from patang.domain.intents import (
    BasketIntent,
    BracketIntent,
    Intent,
    Leg,
    LimitIntent,
    OcoIntent,
    StopIntent,
    TrailingIntent,
    Withdraw,
)
from patang.domain.messages import (
    AnyCommand,
    OperatorHalted,
    OrderRefused,
    OrderUnresolved,
    PlanChanged,
    PlanRaised,
    Signal,
)
from patang.domain.order import OrderStatus
from tests.builders import FUTURE, INFY, LIMITS, TCS, Desk, Told, alarms, cancelled, spec, submitted

BUY, SELL = Side.BUY, Side.SELL


def ask(desk: Desk, intent: Intent, price: float = 100.0) -> tuple[AnyCommand, ...]:
    """The strategy gives an intent at its next tick."""
    strategy = desk.strategies["alpha"]
    assert isinstance(strategy, Told)
    strategy.next = [intent]
    return desk.tick(price)


def phases(desk: Desk) -> list[str]:
    return [c.phase for c in desk.log if isinstance(c, PlanChanged)]


def fill_last(desk: Desk, order_id: str, price: str = "100") -> None:
    """The newest order rests and trades, whole."""
    order = desk.last_order
    desk.update(order, order_id, OrderStatus.OPEN)
    desk.fill(order, order_id, order.outstanding_quantity, price)
    desk.update(order, order_id, OrderStatus.FILLED, order.intent.quantity)


def bracket(**changes: object) -> BracketIntent:
    fields = {
        "instrument": INFY.id,
        "side": BUY,
        "quantity": 10,
        "target": 105.0,
        "stop": 98.0,
        **changes,
    }
    return BracketIntent(**fields)  # type: ignore[arg-type]


def test_a_limit_rests_beyond_the_run_s_patience_until_it_fills():
    desk = Desk()
    (intent,) = submitted(
        ask(desk, LimitIntent(instrument=INFY.id, side=BUY, quantity=10, price=99.0))
    )
    assert (intent.price, intent.rests) == (99, True)
    desk.update(desk.last_order, "o1", OrderStatus.OPEN)
    assert cancelled(desk.wait(3_600)) == []
    fill_last(desk, "o1", "99")
    assert phases(desk) == ["ENTERING", "DONE"]


def test_a_stop_waits_for_its_trigger_on_its_own_side():
    desk = Desk()
    ask(desk, StopIntent(instrument=INFY.id, side=BUY, quantity=10, trigger=102.0))
    assert submitted(desk.tick(101.9)) == []
    (intent,) = submitted(desk.tick(102.0))
    assert (intent.side, intent.quantity, intent.price) == (BUY, 10, None)
    assert submitted(desk.tick(103.0)) == []
    sold = Desk()
    ask(sold, StopIntent(instrument=INFY.id, side=SELL, quantity=5, trigger=97.0, limit_price=96.5))
    assert submitted(sold.tick(97.1)) == []
    (intent,) = submitted(sold.tick(96.9))
    assert (intent.side, intent.price) == (SELL, 96.5)


@pytest.mark.parametrize(("price", "is_limit"), [(105.0, True), (98.0, False)])
def test_a_bracket_leaves_at_its_target_or_at_its_stop(price: float, is_limit: bool):
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    assert submitted(desk.tick(104.9)) == submitted(desk.tick(98.1)) == []
    (intent,) = submitted(desk.tick(price))
    assert (intent.side, intent.quantity, intent.reduces) == (SELL, 10, True)
    assert (intent.price is not None) is is_limit
    fill_last(desk, "o2", str(price))
    assert phases(desk) == ["ENTERING", "HOLDING", "LEAVING", "DONE"]
    assert submitted(desk.tick(90.0)) == []


def test_a_short_bracket_is_the_mirror():
    desk = Desk()
    ask(desk, bracket(side=SELL, target=95.0, stop=102.0))
    fill_last(desk, "o1")
    (intent,) = submitted(desk.tick(102.0))
    assert (intent.side, intent.quantity) == (BUY, 10)


def test_a_partly_filled_entry_is_guarded_and_the_rest_withdrawn_first():
    desk = Desk()
    ask(desk, bracket(entry=99.0))
    entry = desk.last_order
    desk.update(entry, "o1", OrderStatus.OPEN)
    desk.fill(entry, "o1", 4, "99")
    commands = desk.tick(97.9)
    assert (cancelled(commands), submitted(commands)) == (["o1"], [])
    desk.fill(entry, "o1", 1, "98")  # it trades once more before the cancel is in
    commands = desk.update(entry, "o1", OrderStatus.CANCELLED, 5)
    (exit_intent,) = submitted(commands)
    assert (exit_intent.side, exit_intent.quantity) == (SELL, 5)
    fill_last(desk, "o2", "97.9")
    assert desk.owned() == 0
    assert phases(desk)[-1] == "DONE"


def test_a_stop_after_the_target_replaces_the_order_that_waits():
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    desk.tick(105.0)
    waiting = desk.last_order
    desk.update(waiting, "o2", OrderStatus.OPEN)
    commands = desk.tick(97.0)
    assert (cancelled(commands), submitted(commands)) == (["o2"], [])
    (intent,) = submitted(desk.update(waiting, "o2", OrderStatus.CANCELLED))
    assert (intent.price, intent.quantity) == (None, 10)


def test_a_trail_follows_the_best_price_and_never_goes_back():
    desk = Desk()
    ask(desk, bracket(target=200.0, trail=3.0))
    fill_last(desk, "o1")
    for price in (101.0, 104.0, 102.0, 101.1):
        assert submitted(desk.tick(price)) == []
    assert len(submitted(desk.tick(101.0))) == 1


def test_an_entry_that_is_refused_ends_the_bracket():
    desk = Desk()
    ask(desk, bracket())
    intent_id = desk.last_order.intent.intent_id
    desk.send(
        OrderRefused(at_ns=desk.now_ns, intent_id=intent_id, code="MarginException", message="no")
    )
    assert phases(desk) == ["ENTERING", "REFUSED"]
    assert submitted(desk.tick(90.0)) == []


def test_an_entry_that_the_gate_denies_ends_the_bracket_at_once():
    desk = Desk()
    ask(desk, bracket(quantity=10**6))
    assert phases(desk) == ["ENTERING", "REFUSED"]


def test_a_refused_exit_is_asked_for_until_it_has_happened():
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    desk.tick(98.0)
    intent_id = desk.last_order.intent.intent_id
    desk.send(
        OrderRefused(at_ns=desk.now_ns, intent_id=intent_id, code="OrderException", message="")
    )
    assert submitted(desk.wait(1)) == []
    assert [i.quantity for i in submitted(desk.wait(6))] == [10]


def test_an_unknown_exit_is_never_sent_twice():
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    desk.tick(98.0)
    intent_id = desk.last_order.intent.intent_id
    desk.send(OrderUnresolved(at_ns=desk.now_ns, intent_id=intent_id, reason="timeout"))
    for _ in range(30):
        desk.tick(90.0)
        assert submitted(desk.wait(10)) == []


def test_exits_leave_through_a_halt_and_entries_do_not():
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    desk.send(OperatorHalted(at_ns=desk.now_ns, by="ops", reason="enough"))
    assert len(submitted(desk.tick(98.0))) == 1
    fill_last(desk, "o2", "98")
    ask(desk, bracket(target=120.0, stop=80.0), 98.0)
    assert phases(desk)[-1] == "REFUSED"


def test_oco_and_trailing_leave_what_is_held():
    desk = Desk()
    desk.hold(10)
    ask(desk, OcoIntent(instrument=INFY.id, target=110.0, stop=95.0))
    assert submitted(desk.tick(109.9)) == []
    assert submitted(desk.tick(95.0))[0].quantity == 10
    short = Desk()
    short.hold(-10)
    ask(short, TrailingIntent(instrument=INFY.id, distance=2.0))
    assert submitted(short.tick(96.0)) == submitted(short.tick(97.9)) == []
    assert submitted(short.tick(98.0))[0].side is BUY


def test_there_is_nothing_to_leave_when_flat():
    desk = Desk()
    ask(desk, OcoIntent(instrument=INFY.id, target=110.0, stop=95.0))
    assert phases(desk) == ["REFUSED"]


def test_a_target_takes_the_place_of_an_intent_and_an_intent_that_of_another():
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    ask(desk, OcoIntent(instrument=INFY.id, target=110.0, stop=90.0))
    assert submitted(desk.tick(97.0)) == []  # the bracket's stop is gone
    ask(desk, Signal(instrument=INFY.id, target=10))  # type: ignore[arg-type]
    assert phases(desk)[-1] == "REPLACED"
    assert submitted(desk.tick(80.0)) == []
    assert [c.number for c in desk.log if isinstance(c, PlanRaised)] == [1, 2]


def test_withdrawing_cancels_what_rests_and_keeps_what_is_held():
    desk = Desk()
    ask(desk, LimitIntent(instrument=INFY.id, side=BUY, quantity=10, price=99.0))
    order = desk.last_order
    desk.update(order, "o1", OrderStatus.OPEN)
    desk.fill(order, "o1", 4, "99")
    assert cancelled(ask(desk, Withdraw(instrument=INFY.id))) == ["o1"]
    desk.fill(order, "o1", 1, "99")
    desk.update(order, "o1", OrderStatus.CANCELLED, 5)
    desk.wait(10)
    assert desk.owned() == 5
    assert len(desk.orders) == 1


def test_the_square_off_ends_every_intent():
    desk = Desk()
    ask(desk, bracket())
    fill_last(desk, "o1")
    desk.now_ns = desk.spec.square_off_ns
    commands = desk.wait(1)
    assert phases(desk)[-1] == "REPLACED"
    assert submitted(commands)[0].quantity == 10


def test_intents_are_in_the_state_hash():
    one, other = Desk(), Desk()
    ask(one, StopIntent(instrument=INFY.id, side=BUY, quantity=10, trigger=120.0))
    ask(other, StopIntent(instrument=INFY.id, side=BUY, quantity=10, trigger=121.0))
    assert one.engine.state_hash() != other.engine.state_hash()


@pytest.mark.parametrize(
    "intent",
    [
        LimitIntent(instrument=INFY.id, side=BUY, quantity=0, price=99.0),
        LimitIntent(instrument=INFY.id, side=BUY, quantity=10, price=float("nan")),
        LimitIntent(instrument=INFY.id, side="BUY", quantity=10, price=99.0),  # type: ignore[arg-type]
        StopIntent(instrument=INFY.id, side=BUY, quantity=1, trigger=-1.0),
        bracket(target=97.0),
        bracket(entry=106.0),
        bracket(trail=0.0),
        bracket(instrument="NSE:NONE"),
        BasketIntent(legs=()),
        BasketIntent(legs=(Leg(instrument=INFY.id, side=BUY, quantity=1),) * 2),
        BasketIntent(
            legs=(Leg(instrument=INFY.id, side=BUY, quantity=1),),
            on_partial="shrug",  # type: ignore[arg-type]
        ),
        BasketIntent(legs=(Leg(instrument=INFY.id, side=BUY, quantity=1),), within_ns=0),
    ],
)
def test_nonsense_is_refused_before_it_becomes_an_intent(intent: Intent):
    desk = Desk()
    assert alarms(ask(desk, intent)) == ["STRATEGY_ERROR"]
    assert not desk.engine.plans


# --- baskets --------------------------------------------------------------------


def spread(**changes: object) -> BasketIntent:
    legs = (
        Leg(instrument=TCS.id, side=SELL, quantity=10),
        Leg(instrument=INFY.id, side=BUY, quantity=10),
    )
    return BasketIntent(legs=legs, **changes)  # type: ignore[arg-type]


def basket_desk() -> Desk:
    desk = Desk(spec())
    desk.tick(100.0, instrument=TCS)
    desk.tick(100.0, instrument=FUTURE)
    return desk


def test_a_basket_buys_first_and_sells_when_all_is_bought():
    desk = basket_desk()
    (bought,) = submitted(ask(desk, spread()))
    assert (bought.instrument, bought.side) == (INFY.id, BUY)
    fill_last(desk, "o1")
    sold = desk.last_order.intent
    assert (sold.instrument, sold.side) == (TCS.id, SELL)
    fill_last(desk, "o2")
    assert phases(desk) == ["BUYING", "SELLING", "DONE"]
    assert (desk.owned(), desk.owned(TCS)) == (10, -10)


def test_a_basket_whose_sale_is_refused_unwinds_what_it_bought():
    desk = basket_desk()
    ask(desk, spread())
    fill_last(desk, "o1")
    intent_id = desk.last_order.intent.intent_id
    commands = desk.send(
        OrderRefused(at_ns=desk.now_ns, intent_id=intent_id, code="MarginException", message="no")
    )
    (back,) = submitted(commands)
    assert (back.instrument, back.side, back.quantity) == (INFY.id, SELL, 10)
    fill_last(desk, "o3")
    assert phases(desk) == ["BUYING", "SELLING", "UNWINDING", "UNWOUND"]
    assert (desk.owned(), desk.owned(TCS)) == (0, 0)


def test_unwinding_buys_back_before_it_sells():
    desk = basket_desk()
    ask(desk, spread())
    fill_last(desk, "o1")
    sale = desk.last_order
    desk.update(sale, "o2", OrderStatus.OPEN)
    desk.fill(sale, "o2", 3)
    assert cancelled(desk.wait(31)) == ["o2"]
    (back,) = submitted(desk.update(sale, "o2", OrderStatus.CANCELLED, 3))
    assert (back.instrument, back.side, back.quantity) == (TCS.id, BUY, 3)
    fill_last(desk, "o3")
    assert (desk.last_order.intent.instrument, desk.last_order.intent.side) == (INFY.id, SELL)
    fill_last(desk, "o4")
    assert phases(desk)[-1] == "UNWOUND"


def test_a_basket_may_hold_what_it_has_and_says_so():
    desk = basket_desk()
    ask(desk, spread(on_partial="hold"))
    order = desk.last_order
    desk.update(order, "o1", OrderStatus.OPEN)
    desk.fill(order, "o1", 4)
    commands = desk.wait(31)
    assert cancelled(commands) == ["o1"]
    assert "BASKET_PARTIAL" in alarms(commands)
    desk.update(order, "o1", OrderStatus.CANCELLED, 4)
    assert submitted(desk.wait(10)) == []
    assert desk.owned() == 4
    assert phases(desk) == ["BUYING", "HELD"]


def test_a_basket_may_call_a_person_once_and_go_on():
    desk = basket_desk()
    ask(desk, spread(on_partial="alarm", within_ns=5_000_000_000))
    desk.update(desk.last_order, "o1", OrderStatus.OPEN)
    assert alarms(desk.wait(6)) == ["BASKET_PARTIAL"]
    assert alarms(desk.wait(6)) == []
    fill_last(desk, "o1")
    fill_last(desk, "o2")
    assert phases(desk)[-1] == "DONE"


def test_a_basket_whose_legs_together_need_too_much_buys_nothing():
    # MIS blocks a fifth of a share's value: 120,000 for each leg, 200,000 may be used.
    limits = msgspec.structs.replace(
        LIMITS, margin_use=Decimal(20), max_order_value=Decimal(10_000_000)
    )
    desk = Desk(spec(limits=limits))
    desk.tick(100.0, instrument=TCS)
    legs = (
        Leg(instrument=TCS.id, side=SELL, quantity=6_000),
        Leg(instrument=INFY.id, side=BUY, quantity=6_000),
    )
    assert submitted(ask(desk, BasketIntent(legs=legs))) == []
    assert phases(desk) == ["REFUSED"]
    assert any("240000" in c.reason for c in desk.log if isinstance(c, PlanChanged))
    smaller = tuple(msgspec.structs.replace(leg, quantity=4_000) for leg in legs)
    assert [i.instrument for i in submitted(ask(desk, BasketIntent(legs=smaller)))] == [INFY.id]
