"""The rest of the routes over the wire: the user, what older versions left, mutual funds."""

import json
import os
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from patang.kite import GeneralException, InputException, Kite, PermissionException
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture

USERS = tuple(SandboxUser(user_id=f"UF{number:04}") for number in range(4))
TODAY = date(2026, 11, 19)

SAMPLES = os.environ.get("PATANG_KITE_SAMPLES", "")

exchange = sandbox_fixture(scope="module", users=USERS)
once = sandbox_fixture(scope="module", users=USERS, fund_orders=True)


@pytest.fixture
async def kite(exchange) -> AsyncIterator[Kite]:
    async with Kite(exchange.api_key, exchange.access_token(), exchange.root) as client:
        yield client


@pytest.fixture
async def buyer(once) -> AsyncIterator[Kite]:
    """A client of the world whose broker still takes fund orders."""
    async with Kite(once.api_key, once.access_token(), once.root) as client:
        yield client


async def send(
    exchange: SandboxServer, method: str, path: str, form: dict | None = None
) -> tuple[int, dict]:
    """Status and body of a raw request."""
    headers = {"Authorization": f"token {exchange.api_key}:{exchange.access_token()}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, exchange.root + path, data=form, headers=headers) as reply,
    ):
        return reply.status, await reply.json()


# --- the user -----------------------------------------------------------------------------------


async def test_the_full_profile_masks_what_it_adds(kite):
    plain, full = await kite.profile(), await kite.full_profile()
    assert (full.user_id, full.exchanges) == (plain.user_id, plain.exchanges)
    assert full.twofa_type == "totp"
    assert all(text.startswith("*") for text in (full.phone, full.pan))
    assert full.bank_accounts[0].account.startswith("*")
    assert set(full.meta) == {"poa", "silo", "account_blocks"}


async def test_the_words_of_orders_are_listed(kite):
    words = await kite.parameters()
    assert words["exchange"] == ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"]
    assert "SL-M" in words["order_type"]
    assert set(words) >= {"product", "validity", "order_variety", "transaction_type", "segment"}


async def test_margins_of_the_market_are_per_symbol(exchange, kite):
    rows = {row["tradingsymbol"]: row for row in await kite.market_margins("equity")}
    assert rows["INFY"]["mis_multiplier"] == 5
    assert rows["INFY"]["margin"] == 20
    assert "NIFTY 50" not in rows
    assert isinstance(await kite.market_margins("commodity"), list)
    status, answer = await send(exchange, "GET", "/margins/bonds")
    assert (status, answer["error_type"]) == (400, "InputException")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_the_stop_of_a_cover_order_has_a_range_that_the_exchange_takes(exchange, kite, side):
    key = "NSE:TCS"
    row = (await kite.trigger_range(side, key, "NSE:NOSUCH"))[key]
    last = exchange.call(lambda world: world.exchange.last_price(world.find(key).id))
    assert row.instrument_token == 2_953_217
    assert row.lower < row.upper
    assert last == (row.upper if side == "BUY" else row.lower)
    stop = row.lower if side == "BUY" else row.upper
    await kite.place_order(
        "co", "NSE", "TCS", side, 1, "MIS", "LIMIT", price=last, trigger_price=stop
    )


@pytest.mark.parametrize("path", ["hold?i=NSE:TCS", "buy"])
async def test_a_range_asked_for_wrongly_is_refused(exchange, path):
    status, answer = await send(exchange, "GET", f"/instruments/trigger_range/{path}")
    assert (status, answer["error_type"]) == (400, "InputException")


# --- mutual funds, read -------------------------------------------------------------------------


async def test_funds_are_listed_with_the_price_of_the_day_before(kite):
    funds = await kite.mf_instruments()
    assert len({fund.tradingsymbol for fund in funds}) == len(funds) == 24
    for fund in funds:
        assert fund.tradingsymbol.startswith("INF")
        assert len(fund.tradingsymbol) == 12
        assert fund.last_price > 0
        assert fund.last_price_date == (TODAY - timedelta(days=1)).isoformat()


