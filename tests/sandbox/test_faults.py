"""Every fault of the menu over the wire: what the client sees, and what the truth is."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest

from patang.domain.market import NS_PER_SECOND
from patang.kite import (
    ConnectFailed,
    DataException,
    Kite,
    NetworkException,
    OrderOutcomeUnknown,
    PermissionException,
    ReplyLost,
    Timeouts,
    TokenException,
)
from patang.sandbox.control_client import AsyncControl, ControlRefused
from patang.sandbox.faults import menu
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture, stepped

USERS = tuple(SandboxUser(user_id=f"FT{number:04}") for number in range(120))
QUICK = Timeouts(connect=2, read=0.25, total=3)

server = sandbox_fixture(scope="module", users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user.user_id for user in USERS)


class Desk:
    """One user's client, the faults that befall it, and the truth about it."""

    def __init__(self, server, user: str, kite: Kite, control: AsyncControl) -> None:
        self.server, self.user, self.kite, self.control = server, user, kite, control
        self.headers = {"Authorization": f"token {server.api_key}:{server.access_token(user)}"}

    async def order(self, kind: str, **fields) -> menu.Fault:
        """Put a fault in force for this user alone."""
        fault = {"kind": kind, **fields}
        if kind not in ("cut_exchange", "skew_clock"):
            fault["users"] = [self.user]
        (planned,) = await self.control.order_faults(fault)
        return planned

    async def place(self, **more) -> str:
        order = {"quantity": 1, "price": 1400, "product": "MIS", "order_type": "LIMIT"} | more
        return await self.kite.place_order("regular", "NSE", "INFY", "BUY", **order)

    async def truth(self) -> dict:
        return (await self.control.truth())["users"][self.user]

    async def frames(self) -> list[dict]:
        return [
            json.loads(one["payload"])["data"]
            for one in await self.control.records("frames")
            if one["user_id"] == self.user and one["kind"] == "text"
        ]


@pytest.fixture
async def desk(server, free_users):
    user = next(free_users)
    token = server.access_token(user)
    async with (
        Kite(server.api_key, token, server.root, timeouts=QUICK) as kite,
        AsyncControl(server.control) as control,
    ):
        yield Desk(server, user, kite, control)
        await control.clear_faults()


@asynccontextmanager
async def socket(desk: Desk):
    url = (
        f"{desk.server.ws}/?api_key={desk.server.api_key}"
        f"&access_token={desk.server.access_token(desk.user)}"
    )
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        yield ws


async def updates(ws, count: int) -> list[tuple[str, int]]:
    """The next order updates of a socket as (status, filled quantity)."""
    got = []
    async with asyncio.timeout(5):
        while len(got) < count:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                row = json.loads(message.data)["data"]
                got.append((row["status"], row["order_id"]))
    return got


# --- requests and answers that are lost ---------------------------------------------------------


@pytest.mark.parametrize("ending", ["hang", "close", "reset"])
async def test_a_dropped_request_is_no_order_but_was_sent(desk, ending):
    await desk.order("drop_request", ending=ending, count=1)
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place(tag="lost")
    truth = await desk.truth()
    assert truth["orders"] == []
    (request,) = truth["requests"]
    assert (request["tag"], request["faults"], request["carried_out"], request["status"]) == (
        "lost",
        ["drop_request"],
        0,
        None,
    )


@pytest.mark.parametrize("ending", ["hang", "close", "reset"])
async def test_accept_then_time_out_leaves_exactly_one_order(desk, ending):
    await desk.order("lose_reply", ending=ending, nth=[1])
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place(tag="taken")
    truth = await desk.truth()
    assert [order["tag"] for order in truth["orders"]] == ["taken"]
    (request,) = truth["requests"]
    assert request["order_id"] == truth["orders"][0]["order_id"]
    assert (request["carried_out"], request["status"]) == (1, None)
    await desk.place(tag="next")  # only the first was to be befallen
    assert [order["tag"] for order in (await desk.truth())["orders"]] == ["taken", "next"]


