from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator import Refused, SimOrder
from patang.simulator.errors import Rejection
from patang.simulator.varieties.slicing import slice_sizes

LOTTED = InstrumentId("NSE:LOTTED")


def sliced(desk, quantity, price="1500"):
    request = desk.request(Side.BUY, quantity, price, instrument=LOTTED, autoslice=True, tag="mine")
    return desk.exchange.place_sliced("buyer", request, desk.now_ns)


@pytest.mark.parametrize(
    ("quantity", "sizes"),
    [(95, [95]), (100, [100]), (105, [100, 5]), (300, [100] * 3), (1000, [100] * 10)],
)
def test_slices_are_as_large_as_they_may_be(quantity, sizes):
    instrument = Instrument(
        exchange=Exchange.NFO,
        symbol="X",
        token=1,
        tick_size=Decimal("0.05"),
        lot_size=5,
        freeze_quantity=103,
    )
    assert slice_sizes(instrument, quantity, 10) == sizes


def test_children_are_orders_that_name_their_parent(desk):
    answer = sliced(desk, 250)
    assert [child.quantity for child in answer.children] == [100, 100, 50]
    assert desk.exchange.orders("buyer") == list(answer.children)
    assert {child.tags for child in answer.children} == {
        ("mine", "autoslice", f"autoslice:{answer.order_id}")
    }
    assert answer.order_id not in {child.order_id for child in answer.children}
    assert desk.exchange.quote(LOTTED).buy_quantity == 250


def test_below_the_freeze_quantity_it_is_one_plain_order(desk):
    answer = sliced(desk, 100)
    (order,) = desk.exchange.orders("buyer")
    assert (answer.order_id, answer.children, order.tags) == (order.order_id, (), ("mine",))


def test_slices_fail_one_by_one(desk):
    # 250 units need 75,000 rupees; the account has money for the first slice alone.
    desk.exchange.open_account("poor", Decimal(40_000))
    request = desk.request(Side.BUY, 250, "1500", instrument=LOTTED, autoslice=True)
    answer = desk.exchange.place_sliced("poor", request, desk.now_ns)
    kinds = [type(child) for child in answer.children]
    assert kinds == [SimOrder, Refused, Refused]
    refused = answer.children[1]
    assert (refused.error_type, refused.status) == ("MarginException", 400)
    assert len(desk.exchange.orders("poor")) == 1


def test_refusals_on_demand_let_slices_through_first(desk):
    desk.exchange.refuse_next("buyer", Refused("OrderException", "No."), skip=1)
    desk.exchange.refuse_next("buyer", Rejection("Not now.", "16418 : Invalid order"), skip=1)
    answer = sliced(desk, 300)
    first, second, third = answer.children
    assert (first.status.value, str(second.message)) == ("OPEN", "No.")
    assert (third.status.value, third.status_message) == ("REJECTED", "Not now.")


def test_more_slices_than_allowed_are_refused_whole(desk):
    with pytest.raises(Refused, match="1000, the most that 10 slices"):
        sliced(desk, 1005)
    assert desk.exchange.orders("buyer") == []


def test_part_of_a_lot_is_refused_whole(desk):
    with pytest.raises(Refused, match="multiple of lot size 5"):
        sliced(desk, 253)
    assert desk.exchange.orders("buyer") == []
