"""Numbers read out of a text at many places at once, with NumPy.

Eight characters are one 64-bit word, and three multiplications turn the word's digits into its
number. What does not fit into that (long, signed or with an exponent) is read one by one.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDTH = 8
_PART = 1 << 13
MOST_DIGITS = 18
"""More digits than these are no whole number of any dump."""


class NotNumbers(ValueError):
    """``index`` is the first place whose text is no number."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(index)


def whole_numbers(
    body: bytes, starts: "NDArray[np.int32]", ends: "NDArray[np.int32]"
) -> "NDArray[np.int64]":
    """The whole number at each place; the body must have 16 bytes before the first.

    Raises:
        NotNumbers: a text is no whole number of at most 18 digits.
    """
    import numpy as np

    values = np.empty(len(ends), dtype=np.int64)
    is_sound = np.empty(len(ends), dtype=np.bool_)
    for part in _parts(len(ends)):
        values[part], is_sound[part] = _whole_part(body, starts[part], ends[part])
    _read_others(values, is_sound, body, starts, ends, _whole)
    return values


def numbers(
    body: bytes,
    starts: "NDArray[np.int32]",
    ends: "NDArray[np.int32]",
    *,
    is_empty_zero: bool = False,
) -> "NDArray[np.float64]":
    """The decimal number at each place, as ``float`` would read it; see ``whole_numbers``.

    Raises:
        NotNumbers: a text is no finite number.
    """
    import numpy as np

    values = np.empty(len(ends), dtype=np.float64)
    is_sound = np.empty(len(ends), dtype=np.bool_)
    for part in _parts(len(ends)):
        values[part], is_sound[part] = _decimal_part(body, starts[part], ends[part])
    if is_empty_zero:
        is_empty = starts == ends
        values[is_empty] = 0.0
        is_sound |= is_empty
    _read_others(values, is_sound, body, starts, ends, _finite)
    return values


def _parts(length: int) -> Iterator[slice]:
    """Slices whose arrays stay in the processor's cache."""
    return (slice(start, start + _PART) for start in range(0, length, _PART))


def _whole_part(
    body: bytes, starts: "NDArray[np.int32]", ends: "NDArray[np.int32]"
) -> "tuple[NDArray[np.int64], NDArray[np.bool_]]":
    import numpy as np

    widths = ends - starts
    low, is_sound = _digits(_words(body, ends, widths))
    values = low.astype(np.int64)
    if int(widths.max()) > _WIDTH:
        high, is_high_sound = _digits(_words(body, ends - _WIDTH, widths - _WIDTH))
        values += high.astype(np.int64) * 10**_WIDTH
        is_sound &= is_high_sound
    is_sound &= (widths > 0) & (widths <= 2 * _WIDTH)
    return values, is_sound


def _decimal_part(
    body: bytes, starts: "NDArray[np.int32]", ends: "NDArray[np.int32]"
) -> "tuple[NDArray[np.float64], NDArray[np.bool_]]":
    import numpy as np

    widths = ends - starts
    words = _words(body, ends, widths)
    # A byte that is "." becomes 0x80 and all others 0; exact for the first one in the word.
    without = words ^ np.uint64(0x2E2E2E2E2E2E2E2E)
    points = (without - np.uint64(0x0101010101010101)) & ~without & np.uint64(0x8080808080808080)
    first = points & (~points + np.uint64(1))
    has_point = first != 0
    shift = np.bitwise_count(first - np.uint64(1)).astype(np.uint64) - np.uint64(7)
    shift[~has_point] = 0
    below = (np.uint64(1) << shift) - np.uint64(1)
    above = ~((below << np.uint64(8)) | np.uint64(0xFF))
    closed = ((words & below) << np.uint64(8)) | (words & above) | np.uint64(0x30)
    mantissas, is_sound = _digits(np.where(has_point, closed, words))
    decimals = np.where(has_point, np.uint64(7) - (shift >> np.uint64(3)), np.uint64(0))
    values = mantissas / (10.0 ** np.arange(_WIDTH))[decimals.astype(np.intp)]
    is_sound &= (widths <= _WIDTH) & (widths > has_point)
    return values, is_sound


def _words(
    body: bytes, ends: "NDArray[np.int32]", widths: "NDArray[np.int32]"
) -> "NDArray[np.uint64]":
    """The last eight characters of each text, with zeros in front of shorter ones."""
    import numpy as np

    every_word: NDArray[np.uint64] = np.ndarray(
        shape=(len(body) - _WIDTH + 1,), dtype="<u8", buffer=body, strides=(1,)
    )
    words = every_word[ends - _WIDTH]
    missing = (_WIDTH - np.clip(widths, 1, _WIDTH)).astype(np.uint64) * np.uint64(8)
    kept = np.where(widths > 0, np.uint64(0xFFFFFFFFFFFFFFFF) << missing, np.uint64(0))
    return (words & kept) | (np.uint64(0x3030303030303030) & ~kept)


def _digits(words: "NDArray[np.uint64]") -> "tuple[NDArray[np.uint64], NDArray[np.bool_]]":
    """The number that eight characters spell, and whether all of them are digits."""
    import numpy as np

    digits = words ^ np.uint64(0x3030303030303030)
    above_nine = (digits + np.uint64(0x7676767676767676)) | digits
    is_sound = (above_nine & np.uint64(0x8080808080808080)) == 0
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    mask = np.uint64(0x000000FF000000FF)
    fours = (pairs & mask) * np.uint64(0x000F424000000064)
    rest = ((pairs >> np.uint64(16)) & mask) * np.uint64(0x0000271000000001)
    return (fours + rest) >> np.uint64(32), is_sound


def _read_others(
    values: "NDArray[Any]",
    is_sound: "NDArray[np.bool_]",
    body: bytes,
    starts: "NDArray[np.int32]",
    ends: "NDArray[np.int32]",
    convert: Callable[[bytes], int | float],
) -> None:
    """Convert one by one what the fast way could not read."""
    import numpy as np

    for index in np.flatnonzero(~is_sound).tolist():
        try:
            values[index] = convert(body[starts[index] : ends[index]])
        except ValueError as error:
            raise NotNumbers(index) from error


def _whole(text: bytes) -> int:
    if not text.isdigit() or len(text) > MOST_DIGITS:
        raise ValueError(text)
    return int(text)


def _finite(text: bytes) -> float:
    if b"_" in text or not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value
