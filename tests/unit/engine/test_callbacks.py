"""Orders, time, gaps and switches: what strategies are told beside prices and fills."""

from datetime import date, time
from decimal import Decimal

import pytest

from patang.domain.enums import Product
from patang.domain.errors import InvalidValue
from patang.domain.intents import Watch
from patang.domain.market import Bar, Tick
from patang.domain.messages import (
    CarriedPosition,
    FeedGap,
    Signal,
    StrategyDisabled,
    StrategyEnabled,
    StrategyOverran,
    StrategySpec,
    StrategySwitched,
    SubscriptionChanged,
    TicksConflated,
)
from patang.domain.order import Order, OrderStatus
from patang.engine.strategy import Gap, Signals, Strategy, View
from patang.rules.ist import at_ist
from tests.builders import (
    DAY,
    FUTURE,
    INFY,
    START_NS,
    TCS,
    Desk,
    Told,
    alarms,
    cancelled,
    spec,
    submitted,
    told,
)


class Notes(Told):
    def __init__(self) -> None:
        super().__init__()
        self.orders: list[tuple[OrderStatus, int]] = []
        self.timers: list[int] = []
        self.gaps: list[Gap] = []
        self.answer: Signals = None

    def on_order(self, view: View, order: Order) -> Signals:
        self.orders.append((order.status, order.filled_quantity))
        order.filled_quantity = 10**6  # a copy: scribbling on it changes nothing
        return self.answer

    def on_timer(self, view: View) -> None:
        self.timers.append(view.now_ns)

    def on_gap(self, view: View, gap: Gap) -> None:
        self.gaps.append(gap)


def test_every_step_of_an_order_is_told_once_and_as_a_copy():
    notes = Notes()
    desk = Desk(spec(), alpha=notes)
    order = desk.open(10)
    desk.update(order, "o1", OrderStatus.OPEN)
    desk.fill(order, "o1", 4)
    desk.fill(order, "o1", 6)
    desk.update(order, "o1", OrderStatus.FILLED, 10)
    assert notes.orders == [
        (OrderStatus.SUBMITTED, 0),
        (OrderStatus.ACCEPTED, 0),
        (OrderStatus.OPEN, 0),
        (OrderStatus.OPEN, 4),
        (OrderStatus.OPEN, 10),
        (OrderStatus.FILLED, 10),
    ]
    assert order.filled_quantity == 10


def test_a_denied_order_is_told_with_its_code():
    notes = Notes()
    desk = Desk(spec(), alpha=notes)
    desk.say(10**6)
    assert notes.orders == [(OrderStatus.DENIED, 0)]
    assert desk.engine.host.stats()[0].denied == 1


def test_a_strategy_that_answers_every_denial_with_another_wish_cannot_hold_up_a_turn():
    class Stubborn(Notes):
        def on_order(self, view: View, order: Order) -> Signal:
            self.orders.append((order.status, 0))
            return Signal(instrument=INFY.id, target=10**6 + len(self.orders))

    notes = Stubborn()
    desk = Desk(spec(), alpha=notes)
    desk.say(10**6)
    assert len(notes.orders) == 1
    desk.wait(1)
    assert len(notes.orders) == 2


