"""The broker's figures reach the engine whole, and what differs is told."""

from decimal import Decimal

from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.domain.enums import Product
from patang.domain.messages import decode_event, encode_event
from patang.runtime.daily_check import account_read
from tests.builders import INFY, START_NS, Desk, alarms


def snapshot(**changes: object) -> AccountSnapshot:
    fields: dict[str, object] = {
        "instrument": INFY.id,
        "product": Product.MIS,
        "quantity": 10,
        "buy_value": Decimal(1_000),
        "sell_value": Decimal(0),
    }
    return AccountSnapshot(
        at_ns=START_NS,
        orders=(),
        trades=(),
        positions=(BrokerPosition(**{**fields, **changes}),),  # type: ignore[arg-type]
        available_cash=Decimal(0),
    )


def test_equal_books_are_silent_and_others_are_not():
    desk = Desk()
    desk.hold(10)
    event = account_read(snapshot(buy_quantity=10, sell_quantity=0))
    assert decode_event(encode_event(event)) == event
    assert desk.send(event) == ()
    assert desk.send(account_read(snapshot())) == ()  # what is not told cannot differ
    for changes in ({"quantity": 9}, {"buy_value": Decimal(1_001)}, {"buy_quantity": 11}):
        told = {"buy_quantity": 10, "sell_quantity": 0, **changes}
        assert alarms(desk.send(account_read(snapshot(**told)))) == ["BOOKS_DIFFER"]


def test_a_value_that_differs_is_not_explained_by_units_nobody_told():
    desk = Desk()
    desk.hold(10)
    event = account_read(snapshot(buy_value=Decimal(1_500), sell_value=Decimal(500)))
    assert alarms(desk.send(event)) == ["BOOKS_DIFFER", "BOOKS_DIFFER"]
