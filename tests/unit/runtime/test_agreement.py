"""Every kind of disagreement between two books is found and named."""

from decimal import Decimal

import msgspec
import pytest

from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.domain.enums import Product, Side
from patang.domain.messages import OrderUpdated
from patang.domain.order import OrderStatus
from patang.runtime.agreement import differences
from tests.builders import INFY, START_NS, TCS, Desk, fill

BOUGHT = BrokerPosition(
    instrument=INFY.id,
    product=Product.MIS,
    quantity=50,
    buy_value=Decimal(5_000),
    sell_value=Decimal(0),
)
ORDER = OrderUpdated(
    at_ns=START_NS,
    order_id="o1",
    tag="x",
    instrument=INFY.id,
    side=Side.BUY,
    quantity=50,
    filled_quantity=50,
    status=OrderStatus.FILLED,
)
BOOKS = AccountSnapshot(
    at_ns=START_NS,
    orders=(ORDER,),
    trades=(fill(50),),
    positions=(BOUGHT,),
    available_cash=Decimal(0),
)


def desk() -> Desk:
    one = Desk()
    one.hold(50)
    return one


def test_equal_books_agree():
    assert differences(desk().engine, BOOKS) == []


def changed(row: object, **changes: object) -> object:
    return msgspec.structs.replace(row, **changes)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"orders": ()}, "not at the broker"),
        ({"orders": (ORDER, changed(ORDER, order_id="o2"))}, "not with us"),
        ({"orders": (changed(ORDER, status=OrderStatus.CANCELLED),)}, "CANCELLED"),
        ({"orders": (changed(ORDER, filled_quantity=49),)}, "filled 49"),
        ({"trades": ()}, "0 at the broker"),
        ({"positions": ()}, "None at the broker"),
        ({"positions": (BOUGHT, changed(BOUGHT, instrument=TCS.id))}, "NSE:TCS"),
        ({"positions": (changed(BOUGHT, buy_value=Decimal("5000.01")),)}, "5000.01"),
    ],
)
def test_a_disagreement_is_named(changes: dict[str, object], word: str):
    (found,) = differences(desk().engine, changed(BOOKS, **changes))  # type: ignore[arg-type]
    assert word in found


def test_an_order_that_the_broker_never_named_is_a_disagreement():
    one = desk()
    one.say(10, instrument=TCS)
    (found,) = differences(one.engine, BOOKS)
    assert "has no order id" in found
