"""Typed parameters: declared once, checked whenever they are given, changed whole or not at all."""

import pytest

from patang.domain.errors import InvalidValue
from patang.domain.messages import (
    ParametersApplied,
    ParametersChanged,
    Signal,
    StrategySpec,
)
from patang.engine.parameters import choice, flag, number, whole
from patang.engine.strategy import Strategy, View
from patang.runtime.strategies import load_strategies
from tests.builders import INFY, Desk, alarms, spec, told


class Tuned(Strategy):
    fast = whole(4, low=2, high=50)
    slow = whole(9, low=3)
    entry = number(1.5, above=0)
    facing = choice("both", "long", "short")
    quiet = flag(False)

    def check(self) -> None:
        if self.fast >= self.slow:
            raise InvalidValue("parameters.fast", f"{self.fast} is not below slow ({self.slow}).")

    def on_parameters(self, view: View) -> Signal:
        return Signal(instrument=INFY.id, target=self.fast, reason="tuned")


def test_declared_parameters_have_their_defaults_and_take_others():
    assert Tuned().parameters == {
        "fast": 4,
        "slow": 9,
        "entry": 1.5,
        "facing": "both",
        "quiet": False,
    }
    strategy = Tuned(fast=5, entry=2, facing="long", quiet=True)
    assert (strategy.fast, strategy.entry, strategy.facing, strategy.quiet) == (
        5,
        2.0,
        "long",
        True,
    )
    assert type(strategy.entry) is float
    assert list(Tuned.declared()) == ["fast", "slow", "entry", "facing", "quiet"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"fast": 1}, "fast"),
        ({"fast": 51}, "fast"),
        ({"fast": 4.0}, "fast"),
        ({"fast": True}, "fast"),
        ({"fast": "4"}, "fast"),
        ({"fast": 9}, "fast"),
        ({"entry": 0}, "entry"),
        ({"entry": float("nan")}, "entry"),
        ({"entry": float("inf")}, "entry"),
        ({"facing": "up"}, "facing"),
        ({"quiet": 1}, "quiet"),
        ({"speed": 3}, "speed"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(given: dict[str, object], field: str):
    with pytest.raises(InvalidValue, match=rf"^parameters\.{field}: "):
        Tuned(**given)  # type: ignore[arg-type]


def test_the_error_says_what_would_fit():
    with pytest.raises(InvalidValue, match="at least 2 and at most 50"):
        Tuned(fast=1)
    with pytest.raises(InvalidValue, match="One of: both, long, short"):
        Tuned(facing="up")


def test_a_default_that_does_not_fit_is_a_defect_of_the_class():
    with pytest.raises(InvalidValue, match="default"):
        whole(1, low=2)


def test_a_loaded_strategy_names_itself_and_the_field():
    told = StrategySpec(
        name="morning", path=f"{__name__}:Tuned", instruments=(), parameters={"fast": 99}
    )
    with pytest.raises(InvalidValue, match=r"^strategies\.morning\.parameters\.fast: 99"):
        load_strategies([told])


def changed(desk: Desk, **parameters: object) -> ParametersChanged:
    return ParametersChanged(
        at_ns=desk.now_ns,
        strategy="alpha",
        parameters=parameters,  # type: ignore[arg-type]
        by="ops",
    )


def test_parameters_change_at_run_time_and_the_strategy_answers():
    desk = Desk(spec(), alpha=Tuned())
    desk.tick(100.0)
    commands = desk.send(changed(desk, fast=5))
    (applied,) = (c for c in commands if isinstance(c, ParametersApplied))
    assert applied.parameters["fast"] == 5
    assert applied.parameters["slow"] == 9
    assert desk.last_order.intent.quantity == 5


@pytest.mark.parametrize("bad", [{"fast": 99}, {"fast": 20}, {"nope": 1}])
def test_a_change_that_does_not_fit_changes_nothing(bad: dict[str, object]):
    desk = Desk(spec(), alpha=Tuned())
    commands = desk.send(changed(desk, **{"slow": 10, **bad}))
    assert alarms(commands) == ["STRATEGY_CHANGE_REFUSED"]
    assert desk.strategies["alpha"].parameters == Tuned().parameters


def test_changing_a_strategy_that_is_not_there_is_refused():
    desk = Desk(spec(strategies=(told("alpha"),)), alpha=Tuned())
    event = ParametersChanged(at_ns=desk.now_ns, strategy="beta", parameters={}, by="ops")
    assert alarms(desk.send(event)) == ["STRATEGY_CHANGE_REFUSED"]
