import math
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from patang.domain.enums import InstrumentType
from patang.domain.instrument import InstrumentId
from patang.rules.ist import at_ist
from patang.simulator.worlds.backdrop import STEP_NS, VectorBackdrop
from patang.simulator.worlds.black76 import implied_volatility
from patang.simulator.worlds.generation import generate_universe
from patang.simulator.worlds.listing import RATE
from patang.simulator.worlds.regimes import Regime
from patang.simulator.worlds.shares import SHARES

ON = date(2026, 11, 19)
OPEN = at_ist(ON, 9, 15)
NOW = at_ist(ON, 11, 7, 21)
SECOND = 1_000_000_000
NIFTY, NIFTY_FUTURE = InstrumentId("NSE:NIFTY 50"), InstrumentId("NFO:NIFTY26NOVFUT")


def backdrop(seed=1, size=2_000, on=ON, regime=Regime.CALM):
    made = VectorBackdrop(generate_universe(size, on, seed), seed, regime)
    made.begin(on)
    return made


@pytest.fixture(scope="module")
def scene():
    return backdrop()


def all_rows(scene):
    return np.arange(len(scene.instruments))


def price(scene, name, at_ns=NOW):
    return float(scene.last_price(InstrumentId(name), at_ns))


def test_what_a_row_shows_does_not_depend_on_who_looked_before():
    first, second = backdrop(), backdrop()
    rows = all_rows(first)
    for at_ns in (OPEN + 7 * SECOND, at_ist(ON, 10, 0), NOW):
        first.columns(rows, at_ns)
    alone = np.concatenate([second.columns(rows[n : n + 1], NOW) for n in range(0, 2_000, 37)])
    assert alone.tobytes() == first.columns(rows, NOW)[::37].tobytes()


def test_the_seed_decides():
    rows = np.arange(2_000)
    one, other = (backdrop(seed).columns(rows, NOW) for seed in (1, 2))
    assert backdrop(1).columns(rows, NOW).tobytes() == one.tobytes()
    assert (one["last_price"] != other["last_price"]).mean() > 0.9


def test_every_row_changes_every_quarter_of_a_second(scene):
    rows = np.flatnonzero([one.is_tradable for one in scene.instruments])
    before, after = scene.columns(rows, NOW), scene.columns(rows, NOW + STEP_NS)
    assert scene.step(NOW) + 1 == scene.step(NOW + STEP_NS)
    assert all(a.tobytes() != b.tobytes() for a, b in zip(before, after, strict=True))
    assert (after["volume"] >= before["volume"]).all()
    assert scene.columns(rows, NOW + STEP_NS - 1).tobytes() == before.tobytes()


def test_a_closed_segment_stands_still():
    scene = backdrop()
    rows = np.array([scene.row(NIFTY_FUTURE)])
    closed = at_ist(ON, 15, 40)
    evening = [scene.columns(rows, closed + hours * 3_600 * SECOND) for hours in (0, 1, 3)]
    assert evening[0].tobytes() == evening[1].tobytes() == evening[2].tobytes()
    assert evening[0]["exchange_timestamp"] == closed // SECOND
    assert not evening[0]["bid_quantity"].any()
    commodity = np.array([scene.row(InstrumentId("MCX:GOLD26DECFUT"))])
    later = scene.columns(commodity, closed + 3_600 * SECOND)
    assert later.tobytes() != scene.columns(commodity, closed).tobytes()


def test_before_its_first_trade_a_row_shows_its_close():
    scene = backdrop()
    early = scene.columns(all_rows(scene), at_ist(ON, 8, 59))
    assert (early["last_price"] == early["close"]).all()
    assert not early["volume"].any()
    assert not early["open"].any()
    assert not early["last_trade_time"].any()


def test_a_days_range_holds_its_prices_and_only_grows():
    scene = backdrop(seed=4)
    rows = all_rows(scene)
    before = None
    for minute in (16, 17, 25, 44, 59):
        for part in (0, 11, 29):
            shown = scene.columns(rows, at_ist(ON, 9, minute, part))
            shown = shown[shown["open"] > 0]
            for name in ("open", "last_price"):
                assert (shown["low"] <= shown[name]).all()
                assert (shown[name] <= shown["high"]).all()
            traded = shown[shown["volume"] > 0]
            assert (traded["low"] <= traded["average_price"]).all()
            assert (traded["average_price"] <= traded["high"]).all()
            if before is not None and len(before) == len(shown):
                assert (shown["high"] >= before["high"]).all()
                assert (shown["low"] <= before["low"]).all()
                assert (shown["volume"] >= before["volume"]).all()
                assert (shown["open"] == before["open"]).all()
            before = shown


