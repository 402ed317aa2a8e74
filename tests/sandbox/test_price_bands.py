"""A running world's circuit limits reach the node, and its broker's figures are read."""

import asyncio

import pytest

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.domain.messages import BandsRead
from patang.kite import Kite
from patang.runtime.bands import PriceBands
from patang.runtime.clocks import VenueClock
from tests.builders import INFY


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=20.0, users=[{"user_id": "PT0000"}])


class Posts:
    def __init__(self) -> None:
        self.first: asyncio.Future[BandsRead] = asyncio.get_running_loop().create_future()

    def post(self, event: BandsRead) -> None:
        self.first.set_result(event)


async def test_the_bands_of_a_running_world_are_read(sandbox):
    reading, token = sandbox.ready["clock"], sandbox.access_token("PT0000")
    clock, node = VenueClock(reading["now_ns"], reading["speed"]), Posts()
    async with Kite(sandbox.api_key, token, sandbox.root) as kite:
        reader = asyncio.create_task(PriceBands(kite, [INFY], clock).run(node))
        async with asyncio.timeout(10):
            (band,) = (await node.first).bands
        reader.cancel()
        row = (await kite.quote(INFY.id))[INFY.id]
        assert (band.lower, band.upper) == (row.lower_circuit_limit, row.upper_circuit_limit)
        assert 0 < band.lower < row.last_price < band.upper
        async with KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker:
            assert (await broker.snapshot()).positions == ()
