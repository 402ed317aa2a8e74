"""What each phase of the day takes, and what it sends back in the order's row."""

from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType, OrderType, Product, Validity, Variety
from patang.domain.instrument import Instrument
from patang.rules.ist import at_ist
from patang.rules.session import PhaseKind
from patang.simulator import Exchange, KiteStatus, Refused

COLLECTING = [
    PhaseKind.PRE_OPEN_ENTRY,
    PhaseKind.PRE_OPEN_LIMIT_ONLY,
    PhaseKind.AUCTION_ENTRY,
    PhaseKind.AUCTION_LIMIT_ONLY,
]
FROZEN = [
    PhaseKind.PRE_OPEN_MATCHING,
    PhaseKind.AUCTION_REFERENCE,
    PhaseKind.AUCTION_MATCHING,
    PhaseKind.BUFFER,
]


def venue(desk):
    return desk.exchange.venue(desk.instrument)


def market(desk, side="buy", **more):
    more = {"order_type": OrderType.MARKET, "market_protection": "2"} | more
    return getattr(desk, side)(price=None, **more)


@pytest.mark.parametrize("phase", COLLECTING)
def test_auctions_collect_without_trading(desk, phase):
    venue(desk).phase = phase
    buy, sell = desk.buy(price="1510"), desk.sell(price="1490")
    assert (buy.status, sell.status) == (KiteStatus.OPEN, KiteStatus.OPEN)
    assert desk.trades == []
    quote = desk.exchange.quote(desk.instrument)
    assert (quote.bids[0].price, quote.asks[0].price) == (1510, 1490)


def test_market_order_in_an_auction_has_no_price_and_stands_before_all(desk):
    venue(desk).phase = PhaseKind.AUCTION_ENTRY
    limit = desk.buy(price="1530")
    order = market(desk)
    assert (order.order_type, order.price, order.tags) == (OrderType.MARKET, 0, ())
    assert [one.order_id for one in venue(desk).book.orders(True)] == [
        order.order_id,
        limit.order_id,
    ]
    assert desk.exchange.quote(desk.instrument).bids[0].price == 1530


def test_unmatched_market_orders_become_limits_that_keep_their_time(desk):
    venue(desk).phase = PhaseKind.PRE_OPEN_ENTRY
    order = market(desk)
    later = desk.buy(price="1505")
    desk.exchange.price_market_orders(venue(desk), 15_050, desk.now_ns)
    assert (order.order_type, order.price, order.status) == (OrderType.LIMIT, 1505, KiteStatus.OPEN)
    venue(desk).phase = PhaseKind.CONTINUOUS
    desk.sell(10, "1505")
    assert (order.status, later.status) == (KiteStatus.COMPLETE, KiteStatus.OPEN)


def test_two_orders_of_an_auction_trade_at_a_third_price(desk):
    venue(desk).phase = PhaseKind.PRE_OPEN_ENTRY
    buy, sell = desk.buy(10, "1510"), desk.sell(6, "1490")
    book = venue(desk).book
    bid, ask = next(book.orders(True)), next(book.orders(False))
    desk.exchange.floor.trade_at(venue(desk), bid, ask, 6, 15_000, desk.now_ns)
    assert (buy.filled_quantity, buy.average_price, buy.status.value) == (6, 1500, "OPEN")
    assert (sell.average_price, sell.status.value) == (1500, "COMPLETE")
    assert desk.exchange.last_price(desk.instrument) == 1500
    assert len({one.trade_id for one in desk.trades}) == 1


@pytest.mark.parametrize(
    ("exchange", "text"),
    [
        (ExchangeName.NSE, "Market orders are currently not allowed."),
        (ExchangeName.BSE, "Market order cannot be placed during this period."),
    ],
)
@pytest.mark.parametrize("phase", [PhaseKind.AUCTION_LIMIT_ONLY, PhaseKind.PRE_OPEN_LIMIT_ONLY])
def test_late_in_an_auction_market_orders_end_rejected(make_desk, exchange, text, phase):
    instrument = Instrument(exchange=exchange, symbol="X", token=9, tick_size=Decimal("0.05"))
    desk = make_desk()
    desk.exchange = Exchange([instrument], {instrument.id: Decimal(100)})
    desk.exchange.open_account("buyer", Decimal(100_000))
    desk.exchange.venue(instrument.id).phase = phase
    order = market(desk, instrument=instrument.id)
    assert [state.status.value for state in order.history] == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "REJECTED",
    ]
    assert (order.status_message, order.exchange_order_id) == (text, None)
    assert desk.exchange.funds("buyer").margin_used == 0


@pytest.mark.parametrize("phase", [PhaseKind.PRE_OPEN_ENTRY, PhaseKind.AUCTION_ENTRY])
@pytest.mark.parametrize(
    "special",
    [
        {"order_type": OrderType.SL, "price": "1520", "trigger_price": "1510"},
        {"validity": Validity.IOC},
        {"disclosed_quantity": 5},
        {"variety": Variety.ICEBERG, "iceberg_legs": 2, "iceberg_quantity": 5},
        {"variety": Variety.CO, "trigger_price": "1480"},
    ],
)
def test_auctions_take_plain_orders_only(desk, phase, special):
    venue(desk).phase = phase
    order = desk.buy(**special)
    assert order.status is KiteStatus.REJECTED
    assert order.status_message_raw == "16415 : Invalid order parameter"


