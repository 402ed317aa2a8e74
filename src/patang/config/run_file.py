"""The file of a run: what trades, where, under which limits. YAML, every value typed and checked.

Absent configuration means no trading: ``mode`` and ``broker`` have no default, and they must agree.
Secrets do not stand in it.
"""

import re
from collections.abc import Iterator
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from patang.config.errors import ConfigInvalid
from patang.domain.enums import Interval, Mode, Product
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId, parse_instrument_id
from patang.domain.limits import RiskLimits, ScopeLimits
from patang.domain.messages import Parameter

EXAMPLE = "docs/run.md shows a whole file."

_WHERE = re.compile(r" - at `\$\.?(.*)`$")
_NAMED = re.compile(r"field `(\w+)`")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_MODES = {"sandbox": Mode.SANDBOX, "paper": Mode.PAPER, "kite": Mode.LIVE}
_REMEDIES = {
    "mode": "One of sandbox, paper and live; it must fit the broker.",
    "broker": "sandbox (a ready file), paper (fills made up from a live feed) or kite (real).",
    "square_off": 'Write the time in India as "15:10".',
}


class StrategySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One strategy: ``path`` is ``module:Class``; it trades all instruments where it names none."""

    path: str
    name: str = ""
    instruments: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = {}
    intervals: tuple[Interval, ...] = ()


class LimitsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in place of those that follow from the capital; see docs/risk.md."""

    max_order_value: Decimal | None = None
    max_position_value: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_orders_per_second: int | None = None
    max_orders_per_minute: int | None = None
    max_order_quantity: int | None = None
    max_position_quantity: int | None = None
    max_gross_value: Decimal | None = None
    max_net_value: Decimal | None = None
    max_open_positions: int | None = None
    max_orders_per_day: int | None = None
    max_drawdown: Decimal | None = None
    profit_lock_from: Decimal | None = None
    profit_lock_give_back: Decimal | None = None
    max_loss_streak: int | None = None
    price_collar: Decimal | None = None
    margin_use: Decimal | None = None
    allowed_instruments: tuple[InstrumentId, ...] | None = None
    allowed_products: tuple[Product, ...] | None = None
    strategies: dict[str, ScopeLimits] | None = None
    instruments: dict[InstrumentId, ScopeLimits] | None = None
    underlyings: dict[str, ScopeLimits] | None = None

    def over(self, usual: RiskLimits) -> RiskLimits:
        """The usual limits with those of the file in their place.

        Raises:
            InvalidValue: they contradict each other.
        """
        given = {
            name: value for name, value in msgspec.structs.asdict(self).items() if value is not None
        }
        return msgspec.structs.replace(usual, **given)


class RunFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run is made of. ``capital`` bounds what the limits are worked out from, in rupees.

    ``journal`` and ``ready_file`` are relative to the file's own folder; ``{date}`` in the journal
    is the venue's day. ``ready_file`` is of a sandbox, ``profile`` of ``patang profile``; a paper
    run takes its prices from either.
    """

    mode: Mode
    broker: Literal["sandbox", "paper", "kite"]
    journal: str
    instruments: tuple[str, ...]
    strategies: tuple[StrategySection, ...]
    ready_file: str | None = None
    profile: str | None = None
    capital: Decimal | None = None
    product: Product = Product.MIS
    interval: Interval = Interval.MINUTE
    square_off: str | None = None
    limits: LimitsSection = LimitsSection()

    @property
    def square_off_time(self) -> time | None:
        """When positions are closed, IST; None for a quarter of an hour before the close."""
        return None if self.square_off is None else time.fromisoformat(self.square_off)


def read_run_file(path: Path) -> RunFile:
    """The checked file, its paths absolute.

    Raises:
        ConfigInvalid: unreadable, no YAML, or a wrong field; it names file, line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid(str(path), f"it cannot be read: {error.strerror}.", EXAMPLE) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid(str(path), "it is not UTF-8 text.", EXAMPLE) from error
    return parse_run_file(text, path)


def parse_run_file(text: str, path: Path) -> RunFile:
    """The same out of a text; raises as ``read_run_file``."""
    reading = _Reading(text, path)
    try:
        run = msgspec.convert(reading.plain, type=RunFile)
    except msgspec.ValidationError as error:
        raise reading.fault_of(str(error)) from error
    reading.check(run)
    folder = path.absolute().parent
    ready = None if run.ready_file is None else str(folder / run.ready_file)
    return msgspec.structs.replace(run, journal=str(folder / run.journal), ready_file=ready)


