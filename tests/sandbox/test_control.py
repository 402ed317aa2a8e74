"""The control port: clock, truth and records of a real server, beside what clients see."""

import asyncio
import base64
import http.client
import json
from urllib.parse import urlsplit

import aiohttp
import pytest

from patang.domain.market import NS_PER_SECOND
from patang.kite import Kite, KiteError, OrderOutcomeUnknown, Timeouts, TokenException
from patang.sandbox.control_client import AsyncControl, Control, ControlRefused
from patang.sandbox.settings import DEFAULT_START_NS, SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture, stepped
from patang.wire.ticks import decode_frame

USERS = tuple(SandboxUser(user_id=f"CT{number:04}") for number in range(12))

server = sandbox_fixture(scope="module", users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user.user_id for user in USERS)


@pytest.fixture
def user(free_users) -> str:
    return next(free_users)


@pytest.fixture
async def kite(server, user):
    async with Kite(server.api_key, server.access_token(user), server.root) as kite:
        yield kite


@pytest.fixture
async def control(server):
    async with AsyncControl(server.control) as control:
        yield control


async def buy(kite: Kite, **more) -> str:
    order = {"quantity": 2, "product": "CNC", "order_type": "MARKET", "market_protection": 5}
    return await kite.place_order("regular", "NSE", "INFY", "BUY", **(order | more))


# --- the clock ----------------------------------------------------------------------------------


def test_a_frozen_clock_moves_by_steps_and_to_moments(server):
    control = Control(server.control)
    begun = control.clock()
    assert begun.speed == 0
    assert control.clock() == begun
    assert control.advance(1.5) == begun.now_ns + 3 * NS_PER_SECOND // 2
    assert control.advance(ns=1) == begun.now_ns + 3 * NS_PER_SECOND // 2 + 1
    assert control.go_to(begun.now_ns + 5 * NS_PER_SECOND) == begun.now_ns + 5 * NS_PER_SECOND
    assert control.clock().now_ns == begun.now_ns + 5 * NS_PER_SECOND


def test_the_clock_of_kites_port_is_the_same_clock(server):
    now_ns = Control(server.control).advance(1)
    browser = http.client.HTTPConnection(urlsplit(server.root).netloc, timeout=5)
    browser.request("GET", "/clock")
    assert json.loads(browser.getresponse().read()) == {"now_ns": now_ns, "speed": 0.0}
    browser.close()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"advance_ns": -1}, "advance_ns"),
        ({"to_ns": 1}, "to_ns"),
        ({"to_ns": 1 << 61}, "to_ns"),
        ({"advance_ns": 32 * 86_400 * NS_PER_SECOND}, "advance_ns"),
        ({"advance_ns": 1, "to_ns": 2}, "to_ns"),
        ({"speed": -1}, "speed"),
        ({"advance_ns": "soon"}, "advance_ns"),
        ({"hurry": 1}, "hurry"),
    ],
)
def test_the_clock_refuses_what_is_no_move(server, body, field):
    status, answer = call(server, "POST", "/clock", json.dumps(body).encode())
    assert (status, answer["field"]) == (400, field)
    assert answer["error"]


def test_a_clock_can_be_let_run_and_frozen_again():
    with SandboxServer(stepped()) as server:
        control = Control(server.control)
        control.set_speed(1_000)
        begun_ns = control.clock().now_ns
        while control.clock().now_ns < begun_ns + NS_PER_SECOND:
            pass
        control.set_speed(0)
        frozen = control.clock()
        assert frozen.speed == 0
        assert control.clock() == frozen


async def test_the_market_lives_while_it_is_stepped(kite, control):
    before = (await kite.quote(["NSE:INFY"]))["NSE:INFY"].volume
    await control.advance(60)
    assert (await kite.quote(["NSE:INFY"]))["NSE:INFY"].volume > before


