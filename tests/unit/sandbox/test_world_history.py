"""Candles of a large world: of books and of what has none, meeting the made-up past."""

from datetime import date
from itertools import pairwise

import pytest

from patang.domain.instrument import InstrumentId
from patang.rules.ist import NS_PER_DAY, at_ist
from patang.sandbox.rows.quotes import quote_row
from patang.sandbox.settings import SandboxSettings
from patang.sandbox.world import World
from patang.simulator.tape.candles import MINUTE_NS, TickCandle, merged
from patang.wire.ticks import TickMode

TODAY = at_ist(date(2026, 11, 19), 0, 0)
EVENING = at_ist(date(2026, 11, 19), 15, 30)
ROOT = "http://127.0.0.1:1"
KINDS = [
    "NSE:TATASTEEL",
    "NSE:NIFTY 50",
    "NSE:NIFTY BANK",
    "NFO:NIFTY26NOVFUT",
    "CDS:USDINR26NOVFUT",
]


@pytest.fixture(scope="module")
def world() -> World:
    return World(SandboxSettings(speed=0, universe=2_000), ROOT)


def candles(world: World, name: str, interval: str, days_back: int = 0) -> list[TickCandle]:
    now_ns = world.now_ns
    first_ns = TODAY - days_back * NS_PER_DAY
    return world.history.candles(InstrumentId(name), interval, first_ns, now_ns, now_ns)


@pytest.mark.parametrize("name", KINDS)
def test_the_past_ends_at_the_previous_close_and_its_open_interest(world, name):
    *_, yesterday, today = candles(world, name, "day", days_back=5)
    quote = world.exchange.quote(InstrumentId(name))
    instrument = world.exchange.instrument(quote.instrument)
    assert instrument.from_ticks(yesterday.close) == quote.close
    if quote.oi:
        assert abs(today.oi / yesterday.oi - 1) < 0.05


@pytest.mark.parametrize("name", KINDS)
def test_todays_minutes_are_the_days_range(world, name):
    day = merged(TODAY, candles(world, name, "minute"))
    quote = world.exchange.quote(InstrumentId(name))
    ticks = world.exchange.instrument(quote.instrument).to_ticks
    assert day is not None
    assert (day.open, day.high, day.low) == (
        ticks(quote.open.normalize()),
        ticks(quote.high.normalize()),
        ticks(quote.low.normalize()),
    )
    assert day.volume == quote.volume
    assert candles(world, name, "day") == [day]


def test_quotes_of_contracts_carry_open_interest():
    world = World(SandboxSettings(speed=0, universe=300, book_limit=0), ROOT)
    future = world.exchange.instrument(InstrumentId("NFO:NIFTY26NOVFUT"))
    assert world.find(str(future.token)) == world.find(future.id) == future
    quote = world.exchange.quote(future.id)
    row = quote_row(quote, future)
    assert 0 < row.oi_day_low <= row.oi <= row.oi_day_high
    shown = world.packet(future.token, TickMode.FULL)
    assert shown is not None
    assert (shown.oi, shown.oi_day_high, shown.oi_day_low) == (
        row.oi,
        row.oi_day_high,
        row.oi_day_low,
    )
    world.exchange.venue(future.id)
    assert quote_row(world.exchange.quote(future.id), future).oi == row.oi


def test_the_next_morning_yesterday_closes_at_the_previous_close():
    world = World(SandboxSettings(speed=0, universe=300, book_limit=0, start_ns=EVENING), ROOT)
    name = InstrumentId("NFO:NIFTY26NOVFUT")
    quote = world.exchange.quote(name)
    now_ns = TODAY + NS_PER_DAY + 7 * 60 * MINUTE_NS
    world.market.advance(now_ns)
    instrument = world.exchange.instrument(name)
    *_, before, yesterday = candles(world, name, "day", days_back=4)
    assert yesterday.start_ns == TODAY
    assert before.start_ns == TODAY - NS_PER_DAY
    assert instrument.from_ticks(yesterday.close) == world.exchange.quote(name).close
    assert instrument.from_ticks(yesterday.open) == quote.open
    minutes = candles(world, name, "minute")
    assert len(minutes) == 385
    whole = merged(TODAY, minutes)
    assert whole is not None
    assert (whole.open, whole.high, whole.low) == yesterday[1:4]
    assert whole.volume == yesterday.volume > quote.volume


def test_a_book_that_opens_goes_on_where_the_backdrop_was():
    world = World(SandboxSettings(speed=0, universe=2_000, book_limit=0), ROOT)
    name = next(
        one.id
        for one in world.instruments
        if one.is_tradable and world.exchange.floor.venues.peek(one.id) is None
    )
    world.market.advance(world.now_ns + 25 * MINUTE_NS // 60)
    before = candles(world, name, "minute")
    world.exchange.venue(name)
    opened = candles(world, name, "minute")
    assert opened[:-1] == before[:-1]
    # Whoever comes to the new book may trade at once.
    assert opened[-1].open == before[-1].open
    assert opened[-1].volume >= before[-1].volume
    world.market.advance(world.now_ns + 3 * MINUTE_NS)
    after = candles(world, name, "minute")
    assert after[: len(before) - 1] == before[:-1]
    starts = [one.start_ns for one in after]
    assert all(later - earlier == MINUTE_NS for earlier, later in pairwise(starts))
    day = merged(TODAY, after)
    assert day is not None
    assert day.volume == world.exchange.quote(name).volume
