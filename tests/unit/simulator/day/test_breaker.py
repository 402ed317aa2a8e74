from datetime import time
from decimal import Decimal

import pytest

from patang.simulator.day.breaker import halt_for, level_reached


@pytest.mark.parametrize(
    ("level", "at", "minutes"),
    [
        (10, time(9, 15), 45),
        (10, time(12, 59, 59), 45),
        (10, time(13, 0), 15),
        (10, time(14, 29), 15),
        (15, time(12, 59), 105),
        (15, time(13, 0), 45),
        (15, time(13, 59), 45),
        (15, time(14, 0), None),
        (20, time(9, 15), None),
        (20, time(15, 0), None),
    ],
)
def test_halt_follows_level_and_time(level, at, minutes):
    halt = halt_for(level, at)
    assert halt is not None
    assert (halt.level, halt.minutes) == (level, minutes)


def test_ten_percent_late_in_the_day_stops_nothing():
    assert halt_for(10, time(14, 30)) is None


@pytest.mark.parametrize(
    ("value", "level"),
    [("25000", 0), ("22500.05", 0), ("22500", 10), ("27500", 10), ("21249", 15), ("20000", 20)],
)
def test_levels_lie_on_both_sides_of_the_close(value, level):
    assert level_reached(Decimal(value), Decimal(25000), Decimal("0.05")) == level