def test_the_blocking_client_can_do_all_that_the_other_can(server):
    control = Control(server.control)
    assert {name for name in dir(AsyncControl) if not name.startswith("_")} == {
        *(name for name in dir(Control) if not name.startswith("_")), "close",
    }  # fmt: skip
    (planned,) = control.order_faults({"kind": "lose_reply", "nth": [1_000]})
    assert control.faults() == [planned]
    assert control.take_back_fault(planned.id) == planned
    (planned,) = control.load_scenario('[[faults]]\nkind = "drop_update"\n')
    assert [one.id for one in control.faults()] == [planned.id]
    control.clear_faults()
    assert control.faults() == []
    assert control.flush_tokens(["CT0011"]) == 1
    assert control.flush_tokens(["CT0011"]) == 0
    control.set_rate_limits(False)
    assert control.truth()["now"] == control.clock().now_ns
    with pytest.raises(ControlRefused, match="no fault 99"):
        control.take_back_fault(99)


# --- the truth ----------------------------------------------------------------------------------


async def test_the_truth_is_what_the_routes_tell_and_more(server, user, kite, control):
    order_id = await buy(kite, tag="truth")
    with pytest.raises(Exception, match="Tick size"):
        await buy(kite, order_type="LIMIT", price=1400.013, market_protection=None)
    told = await control.truth()
    assert list(told) == ["now", "users"]
    assert told["now"] == (await control.clock()).now_ns
    assert list(told["users"]) == sorted(one.user_id for one in USERS)
    mine = told["users"][user]
    assert list(mine) == [
        "orders", "requests", "trades", "positions", "holdings", "cash", "charges",
    ]  # fmt: skip
    assert mine["orders"] == [row.to_dict() for row in await kite.orders()]
    assert mine["trades"] == [row.to_dict() for row in await kite.trades()]
    assert mine["positions"] == (await kite.positions()).to_dict()
    assert mine["holdings"] == []
    paid = sum(trade["average_price"] * trade["quantity"] for trade in mine["trades"])
    assert mine["cash"] == pytest.approx(1_000_000 - paid)
    assert mine["charges"]["stamp_duty"] > 0
    parts = {name: value for name, value in mine["charges"].items() if name != "total"}
    assert mine["charges"]["total"] == pytest.approx(sum(parts.values()), abs=1e-5)
    placed, refused = mine["requests"]
    assert (placed["route"], placed["tag"], placed["status"]) == ("place_order", "truth", 200)
    assert (placed["order_id"], placed["time_ns"]) == (order_id, told["now"])
    assert placed["parameters"]["tradingsymbol"] == "INFY"
    assert (refused["status"], refused["order_id"]) == (400, None)
    assert refused["error_type"] == "InputException"


async def test_changes_and_cancels_are_requests_of_the_user_too(server, user, kite, control):
    order_id = await buy(kite, order_type="LIMIT", price=1400, market_protection=None)
    await kite.modify_order("regular", order_id, quantity=1)
    await kite.cancel_order("regular", order_id)
    requests = (await control.truth())["users"][user]["requests"]
    assert [one["route"] for one in requests] == ["place_order", "modify_order", "cancel_order"]
    assert {one["order_id"] for one in requests} == {order_id}
    assert [one["path"] for one in requests][1:] == [f"/orders/regular/{order_id}"] * 2


async def test_a_request_with_a_dead_token_is_still_the_users(server, user, kite, control):
    await control.flush_tokens([user])
    with pytest.raises(TokenException):
        await buy(kite, tag="dead")
    (request,) = (await control.truth())["users"][user]["requests"]
    assert (request["tag"], request["status"]) == ("dead", 403)


# --- records ------------------------------------------------------------------------------------


async def test_order_states_and_trades_are_recorded_each(server, user, kite, control):
    order_id = await buy(kite)
    states = [one for one in await control.records("orders") if one["user_id"] == user]
    history = await kite.order_history(order_id)
    assert [one["order"] for one in states] == [row.to_dict() for row in history]
    trades = [one["trade"] for one in await control.records("trades") if one["user_id"] == user]
    assert trades == [row.to_dict() for row in await kite.order_trades(order_id)]


async def test_books_show_every_order_by_priority(server, user, kite, control):
    order_id = await buy(kite, order_type="LIMIT", price=1400, market_protection=None)
    (book,) = [one for one in await control.records("books") if one["instrument"] == "NSE:INFY"]
    prices = [order["price"] for order in book["bids"]]
    assert prices == sorted(prices, reverse=True)
    (mine,) = [order for order in book["bids"] if order["owner"] == user]
    assert mine == {"price": 1400, "quantity": 2, "owner": user, "order_id": order_id}


