"""Positions that change their product, and what the new one needs."""

from decimal import Decimal as D

import pytest

from patang.domain.enums import Product, Side
from patang.simulator import Refused
from patang.simulator.accounts.conversion import Conversion
from tests.money_house import FRIDAY, FUTURE, INFY, THURSDAY, House

OPENING = D(10_000_000)


def convert(house: House, quantity: int, old: str, new: str, *, name=INFY, side=Side.BUY,
            overnight=False, user="buyer") -> None:  # fmt: skip
    wanted = Conversion(
        instrument=name,
        side=side,
        quantity=quantity,
        old_product=Product(old),
        new_product=Product(new),
        overnight=overnight,
    )
    house.exchange.convert(user, wanted, house.now_ns)


def positions(house: House, user: str = "buyer") -> dict[str, int]:
    return {one.product.value: one.quantity for one in house.exchange.positions(user)}


def test_an_intraday_position_becomes_delivery_at_its_cost(house):
    house.trade(INFY, 100, "1500", Product.MIS)
    house.trade(INFY, 50, "1503", Product.MIS)
    convert(house, 60, "MIS", "CNC")
    assert positions(house) == {"MIS": 90, "CNC": 60}
    average = D(1501)
    assert house.funds().margin_used == 90 * average / 5 + 60 * average
    assert house.funds().cash == OPENING - 150 * average
    house.trade(INFY, 90, "1510", Product.MIS, buyer="seller", seller="buyer")
    house.end_day(THURSDAY)
    (holding,) = house.exchange.holdings("buyer")
    assert (holding.t1_quantity, holding.average_price) == (60, 1501)
    assert house.funds().opening == OPENING + 90 * 9 - 60 * average - house.charged("buyer")


def test_a_whole_position_leaves_no_row_behind(house):
    house.trade(INFY, 100, "1500", Product.MIS)
    convert(house, 100, "MIS", "CNC")
    assert positions(house) == {"CNC": 100}


def test_a_conversion_back_frees_the_margin(house):
    house.trade(INFY, 100, "1500", Product.CNC, sold_as=Product.MIS)
    assert house.funds().margin_used == 150_000
    convert(house, 100, "CNC", "MIS")
    assert house.funds().margin_used == 30_000


def test_a_conversion_that_cannot_be_paid_leaves_everything_as_it_was(house):
    house.trade(INFY, 20_000, "1500", Product.MIS)
    before = house.funds()
    with pytest.raises(Refused, match="Insufficient funds") as refusal:
        convert(house, 20_000, "MIS", "CNC")
    assert refusal.value.error_type == "MarginException"
    assert house.funds() == before
    assert positions(house) == {"MIS": 20_000}


def test_a_short_becomes_a_delivery_sale_only_out_of_holdings(house):
    house.trade(INFY, 100, "1500", Product.MIS)
    with pytest.raises(Refused, match="available quantity is 0"):
        convert(house, 100, "MIS", "CNC", side=Side.SELL, user="seller")
    house.exchange.seed_holding("seller", INFY, 100, D(1000))
    convert(house, 100, "MIS", "CNC", side=Side.SELL, user="seller")
    assert house.funds("seller").holding_sales == 150_000


@pytest.mark.parametrize(
    ("quantity", "old", "new", "more", "text"),
    [
        (101, "MIS", "CNC", {}, "100 day units are open"),
        (10, "CNC", "MIS", {}, "0 day units are open"),
        (10, "MIS", "NRML", {}, "Invalid `new_product` NRML: NSE takes CNC, MIS, MTF"),
        (10, "MIS", "CNC", {"side": Side.SELL}, "0 day units are open"),
        (10, "MIS", "CNC", {"overnight": True}, "0 overnight units are open"),
    ],
)
def test_what_is_not_there_cannot_be_converted(house, quantity, old, new, more, text):
    house.trade(INFY, 100, "1500", Product.MIS)
    with pytest.raises(Refused, match=text) as refusal:
        convert(house, quantity, old, new, **more)
    assert refusal.value.error_type == "InputException"


def test_a_carried_future_is_converted_with_what_was_settled_of_it(house):
    house.trade(FUTURE, 130, "26050")
    house.mark(FUTURE, "26100")
    house.end_day(THURSDAY)
    house.begin_day(FRIDAY)
    convert(house, 65, "NRML", "MIS", name=FUTURE, overnight=True)
    assert positions(house) == {"NRML": 65, "MIS": 65}
    assert house.funds().realised == 0
    for product in (Product.MIS, Product.NRML):
        house.trade(FUTURE, 65, "26110", product, buyer="seller", seller="buyer")
    assert house.funds().realised == 10 * 130
    house.end_day(FRIDAY)
    assert house.funds().opening == OPENING + 60 * 130 - house.charged("buyer")


def test_part_of_a_lot_is_not_converted(house):
    house.trade(FUTURE, 130, "26050")
    with pytest.raises(Refused, match="a multiple of lot size 65"):
        convert(house, 64, "NRML", "MIS", name=FUTURE)


def test_intraday_is_closed_after_the_square_off(house):
    house.trade(INFY, 100, "1500", Product.CNC, sold_as=Product.MIS)
    house.exchange.venue(INFY).is_intraday_over = True
    with pytest.raises(Refused, match="MIS \\(intraday\\) are blocked"):
        convert(house, 10, "CNC", "MIS")


def test_shares_that_a_waiting_sale_is_to_deliver_are_not_converted(house):
    house.trade(INFY, 100, "1500", Product.CNC, sold_as=Product.MIS)
    sale = house.order("buyer", Side.SELL, INFY, 60, "1520", Product.CNC)
    with pytest.raises(Refused, match="Insufficient holding quantity") as caught:
        convert(house, 41, "CNC", "MIS")
    assert caught.value.error_type == "HoldingException"
    convert(house, 40, "CNC", "MIS")
    house.exchange.cancel("buyer", sale.order_id, house.now_ns)
    convert(house, 60, "CNC", "MIS")
    assert positions(house) == {"MIS": 100}
