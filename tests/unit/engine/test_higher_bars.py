"""Longer bars: what minutes add up to, exactly, at their time, and honest about gaps."""

import random

import pytest

from patang.domain.enums import Interval
from patang.domain.errors import InvalidValue
from patang.domain.market import Bar
from patang.domain.messages import (
    BarClosed,
    BarsReceived,
    FeedGap,
    HistoryLoaded,
    StrategySpec,
)
from patang.engine.higher_bars import HigherBars
from patang.engine.indicators import Indicator
from patang.engine.strategy import Strategy, View
from tests.builders import CLOSE_NS, INFY, OPEN_NS, START_NS, TCS, Desk, alarms, spec

MINUTE_NS = 60_000_000_000


def minute(number: int, price: float = 100.0, **changes: object) -> Bar:
    """The ``number``-th minute of the session."""
    start_ns = OPEN_NS + number * MINUTE_NS
    fields: dict[str, object] = {
        "instrument": INFY.id,
        "interval": Interval.MINUTE,
        "start_ns": start_ns,
        "end_ns": start_ns + MINUTE_NS,
        "open": price,
        "high": price + 1,
        "low": price - 1,
        "close": price + 0.5,
        "volume": 10,
        "ticks": 3,
        **changes,
    }
    return Bar(**fields)  # type: ignore[arg-type]


def fives(interval: Interval = Interval.MINUTE_5) -> HigherBars:
    return HigherBars(
        interval,
        [INFY.id],
        base=Interval.MINUTE,
        open_ns=OPEN_NS,
        close_ns=CLOSE_NS,
        grace_ns=2_000_000_000,
    )


def test_five_minutes_make_one_bar_the_moment_the_fifth_is_there():
    bars = fives()
    for number in range(4):
        assert bars.add(minute(number, 100 + number)) == []
    (bar,) = bars.add(minute(4, 90))
    assert (bar.start_ns, bar.end_ns) == (OPEN_NS, OPEN_NS + 5 * MINUTE_NS)
    assert (bar.open, bar.high, bar.low, bar.close) == (100, 104, 89, 90.5)
    assert (bar.volume, bar.ticks, bar.interval) == (50, 15, Interval.MINUTE_5)
    assert not bar.is_partial


def test_silent_minutes_leave_no_hole_and_the_clock_closes_the_last():
    bars = fives()
    assert bars.add(minute(1)) == []
    (first,) = bars.add(minute(7))
    assert first.volume == 10
    assert bars.advance(OPEN_NS + 10 * MINUTE_NS) == []  # a late tick may still come
    (second,) = bars.advance(OPEN_NS + 10 * MINUTE_NS + 2_000_000_000)
    assert second.start_ns == OPEN_NS + 5 * MINUTE_NS
    assert bars.advance(CLOSE_NS) == []


def test_a_bar_that_skips_a_bucket_and_completes_its_own_closes_both():
    bars = fives()
    bars.add(minute(0))
    assert [bar.start_ns for bar in bars.add(minute(9))] == [OPEN_NS, OPEN_NS + 5 * MINUTE_NS]


def test_the_last_bucket_ends_with_the_session():
    bars = fives(Interval.MINUTE_60)
    minutes = (CLOSE_NS - OPEN_NS) // MINUTE_NS
    closed = [bar for number in range(minutes) for bar in bars.add(minute(number))]
    assert [bar.end_ns - bar.start_ns for bar in closed] == [60 * MINUTE_NS] * 6


def test_partial_parts_and_gaps_make_partial_bars():
    bars = fives()
    bars.add(minute(0, is_partial=True))
    assert [bar.is_partial for bar in bars.advance(CLOSE_NS)] == [True]
    gap_ns = OPEN_NS + 6 * MINUTE_NS
    bars.mark_partial(None, gap_ns, gap_ns + MINUTE_NS)  # a whole minute, and no bar of it
    bars.add(minute(8))
    assert [bar.is_partial for bar in bars.advance(CLOSE_NS)] == [True]
    bars.add(minute(10))
    assert [bar.is_partial for bar in bars.advance(CLOSE_NS)] == [False]


@pytest.mark.parametrize("seed", range(20))
def test_any_minutes_add_up(seed: int):
    chance = random.Random(seed)
    interval = chance.choice([Interval.MINUTE_3, Interval.MINUTE_15, Interval.MINUTE_60])
    bars, minutes = fives(interval), sorted(chance.sample(range(360), 200))
    parts = [
        minute(number, chance.uniform(90, 110), volume=chance.randrange(100)) for number in minutes
    ]
    closed = [bar for part in parts for bar in bars.add(part)] + bars.advance(CLOSE_NS * 2)
    assert sum(bar.volume for bar in closed) == sum(part.volume for part in parts)
    assert [bar.start_ns for bar in closed] == sorted({bar.start_ns for bar in closed})
    for bar in closed:
        inside = [part for part in parts if bar.start_ns <= part.start_ns < bar.end_ns]
        assert (bar.open, bar.close) == (inside[0].open, inside[-1].close)
        assert bar.high == max(part.high for part in inside)
        assert bar.low == min(part.low for part in inside)
        assert (bar.start_ns - OPEN_NS) % (interval.seconds * 1_000_000_000) == 0


