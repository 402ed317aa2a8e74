"""The gate: each limit at its edge, exits always out, and a halt that means it."""

from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Side
from patang.domain.errors import InvalidValue
from patang.domain.messages import OperatorHalted, OperatorResumed, RiskLimits, TicksReceived
from patang.domain.order import OrderStatus
from patang.engine.day_watch import TradingState
from tests.builders import (
    CLOSE_NS,
    INDEX,
    INFY,
    LIMITS,
    OPEN_NS,
    SQUARE_OFF_NS,
    TCS,
    Desk,
    alarms,
    cancelled,
    spec,
    submitted,
    tick,
    told,
)


def limited(**changes: object) -> Desk:
    return Desk(spec(limits=msgspec.structs.replace(LIMITS, **changes)))


def halt(desk: Desk):
    return desk.send(OperatorHalted(at_ns=desk.now_ns, by="me", reason="enough"))


def test_order_value_may_reach_the_limit_and_not_pass_it():
    desk = limited(max_order_value=Decimal(5_000))
    assert len(submitted(desk.say(50))) == 1
    assert submitted(desk.say(51, instrument=TCS)) == []
    assert desk.denials == ["MAX_ORDER_VALUE"]


def test_a_sale_limited_far_below_the_market_is_valued_at_the_market():
    desk = limited(max_order_value=Decimal(5_000))
    assert submitted(desk.say(-60, limit=1.0)) == []
    assert desk.denials == ["MAX_ORDER_VALUE"]


def test_working_orders_of_all_strategies_count_towards_the_position_limit():
    limits = msgspec.structs.replace(LIMITS, max_position_value=Decimal(10_000))
    desk = Desk(spec(limits=limits, strategies=(told("alpha"), told("beta"))))
    assert len(submitted(desk.say(60))) == 1
    assert submitted(desk.say(60, by="beta")) == []
    assert desk.denials == ["MAX_POSITION_VALUE"]
    desk.wait(5)
    assert len(submitted(desk.say(40, by="beta"))) == 1


def test_a_working_sale_does_not_make_room_for_a_purchase():
    limits = msgspec.structs.replace(LIMITS, max_position_value=Decimal(10_000))
    desk = Desk(spec(limits=limits, strategies=(told("alpha"), told("beta"))))
    desk.say(-60)
    assert len(submitted(desk.say(100, by="beta"))) == 1
    desk.wait(1)
    assert submitted(desk.say(-50, by="alpha", instrument=TCS, price=300.0)) == []
    assert desk.denials == ["MAX_POSITION_VALUE"]


def test_the_day_s_loss_net_of_charges_halts_and_lets_exits_out():
    desk = limited(max_daily_loss=Decimal(496))
    desk.hold(50)
    desk.tick(90.1)
    assert alarms(desk.wait()) == ["HALTED"]  # 495 rupees lost, and the charges
    assert submitted(desk.say(10, instrument=TCS)) == []
    assert [(i.side, i.quantity) for i in submitted(desk.say(0, price=90.1))] == [(Side.SELL, 50)]


def test_an_order_is_refused_at_the_loss_limit_before_any_timer_saw_it():
    desk = limited(max_daily_loss=Decimal(500))
    desk.hold(50)
    desk.tick(80.0)
    desk.say(10, instrument=TCS)
    assert desk.denials == ["MAX_DAILY_LOSS"]


def test_a_halt_lets_exits_out_and_nothing_else():
    desk = Desk()
    desk.hold(50)
    halt(desk)
    assert submitted(desk.say(70)) == []
    assert submitted(desk.say(10, instrument=TCS)) == []
    assert desk.denials == ["HALTED", "HALTED"]
    desk.wait(5)
    (exit_intent,) = submitted(desk.say(-50))
    assert (exit_intent.side, exit_intent.quantity, exit_intent.reduces) == (Side.SELL, 50, True)


