from decimal import Decimal

import pytest

from patang.domain.instrument import InstrumentId
from patang.simulator import Refused

INDEX = InstrumentId("NSE:NIFTY 50")


def test_quote_before_the_first_trade_shows_the_previous_close(desk):
    quote = desk.exchange.quote(desk.instrument)
    assert (quote.last_price, quote.close, quote.open, quote.volume) == (1500, 1500, 0, 0)
    assert (quote.last_trade_ns, quote.bids, quote.asks) == (None, (), ())
    assert (quote.lower_circuit, quote.upper_circuit) == (1350, 1650)


def test_quote_follows_the_trades_of_the_day(desk):
    for price in ("1500", "1503", "1498", "1499"):
        desk.trade_at(price)
    desk.buy(7, "1490")
    desk.buy(3, "1490", user="seller")
    desk.sell(5, "1510")
    quote = desk.exchange.quote(desk.instrument)
    assert (quote.open, quote.high, quote.low, quote.last_price) == (1500, 1503, 1498, 1499)
    assert (quote.volume, quote.last_quantity, quote.average_price) == (4, 1, 1500)
    assert [(one.price, one.quantity, one.orders) for one in quote.bids] == [(1490, 10, 2)]
    assert (quote.buy_quantity, quote.sell_quantity) == (10, 5)
    assert quote.exchange_ns == desk.now_ns


def test_average_price_is_weighted_by_quantity(desk):
    desk.sell(3, "1500")
    desk.sell(1, "1502")
    desk.buy(4, "1502")
    assert desk.exchange.quote(desk.instrument).average_price == Decimal("1500.50")


def test_changed_instruments_are_told_once_in_order(desk):
    assert desk.exchange.take_changed() == []
    desk.exchange.set_index(INDEX, Decimal(1501), desk.now_ns)
    desk.buy(1, "1490")
    desk.buy(1, "1491")
    assert desk.exchange.take_changed() == [INDEX, desk.instrument]
    assert desk.exchange.take_changed() == []


def test_index_has_a_range_but_no_depth_volume_or_circuits(desk):
    for level in ("1500.02", "1510", "1490", "1490"):
        desk.exchange.set_index(INDEX, Decimal(level), desk.now_ns)
    quote = desk.exchange.quote(INDEX)
    assert (quote.open, quote.high, quote.low, quote.last_price) == (1500, 1510, 1490, 1490)
    assert (quote.volume, quote.bids, quote.upper_circuit) == (0, (), 0)


def test_unknown_instrument_has_no_quote(desk):
    with pytest.raises(Refused):
        desk.exchange.quote(InstrumentId("NSE:NOSUCH"))
