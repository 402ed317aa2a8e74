"""The order gateway under load: requests in, answers and updates out, on disk in between.

One process holds a gateway, a broker that takes every order at once, and a client, with 5,000
orders already tracked. A round places 500 orders as fast as they go: 1,500 messages (a request, its
RESPONSE, an ORDER_UPDATE), each request synced to the ledger. The peer is the requirement of 1,000
messages a second. The lag, from submitting to the acceptance told by the client, is taken
at a steady 1,200 messages a second; so is the time from a cut connection to the next answer.

``python -m benchmarks.gateway SECONDS`` keeps that pace up and prints what it saw.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from benchmarks.harness import Measurement
from patang.brokers.gateway_link import GatewayAddress, LinkState, LinkTimings
from patang.brokers.port import AccountSnapshot, Broker
from patang.brokers.websocket import WebSocketBroker
from patang.domain.enums import Mode, OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.messages import (
    BooksRead,
    BrokerEvent,
    Effect,
    OrderAccepted,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import Order, OrderIntent, OrderStatus
from patang.domain.secret import Secret
from patang.gateway.clients import Client, Permission, Scope
from patang.gateway.desk import Desk
from patang.gateway.ledger import Ledger
from patang.gateway.server import Gateway, GatewaySettings
from patang.gateway.session import TicksReceived
from patang.kite.clock import Clock, SystemClock
from patang.wire.forms import ModifyForm
from patang.wire.gtt_forms import GttForm
from patang.wire.gtt_rows import GttRow

NAME = "gateway"
PEER = "the requirement: 1,000 messages a second"

TRACKED = 5_000
ORDERS = 500
MESSAGES_OF_AN_ORDER = 3
ORDERS_PER_SECOND = 400
_SECRET = Secret("b" * 40)


class _InstantBroker:
    """Takes every order at once, and says so."""

    mode = Mode.SANDBOX

    def __init__(self) -> None:
        self._events: asyncio.Queue[BrokerEvent] = asyncio.Queue()
        self._orders = 0

    async def submit(self, command: Effect) -> None:
        if not isinstance(command, SubmitOrder):
            return
        self._orders += 1
        intent, order_id, now_ns = command.intent, f"{self._orders:012}", time.time_ns()
        self._events.put_nowait(
            OrderAccepted(at_ns=now_ns, intent_id=intent.intent_id, order_id=order_id)
        )
        self._events.put_nowait(
            OrderUpdated(
                at_ns=now_ns,
                order_id=order_id,
                tag=intent.tag,
                instrument=intent.instrument,
                side=intent.side,
                quantity=intent.quantity,
                filled_quantity=0,
                status=OrderStatus.OPEN,
            )
        )

    def allow_entries(self, are_allowed: bool) -> None:
        pass

    async def events(self) -> AsyncIterator[BrokerEvent]:
        while True:
            yield await self._events.get()

    async def snapshot(self) -> AccountSnapshot:
        return AccountSnapshot(
            at_ns=time.time_ns(), orders=(), trades=(), positions=(), available_cash=Decimal(0)
        )

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        self._events.put_nowait(BooksRead(at_ns=time.time_ns(), positions=()))
        return True


class _Session:
    """An account without triggers and without a feed."""

    user_id = "AB1234"

    def __init__(self) -> None:
        self.broker: Broker = _InstantBroker()
        self.clock: Clock = SystemClock()

    async def run(self, on_ticks: TicksReceived) -> None:
        await asyncio.Event().wait()

    async def watch(self, instruments: Iterable[str]) -> tuple[str, ...]:
        return tuple(instruments)

    async def modify(self, form: ModifyForm) -> None:
        pass

    async def place_gtt(self, form: GttForm) -> int:
        return 1

    async def modify_gtt(self, trigger_id: int, form: GttForm) -> None:
        pass

    async def delete_gtt(self, trigger_id: int) -> None:
        pass

    async def gtts(self) -> list[GttRow]:
        return []

    async def holdings(self) -> msgspec.Raw:
        return msgspec.Raw(b"[]")

    async def quotes(self, instruments: Iterable[str]) -> msgspec.Raw:
        return msgspec.Raw(b"{}")


class _Load:
    """A client that places orders and notes when it learnt that they were accepted."""

    def __init__(self, broker: WebSocketBroker) -> None:
        self.broker = broker
        self.accepted: dict[str, float] = {}
        self.updated = 0
        self._number = 0
        self._changed = asyncio.Event()

    async def listen(self) -> None:
        async for event in self.broker.events():
            if isinstance(event, OrderAccepted):
                self.accepted[event.intent_id] = time.perf_counter()
            elif isinstance(event, OrderUpdated):
                self.updated += 1
            self._changed.set()

    async def place(self) -> str:
        self._number += 1
        tag = f"bench{self._number}"
        intent = OrderIntent(
            intent_id=tag,
            tag=tag,
            strategy="bench",
            instrument=InstrumentId("NSE:INFY"),
            side=Side.BUY,
            quantity=1,
            order_type=OrderType.LIMIT,
            price=Decimal("1500.00"),
            product=Product.MIS,
            created_ns=0,
        )
        await self.broker.submit(SubmitOrder(intent=intent))
        return tag

    async def settled(self) -> None:
        """Return once every order was accepted and updated."""
        async with asyncio.timeout(60):
            while min(len(self.accepted), self.updated) < self._number:
                self._changed.clear()
                await self._changed.wait()

    async def burst(self, orders: int) -> float:
        """Seconds that so many orders take as fast as they go."""
        began = time.perf_counter()
        for _ in range(orders):
            await self.place()
        await self.settled()
        return time.perf_counter() - began

    async def steady(self, seconds: float) -> list[float]:
        """Lags in seconds, sorted, of orders that are placed at an even pace."""
        sent: dict[str, float] = {}
        began = time.perf_counter()
        for number in range(round(seconds * ORDERS_PER_SECOND)):
            due = began + number / ORDERS_PER_SECOND
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            placed = time.perf_counter()
            sent[await self.place()] = placed
        await self.settled()
        return sorted(self.accepted[tag] - at for tag, at in sent.items())

    async def resume(self, gateway_link: "_Cut") -> float:
        """Seconds from a cut connection to the next answer."""
        began = time.perf_counter()
        gateway_link()
        await self._reach(is_up=False)
        await self._reach(is_up=True)
        await self.place()
        await self.settled()
        return time.perf_counter() - began

    async def _reach(self, *, is_up: bool) -> None:
        while (self.broker.state is LinkState.UP) is not is_up:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


class _Cut:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self) -> None:
        link = self._desk.seat("desk").stream.link
        if link is not None:
            link.close(1001, "cut")


@asynccontextmanager
async def _loaded() -> AsyncIterator[tuple[_Load, _Cut]]:
    client = Client(
        client_id="desk",
        permissions=frozenset(Permission),
        scope=Scope.ACCOUNT,
        orders_per_second=1_000_000,
        orders_per_day=10_000_000,
        messages_per_second=1_000_000,
    )
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "gateway.ledger", time.time_ns())
        desk = Desk(_Session(), ledger, [client])
        clients = {"desk": (client, _SECRET)}
        gateway = Gateway(desk, clients, GatewaySettings(), mode=Mode.SANDBOX)
        try:
            async with gateway.open(), asyncio.TaskGroup() as group:
                serving = group.create_task(desk.run())
                await desk.ready()
                async with WebSocketBroker(
                    GatewayAddress(url=gateway.url, client_id="desk", secret=_SECRET),
                    mode=Mode.SANDBOX,
                    clock=SystemClock(),
                    timings=LinkTimings(stable_s=0.0),
                ) as broker:
                    await broker.connected()
                    load = _Load(broker)
                    listening = group.create_task(load.listen())
                    await load.burst(TRACKED)
                    yield load, _Cut(desk)
                    listening.cancel()
                serving.cancel()
        finally:
            ledger.close()


def measure(rounds: int) -> Measurement:
    """Place ``ORDERS`` a round; lag and resumption are told in ``work``."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Measurement:
    async with _loaded() as (load, cut):
        ours = [await load.burst(ORDERS) for _ in range(rounds)]
        lags = await load.steady(2.0)
        resumed = [await load.resume(cut) for _ in range(5)]
    messages = ORDERS * MESSAGES_OF_AN_ORDER
    work = (
        f"{messages} messages with {TRACKED} orders tracked; lag at"
        f" {ORDERS_PER_SECOND * MESSAGES_OF_AN_ORDER} a second {_lag_text(lags)};"
        f" resumed in {max(resumed) * 1e3:.0f} ms at most"
    )
    return Measurement(NAME, PEER, ours, [messages / 1_000] * rounds, work)


def _lag_text(lags: Sequence[float]) -> str:
    middle, late = lags[len(lags) // 2], lags[len(lags) * 99 // 100]
    return f"p50 {middle * 1e3:.1f} ms, p99 {late * 1e3:.1f} ms"


async def _sustain(seconds: float) -> dict[str, object]:
    async with _loaded() as (load, _):
        began = time.perf_counter()
        lags = await load.steady(seconds)
        elapsed = time.perf_counter() - began
    return {
        "seconds": round(elapsed, 1),
        "messages_per_second": round(len(lags) * MESSAGES_OF_AN_ORDER / elapsed),
        "orders": len(lags),
        "lag_ms": {
            "p50": round(lags[len(lags) // 2] * 1e3, 2),
            "p99": round(lags[len(lags) * 99 // 100] * 1e3, 2),
            "max": round(lags[-1] * 1e3, 2),
        },
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_sustain(float(sys.argv[1])))))