def test_housekeeping_comes_every_five_seconds_of_the_run_s_clock():
    notes = Notes()
    desk = Desk(spec(), alpha=notes)
    for _ in range(12):
        desk.wait(1)
    seconds = [(at_ns - START_NS) // 1_000_000_000 for at_ns in notes.timers]
    assert seconds == [1, 5, 10]


def test_gaps_are_told_to_whom_they_concern():
    alpha, beta = Notes(), Notes()
    run = spec(strategies=(told("alpha", INFY), told("beta", TCS)))
    desk = Desk(run, alpha=alpha, beta=beta)
    desk.send(FeedGap(at_ns=START_NS, from_ns=START_NS - 5, to_ns=START_NS))
    desk.send(TicksConflated(at_ns=START_NS, instruments=(TCS.id,), dropped=7))
    assert [gap.instruments for gap in alpha.gaps] == [None]
    assert [(gap.instruments, gap.dropped) for gap in beta.gaps] == [(None, 0), ((TCS.id,), 7)]


def test_a_person_switches_a_strategy_off_and_on():
    desk = Desk()
    order = desk.open(10)
    off = StrategySwitched(at_ns=desk.now_ns, strategy="alpha", is_enabled=False, by="ops")
    commands = desk.send(off)
    assert [c.strategy for c in commands if isinstance(c, StrategyDisabled)] == ["alpha"]
    assert cancelled(commands) == ["o1"]
    desk.update(order, "o1", OrderStatus.CANCELLED)
    assert submitted(desk.say(20)) == []
    on = StrategySwitched(at_ns=desk.now_ns, strategy="alpha", is_enabled=True, by="ops")
    assert any(isinstance(c, StrategyEnabled) for c in desk.send(on))
    assert submitted(desk.say(20))[0].quantity == 20


def test_an_exit_under_way_outlives_the_switch():
    desk = Desk()
    desk.hold(10)
    desk.say(0, limit=101.0)
    exit_order = desk.last_order
    desk.update(exit_order, "o2", OrderStatus.OPEN)
    off = StrategySwitched(at_ns=desk.now_ns, strategy="alpha", is_enabled=False, by="ops")
    assert cancelled(desk.send(off)) == []


def overran(desk: Desk, took_ms: int = 700) -> StrategyOverran:
    return StrategyOverran(
        at_ns=desk.now_ns, strategy="alpha", callback="on_tick", took_ns=took_ms * 1_000_000
    )


def test_overruns_close_together_disable_and_are_said():
    desk = Desk(spec(strategies=(told("alpha"), told("beta"))))
    assert alarms(desk.send(overran(desk))) == ["STRATEGY_ERROR"]
    desk.tick()
    desk.send(overran(desk))
    commands = desk.send(overran(desk))
    (disabled,) = (c for c in commands if isinstance(c, StrategyDisabled))
    assert disabled.reason == "on_tick: took 700 ms, allowed 500 ms."
    assert desk.engine.host.hosted["beta"].is_enabled


def test_overruns_far_apart_are_forgiven():
    desk = Desk()
    for _ in range(6):
        desk.send(overran(desk))
        for _ in range(101):
            desk.tick()
    assert desk.engine.host.hosted["alpha"].is_enabled
    assert desk.engine.host.stats()[0].overruns == 6


def test_an_overrun_of_nobody_is_refused():
    desk = Desk()
    event = StrategyOverran(at_ns=desk.now_ns, strategy="beta", callback="on_bar", took_ns=1)
    assert alarms(desk.send(event)) == ["STRATEGY_CHANGE_REFUSED"]


def test_an_endless_answer_is_contained():
    class Endless(Strategy):
        def on_tick(self, view: View, tick: Tick) -> Signals:
            while True:
                yield Signal(instrument=tick.instrument, target=1)

    assert alarms(Desk(spec(), alpha=Endless()).tick()) == ["STRATEGY_ERROR"]


def test_the_view_tells_time_session_orders_and_profit():
    class Looks(Notes):
        def on_timer(self, view: View) -> None:
            self.seen = (view.today, view.clock, view.is_open, view.session.close_ns)
            self.days = view.trading_days(date(2026, 11, 16), date(2026, 11, 20))
            self.resting = [order.intent.quantity for order in view.orders(INFY.id)]
            self.elsewhere = view.orders(TCS.id)
            self.profit = view.profit(INFY.id)
            self.cost = view.average_price(INFY.id)

    looks = Looks()
    desk = Desk(spec(), alpha=looks)
    desk.hold(10)
    desk.say(30, price=103.0)
    desk.wait(1)
    assert looks.seen == (DAY, time(10, 0, 1), True, desk.spec.close_ns)
    assert looks.days == 5
    assert (looks.resting, looks.elsewhere) == ([20], [])
    assert (looks.profit, looks.cost) == (30, 100)
    stats = desk.engine.host.stats()[0]
    assert (stats.orders, stats.fills, stats.unrealised, stats.pnl) == (2, 1, 30, 30)


def test_wins_and_losses_are_counted_by_closing_fills():
    desk = Desk()
    desk.hold(10)
    desk.say(4)
    order = desk.last_order
    desk.fill(order, "o2", 2, "101")
    desk.fill(order, "o2", 4, "99")
    stats = desk.engine.host.stats()[0]
    assert (stats.wins, stats.losses, stats.realised) == (1, 1, -2)


def test_what_a_strategy_watches_follows_the_money():
    run = spec(strategies=(told("alpha", INFY, TCS),))
    desk = Desk(run)
    desk.hold(10)
    strategy = desk.strategies["alpha"]
    assert isinstance(strategy, Told)
    strategy.next = [Watch(add=(FUTURE.id,), drop=(TCS.id, INFY.id))]
    commands = desk.tick(100.0)
    (changed,) = (c for c in commands if isinstance(c, SubscriptionChanged))
    assert changed.instruments == (INFY.id, FUTURE.id)  # a position keeps its instrument
    strategy.next = [Signal(instrument=FUTURE.id, target=75)]
    assert submitted(desk.tick(24_000.0, instrument=FUTURE)) == []
    assert desk.denials == ["MAX_ORDER_VALUE"]


def test_bars_are_only_made_for_who_listens():
    class Hears(Strategy):
        def on_bar(self, view: View, bar: Bar) -> None:
            return None

    desk = Desk(spec(), alpha=Hears())
    assert desk.tick(100.0) == ()
    assert desk.engine.host.hosted["alpha"].calls == 1  # on_start alone


def test_session_day_is_the_run_s():
    assert Desk().engine.host.hosted["alpha"].view.session.day == DAY
    assert at_ist(DAY, 9, 15) == Desk().engine.host.hosted["alpha"].view.session.open_ns


def test_what_was_carried_over_keeps_its_owner_through_a_rename():
    renamed = StrategySpec(
        name="alpha", path="x:Y", instruments=(INFY.id,), former_names=("old", "older")
    )
    held = CarriedPosition(
        owner="old",
        instrument=INFY.id,
        product=Product.MIS,
        quantity=10,
        average_price=Decimal(95),
    )
    desk = Desk(spec(strategies=(renamed, told("beta", INFY)), carried=(held,)))
    assert (desk.owned(), desk.owned(by="beta")) == (10, 0)
    (out,) = submitted(desk.say(0))
    assert (out.quantity, out.reduces) == (10, True)


def test_a_former_name_has_one_owner():
    one = StrategySpec(name="one", path="x:Y", instruments=(), former_names=("old",))
    two = StrategySpec(name="two", path="x:Y", instruments=(), former_names=("old",))
    with pytest.raises(InvalidValue, match="former_names"):
        spec(strategies=(one, two))
    with pytest.raises(InvalidValue, match="former_names"):
        spec(strategies=(one, told("old")))


@pytest.mark.parametrize(
    "field", ["strategy_budget_ns", "max_strategy_overruns", "strategy_timer_ns"]
)
def test_a_run_s_patience_with_strategies_is_positive(field: str):
    with pytest.raises(InvalidValue, match=field):
        spec(**{field: 0})
