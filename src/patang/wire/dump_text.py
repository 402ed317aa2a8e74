"""Making a CSV dump plain, so that its lines and commas can be split without a CSV reader.

A dump has a hundred thousand rows, of which few have a quoted cell. Splitting is right only when
nothing is quoted and every row has as many cells as the header, both of which are seen to first.
"""

from collections.abc import Callable
from typing import TypeVar

from patang.wire.errors import DataException

Text = TypeVar("Text")
Value = TypeVar("Value")

QUOTED_COMMA, QUOTED_NEWLINE = "\x1f", "\x1e"
"""What stands for separators inside a quoted cell while a dump is cut."""

_COMMA, _NEWLINE = QUOTED_COMMA.encode(), QUOTED_NEWLINE.encode()
_SEPARATORS = (b",", b"\n", b"")
_NO_SEPARATORS = bytes(set(range(256)) - set(b",\n"))


def tidied(body: bytes, columns: tuple[str, ...]) -> tuple[bytes, bool]:
    """The body in plain form: line feeds alone, no quotes; and whether any cell was quoted.

    Separators inside quoted cells are replaced, see ``restored``.

    Raises:
        DataException: not UTF-8, or another header.
    """
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    if not body.endswith(b"\n") or body.endswith(b"\n\n"):
        body = body.rstrip(b"\n") + b"\n"
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise DataException(f"instruments: not CSV: {error}.") from error
    has_quotes = b'"' in body
    if has_quotes:
        body = _without_quotes(body)
    if not body.startswith(",".join(columns).encode() + b"\n"):
        raise DataException(f"instruments, header: expected {','.join(columns)}.")
    return body, has_quotes


def check_rows(body: bytes, columns: int) -> None:
    """Check that every line of a tidied body has that many cells.

    Raises:
        DataException: naming the first line that has not.
    """
    shape = b"," * (columns - 1) + b"\n"
    separators = body.translate(None, delete=_NO_SEPARATORS)
    if separators != shape * (len(separators) // len(shape)):
        line = separators.count(b"\n", 0, _first_difference(separators, shape)) + 1
        raise DataException(f"instruments, line {line}: not {columns} columns.")


def restored(cell: str) -> str:
    """A cell with the separators that were quoted put back."""
    if QUOTED_COMMA not in cell and QUOTED_NEWLINE not in cell:
        return cell
    return cell.replace(QUOTED_COMMA, ",").replace(QUOTED_NEWLINE, "\n")


class Memo(dict[Text, Value]):
    """What a text converts to, worked out once for each text."""

    def __init__(self, convert: Callable[[Text], Value]) -> None:
        super().__init__()
        self._convert: Callable[[Text], Value] = convert

    def __missing__(self, text: Text) -> Value:
        value = self[text] = self._convert(text)
        return value


def _without_quotes(body: bytes) -> bytes:
    """The body with its quoted cells made plain."""
    parts: list[bytes] = []
    done = 0
    while (start := body.find(b'"', done)) >= 0:
        if body[start - 1 : start] not in _SEPARATORS:
            # A quote inside a cell that does not begin with one is just a character.
            parts.append(body[done : start + 1])
            done = start + 1
            continue
        end = _closing_quote(body, start + 1)
        inside = body[start + 1 : end].replace(b'""', b'"')
        parts.append(body[done:start])
        parts.append(inside.replace(b",", _COMMA).replace(b"\n", _NEWLINE))
        done = end + 1
    parts.append(body[done:])
    return b"".join(parts)


def _closing_quote(body: bytes, place: int) -> int:
    while (end := body.find(b'"', place)) >= 0:
        following = body[end + 1 : end + 2]
        if following != b'"':
            if following in _SEPARATORS:
                return end
            break
        place = end + 2
    line = body.count(b"\n", 0, place) + 1
    raise DataException(f"instruments, line {line}: a quote is not closed.")


def _first_difference(separators: bytes, shape: bytes) -> int:
    """Where the separators stop being whole rows: only reached once something is wrong."""
    width = len(shape)
    for at in range(0, len(separators), width):
        if separators[at : at + width] != shape:
            return at
    return len(separators)
