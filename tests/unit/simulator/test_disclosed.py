from decimal import Decimal

import pytest

from patang.domain.instrument import InstrumentId


def depth(desk):
    quote = desk.exchange.quote(desk.instrument)
    return [(level.quantity, level.orders) for level in quote.bids], quote.buy_quantity


def test_depth_shows_only_what_is_disclosed(desk):
    desk.buy(100, disclosed_quantity=20)
    assert depth(desk) == ([(20, 1)], 20)


def test_each_tranche_stands_behind_who_came_meanwhile(desk):
    hidden = desk.buy(100, disclosed_quantity=20)
    plain = desk.buy(30, user="seller")
    desk.exchange.open_account("third", Decimal(1_000_000))
    desk.sell(20, user="third")
    assert (hidden.filled_quantity, plain.filled_quantity) == (20, 0)
    desk.sell(30, user="third")
    assert (hidden.filled_quantity, plain.filled_quantity) == (20, 30)
    desk.sell(50, user="third")
    assert (hidden.filled_quantity, hidden.pending_quantity) == (70, 30)
    assert depth(desk) == ([(10, 1)], 10)


def test_large_taker_trades_tranche_after_tranche(desk):
    order = desk.buy(100, disclosed_quantity=30)
    desk.sell(100)
    assert order.status.value == "COMPLETE"
    assert [one.quantity for one in desk.exchange.trades("buyer")] == [30, 30, 30, 10]
    assert depth(desk) == ([], 0)


def test_smaller_quantity_comes_off_what_is_hidden(desk):
    order = desk.buy(100, disclosed_quantity=20)
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, quantity=50)
    assert depth(desk) == ([(20, 1)], 20)
    assert (order.pending_quantity, order.disclosed_quantity) == (50, 20)
    desk.sell(50)
    assert order.status.value == "COMPLETE"


def test_new_disclosed_quantity_loses_the_place(desk):
    order = desk.buy(100, disclosed_quantity=20)
    other = desk.buy(20, user="seller")
    desk.exchange.modify("buyer", order.order_id, desk.now_ns, disclosed_quantity=50)
    assert depth(desk) == ([(70, 2)], 70)
    desk.exchange.open_account("third", Decimal(1_000_000))
    desk.sell(20, user="third")
    assert (order.filled_quantity, other.filled_quantity) == (0, 20)


def test_cancel_takes_the_hidden_part_too(desk):
    order = desk.buy(100, disclosed_quantity=20)
    desk.exchange.cancel("buyer", order.order_id, desk.now_ns)
    assert order.cancelled_quantity == 100
    assert depth(desk) == ([], 0)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"quantity": 100, "disclosed_quantity": 9}, "at least 10 of 100"),
        ({"quantity": 100, "disclosed_quantity": 101}, "at most the quantity"),
        (
            {"instrument": InstrumentId("NFO:X26NOVFUT"), "disclosed_quantity": 5},
            "NFO orders have none",
        ),
    ],
)
def test_disclosed_quantities_that_the_exchange_does_not_take_are_refused(desk, wrong, text):
    assert text in desk.refusal(**wrong)[1]
