"""Objects as bytes and back, with what they share: a whole state, without declaring it twice.

Written out are plain values, containers, enums, and objects of classes from allowed modules, by
their attributes, or by their own ``__getstate__``. Nothing else is, and nothing is called on the
way back but constructors of structs and ``__setstate__`` of such classes, so bytes cannot do what a
pickle can. What cannot be written is refused by its path, never left out.
"""

import importlib
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

import msgspec

from patang.domain.errors import PatangError

_DEPTH_MAX = 200
_INT_BITS = 63
_ABSENT = object()

IsAllowed = Callable[[str], bool]
"""Whether classes of a module may be written and made."""


class NotKeepable(PatangError):
    """Something in the graph cannot be written, or bytes are no graph. ``where`` names it."""

    def __init__(self, where: str, cause: str) -> None:
        self.where = where
        super().__init__(f"{where}: {cause}")


def encode_graph(root: object, is_allowed: IsAllowed, named: Mapping[int, str] = {}) -> bytes:
    """The graph behind ``root``.

    Objects in ``named`` (by ``id``) have a life of their own: only their name is written.

    Raises:
        NotKeepable: something in it is no plain state.
    """
    # Paths are put together only where one is to be told: half of the time is saved.
    for where in ("", type(root).__name__):
        encoder = _Encoder(is_allowed, named)
        try:
            reference = encoder.value(root, where, 0)
        except NotKeepable:
            if where:
                raise
        else:
            return msgspec.msgpack.encode([encoder.nodes, reference])
    raise NotKeepable(type(root).__name__, "it changed while it was written.")


def decode_graph(payload: bytes, is_allowed: IsAllowed, named: Mapping[str, object] = {}) -> object:
    """Inverse of ``encode_graph``; ``named`` gives the objects that were written by name.

    Raises:
        NotKeepable: the bytes are no graph of these classes.
    """
    try:
        nodes, reference = msgspec.msgpack.decode(payload, type=tuple[list[list[Any]], Any])
        return _Decoder(nodes, is_allowed, named).value(reference)
    except (
        msgspec.MsgspecError,
        ImportError,
        AttributeError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise NotKeepable("graph", f"it cannot be read: {type(error).__name__}: {error}") from error


class _Encoder:
    """Nodes are ``[code, ...]``; a value is a plain one, or ``[number of its node]``."""

    def __init__(self, is_allowed: IsAllowed, named: Mapping[int, str]) -> None:
        self.nodes: list[list[Any]] = []
        self._numbers: dict[int, int] = {}
        self._leaves: dict[tuple[str, ...], int] = {}
        self._branches: set[type] = set()  # kinds that are no leaves
        self._paths: dict[object, str] = {}  # of classes and functions
        self._kept: list[object] = []  # an id must not be used again while we write
        self._is_allowed = is_allowed
        self._named = named

    def value(self, value: Any, where: str, depth: int) -> Any:
        kind = type(value)
        if value is None or kind in (bool, float, str, bytes):
            return value
        if kind is int and value.bit_length() < _INT_BITS:
            return value
        if depth > _DEPTH_MAX:
            raise NotKeepable(where, "it is nested too deeply.")
        leaf = None if kind in self._branches else self._leaf(value, kind, where)
        if leaf is not None:
            # Which of two equal numbers an attribute holds means nothing, so one node does for all.
            number = self._leaves.get(leaf)
            if number is None:
                number = self._leaves[leaf] = len(self.nodes)
                self.nodes.append(list(leaf))
            return [number]
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.nodes)
            self._kept.append(value)
            node: list[Any] = []
            self.nodes.append(node)
            node += self._node(value, kind, where, depth + 1)
        return [number]

    def _leaf(self, value: Any, kind: type, where: str) -> tuple[str, ...] | None:
        if kind is int:
            return ("int", str(value))
        if kind is Decimal:
            return ("decimal", str(value))
        if isinstance(value, Enum):
            return ("enum", self._path(kind, where), value.name)
        if isinstance(value, FunctionType | type):
            return ("global", self._path(value, where))
        if value is msgspec.UNSET:
            return ("unset",)
        self._branches.add(kind)
        return None

    def _node(self, value: Any, kind: type, where: str, depth: int) -> list[Any]:
        name = self._named.get(id(value))
        if name is not None:
            return ["named", name]
        if kind in (list, tuple, deque):
            items = [self.value(v, where and f"{where}[{n}]", depth) for n, v in enumerate(value)]
            return ["deque", value.maxlen, items] if kind is deque else [kind.__name__, items]
        if kind is dict:
            return ["dict", [self._pair(k, v, where, depth) for k, v in value.items()]]
        if kind in (set, frozenset):
            try:
                ordered = sorted(value)
            except TypeError:
                raise NotKeepable(where, "its members have no order.") from None
            return [kind.__name__, [self.value(each, where, depth) for each in ordered]]
        if isinstance(value, MethodType):
            owner = self.value(value.__self__, where and f"{where}.__self__", depth)
            return ["method", owner, value.__func__.__name__]
        if isinstance(value, msgspec.Struct):
            values = [
                self.value(getattr(value, field), where and f"{where}.{field}", depth)
                for field in value.__struct_fields__
            ]
            return ["struct", self._path(kind, where), list(value.__struct_fields__), values]
        return self._object(value, kind, where, depth)

    def _pair(self, key: Any, held: Any, where: str, depth: int) -> list[Any]:
        return [
            self.value(key, where and f"{where} key", depth),
            self.value(held, where and f"{where}[{key!r}]", depth),
        ]

    def _object(self, value: Any, kind: type, where: str, depth: int) -> list[Any]:
        path = self._path(kind, where)
        if kind.__flags__ & _IS_BUILT_IN_LAYOUT or isinstance(value, BaseException):
            raise NotKeepable(where, f"a {kind.__name__} holds more than its attributes.")
        if any("__getstate__" in vars(base) for base in kind.__mro__[:-1]):
            try:
                state = value.__getstate__()
            except PatangError as error:
                raise NotKeepable(where, error.cause) from error
            return ["state", path, self.value(state, where and f"{where} state", depth)]
        attributes = {
            name: self.value(held, where and f"{where}.{name}", depth)
            for name, held in attributes_of(value).items()
        }
        return ["object", path, attributes]

    def _path(self, value: Any, where: str) -> str:
        known = self._paths.get(value)
        if known is not None:
            return known
        path = f"{value.__module__}:{value.__qualname__}"
        if not self._is_allowed(value.__module__):
            raise NotKeepable(where, f"{path} is no plain state.")
        if _resolved(path, self._is_allowed) is not value:
            raise NotKeepable(where, f"{path} cannot be found by its name.")
        self._paths[value] = path
        return path


