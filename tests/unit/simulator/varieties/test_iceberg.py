from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Validity, Variety
from patang.simulator import KiteStatus


def iceberg(desk, quantity=10, legs=3, size=4, price="1500", **more):
    return desk.buy(
        quantity,
        price,
        variety=Variety.ICEBERG,
        iceberg_legs=legs,
        iceberg_quantity=size,
        **more,
    )


def rows(desk):
    return [
        (one.quantity, one.status.value, one.meta["iceberg"]["leg"])
        for one in desk.exchange.orders("buyer")
    ]


def test_only_the_first_leg_stands_in_the_book(desk):
    order = iceberg(desk)
    assert desk.exchange.quote(desk.instrument).buy_quantity == 4
    assert order.meta == {
        "iceberg": {
            "leg": 1,
            "legs": 3,
            "leg_quantity": 4,
            "total_quantity": 10,
            "remaining_quantity": 6,
        }
    }
    assert order.variety is Variety.ICEBERG


def test_each_leg_follows_the_one_that_traded_whole(desk):
    iceberg(desk)
    desk.sell(3)
    assert rows(desk) == [(4, "OPEN", 1)]
    desk.sell(1)
    assert rows(desk) == [(4, "COMPLETE", 1), (4, "OPEN", 2)]
    desk.sell(4)
    desk.sell(2)
    assert rows(desk) == [(4, "COMPLETE", 1), (4, "COMPLETE", 2), (2, "COMPLETE", 3)]
    assert len({one.order_id for one in desk.exchange.orders("buyer")}) == 3
    assert desk.exchange.orders("buyer")[-1].meta["iceberg"]["remaining_quantity"] == 0


def test_a_large_taker_does_not_meet_the_later_legs_in_one_go(desk):
    iceberg(desk)
    taker = desk.sell(10)
    # The rest of the taker rests, and the second leg meets it there.
    assert taker.status is KiteStatus.COMPLETE
    assert [one.quantity for one in desk.exchange.trades("seller")] == [4, 4, 2]
    assert rows(desk)[-1] == (2, "COMPLETE", 3)


def test_next_leg_stands_behind_who_came_before_it(desk):
    iceberg(desk)
    other = desk.buy(5, user="seller")
    desk.exchange.open_account("third", Decimal(1_000_000))
    desk.sell(4, user="third")
    desk.sell(5, user="third")
    assert other.status is KiteStatus.COMPLETE
    assert rows(desk)[-1] == (4, "OPEN", 2)


def test_marketable_legs_follow_each_other_at_once(desk):
    desk.sell(20, "1500")
    first = iceberg(desk)
    assert first.status is KiteStatus.COMPLETE
    assert [row[1] for row in rows(desk)] == ["COMPLETE"] * 3
    assert sum(one.quantity for one in desk.exchange.trades("buyer")) == 10


def test_cancelled_leg_ends_the_iceberg(desk):
    order = iceberg(desk)
    desk.sell(2)
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    desk.sell(10)
    assert rows(desk) == [(4, "CANCELLED", 1)]


def test_later_legs_have_the_price_that_the_leg_was_modified_to(desk):
    order = iceberg(desk)
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, price=Decimal("1499"))
    desk.sell(4, "1499")
    assert desk.exchange.orders("buyer")[-1].price == 1499


def test_leg_that_the_account_cannot_pay_for_ends_rejected_in_its_row(desk):
    desk.exchange.open_account("poor", Decimal(2_000))
    first = iceberg(desk, quantity=8, legs=2, size=4, user="poor")
    desk.sell(4)
    assert first.status is KiteStatus.COMPLETE
    second = desk.exchange.orders("poor")[-1]
    assert second.status is KiteStatus.REJECTED
    assert second.status_message.startswith("Insufficient funds. Required margin is 1200.00")
    assert second.status_message.endswith("Check the orderbook for open orders.")
    assert second.status_message_raw == (
        "RMS:Margin Exceeds,Required:1200.00, Available:800.00 for entity account-poor across "
        "exchange across segment across product "
    )
    assert (second.exchange_order_id, second.pending_quantity, second.filled_quantity) == (
        None,
        0,
        0,
    )
    assert len(desk.exchange.orders("poor")) == 2


def test_stop_iceberg_waits_for_its_trigger_once(desk):
    iceberg(desk, price="1510", order_type=OrderType.SL, trigger_price="1505")
    desk.sell(30, "1508")
    desk.trade_at("1505")
    legs = desk.exchange.orders("buyer")
    assert [one.order_type for one in legs] == [OrderType.SL, OrderType.LIMIT, OrderType.LIMIT]
    assert [one.status.value for one in legs] == ["COMPLETE"] * 3


def test_minutes_of_an_iceberg_run_for_all_its_legs(desk):
    iceberg(desk, validity=Validity.TTL, validity_ttl=2)
    began = desk.now_ns
    desk.exchange.pass_time(began + 90_000_000_000)
    desk.now_ns = began + 90_000_000_000
    desk.sell(4)
    desk.exchange.pass_time(began + 120_000_000_000)
    assert rows(desk) == [(4, "COMPLETE", 1), (4, "CANCELLED", 2)]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"legs": 1, "size": 10}, "iceberg_legs"),
        ({"legs": 51, "size": 1}, "iceberg_legs"),
        ({"legs": 3, "size": 0}, "iceberg_quantity"),
        ({"legs": 3, "size": 3}, "iceberg_quantity"),
        ({"legs": 3, "size": 5}, "iceberg_quantity"),
        ({"validity": Validity.IOC}, "validity"),
        ({"disclosed_quantity": 5}, "validity"),
    ],
)
def test_bad_icebergs_are_refused_by_the_field(desk, wrong, field):
    fields = {"legs": 3, "size": 4} | wrong
    more = {
        "variety": Variety.ICEBERG,
        "iceberg_legs": fields.pop("legs"),
        "iceberg_quantity": fields.pop("size"),
    }
    error, text = desk.refusal(**more, **fields)
    assert (error, f"`{field}`" in text) == ("InputException", True)
    assert desk.exchange.orders("buyer") == []
