"""The same seed and the same commands at the same times make the same market, byte for byte."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.simulator import OrderRequest, default_market

SECOND = 1_000_000_000
START = int(datetime(2026, 11, 20, 4, 0, tzinfo=UTC).timestamp()) * SECOND
INFY = InstrumentId("NSE:INFY")
LENGTH = 20 * SECOND


def record(seed, cuts):
    """Everything a user and the tape can see, as bytes; time is cut at the given offsets."""
    market = default_market(seed, START)
    exchange = market.exchange
    exchange.open_account("u", Decimal(10_000_000))
    log = []
    exchange.on_trade = log.append
    exchange.on_order = lambda order: log.append(order.history[-1])
    placements = {5 * SECOND: Side.BUY, 12 * SECOND: Side.SELL}
    for offset in sorted({*cuts, *placements, LENGTH}):
        market.advance(START + offset)
        if offset in placements:
            request = OrderRequest(
                instrument=INFY,
                side=placements[offset],
                quantity=900,
                order_type=OrderType.MARKET,
                product=Product.MIS,
                market_protection=Decimal("0.05"),
            )
            exchange.place("u", request, START + offset)
    quotes = [exchange.quote(one.id) for one in exchange.instruments]
    agents = [(name, one.shares, one.cash_ticks) for name, one in exchange.floor.agents.items()]
    return msgspec.json.encode([log, exchange.orders("u"), quotes, agents, market.actions])


REFERENCE = record(9, ())


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, LENGTH - 1), max_size=30))
def test_slicing_of_time_changes_nothing(cuts):
    assert record(9, cuts) == REFERENCE


def test_orders_without_an_advance_before_them_change_nothing():
    market = default_market(9, START)
    exchange = market.exchange
    exchange.open_account("u", Decimal(10_000_000))
    for offset, side in ((5 * SECOND, Side.BUY), (12 * SECOND, Side.SELL)):
        request = OrderRequest(
            instrument=INFY,
            side=side,
            quantity=900,
            order_type=OrderType.MARKET,
            product=Product.MIS,
            market_protection=Decimal("0.05"),
        )
        exchange.place("u", request, START + offset)
    market.advance(START + LENGTH)
    orders = msgspec.json.decode(REFERENCE)[1]
    assert msgspec.json.decode(msgspec.json.encode(exchange.orders("u"))) == orders
    assert len(exchange.trades("u")) > 1


def test_another_seed_makes_another_market():
    assert record(10, ()) != REFERENCE