async def test_a_request_twice_is_two_orders_and_one_answer(desk):
    await desk.order("duplicate_request", count=1)
    order_id = await desk.place(tag="twice")
    truth = await desk.truth()
    assert [order["tag"] for order in truth["orders"]] == ["twice", "twice"]
    assert truth["orders"][1]["order_id"] == order_id
    (request,) = truth["requests"]
    assert request["carried_out"] == 2


async def test_an_answer_twice_is_one_order_and_spoils_no_other_connection(desk):
    await desk.order("duplicate_reply", count=1)
    order_id = await desk.place()
    assert [order["order_id"] for order in (await desk.truth())["orders"]] == [order_id]
    token = desk.server.access_token(desk.user)
    async with Kite(desk.server.api_key, token, desk.server.root) as other:
        assert [row.order_id for row in await other.orders()] == [order_id]


async def test_the_second_answer_is_on_the_wire(desk):
    await desk.order("duplicate_reply", routes=["profile"])
    host, _, port = desk.server.root.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /user/profile HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: {desk.headers['Authorization']}\r\n\r\n".encode()
    )
    said = b""
    async with asyncio.timeout(2):
        while said.count(desk.user.encode() + b"@") + said.count(b"user_shortname") < 2:
            said += await reader.read(4096)
    writer.close()
    assert said.count(b"HTTP/1.1 200") == 2


# --- delays -------------------------------------------------------------------------------------


async def test_a_late_request_arrives_after_its_client_has_given_up(desk):
    await desk.order("delay_request", seconds=0.5, count=1)
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place(tag="late")
    assert (await desk.truth())["orders"] == []
    async with asyncio.timeout(5):
        while not (orders := (await desk.truth())["orders"]):  # noqa: ASYNC110 - the server's event
            await asyncio.sleep(0.05)
    assert [order["tag"] for order in orders] == ["late"]


async def test_a_late_answer_is_of_an_order_that_stands_already(desk):
    await desk.order("delay_reply", seconds=0.1, count=1)
    began = time.monotonic()
    order_id = await desk.place()
    assert time.monotonic() - began >= 0.1
    assert [order["order_id"] for order in (await desk.truth())["orders"]] == [order_id]


async def test_a_delay_in_market_time_ends_at_its_own_moment_of_a_long_step(desk):
    await desk.order("delay_request", seconds=30, clock="virtual", count=1)
    begun_ns = (await desk.control.clock()).now_ns
    async with Kite(
        desk.server.api_key, desk.server.access_token(desk.user), desk.server.root
    ) as patient:
        desk.kite = patient
        placing = asyncio.create_task(desk.place())
        while not (await desk.truth())["requests"]:  # noqa: ASYNC110 - the server's event
            await asyncio.sleep(0.01)
        await desk.control.advance(60)
        order_id = await placing
    (state, *_) = [
        one for one in await desk.control.records("orders") if one["user_id"] == desk.user
    ]
    assert state["at_ns"] == begun_ns + 30 * NS_PER_SECOND
    assert [order["order_id"] for order in (await desk.truth())["orders"]] == [order_id]


async def test_a_slow_body_arrives_in_pieces(desk):
    await desk.order("slow_reply", routes=["profile"], seconds=0.3)
    async with aiohttp.ClientSession(headers=desk.headers) as session:
        began = time.monotonic()
        async with session.get(f"{desk.server.root}/user/profile") as response:
            assert (await response.json())["data"]["user_id"] == desk.user
        assert time.monotonic() - began >= 0.25


# --- wrong answers ------------------------------------------------------------------------------