def test_an_interval_that_minutes_do_not_fill_is_refused():
    with pytest.raises(InvalidValue, match="cannot be put together"):
        HigherBars(
            Interval.MINUTE_5,
            [],
            base=Interval.MINUTE_3,
            open_ns=OPEN_NS,
            close_ns=CLOSE_NS,
            grace_ns=0,
        )


class Hears(Strategy):
    """Notes every bar and the average the engine keeps for it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float, int]] = []
        self.history: list[tuple[str, float]] = []

    def on_start(self, view: View) -> None:
        self.average: Indicator = view.indicator("SMA", INFY.id, Interval.MINUTE_5, timeperiod=2)

    def on_history(self, view: View, bar: Bar) -> None:
        self.history.append((bar.interval.value, bar.close))

    def on_bar(self, view: View, bar: Bar) -> None:
        known = view.bars(bar.instrument, 99, bar.interval)
        self.heard.append((bar.interval.value, bar.close, len(known)))


def hearing() -> tuple[Desk, Hears]:
    intervals = (Interval.MINUTE, Interval.MINUTE_5)
    wanted = StrategySpec(name="alpha", path="x:Y", instruments=(INFY.id,), intervals=intervals)
    hears = Hears()
    return Desk(spec(strategies=(wanted,)), alpha=hears), hears


def test_a_strategy_hears_every_interval_it_asked_for_short_ones_first():
    desk, hears = hearing()
    minutes = tuple(minute(45 + number, 100 + number) for number in range(10))
    desk.send(BarsReceived(at_ns=START_NS + 10 * MINUTE_NS, bars=minutes))
    assert [each for each in hears.heard if each[0] == "5minute"] == [
        ("5minute", 104.5, 1),
        ("5minute", 109.5, 2),
    ]
    assert hears.heard[4:6] == [("minute", 104.5, 5), ("5minute", 104.5, 1)]
    assert hears.average.value == pytest.approx(107.0)
    assert sum(isinstance(c, BarClosed) for c in desk.log) == 2  # those that were made here


def test_history_warms_up_and_is_not_traded_on():
    desk, hears = hearing()
    past = tuple(minute(40 + number, 90 + number) for number in range(5))
    commands = desk.send(HistoryLoaded(at_ns=START_NS, bars=past))
    assert commands == ()
    assert [interval for interval, _ in hears.history].count("5minute") == 1
    assert hears.heard == []
    assert hears.average.value is None
    present = tuple(minute(45 + number, 100 + number) for number in range(5))
    desk.send(BarsReceived(at_ns=START_NS, bars=(past[-1], *present)))
    assert hears.average.value == pytest.approx((94.5 + 104.5) / 2)
    assert len(desk.engine.host.hosted["alpha"].view.bars(INFY.id, 99)) == 10


def test_bars_of_strangers_are_said_and_left():
    desk, hears = hearing()
    strange = minute(45, instrument="NSE:NONE")
    assert alarms(desk.send(BarsReceived(at_ns=START_NS, bars=(strange,)))) == ["UNKNOWN_BAR"]
    desk.send(BarsReceived(at_ns=START_NS, bars=(minute(45, instrument=TCS.id),)))
    assert hears.heard == []


def test_a_gap_marks_longer_bars_of_the_run():
    desk, _ = hearing()
    desk.send(BarsReceived(at_ns=START_NS, bars=(minute(45),)))
    desk.send(FeedGap(at_ns=START_NS, from_ns=START_NS + MINUTE_NS, to_ns=START_NS + 2 * MINUTE_NS))
    commands = desk.send(BarsReceived(at_ns=START_NS, bars=(minute(49),)))
    longer = [c.bar for c in commands if isinstance(c, BarClosed)][-1]
    assert (longer.interval, longer.is_partial) == (Interval.MINUTE_5, True)


def test_an_indicator_on_bars_that_never_come_is_refused():
    desk, _ = hearing()
    view = desk.engine.host.hosted["alpha"].view
    with pytest.raises(InvalidValue, match="there are no 15minute bars"):
        view.indicator("SMA", INFY.id, Interval.MINUTE_15)
    with pytest.raises(InvalidValue, match="MAVP"):
        view.indicator("MAVP", INFY.id)
    assert view.indicator("SMA", INFY.id) is view.indicator("SMA", INFY.id)
