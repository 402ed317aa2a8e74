"""Objects as bytes: equal, shared where they were shared, and refused where they hold more."""

import math
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import pytest

from patang.domain.enums import Side
from patang.domain.errors import InvalidValue
from patang.domain.position import Position
from patang.runtime.object_graph import NotKeepable, decode_graph, encode_graph

HERE = __name__


def allowed(module: str) -> bool:
    return module == HERE or module.startswith("patang.domain.")


class Colour(StrEnum):
    RED = "red"


class Point(msgspec.Struct, frozen=True):
    x: int
    y: Decimal


class Slotted:
    __slots__ = ("__hidden", "empty", "seen")

    def __init__(self) -> None:
        self.seen = [1]
        self.__hidden = "h"

    def hidden(self) -> str:
        return self.__hidden


class Thing:
    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)

    def act(self) -> str:
        return "acted"


class Listing(list):
    pass


class Folded:
    """Holds more than its attributes, and says what to write."""

    def __init__(self, start: int) -> None:
        self.numbers = iter(range(start, 10**9))
        self.start = start

    def __getstate__(self) -> object:
        if self.start < 0:
            raise InvalidValue("start", "it is negative.")
        return {"start": self.start}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__init__(state["start"])  # type: ignore[misc]


def helper() -> int:
    return 7


def there_and_back(value: object) -> Any:
    payload = encode_graph(value, allowed)
    found = decode_graph(payload, allowed)
    assert encode_graph(found, allowed) == payload
    return found


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -0.0,
        math.inf,
        2**200,
        -(2**63),
        "लेख",
        b"\xff",
        Decimal("-0.00"),
        Decimal("1E+9"),
        (),
        [1, [2, (3, {"a": {4, 5}})]],
        {(1, "a"): frozenset({"x"}), Colour.RED: Side.BUY},
        deque([1, 2], maxlen=2),
        Point(1, Decimal("2.50")),
        Position(instrument="NSE:INFY", product="MIS"),  # type: ignore[arg-type]
    ],
)
def test_values_come_back_equal_and_of_their_type(value: object):
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_what_was_shared_is_shared_and_what_holds_itself_does():
    shared = [1]
    thing = Thing(a=shared, b=(shared, shared))
    thing.me = thing  # type: ignore[attr-defined]
    found = there_and_back(thing)
    assert found.a is found.b[0] is found.b[1]
    assert found.me is found
    found.a.append(2)
    assert found.b[1] == [1, 2]


def test_slots_methods_and_functions_of_allowed_modules_come_back():
    slotted = Slotted()
    thing = Thing()
    found = there_and_back({"slots": slotted, "call": thing.act, "of": thing, "function": helper})
    assert found["slots"].seen == [1]
    assert found["slots"].hidden() == "h"
    assert not hasattr(found["slots"], "empty")
    assert found["call"]() == "acted"
    assert found["call"].__self__ is found["of"]
    assert found["function"] is helper


def test_an_object_that_says_what_to_write_is_made_of_that():
    folded = Folded(5)
    found = there_and_back([folded, folded])
    assert found[0] is found[1]
    assert next(found[0].numbers) == 5
    with pytest.raises(NotKeepable, match="negative"):
        encode_graph([Folded(-1)], allowed)


def test_order_of_tables_is_kept():
    assert list(there_and_back({"b": 1, "a": 2})) == ["b", "a"]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        iter([1]),
        lambda: 1,
        print,
        open,
        Listing([1]),
        Thing(inner=Thing(file=object())),
        Exception("x"),
        {1, "a"},
        math,
        (n for n in range(3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_more_than_plain_state_is_refused(value: object):
    with pytest.raises(NotKeepable):
        encode_graph(value, allowed)


def test_a_refusal_names_the_path_to_what_it_refuses():
    with pytest.raises(NotKeepable) as caught:
        encode_graph(Thing(parts=[1, Thing(handle=object())]), allowed)
    assert caught.value.where == "Thing.parts[1].handle"


def test_nesting_without_end_is_refused_and_not_a_crash():
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(NotKeepable):
        encode_graph(deep, allowed)


def test_objects_with_a_life_of_their_own_are_written_by_name():
    socket = object()
    payload = encode_graph([socket, [socket]], allowed, {id(socket): "line"})
    other = object()
    assert decode_graph(payload, allowed, {"line": other}) == [other, [other]]
    with pytest.raises(NotKeepable):
        decode_graph(payload, allowed)


def crafted(*nodes: list[Any]) -> bytes:
    return msgspec.msgpack.encode([list(nodes), [0]])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        crafted(),
        crafted(["object", "os:system", {}]),
        crafted(["struct", "subprocess:Popen", ["args"], ["true"]]),
        crafted(["global", "os:system"]),
        crafted(["object", f"{HERE}:helper", {}]),
        crafted(["object", f"{HERE}:nothing", {}]),
        crafted(["struct", f"{HERE}:Thing", [], []]),
        crafted(["struct", f"{HERE}:Point", ["x"], [1]]),
        crafted(["enum", f"{HERE}:Colour", "BLUE"]),
        crafted(["method", [1], "__init__"], ["int", "x"]),
        crafted(["tuple", [[0]]]),
        crafted(["tuple", [[-1]]]),
        crafted(["nonsense"]),
        crafted([]),
    ],
)
def test_bytes_that_are_no_graph_are_refused_and_call_nothing(payload: bytes):
    with pytest.raises(NotKeepable):
        decode_graph(payload, allowed)


def test_damage_anywhere_never_raises_anything_else():
    payload = bytearray(encode_graph(Thing(a=[1, Decimal(2)], b=Point(3, Decimal(4))), allowed))
    broken = 0
    for place in range(len(payload)):
        for change in (1, 64):
            damaged = bytearray(payload)
            damaged[place] ^= change
            try:
                decode_graph(bytes(damaged), allowed)
            except NotKeepable:
                broken += 1
    assert broken > len(payload) // 4


def test_only_allowed_modules_are_written():
    nobody: Callable[[str], bool] = lambda module: False  # noqa: E731
    with pytest.raises(NotKeepable, match="is no plain state"):
        encode_graph(Thing(), nobody)
