"""A Kite broker before a lossy exchange, on a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.kite import Kite, MemoryTransport
from patang.kite.retry import NO_RETRIES
from tests.hand_clock import HandClock
from tests.lossy_exchange import LossyExchange


@pytest.fixture
def exchange() -> LossyExchange:
    return LossyExchange()


@pytest.fixture
async def broker(exchange, clock) -> AsyncIterator[KiteBroker]:
    # The broker asks again by itself; a test counts the requests of one question.
    kite = Kite(
        "key",
        "token",
        "http://127.0.0.1:1",
        transport=MemoryTransport(exchange.answer),
        retry=NO_RETRIES,
    )
    async with KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as running:
        yield running


@pytest.fixture
async def told(broker) -> AsyncIterator[list]:
    events: list = []

    async def listen() -> None:
        async for event in broker.events():
            events.append(event)

    listening = asyncio.create_task(listen())
    yield events
    listening.cancel()


@pytest.fixture
async def clock():
    return HandClock()