def test_prices_are_on_the_tick_and_the_last_one_is_at_the_touch(scene):
    rows = np.flatnonzero([one.is_tradable for one in scene.instruments])
    shown = scene.columns(rows, NOW)
    for row, one in zip(rows, shown, strict=True):
        instrument = scene.instruments[row]
        assert instrument.is_on_tick(instrument.from_wire(int(one["last_price"])))
        bids = one["bid_price"][one["bid_quantity"] > 0]
        asks = one["ask_price"][one["ask_quantity"] > 0]
        assert (np.diff(bids.astype(int)) < 0).all()
        assert (np.diff(asks.astype(int)) > 0).all()
        assert len(asks) == 5
        assert one["last_price"] in (*bids[:1], asks[0])
        assert not len(bids) or bids[0] < asks[0]
        assert one["last_quantity"] % instrument.lot_size == 0
        assert one["volume"] % instrument.lot_size == 0


def test_futures_carry_their_spot(scene):
    spot = price(scene, NIFTY)
    expiries = {"NIFTY26NOVFUT": date(2026, 11, 23), "NIFTY26DECFUT": date(2026, 12, 29)}
    for symbol, expiry in expiries.items():
        years = (at_ist(expiry, 15, 30) - NOW) / (365 * 86_400 * SECOND)
        fair = spot * math.exp(RATE * years)
        assert price(scene, f"NFO:{symbol}") == pytest.approx(fair, abs=0.2)


def test_calls_and_puts_agree_with_their_forward(scene):
    pairs = {}
    for one in scene.instruments:
        if one.name == "NIFTY" and one.strike is not None:
            pairs.setdefault((one.expiry, one.strike), {})[one.instrument_type] = one
    assert len(pairs) > 40
    spot = price(scene, NIFTY)
    for (expiry, strike), pair in pairs.items():
        years = (at_ist(date.fromisoformat(expiry), 15, 30) - NOW) / (365 * 86_400 * SECOND)
        forward = spot * math.exp(RATE * years)
        call, put = (
            float(scene.last_price(pair[kind].id, NOW))
            for kind in (InstrumentType.CE, InstrumentType.PE)
        )
        over = math.exp(-RATE * years) * (forward - float(strike))
        # Two ticks, and the index is rounded to its own.
        assert call - put == pytest.approx(over, abs=2 * 0.05 + 0.03)


def test_option_prices_make_one_smooth_surface(scene):
    expiry = "2026-12-29"
    years = (at_ist(date(2026, 12, 29), 15, 30) - NOW) / (365 * 86_400 * SECOND)
    forward = price(scene, NIFTY) * math.exp(RATE * years)
    chain = sorted(
        (one.strike, one.id)
        for one in scene.instruments
        if (one.name, one.expiry, one.instrument_type) == ("NIFTY", expiry, InstrumentType.CE)
    )
    prices = [float(scene.last_price(name, NOW)) for _, name in chain]
    assert len(chain) > 5
    assert prices == sorted(prices, reverse=True)
    volatilities = [
        implied_volatility(paid, forward, float(strike), years, RATE, is_call=True)
        for paid, (strike, _) in zip(prices, chain, strict=True)
    ]
    # The lower the strike the dearer: the smile is skewed, and close to the level it is made with.
    assert volatilities == pytest.approx(sorted(volatilities, reverse=True), abs=2e-3)
    assert all(0.11 < volatility < 0.15 for volatility in volatilities)


def test_an_index_follows_its_members(scene):
    total = sum(share.weight for share in SHARES)
    move = sum(
        price(scene, f"NSE:{share.symbol}") / float(share.close) * share.weight for share in SHARES
    )
    assert price(scene, NIFTY) == pytest.approx(25910.05 * move / total, rel=2e-4)


