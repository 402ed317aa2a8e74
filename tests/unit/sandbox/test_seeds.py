"""What an account begins with stands in its books, and moves its cash as it should."""

from datetime import time
from decimal import Decimal

import pytest

from patang.domain.enums import Side
from patang.domain.errors import InvalidValue
from patang.sandbox.in_process import SandboxApp, stepped
from patang.sandbox.seeds import (
    SandboxUser,
    SeedHolding,
    SeedOrder,
    SeedPosition,
    parse_users,
)


def order(status: str = "COMPLETE", **more) -> SeedOrder:
    fields = {"instrument": "NSE:ITC", "side": Side.BUY, "quantity": 10, "price": Decimal(400)}
    return SeedOrder(**(fields | {"status": status, "at": time(9, 16)} | more))


def truth_of(**fields) -> dict:
    app = SandboxApp(stepped(users=(SandboxUser(user_id="AB1234", **fields),)))
    return app.truth()["users"]["AB1234"]


def test_holdings_are_there_and_cost_nothing_today():
    holding = SeedHolding(
        instrument="NSE:INFY", quantity=10, average_price=Decimal("1450.5"), t1_quantity=4
    )
    truth = truth_of(holdings=(holding,))
    (row,) = truth["holdings"]
    assert (row["tradingsymbol"], row["quantity"], row["t1_quantity"]) == ("INFY", 10, 4)
    assert row["average_price"] == 1450.5
    assert truth["cash"] == 1_000_000


def test_a_position_is_carried_in():
    app = SandboxApp(
        stepped(universe=250, users=(SandboxUser(user_id="AB1234", cash=Decimal(10**9)),))
    )
    future = next(one for one in app.world.instruments if one.symbol.endswith("FUT"))
    seed = SeedPosition(instrument=future.id, quantity=-future.lot_size, price=Decimal(24_000))
    user = SandboxUser(user_id="AB1234", cash=Decimal(10**9), positions=(seed,))
    app = SandboxApp(stepped(universe=250, users=(user,)))
    (row,) = app.truth()["users"]["AB1234"]["positions"]["net"]
    assert (row["quantity"], row["overnight_quantity"]) == (-future.lot_size, -future.lot_size)
    assert row["product"] == "NRML"


def test_a_complete_order_has_its_trade_position_cash_and_history():
    app = SandboxApp(stepped(users=(SandboxUser(user_id="AB1234", orders=(order(tag="early"),)),)))
    truth = app.truth()["users"]["AB1234"]
    (row,) = truth["orders"]
    (trade,) = truth["trades"]
    (position,) = truth["positions"]["net"]
    assert (row["status"], row["tag"], row["average_price"]) == ("COMPLETE", "early", 400)
    assert (row["filled_quantity"], row["pending_quantity"]) == (10, 0)
    assert trade["order_id"] == row["order_id"]
    assert trade["exchange_order_id"] == row["exchange_order_id"]
    assert trade["fill_timestamp"] == "2026-11-19 09:16:00"
    assert (position["quantity"], position["average_price"]) == (10, 400)
    assert truth["cash"] == 1_000_000 - 4_000
    assert truth["charges"]["total"] > 0
    assert truth["requests"] == []
    states = [one.order.history[one.index].status for one in app.world.records.states]
    assert states == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "COMPLETE",
    ]


def test_a_cancelled_order_keeps_what_was_filled():
    seed = order("CANCELLED", filled=4, average_price=Decimal("399.5"))
    truth = truth_of(orders=(seed,))
    (row,) = truth["orders"]
    assert (row["filled_quantity"], row["cancelled_quantity"]) == (4, 6)
    assert truth["cash"] == 1_000_000 - 4 * 399.5


def test_a_rejected_order_never_reached_the_exchange():
    (row,) = truth_of(orders=(order("REJECTED", message="RMS: no"),))["orders"]
    assert (row["status_message"], row["exchange_order_id"]) == ("RMS: no", None)


def test_orders_of_all_users_are_numbered_by_their_times():
    users = (
        SandboxUser(user_id="AA0001", orders=(order(at=time(9, 18)), order(at=time(9, 16)))),
        SandboxUser(user_id="BB0002", orders=(order(at=time(9, 17)),)),
    )
    app = SandboxApp(stepped(users=users))
    truth = app.truth()["users"]
    first, third = (int(row["order_id"]) for row in truth["AA0001"]["orders"])
    (second,) = (int(row["order_id"]) for row in truth["BB0002"]["orders"])
    assert first < second < third
    assert [row["order_timestamp"][11:] for row in truth["AA0001"]["orders"]] == [
        "09:16:00",
        "09:18:00",
    ]


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"orders": (order(instrument="NSE:NOPE"),)}, "users.orders", "NSE:NOPE of AB1234"),
        ({"orders": (order(at=time(9, 20)),)}, "users.orders", "not before the world begins"),
        ({"orders": (order(price=None),)}, "users.orders", "need a price"),
        ({"orders": (order("CANCELLED", filled=11),)}, "users.orders", "from 0 to 10"),
        ({"orders": (order("REJECTED", filled=1),)}, "users.orders", "no fills"),
        (
            {"holdings": (SeedHolding(instrument="NSE:X", quantity=1, average_price=Decimal(1)),)},
            "users.holdings",
            "NSE:X of AB1234",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_users_name(fields, field, told):
    with pytest.raises(InvalidValue, match=told) as caught:
        truth_of(**fields)
    assert caught.value.field == field


def test_users_in_one_line_have_cash_where_it_is_given():
    assert parse_users("AB1234, CD5678=250000.50") == (
        SandboxUser(user_id="AB1234"),
        SandboxUser(user_id="CD5678", cash=Decimal("250000.50")),
    )


@pytest.mark.parametrize("text", ["", "AB 1", "AB1234=", "AB1234=much", "AB1234=nan", "A=-5"])
def test_users_in_one_line_are_checked(text):
    with pytest.raises(InvalidValue):
        parse_users(text)
