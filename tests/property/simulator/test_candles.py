"""Laws of candles: however trades are cut, they add up to the same, and made-up ones add up too."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Exchange
from patang.domain.instrument import Instrument
from patang.rules.ist import at_ist
from patang.simulator.tape.candles import MINUTE_NS, MinuteTape, TickCandle, aggregated, merged
from patang.simulator.tape.past import Hours, Past, Subject, Underlying, minutes_inside
from patang.simulator.tape.recording import TickBar, bar_events
from patang.simulator.worlds.seeded import SeededSource

ANCHOR = at_ist(date(2026, 11, 19), 9, 15)
SECOND = 1_000_000_000

trades = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(1, 900), st.integers(0, 50)), min_size=1
).map(lambda some: sorted(some, key=lambda one: one[0]))


@given(trades)
def test_minutes_are_what_the_trades_of_each_minute_were(some):
    tape = MinuteTape()
    for seconds, ticks, quantity in some:
        tape.add(ticks, quantity, ANCHOR + seconds * SECOND, oi=seconds)
    wanted = []
    for minute in sorted({seconds // 60 for seconds, _, _ in some}):
        own = [one for one in some if one[0] // 60 == minute]
        prices = [ticks for _, ticks, _ in own]
        wanted.append(
            TickCandle(
                ANCHOR + minute * MINUTE_NS,
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
                sum(quantity for _, _, quantity in own),
                own[-1][0],
            )
        )
    assert tape.between(ANCHOR, ANCHOR + 5_001 * SECOND) == wanted


@given(trades, st.sampled_from([2, 3, 5, 10, 15]), st.integers(1, 6))
def test_longer_candles_are_the_same_by_whichever_way_they_are_reached(some, minutes, times):
    tape = MinuteTape()
    for seconds, ticks, quantity in some:
        tape.add(ticks, quantity, ANCHOR + seconds * SECOND)
    short = tape.between(ANCHOR, ANCHOR + 5_001 * SECOND)
    length = minutes * MINUTE_NS
    by_steps = aggregated(aggregated(short, length, ANCHOR), times * length, ANCHOR)
    direct = list(aggregated(short, times * length, ANCHOR))
    assert list(by_steps) == direct
    assert merged(ANCHOR, direct) == merged(ANCHOR, short)


bars = st.tuples(*[st.integers(1, 5_000)] * 4, st.integers(0, 10_000), st.integers(0, 100)).map(
    lambda one: TickBar(ANCHOR, one[0], max(one[:4]), min(one[:4]), one[1], one[4], one[5])
)


@given(bars, st.integers(1, 60))
def test_a_played_bar_adds_up_to_itself(bar, minutes):
    tape = MinuteTape()
    length = minutes * MINUTE_NS
    for event in bar_events(bar, length):
        tape.add(event.last_ticks, event.traded, event.time_ns, event.oi or 0)
    assert merged(ANCHOR, tape.between(ANCHOR, ANCHOR + length)) == TickCandle(*bar)


@given(bars, st.integers(2, 375), st.integers(0, 99), st.sampled_from([1, 5]))
def test_minutes_made_up_inside_a_day_add_up_to_it(bar, minutes, seed, lot):
    whole = TickCandle(*bar)
    parts = minutes_inside(whole, Hours(ANCHOR, minutes), lot, SeededSource(seed))
    assert len(parts) == minutes
    assert merged(ANCHOR, parts) == whole
    assert all(one.low <= min(one.open, one.close) for one in parts)
    assert all(max(one.open, one.close) <= one.high for one in parts)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**63),
    close=st.integers(1, 200_000),
    volatility=st.floats(0.0, 0.1),
    falls=st.booleans(),
)
def test_the_past_adds_up_and_meets_its_close(seed, close, volatility, falls):
    days = (date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18))
    share = Instrument(
        exchange=Exchange.NSE, symbol="X", token=257, tick_size=Decimal("0.05"), lot_size=5
    )
    price = close * 0.05
    subject = Subject(
        instrument=share,
        underlying=Underlying(name="X", close=price, daily_volatility=volatility),
        value=(lambda spot, _: 2 * price - spot) if falls else (lambda spot, _: spot),
        falls=falls,
        close_ticks=close,
        mean_volume=100_000.0,
        listed=days[0],
        oi=5_000,
    )
    past = Past(seed, days, lambda day: Hours(at_ist(day, 9, 15), 375))
    for day in days:
        whole, blocks, minutes = (
            past.day(subject, day),
            past.blocks(subject, day),
            past.minutes(subject, day),
        )
        assert whole is not None
        assert merged(whole.start_ns, blocks) == whole
        assert list(aggregated(minutes, 15 * MINUTE_NS, whole.start_ns)) == blocks
        assert 1 <= whole.low <= whole.high
    assert whole.close == close
