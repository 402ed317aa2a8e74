from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from patang.domain.instrument import InstrumentId
from patang.simulator import default_market
from patang.simulator.worlds.universe import SHARES, default_instruments, tick_size


def utc_ns(*fields):
    return int(datetime(*fields, tzinfo=UTC).timestamp()) * 1_000_000_000


START = utc_ns(2026, 11, 20, 4, 0)


def test_tokens_are_kites_and_unique():
    listed = {one.symbol: one.token for one in default_instruments()}
    known = {"INFY": 408065, "RELIANCE": 738561, "SBIN": 779521, "TATASTEEL": 895745}
    assert known.items() <= listed.items()
    assert listed["NIFTY 50"] == 256265
    assert len(set(listed.values())) == len(listed) == 21
    assert all(share.token % 256 == 1 for share in SHARES)


def test_closes_are_on_the_tick():
    by_symbol = {one.symbol: one for one in default_instruments()}
    assert all(by_symbol[share.symbol].is_on_tick(Decimal(share.close)) for share in SHARES)


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        ("249.99", "0.01"),
        ("250", "0.05"),
        ("1000", "0.05"),
        ("1000.05", "0.10"),
        ("5000", "0.10"),
        ("9999", "0.50"),
        ("20000", "1.00"),
        ("20001", "5.00"),
    ],
)
def test_tick_follows_the_price(price, tick):
    assert tick_size(Decimal(price)) == Decimal(tick)


@pytest.fixture(scope="module")
def hour():
    """One simulated hour of the default market: per instrument, a price each minute."""
    market = default_market(42, START)
    exchange = market.exchange
    names = [one.id for one in exchange.instruments]
    prices = {name: [exchange.last_price(name)] for name in names}
    changes = dict.fromkeys(names, 0)
    thin = 0
    for second in range(1, 3601):
        market.advance(START + second * 1_000_000_000)
        for name in exchange.take_changed():
            changes[name] += 1
        if second % 60 == 0:
            for name in names:
                prices[name].append(exchange.last_price(name))
                bids, asks = exchange.venue(name).book.depth()
                thin += min(len(bids), len(asks)) < 5
    return market, prices, changes, thin


def test_books_are_quoted_from_the_start():
    exchange = default_market(1, START).exchange
    for share in SHARES:
        quote = exchange.quote(InstrumentId(f"NSE:{share.symbol}"))
        assert len(quote.bids) == len(quote.asks) == 5
        assert quote.bids[0].price < quote.asks[0].price


def test_books_stay_five_levels_deep_and_bounded(hour):
    market, _, _, thin = hour
    assert thin <= 60 + 12  # The index has no depth, at any of the 60 looks.
    assert max(len(venue.book) for venue in market.exchange.floor.venues.values()) < 80


def test_each_instrument_changes_about_every_second(hour):
    _, _, changes, _ = hour
    assert min(changes.values()) > 2700


def test_prices_move_like_a_liquid_share_and_give_crossings(hour):
    _, prices, _, _ = hour
    for name, closes in prices.items():
        span = float(max(closes) / min(closes)) - 1
        assert 0.0005 < span < 0.04, name
    crossings = [crossings_of_means(closes) for closes in prices.values()]
    assert sum(crossings) / len(crossings) > 3


def crossings_of_means(closes):
    fast = slow = float(closes[0])
    signs = []
    for close in closes:
        fast += (float(close) - fast) / 3
        slow += (float(close) - slow) / 7
        if fast != slow:
            signs.append(fast > slow)
    return sum(a != b for a, b in pairwise(signs))


def test_index_follows_its_members(hour):
    market, _, _, _ = hour
    exchange = market.exchange
    total = sum(share.weight for share in SHARES)
    move = sum(
        float(exchange.last_price(InstrumentId(f"NSE:{share.symbol}")) / Decimal(share.close))
        * share.weight
        for share in SHARES
    )
    index = exchange.quote(InstrumentId("NSE:NIFTY 50"))
    # It was published within the last second, after which a member may have traded once or twice.
    assert float(index.last_price / index.close) == pytest.approx(move / total, abs=2e-4)
    assert index.last_price % Decimal("0.05") == 0


def test_agents_books_balance(hour):
    market, _, _, _ = hour
    floor = market.exchange.floor
    for name in floor.venues:
        own = [floor.agents[one] for one, where in floor.agent_instruments.items() if where == name]
        assert sum(one.shares for one in own) == 0
        assert sum(one.cash_ticks for one in own) == 0
