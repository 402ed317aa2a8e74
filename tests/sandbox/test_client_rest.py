"""Our own client against a sandbox process: every call of its REST side, typed and raw."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange
from patang.kite import (
    Kite,
    NetworkException,
    OrderOutcomeUnknown,
    TokenException,
)
from patang.wire.endpoints import ENDPOINTS
from patang.wire.rows import MarginsRow, OrderRow, Positions, Row, SegmentRow

USERS = [{"user_id": f"PC{number:04}"} for number in range(12)]


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=0, rate_limits=False, users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user["user_id"] for user in USERS)


@pytest.fixture
def user(free_users) -> str:
    return next(free_users)


@pytest.fixture
async def client(sandbox, user) -> AsyncIterator[Kite]:
    async with Kite(sandbox.api_key, sandbox.access_token(user), sandbox.root) as opened:
        yield opened


async def buy(kite: Kite, **changes) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 10,
        "product": "MIS",
        "order_type": "LIMIT",
        "price": 1450.0,
    }
    return await kite.place_order(**order | changes)


async def test_a_request_token_becomes_a_session_that_is_used(sandbox, user):
    async with Kite(sandbox.api_key, root=sandbox.root) as kite:
        session = await kite.generate_session(sandbox.request_token(user), sandbox.api_secret)
        assert session.user_id == user
        assert (await kite.profile()).user_id == user
        assert await kite.invalidate_access_token(session.access_token)
        kite.set_access_token(session.access_token)
        with pytest.raises(TokenException) as failure:
            await kite.profile()
        assert failure.value.status == 403
        assert session.access_token not in f"{failure.value!r} {session!r}"


async def test_reads_are_typed_and_lose_nothing(client):
    reads = {
        name: endpoint
        for name, endpoint in ENDPOINTS.items()
        if endpoint.method == "GET"
        and endpoint.response is not bytes
        and not endpoint.parameters
        and not endpoint.instrument_cap
    }
    assert {"profile", "margins", "orders", "positions", "mf_sips", "get_alerts"} <= set(reads)
    await buy(client)
    for name in reads:
        typed = await getattr(client, name)()
        raw = await getattr(client.raw, name)()
        rows = typed if isinstance(typed, list) else [typed]
        plain = [row.to_dict() if isinstance(row, Row) else row for row in rows]
        assert plain == (raw if isinstance(raw, list) else [raw])


async def test_funds_and_portfolio_have_their_types(client):
    assert isinstance(await client.margins(), MarginsRow)
    equity = await client.margins("equity")
    assert isinstance(equity, SegmentRow)
    assert equity.net == Decimal(1_000_000)
    assert isinstance(await client.positions(), Positions)
    assert await client.trades() == []


async def test_instruments_and_quotes_agree(client):
    instruments = await client.instruments("NSE")
    assert {i.exchange for i in instruments} == {Exchange.NSE}
    assert len(await client.instruments()) >= len(instruments) >= 20
    infy = next(i for i in instruments if i.symbol == "INFY")
    asked = ["NSE:INFY", "NSE:NIFTY 50", "NSE:NOSUCH"]
    quotes = await client.quote(asked)
    ohlcs, ltps = await client.ohlc(*asked), await client.ltp(*asked)
    assert set(quotes) == set(ohlcs) == set(ltps) == set(asked[:2])
    assert quotes["NSE:INFY"].instrument_token == infy.token
    assert quotes["NSE:INFY"].last_price == ltps["NSE:INFY"].last_price
    assert infy.is_on_tick(ltps["NSE:INFY"].last_price)


async def test_an_order_is_placed_changed_cancelled_and_remembered(client):
    order_id = await buy(client, tag="keepsake")
    (placed,) = await client.orders()
    assert isinstance(placed, OrderRow)
    assert (placed.order_id, placed.tag, placed.status) == (order_id, "keepsake", "OPEN")
    assert await client.modify_order("regular", order_id, price=1449.1, quantity=7) == order_id
    assert await client.cancel_order("regular", order_id) == order_id
    history = await client.order_history(order_id)
    assert history[-1].status == "CANCELLED"
    assert (history[-1].price, history[-1].quantity) == (Decimal("1449.1"), 7)
    assert await client.order_trades(order_id) == []


async def test_a_crossing_order_trades(client):
    last = (await client.ltp("NSE:INFY"))["NSE:INFY"].last_price
    order_id = await buy(client, price=last + 5)
    trades = await client.order_trades(order_id)
    assert sum(trade.quantity for trade in trades) == 10
    assert trades == await client.trades()
    (position,) = (await client.positions()).net
    assert position.quantity == 10


async def test_refusals_are_definite_errors(client):
    with pytest.raises(Exception, match="Tick size") as failure:
        await buy(client, price=1450.01)
    assert not isinstance(failure.value, OrderOutcomeUnknown)
    assert await client.orders() == []
    client.set_access_token("wrong")
    with pytest.raises(TokenException):
        await buy(client)


async def test_a_sandbox_that_is_gone_is_a_network_error(start_sandbox):
    gone = start_sandbox(users=[{"user_id": "AB1"}])
    async with Kite(gone.api_key, gone.access_token("AB1"), gone.root) as kite:
        await kite.profile()
        gone.stop()
        with pytest.raises(NetworkException):
            await kite.profile()