async def test_429_is_kites_own_and_no_order(desk):
    await desk.order("error_reply", status=429, count=1)
    with pytest.raises(NetworkException) as caught:
        await desk.place()
    assert (caught.value.status, caught.value.message) == (429, "Too many requests")
    truth = await desk.truth()
    assert truth["orders"] == []
    assert truth["requests"][0]["status"] == 429


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html", "empty"])
@pytest.mark.parametrize("carried_out", [False, True])
async def test_5xx_leaves_the_outcome_unknown_whatever_became_of_the_order(
    desk, status, body, carried_out
):
    await desk.order("error_reply", status=status, body=body, carried_out=carried_out, count=1)
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place()
    assert len((await desk.truth())["orders"]) == carried_out


async def test_an_html_page_is_html_on_the_wire(desk):
    await desk.order("error_reply", status=502, body="html", routes=["orders"])
    async with (
        aiohttp.ClientSession(headers=desk.headers) as session,
        session.get(f"{desk.server.root}/orders") as response,
    ):
        assert (response.status, response.content_type) == (502, "text/html")
        assert "<h1>502 Bad Gateway</h1>" in await response.text()


async def test_html_with_200_is_no_answer(desk):
    await desk.order("error_reply", status=200, body="html", routes=["reads"], count=1)
    with pytest.raises(DataException):
        await desk.kite.orders()


async def test_the_timed_out_text_comes_with_a_live_order(desk):
    await desk.order("timed_out_reply", count=1)
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place()
    truth = await desk.truth()
    assert len(truth["orders"]) == 1
    assert truth["requests"][0]["status"] == 400


async def test_broken_json_is_a_whole_answer_and_a_live_order(desk):
    await desk.order("truncate_reply", keep=0.5, count=1)
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place()
    assert len((await desk.truth())["orders"]) == 1


async def test_an_answer_that_breaks_off_is_lost_and_a_read_is_repeated(desk):
    await desk.order("truncate_reply", keep=0.5, framing="cut", routes=["orders"], count=2)
    async with (
        aiohttp.ClientSession(headers=desk.headers) as session,
        session.get(f"{desk.server.root}/orders") as response,
    ):
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert await desk.kite.orders() == []
    reads = [
        one["faults"]
        for one in await desk.control.records("requests")
        if one["user_id"] == desk.user
    ]
    assert reads == [["truncate_reply"], ["truncate_reply"], []]


async def test_an_ip_is_refused_for_orders_only(desk):
    await desk.order("refuse_ip", address="203.0.113.9")
    with pytest.raises(PermissionException, match=r"IP \(203.0.113.9\) is not allowed"):
        await desk.place()
    assert await desk.kite.orders() == []
    assert (await desk.truth())["orders"] == []


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
async def test_tokens_die_around_an_order(desk, when, orders):
    await desk.order("flush_tokens", when=when, count=1)
    if when == "before":
        with pytest.raises(TokenException):
            await desk.place()
    else:
        await desk.place()
    with pytest.raises(TokenException):
        await desk.kite.profile()
    truth = await desk.truth()
    assert len(truth["orders"]) == orders
    assert truth["requests"][0]["status"] == (200 if orders else 403)


async def test_tokens_die_at_a_moment(desk):
    await desk.order("flush_tokens_at", at_s=10)
    await desk.control.advance(9.9)
    await desk.kite.profile()
    await desk.control.advance(0.1)
    with pytest.raises(TokenException):
        await desk.kite.profile()


async def test_the_control_port_flushes_tokens_and_switches_the_limits(desk):
    await desk.control.set_rate_limits(True)
    async with aiohttp.ClientSession(headers=desk.headers) as session:
        statuses = []
        for _ in range(12):
            async with session.get(f"{desk.server.root}/user/profile") as response:
                statuses.append(response.status)
    assert statuses == [200] * 10 + [429] * 2
    await desk.control.set_rate_limits(False)
    assert await desk.control.flush_tokens([desk.user]) == 1
    with pytest.raises(TokenException):
        await desk.kite.profile()


