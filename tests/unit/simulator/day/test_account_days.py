"""Accounts through three real trading days: square-off, roll, settlement, expiry, reconciled."""

from decimal import Decimal as D

import pytest

from patang.domain.enums import OrderType, Product, Side, Variety
from patang.rules.ist import at_ist
from patang.simulator import OrderRequest, SeededSource
from patang.simulator.day.trading_day import TradingDay
from tests.money_house import (
    CALL,
    FRIDAY,
    FUTURE,
    INFY,
    MONDAY,
    NIFTY,
    SBIN,
    WEDNESDAY,
    House,
)

OPENING = D(10_000_000)
USERS = ("buyer", "seller", "third")


@pytest.fixture
def house() -> House:
    """The house on Thursday, its exchange following its calendars from then on."""
    house = House()
    house.exchange.open_account("third", OPENING)
    day = TradingDay(house.exchange, SeededSource(1).split, with_derivatives=[INFY, SBIN])
    day.begin(house.exchange.now_ns)
    return house


def reconciles(house: House) -> bool:
    return all(
        house.funds(user).opening == OPENING + sum(house.ledger(user), D(0)) for user in USERS
    )


def test_three_days_add_up(house):
    exchange = house.exchange
    exchange.seed_holding("seller", SBIN, 100, D(700))
    # Thursday: a position that nobody closes, a delivery, a future and an option carried over.
    house.trade(INFY, 100, "1500", Product.MIS)
    house.trade(SBIN, 100, "900", Product.CNC)
    house.trade(FUTURE, 65, "26050")
    house.trade(CALL, 65, "150")
    house.order("third", Side.BUY, INFY, 100, "1495", Product.CNC)
    assert exchange.holdings("seller")[0].used_quantity == 100

    house.begin_day(FRIDAY)  # past the square-off at 15:12 and the roll at 06:00
    assert exchange.orders("buyer") == exchange.trades("buyer") == []
    # The desk sold what was bought into the waiting bid, and found nobody to buy back from.
    assert house.ledger("buyer", "square_off") == [D("-59.00")]
    assert house.ledger("seller", "square_off") == []
    assert house.ledger("seller", "close_out") != []
    assert {one.instrument for one in exchange.holdings("buyer")} == {SBIN}
    assert [one.t1_quantity for one in exchange.holdings("third")] == [100]
    assert {one.instrument for one in exchange.positions("buyer")} == {FUTURE, CALL}
    assert exchange.holdings("seller") == []
    assert reconciles(house)

    # Friday: half of nothing, the shares arrive.
    house.begin_day(MONDAY)
    assert [one.quantity for one in exchange.holdings("buyer")] == [100]
    assert reconciles(house)

    # Monday: the contracts expire against the index.
    house.mark(NIFTY, "26100")
    house.begin_day(WEDNESDAY)
    assert exchange.positions("buyer") == exchange.positions("seller") == []
    assert reconciles(house)
    # Index contracts are worth 50 and 100 - 150 a unit; the intraday shares lost 5 each, sold to
    # a third, and the delivery cost its price.
    contracts = 65 * 50 + 65 * (100 - 150)
    shares = -5 * 100 - 100 * 900
    assert house.funds("buyer").opening == OPENING + contracts + shares - house.charged("buyer")
    # Everything that left the users went into charges, or to the clearing house for the shares
    # that were not delivered.
    left = sum((OPENING - house.funds(user).opening for user in USERS), D(0))
    charged = sum((house.charged(user) for user in USERS), D(0))
    assert left == charged - sum(house.ledger("seller", "close_out"))


def test_an_order_of_the_evening_still_waits_in_the_morning(house):
    """After-market orders outlive the roll, and go on blocking what they need."""
    house.exchange.pass_time(at_ist(FRIDAY.replace(day=19), 20, 0))
    request = OrderRequest(
        instrument=INFY,
        side=Side.BUY,
        quantity=10,
        order_type=OrderType.LIMIT,
        product=Product.CNC,
        price=D(1450),
        variety=Variety.AMO,
    )
    order = house.exchange.place("buyer", request, house.now_ns)
    house.exchange.pass_time(at_ist(FRIDAY, 7, 0))
    assert [one.order_id for one in house.exchange.orders("buyer")] == [order.order_id]
    assert house.funds().margin_used == 14_500
    house.exchange.cancel("buyer", order.order_id, house.now_ns)
    assert house.funds().margin_used == 0
