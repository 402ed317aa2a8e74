"""Three ticker connections of one user against a running sandbox."""

import asyncio

import pytest

from patang.kite import FeedFrame, FeedNotice, Kite, KiteFeed, LinkState, OrderUpdate, TickMode
from patang.kite.instruments import KiteInstruments

USERS = [{"user_id": f"SH{number:04}"} for number in range(3)]
INFY = 408065
ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 1,
    "product": "CNC",
    "order_type": "MARKET",
    "market_protection": -1,
}


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=5.0, users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user["user_id"] for user in USERS)


@pytest.fixture
def token(sandbox, free_users) -> str:
    return sandbox.access_token(next(free_users))


async def test_nine_thousand_instruments_are_carried_and_orders_told_once(sandbox, token):
    # Real instruments at both ends, so that the first and the last connection have ticks to bring.
    tokens = [INFY, *(n << 8 | 1 for n in range(1_000_000, 1_008_998)), 738561]
    async with (
        Kite(sandbox.api_key, token, sandbox.root) as kite,
        KiteFeed(sandbox.api_key, token, sandbox.ready["ws"]) as feed,
        asyncio.timeout(30),
    ):
        await feed.subscribe(tokens, TickMode.FULL)
        assert len(feed.subscriptions) == feed.capacity == 9_000
        while feed.states != (LinkState.OPEN,) * 3:  # noqa: ASYNC110 - the feed tells of each
            await asyncio.sleep(0.01)
        order_id = await kite.place_order(**ORDER)
        ticked: set[tuple[int, int]] = set()
        updates: list[OrderUpdate] = []
        async for event in feed:
            match event:
                case FeedFrame(packets=packets, connection=connection):
                    ticked.update((connection, packet.token) for packet in packets)
                case OrderUpdate():
                    updates.append(event)
                case FeedNotice():
                    raise AssertionError(event.text)
            complete = any(update.order.status == "COMPLETE" for update in updates)
            if ticked == {(0, INFY), (2, 738561)} and complete and feed.repeated_orders >= 2:
                break
    assert {update.order.order_id for update in updates} == {order_id}
    assert len({str(update.order.to_dict()) for update in updates}) == len(updates)


async def test_ticks_are_typed_with_the_days_instruments(sandbox, token):
    async with (
        Kite(sandbox.api_key, token, sandbox.root) as kite,
        KiteFeed(sandbox.api_key, token, sandbox.ready["ws"]) as feed,
        asyncio.timeout(30),
    ):
        directory = await KiteInstruments(kite).load("NSE")
        await feed.subscribe([directory.token("NSE:INFY")], "full")
        async for tick in feed.ticks(directory.by_token):
            if tick.bids:
                break
    assert tick.instrument == "NSE:INFY"
    assert tick.bid < tick.ask


async def test_every_order_of_a_busy_account_is_told_once(sandbox, token):
    async with (
        Kite(sandbox.api_key, token, sandbox.root) as kite,
        KiteFeed(sandbox.api_key, token, sandbox.ready["ws"]) as feed,
        asyncio.timeout(30),
    ):
        await feed.subscribe(range(257, 257 + 6_001 * 256, 256))
        while feed.states != (LinkState.OPEN,) * 3:  # noqa: ASYNC110 - the feed tells of each
            await asyncio.sleep(0.01)
        placed = {await kite.place_order(**ORDER) for _ in range(6)}
        told: list[str] = []
        async for event in feed:
            if isinstance(event, OrderUpdate) and event.order.status == "COMPLETE":
                told.append(event.order.order_id)
                if len(told) == len(placed):
                    break
        while feed.repeated_orders < 2 * len(placed):  # noqa: ASYNC110 - echoes are not told
            await asyncio.sleep(0.01)
    assert sorted(told) == sorted(placed)