async def test_frames_are_kept_as_they_were_sent(server, user, kite, control):
    token = (await kite.ltp(["NSE:INFY"]))["NSE:INFY"].instrument_token
    url = f"{server.ws}/?api_key={server.api_key}&access_token={server.access_token(user)}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.send_json({"a": "subscribe", "v": [token]})
        async with asyncio.timeout(5):
            while len((message := await ws.receive()).data) < 2:
                pass
    frames = [one for one in await control.records("frames") if one["user_id"] == user]
    sent = [base64.b64decode(one["payload"]) for one in frames if one["kind"] == "binary"]
    assert message.data in sent
    assert [packet.token for packet in decode_frame(message.data).packets] == [token]


async def test_requests_of_every_route_are_recorded(server, user, kite, control):
    await kite.profile()
    await kite.margins()
    mine = [one for one in await control.records("requests") if one["user_id"] == user]
    assert [(one["route"], one["status"]) for one in mine] == [("profile", 200), ("margins", 200)]


async def test_secrets_are_not_recorded(server, control):
    everything = json.dumps(await control.records("requests")) + json.dumps(await control.truth())
    assert not [one for one in USERS if server.access_token(one.user_id) in everything]


async def test_records_of_another_kind_are_refused(control):
    with pytest.raises(ControlRefused, match="no records of 'rumours'") as caught:
        await control.records("rumours")
    assert caught.value.status == 404
    assert "orders, trades, books, frames, requests" in caught.value.remedy


# --- the two ports ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/truth", "/faults", "/records/orders"])
def test_kites_port_knows_nothing_of_control(server, path):
    browser = http.client.HTTPConnection(urlsplit(server.root).netloc, timeout=5)
    browser.request("GET", path)
    assert browser.getresponse().status == 404
    browser.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/orders", 404), ("DELETE", "/truth", 405), ("POST", "/faults", 400)],
)
def test_the_control_port_answers_in_json_whatever_is_asked(server, method, path, status):
    answered, answer = call(server, method, path, b"\xff{")
    assert answered == status
    assert answer["error"]


def call(server, method: str, path: str, body: bytes) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(server.control).netloc, timeout=5)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


# --- determinism --------------------------------------------------------------------------------

SCENARIO = """
[[faults]]
kind = "lose_reply"
ending = "reset"
probability = 0.4

[[faults]]
kind = "duplicate_request"
probability = 0.3

[[faults]]
kind = "reject_order"
reason = "price_protection"
probability = 0.2

[[faults]]
kind = "cut_exchange"
at_s = 20
for_s = 15
"""


async def act(sandbox) -> bytes:
    """The same commands each time, whatever becomes of them."""
    quick = Timeouts(read=5, total=6)
    async with AsyncControl(sandbox.ready["control"]) as control:
        await control.load_scenario(SCENARIO)
        for number in range(24):
            user_id = ("AB1234", "CD5678")[number % 2]
            token = sandbox.access_token(user_id)
            async with Kite(sandbox.api_key, token, sandbox.root, timeouts=quick) as kite:
                try:
                    order_id = await buy(kite, quantity=number + 1, tag=f"act{number}")
                    if number % 5 == 0:
                        await kite.cancel_order("regular", order_id)
                except (OrderOutcomeUnknown, KiteError):
                    pass
            await control.advance(2)
        await control.advance(30)
        return await control.truth_bytes()


async def test_two_processes_of_one_seed_tell_the_same_truth_to_the_byte(start_sandbox):
    sandboxes = [start_sandbox(speed=0, rate_limits=False, seed=seed) for seed in (5, 5, 6)]
    truths = [await act(sandbox) for sandbox in sandboxes]
    assert truths[0] == truths[1]
    assert truths[0] != truths[2]
    told = json.loads(truths[0])
    assert told["now"] == DEFAULT_START_NS + 78 * NS_PER_SECOND
    requests = [one for user in told["users"].values() for one in user["requests"]]
    faults = {fault for one in requests for fault in one["faults"]}
    assert faults == {"lose_reply", "duplicate_request", "reject_order"}
    orders = [one for user in told["users"].values() for one in user["orders"]]
    assert {"COMPLETE", "REJECTED"} <= {one["status"] for one in orders}
