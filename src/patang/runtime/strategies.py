"""Strategies by name: turns ``module:Class`` and its parameters into an instance."""

import importlib
from collections.abc import Iterable

from patang.domain.errors import InvalidValue, MissingExtra
from patang.domain.messages import StrategySpec
from patang.engine.strategy import Strategy


def load_strategies(specs: Iterable[StrategySpec]) -> dict[str, Strategy]:
    """Instantiate every strategy of a run, by its name.

    Raises:
        InvalidValue: the module or class does not exist, is no strategy, or refuses a parameter.
        MissingExtra: the strategy needs an optional dependency.
    """
    return {spec.name: _load(spec) for spec in specs}


def _load(spec: StrategySpec) -> Strategy:
    field = f"strategies.{spec.name}"
    module_name, colon, class_name = spec.path.partition(":")
    if not colon:
        raise InvalidValue(f"{field}.path", f"{spec.path!r} is not module:Class.")
    try:
        module = importlib.import_module(module_name)
    except MissingExtra:
        raise
    except ImportError as error:
        raise InvalidValue(
            f"{field}.path", f"cannot import {module_name}: {error}.", "Is it on the Python path?"
        ) from error
    strategy_class = getattr(module, class_name, None)
    if not (isinstance(strategy_class, type) and issubclass(strategy_class, Strategy)):
        raise InvalidValue(f"{field}.path", f"{spec.path} is not a Strategy.")
    try:
        return strategy_class(**spec.parameters)
    except TypeError as error:
        raise InvalidValue(f"{field}.parameters", f"{error}.") from error
