"""Users' orders against a recorded market, under each fill model."""

from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import Instrument
from patang.rules.ist import at_ist
from patang.simulator.orders import KiteStatus, OrderRequest
from patang.simulator.tape.candles import TickCandle
from patang.simulator.tape.fill_models import FillModelName
from patang.simulator.tape.recording import Recording, TapeEvent, TickBar, bar_events
from patang.simulator.tape.replay import replay_market
from patang.simulator.worlds.market import Market

SECOND = 1_000_000_000
OPEN = at_ist(date(2026, 11, 19), 9, 15)
SHARE = Instrument(
    exchange=ExchangeName.NSE,
    symbol="INFY",
    token=408_065,
    tick_size=Decimal("0.05"),
    segment="NSE",
)
BOTH = pytest.mark.parametrize("model", FillModelName)
QUEUE, QUOTE = FillModelName.QUEUE_POSITION, FillModelName.QUOTE_BASED


def event(second: int, last: int, traded: int, bid: tuple, ask: tuple, **more) -> TapeEvent:
    return TapeEvent(
        OPEN + second * SECOND, last, traded, (bid,) if bid else (), (ask,) if ask else (), **more
    )


def market(model: FillModelName, *events: TapeEvent) -> Market:
    made = replay_market(
        Recording(
            instruments=(SHARE,), previous_closes={SHARE.id: Decimal(50)}, events={SHARE.id: events}
        ),
        model,
    )
    made.exchange.open_account("AB1234", Decimal(1_000_000))
    return made


def place(market: Market, side: Side, ticks: int, quantity: int, second: int, **more):
    request = OrderRequest(
        **{
            "instrument": SHARE.id,
            "side": side,
            "quantity": quantity,
            "order_type": OrderType.LIMIT,
            "product": Product.MIS,
            "price": SHARE.from_ticks(ticks),
        }
        | more
    )
    return market.exchange.place("AB1234", request, OPEN + second * SECOND)


@BOTH
def test_the_venue_shows_what_the_tape_showed(model):
    made = market(
        model,
        event(0, 1000, 10, (999, 50), (1001, 60), oi=7),
        event(1, 1002, 30, (1001, 70), (1003, 80)),
        event(2, 1002, 0, (1000, 5), (1003, 80)),
    )
    made.advance(OPEN + 2 * SECOND)
    quote = made.exchange.quote(SHARE.id)
    assert quote.last_price == Decimal("50.10")
    assert (quote.volume, quote.last_quantity, quote.oi) == (40, 30, 7)
    assert (quote.open, quote.high, quote.low) == (Decimal(50), Decimal("50.10"), Decimal(50))
    assert [(one.price, one.quantity) for one in quote.bids] == [(Decimal(50), 5)]
    assert [(one.price, one.quantity) for one in quote.asks] == [(Decimal("50.15"), 80)]


@BOTH
def test_what_is_quoted_is_taken_at_once(model):
    made = market(model, event(0, 1000, 10, (999, 50), (1001, 60)))
    order = place(made, Side.BUY, 1001, 100, 1)
    assert (order.filled_quantity, order.average_price) == (60, Decimal("50.05"))
    assert order.status is KiteStatus.OPEN


@BOTH
def test_a_quote_that_crosses_a_resting_order_fills_it_at_its_own_price(model):
    made = market(
        model,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        event(5, 1000, 0, (997, 50), (998, 60)),
    )
    order = place(made, Side.BUY, 998, 100, 1)
    assert order.filled_quantity == 0
    made.advance(OPEN + 5 * SECOND)
    assert (order.filled_quantity, order.average_price) == (60, Decimal("49.90"))


def test_trades_at_its_price_fill_nothing_where_the_quote_decides():
    made = market(
        QUOTE,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        event(5, 999, 500, (999, 50), (1001, 60)),
    )
    order = place(made, Side.BUY, 999, 10, 1)
    made.advance(OPEN + 5 * SECOND)
    assert order.filled_quantity == 0
    assert made.exchange.quote(SHARE.id).volume == 510


