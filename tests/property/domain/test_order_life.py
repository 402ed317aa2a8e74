"""No sequence of steps leaves the transition table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.enums import OrderType, Product, Side
from patang.domain.errors import IllegalTransition
from patang.domain.order import DONE, TRANSITIONS, Order, OrderIntent, OrderStatus, can_move
from tests.builders import INFY

INTENT = OrderIntent(
    intent_id="run-1",
    tag="tag1",
    strategy="alpha",
    instrument=INFY.id,
    side=Side.BUY,
    quantity=50,
    order_type=OrderType.MARKET,
    product=Product.MIS,
    created_ns=0,
)


@given(st.lists(st.sampled_from(OrderStatus), max_size=30))
def test_an_order_only_takes_steps_of_the_table(steps: list[OrderStatus]):
    order = Order(intent=INTENT)
    for at_ns, step in enumerate(steps):
        before = order.status
        if step is before or step in TRANSITIONS[before]:
            order.move_to(step, at_ns)
            assert order.status is step
        else:
            with pytest.raises(IllegalTransition):
                order.move_to(step, at_ns)
            assert order.status is before
        assert can_move(before, order.status)


def test_the_table_names_every_status_and_only_presumption_has_a_way_out():
    assert set(TRANSITIONS) == set(OrderStatus)
    assert {status for status in DONE if TRANSITIONS[status]} == {OrderStatus.NOT_PLACED}
    for status, following in TRANSITIONS.items():
        assert status not in following


def test_every_working_status_can_end_and_none_goes_back_to_us():
    ends = {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED}
    for status in set(OrderStatus) - DONE:
        assert ends <= TRANSITIONS[status]
    for status in set(OrderStatus) - {OrderStatus.SUBMITTED}:
        assert OrderStatus.SUBMITTED not in TRANSITIONS[status]


@given(
    st.integers(0, 80),
    st.integers(0, 80),
    st.sampled_from(OrderStatus),
)
def test_what_is_outstanding_is_never_negative_and_done_orders_wait_for_known_fills_only(
    filled: int, reported: int, status: OrderStatus
):
    order = Order(intent=INTENT, status=status, filled_quantity=filled, reported_filled=reported)
    assert order.outstanding_quantity >= 0
    if status in DONE and status is not OrderStatus.NOT_PLACED and filled >= reported:
        assert order.outstanding_quantity == 0
