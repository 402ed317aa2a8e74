"""Bars: boundaries, volume, late and silent ticks, and honest partial marks."""

from datetime import date

import pytest

from patang.domain.enums import Interval
from patang.domain.market import NS_PER_SECOND, Bar
from patang.engine.bars import BarBuilder
from patang.rules.ist import at_ist
from tests.builders import CLOSE_NS, INDEX, INFY, OPEN_NS, TCS, tick

GRACE_NS = 2 * NS_PER_SECOND


def builder(interval: Interval = Interval.MINUTE) -> BarBuilder:
    return BarBuilder(interval, OPEN_NS, CLOSE_NS, GRACE_NS)


def at(clock: str) -> int:
    hour, minute, second = (float(part) for part in clock.split(":"))
    day_start = at_ist(date(2026, 11, 20), 0, 0)
    return day_start + int((hour * 3_600 + minute * 60 + second) * NS_PER_SECOND)


def feed(bars: BarBuilder, *rows: tuple[str, float, int]) -> list[Bar]:
    closed = (bars.add(tick(price, at(clock), volume=volume)) for clock, price, volume in rows)
    return [bar for bar in closed if bar is not None]


def test_a_minute_has_its_open_high_low_close_and_volume():
    (bar,) = feed(
        builder(),
        ("09:14:50", 99.0, 1_000),
        ("09:15:00", 100.0, 1_010),
        ("09:15:20", 104.0, 1_030),
        ("09:15:40", 97.0, 1_060),
        ("09:15:59.9", 101.0, 1_100),
        ("09:16:00", 102.0, 1_105),
    )
    assert (bar.open, bar.high, bar.low, bar.close) == (100.0, 104.0, 97.0, 101.0)
    assert (bar.volume, bar.start_ns, bar.end_ns) == (100, at("09:15:00"), at("09:16:00"))
    assert not bar.is_partial


def test_an_hour_begins_at_the_open_and_the_last_one_ends_at_the_close():
    bars = builder(Interval.MINUTE_60)
    first, *_, last = (
        feed(bars, ("09:14:00", 1.0, 1), *((f"{h:02d}:14:59", 1.0, h) for h in range(10, 15)))
        + feed(bars, ("15:14:58", 1.0, 900), ("15:14:59", 1.0, 901))
        + bars.advance(CLOSE_NS + GRACE_NS)
    )
    assert (first.start_ns, first.end_ns) == (at("09:15:00"), at("10:15:00"))
    assert (last.start_ns, last.end_ns) == (at("14:15:00"), CLOSE_NS)


def test_a_day_s_bar_is_the_session():
    bars = builder(Interval.DAY)
    feed(bars, ("09:20:00", 1.0, 1), ("09:21:00", 1.0, 2))
    (bar,) = bars.advance(CLOSE_NS + GRACE_NS)
    assert (bar.start_ns, bar.end_ns) == (OPEN_NS, CLOSE_NS)


def test_the_first_tick_sets_the_baseline_only():
    bars = builder()
    feed(bars, ("10:00:10", 50.0, 5_000_000))
    assert bars.open_bars() == []
    feed(bars, ("10:00:20", 51.0, 5_000_007))
    (bar,) = bars.open_bars()
    assert (bar.volume, bar.open) == (7, 51.0)


def test_the_bar_we_joined_in_is_partial_and_the_next_is_whole():
    first, second = feed(
        builder(),
        ("10:00:10", 50.0, 100),
        ("10:00:20", 50.0, 101),
        ("10:01:00", 50.0, 102),
        ("10:02:00", 50.0, 103),
    )
    assert (first.is_partial, second.is_partial) == (True, False)


def test_a_bar_after_the_minute_we_joined_in_is_whole():
    (bar,) = feed(
        builder(), ("10:00:10", 50.0, 100), ("10:07:20", 50.0, 101), ("10:08:00", 50.0, 102)
    )
    assert not bar.is_partial


def test_a_gap_taints_the_bars_it_touches_and_no_other():
    bars = builder()
    feed(bars, ("09:14:00", 1.0, 1), ("10:00:50", 1.0, 2))
    bars.mark_partial(None, at("10:00:55"), at("10:01:05"))
    touched, also_touched, whole = feed(
        bars, ("10:01:10", 1.0, 3), ("10:02:00", 1.0, 4), ("10:03:00", 1.0, 5)
    )
    assert (touched.is_partial, also_touched.is_partial, whole.is_partial) == (True, True, False)


