"""Pairs of entries and exits lose no unit, no rupee and no charge."""

from decimal import Decimal

from hypothesis import given, settings

from patang.domain.enums import Side
from patang.domain.money import ZERO
from patang.engine.lots import LotBook
from patang.engine.portfolio import Portfolio
from tests.builders import spec
from tests.property.engine.test_conservation import FILLS

_GRAIN = Decimal("0.000001")


@settings(max_examples=200, deadline=None)
@given(FILLS)
def test_the_two_costings_split_the_same_profit_and_charges(fills):
    books = Portfolio(spec())
    for one in fills:
        books.book(one, "a")
    # Average and first-in-first-out differ in what is realised, never in the sum.
    open_cost = sum((book.open_cost for book in books._lots.values()), ZERO)
    values = sum((p.sell_value - p.buy_value for p in books.owners().values()), ZERO)
    assert books.fifo_realised() - open_cost == values
    assert books.fifo_realised() == sum((trip.gross for trip in books.trips), ZERO)
    waiting = sum((lot.charges for book in books._lots.values() for lot in book.lots), ZERO)
    booked = sum((trip.charges for trip in books.trips), ZERO) + waiting
    assert abs(booked - books.charges) <= _GRAIN
    assert books.charges_of("a") == books.charges
    for (_, name), position in books.owners().items():
        lots = books._lots[("a", name)].lots
        assert sum(lot.quantity * lot.side.sign for lot in lots) == position.quantity
        assert len({lot.side for lot in lots}) <= 1
    for trip in books.trips:
        assert trip.quantity > 0
    assert books.cash == books.opening_cash + sum((e.amount for e in books.ledger), ZERO)
    assert sum(e.amount for e in books.ledger if e.kind == "charges") == -books.charges
    assert books.summary().equity == books.equity
    # An average cost is a quotient: the split carries its rounding, far below a paisa.
    seen = books.summary()
    assert abs(seen.realised + seen.unrealised - books.gross_pnl) <= _GRAIN


@settings(max_examples=100, deadline=None)
@given(FILLS)
def test_lots_close_oldest_first(fills):
    book = LotBook("a", 1)
    opened = []
    for one in fills:
        before = [(lot.opened_ns, lot.order_id) for lot in book.lots]
        trips = book.apply(one, ZERO)
        closed = [trip.entry_order_id for trip in trips]
        assert closed == [order for _, order in before][: len(closed)]
        opened.append(one.side)
    assert not book.lots or book.lots[0].side in (Side.BUY, Side.SELL)
