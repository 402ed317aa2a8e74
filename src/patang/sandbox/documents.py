"""Files that people write: TOML or JSON of a given shape, and errors that name line and field."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from patang.domain.errors import PatangError

T = TypeVar("T")

_NONE: Mapping[str, str] = {}
_WHERE = re.compile(r" - at `\$\.?(.*)`$")
_STEP = re.compile(r"(\w+)\[(\d+)\]")


class DocumentInvalid(PatangError):
    """A file cannot be read. ``field`` and ``line`` (from 1, of TOML) say where, if they can."""

    def __init__(
        self, cause: str, field: str = "", line: int | None = None, remedy: str = ""
    ) -> None:
        self.field = field
        self.line = line
        super().__init__(cause, remedy or "docs/sandbox.md shows what such a file holds.")


def read_document(path: Path, shape: type[T], hints: Mapping[str, str] = _NONE) -> T:
    """A file of this shape, ``.json`` or else TOML.

    ``hints`` are remedies by field; the one under ``""`` is for all that have none.

    Raises:
        DocumentInvalid: unreadable, or of another shape; it names file, line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentInvalid(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DocumentInvalid(f"{path} is not UTF-8 text.") from error
    is_json = path.suffix == ".json"
    return parse_document(text, shape, is_json=is_json, name=str(path), hints=hints)


def parse_document(
    text: str, shape: type[T], *, is_json: bool, name: str, hints: Mapping[str, str] = _NONE
) -> T:
    """The same out of a text; errors call it ``name``."""
    try:
        if is_json:
            return msgspec.json.decode(text, type=shape)
        return msgspec.convert(tomllib.loads(text), shape)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        line = re.search(r"at line (\d+)", problem)
        raise DocumentInvalid(
            f"{name}: {problem.rstrip('.')}.",
            line=int(line[1]) if line else None,
            remedy=_remedy("", hints),
        ) from error
    except msgspec.DecodeError as error:
        raise _invalid(str(error), "" if is_json else text, name, hints) from error


def _invalid(problem: str, text: str, name: str, hints: Mapping[str, str]) -> DocumentInvalid:
    """What msgspec says, with the line of the text that it means."""
    where = _WHERE.search(problem)
    path = where[1] if where else ""
    cause = (problem[: where.start()] if where else problem).rstrip(".")
    field = _field(path, cause)
    line = _line_of(text, path, field)
    places = [name, *([f"line {line}"] if line else []), *([path] if path else [])]
    return DocumentInvalid(f"{', '.join(places)}: {cause}.", field, line, _remedy(field, hints))


def _remedy(field: str, hints: Mapping[str, str]) -> str:
    return hints.get(field) or hints.get("", "")


def _field(path: str, cause: str) -> str:
    # What is wrong with a whole table names the field in words.
    named = re.match(r"(\w+): |Object .* field `(\w+)`", cause)
    if named:
        return named[1] or named[2]
    return _STEP.sub(r"\1", path.rpartition(".")[2])


def _line_of(text: str, path: str, field: str) -> int | None:
    """The line of a field within the table that its path leads to, or of the table's head."""
    lines = text.splitlines()
    start, end, prefix = 0, len(lines), ""
    is_head = False
    for table, number in _STEP.findall(path):
        prefix = f"{prefix}.{table}" if prefix else table
        head = re.compile(rf"\s*\[\[\s*{re.escape(prefix)}\s*\]\]")
        heads = [at for at in range(start, end) if head.match(lines[at])]
        if int(number) >= len(heads):
            break
        start = heads[int(number)]
        end = next((at for at in heads if at > start), end)
        is_head = True
    wanted = re.compile(rf"\s*\"?{re.escape(field)}\"?\s*=") if field else None
    for at in range(start, end):
        if wanted and wanted.match(lines[at]):
            return at + 1
    return start + 1 if is_head else None
