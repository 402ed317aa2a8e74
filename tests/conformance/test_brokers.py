"""Kite, paper and gateway brokers each do what every broker must."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from patang.brokers.conformance import BrokerConformance, Trading
from patang.brokers.kite import KiteBroker
from patang.brokers.paper import PaperBroker
from patang.brokers.websocket import WebSocketBroker
from patang.domain.enums import Exchange as Segment
from patang.domain.enums import Mode
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import DepthLevel, Tick
from patang.kite import FeedConnected, OrderUpdate
from patang.sandbox.seeds import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture
from patang.simulator.exchange import Exchange
from tests.gateway_house import SPEED, TIMINGS, address, clock_of, gateway_before

USERS = tuple(SandboxUser(user_id=f"CF{number:04}") for number in range(40))
exchange = sandbox_fixture(scope="module", speed=SPEED, users=USERS)
INFY = InstrumentId("NSE:INFY")


@pytest.fixture(scope="module")
def free_users() -> Iterator[str]:
    return iter([user.user_id for user in USERS])


async def prices(sandbox: SandboxServer, user_id: str) -> dict[str, Decimal]:
    """A price that crosses and one that rests; a sale at the second crosses."""
    async with sandbox.kite(user_id) as kite:
        last = (await kite.ltp(INFY))[INFY].last_price
    tick = Decimal("0.1")
    return {
        "buy_at": (last * Decimal("1.02") / tick).to_integral_value() * tick,
        "rest_at": (last * Decimal("0.98") / tick).to_integral_value() * tick,
    }


class TestKiteBroker(BrokerConformance):
    @pytest.fixture(autouse=True)
    def _house(self, exchange: SandboxServer, free_users: Iterator[str]) -> None:
        self.sandbox, self.users = exchange, free_users

    @asynccontextmanager
    async def trading(self) -> AsyncIterator[Trading]:
        user_id, clock = next(self.users), clock_of(self.sandbox)
        async with (
            self.sandbox.kite(user_id) as kite,
            self.sandbox.feed(user_id) as feed,
            KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker,
        ):

            async def listen() -> None:
                async for event in feed:
                    if isinstance(event, OrderUpdate):
                        broker.order_update_received(event)
                    elif isinstance(event, FeedConnected):
                        connected.set()

            connected = asyncio.Event()
            listening = asyncio.create_task(listen())
            await asyncio.wait_for(connected.wait(), 10)
            asked = await prices(self.sandbox, user_id)
            async with Trading(broker, instrument=INFY, run="kb", **asked) as trading:
                yield trading
            listening.cancel()
            await asyncio.wait([listening])


class TestWebSocketBroker(BrokerConformance):
    @pytest.fixture(autouse=True)
    def _house(self, exchange: SandboxServer, free_users: Iterator[str], tmp_path) -> None:
        self.sandbox, self.users, self.folder = exchange, free_users, tmp_path

    @asynccontextmanager
    async def trading(self) -> AsyncIterator[Trading]:
        user_id, clock = next(self.users), clock_of(self.sandbox)
        asked = await prices(self.sandbox, user_id)
        async with (
            gateway_before(self.sandbox, self.folder, user_id=user_id) as (gateway, _),
            WebSocketBroker(
                address(gateway.url), mode=Mode.SANDBOX, clock=clock, timings=TIMINGS
            ) as broker,
            Trading(broker, instrument=INFY, run="ws", **asked) as trading,
        ):
            await asyncio.wait_for(broker.connected(), 10)
            yield trading


START_NS = 1_767_589_200_000_000_000
SHARE = Instrument(exchange=Segment.NSE, symbol="INFY", token=408065, tick_size=Decimal("0.1"))


class TestPaperBroker(BrokerConformance):
    mode = Mode.PAPER

    @asynccontextmanager
    async def trading(self) -> AsyncIterator[Trading]:
        simulated = Exchange([SHARE], {SHARE.id: Decimal(100)})
        broker = PaperBroker(simulated, "AB1234", Decimal(1_000_000), lambda: START_NS)
        broker.follow(
            Tick(
                instrument=SHARE.id,
                received_ns=START_NS,
                last_price=100.0,
                bids=(DepthLevel(99.9, 1_000, 1),),
                asks=(DepthLevel(100.1, 1_000, 1),),
            )
        )
        async with Trading(
            broker,
            instrument=SHARE.id,
            buy_at=Decimal("101.0"),
            rest_at=Decimal("99.0"),
            run="pb",
        ) as trading:
            yield trading