_IS_BUILT_IN_LAYOUT = (1 << 24) | (1 << 25) | (1 << 26) | (1 << 27) | (1 << 28) | (1 << 29)
"""CPython's flags of classes that are ints, lists, tuples, bytes, texts or dicts underneath."""


def attributes_of(value: object) -> dict[str, Any]:
    """What an object holds by name: its ``__dict__`` and the slots that are filled."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__"):
                continue
            name = f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") else slot
            held = getattr(value, name, _ABSENT)
            if held is not _ABSENT:
                found[name] = held
    return found


class _Decoder:
    def __init__(
        self, nodes: list[list[Any]], is_allowed: IsAllowed, named: Mapping[str, object]
    ) -> None:
        self._nodes = nodes
        self._made: dict[int, Any] = {}
        self._resolved: dict[str, Any] = {}
        self._is_allowed = is_allowed
        self._named = named

    def value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        (number,) = value
        if number in self._made:
            return self._made[number]
        if number < 0:
            raise IndexError(f"there is no node {number}")
        return self._make(number, self._nodes[number])

    def _make(self, number: int, node: list[Any]) -> Any:
        made = self._mutable(number, node)
        if made is _ABSENT:
            made = self._made[number] = self._immutable(node)
        return made

    def _mutable(self, number: int, node: list[Any]) -> Any:
        """What may hold itself somewhere below: known before it is filled."""
        match node:
            case ["list", items]:
                found: list[Any] = []
                self._made[number] = found
                found.extend(map(self.value, items))
                return found
            case ["deque", longest, items]:
                line: deque[Any] = deque(maxlen=longest)
                self._made[number] = line
                line.extend(map(self.value, items))
                return line
            case ["dict", pairs]:
                table: dict[Any, Any] = {}
                self._made[number] = table
                for key, held in pairs:
                    table[self.value(key)] = self.value(held)
                return table
            case ["object", path, attributes]:
                kind = self._class(path)
                thing: object = object.__new__(kind)
                self._made[number] = thing
                for name, held in attributes.items():
                    object.__setattr__(thing, name, self.value(held))
                return thing
            case ["state", path, state]:
                made: Any = object.__new__(self._class(path))
                self._made[number] = made
                made.__setstate__(self.value(state))
                return made
            case _:
                return _ABSENT

    def _immutable(self, node: list[Any]) -> Any:
        match node:
            case ["named", name]:
                return self._named[name]
            case ["unset"]:
                return msgspec.UNSET
            case ["int", text]:
                return int(text)
            case ["decimal", text]:
                return Decimal(text)
            case ["tuple", items]:
                return tuple(map(self.value, items))
            case ["set", items]:
                return set(map(self.value, items))
            case ["frozenset", items]:
                return frozenset(map(self.value, items))
            case ["enum", path, name]:
                return self._class(path)[name]  # type: ignore[index] # an Enum, or a TypeError
            case ["global", path]:
                return _resolved(path, self._is_allowed)
            case ["method", owner, name]:
                bound = getattr(self.value(owner), name)
                if not isinstance(bound, MethodType):
                    raise TypeError(f"{name} is no method")
                return bound
            case ["struct", path, fields, values]:
                kind = self._class(path)
                if not issubclass(kind, msgspec.Struct):
                    raise TypeError(f"{path} is no struct")
                held = dict(zip(fields, map(self.value, values), strict=True))
                return kind(**held)
            case _:
                raise ValueError(f"a node {node[:1]} is not known")

    def _class(self, path: str) -> type:
        found = self._resolved.get(path)
        if found is None:
            found = self._resolved[path] = _resolved(path, self._is_allowed)
        if not isinstance(found, type):
            raise TypeError(f"{path} is no class")
        return found


def _resolved(path: str, is_allowed: IsAllowed) -> Any:
    module, _, name = path.partition(":")
    if not is_allowed(module):
        raise ValueError(f"{module} may not be used")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
