from patang.domain.market import NS_PER_SECOND
from patang.sandbox.clock import VirtualClock, ist_day, next_token_expiry_ns
from patang.sandbox.settings import DEFAULT_START_NS
from patang.wire.times import format_ist, parse_ist


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


def test_tokens_die_at_six_in_the_morning_of_india():
    assert format_ist(next_token_expiry_ns(DEFAULT_START_NS)) == "2026-11-20 06:00:00"
    early = parse_ist("2026-11-19 05:59:59")
    assert format_ist(next_token_expiry_ns(early)) == "2026-11-19 06:00:00"
    at_six = parse_ist("2026-11-19 06:00:00")
    assert format_ist(next_token_expiry_ns(at_six)) == "2026-11-20 06:00:00"


def test_the_indian_day_rolls_at_midnight_of_india():
    before = parse_ist("2026-11-19 23:59:59")
    assert ist_day(before + NS_PER_SECOND) == ist_day(before) + 1