# --- rejects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [n for n, r in menu.REASONS.items() if hasattr(r, "status")])
async def test_a_refusal_leaves_no_row(desk, reason):
    await desk.order("reject_order", reason=reason, count=1)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each reason has its own type
        await desk.place()
    told = caught.value
    truth = await desk.truth()
    assert truth["orders"] == []
    assert truth["requests"][0]["status"] == menu.REASONS[reason].status
    assert truth["requests"][0]["message"] == menu.REASONS[reason].message
    assert truth["requests"][0]["message"] in str(told) or isinstance(told, OrderOutcomeUnknown)
    await desk.place()
    assert len((await desk.truth())["orders"]) == 1


@pytest.mark.parametrize("reason", [n for n, r in menu.REASONS.items() if not hasattr(r, "status")])
async def test_a_rejection_is_an_order_row(desk, reason):
    await desk.order("reject_order", reason=reason, count=1)
    order_id = await desk.place()
    (row,) = await desk.kite.orders()
    assert (row.order_id, row.status) == (order_id, "REJECTED")
    rejection = menu.REASONS[reason]
    assert (row.status_message, row.status_message_raw) == (rejection.message, rejection.raw)
    (truth,) = (await desk.truth())["orders"]
    assert truth["status"] == "REJECTED"


async def test_a_rejection_in_words_of_ones_own(desk):
    await desk.order("reject_order", message="Not today.", stage="exchange", raw="16000 : no")
    await desk.place()
    (row,) = await desk.kite.orders()
    assert (row.status, row.status_message_raw) == ("REJECTED", "16000 : no")


async def test_a_refusal_that_met_no_placement_is_gone(desk):
    await desk.order("reject_order", reason="margin", count=1)
    async with (
        aiohttp.ClientSession(headers=desk.headers) as session,
        session.post(f"{desk.server.root}/orders/regular", data={"quantity": 1}) as response,
    ):
        assert (await response.json())["error_type"] == "InputException"
    await desk.place()
    assert len((await desk.truth())["orders"]) == 1


# --- the exchange -------------------------------------------------------------------------------


async def test_a_cut_line_keeps_orders_pending_until_it_is_mended(desk):
    await desk.order("cut_exchange", at_s=5, for_s=20)
    before = await desk.place()
    await desk.control.advance(6)
    pending = await desk.place()
    assert await desk.kite.cancel_order("regular", before) == before
    statuses = {row.order_id: row.status for row in await desk.kite.orders()}
    assert statuses == {before: "CANCEL PENDING", pending: "OPEN PENDING"}
    await desk.control.advance(18)
    assert (await desk.truth())["orders"][1]["status"] == "OPEN PENDING"
    await desk.control.advance(2)
    statuses = {row.order_id: row.status for row in await desk.kite.orders()}
    assert statuses == {before: "CANCELLED", pending: "OPEN"}


async def test_taking_a_cut_back_mends_the_line(desk):
    planned = await desk.order("cut_exchange")
    order_id = await desk.place()
    assert (await desk.truth())["orders"][0]["status"] == "OPEN PENDING"
    await desk.control.take_back_fault(planned.id)
    assert [(row.order_id, row.status) for row in await desk.kite.orders()] == [(order_id, "OPEN")]


async def test_the_date_of_answers_goes_wrong_and_right_again(desk):
    await desk.order("skew_clock", seconds=-7, for_s=10)

    async def shown() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{desk.server.root}/clock") as response,
        ):
            stamp = int(parsedate_to_datetime(response.headers["Date"]).timestamp())
            return stamp - (await response.json())["now_ns"] // NS_PER_SECOND

    assert await shown() == -7
    await desk.control.advance(10)
    assert await shown() == 0


# --- order updates ------------------------------------------------------------------------------


async def test_a_missing_update_is_missing_on_the_socket_alone(desk):
    async with socket(desk) as ws:
        await desk.order("drop_update", statuses=["CANCELLED"], nth=[1])
        for _ in range(2):
            await desk.kite.cancel_order("regular", await desk.place())
        first, second = (order["order_id"] for order in (await desk.truth())["orders"])
        assert await updates(ws, 1) == [("CANCELLED", second)]
    assert [row.status for row in await desk.kite.orders()] == ["CANCELLED", "CANCELLED"]
    assert first != second


