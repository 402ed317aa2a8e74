from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Validity
from patang.simulator import Refused


def modify(desk, order, **change):
    desk.now_ns += 1_000_000
    return desk.exchange.modify(order.user_id, order.order_id, desk.now_ns, **change)


@pytest.fixture
def queue(desk):
    """Two buyers at one price, the first one first in line."""
    desk.exchange.open_account("rival", Decimal(1_000_000))
    return desk.buy(10), desk.buy(10, user="rival")


def test_smaller_quantity_keeps_the_place_in_line(desk, queue):
    first, second = queue
    modify(desk, first, quantity=5)
    desk.sell(3)
    assert (first.filled_quantity, second.filled_quantity) == (3, 0)
    assert (first.quantity, first.pending_quantity) == (5, 2)
    assert desk.exchange.quote(desk.instrument).buy_quantity == 12


@pytest.mark.parametrize("change", [{"quantity": 11}, {"price": Decimal("1500.10")}])
def test_larger_quantity_or_new_price_goes_to_the_end_of_the_line(desk, queue, change):
    first, second = queue
    modify(desk, first, **change)
    modify(desk, first, price=Decimal(1500))
    desk.sell(3)
    assert (first.filled_quantity, second.filled_quantity) == (0, 3)


def test_quantity_is_the_total_filled_part_included(desk):
    order = desk.buy(10)
    desk.sell(4)
    modify(desk, order, quantity=6)
    assert (order.quantity, order.filled_quantity, order.pending_quantity) == (6, 4, 2)


def test_total_equal_to_the_filled_part_completes_the_order(desk):
    order = desk.buy(10)
    desk.sell(4)
    modify(desk, order, quantity=4)
    assert order.status.value == "COMPLETE"
    assert desk.exchange.quote(desk.instrument).buy_quantity == 0


def test_total_below_the_filled_part_is_refused(desk):
    order = desk.buy(10)
    desk.sell(4)
    with pytest.raises(Refused, match="below the 4 already filled"):
        modify(desk, order, quantity=3)
    assert order.quantity == 10


def test_new_price_that_crosses_trades_at_once(desk):
    desk.sell(4, "1502")
    order = desk.buy(10, "1500")
    modify(desk, order, price=Decimal(1502))
    assert (order.filled_quantity, order.average_price) == (4, 1502)
    assert [state.status.value for state in order.history][-3:] == ["MODIFIED", "OPEN", "OPEN"]


def test_limit_becomes_market_only_with_protection(desk):
    order = desk.buy(10, "1490")
    with pytest.raises(Refused, match="without market protection"):
        modify(desk, order, order_type=OrderType.MARKET)
    modify(desk, order, order_type=OrderType.MARKET, market_protection=Decimal(1))
    assert (order.order_type, order.price) == (OrderType.LIMIT, 1515)
    assert order.tags == ("mktp", "mktp:1.00")


def test_order_placed_as_market_needs_no_new_protection(desk):
    order = desk.buy(5, None, order_type=OrderType.MARKET, market_protection="1")
    modify(desk, order, order_type=OrderType.MARKET, quantity=6)
    assert (order.price, order.quantity, order.tags) == (1515, 6, ("mktp", "mktp:1.00"))


def test_stop_gets_a_new_trigger(desk):
    order = desk.buy(5, "1520", order_type=OrderType.SL, trigger_price="1505")
    modify(desk, order, trigger_price=Decimal(1510))
    desk.trade_at("1505")
    assert order.status.value == "TRIGGER PENDING"
    desk.trade_at("1510")
    assert order.status.value == "OPEN"


def test_released_stop_is_modified_like_a_limit(desk):
    order = desk.buy(5, "1506", order_type=OrderType.SL, trigger_price="1505")
    desk.trade_at("1505")
    modify(desk, order, price=Decimal(1504))
    assert (order.status.value, order.order_type, order.price) == ("OPEN", OrderType.SL, 1504)
    assert order.trigger_price == 1505


def test_limit_becomes_a_stop_and_back(desk):
    order = desk.buy(5, "1490")
    modify(desk, order, order_type=OrderType.SL, price=Decimal(1510), trigger_price=Decimal(1505))
    assert order.status.value == "TRIGGER PENDING"
    assert desk.exchange.quote(desk.instrument).bids == ()
    modify(desk, order, order_type=OrderType.LIMIT, price=Decimal(1490))
    assert (order.status.value, order.trigger_price) == ("OPEN", 0)


def test_order_made_ioc_ends_at_once(desk):
    order = desk.buy(5, "1490")
    modify(desk, order, validity=Validity.IOC)
    assert order.status.value == "CANCELLED"


def test_twenty_sixth_modification_is_refused(desk):
    order = desk.buy(5, "1490")
    for step in range(25):
        modify(desk, order, price=Decimal(1480 + step))
    with pytest.raises(Refused, match=r"^Maximum allowed order modifications exceeded\.$"):
        modify(desk, order, price=Decimal(1490))
    assert order.modifications == 25


def test_modification_is_checked_like_a_placement(desk):
    order = desk.buy(5, "1490")
    with pytest.raises(Refused, match="Tick size"):
        modify(desk, order, price=Decimal("1490.05"))
    with pytest.raises(Refused, match="Insufficient funds"):
        modify(desk, order, quantity=5_000)
    assert (order.price, order.quantity, order.modifications) == (1490, 5, 0)


def test_old_block_is_free_for_the_new_terms(desk):
    order = desk.buy(3_300, "1500")
    modify(desk, order, quantity=3_333)
    assert desk.exchange.funds("buyer").margin_used == Decimal("999900.00")
