"""Indian Standard Time: UTC+05:30 on every day of every year, so no time zone table is needed.

>>> format_ist(at_ist(date(2026, 11, 20), 9, 15))
'2026-11-20 09:15:00'
>>> ist_date(at_ist(date(2026, 11, 20), 0, 0))
datetime.date(2026, 11, 20)
>>> format_ist(next_token_expiry_ns(at_ist(date(2026, 11, 20), 9, 15)))
'2026-11-21 06:00:00'
"""

from datetime import date, time, timedelta, timezone
from functools import lru_cache

from patang.domain.market import NS_PER_SECOND

IST = timezone(timedelta(hours=5, minutes=30), "IST")
IST_OFFSET_NS = (5 * 60 + 30) * 60 * NS_PER_SECOND
NS_PER_DAY = 86_400 * NS_PER_SECOND
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_TOKENS_DIE_NS = 6 * 3_600 * NS_PER_SECOND


def ist_date(at_ns: int) -> date:
    """The calendar day in India at a UTC instant."""
    return date.fromordinal((at_ns + IST_OFFSET_NS) // NS_PER_DAY + _EPOCH_ORDINAL)


def at_ist(day: date, hour: int, minute: int, second: int = 0) -> int:
    """The UTC instant, in nanoseconds, of a wall-clock time in India."""
    seconds = (day.toordinal() - _EPOCH_ORDINAL) * 86_400 + hour * 3_600 + minute * 60 + second
    return seconds * NS_PER_SECOND - IST_OFFSET_NS


def ist_time(at_ns: int) -> time:
    """The wall-clock time in India at a UTC instant; parts of a second are cut off."""
    seconds = (at_ns + IST_OFFSET_NS) % NS_PER_DAY // NS_PER_SECOND
    return time(seconds // 3_600, seconds // 60 % 60, seconds % 60)


def format_ist(at_ns: int) -> str:
    """``YYYY-MM-DD HH:MM:SS`` in India; parts of a second are cut off."""
    day, rest_ns = divmod(at_ns + IST_OFFSET_NS, NS_PER_DAY)
    minutes, second = divmod(rest_ns // NS_PER_SECOND, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_date_text(day)} {hour:02}:{minute:02}:{second:02}"


@lru_cache(maxsize=512)
def _date_text(day: int) -> str:
    return date.fromordinal(day + _EPOCH_ORDINAL).isoformat()


def next_token_expiry_ns(at_ns: int) -> int:
    """The first 06:00 IST after ``at_ns``, when access tokens die.

    Source: Kite Connect v3, user, login flow (regulatory daily logout).
    """
    since_expiry_ns = (at_ns + IST_OFFSET_NS - _TOKENS_DIE_NS) % NS_PER_DAY
    return at_ns - since_expiry_ns + NS_PER_DAY
