"""Strategies by name: turns ``module:Class`` and its parameters into an instance."""

import importlib
import traceback
from collections.abc import Iterable
from types import ModuleType

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
    field = f"strategy {spec.path!r}"
    module_name, colon, class_name = spec.path.partition(":")
    if not (colon and class_name.isidentifier() and _is_module_name(module_name)):
        raise InvalidValue(
            field,
            "it is not written module:Class.",
            "For class BuyTheDip in dip.py of the current folder, write dip:BuyTheDip.",
        )
    strategy_class = getattr(_import(module_name, field), class_name, None)
    if not (isinstance(strategy_class, type) and issubclass(strategy_class, Strategy)):
        raise InvalidValue(
            field,
            f"{module_name} has no Strategy of the name {class_name}.",
            "The class must be there and derive from patang.engine.strategy.Strategy.",
        )
    try:
        return strategy_class(**spec.parameters)
    except MissingExtra:
        raise
    except InvalidValue as error:
        told = error.cause.removeprefix(f"{error.field}: ")
        named = f"strategies.{spec.name}.{error.field}"
        raise InvalidValue(named, told, error.remedy) from error
    except Exception as error:
        raise InvalidValue(
            field, f"it cannot be made: {_told(error)}", "Every parameter needs a fitting value."
        ) from error


def _import(module_name: str, field: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except MissingExtra:
        raise
    except ModuleNotFoundError as error:
        raise InvalidValue(
            field,
            f"there is no module {error.name}.",
            "Run the command in the folder that holds it, or install it.",
        ) from error
    except Exception as error:  # a user's file may do anything when it is imported
        raise InvalidValue(
            field, f"importing {module_name} failed: {_told(error)}", "Mend the file."
        ) from error


def _is_module_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _told(error: Exception) -> str:
    """The error and the line it came from."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    if isinstance(error, SyntaxError):
        where = f" ({error.filename} line {error.lineno})"
    else:
        where = f" ({place[0].filename} line {place[0].lineno})" if place else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}{where}"
