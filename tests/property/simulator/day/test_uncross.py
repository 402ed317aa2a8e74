"""Laws of a call auction, whatever was collected: one price, nobody passed over, all conserved."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.ist import at_ist
from patang.simulator import Exchange, OrderRequest, SeededSource
from patang.simulator.day.trading_day import TradingDay

SHARE = InstrumentId("NSE:SHARE")
DAY = date(2026, 11, 20)
USERS = ("a", "b", "c")

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(USERS),
        st.sampled_from(Side),
        st.one_of(st.none(), st.integers(960, 1040)),
        st.integers(1, 60),
    ),
    max_size=25,
)


def auction(rows, hour, until):
    instrument = Instrument(
        exchange=ExchangeName.NSE, symbol="SHARE", token=1, tick_size=Decimal("0.10"), name="SHARE"
    )
    exchange = Exchange([instrument], {SHARE: Decimal(100)})
    for user in USERS:
        exchange.open_account(user, Decimal(10_000_000))
        exchange.seed_holding(user, SHARE, 10_000, Decimal(100))
    start_ns = at_ist(DAY, *hour)
    exchange.pass_time(start_ns)
    TradingDay(exchange, SeededSource(1).split, with_derivatives=[SHARE]).begin(start_ns)
    placed = []
    for number, (user, side, ticks, quantity) in enumerate(rows):
        request = OrderRequest(
            instrument=SHARE,
            side=side,
            quantity=quantity,
            order_type=OrderType.MARKET if ticks is None else OrderType.LIMIT,
            product=Product.CNC,
            price=None if ticks is None else Decimal(ticks) / 10,
            market_protection=Decimal(-1) if ticks is None else None,
        )
        placed.append(exchange.place(user, request, start_ns + number))
    exchange.pass_time(at_ist(DAY, *until))
    return exchange, placed


def check(exchange, placed):
    trades = [trade for user in USERS for trade in exchange.trades(user)]
    assert len({trade.price for trade in trades}) <= 1
    bought = sum(one.quantity for one in trades if one.side is Side.BUY)
    assert bought == sum(one.quantity for one in trades if one.side is Side.SELL)
    assert bought == exchange.venue(SHARE).volume
    for order in placed:
        assert order.filled_quantity + order.pending_quantity + order.cancelled_quantity == (
            order.quantity
        )
    if not trades:
        return
    price = trades[0].price
    for order in placed:
        if order.filled_quantity and order.request.price is not None:
            assert (order.request.price - price) * order.side.sign >= 0
    # Where one side has an order at a better price than the auction's left over, the other side
    # has nothing left that would take it, its own owner's orders aside.
    for order in placed:
        rests = order.filled_quantity < order.quantity and order.request.price is not None
        if rests and "your own order" not in (order.status_message or ""):
            better = (order.request.price - price) * order.side.sign > 0
            others = [
                one
                for one in placed
                if one.side is not order.side
                and one.user_id != order.user_id
                and one.filled_quantity < one.quantity
                and "your own order" not in (one.status_message or "")
                and (one.request.price is None or (one.request.price - price) * one.side.sign >= 0)
            ]
            assert not (better and others)


@settings(max_examples=60)
@given(ORDERS)
def test_laws_of_the_opening_auction(rows):
    exchange, placed = auction(rows, (9, 1), (9, 12))
    check(exchange, placed)
    book = exchange.venue(SHARE).book
    if book.best_bid is not None and book.best_ask is not None:
        assert book.best_bid < book.best_ask
    # Everything that is left has a price from here on.
    assert all(not one.is_market for is_buy in (True, False) for one in book.orders(is_buy))


@settings(max_examples=60)
@given(ORDERS)
def test_laws_of_the_closing_auction(rows):
    narrow = [
        (user, side, ticks, units)
        for user, side, ticks, units in rows
        if ticks is None or 970 <= ticks <= 1030
    ]
    exchange, placed = auction(narrow, (15, 21), (15, 31))
    check(exchange, placed)
    venue = exchange.venue(SHARE)
    assert len(venue.book) == 0
    assert all(order.status.is_done for order in placed)
    assert venue.closing_ticks == (venue.last_ticks if venue.volume else 1000)
