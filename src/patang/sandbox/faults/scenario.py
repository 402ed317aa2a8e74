"""Scenario files: the faults of a run, in TOML or JSON.

A scenario in TOML::

    name = "a bad morning"

    [[faults]]
    kind = "lose_reply"
    nth = [3]

    [[faults]]
    kind = "cut_exchange"
    at_s = 60
    for_s = 20
"""

import re
import tomllib
from pathlib import Path

import msgspec

from patang.domain.errors import PatangError
from patang.sandbox.faults.menu import KINDS, Fault

_PLACE = re.compile(r" - at `\$(?:\.faults\[(\d+)\])?\.?(.*)`$")


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults that a run meets. Their seconds count from the moment the scenario is loaded."""

    name: str = ""
    faults: tuple[Fault, ...] = ()


class ScenarioInvalid(PatangError):
    """A scenario cannot be read. ``field`` and ``line`` (from 1, of TOML) say where."""

    def __init__(self, cause: str, field: str, line: int | None) -> None:
        self.field = field
        self.line = line
        super().__init__(cause, "docs/sandbox.md lists the faults and their fields.")


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file, ``.json`` or TOML.

    Raises:
        ScenarioInvalid: unreadable, or not a scenario; it names file, line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioInvalid(f"Cannot read {path}: {error.strerror}.", "", None) from error
    except UnicodeDecodeError as error:
        raise ScenarioInvalid(f"{path} is not UTF-8 text.", "", None) from error
    return parse_scenario(text, is_json=path.suffix == ".json", name=str(path))


def parse_scenario(text: str, *, is_json: bool = False, name: str = "scenario") -> Scenario:
    """A scenario out of its text; raises ``ScenarioInvalid``, which calls it ``name``."""
    if is_json:
        try:
            return msgspec.json.decode(text, type=Scenario)
        except msgspec.DecodeError as error:
            raise _invalid(str(error), "", name) from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        line = re.search(r"at line (\d+)", problem)
        raise ScenarioInvalid(
            f"{name}: {problem}.", "", int(line.group(1)) if line else None
        ) from error
    try:
        return msgspec.convert(document, Scenario)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), text, name) from error


def _invalid(problem: str, text: str, name: str) -> ScenarioInvalid:
    """What msgspec says, with the line of the TOML text that it means."""
    place = _PLACE.search(problem)
    cause = problem[: place.start()] if place else problem
    number, field = (place.group(1), place.group(2)) if place else (None, "")
    # The unknown or missing field's name is in the text only.
    quoted = re.search(r"`(\w+)`", cause)
    named = field.partition("[")[0] or _leading_name(cause) or (quoted.group(1) if quoted else "")
    line = _line_of(text, None if number is None else int(number), named)
    where = "" if line is None else f", line {line}"
    which = "" if number is None else f", fault {int(number) + 1}"
    label = f", {field}" if field else ""
    if field == "kind" and cause.startswith("Invalid value"):
        cause = f"{cause}. Known: {', '.join(KINDS)}"
    return ScenarioInvalid(f"{name}{where}{which}{label}: {cause.rstrip('.')}.", named, line)


def _leading_name(cause: str) -> str:
    """``until_s`` of "until_s: is not after from_s."."""
    match = re.match(r"(\w+): ", cause)
    return match.group(1) if match else ""


def _line_of(text: str, number: int | None, field: str) -> int | None:
    """The line of a field in the fault of this index, of the fault's head where it has none."""
    lines = text.splitlines()
    heads = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*faults\s*\]\]", line)]
    if number is None or number >= len(heads):
        start, end = 0, len(lines)
    else:
        start = heads[number]
        end = heads[number + 1] if number + 1 < len(heads) else len(lines)
    pattern = re.compile(rf"\s*\"?{re.escape(field)}\"?\s*=") if field else None
    for at in range(start, end):
        if pattern and pattern.match(lines[at]):
            return at + 1
    return None if number is None or number >= len(heads) else start + 1
