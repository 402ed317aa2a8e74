"""What a record leaves out means what it meant when it was written.

Records are short because fields that hold their default are not written. So a default may never
change, and a field that is new to a struct must have one: ``defaults.json`` holds those that have
been written with. Add new ones to it; none may leave it or change.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from patang.domain.messages import AnyCommand, AnyEvent

FILE = Path(__file__).with_name("defaults.json")
_REQUIRED = "(required)"
_encode = msgspec.json.Encoder(decimal_format="string").encode


def structs(kind: Any, seen: dict[str, inspect.StructType]) -> None:
    """Every struct that a message may hold, by its name."""
    if isinstance(kind, inspect.StructType):
        if kind.cls.__name__ in seen:
            return
        seen[kind.cls.__name__] = kind
        for field in kind.fields:
            structs(field.type, seen)
        return
    for held in held_by(kind):
        structs(held, seen)


def held_by(kind: Any) -> Iterator[Any]:
    """The types within a type."""
    for name in ("types", "item_types"):
        yield from getattr(kind, name, ())
    for name in ("item_type", "key_type", "value_type", "type"):
        held = getattr(kind, name, None)
        if isinstance(held, inspect.Type):
            yield held


def now() -> dict[str, dict[str, Any]]:
    """The default of every field of every struct, as it would be written."""
    found: dict[str, inspect.StructType] = {}
    structs(inspect.type_info(AnyEvent | AnyCommand), found)
    return {name: {f.name: default_of(f) for f in found[name].fields} for name in sorted(found)}


def default_of(field: inspect.Field) -> Any:
    if field.required:
        return _REQUIRED
    if field.default_factory is not inspect.NODEFAULT:
        return json.loads(_encode(field.default_factory()))
    if field.default is msgspec.UNSET:
        return "(unset)"
    return json.loads(_encode(field.default))


def faults(then: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[str]:
    """Where old records would say something else, or could not be read."""
    found = [f"{name} is gone" for name in then if name not in now]
    for name, fields in now.items():
        before = then.get(name)
        if before is None:
            continue
        for field, default in fields.items():
            if field not in before and default == _REQUIRED:
                found.append(f"{name}.{field} is new and has no default")
            elif field in before and default != before[field]:
                found.append(f"{name}.{field} was {before[field]!r}, is {default!r}")
        found += [f"{name}.{field} is gone" for field in before if field not in fields]
    return found


def test_defaults_are_those_that_records_were_written_with() -> None:
    assert faults(json.loads(FILE.read_text(encoding="utf-8")), now()) == []


def test_every_change_that_would_bend_old_records_is_noticed() -> None:
    then = {"Tick": {"price": _REQUIRED, "volume": 0}}
    assert faults(then, {"Tick": {"price": _REQUIRED, "volume": 0, "oi": None}}) == []
    assert faults(then, {"Tick": {"price": _REQUIRED, "volume": 1}}) != []
    assert faults(then, {"Tick": {"price": 0, "volume": 0}}) != []
    assert faults(then, {"Tick": {"price": _REQUIRED, "volume": 0, "oi": _REQUIRED}}) != []
    assert faults(then, {"Tick": {"price": _REQUIRED}}) != []
    assert faults(then, {}) != []


def test_the_structs_within_messages_are_found() -> None:
    assert {"RunSpec", "RiskLimits", "OrderIntent", "Fill", "Tick", "DepthLevel", "Bar"} <= set(
        now()
    )
