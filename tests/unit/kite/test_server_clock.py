"""What a Date header says of the server's clock, and what it does not."""

import pytest

from patang.kite.server_clock import UNKNOWN_WITHIN_NS, ServerClock

SECOND = 1_000_000_000
NOW_NS = 1_795_168_800 * SECOND  # Fri, 20 Nov 2026 10:00:00 GMT


def bounds(clock: ServerClock, now_ns: int = NOW_NS) -> tuple[float, float]:
    low_ns, high_ns = clock.earliest_ns(now_ns) - now_ns, clock.latest_ns(now_ns) - now_ns
    return round(low_ns / SECOND, 6), round(high_ns / SECOND, 6)


def test_before_any_answer_a_few_seconds_are_allowed_for():
    clock = ServerClock()
    assert not clock.is_known
    assert bounds(clock) == (-UNKNOWN_WITHIN_NS / SECOND, UNKNOWN_WITHIN_NS / SECOND)


def test_each_answer_narrows_what_the_others_left():
    clock = ServerClock()
    clock.observe("Fri, 20 Nov 2026 10:00:00 GMT", NOW_NS - SECOND // 10, NOW_NS + SECOND // 10)
    assert bounds(clock) == pytest.approx((-0.1, 1.1), abs=1e-4)
    later_ns = NOW_NS + SECOND * 3 // 10
    clock.observe("Fri, 20 Nov 2026 10:00:01 GMT", later_ns, later_ns)
    assert bounds(clock) == pytest.approx((0.7, 1.1), abs=1e-4)


def test_a_clock_that_was_set_is_noticed():
    clock = ServerClock()
    clock.observe("Fri, 20 Nov 2026 10:00:00 GMT", NOW_NS, NOW_NS)
    clock.observe("Fri, 20 Nov 2026 10:00:30 GMT", NOW_NS + SECOND, NOW_NS + SECOND)
    assert bounds(clock, NOW_NS + SECOND) == (29, 30)


def test_bounds_widen_while_nothing_is_heard():
    clock = ServerClock()
    clock.observe("Fri, 20 Nov 2026 10:00:00 GMT", NOW_NS, NOW_NS)
    low_s, high_s = bounds(clock, NOW_NS + 10_000 * SECOND)
    assert (low_s, high_s) == (-0.2, 1.2)


@pytest.mark.parametrize(
    "date",
    [None, "", "now", "Fri, 20 Nov 2026 10:00:00", "Fri, 20 Nov 2099 10:00:00 GMT",
     "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Feb 2026 10:00:00 GMT"],
)  # fmt: skip
def test_what_says_nothing_changes_nothing(date):
    clock = ServerClock()
    clock.observe(date, NOW_NS, NOW_NS)
    assert not clock.is_known


def test_an_answer_that_came_before_its_request_is_passed_over():
    clock = ServerClock()
    clock.observe("Fri, 20 Nov 2026 10:00:00 GMT", NOW_NS + 1, NOW_NS)
    assert not clock.is_known
