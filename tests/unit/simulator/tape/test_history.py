"""Candles of the made-up past and of the recorded present: they add up, and they meet."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.ist import NS_PER_DAY, at_ist, ist_date
from patang.simulator.errors import Refused
from patang.simulator.tape.candles import MINUTE_NS, MinuteTape, TickCandle, aggregated, merged
from patang.simulator.tape.history import CONTINUOUS_FROM, INTERVALS, History
from patang.simulator.tape.subjects import Subjects
from patang.simulator.worlds.listing import Driver, Listing

TODAY = date(2026, 11, 19)
YESTERDAY = date(2026, 11, 18)
OPEN = at_ist(TODAY, 9, 15)
NOW = at_ist(TODAY, 10, 0)


def share(symbol: str, token: int, **fields) -> Instrument:
    return Instrument(
        **{
            "exchange": Exchange.NSE,
            "symbol": symbol,
            "token": token << 8 | 1,
            "tick_size": Decimal("0.05"),
            "segment": "NSE",
        }
        | fields
    )


def contract(symbol: str, token: int, kind: InstrumentType, **fields) -> Instrument:
    return share(
        symbol,
        token,
        exchange=Exchange.NFO,
        instrument_type=kind,
        lot_size=75,
        segment="NFO",
        name="INFY",
        expiry="2026-11-24",
        **fields,
    )


INFY = share("INFY", 1594)
TCS = share("TCS", 11536)
INDEX = share("NIFTY 50", 1001, segment="INDICES", is_tradable=False)
FUTURE = contract("INFY26NOVFUT", 50_001, InstrumentType.FUT)
CALL = contract("INFY26NOV1540CE", 50_002, InstrumentType.CE, strike=Decimal(1540))
PUT = contract("INFY26NOV1540PE", 50_003, InstrumentType.PE, strike=Decimal(1540))
CLOSES = {
    INFY.id: "1541.20",
    TCS.id: "3081.40",
    INDEX.id: "25910.05",
    FUTURE.id: "1543.00",
    CALL.id: "19.35",
    PUT.id: "16.80",
}
INTERESTS = {one.id: 750_000 for one in (FUTURE, CALL, PUT)}
EVERYTHING = (INFY, TCS, INDEX, FUTURE, CALL, PUT)


class World:
    """Recorded minutes, set by hand."""

    def __init__(self) -> None:
        self.tapes: dict[InstrumentId, MinuteTape] = {}

    def tape(self, instrument: Instrument) -> MinuteTape:
        return self.tapes.setdefault(instrument.id, MinuteTape())

    def minutes(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> list[TickCandle]:
        tape = self.tapes.get(instrument)
        return [] if tape is None else tape.between(first_ns, end_ns)

    def closing(self, instrument: InstrumentId, first_ns: int, end_ns: int) -> int | None:
        tape = self.tapes.get(instrument)
        return None if tape is None else tape.closing_between(first_ns, end_ns)


def history(world: World | None = None, seed: int = 1) -> History:
    listing = Listing(TODAY)
    infy = listing.add_driver(
        Driver(
            name="NSE:INFY", close=1541.2, daily_volatility=0.015, volatility=0.24,
            hours=Exchange.NSE,
        )
    )  # fmt: skip
    tcs = listing.add_driver(
        Driver(
            name="NSE:TCS", close=3081.4, daily_volatility=0.013, volatility=0.2,
            hours=Exchange.NSE,
        )
    )  # fmt: skip
    nifty = listing.add_driver(
        Driver(
            name="NSE:NIFTY 50", close=25_910.05, daily_volatility=0.008, volatility=0.12,
            hours=Exchange.NSE, members=((infy, 3.0), (tcs, 1.0)),
        )
    )  # fmt: skip
    expiry = date(2026, 11, 24)
    for one, driver, forward in (
        (INFY, infy, None),
        (TCS, tcs, None),
        (INDEX, nifty, None),
        (FUTURE, infy, expiry),
        (CALL, infy, expiry),
        (PUT, infy, expiry),
    ):
        listing.add(one, driver, forward=forward)
    subjects = Subjects(listing)
    by_id = {one.id: one for one in EVERYTHING}
    return History(
        seed,
        TODAY,
        world or World(),
        lambda name: subjects.of(by_id[name], Decimal(CLOSES[name]), INTERESTS.get(name, 0)),
    )


def days_of(candles: list[TickCandle]) -> list[date]:
    return sorted({ist_date(one.start_ns) for one in candles})


def ask(
    history: History, instrument: Instrument, interval: str, first: date, last: date, **more
) -> list[TickCandle]:
    end_ns = at_ist(last, 0, 0) + NS_PER_DAY - 1
    return history.candles(instrument.id, interval, at_ist(first, 0, 0), end_ns, NOW, **more)


@pytest.mark.parametrize("instrument", EVERYTHING, ids=lambda one: one.symbol)
def test_yesterdays_last_candle_closes_at_the_previous_close(instrument):
    made = history()
    close = instrument.to_ticks(instrument.round_price(Decimal(CLOSES[instrument.id])))
    for interval in ("minute", "15minute", "60minute", "day"):
        assert ask(made, instrument, interval, YESTERDAY, YESTERDAY)[-1].close == close


@pytest.mark.parametrize("instrument", EVERYTHING, ids=lambda one: one.symbol)
@pytest.mark.parametrize("interval", ["3minute", "10minute", "15minute", "60minute", "4hour"])
def test_minutes_add_up_to_every_longer_candle(instrument, interval):
    made = history()
    first = date(2026, 11, 12)
    minutes = ask(made, instrument, "minute", first, YESTERDAY)
    length = (INTERVALS[interval].minutes or 0) * MINUTE_NS
    wanted: list[TickCandle] = []
    for day in days_of(minutes):
        own = [one for one in minutes if ist_date(one.start_ns) == day]
        wanted += aggregated(own, length, at_ist(day, 9, 15))
    assert ask(made, instrument, interval, first, YESTERDAY) == wanted


@pytest.mark.parametrize("instrument", EVERYTHING, ids=lambda one: one.symbol)
def test_minutes_add_up_to_days_and_days_to_weeks(instrument):
    made = history()
    first = date(2026, 11, 9)
    minutes = ask(made, instrument, "minute", first, YESTERDAY)
    days = ask(made, instrument, "day", first, YESTERDAY)
    assert [ist_date(one.start_ns) for one in days] == days_of(minutes)
    for day in days:
        own = [one for one in minutes if ist_date(one.start_ns) == ist_date(day.start_ns)]
        # Contracts trade until 15:40 since the closing auction of shares came.
        assert len(own) == (375 if instrument.exchange is Exchange.NSE else 385)
        assert merged(day.start_ns, own) == day
    weeks = ask(made, instrument, "week", first, YESTERDAY)
    assert [ist_date(one.start_ns) for one in weeks] == [date(2026, 11, 9), date(2026, 11, 16)]
    week = [one for one in days if ist_date(one.start_ns) < date(2026, 11, 16)]
    assert weeks[0] == merged(week[0].start_ns, week)


def test_candles_are_sound_and_follow_each_other():
    made = history()
    days = ask(made, INFY, "day", date(2022, 1, 1), YESTERDAY)
    assert 1_180 < len(days) < 1_280
    for one in days:
        assert 0 < one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high
        assert one.volume > 0
    moves = [after.close / before.close for before, after in pairwise(days)]
    assert 0.9 < min(moves) < 0.97
    assert 1.03 < max(moves) < 1.1
    minutes = ask(made, INFY, "minute", YESTERDAY, YESTERDAY)
    assert all(before.close == after.open for before, after in pairwise(minutes))


def test_holidays_have_no_candles():
    days = days_of(ask(history(), INFY, "day", date(2025, 10, 1), date(2025, 10, 31)))
    assert date(2025, 10, 2) not in days
    assert len(days) > 15


def test_the_past_depends_on_nothing_but_the_seed():
    one, same, other = history(), history(), history(seed=2)
    first = date(2026, 10, 1)
    ask(same, TCS, "minute", first, YESTERDAY)
    assert ask(one, INFY, "5minute", first, YESTERDAY) == ask(
        same, INFY, "5minute", first, YESTERDAY
    )
    assert ask(one, INFY, "day", first, YESTERDAY) != ask(other, INFY, "day", first, YESTERDAY)


def test_an_index_moves_as_its_members_did():
    made = history()
    first = date(2026, 9, 1)

    def moves(instrument: Instrument) -> list[float]:
        days = ask(made, instrument, "day", first, YESTERDAY)
        return [after.close / before.close - 1 for before, after in pairwise(days)]

    for index, infy, tcs in zip(moves(INDEX), moves(INFY), moves(TCS), strict=True):
        assert index == pytest.approx(0.75 * infy + 0.25 * tcs, abs=2e-3)


def test_a_future_follows_its_share_and_options_their_strike():
    made = history()
    first = date(2026, 11, 2)
    pairs = zip(
        *(ask(made, one, "day", first, YESTERDAY) for one in (INFY, FUTURE, CALL, PUT)),
        strict=True,
    )
    for spot, future, call, put in pairs:
        assert future.close == pytest.approx(spot.close, rel=0.01)
        parity = (call.close - put.close) - (future.close - 1540 * 20)
        assert abs(parity) < 40, "put-call parity, to two rupees"
        assert 0 < call.oi <= 750_000
        assert call.oi % 75 == 0
    assert call.oi == 750_000


def test_contracts_have_no_candles_before_they_were_listed():
    made = history()
    days = days_of(ask(made, FUTURE, "day", date(2025, 1, 1), YESTERDAY))
    assert days[0] == date(2026, 8, 21)
    older = ask(made, FUTURE, "day", date(2025, 1, 1), YESTERDAY, continuous=True)
    assert days_of(older)[0] == date(2025, 1, 1)
    assert older[-len(days) :] == ask(made, FUTURE, "day", days[0], YESTERDAY)
    first = CONTINUOUS_FROM - timedelta(30)
    oldest = ask(made, FUTURE, "day", first, first + timedelta(60), continuous=True)
    assert days_of(oldest)[0] >= CONTINUOUS_FROM


@pytest.mark.parametrize(
    ("instrument", "interval"), [(FUTURE, "minute"), (CALL, "day"), (INFY, "day")]
)
def test_expired_contracts_have_days_of_futures_only(instrument, interval):
    with pytest.raises(Refused, match="day candles of futures only"):
        ask(history(), instrument, interval, YESTERDAY, YESTERDAY, continuous=True)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_span_beyond_the_limit_is_refused_and_one_at_it_is_served(interval):
    made = history()
    days = INTERVALS[interval].days_max
    to_ns = at_ist(date(2019, 6, 3), 12, 0)
    with pytest.raises(Refused, match=f"interval exceeds max limit: {days} days"):
        made.candles(INFY.id, interval, to_ns - days * NS_PER_DAY - 1, to_ns, NOW)
    if interval == "day":
        assert len(made.candles(INFY.id, interval, to_ns - days * NS_PER_DAY, to_ns, NOW)) > 1_300


def test_nonsense_is_refused():
    with pytest.raises(Refused, match="invalid interval"):
        ask(history(), INFY, "7minute", YESTERDAY, YESTERDAY)
    with pytest.raises(Refused, match="from date"):
        ask(history(), INFY, "day", TODAY, YESTERDAY)


def test_both_ends_count_by_the_start_of_a_candle():
    made = history()
    first, last = at_ist(YESTERDAY, 10, 0), at_ist(YESTERDAY, 10, 2)
    starts = [one.start_ns for one in made.candles(INFY.id, "minute", first, last, NOW)]
    assert starts == [first, first + MINUTE_NS, last]
    starts = [one.start_ns for one in made.candles(INFY.id, "5minute", first + 1, last, NOW)]
    assert starts == []


def test_what_was_recorded_continues_the_past():
    world = World()
    tape = world.tape(INFY)
    tape.add(30_900, 50, at_ist(TODAY, 9, 8))
    tape.add(30_910, 10, OPEN + 5)
    tape.add(30_890, 20, OPEN + MINUTE_NS - 1)
    tape.add(30_905, 5, OPEN + 3 * MINUTE_NS, oi=7)
    made = history(world)
    minutes = ask(made, INFY, "minute", YESTERDAY, TODAY)[375:]
    assert minutes == [
        TickCandle(OPEN, 30_900, 30_910, 30_890, 30_890, 80),
        TickCandle(OPEN + 3 * MINUTE_NS, 30_905, 30_905, 30_905, 30_905, 5, 7),
    ]
    (day,) = ask(made, INFY, "day", TODAY, TODAY)
    assert day == TickCandle(at_ist(TODAY, 0, 0), 30_900, 30_910, 30_890, 30_905, 85, 7)
    assert ask(made, TCS, "day", TODAY, TODAY) == []


def test_before_the_opening_there_is_no_candle_of_the_day():
    world = World()
    world.tape(INFY).add(30_900, 50, at_ist(TODAY, 9, 8))
    now = at_ist(TODAY, 9, 10)
    made = history(world)
    assert made.candles(INFY.id, "minute", at_ist(TODAY, 0, 0), now, now) == []


def test_a_finished_day_closes_at_its_closing_price():
    world = World()
    tape = world.tape(INFY)
    tape.add(30_900, 50, OPEN)
    tape.add(30_910, 50, at_ist(TODAY, 15, 29))
    tape.end_day(30_920)
    tape.add(31_000, 5, OPEN + NS_PER_DAY)
    made = history(world)
    now = OPEN + NS_PER_DAY
    days = made.candles(INFY.id, "day", at_ist(TODAY, 0, 0), now, now)
    assert [(one.high, one.close) for one in days] == [(30_920, 30_920), (31_000, 31_000)]
