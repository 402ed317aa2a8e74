"""Market-wide circuit breakers: how long trading stops when an index has moved too far.

Source: nseindia.com, equity market circuit breakers; bseindia.com, market-wide circuit breaker.

>>> halt_for(10, time(12, 59)), halt_for(10, time(14, 30)), halt_for(20, time(9, 16))
(Halt(level=10, minutes=45), None, Halt(level=20, minutes=None))
"""

from datetime import time
from decimal import Decimal

import msgspec

LEVELS = (10, 15, 20)
"""Percent of an index's previous close, up or down, at which trading stops."""


class Halt(msgspec.Struct, frozen=True):
    """A stop of trading: for ``minutes``, after which an opening auction is held.

    ``minutes`` is None when trading stops for the rest of the day.
    """

    level: int
    minutes: int | None


# (level, from this time on (IST), minutes); the last row that has begun holds. -1: no halt.
_NO_HALT = -1
_TABLE: tuple[tuple[int, time, int | None], ...] = (
    (10, time(0), 45),
    (10, time(13), 15),
    (10, time(14, 30), _NO_HALT),
    (15, time(0), 105),
    (15, time(13), 45),
    (15, time(14), None),
    (20, time(0), None),
)


def halt_for(level: int, at: time) -> Halt | None:
    """What an index move of ``level`` percent at a time of day (IST) leads to; None: nothing."""
    minutes = [row[2] for row in _TABLE if row[0] == level and row[1] <= at][-1]
    return None if minutes == _NO_HALT else Halt(level, minutes)


def level_reached(value: Decimal, previous_close: Decimal, tick: Decimal) -> int:
    """The highest level an index has reached, 0 for none. Levels are rounded to the tick."""
    reached = 0
    for level in LEVELS:
        reach = previous_close * level / 100
        lower = ((previous_close - reach) / tick).to_integral_value() * tick
        upper = ((previous_close + reach) / tick).to_integral_value() * tick
        if not lower < value < upper:
            reached = level
    return reached