def test_a_queue_is_served_in_turn():
    made = market(
        QUEUE,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        event(5, 999, 40, (999, 10), (1001, 60)),
        event(6, 999, 15, (999, 30), (1001, 60)),
        event(7, 999, 3, (999, 30), (1001, 60)),
        event(8, 999, 99, (999, 30), (1001, 60)),
    )
    order = place(made, Side.BUY, 999, 20, 1)
    filled = []
    for second in (5, 6, 7, 8):
        made.advance(OPEN + second * SECOND)
        filled.append(order.filled_quantity)
    # Fifty stood in front: forty go, then ten and five of ours, then three, then the rest.
    assert filled == [0, 5, 8, 20]
    assert order.average_price == Decimal("49.95")
    assert made.exchange.quote(SHARE.id).volume == 10 + 40 + 15 + 3 + 99


def test_those_who_leave_a_queue_leave_from_behind():
    made = market(
        QUEUE,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        event(5, 1000, 0, (999, 90), (1001, 60)),
        event(6, 1000, 0, (999, 50), (1001, 60)),
        event(7, 999, 50, (999, 10), (1001, 60)),
        event(8, 999, 1, (999, 10), (1001, 60)),
    )
    order = place(made, Side.BUY, 999, 20, 1)
    made.advance(OPEN + 7 * SECOND)
    assert order.filled_quantity == 0
    made.advance(OPEN + 8 * SECOND)
    assert order.filled_quantity == 1


def test_a_trade_beyond_its_price_fills_an_order_whatever_was_in_front():
    made = market(
        QUEUE,
        event(0, 1000, 10, (999, 5_000), (1001, 60)),
        event(5, 997, 30, (996, 50), (998, 60)),
    )
    order = place(made, Side.BUY, 999, 20, 1)
    made.advance(OPEN + 5 * SECOND)
    assert (order.filled_quantity, order.average_price) == (20, Decimal("49.95"))
    quote = made.exchange.quote(SHARE.id)
    assert (quote.volume, quote.last_price) == (40, Decimal("49.85"))


def test_offers_queue_like_bids():
    made = market(
        QUEUE,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        event(5, 1001, 70, (1000, 50), (1001, 9)),
    )
    order = place(made, Side.SELL, 1001, 25, 1)
    made.advance(OPEN + 5 * SECOND)
    assert (order.filled_quantity, order.average_price) == (10, Decimal("50.05"))


@BOTH
def test_stop_orders_hear_the_tapes_last_price(model):
    made = market(
        model,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        event(4, 1003, 10, (1002, 50), (1003, 60)),
        event(5, 1005, 10, (1004, 50), (1005, 60)),
    )
    stop = place(
        made,
        Side.BUY,
        1006,
        10,
        1,
        order_type=OrderType.SL,
        trigger_price=SHARE.from_ticks(1004),
    )
    made.advance(OPEN + 4 * SECOND)
    assert stop.status is KiteStatus.TRIGGER_PENDING
    made.advance(OPEN + 5 * SECOND)
    assert (stop.status, stop.average_price) == (KiteStatus.COMPLETE, SHARE.from_ticks(1005))


def test_a_queue_that_leaves_the_depth_shown_is_not_jumped():
    deep = (TapeEvent(OPEN + 5 * SECOND, 1004, 0, ((1003, 10),), ((1005, 10),)),)
    made = market(
        QUEUE,
        event(0, 1000, 10, (999, 50), (1001, 60)),
        *deep,
        event(6, 1000, 0, (999, 50), (1001, 60)),
        event(7, 999, 50, (999, 10), (1001, 60)),
    )
    order = place(made, Side.BUY, 999, 20, 1)
    made.advance(OPEN + 7 * SECOND)
    assert order.filled_quantity == 0


@BOTH
def test_however_the_time_is_cut_the_same_happens(model):
    events = [
        event(n, 1000 + (n * 7) % 5, n % 4 * 10, (998 + n % 3, 20 + n), (1005 + n % 2, 30))
        for n in range(60)
    ]

    def run(step: int) -> list:
        made = market(model, *events)
        orders = [place(made, Side.BUY, 999, 200, 3), place(made, Side.SELL, 1004, 100, 7)]
        for second in range(8, 61, step):
            made.advance(OPEN + second * SECOND)
        made.advance(OPEN + 60 * SECOND)
        return [[(one.status, one.at_ns, one.filled_quantity) for one in o.history] for o in orders]

    assert run(1) == run(13) == run(60)


