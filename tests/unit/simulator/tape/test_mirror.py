from decimal import Decimal

from patang.domain.enums import OrderType


def show(desk, last, bid, ask, quantity=100):
    desk.now_ns += 1_000_000_000
    desk.exchange.mirror(
        desk.instrument,
        desk.now_ns,
        last_price=Decimal(last),
        bids=[(Decimal(bid), quantity), (Decimal(bid) - 1, quantity), (Decimal(0), 0)],
        asks=[(Decimal(ask), quantity), (Decimal(ask) + 1, quantity)],
    )


def test_orders_trade_with_the_outside_depth(desk):
    show(desk, "1500", "1499", "1501", quantity=4)
    order = desk.buy(10, "1502")
    assert (order.filled_quantity, order.average_price) == (8, Decimal("1501.5"))


def test_resting_order_fills_when_the_outside_price_comes_to_it(desk):
    show(desk, "1500", "1499", "1501")
    order = desk.buy(10, "1498")
    show(desk, "1499", "1498.50", "1499.50")
    assert order.status.value == "OPEN"
    show(desk, "1498", "1497", "1498")
    assert (order.status.value, order.average_price) == ("COMPLETE", 1498)


def test_each_depth_replaces_the_one_before(desk):
    show(desk, "1500", "1499", "1501")
    show(desk, "1510", "1509", "1511")
    quote = desk.exchange.quote(desk.instrument)
    assert [level.price for level in quote.bids] == [1509, 1508]
    assert [level.price for level in quote.asks] == [1511, 1512]
    assert (quote.last_price, quote.high, quote.low) == (1510, 1510, 1500)


def test_outside_last_price_fires_stops(desk):
    show(desk, "1500", "1499", "1501")
    order = desk.sell(5, None, order_type=OrderType.SL_M, trigger_price="1495", market_protection=1)
    show(desk, "1494.90", "1494", "1495")
    assert (order.status.value, order.average_price) == ("COMPLETE", 1494)


def test_outside_depth_may_lie_beyond_the_band_and_cross_itself(desk):
    show(desk, "1700", "1705", "1701")
    assert desk.exchange.last_price(desk.instrument) == 1700
    assert desk.exchange.trades("buyer") == []
