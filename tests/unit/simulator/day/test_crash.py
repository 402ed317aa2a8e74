"""A market that crashes by itself reaches the breaker, reopens with an auction, and closes."""

from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.rules.ist import at_ist
from patang.rules.session import PhaseKind
from patang.simulator import OrderRequest, default_market
from patang.simulator.worlds.regimes import Regime

INFY, NIFTY = InstrumentId("NSE:INFY"), InstrumentId("NSE:NIFTY 50")
DAY = date(2026, 11, 19)


@pytest.fixture(scope="module")
def crash():
    """The market of seed 1 at its halt; it falls from 12:05 on and is joined on its way."""
    market = default_market(1, at_ist(DAY, 12, 14), regime=Regime.CRASH)
    market.exchange.open_account("u", Decimal(10_000_000))
    for minute in range(15, 60):
        market.advance(at_ist(DAY, 12, minute))
        if market.day.halt is not None:
            break
    return market


def test_the_crash_of_a_whole_market_halts_it_and_an_auction_reopens_it(crash):
    exchange, venue = crash.exchange, crash.exchange.venue(INFY)
    assert crash.day.halt is not None
    assert (crash.day.halt.level, crash.day.halt.minutes) == (10, 45)
    index = exchange.quote(NIFTY)
    assert index.last_price <= index.close * Decimal("0.9")
    # A tenth below the close was the band of every share; some bands had to grow to get there.
    shares = [one for one in exchange.floor.venues.values() if one.instrument.is_tradable]
    assert any(one.lower_ticks < one.close_ticks * 0.89 for one in shares)
    halted_ns, volume = crash.now_ns, venue.volume
    crash.advance(halted_ns + 44 * 60 * 10**9)
    assert venue.phase is PhaseKind.BUFFER
    assert venue.volume == volume
    crash.advance(halted_ns + 47 * 60 * 10**9)
    assert venue.phase is PhaseKind.PRE_OPEN_ENTRY
    bid = OrderRequest(
        instrument=INFY,
        side=Side.BUY,
        quantity=10,
        order_type=OrderType.LIMIT,
        product=Product.CNC,
        price=exchange.quote(INFY).upper_circuit,
    )
    order = exchange.place("u", bid, crash.now_ns)
    crash.advance(halted_ns + 58 * 60 * 10**9)
    assert order.status.value == "COMPLETE"
    assert order.average_price == venue.last_price
    crash.advance(halted_ns + 61 * 60 * 10**9)
    assert venue.phase is PhaseKind.CONTINUOUS
    assert len(exchange.quote(INFY).bids) == 5


def test_a_whole_opening_is_the_same_however_its_time_is_cut():
    def opening(step_ns=None):
        market = default_market(11, at_ist(DAY, 8, 50))
        end_ns = at_ist(DAY, 9, 16)
        while step_ns is not None and market.now_ns < end_ns - step_ns:
            market.advance(market.now_ns + step_ns)
        market.advance(end_ns)
        exchange = market.exchange
        for name in exchange.floor.venues:
            of_it = [
                one for one, where in exchange.floor.agent_instruments.items() if where == name
            ]
            accounts = [exchange.floor.agents[one] for one in of_it]
            assert sum(one.shares for one in accounts) == 0
            assert sum(one.cash_ticks for one in accounts) == 0
        return [exchange.quote(one.id) for one in exchange.instruments]

    first = opening()
    assert first == opening(777_777_777)
    shares = [quote for quote in first if quote.instrument != NIFTY]
    assert all(quote.open > 0 and quote.volume > 0 for quote in shares)