def test_a_bar_is_four_moments_that_add_up_to_it():
    minute = 60 * SECOND
    for bar in (
        TickBar(OPEN, 1000, 1010, 990, 1005, 103, 4),
        TickBar(OPEN, 1000, 1010, 990, 995, 2, 4),
    ):
        made = market(QUOTE, *bar_events(bar, minute))
        made.advance(OPEN + minute)
        assert made.exchange.venue(SHARE.id).minutes.between(OPEN, OPEN + minute) == [
            TickCandle(*bar)
        ]


@BOTH
def test_an_order_inside_a_bar_fills_only_when_the_bar_goes_through_it(model):
    minute = 60 * SECOND
    made = market(model, *bar_events(TickBar(OPEN, 1000, 1010, 990, 1005, 4_000), minute))
    through, beyond = place(made, Side.BUY, 995, 10, 1), place(made, Side.BUY, 989, 10, 1)
    made.advance(OPEN + minute)
    assert (through.filled_quantity, beyond.filled_quantity) == (10, 0)


def test_a_day_that_no_calendar_knows_is_always_open():
    long_ago = at_ist(date(2019, 3, 4), 3, 0)
    made = replay_market(
        Recording(
            instruments=(SHARE,),
            previous_closes={SHARE.id: Decimal(50)},
            events={SHARE.id: (TapeEvent(long_ago, 1000, 5, ((999, 10),), ((1001, 10),)),)},
        ),
        QUOTE,
    )
    assert made.day is None
    assert made.exchange.last_price(SHARE.id) == Decimal(50)


@BOTH
def test_shares_and_cash_are_conserved_between_users_and_the_tape(model):
    events = [
        event(n, 1000 + (n * 7) % 9, n % 4 * 10, (996 + n % 5, 20 + n), (1005 + n % 4, 30))
        for n in range(60)
    ]
    made = market(model, *events)
    for second in range(1, 50, 7):
        if second % 2:
            place(made, Side.BUY, 1008, 30, second)
        else:
            place(made, Side.SELL, 996, 20, second)
    made.advance(OPEN + 60 * SECOND)
    exchange = made.exchange
    trades = exchange.trades("AB1234")
    assert len(trades) > 3
    agents = exchange.floor.agents.values()
    shares = sum(one.quantity * one.side.sign for one in trades)
    cash = sum(SHARE.to_ticks(one.price) * one.quantity * -one.side.sign for one in trades)
    assert sum(one.shares for one in agents) + shares == 0
    assert sum(one.cash_ticks for one in agents) + cash == 0


@BOTH
def test_an_index_has_levels_and_no_book(model):
    index = Instrument(
        exchange=ExchangeName.NSE,
        symbol="NIFTY 50",
        token=256_265,
        tick_size=Decimal("0.05"),
        segment="INDICES",
        is_tradable=False,
    )
    events = tuple(
        TapeEvent(OPEN + n * SECOND, 500_000 + n, 10, ((499_999, 1),), ((500_009, 1),))
        for n in range(3)
    )
    made = replay_market(
        Recording(
            instruments=(index,),
            previous_closes={index.id: Decimal(25_000)},
            events={index.id: events},
        ),
        model,
    )
    made.advance(OPEN + 2 * SECOND)
    quote = made.exchange.quote(index.id)
    assert (quote.last_price, quote.open) == (Decimal("25000.10"), Decimal(25_000))
    assert (quote.bids, quote.asks, quote.volume) == ((), (), 0)


@BOTH
def test_before_the_opening_orders_wait_for_the_auction(model):
    early = [
        TapeEvent(at_ist(date(2026, 11, 19), 9, minute), 1000, 50, ((999, 10),), ((1001, 40),))
        for minute in (0, 1, 3, 4)
    ]
    made = market(model, *early, event(1, 1000, 10, (999, 10), (1001, 40)))
    order = place(made, Side.BUY, 1002, 30, -750)
    made.advance(early[-1].time_ns)
    assert order.filled_quantity == 0
    assert {one.owner for one in made.exchange.venue(SHARE.id).book.orders(False)} == {
        f"outside/{SHARE.id}"
    }
    made.advance(OPEN + SECOND)
    assert order.filled_quantity == 30
    assert order.average_price == SHARE.from_ticks(1001)