async def test_holdings_are_what_their_trades_add_up_to(kite):
    prices = {fund.tradingsymbol: fund.last_price for fund in await kite.mf_instruments()}
    holdings = await kite.mf_holdings()
    assert len(holdings) == 3
    assert await kite.mf_allotments() == [one.tradingsymbol for one in holdings]
    for holding in holdings:
        trades = await kite.mf_holding_trades(holding.tradingsymbol)
        assert sum(trade.quantity for trade in trades) == holding.quantity
        cost = sum(trade.quantity * trade.average_price for trade in trades)
        assert abs(cost / holding.quantity - holding.average_price) < Decimal("0.000001")
        assert holding.last_price == prices[holding.tradingsymbol]
        value = holding.quantity * holding.last_price
        assert abs(value - cost - holding.pnl) < Decimal("0.000001")
        assert {trade.folio for trade in trades} == {holding.folio}


async def test_orders_of_a_week_are_listed_and_older_ones_found_by_id(exchange, kite):
    recent = await kite.mf_orders()
    assert [one.status for one in recent] == ["COMPLETE", "REJECTED"]
    assert all(one.order_timestamp >= "2026-11-12" for one in recent)
    user_id = (await kite.profile()).user_id
    every = exchange.call(lambda world: world.funds.orders(user_id, 0))
    [old] = {one.order_id for one in every} - {one.order_id for one in recent}
    found = await kite.mf_orders(old)
    assert (found.order_id, found.status) == (old, "COMPLETE")
    assert found.order_timestamp < "2026-11-12"


async def test_each_user_and_each_seed_has_funds_of_its_own_and_always_the_same(exchange):
    async with Kite(exchange.api_key, exchange.access_token("UF0001"), exchange.root) as other:
        mine = [one.to_dict() for one in await other.mf_holdings()]
        assert [one.to_dict() for one in await other.mf_holdings()] == mine
        sips = await other.mf_sips()
        assert {one.status for one in sips} == {"ACTIVE"}
        assert (await other.mf_sips(sips[0].sip_id)).to_dict() == sips[0].to_dict()
    theirs = exchange.call(lambda world: world.funds.holdings("UF0000", world.now_ns))
    assert [one.to_dict() for one in theirs] != mine


@pytest.mark.parametrize("path", ["orders/nobody", "sips/1", "holdings/INF000000000"])
async def test_what_nobody_has_is_not_found(exchange, path):
    status, answer = await send(exchange, "GET", f"/mf/{path}")
    assert (status, answer["error_type"]) == (404, "GeneralException")


# --- mutual funds, written ----------------------------------------------------------------------


async def test_the_broker_takes_no_fund_orders(kite):
    fund = (await kite.mf_holdings())[0].tradingsymbol
    sip_id = (await kite.mf_sips())[0].sip_id
    order_id = (await kite.mf_orders())[0].order_id
    for call in (
        lambda: kite.place_mf_order(fund, "BUY", amount=5000),
        lambda: kite.cancel_mf_order(order_id),
        lambda: kite.place_mf_sip(fund, 1000, 12, "monthly"),
        lambda: kite.modify_mf_sip(sip_id, amount=2000),
        lambda: kite.cancel_mf_sip(sip_id),
    ):
        with pytest.raises(PermissionException, match="Mutual fund orders cannot") as refused:
            await call()
        assert refused.value.status == 403


async def test_a_world_may_take_fund_orders_as_the_broker_once_did(buyer):
    fund = (await buyer.mf_holdings())[0].tradingsymbol
    ack = await buyer.place_mf_order(fund, "BUY", amount=5000, tag="abc")
    row = await buyer.mf_orders(ack.order_id)
    assert (row.status, row.amount, row.tag, row.purchase_type) == (
        "OPEN",
        5000,
        "abc",
        "ADDITIONAL",
    )
    assert (await buyer.mf_orders())[0].order_id == ack.order_id
    assert (await buyer.cancel_mf_order(ack.order_id)).order_id == ack.order_id
    assert (await buyer.mf_orders(ack.order_id)).status == "CANCELLED"
    with pytest.raises(InputException, match="CANCELLED"):
        await buyer.cancel_mf_order(ack.order_id)


