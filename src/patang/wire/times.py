"""Kite's date-times, both ways: IST text without a zone, and candle stamps with ``+0530``.

IST has been UTC+05:30 without daylight saving for all of the market's electronic history.
"""

from datetime import date
from functools import lru_cache

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import at_ist, format_ist

__all__ = [
    "format_candle_stamp",
    "format_ist",
    "format_ist_clock",
    "format_ist_date",
    "parse_candle_stamp",
    "parse_ist",
]


def parse_ist(text: str) -> int:
    """Inverse of ``format_ist``: IST text to UTC nanoseconds.

    Raises:
        InvalidValue: the text is not ``YYYY-MM-DD HH:MM:SS``.
    """
    try:
        # Books repeat their days and seconds, so both halves are remembered.
        return _day_start_ns(text[:10]) + _time_of_day_ns(text[10:])
    except ValueError as error:
        raise InvalidValue("time", f"{text!r} is not YYYY-MM-DD HH:MM:SS.") from error


def format_ist_clock(at_ns: int) -> str:
    """``HH:MM:SS`` in IST: how trades carry ``order_timestamp``."""
    return format_ist(at_ns)[11:]


def format_ist_date(at_ns: int) -> str:
    """``YYYY-MM-DD`` in IST."""
    return format_ist(at_ns)[:10]


def format_candle_stamp(at_ns: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS+0530``, the start of a candle.

    >>> format_candle_stamp(1_767_589_200_000_000_000)
    '2026-01-05T10:30:00+0530'
    """
    text = format_ist(at_ns)
    return f"{text[:10]}T{text[11:]}+0530"


def parse_candle_stamp(text: str) -> int:
    """Inverse of ``format_candle_stamp``; raises ``InvalidValue``."""
    if len(text) != 24 or text[10] != "T" or text[19:] != "+0530":
        raise InvalidValue("time", f"{text!r} is not YYYY-MM-DDTHH:MM:SS+0530.")
    return parse_ist(f"{text[:10]} {text[11:19]}")


@lru_cache(maxsize=512)
def _day_start_ns(text: str) -> int:
    # Only this form: fromisoformat alone would also take "2026-W01-1".
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        raise ValueError(text)
    return at_ist(date.fromisoformat(text), 0, 0)


@lru_cache(maxsize=86_400)
def _time_of_day_ns(text: str) -> int:
    """Nanoseconds since midnight of `` HH:MM:SS``, the space in front included."""
    if len(text) != 9 or text[0] != " " or text[3] != ":" or text[6] != ":":
        raise ValueError(text)
    parts = (text[1:3], text[4:6], text[7:9])
    if not all(part.isdecimal() and part.isascii() for part in parts):
        raise ValueError(text)
    hour, minute, second = (int(part) for part in parts)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(text)
    return (hour * 3600 + minute * 60 + second) * NS_PER_SECOND
