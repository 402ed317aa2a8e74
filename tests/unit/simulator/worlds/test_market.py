from datetime import UTC, datetime
from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.simulator import OrderRequest, Refused, default_market

SECOND = 1_000_000_000
START = int(datetime(2026, 11, 20, 4, 0, tzinfo=UTC).timestamp()) * SECOND
CLOSE = int(datetime(2026, 11, 20, 9, 45, tzinfo=UTC).timestamp()) * SECOND
INFY = InstrumentId("NSE:INFY")


def market_buy(quantity=200, **more):
    fields = {
        "order_type": OrderType.MARKET,
        "market_protection": Decimal(-1),
        "product": Product.MIS,
    } | more
    return OrderRequest(instrument=INFY, side=Side.BUY, quantity=quantity, **fields)


def test_command_first_brings_the_market_to_its_time():
    market = default_market(3, START)
    market.exchange.open_account("u", Decimal(10_000_000))
    order = market.exchange.place("u", market_buy(), START + 30 * SECOND)
    assert market.now_ns == START + 30 * SECOND
    assert market.exchange.venue(INFY).volume > 0
    assert order.filled_quantity > 0
    assert market.exchange.trades("u")[0].time_ns == START + 30 * SECOND


def test_large_order_fills_in_parts_over_time():
    market = default_market(3, START)
    market.exchange.open_account("u", Decimal(100_000_000))
    limit = market.exchange.quote(INFY).asks[0].price
    order = market.exchange.place(
        "u", market_buy(4_000, order_type=OrderType.LIMIT, price=limit), START
    )
    assert 0 < order.filled_quantity < 4_000
    at_once = order.filled_quantity
    market.advance(START + 120 * SECOND)
    assert order.filled_quantity > at_once
    assert len({one.time_ns for one in market.exchange.trades("u")}) > 1


def test_listeners_see_the_time_of_what_they_hear():
    market = default_market(3, START)
    exchange = market.exchange
    exchange.open_account("u", Decimal(100_000_000))
    ask = exchange.quote(INFY).asks[0].price
    heard = []
    exchange.on_trade = lambda trade: heard.append((trade.time_ns, exchange.now_ns, market.now_ns))
    exchange.place("u", market_buy(4_000, order_type=OrderType.LIMIT, price=ask), START)
    market.advance(START + 60 * SECOND)
    assert len({trade_time for trade_time, _, _ in heard}) > 1
    assert all(trade_time == now == market_now for trade_time, now, market_now in heard)


def test_older_time_changes_nothing():
    market = default_market(3, START)
    market.advance(START + SECOND)
    actions = market.actions
    market.advance(START)
    assert (market.now_ns, market.actions) == (START + SECOND, actions)


def test_at_the_close_agents_leave_and_nobody_trades_before_the_auction():
    market = default_market(3, CLOSE - 5 * SECOND)
    exchange = market.exchange
    exchange.open_account("u", Decimal(10_000_000))
    low = exchange.quote(INFY).lower_circuit
    bid = market_buy(1, order_type=OrderType.LIMIT, price=low, product=Product.CNC)
    order = exchange.place("u", bid, market.now_ns)
    market.advance(CLOSE)
    volume = exchange.venue(INFY).volume
    # The auction's band is narrower than the day's.
    assert order.status.value == "CANCELLED"
    assert all(len(venue.book) == 0 for venue in exchange.floor.venues.values())
    market.advance(CLOSE + 899 * SECOND)
    assert exchange.venue(INFY).volume == volume
    market.advance(CLOSE + 3600 * SECOND)
    assert exchange.venue(INFY).volume > volume
    with pytest.raises(Refused, match="AMO"):
        exchange.place("u", market_buy(), market.now_ns)


def test_before_the_open_only_the_auction_trades():
    opening = CLOSE - 6 * 3600 * SECOND
    market = default_market(3, opening - 1200 * SECOND)
    venue = market.exchange.venue(INFY)
    market.advance(opening - 901 * SECOND)
    assert market.actions == 0
    market.advance(opening - 301 * SECOND)
    assert venue.volume == 0
    assert venue.book.buy_quantity > 0
    market.advance(opening - 1)
    opened = venue.volume
    assert opened > 0
    assert venue.open_ticks == venue.high_ticks == venue.low_ticks
    market.advance(opening)
    assert len(market.exchange.quote(INFY).bids) == 5


def test_the_next_day_opens_again():
    market = default_market(3, CLOSE - 10 * SECOND)
    exchange = market.exchange
    closed = CLOSE + 3600 * SECOND
    market.advance(closed)
    closing = exchange.venue(INFY).closing_ticks
    later = CLOSE + (3 * 24 - 6) * 3600 * SECOND  # Friday's close to Monday's open
    market.advance(later - 1)
    assert exchange.venue(INFY).close_ticks == closing
    assert exchange.quote(INFY).volume > 0
    market.advance(later + SECOND)
    assert len(exchange.quote(INFY).bids) == 5


def test_one_instruments_user_leaves_the_others_as_they_were():
    quiet, busy = default_market(5, START), default_market(5, START)
    busy.exchange.open_account("u", Decimal(100_000_000))
    busy.exchange.place("u", market_buy(3_000), START + SECOND)
    quiet.advance(START + 60 * SECOND)
    busy.advance(START + 60 * SECOND)
    other = InstrumentId("NSE:SBIN")
    assert quiet.exchange.quote(other) == busy.exchange.quote(other)
    assert quiet.exchange.quote(INFY) != busy.exchange.quote(INFY)