def test_a_company_costs_the_same_on_both_exchanges(scene):
    for share in SHARES:
        assert price(scene, f"BSE:{share.symbol}") == pytest.approx(
            price(scene, f"NSE:{share.symbol}"), rel=5e-4
        )


def test_minutes_are_what_the_row_has_shown(scene):
    for name in ("NSE:INFY", "NFO:NIFTY26NOVFUT", "NFO:NIFTY26NOV25900CE", "NSE:NIFTY 50"):
        instrument = scene.find(InstrumentId(name))
        bars = scene.minute_bars(instrument.id, NOW)
        quote = scene.quote(instrument.id, NOW)
        ticks = instrument.to_ticks
        assert [bar.start_ns for bar in bars] == list(range(OPEN, NOW, 60 * SECOND))
        assert bars[0].open == ticks(quote.open)
        assert max(bar.high for bar in bars) == ticks(quote.high)
        assert min(bar.low for bar in bars) == ticks(quote.low)
        assert sum(bar.volume for bar in bars) == quote.volume
        assert abs(bars[-1].close - ticks(quote.last_price)) <= 2
        assert all(bar.low <= min(bar.open, bar.close) for bar in bars)
        assert all(bar.high >= max(bar.open, bar.close) for bar in bars)


def test_a_quote_has_the_band_of_its_day(scene):
    quote = scene.quote(InstrumentId("NSE:INFY"), NOW)
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal("1387.10"), Decimal("1695.30"))
    assert scene.quote(NIFTY, NOW).upper_circuit == 0


@pytest.mark.parametrize("regime", [Regime.CRASH, Regime.CIRCUIT])
def test_prices_stay_inside_the_bands_that_are_shown(regime):
    scene = backdrop(seed=2, size=600, regime=regime)
    seen = 0
    for one in scene.instruments:
        if one.is_tradable and one.strike is None:
            quote = scene.quote(one.id, at_ist(ON, 15, 10))
            assert quote.lower_circuit <= quote.low <= quote.high <= quote.upper_circuit, one.id
            seen += abs(quote.last_price / quote.close - 1) > Decimal("0.07")
    assert seen > 10


def test_the_next_day_goes_on_from_the_close():
    scene = backdrop(seed=3)
    name = InstrumentId("CDS:USDINR26DECFUT")
    names = (name, InstrumentId("NSE:INFY"), InstrumentId("BSE:HDFCBANK"))
    last = {one: scene.last_price(one, at_ist(ON, 23, 58)) for one in names}
    scene.begin(date(2026, 11, 20))
    early = at_ist(date(2026, 11, 20), 8, 0)
    for one, price_before in last.items():
        assert float(scene.previous_close(one)) == pytest.approx(float(price_before), rel=2e-4)
        assert scene.last_price(one, early) == scene.previous_close(one)
    assert scene.columns(all_rows(scene), early)["volume"].sum() == 0


def test_shares_of_the_closing_auction_have_their_last_trade_in_it():
    scene = backdrop()
    name = InstrumentId("NSE:INFY")
    before, after = (scene.quote(name, at_ist(ON, 15, minute)) for minute in (34, 35))
    assert before.last_trade_ns == at_ist(ON, 15, 15)
    assert after.last_trade_ns == at_ist(ON, 15, 35)
    assert after.volume > before.volume
    assert after.low <= after.last_price <= after.high


def test_a_halt_stops_shares_and_their_contracts_only():
    scene = backdrop()
    halted, resumed = at_ist(ON, 11, 0), at_ist(ON, 12, 0)
    scene.halts = lambda: [(halted, resumed)]
    names = [InstrumentId(one) for one in ("NSE:INFY", "NFO:NIFTY26NOVFUT", "MCX:GOLD26DECFUT")]
    rows = np.array([scene.row(one) for one in names])
    during, later = (scene.columns(rows, at_ist(ON, 11, minute)) for minute in (1, 40))
    after = scene.columns(rows, resumed + SECOND)
    assert during[:2].tobytes() == later[:2].tobytes()
    assert (during["exchange_timestamp"][:2] == halted // SECOND).all()
    assert not during["ask_quantity"][:2].any()
    assert during[2] != later[2]
    assert (after["volume"][:2] > later["volume"][:2]).all()
    # An hour without trading is an hour without volume.
    assert (after["volume"][:2] < later["volume"][:2] * 1.01 + 10_000).all()
