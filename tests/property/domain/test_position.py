"""Positions: whatever the order of fills, the sums are what went in and out."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Product, Side
from patang.domain.position import Position
from tests.builders import INFY

PRICES = st.integers(1, 5_000_000).map(lambda ticks: ticks * Decimal("0.05"))
FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 5_000), PRICES), min_size=1, max_size=40
)
MULTIPLIERS = st.sampled_from([1, 1, 30, 100])


def booked(fills: list[tuple[Side, int, Decimal]], multiplier: int = 1) -> Position:
    position = Position(instrument=INFY.id, product=Product.MIS, multiplier=multiplier)
    for side, quantity, price in fills:
        position.apply(side, quantity, price)
    return position


@given(FILLS, MULTIPLIERS)
def test_quantity_and_values_are_the_sums_of_the_fills(fills, multiplier):
    position = booked(fills, multiplier)
    assert position.quantity == sum(side.sign * quantity for side, quantity, _ in fills)
    assert position.sell_value - position.buy_value == multiplier * sum(
        -side.sign * quantity * price for side, quantity, price in fills
    )


@given(FILLS, MULTIPLIERS, PRICES)
def test_profit_is_cash_that_came_in_plus_what_is_held(fills, multiplier, last):
    position = booked(fills, multiplier)
    cash = sum(-side.sign * quantity * price * multiplier for side, quantity, price in fills)
    assert position.pnl(last) == cash + position.quantity * last * multiplier


@given(FILLS, MULTIPLIERS, PRICES)
def test_a_flat_position_has_realised_everything_to_the_last_decimal(fills, multiplier, price):
    position = booked(fills, multiplier)
    held = position.quantity
    if held:
        position.apply(Side.SELL if held > 0 else Side.BUY, abs(held), price)
    assert position.quantity == 0
    assert position.open_cost == 0
    assert position.average_price == 0
    assert position.realised == position.sell_value - position.buy_value


@settings(max_examples=60)
@given(FILLS)
def test_average_cost_agrees_with_exact_fractions(fills):
    held, cost, realised = 0, Fraction(0), Fraction(0)
    for side, quantity, price in fills:
        signed, exact = side.sign * quantity, Fraction(price)
        closing = min(quantity, abs(held)) if held * signed < 0 else 0
        if closing:
            share = cost * closing / abs(held)
            realised += -side.sign * exact * closing - share
            cost -= share
        cost += exact * (quantity - closing) * side.sign
        held += signed
    position = booked(fills)
    assert abs(Fraction(position.open_cost) - cost) < Fraction(1, 10**12)
    assert abs(Fraction(position.realised) - realised) < Fraction(1, 10**12)


@given(FILLS)
def test_the_parts_returned_add_up_to_the_whole(fills):
    position = Position(instrument=INFY.id, product=Product.MIS)
    parts = [position.apply(*each) for each in fills]
    assert abs(sum(parts) - position.realised) < Decimal("1e-12")
