"""Orders and fills: what is still outstanding, and what can be a trade."""

from decimal import Decimal

import pytest

from patang.domain.enums import Interval, Side
from patang.domain.market import DepthLevel
from patang.domain.order import OrderStatus
from tests.builders import Desk, fill, tick


def test_a_cancelled_order_is_outstanding_for_the_fills_it_is_known_to_have():
    desk = Desk()
    order = desk.open(50)
    desk.fill(order, "o1", 10)
    assert order.outstanding_quantity == 40
    desk.update(order, "o1", OrderStatus.CANCELLED, 25)
    assert order.outstanding_quantity == 15
    desk.fill(order, "o1", 15)
    assert order.outstanding_quantity == 0


def test_the_average_price_weighs_the_fills():
    desk = Desk()
    order = desk.open(50)
    assert order.average_price is None
    desk.fill(order, "o1", 10, "100")
    desk.fill(order, "o1", 30, "102")
    assert order.average_price == Decimal("101.5")


@pytest.mark.parametrize(
    ("quantity", "price", "is_fault"),
    [(1, "0.05", False), (0, "1", True), (-1, "1", True), (1, "0", True), (1, "NaN", True)],
)
def test_what_cannot_be_a_trade_says_why(quantity: int, price: str, is_fault: bool):
    assert (fill(quantity, price).fault is not None) == is_fault


def test_sides_and_intervals():
    assert [(side.sign, side.opposite) for side in Side] == [(1, Side.SELL), (-1, Side.BUY)]
    assert [interval.seconds // 60 for interval in Interval] == [1, 3, 5, 10, 15, 30, 60, 1_440]


def test_an_empty_level_is_no_bid():
    seen = tick(100.0)
    assert (seen.bid, seen.ask) == (None, None)
    deep = type(seen)(
        instrument=seen.instrument,
        received_ns=5,
        last_price=100.0,
        bids=(DepthLevel(99.9, 5, 1),),
        asks=(DepthLevel(0.0, 0, 0),),
    )
    assert (deep.bid, deep.ask, deep.time_ns) == (99.9, None, 5)
