"""The paper broker: orders trade in the simulator, and its word is what the engine needs."""

import asyncio
from decimal import Decimal

import pytest

from patang.brokers.paper import PaperBroker
from patang.domain.enums import Mode, OrderType, Product, Side
from patang.domain.market import DepthLevel, Tick
from patang.domain.messages import (
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderRefused,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import OrderIntent, OrderStatus
from patang.simulator.exchange import Exchange
from tests.builders import INFY, START_NS


def depth(quantity: int = 30) -> Tick:
    return Tick(
        instrument=INFY.id,
        received_ns=START_NS,
        last_price=100.0,
        bids=(DepthLevel(99.9, quantity, 1),),
        asks=(DepthLevel(100.1, quantity, 1),),
    )


@pytest.fixture
def broker() -> PaperBroker:
    exchange = Exchange([INFY], {INFY.id: Decimal(100)})
    one = PaperBroker(exchange, "AB1234", Decimal(1_000_000), lambda: START_NS)
    one.follow(depth())
    return one


def submit(
    number: int = 1, quantity: int = 50, price: str | None = None, instrument: str = INFY.id
) -> SubmitOrder:
    return SubmitOrder(
        intent=OrderIntent(
            intent_id=f"run-{number}",
            tag=f"tag{number}",
            strategy="alpha",
            instrument=instrument,  # type: ignore[arg-type]
            side=Side.BUY,
            quantity=quantity,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=None if price is None else Decimal(price),
            market_protection=Decimal(-1) if price is None else None,
            product=Product.MIS,
            created_ns=START_NS,
        )
    )


def test_it_belongs_to_paper_runs(broker: PaperBroker):
    assert broker.mode is Mode.PAPER


def test_an_order_fills_against_the_followed_depth_and_says_so(broker: PaperBroker):
    broker.execute(submit(quantity=20), START_NS)
    events = broker.take_events()
    (fill,) = [e for e in events if isinstance(e, FillReceived)]
    assert (fill.fill.quantity, fill.fill.price, fill.tag) == (20, Decimal("100.1"), "tag1")
    last = [e for e in events if isinstance(e, OrderUpdated)][-1]
    assert (last.status, last.filled_quantity, last.tag) == (OrderStatus.FILLED, 20, "tag1")
    (accepted,) = [e for e in events if isinstance(e, OrderAccepted)]
    assert accepted.order_id == last.order_id == fill.fill.order_id
    assert broker.take_events() == []


def test_a_limit_rests_partly_filled_and_fills_on_when_the_depth_returns(broker: PaperBroker):
    broker.execute(submit(quantity=50, price="100.1"), START_NS)
    updates = [e for e in broker.take_events() if isinstance(e, OrderUpdated)]
    assert (updates[-1].status, updates[-1].filled_quantity) == (OrderStatus.OPEN, 30)
    broker.follow(depth())
    events = broker.take_events()
    assert sum(e.fill.quantity for e in events if isinstance(e, FillReceived)) == 20
    assert events[-1].status is OrderStatus.FILLED


def test_a_cancel_ends_a_resting_order_and_a_second_one_is_refused(broker: PaperBroker):
    broker.execute(submit(price="99"), START_NS)
    order_id = next(e.order_id for e in broker.take_events() if isinstance(e, OrderAccepted))
    cancel = CancelOrder(intent_id="run-1", order_id=order_id, reason="test")
    broker.execute(cancel, START_NS)
    assert broker.take_events()[-1].status is OrderStatus.CANCELLED
    broker.execute(cancel, START_NS)
    (refused,) = broker.take_events()
    assert isinstance(refused, CancelRefused)
    assert refused.intent_id == "run-1"


@pytest.mark.parametrize(
    "command",
    [
        submit(quantity=0),
        submit(quantity=10**7),
        submit(price="99.97"),
        submit(instrument="NSE:NONE"),
    ],
    ids=["nothing", "too much", "off the tick", "unknown"],
)
def test_what_the_exchange_refuses_is_an_event(broker: PaperBroker, command: SubmitOrder):
    broker.execute(command, START_NS)
    (refused,) = broker.take_events()
    assert isinstance(refused, OrderRefused)
    assert refused.code.endswith("Exception")
    assert refused.message


async def test_the_snapshot_is_the_account_s_books(broker: PaperBroker):
    broker.execute(submit(quantity=20), START_NS)
    broker.execute(submit(2, quantity=5, price="98"), START_NS)
    books = await broker.snapshot()
    assert [(o.status, o.filled_quantity) for o in books.orders] == [
        (OrderStatus.FILLED, 20),
        (OrderStatus.OPEN, 0),
    ]
    assert [t.quantity for t in books.trades] == [20]
    (position,) = books.positions
    assert (position.quantity, position.buy_value) == (20, Decimal(2_002))
    assert books.available_cash < 1_000_000


async def test_events_arrive_through_the_port_as_they_happen(broker: PaperBroker):
    heard: list[object] = []

    async def listen() -> None:
        async for event in broker.events():
            heard.append(event)
            if isinstance(event, OrderAccepted):
                return

    listener = asyncio.create_task(listen())
    await broker.submit(submit(quantity=20))
    async with asyncio.timeout(5):
        await listener
    assert any(isinstance(event, FillReceived) for event in heard)


def test_two_brokers_of_one_exchange_each_hear_of_their_own_orders():
    exchange = Exchange([INFY], {INFY.id: Decimal(100)})
    first = PaperBroker(exchange, "AB1234", Decimal(1_000_000), lambda: START_NS)
    second = PaperBroker(exchange, "CD5678", Decimal(1_000_000), lambda: START_NS)
    first.follow(depth(100))
    first.execute(submit(1), START_NS)
    second.execute(submit(2), START_NS)
    for broker, tag in ((first, "tag1"), (second, "tag2")):
        fills = [e for e in broker.take_events() if isinstance(e, FillReceived)]
        assert [fill.tag for fill in fills] == [tag]