async def test_a_plan_lives_from_its_first_amount_to_its_end(buyer):
    fund = (await buyer.mf_holdings())[1].tradingsymbol
    ack = await buyer.place_mf_sip(fund, 1000, 12, "monthly", initial_amount=500, instalment_day=5)
    first = await buyer.mf_orders(ack.order_id)
    assert (first.tradingsymbol, first.amount) == (fund, 500)
    plan = await buyer.mf_sips(ack.sip_id)
    assert (plan.instalments, plan.pending_instalments, plan.frequency) == (12, 12, "monthly")
    assert plan.next_instalment == "2026-12-05"
    await buyer.modify_mf_sip(ack.sip_id, amount=2500, status="paused", instalments=-1)
    plan = await buyer.mf_sips(ack.sip_id)
    assert (plan.instalment_amount, plan.status, plan.pending_instalments) == (2500, "PAUSED", -1)
    await buyer.cancel_mf_sip(ack.sip_id)
    assert (await buyer.mf_sips(ack.sip_id)).status == "CANCELLED"
    with pytest.raises(InputException, match="CANCELLED"):
        await buyer.cancel_mf_sip(ack.sip_id)
    assert "order_id" not in (await buyer.place_mf_sip(fund, 1000, 12, "weekly")).to_dict()


@pytest.mark.parametrize(
    ("path", "form", "text"),
    [
        ("orders", {}, "Missing or empty field `tradingsymbol`"),
        ("orders", {"tradingsymbol": "X", "transaction_type": "HOLD"}, "`transaction_type`"),
        ("orders", {"tradingsymbol": "X", "transaction_type": "BUY"}, "Invalid `amount`."),
        (
            "orders",
            {"tradingsymbol": "X", "transaction_type": "BUY", "amount": 1},
            "Invalid `tradingsymbol`.",
        ),
        ("sips", {"tradingsymbol": "X", "amount": "a"}, "Invalid `amount`."),
        ("sips", {"tradingsymbol": "X", "amount": 1, "instalments": 0.5}, "`instalments`"),
    ],
)
async def test_a_fund_order_that_cannot_be_is_refused_by_its_field(exchange, path, form, text):
    status, answer = await send(exchange, "POST", f"/mf/{path}", form)
    assert (status, answer["error_type"]) == (400, "InputException")
    assert text in answer["message"]


@pytest.mark.parametrize("path", ["/mf/orders/1", "/mf/sips/1"])
async def test_what_nobody_has_cannot_be_ended(exchange, path):
    status, _ = await send(exchange, "DELETE", path)
    assert status == 404
    with pytest.raises(GeneralException, match="sip_id"):
        async with Kite(exchange.api_key, exchange.access_token(), exchange.root) as kite:
            await kite.modify_mf_sip("1", amount=1)


# --- the official samples, where the caller has them --------------------------------------------

if SAMPLES:

    async def test_rows_have_the_fields_of_the_official_samples(kite):
        folder = Path(SAMPLES)
        sip_id = (await kite.mf_sips())[0].sip_id
        for name, ours in (
            ("mf_holdings", await kite.raw.mf_holdings()),
            ("mf_orders", await kite.raw.mf_orders()),
            ("mf_sip_info", await kite.raw.mf_sips(sip_id)),
            ("trigger_range", await kite.raw.trigger_range("BUY", "NSE:INFY")),
        ):
            sample = json.loads((folder / f"{name}.json").read_bytes())["data"]
            assert shape(ours) == shape(sample), name
        dump = (await kite.raw.mf_instruments()).decode()
        columns = (folder / "mf_instruments.csv").read_text().splitlines()[0]
        assert dump.splitlines()[0] == columns


def shape(value: object) -> set[str]:
    """Names of a row's fields: of the first row, where there are several."""
    if isinstance(value, list):
        return set(value[0])
    first = next(iter(value.values()))
    return set(first) if isinstance(first, dict) and "lower" in first else set(value)
