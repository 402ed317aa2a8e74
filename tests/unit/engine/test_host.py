"""Strategies: what they see, and how their failures stay their own."""

from collections.abc import Iterator

import numpy as np
import pytest

from patang.domain.errors import InvalidValue
from patang.domain.market import Bar, Tick
from patang.domain.messages import (
    AlarmRaised,
    BarClosed,
    RunStopped,
    Signal,
    SignalRaised,
    StrategyDisabled,
    StrategySpec,
    TicksReceived,
    encode_commands,
)
from patang.domain.order import Fill, OrderStatus
from patang.engine.engine import Engine
from patang.engine.strategy import Signals, Strategy, View
from tests.builders import INFY, START_NS, TCS, Desk, alarms, spec, submitted, tick, told


class Answers(Strategy):
    """Answers every tick with what it was made with."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def on_tick(self, view: View, tick: Tick) -> Signals:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def desk_of(answer: object) -> Desk:
    return Desk(spec(), alpha=Answers(answer))


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("boom"),
        Unprintable(),
        RuntimeError("\ud800"),
        42,
        object(),
        [object()],
        Signal(instrument="NSE:NONE", target=1),
        Signal(instrument=INFY.id, target=1.5),
        Signal(instrument=INFY.id, target=True),
        Signal(instrument=INFY.id, target=10**30),
        Signal(instrument=INFY.id, target=1, limit_price=0.0),
        Signal(instrument=INFY.id, target=1, limit_price=0.04),
        Signal(instrument=INFY.id, target=1, limit_price=-5.0),
        Signal(instrument=INFY.id, target=1, limit_price=1e300),
        Signal(instrument=INFY.id, target=1, limit_price=float("nan")),
        Signal(instrument=INFY.id, target=1, limit_price="dear"),
        Signal(instrument=INFY.id, target=1, reason=object()),
        Signal(instrument=INFY.id, target=1, reason="\udfff"),
    ],
    ids=lambda answer: type(answer).__name__,  # an address in a name differs between processes
)
def test_nonsense_is_contained_counted_and_can_be_journaled(answer: object):
    desk = desk_of(answer)
    commands = desk.tick()
    assert alarms(commands) == ["STRATEGY_ERROR"]
    assert submitted(commands) == []
    assert encode_commands(commands)


def test_a_strategy_that_keeps_failing_is_disabled_alone_and_once():
    run = spec(strategies=(told("alpha"), told("beta")), max_strategy_errors=3)
    desk = Desk(run, alpha=Answers(ValueError("x")), beta=Answers(None))
    frame = TicksReceived(at_ns=START_NS, ticks=tuple(tick(100.0 + n) for n in range(5)))
    commands = desk.send(frame)
    assert [c.strategy for c in commands if isinstance(c, StrategyDisabled)] == ["alpha"]
    assert alarms(commands) == ["STRATEGY_ERROR"] * 3
    assert desk.engine.host.hosted["beta"].is_enabled
    assert desk.tick() == ()


def test_a_success_in_between_starts_the_count_anew():
    desk = Desk(spec(max_strategy_errors=2))
    strategy = desk.strategies["alpha"]
    for _ in range(4):
        strategy.next = [42]
        desk.tick()
        desk.tick()
    assert desk.engine.host.hosted["alpha"].is_enabled
    assert desk.engine.host.hosted["alpha"].errors == 4


def test_addresses_in_an_error_are_hidden_so_that_a_replay_says_the_same():
    (alarm,) = (c for c in desk_of(ValueError(object())).tick() if isinstance(c, AlarmRaised))
    assert "0x..." in alarm.message


def test_numpy_prices_are_welcome():
    commands = desk_of(Signal(instrument=INFY.id, target=1, limit_price=np.float64(99.9))).tick()
    assert len(submitted(commands)) == 1
    assert encode_commands(commands)


def test_a_callback_may_return_a_generator():
    class Yields(Strategy):
        def on_tick(self, view: View, tick: Tick) -> Iterator[Signal]:
            for name in view.instruments[:2]:
                yield Signal(instrument=name, target=1)

    desk = Desk(spec(), alpha=Yields())
    desk.tick(instrument=TCS)
    assert [s.instrument for s in (c.signal for c in desk.log if isinstance(c, SignalRaised))] == [
        INFY.id,
        TCS.id,
    ]


def test_a_view_shows_this_turn_and_only_what_is_the_strategy_s_own():
    seen: list[tuple[int, int, float | None, int]] = []

    class Looks(Strategy):
        def on_fill(self, view: View, fill: Fill) -> None:
            name = fill.instrument
            seen.append(
                (
                    view.position(name),
                    view.working(name),
                    view.last_price(name),
                    len(view.bars(name, 3)),
                )
            )

        def on_tick(self, view: View, tick: Tick) -> Signal:
            return Signal(instrument=tick.instrument, target=10)

    desk = Desk(spec(), alpha=Looks())
    desk.tick(101.0)
    order = desk.last_order
    desk.update(order, "o1", OrderStatus.OPEN)
    desk.fill(order, "o1", 4)
    assert seen == [(4, 6, 101.0, 0)]


def test_bars_reach_strategies_before_the_tick_that_closed_them():
    heard: list[str] = []

    class Hears(Strategy):
        def on_bar(self, view: View, bar: Bar) -> None:
            heard.append(f"bar {bar.close} {len(view.bars(bar.instrument, 9))}")

        def on_tick(self, view: View, tick: Tick) -> None:
            heard.append(f"tick {tick.last_price}")

    desk = Desk(spec(), alpha=Hears())
    for volume, price in enumerate((100.0, 101.0, 102.0), 1):
        desk.tick(price, volume=volume)
        desk.now_ns += 60_000_000_000
    assert heard == ["tick 100.0", "tick 101.0", "bar 101.0 1", "tick 102.0"]
    assert any(isinstance(c, BarClosed) for c in desk.log)


def test_no_signal_is_taken_after_the_end():
    class Parting(Strategy):
        def on_stop(self, view: View) -> Signal:  # type: ignore[override]
            return Signal(instrument=INFY.id, target=1)

    desk = Desk(spec(), alpha=Parting())
    assert desk.send(RunStopped(at_ns=desk.now_ns, reason="done")) == ()


@pytest.mark.parametrize(
    "strategies",
    [
        (told("alpha"), told("alpha")),
        (told("external"),),
        (StrategySpec(name="alpha", path="x:Y", instruments=("NSE:NONE",)),),
    ],
)
def test_a_run_whose_strategies_do_not_fit_is_refused(strategies: tuple[StrategySpec, ...]):
    with pytest.raises(InvalidValue, match="strategies"):
        Engine(spec(strategies=strategies), {s.name: Strategy() for s in strategies})
