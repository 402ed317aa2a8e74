"""Against a server that counts by its own calendar: whoever asks faster than allowed just waits."""

import asyncio
import time

import pytest

from patang.kite import Kite, Lane
from patang.kite.governor import Governor


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(users=[{"user_id": "GV0001"}, {"user_id": "GV0002"}])


async def test_twenty_reads_at_ten_a_second_take_at_least_one_and_none_is_refused(sandbox):
    token = sandbox.access_token("GV0001")
    async with Kite(sandbox.api_key, token, sandbox.root) as kite:
        await kite.profile()
        started = time.monotonic()
        await asyncio.gather(*(kite.orders() for _ in range(20)))
        assert time.monotonic() - started >= 1
        assert kite.counters.requests == 21
        assert kite.counters.retries == 0


async def test_two_clients_of_one_account_place_a_burst_and_none_is_refused(sandbox, tmp_path):
    token = sandbox.access_token("GV0002")
    path = tmp_path / "GV0002.state"
    started = time.monotonic()
    async with (
        Kite(sandbox.api_key, token, sandbox.root, governor=Governor(path=path)) as one,
        Kite(sandbox.api_key, token, sandbox.root, governor=Governor(path=path)) as other,
    ):
        placed = await asyncio.gather(
            *(
                kite.place_order_safely(
                    "regular", "NSE", "INFY", "BUY", 1, "MIS", "LIMIT", 1400, lane=lane
                )
                for kite in (one, other)
                for lane in [Lane.ENTRY] * 9 + [Lane.EXIT]
            )
        )
        book = await one.orders()
        assert one.governor.state().orders_today == other.governor.state().orders_today == 20
    assert time.monotonic() - started >= 2
    assert sorted(row.order_id for row in book) == sorted(order.order_id for order in placed)


async def test_quotes_wait_for_their_second(sandbox):
    token = sandbox.access_token("GV0001")
    async with Kite(sandbox.api_key, token, sandbox.root) as kite:
        started = time.monotonic()
        await asyncio.gather(*(kite.ltp("NSE:INFY") for _ in range(2)))
        assert time.monotonic() - started >= 1
        assert kite.counters.retries == 0
