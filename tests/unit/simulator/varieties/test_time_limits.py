from decimal import Decimal

import pytest

from patang.domain.enums import Validity

MINUTE = 60_000_000_000


def test_ttl_order_ends_when_its_minutes_are_over(desk):
    order = desk.buy(price="1490", validity=Validity.TTL, validity_ttl=2)
    placed = desk.now_ns
    assert (order.validity, order.validity_ttl) == (Validity.TTL, 2)
    desk.exchange.pass_time(placed + 2 * MINUTE - 1)
    assert order.status.value == "OPEN"
    desk.exchange.pass_time(placed + 2 * MINUTE)
    assert (order.status.value, order.cancelled_quantity) == ("CANCELLED", 10)
    assert order.history[-1].at_ns == placed + 2 * MINUTE
    assert "minutes" in order.status_message
    assert desk.exchange.quote(desk.instrument).buy_quantity == 0


def test_ttl_order_that_trades_in_time_is_complete_for_good(desk):
    order = desk.buy(price="1500", validity=Validity.TTL, validity_ttl=1)
    desk.sell(price="1500")
    desk.exchange.pass_time(desk.now_ns + 5 * MINUTE)
    assert [state.status.value for state in order.history][-2:] == ["OPEN", "COMPLETE"]


def test_what_a_partly_filled_ttl_order_traded_stays(desk):
    order = desk.buy(10, price="1500", validity=Validity.TTL, validity_ttl=1)
    desk.sell(4, price="1500")
    desk.exchange.pass_time(desk.now_ns + MINUTE)
    assert (order.filled_quantity, order.cancelled_quantity) == (4, 6)


def test_new_minutes_count_from_the_modification(desk):
    order = desk.buy(price="1490", validity=Validity.TTL, validity_ttl=1)
    later = desk.now_ns + MINUTE // 2
    desk.exchange.modify("buyer", order.order_id, later, validity=Validity.TTL, validity_ttl=3)
    desk.exchange.pass_time(later + 3 * MINUTE - 1)
    assert order.status.value == "OPEN"
    desk.exchange.pass_time(later + 3 * MINUTE)
    assert order.status.value == "CANCELLED"


def test_order_made_a_day_order_has_no_minutes_left_to_run_out(desk):
    order = desk.buy(price="1490", validity=Validity.TTL, validity_ttl=1)
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, validity=Validity.DAY)
    desk.exchange.pass_time(desk.now_ns + 10 * MINUTE)
    assert (order.status.value, order.validity_ttl) == ("OPEN", 0)


@pytest.mark.parametrize("minutes", [None, 0, -1, 1441])
def test_minutes_out_of_range_are_refused(desk, minutes):
    error, text = desk.refusal(validity=Validity.TTL, validity_ttl=minutes)
    assert error == "InputException"
    assert "`validity_ttl`" in text


def test_price_change_keeps_the_minutes_running(desk):
    order = desk.buy(price="1490", validity=Validity.TTL, validity_ttl=1)
    placed = desk.now_ns
    desk.exchange.modify("buyer", order.order_id, placed + 5, price=Decimal("1491"))
    desk.exchange.pass_time(placed + MINUTE)
    assert order.status.value == "CANCELLED"