def test_a_flip_in_a_halt_ends_flat():
    desk = Desk()
    desk.hold(50)
    halt(desk)
    desk.say(-50)
    order = desk.last_order
    desk.fill(order, "o2", 50)
    assert submitted(desk.update(order, "o2", OrderStatus.FILLED, 50)) == []
    assert (desk.owned(), desk.denials) == (0, ["HALTED"])


def test_a_halt_cancels_what_would_still_open_and_leaves_exits_working():
    desk = Desk()
    desk.hold(50)
    desk.say(0)
    exit_order = desk.last_order
    desk.update(exit_order, "o2", OrderStatus.OPEN)
    entry = desk.open(10, "o3", instrument=TCS)
    assert cancelled(halt(desk)) == ["o3"]
    assert submitted(desk.update(entry, "o3", OrderStatus.CANCELLED)) == []
    assert exit_order.status is OrderStatus.OPEN


def test_an_entry_that_comes_to_rest_during_a_halt_is_cancelled_too():
    desk = Desk()
    desk.say(50)
    halt(desk)
    desk.update(desk.last_order, "o1", OrderStatus.OPEN)
    assert cancelled(desk.wait()) == ["o1"]


def test_only_a_person_ends_a_halt():
    desk = Desk()
    halt(desk)
    desk.wait(3_600)
    assert desk.engine.risk.state is TradingState.HALTED
    desk.send(OperatorResumed(at_ns=desk.now_ns, by="me", reason="fine"))
    assert len(submitted(desk.say(10))) == 1


@pytest.mark.parametrize("at_ns", [OPEN_NS - 1, CLOSE_NS])
def test_nothing_is_sent_outside_the_session(at_ns: int):
    desk = Desk()
    desk.now_ns = at_ns
    desk.engine._market.now_ns = 0  # the desk begins at ten
    desk.say(10)
    assert desk.denials == ["MARKET_CLOSED"]


def test_no_new_exposure_past_the_square_off_time_even_before_its_timer():
    desk = Desk()
    desk.now_ns = SQUARE_OFF_NS
    desk.say(10)
    assert desk.denials == ["SQUARE_OFF"]


def test_an_index_is_not_traded():
    desk = Desk()
    desk.say(10, instrument=INDEX)
    assert desk.denials == ["NOT_TRADABLE"]


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_an_instrument_without_a_price_is_not_bought(price: float):
    desk = Desk(spec(strategies=(told("alpha"),)))
    desk.say(10, price=price)
    assert submitted(desk.log) == []
    assert desk.engine.state().last_prices == {}


def test_placements_per_second_and_per_minute_are_bounded_and_exits_are_not():
    desk = limited(max_orders_per_second=2, max_orders_per_minute=3)
    desk.hold(10)
    desk.say(10, instrument=TCS)
    desk.say(75, instrument=desk.spec.instruments[2])
    assert desk.denials == ["RATE_SECOND"]
    assert len(submitted(desk.say(0))) == 1
    desk.now_ns += 10_000_000_000
    desk.say(75, instrument=desk.spec.instruments[2])
    assert desk.denials == ["RATE_SECOND", "RATE_MINUTE"]  # the exit counts, and is not counted out
    desk.now_ns += 50_000_000_000
    assert len(submitted(desk.say(75, instrument=desk.spec.instruments[2]))) == 1


@pytest.mark.parametrize("field", ["max_order_value", "max_position_value", "max_daily_loss"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
def test_limits_are_positive_amounts(field: str, value: str):
    fields = {**msgspec.structs.asdict(LIMITS), field: Decimal(value)}
    with pytest.raises(InvalidValue, match=field):
        RiskLimits(**fields)


def test_an_absurd_price_is_no_price():
    desk = Desk()
    for price in (1e300, float("inf"), float("nan")):
        desk.send(TicksReceived(at_ns=desk.now_ns, ticks=(tick(price),)))
        desk.wait()
    assert desk.engine.state().last_prices.get(INFY.id) is None
