"""The official clients in a world with derivatives, currency and commodities."""

import datetime
from collections.abc import Iterator
from decimal import Decimal

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import sandbox_fixture
from tests.node_process import JavaScriptClient

USERS = tuple(SandboxUser(user_id=f"FO{n:04}", cash=Decimal(10**9)) for n in range(8))

exchange = sandbox_fixture(scope="module", users=USERS, universe=1000)


@pytest.fixture(scope="module")
def _free_users() -> Iterator[str]:
    return iter(user.user_id for user in USERS)


@pytest.fixture
def user_id(_free_users) -> str:
    return next(_free_users)


@pytest.fixture
def kite(exchange, user_id) -> Iterator[KiteConnect]:
    client = KiteConnect(exchange.api_key, exchange.access_token(user_id), root=exchange.root)
    yield client
    client.reqsession.close()


def future(kite: KiteConnect, segment: str = "NFO", name: str = "NIFTY") -> dict:
    """The nearest future of an underlying."""
    found = [
        one
        for one in kite.instruments(segment)
        if one["name"] == name and one["instrument_type"] == "FUT"
    ]
    return min(found, key=lambda one: one["expiry"])


def below(kite: KiteConnect, instrument: dict) -> float:
    name = f"{instrument['exchange']}:{instrument['tradingsymbol']}"
    ticks = round(kite.ltp(name)[name]["last_price"] * 0.995 / instrument["tick_size"])
    return round(ticks * instrument["tick_size"], 4)


def lots(kite: KiteConnect, instrument: dict, count: int, **changes) -> dict:
    return {
        "exchange": instrument["exchange"],
        "tradingsymbol": instrument["tradingsymbol"],
        "transaction_type": "BUY",
        "quantity": instrument["lot_size"] * count,
        "product": "NRML",
        "order_type": "LIMIT",
        "price": below(kite, instrument),
    } | changes


def check_slices(orders: list[dict], parent: str, children: list[str], quantity: int) -> None:
    rows = [one for one in orders if one["order_id"] in children]
    assert len(rows) == len(children) > 1
    assert sum(row["quantity"] for row in rows) == quantity
    assert parent not in {row["order_id"] for row in orders}
    for row in rows:
        assert row["status"] == "OPEN"
        assert {"autoslice", f"autoslice:{parent}"} <= set(row["tags"])


def test_the_python_client_slices_what_is_above_the_freeze_quantity(kite):
    order = lots(kite, future(kite), 60)
    with pytest.raises(kex.InputException, match="freeze quantity"):
        kite.place_order("regular", **order)
    whole = kite.place_autoslice_order("regular", **order)
    children = [child["order_id"] for child in whole["children"]]
    check_slices(kite.orders(), whole["order_id"], children, order["quantity"])


def test_the_javascript_client_slices_it_too(exchange, kite, user_id):
    order = lots(kite, future(kite), 60, autoslice=True)
    client = JavaScriptClient(exchange.api_key, exchange.access_token(user_id), exchange.root)
    try:
        whole = client.call("placeOrder", "regular", order)
        orders = client.call("getOrders")
    finally:
        client.close()
    children = [child["order_id"] for child in whole["children"]]
    check_slices(orders, whole["order_id"], children, order["quantity"])


def test_a_future_is_carried_on_margin(kite):
    contract = future(kite)
    before = kite.margins("equity")["net"]
    (asked,) = kite.order_margins(
        [lots(kite, contract, 1) | {"variety": "regular", "trigger_price": 0}]
    )
    assert asked["span"] > 0 < asked["exposure"]
    order = lots(kite, contract, 1, order_type="MARKET", price=None, market_protection=-1)
    order_id = kite.place_order("regular", **order)
    assert kite.order_history(order_id)[-1]["status"] == "COMPLETE"
    (position,) = kite.positions()["net"]
    assert (position["product"], position["quantity"]) == ("NRML", contract["lot_size"])
    blocked = before - kite.margins("equity")["net"]
    assert blocked == pytest.approx(asked["total"], rel=0.05)
    worth = contract["lot_size"] * position["average_price"]
    assert 0.05 * worth < blocked < 0.4 * worth


def test_the_dump_has_the_chains_with_real_names(kite):
    chain = [one for one in kite.instruments("NFO") if one["name"] == "NIFTY"]
    kinds = {one["instrument_type"] for one in chain}
    assert kinds == {"FUT", "CE", "PE"}
    option = min(
        (one for one in chain if one["instrument_type"] == "CE"), key=lambda o: o["expiry"]
    )
    assert isinstance(option["expiry"], datetime.date)
    assert option["tradingsymbol"].startswith("NIFTY26")
    assert option["tradingsymbol"].endswith(f"{option['strike']:g}CE")
    assert option["lot_size"] == 65
    tokens = [one["instrument_token"] for one in kite.instruments()]
    assert len(set(tokens)) == len(tokens) >= 900


@pytest.mark.parametrize(("segment", "divisor"), [("NFO", 100), ("CDS", 10_000_000), ("MCX", 100)])
def test_every_segment_is_quoted_on_its_tick(kite, segment, divisor):
    listed = [one for one in kite.instruments(segment) if one["instrument_type"] == "FUT"]
    assert listed
    names = [f"{segment}:{one['tradingsymbol']}" for one in listed[:5]]
    quotes = kite.quote(names)
    assert set(quotes) == set(names)
    for name, one in zip(names, listed, strict=False):
        wire = quotes[name]["last_price"] * divisor
        assert wire == pytest.approx(round(wire))
        ticks = quotes[name]["last_price"] / one["tick_size"]
        assert ticks == pytest.approx(round(ticks), abs=1e-6)
        assert isinstance(quotes[name]["oi"], int)
