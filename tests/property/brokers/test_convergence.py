"""Whatever is lost, late or repeated: once things are quiet, what was told is what happened."""

import random
from collections import Counter

import pytest

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.domain.messages import (
    BrokerEvent,
    CancelOrder,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import OrderStatus
from patang.kite import ConnectFailed, Kite, MemoryTransport, ReplyLost
from patang.wire.translate import status_of
from tests.hand_clock import HandClock
from tests.lossy_exchange import HTML, LossyExchange, an_intent

ORDERS = 12


class Chaos:
    """A day of orders, fills and cancels in which chance decides what the broker hears of."""

    def __init__(self, seed: int, broker: KiteBroker, exchange: LossyExchange) -> None:
        self.chance = random.Random(seed)
        self.broker = broker
        self.exchange = exchange
        self.updates = []

    async def step(self, number: int) -> None:
        chance, exchange = self.chance, self.exchange
        faults = [None, None, None, ReplyLost("reset"), HTML]
        for method in ("POST", "GET", "DELETE"):
            planned = [chance.choice(faults) for _ in range(2)]
            exchange.faults[method] = planned if chance.random() < 0.5 else []
        if chance.random() < 0.1:
            exchange.faults["POST"] = [ConnectFailed("no route")]
        await self.broker.submit(SubmitOrder(intent=an_intent(f"tag{number}")))
        for order_id, row in exchange.orders.items():
            left = row["quantity"] - row["filled_quantity"]
            if row["status"] != "OPEN":
                continue
            if chance.random() < 0.4:
                exchange.fill(order_id, chance.randint(1, left))
            elif chance.random() < 0.2:
                intent_id = f"intent-{row['tag']}"
                cancel = CancelOrder(intent_id=intent_id, order_id=order_id, reason="chance")
                await self.broker.submit(cancel)
            self.updates.append(exchange.update(order_id))
        exchange.hidden = {t["trade_id"] for t in exchange.trades if chance.random() < 0.2}
        for update in chance.choices(self.updates, k=min(3, len(self.updates))):
            self.broker.order_update_received(update)

    def calm(self) -> None:
        self.exchange.faults = {}
        self.exchange.hidden = set()


@pytest.mark.parametrize("seed", range(25))
async def test_what_was_told_is_what_happened(seed: int) -> None:
    exchange, clock = LossyExchange(), HandClock()
    kite = Kite("key", "token", "http://127.0.0.1:1", transport=MemoryTransport(exchange.answer))
    async with KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker:
        chaos = Chaos(seed, broker, exchange)
        for number in range(ORDERS):
            await chaos.step(number)
            await clock.run_for(chaos.chance.choice([0.05, 0.4, 3.0]))
        chaos.calm()
        await clock.run_for(200)
    check([event async for event in broker.events()], exchange)


def check(told: list[BrokerEvent], exchange: LossyExchange) -> None:
    assert exchange.count("POST /orders/regular") == ORDERS
    outcomes = Counter(
        e.intent_id for e in told if isinstance(e, OrderAccepted | OrderRefused | OrderNotPlaced)
    )
    assert outcomes == dict.fromkeys((f"intent-tag{n}" for n in range(ORDERS)), 1)
    ids = {e.intent_id: e.order_id for e in told if isinstance(e, OrderAccepted)}
    assert ids == {f"intent-{row['tag']}": key for key, row in exchange.orders.items()}
    unresolved = {e.intent_id for e in told if isinstance(e, OrderUnresolved)}
    assert {e.intent_id for e in told if isinstance(e, OrderNotPlaced)} <= unresolved

    fills = [(e.fill.trade_id, e.fill.quantity) for e in told if isinstance(e, FillReceived)]
    assert sorted(fills) == sorted((t["trade_id"], t["quantity"]) for t in exchange.trades)
    assert all(e.tag for e in told if isinstance(e, FillReceived))
    newest = {e.order_id: e for e in told if isinstance(e, OrderUpdated)}
    for order_id, row in exchange.orders.items():
        assert newest[order_id].status is OrderStatus(status_of(row["status"]))
        assert newest[order_id].filled_quantity == row["filled_quantity"]
