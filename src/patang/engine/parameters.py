"""Typed parameters of a strategy: declared once, checked whenever they are given.

    class Breakout(Strategy):
        window = whole(20, low=2, high=400)
        entry = number(1.5, above=0)
        facing = choice("both", "long", "short")

Inside the strategy ``self.window`` is a plain value. Declarations also tell a screen or a sweep
what there is to set: ``Breakout.declared()``.
"""

import math
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from patang.domain.errors import InvalidValue

Value = int | float | str | bool


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter: its kind, its default and what it may be.

    The bounds ``low`` and ``high`` are included, ``above`` is not.
    """

    kind: type[Value]
    default: Value
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> Value:
        """``value`` as the parameter's own type.

        Raises:
            InvalidValue: it is of another type, out of bounds or not among the choices.
        """
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:
            raise InvalidValue(
                f"parameters.{name}", f"{value!r} is not {_NOUNS[self.kind]}.", self._remedy()
            )
        known: Value = value
        if not self._allows(known):
            raise InvalidValue(f"parameters.{name}", f"{value!r} is not allowed.", self._remedy())
        return known

    def _allows(self, value: Value) -> bool:
        if isinstance(value, str):
            return not self.choices or value in self.choices
        if isinstance(value, bool):
            return True
        return (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
        )

    def _remedy(self) -> str:
        limits = [
            f"{word} {bound:g}"
            for word, bound in (
                ("at least", self.low),
                ("above", self.above),
                ("at most", self.high),
            )
            if bound is not None
        ]
        if self.choices:
            return f"One of: {', '.join(self.choices)}."
        return f"Give {_NOUNS[self.kind]}{', ' if limits else ''}{' and '.join(limits)}."


_NOUNS: dict[type[Any], str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
}


class _Slot:
    """Stands in the class for a declared parameter; an instance's value replaces it."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Value:
        if instance is None:
            return self.declared.default
        return cast(Value, instance.__dict__.get(self._name, self.declared.default))


def whole(default: int, *, low: int | None = None, high: int | None = None) -> int:
    """Declare a whole number within ``[low, high]``."""
    return cast(int, _slot(Declared(kind=int, default=default, low=low, high=high)))


def number(
    default: float,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> float:
    """Declare a finite number within ``[low, high]`` and greater than ``above``."""
    declared = Declared(kind=float, default=float(default), low=low, high=high, above=above)
    return cast(float, _slot(declared))


def choice(default: str, *others: str) -> str:
    """Declare one word out of several."""
    return cast(str, _slot(Declared(kind=str, default=default, choices=(default, *others))))


def flag(default: bool) -> bool:
    """Declare a yes or no."""
    return cast(bool, _slot(Declared(kind=bool, default=default)))


def declared_in(owner: type) -> dict[str, Declared]:
    """The parameters a class and its bases declare, in order of declaration."""
    found: dict[str, Declared] = {}
    for base in reversed(owner.__mro__):
        for name, slot in vars(base).items():
            if isinstance(slot, _Slot):
                found[name] = slot.declared
    return found


def checked_parameters(
    declared: Mapping[str, Declared], given: Mapping[str, object]
) -> dict[str, Value]:
    """Every declared parameter with its value: the given one, else the default.

    Raises:
        InvalidValue: a name is not declared, or a value does not fit.
    """
    unknown = [name for name in given if name not in declared]
    if unknown:
        known = ", ".join(declared) or "none"
        raise InvalidValue(
            f"parameters.{unknown[0]}", "there is no such parameter.", f"Has: {known}."
        )
    return {
        name: each.checked(name, given[name]) if name in given else each.default
        for name, each in declared.items()
    }


def _slot(declared: Declared) -> _Slot:
    declared.checked("default", declared.default)  # a class with a default it refuses is a defect
    return _Slot(declared)
