"""The instruments dump as columns, for who filters a hundred thousand rows.

No row becomes an object. With NumPy, numbers are parsed straight from the bytes into arrays and
texts stay in the dump until somebody reads them; without it, columns are arrays and lists of the
standard library: slower and larger, but the same to use. Source: Kite Connect v3, instruments.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, overload

from patang.wire.digits import MOST_DIGITS, NotNumbers, numbers, whole_numbers
from patang.wire.dump_text import Memo, check_rows, restored, tidied
from patang.wire.errors import DataException
from patang.wire.instruments import COLUMNS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHOLE_NUMBERS = ("instrument_token", "exchange_token", "lot_size")
NUMBERS = ("last_price", "strike", "tick_size")

_WIDTH = len(COLUMNS)
_PART = 1 << 18
_COMMA, _NEWLINE = ord(","), ord("\n")


class TextColumn(Sequence[str]):
    """The texts of one column; each is cut out of the dump when it is read."""

    __slots__ = ("_before", "_body", "_ends", "_has_quotes")

    def __init__(
        self,
        body: bytes,
        before: "NDArray[np.int32]",
        ends: "NDArray[np.int32]",
        has_quotes: bool,
    ) -> None:
        self._body, self._before, self._ends = body, before, ends
        self._has_quotes = has_quotes

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "TextColumn": ...
    def __getitem__(self, index: int | slice) -> "str | TextColumn":
        if isinstance(index, slice):
            return TextColumn(self._body, self._before[index], self._ends[index], self._has_quotes)
        text = self._body[self._before[index] + 1 : self._ends[index]].decode()
        return restored(text) if self._has_quotes else text

    def __iter__(self) -> Iterator[str]:
        body = self._body
        # Names and types repeat, so each distinct text is made once.
        texts = Memo(_unquoted if self._has_quotes else bytes.decode)
        for before, end in zip(self._before.tolist(), self._ends.tolist(), strict=True):
            yield texts[body[before + 1 : end]]

    def __repr__(self) -> str:
        return f"TextColumn({len(self)} texts)"


class InstrumentColumns:
    """Every row of a dump, feeds that cannot be traded included, as twelve columns.

    Each column is an attribute with the server's name: numbers are arrays (NumPy's, or the
    standard library's without it), texts are sequences of ``str``. Prices are floats of rupees;
    an empty strike is 0 and an empty expiry the empty text.
    """

    __slots__ = COLUMNS

    instrument_token: Sequence[int]
    exchange_token: Sequence[int]
    tradingsymbol: Sequence[str]
    name: Sequence[str]
    last_price: Sequence[float]
    expiry: Sequence[str]
    strike: Sequence[float]
    tick_size: Sequence[float]
    lot_size: Sequence[int]
    instrument_type: Sequence[str]
    segment: Sequence[str]
    exchange: Sequence[str]

    def __init__(self, columns: dict[str, Any]) -> None:
        for name in COLUMNS:
            setattr(self, name, columns[name])

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a dump.

        Raises:
            DataException: naming the line and column that cannot be read.
        """
        tidy, has_quotes = tidied(body, COLUMNS)
        try:
            import numpy  # noqa: F401
        except ImportError:
            return cls(_plain_columns(tidy, has_quotes))
        return cls(_array_columns(tidy, has_quotes))

    def __len__(self) -> int:
        return len(self.instrument_token)

    def __repr__(self) -> str:
        return f"InstrumentColumns({len(self)} rows)"

    def row(self, index: int) -> dict[str, Any]:
        """One row, by the names of the columns, in Python's own types."""
        values = {name: getattr(self, name)[index] for name in COLUMNS}
        return values | {
            name: kind(values[name])
            for names, kind in ((WHOLE_NUMBERS, int), (NUMBERS, float))
            for name in names
        }

    def find(self, **texts: str) -> list[int]:
        """Indexes of the rows whose texts are these, as ``find(exchange="NFO", name="NIFTY")``.

        Raises:
            TypeError: there is no such column of texts.
        """
        for name in texts:
            if name not in COLUMNS or name in WHOLE_NUMBERS + NUMBERS:
                raise TypeError(f"{name!r} is no column of texts.")
        found: Sequence[int] = range(len(self))
        for name, text in texts.items():
            column = getattr(self, name)
            if len(found) == len(self):
                found = [index for index, value in enumerate(column) if value == text]
            else:
                found = [index for index in found if column[index] == text]
        return list(found)


