from patang.domain.market import NS_PER_SECOND
from patang.sandbox.clock import VirtualClock
from patang.sandbox.settings import DEFAULT_START_NS
from patang.wire.times import format_ist


class HandClock:
    """A monotonic clock that a test turns by hand."""

    def __init__(self) -> None:
        self.ns = 5_000

    def __call__(self) -> int:
        return self.ns


def test_time_runs_at_the_chosen_speed():
    hand = HandClock()
    clock = VirtualClock(DEFAULT_START_NS, 60.0, hand)
    hand.ns += 2 * NS_PER_SECOND
    assert clock.now_ns() == DEFAULT_START_NS + 120 * NS_PER_SECOND


def test_speed_zero_freezes_time():
    hand = HandClock()
    clock = VirtualClock(DEFAULT_START_NS, 0.0, hand)
    hand.ns += 3_600 * NS_PER_SECOND
    assert clock.now_ns() == DEFAULT_START_NS


def test_falling_back_gives_up_the_time_that_was_not_computed():
    hand = HandClock()
    clock = VirtualClock(0, 10.0, hand)
    hand.ns += NS_PER_SECOND
    clock.fall_back_to(4 * NS_PER_SECOND)
    assert clock.now_ns() == 4 * NS_PER_SECOND
    hand.ns += NS_PER_SECOND
    assert clock.now_ns() == 14 * NS_PER_SECOND


def test_default_start_is_in_continuous_trading_on_a_thursday():
    assert format_ist(DEFAULT_START_NS) == "2026-11-19 09:20:00"