def test_a_gap_after_a_bar_s_end_leaves_that_bar_whole():
    bars = builder()
    feed(bars, ("09:14:00", 1.0, 1), ("10:00:50", 1.0, 2))
    bars.mark_partial([INFY.id, TCS.id], at("10:01:00"), at("10:01:01"))
    before, after = feed(bars, ("10:01:10", 1.0, 3), ("10:02:00", 1.0, 4))
    assert (before.is_partial, after.is_partial) == (False, True)


def test_depth_that_moves_without_a_trade_begins_no_bar():
    bars = builder()
    feed(bars, ("09:14:00", 1.0, 1), ("10:00:10", 1.0, 2))
    (done,) = bars.advance(at("10:01:02"))
    assert done.volume == 1
    assert bars.add(tick(1.0, at("10:01:30"), volume=2, traded_ns=at("10:00:10"))) is None
    assert bars.add(tick(1.0, at("10:01:31"), volume=2)) is None
    assert bars.open_bars() == []


def test_a_silent_instrument_is_closed_by_the_clock_after_the_grace():
    bars = builder()
    feed(bars, ("09:14:00", 1.0, 1), ("10:00:10", 1.0, 2))
    assert bars.advance(at("10:01:01.9")) == []
    assert len(bars.advance(at("10:01:02"))) == 1
    assert bars.advance(at("10:02:02")) == []


def test_a_late_tick_within_the_grace_still_counts_in_its_bar():
    bars = builder()
    feed(bars, ("09:14:00", 10.0, 1), ("10:00:10", 10.0, 2))
    bars.add(tick(12.0, at("10:01:01"), volume=9, traded_ns=at("10:00:59")))
    (bar,) = bars.advance(at("10:01:02"))
    assert (bar.high, bar.volume) == (12.0, 8)


def test_volume_of_a_tick_too_late_for_its_bar_goes_to_the_next_and_moves_no_price():
    bars = builder()
    feed(bars, ("09:14:00", 10.0, 1), ("10:00:10", 10.0, 2))
    (first,) = bars.advance(at("10:01:02"))
    assert bars.add(tick(99.0, at("10:01:03"), volume=9, traded_ns=at("10:00:59"))) is None
    assert bars.late_ticks == 1
    feed(bars, ("10:01:10", 11.0, 10))
    (second,) = bars.advance(at("10:02:02"))
    assert (first.volume, second.volume, second.high) == (1, 8, 11.0)


def test_a_reordered_tick_counts_no_volume_twice_and_does_not_set_the_close():
    (bar,) = feed(
        builder(),
        ("09:14:00", 10.0, 0),
        ("10:00:10", 10.0, 100),
        ("10:00:20", 11.0, 150),
        ("10:00:15", 9.0, 120),
        ("10:00:30", 10.5, 160),
        ("10:01:00", 10.0, 161),
    )
    assert (bar.volume, bar.low, bar.close) == (160, 9.0, 10.5)
    (bar,) = feed(
        builder(),
        ("09:14:00", 10.0, 0),
        ("10:00:10", 10.0, 100),
        ("10:00:20", 11.0, 150),
        ("10:00:15", 9.0, 120),
        ("10:01:00", 10.0, 161),
    )
    assert (bar.volume, bar.close) == (150, 11.0)


def test_yesterday_s_total_is_no_baseline_for_today():
    bars = builder()
    yesterday = at_ist(date(2026, 11, 19), 15, 20)
    bars.add(tick(10.0, yesterday, volume=9_000_000))
    feed(bars, ("09:15:10", 10.0, 40), ("09:15:20", 10.0, 70))
    (bar,) = bars.advance(at("09:16:02"))
    assert bar.volume == 30


@pytest.mark.parametrize("clock", ["09:14:59.999", "15:15:00"])
def test_outside_the_session_there_are_no_bars(clock: str):
    bars = builder()
    feed(bars, ("09:00:00", 1.0, 1), (clock, 1.0, 2), (clock, 1.0, 3))
    assert bars.open_bars() == []


def test_an_index_has_bars_without_volume():
    bars = builder()
    for clock, level in (("10:00:10", 100.0), ("10:00:20", 101.0), ("10:00:30", 100.5)):
        bars.add(tick(level, at(clock), instrument=INDEX))
    (bar,) = bars.advance(at("10:01:02"))
    assert (bar.open, bar.high, bar.close, bar.volume) == (100.0, 101.0, 100.5, 0)