def _unquoted(cell: bytes) -> str:
    return restored(cell.decode())


def _array_columns(body: bytes, has_quotes: bool) -> dict[str, Any]:
    import numpy as np

    separators, lines = _separators(np.frombuffer(body, dtype=np.uint8))
    ends_of_lines = separators[_WIDTH - 1 :: _WIDTH]
    if len(separators) != lines * _WIDTH or not np.array_equal(
        np.frombuffer(body, dtype=np.uint8)[ends_of_lines],
        np.full(lines, _NEWLINE, dtype=np.uint8),
    ):
        check_rows(body, _WIDTH)
    columns: dict[str, Any] = {}
    for at, name in enumerate(COLUMNS):
        ends = separators[_WIDTH + at :: _WIDTH]
        # The separator before a row's first cell is the one that ends the row above.
        before = separators[_WIDTH + at - 1 : -1 : _WIDTH] if len(ends) else ends
        try:
            if name in WHOLE_NUMBERS:
                columns[name] = whole_numbers(body, before + 1, ends)
            elif name in NUMBERS:
                is_strike = name == "strike"
                columns[name] = numbers(body, before + 1, ends, is_empty_zero=is_strike)
            else:
                columns[name] = TextColumn(body, before, ends, has_quotes)
        except NotNumbers as error:
            cell = body[before[error.index] + 1 : ends[error.index]]
            raise _unreadable(name, error.index, cell.decode()) from error
    return columns


def _separators(characters: "NDArray[np.uint8]") -> "tuple[NDArray[np.int32], int]":
    """Where commas and line feeds are, and the number of lines; in parts that fit the cache."""
    import numpy as np

    places: list[NDArray[np.int32]] = []
    lines = 0
    for start in range(0, len(characters), _PART):
        part = characters[start : start + _PART]
        is_separator = part == _NEWLINE
        lines += int(np.count_nonzero(is_separator))
        is_separator |= part == _COMMA
        found = np.flatnonzero(is_separator).astype(np.int32)
        found += start
        places.append(found)
    return np.concatenate(places), lines


def _plain_columns(body: bytes, has_quotes: bool) -> dict[str, Any]:
    check_rows(body, _WIDTH)
    flat = body.decode().replace("\n", ",").split(",")
    columns: dict[str, Any] = {}
    for at, name in enumerate(COLUMNS):
        cells = flat[_WIDTH + at : -1 : _WIDTH]
        if name in WHOLE_NUMBERS:
            columns[name] = array("q", _read(name, cells, _count))
        elif name in NUMBERS:
            columns[name] = array("d", _read(name, cells, _price))
        else:
            texts: Memo[str, str] = Memo(restored if has_quotes else str)
            columns[name] = [texts[cell] for cell in cells]
    return columns


def _read(name: str, cells: list[str], convert: Any) -> list[Any]:
    values = Memo(convert)
    try:
        return [values[cell or "0"] if name == "strike" else values[cell] for cell in cells]
    except ValueError:
        for index, cell in enumerate(cells):
            try:
                convert(cell)
            except ValueError as error:
                raise _unreadable(name, index, cell) from error
        raise


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise ValueError(text)
    return int(text)


def _price(text: str) -> float:
    value = float(text)
    if "_" in text or value - value != 0:
        raise ValueError(text)
    return value


def _unreadable(name: str, index: int, cell: str) -> DataException:
    return DataException(f"instruments, line {index + 2}: {name}: cannot read {cell!r}.")