class _Reading:
    """A document as plain values, and the lines they stand on, by their path."""

    def __init__(self, text: str, path: Path) -> None:
        self._path = path
        self._lines: dict[str, int] = {}
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = None if mark is None else mark.line + 1
            raise self._fault("", line, f"it is no YAML: {error.problem}.") from error
        except yaml.YAMLError as error:
            raise self._fault("", None, "it is no YAML.") from error
        if not isinstance(root, yaml.MappingNode):
            raise self._fault("", 1, "it holds no names with values.")
        self.plain = self._plain(root, "")

    def fault_of(self, problem: str) -> ConfigInvalid:
        """What msgspec says, with the line that it means."""
        where = _WHERE.search(problem)
        place = "" if where is None else where[1]
        cause = problem if where is None else problem[: where.start()]
        named = _NAMED.search(cause)
        if named is not None:
            inner = f"{place}.{named[1]}" if place else named[1]
            cause = "this name is not known" if "unknown" in cause else "it is missing"
            return self._fault(inner, self._line(inner), f"{cause}.")
        return self._fault(place, self._line(place), f"{cause}.")

    def check(self, run: RunFile) -> None:
        """What types cannot say."""
        for field, cause in (*self._unknown_limits(), *self._contradictions(run)):
            raise self._fault(field, self._line(field), cause)
        for field, names in self._instruments(run):
            for number, name in enumerate(names):
                try:
                    parse_instrument_id(name)
                except ValueError as error:
                    place = f"{field}[{number}]"
                    raise self._fault(place, self._line(place), f"{error}") from error

    def _instruments(self, run: RunFile) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield "instruments", run.instruments
        for number, section in enumerate(run.strategies):
            yield f"strategies[{number}].instruments", section.instruments

    def _unknown_limits(self) -> Iterator[tuple[str, str]]:
        """A limit that is misspelt would be none."""
        limits = self.plain.get("limits") or {}
        for part in ("strategies", "instruments", "underlyings"):
            for scope, given in (limits.get(part) or {}).items():
                for name in given:
                    if name not in ScopeLimits.__struct_fields__:
                        yield f"limits.{part}.{scope}.{name}", "this name is not known."

    def _contradictions(self, run: RunFile) -> Iterator[tuple[str, str]]:
        if run.mode is not _MODES[run.broker]:
            yield "mode", f"a run through {run.broker} is not {run.mode}."
        if run.broker == "sandbox" and run.ready_file is None:
            yield "ready_file", "a sandbox is known by its ready file."
        if run.broker == "sandbox" and run.profile is not None:
            yield "profile", "a sandbox needs none."
        if run.broker == "kite" and run.profile is None:
            yield "profile", "a live run names its account."
        if run.broker == "kite" and run.ready_file is not None:
            yield "ready_file", "a live run has none."
        if run.broker == "paper" and (run.profile is None) is (run.ready_file is None):
            yield "profile", "prices come from a profile or from a ready file: name one of them."
        if not run.instruments:
            yield "instruments", "there are none."
        if not run.strategies:
            yield "strategies", "there are none."
        if run.capital is not None and not (run.capital.is_finite() and run.capital > 0):
            yield "capital", f"{run.capital} is not a positive amount of rupees."
        names = [name_of(section) for section in run.strategies]
        for number, name in enumerate(names):
            if not _NAME.fullmatch(name):
                yield (
                    f"strategies[{number}].name",
                    f"{name[:40]!r} is no name: letters, digits, '-' and '_'.",
                )
            if name in names[:number]:
                yield f"strategies[{number}].name", f"{name} stands twice."
            odd = [one for one in run.strategies[number].instruments if one not in run.instruments]
            if odd:
                yield f"strategies[{number}].instruments", f"{odd[0]} is not one of the run's."
        if run.square_off is not None and not _is_time(run.square_off):
            yield "square_off", f"{run.square_off[:20]!r} is no time of day."
        try:
            run.limits.over(RiskLimits.of_capital(run.capital or Decimal(10_000_000)))
        except InvalidValue as error:
            if run.capital is not None:
                yield "limits", f"{error.cause}"

    def _plain(self, node: yaml.Node, path: str) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key, value in node.value:
                name = str(key.value)
                inner = f"{path}.{name}" if path else name
                line = key.start_mark.line + 1
                if name in found:
                    raise self._fault(inner, line, "it stands twice.")
                self._lines[inner] = line
                found[name] = self._plain(value, inner)
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(one, f"{path}[{at}]") for at, one in enumerate(node.value)]
        text = str(node.value)
        match node.tag.rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on")
            # 15:10 is a time of day here, and not the number that older YAML makes of it.
            case "int" if ":" not in text:
                try:
                    return int(text.replace("_", ""), 0)
                except ValueError:
                    return text
            case "float" if ":" not in text:
                return float(text.replace("_", ""))
            case _:
                return text

    def _line(self, place: str) -> int | None:
        """The line of a place, or of the nearest thing around it that the file holds."""
        while place and place not in self._lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self._lines.get(place) if place else None

    def _fault(self, field: str, line: int | None, cause: str) -> ConfigInvalid:
        where = f"{self._path}" if line is None else f"{self._path}, line {line}"
        last = field.rpartition(".")[2]
        named = f"{where}: {field}" if field else where
        return ConfigInvalid(named, cause, _REMEDIES.get(last, EXAMPLE))


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return True


def name_of(section: StrategySection) -> str:
    """The strategy's name: its own, or that of its class."""
    return section.name or section.path.partition(":")[2] or section.path