async def test_a_doubled_update_comes_twice(desk):
    async with socket(desk) as ws:
        await desk.order("duplicate_update")
        order_id = await desk.place()
        await desk.kite.cancel_order("regular", order_id)
        assert await updates(ws, 2) == [("CANCELLED", order_id)] * 2
    assert [row["status"] for row in await desk.frames()] == ["CANCELLED", "CANCELLED"]


async def test_a_held_update_changes_places_with_the_next(desk):
    async with socket(desk) as ws:
        await desk.order("hold_update", nth=[1])
        ids = [await desk.place() for _ in range(2)]
        for order_id in ids:
            await desk.kite.cancel_order("regular", order_id)
        assert await updates(ws, 2) == [("CANCELLED", ids[1]), ("CANCELLED", ids[0])]


async def test_a_held_update_is_let_go_when_the_fault_is_taken_back(desk):
    async with socket(desk) as ws:
        planned = await desk.order("hold_update")
        order_id = await desk.place()
        await desk.kite.cancel_order("regular", order_id)
        await desk.control.take_back_fault(planned.id)
        assert await updates(ws, 1) == [("CANCELLED", order_id)]


# --- sockets ------------------------------------------------------------------------------------


async def test_a_mute_socket_beats_but_tells_nothing(desk):
    async with socket(desk) as ws:
        await desk.order("mute_sockets", for_s=10)
        await desk.kite.cancel_order("regular", await desk.place())
        async with asyncio.timeout(3):
            message = await ws.receive()
        assert (message.type, len(message.data)) == (aiohttp.WSMsgType.BINARY, 1)
        await desk.control.advance(10)
        order_id = await desk.place()
        await desk.kite.cancel_order("regular", order_id)
        assert await updates(ws, 1) == [("CANCELLED", order_id)]
    assert len((await desk.truth())["orders"]) == 2


async def test_a_half_open_socket_is_dead_without_a_word(desk):
    async with socket(desk) as ws:
        planned = await desk.order("half_open_sockets")
        await desk.kite.cancel_order("regular", await desk.place())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):  # longer than the heartbeat's second
                await ws.receive()
        assert not ws.closed
        await desk.control.take_back_fault(planned.id)
        order_id = await desk.place()
        await desk.kite.cancel_order("regular", order_id)
        assert await updates(ws, 1) == [("CANCELLED", order_id)]


@pytest.mark.parametrize("reset", [False, True])
async def test_sockets_end_with_a_code_or_without(desk, reset):
    async with socket(desk) as ws:
        await desk.order("close_sockets", code=1011, reset=reset)
        async with asyncio.timeout(3):
            while not ws.closed:
                await ws.receive()
        assert ws.close_code == (1006 if reset else 1011)


async def test_a_handshake_is_refused(desk):
    await desk.order("error_reply", routes=["ticker"], status=503, body="html")
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with socket(desk):
            pass
    assert caught.value.status == 503


