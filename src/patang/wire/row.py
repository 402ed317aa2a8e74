"""The base of every row that the server sends: typed, and still able to give the original back.

Decoding keeps only a reference to the body it came from; ``to_dict`` parses it when asked, so
unknown fields are never lost and cost nothing.
"""

import copy
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import msgspec

Path = tuple[str | int, ...]
"""Keys and indexes, from the whole document down."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_parser = msgspec.json.Decoder(float_hook=Decimal)

T = TypeVar("T")


class Document:
    """The JSON that rows were decoded from, parsed only when somebody asks for the original."""

    __slots__ = ("_body", "_parsed")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._parsed: Any = None

    def at(self, path: Path) -> Any:
        """A fresh copy of the value at this path of keys and indexes."""
        if self._body is not None:
            self._parsed, self._body = msgspec.json.decode(self._body), None
        value = self._parsed
        for step in path:
            value = value[step]
        return copy.deepcopy(value)


class Row(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Base of every row. A decoded row remembers where it came from, so it loses nothing.

    ``parts`` names the fields that hold rows of their own.
    """

    parts: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The server's JSON object, unknown fields included; for a row we built, its encoding."""
        source = self.__dict__.get("_source")
        if source is not None:
            document, path, index = source
            return document.at(path if index is None else (*path, index))  # type: ignore[no-any-return]
        return msgspec.json.decode(_encoder.encode(self))  # type: ignore[no-any-return]

    @property
    def extra(self) -> dict[str, Any]:
        """Fields that the server sent and this struct does not know."""
        known = set(self.__struct_fields__)
        return {name: value for name, value in self.to_dict().items() if name not in known}


def remember_source(value: object, document: Document, path: Path) -> None:
    """Tie every row inside a decoded value (row, list or dict of rows) to the original JSON."""
    if isinstance(value, Row):
        value.__dict__["_source"] = (document, path, None)
        parts = value.parts
        if parts:
            for name in parts:
                remember_source(getattr(value, name), document, (*path, name))
    elif isinstance(value, list):
        _remember_items(value, document, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            remember_source(item, document, (*path, key))


def _remember_items(items: list[Any], document: Document, path: Path) -> None:
    if items and isinstance(items[0], Row) and not items[0].parts:
        # Whole books of one kind of row: as little as can be is done for each of them.
        for index, item in enumerate(items):
            item.__dict__["_source"] = (document, path, index)
        return
    for index, item in enumerate(items):
        remember_source(item, document, (*path, index))


def decode_row(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Decode as the decoder's type; a field that is unexpectedly null counts as left out.

    The official clients read a null as nothing wherever it stands, so nothing keeps the server
    from sending one; a single null must not make a whole order book unreadable.

    Raises:
        msgspec.DecodeError: no JSON, or not of the type either way.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        try:
            return msgspec.convert(_without_nulls(_parser.decode(body)), decoder.type)
        except msgspec.ValidationError:
            raise error from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return value


def encode_row(value: object) -> bytes:
    """JSON of a row, or of any built-in value around rows; ``Decimal`` becomes a JSON number."""
    return _encoder.encode(value)