@pytest.mark.parametrize("phase", FROZEN)
def test_between_the_phases_orders_are_neither_taken_nor_changed(desk, phase):
    order = desk.buy(price="1490")
    venue(desk).phase = phase
    late = desk.buy(price="1491")
    assert (late.status, late.status_message_raw) == (
        KiteStatus.REJECTED,
        "16000 : The market is not open",
    )
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, price=Decimal(1495))
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    assert [state.status.value for state in order.history][4:] == [
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "NOT MODIFIED",
        "OPEN",
        "CANCEL PENDING",
        "NOT CANCELLED",
        "OPEN",
    ]
    assert (order.price, order.is_modified, order.pending_quantity) == (1490, False, 10)
    assert "16115" in order.status_message_raw


def test_every_change_in_the_closing_auction_loses_the_place(desk):
    first = desk.buy(10, price="1490")
    second = desk.buy(10, price="1490")
    venue(desk).phase = PhaseKind.AUCTION_ENTRY
    desk.exchange.modify("buyer", first.order_id, desk.now_ns, quantity=5)
    assert [one.order_id for one in venue(desk).book.orders(True)] == [
        second.order_id,
        first.order_id,
    ]


def test_after_the_close_orders_trade_at_the_closing_price_alone(desk):
    venue(desk).phase = PhaseKind.POST_CLOSE
    venue(desk).closing_ticks = 15_020
    wrong = desk.sell(price="1501")
    intraday = desk.buy(price="1502")
    buy = desk.buy(price="1502", product=Product.CNC)
    desk.exchange.seed_holding("seller", desk.instrument, 50, Decimal(1400))
    sell = market(desk, "sell", product=Product.CNC)
    assert (wrong.status, intraday.status) == (KiteStatus.REJECTED, KiteStatus.REJECTED)
    assert (buy.status, buy.average_price) == (KiteStatus.COMPLETE, 1502)
    assert (sell.status, sell.average_price) == (KiteStatus.COMPLETE, 1502)


def test_closed_market_refuses_at_once_and_hints_at_amo(desk):
    venue(desk).phase = None
    assert desk.refusal() == (
        "InputException",
        "MIS (intraday) are blocked as the markets are not open for trading today. "
        "Try placing an AMO order.",
    )
    assert desk.exchange.orders("buyer") == []


def test_after_the_square_off_only_the_risk_desk_trades_intraday(desk):
    venue(desk).is_intraday_over = True
    assert "square-off time has passed" in desk.refusal()[1]
    assert desk.buy(price="1490", product=Product.CNC).status is KiteStatus.OPEN
    assert desk.buy(price="1490", placed_by="RMS").placed_by == "RMS"


def test_before_protection_was_demanded_a_market_order_has_no_price(desk):
    desk.now_ns = at_ist(date(2026, 3, 31), 11, 0)
    desk.sell(4, "1500")
    desk.sell(4, "1600")
    order = desk.buy(10, None, order_type=OrderType.MARKET)
    assert (order.filled_quantity, order.average_price) == (8, 1550)
    # What is left rests at the last price.
    assert (order.order_type, order.price, order.pending_quantity) == (OrderType.LIMIT, 1600, 2)
    whole = desk.sell(2, None, order_type=OrderType.MARKET)
    assert (whole.status, whole.order_type, whole.price) == (
        KiteStatus.COMPLETE,
        OrderType.MARKET,
        0,
    )


def test_limit_price_protection_of_options_rejects_in_the_row(make_desk):
    option = Instrument(
        exchange=ExchangeName.NFO,
        symbol="NIFTY26NOV26000CE",
        name="NIFTY",
        token=10,
        tick_size=Decimal("0.05"),
        lot_size=65,
        instrument_type=InstrumentType.CE,
        strike=Decimal(26_000),
        expiry="2026-11-24",
    )
    desk = make_desk()
    desk.exchange = Exchange([option], {option.id: Decimal(100)})
    desk.exchange.open_account("buyer", Decimal(10_000_000))
    spot = desk.exchange.venue(option.id)
    spot.lower_ticks, spot.upper_ticks = 1, 100_000
    order = desk.buy(65, "400", instrument=option.id, product=Product.NRML)
    assert (order.status, order.status_message_raw) == (
        KiteStatus.REJECTED,
        "17070 : The Price is out of the LPP range",
    )
    assert desk.buy(65, "101", instrument=option.id, product=Product.NRML).status.is_resting
    with pytest.raises(Refused, match="options take SL"):
        desk.buy(
            65,
            None,
            instrument=option.id,
            product=Product.NRML,
            order_type=OrderType.SL_M,
            trigger_price="110",
            market_protection="-1",
        )