async def test_a_handshake_is_lost_or_late(desk, caplog):
    planned = await desk.order("drop_request", routes=["ticker"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), socket(desk):
            pass
    await desk.control.take_back_fault(planned.id)
    await desk.order("delay_request", routes=["ticker"], seconds=0.2)
    began = time.monotonic()
    async with socket(desk):
        assert time.monotonic() - began >= 0.2
    assert caplog.records == []


# --- slices -------------------------------------------------------------------------------------


def near_future(world) -> tuple[str, int, int, float]:
    """Symbol, lot, largest order in whole lots and last price of the first future with a limit."""
    one = next(i for i in world.instruments if i.symbol.endswith("FUT") and i.freeze_quantity)
    largest = one.freeze_quantity // one.lot_size * one.lot_size
    return one.symbol, one.lot_size, largest, float(world.exchange.last_price(one.id))


async def test_some_slices_of_an_order_fail():
    user = SandboxUser(user_id="FS0001", cash=Decimal(10**10))
    with SandboxServer(stepped(users=(user,), universe=250)) as server:
        symbol, lot, size, price = server.call(near_future)
        async with (
            Kite(server.api_key, server.access_token(), server.root) as kite,
            AsyncControl(server.control) as control,
        ):
            desk = Desk(server, user.user_id, kite, control)
            await desk.order("fail_slices", slices=[2, 4], reason="margin")
            ack = await kite.place_autoslice_order(
                "regular", "NFO", symbol, "BUY", size * 3 + lot, "NRML", "LIMIT", price=price
            )
            truth = await desk.truth()
    assert [bool(one.error) for one in ack.children] == [False, True, False, True]
    assert ack.children[1].error.message == menu.REASONS["margin"].message
    assert [row["quantity"] for row in truth["orders"]] == [size, size]


# --- the desk itself ----------------------------------------------------------------------------


async def test_faults_are_told_with_what_they_did(desk):
    planned = await desk.order("lose_reply", nth=[2])
    await desk.place()
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place()
    (told,) = [one for one in await desk.control.faults() if one.id == planned.id]
    assert (told.seen, told.fired, told.fault) == (2, 1, planned.fault)


async def test_bad_faults_are_refused_with_the_field(desk):
    with pytest.raises(ControlRefused, match="no route 'place'") as caught:
        await desk.control.order_faults({"kind": "lose_reply", "routes": ["place"]})
    assert caught.value.status == 400
    with pytest.raises(ControlRefused, match="no user 'ZZ9999'"):
        await desk.control.order_faults({"kind": "lose_reply", "users": ["ZZ9999"]})
    with pytest.raises(ControlRefused, match="no fault 999"):
        await desk.control.take_back_fault(999)
    assert await desk.control.faults() == []


async def test_a_scenario_replaces_what_is_in_force(desk):
    await desk.order("drop_request")
    (planned,) = await desk.control.load_scenario(
        f'[[faults]]\nkind = "error_reply"\nstatus = 503\nusers = ["{desk.user}"]\ncount = 1\n'
    )
    assert planned.fault == menu.ErrorReply(users=(desk.user,), status=503, count=1)
    with pytest.raises(OrderOutcomeUnknown):
        await desk.place()
    await desk.place()
    with pytest.raises(ControlRefused, match=r"line 2, faults\[0\].kind"):
        await desk.control.load_scenario('[[faults]]\nkind = "earthquake"\n')
    assert len(await desk.control.faults()) == 1


async def test_a_delayed_request_whose_answer_hangs_does_not_hold_up_the_clock(desk):
    await desk.order("delay_request", seconds=5, clock="virtual")
    await desk.order("lose_reply")
    placing = asyncio.create_task(desk.place())
    while not (await desk.truth())["requests"]:  # noqa: ASYNC110 - the server's event
        await asyncio.sleep(0.01)
    began = time.monotonic()
    await desk.control.advance(10)
    assert time.monotonic() - began < 2
    with pytest.raises(OrderOutcomeUnknown):
        await placing
    assert len((await desk.truth())["orders"]) == 1


async def test_a_server_ends_while_a_connection_hangs():
    with SandboxServer() as server:
        async with AsyncControl(server.control) as control:
            await control.order_faults({"kind": "drop_request", "routes": ["everything"]})
        kite = Kite(server.api_key, server.access_token(), server.root)
        waiting = asyncio.create_task(kite.profile())
        async with AsyncControl(server.control) as control:
            while not await control.records("requests"):  # noqa: ASYNC110 - the server's event
                await asyncio.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    with pytest.raises((ReplyLost, ConnectFailed, NetworkException)):
        await waiting
    await kite.close()


def test_every_kind_is_proved_here():
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in menu.KINDS if f'desk.order("{kind}"' not in source] == []
