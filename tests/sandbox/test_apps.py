"""Several apps of one world: what each may do, who may log in, and what it is told."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import uvicorn

from patang.kite import Kite, NoMarketData, TokenException
from patang.kite.postback import PostbackApp
from patang.sandbox.apps import AppKind, AppSettings
from patang.sandbox.outgoing import UpdateFate
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, stepped
from patang.wire.checksums import postback_checksum
from patang.wire.refusals import AddressNotAllowed
from patang.wire.rows import Postback

USERS = tuple(SandboxUser(user_id=f"AP{number:04}") for number in range(30))
CONNECT = AppSettings(api_key="connectkey", api_secret="connectsecret")
PERSONAL = AppSettings(api_key="personalkey", api_secret="personalsecret", kind=AppKind.PERSONAL)
ELSEWHERE = AppSettings(
    api_key="elsewherekey", api_secret="elsewheresecret", allowed_ips=("203.0.113.7",)
)
NOWHERE = AppSettings(api_key="nowherekey", api_secret="nowheresecret", allowed_ips=())
HERE = AppSettings(api_key="herekey", api_secret="heresecret", allowed_ips=("127.0.0.1",))
PLATFORM = AppSettings(api_key="platformkey", api_secret="platformsecret", has_refresh_tokens=True)
OWN = AppSettings(
    api_key="ownkey",
    api_secret="ownsecret",
    redirect_url="http://127.0.0.1:9/back?app=own",
    user_ids=("AP0000", "AP0001"),
)
APPS = (CONNECT, PERSONAL, ELSEWHERE, NOWHERE, HERE, PLATFORM, OWN)


@pytest.fixture(scope="module")
def exchange():
    with SandboxServer(stepped(users=USERS, apps=APPS)) as server:
        yield server


@pytest.fixture(scope="module")
def free_users():
    return iter([user.user_id for user in USERS[2:]])


@pytest.fixture
def user(free_users) -> str:
    return next(free_users)


async def redirect_of(exchange: SandboxServer, **query: str) -> tuple[int, str, str]:
    """Status, address and text that the login page answers with."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{exchange.root}/connect/login", params=query, allow_redirects=False) as reply,
    ):
        return reply.status, reply.headers.get("location", ""), await reply.text()


async def request_token(exchange: SandboxServer, app: AppSettings, user_id: str) -> str:
    _, location, _ = await redirect_of(exchange, api_key=app.api_key, user_id=user_id, v="3")
    return parse_qs(urlsplit(location).query)["request_token"][0]


async def logged_in(exchange: SandboxServer, app: AppSettings, user_id: str) -> Kite:
    kite = Kite(app.api_key, root=exchange.root)
    await kite.generate_session(await request_token(exchange, app, user_id), app.api_secret)
    return kite


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


# --- kinds --------------------------------------------------------------------------------------


async def test_two_apps_of_a_user_see_one_account_with_a_session_each(exchange, user):
    async with (
        await logged_in(exchange, CONNECT, user) as first,
        await logged_in(exchange, HERE, user) as second,
    ):
        order_id = await buy(first)
        assert [row.order_id for row in await second.orders()] == [order_id]
        await first.invalidate_access_token()
        assert (await second.profile()).user_id == user


async def test_a_secret_of_another_app_opens_nothing(exchange, user):
    token = await request_token(exchange, CONNECT, user)
    async with Kite(CONNECT.api_key, root=exchange.root) as kite:
        with pytest.raises(TokenException, match="checksum"):
            await kite.generate_session(token, HERE.api_secret)
    async with Kite(HERE.api_key, root=exchange.root) as kite:
        with pytest.raises(TokenException):
            await kite.generate_session(token, HERE.api_secret)


async def test_a_personal_app_trades_and_has_no_market_data(exchange, user):
    async with await logged_in(exchange, PERSONAL, user) as kite:
        order_id = await buy(kite)
        assert (await kite.orders())[0].order_id == order_id
        assert await kite.get_gtts() == []
        assert (await kite.margins()).equity.net > 0
        for call in (
            lambda: kite.ltp("NSE:INFY"),
            lambda: kite.historical_data(408065, "2026-11-17", "2026-11-18", "day"),
        ):
            with pytest.raises(NoMarketData, match="Insufficient permission") as refused:
                await call()
            assert refused.value.status == 403
        token = exchange.call(
            lambda world: world.sessions.open(world.apps[1], user, world.now_ns).access_token
        )
    url = f"{exchange.ws}?api_key={PERSONAL.api_key}&access_token={token}"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as failure:
            await session.ws_connect(url)
    assert failure.value.status == 403


@pytest.mark.parametrize(
    ("app", "text"),
    [(ELSEWHERE, r"IP \(127\.0\.0\.1\) is not allowed"), (NOWHERE, "No IPs configured")],
)
async def test_orders_are_taken_from_registered_addresses_alone(exchange, user, app, text):
    async with (
        await logged_in(exchange, app, user) as kite,
        await logged_in(exchange, HERE, user) as other,
    ):
        order_id = await buy(other)
        for call in (
            lambda: buy(kite),
            lambda: kite.modify_order("regular", order_id, quantity=5),
            lambda: kite.cancel_order("regular", order_id),
        ):
            with pytest.raises(AddressNotAllowed, match=text) as refused:
                await call()
            assert refused.value.status == 403
        assert [row.status for row in await kite.orders()] == ["OPEN"]
        leg = {"transaction_type": "BUY", "quantity": 1, "product": "CNC", "price": 1400}
        ack = await kite.place_gtt(
            "single", "INFY", "NSE", [1400], 1541, [leg | {"order_type": "LIMIT"}]
        )
        assert ack.trigger_id > 0


# --- login --------------------------------------------------------------------------------------


async def test_an_app_can_be_for_some_users_only(exchange):
    async with await logged_in(exchange, OWN, "AP0001") as kite:
        assert (await kite.profile()).user_id == "AP0001"
    status, location, text = await redirect_of(exchange, api_key="ownkey", user_id="AP0002")
    assert (status, location) == (403, "")
    body = json.loads(text)
    assert body["error_type"] == "PermissionException"
    assert body["message"] == "The user is not enabled for the app."


async def test_the_redirect_goes_to_the_app_with_the_parameters_it_asked_for(exchange):
    status, location, _ = await redirect_of(
        exchange, api_key="ownkey", v="3", redirect_params="state=a%26b&n=1"
    )
    query = parse_qs(urlsplit(location).query)
    assert status == 302
    assert location.startswith("http://127.0.0.1:9/back?app=own&request_token=")
    assert {name: query[name] for name in ("action", "type", "status", "state", "n")} == {
        "action": ["login"],
        "type": ["login"],
        "status": ["success"],
        "state": ["a&b"],
        "n": ["1"],
    }


async def test_a_login_that_is_cancelled_comes_back_without_a_token(exchange):
    status, location, _ = await redirect_of(
        exchange, api_key="ownkey", cancel="true", redirect_params="state=x"
    )
    query = parse_qs(urlsplit(location).query)
    assert status == 302
    assert query["status"] == ["cancelled"]
    assert query["state"] == ["x"]
    assert "request_token" not in query


async def test_a_person_can_choose_who_logs_in(exchange):
    status, _, page = await redirect_of(
        exchange, api_key="ownkey", choose="1", redirect_params="state=<b>"
    )
    assert status == 200
    assert [one for one in ("AP0000", "AP0001", "AP0002") if one in page] == ["AP0000", "AP0001"]
    assert "<b>" not in page
    address = page.split('href="')[2].split('"')[0].replace("&amp;", "&")
    async with (
        aiohttp.ClientSession() as session,
        session.get(exchange.root + address, allow_redirects=False) as reply,
    ):
        query = parse_qs(urlsplit(reply.headers["location"]).query)
    assert reply.status == 302
    assert query["state"] == ["<b>"]
    async with Kite(OWN.api_key, root=exchange.root) as kite:
        session = await kite.generate_session(query["request_token"][0], OWN.api_secret)
    assert session.user_id == "AP0001"


@pytest.mark.parametrize(
    ("query", "status"),
    [({}, 400), ({"api_key": "nobody"}, 403), ({"api_key": "ownkey", "user_id": "XX"}, 400)],
)
async def test_a_login_that_cannot_be_is_refused(exchange, query, status):
    code, location, text = await redirect_of(exchange, **query)
    assert (code, location) == (status, "")
    assert json.loads(text)["status"] == "error"


async def test_a_platforms_session_is_renewed_and_its_renewal_ended(exchange, user):
    async with Kite(PLATFORM.api_key, root=exchange.root) as kite:
        token = await request_token(exchange, PLATFORM, user)
        session = await kite.generate_session(token, PLATFORM.api_secret)
        assert len(session.refresh_token) == 32

        renewed = await kite.renew_access_token(session.refresh_token, PLATFORM.api_secret)
        assert renewed.user_id == user
        assert renewed.access_token != session.access_token
        assert (await kite.profile()).user_id == user
        kite.set_access_token(session.access_token)
        with pytest.raises(TokenException):
            await kite.profile()

        with pytest.raises(TokenException, match="checksum"):
            await kite.renew_access_token(session.refresh_token, "another")
        assert await kite.invalidate_refresh_token(session.refresh_token)
        for _ in range(2):
            with pytest.raises(TokenException, match="invalid or has expired"):
                await kite.renew_access_token(session.refresh_token, PLATFORM.api_secret)
        with pytest.raises(TokenException):
            await kite.invalidate_refresh_token(session.refresh_token)


async def test_an_ordinary_app_has_nothing_to_renew(exchange, user):
    async with Kite(CONNECT.api_key, root=exchange.root) as kite:
        token = await request_token(exchange, CONNECT, user)
        assert (await kite.generate_session(token, CONNECT.api_secret)).refresh_token == ""
        with pytest.raises(TokenException, match="invalid or has expired"):
            await kite.renew_access_token("made-up", CONNECT.api_secret)


# --- postbacks ----------------------------------------------------------------------------------


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[PostbackApp, str]]:
    """A server of the app's own, and its address."""
    app = PostbackApp("postsecret")
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield app, f"http://127.0.0.1:{port}/postback"
    await server.shutdown()


async def next_of(updates: PostbackApp) -> Postback:
    async with asyncio.timeout(10):
        return (await anext(updates)).order


async def test_an_app_hears_of_its_own_orders_alone(receiver):
    updates, url = receiver
    posting = AppSettings(api_key="postkey", api_secret="postsecret", postback_url=url)
    users = (SandboxUser(user_id="AP0001"),)
    with SandboxServer(stepped(users=users, apps=(posting, CONNECT))) as exchange:
        async with (
            await logged_in(exchange, posting, "AP0001") as kite,
            await logged_in(exchange, CONNECT, "AP0001") as other,
        ):
            await kite.cancel_order("regular", await buy(other))
            order_id = await buy(kite)
            await other.modify_order("regular", order_id, price=1451.0)
            await kite.cancel_order("regular", order_id)

            first, second = await next_of(updates), await next_of(updates)
            assert [one.order_id for one in (first, second)] == [order_id] * 2
            assert [one.status for one in (first, second)] == ["UPDATE", "CANCELLED"]
            assert (first.app_id, first.user_id, first.price) == (1, "AP0001", 1451)
            assert second.unfilled_quantity == 10
            assert updates.counters.wrong_checksum == 0

            done = await buy(kite, order_type="MARKET", price=None, market_protection=-1)
            complete = await next_of(updates)
            assert (complete.order_id, complete.status) == (done, "COMPLETE")
            sample = os.environ.get("PATANG_KITE_SAMPLES")
            if sample:
                fields = json.loads((Path(sample) / "postback.json").read_bytes())
                assert set(complete.to_dict()) == set(fields)


async def test_an_address_that_fails_is_asked_once_and_holds_nothing_up(receiver):
    updates, url = receiver
    posting = AppSettings(api_key="postkey", api_secret="postsecret", postback_url=url)
    lost = AppSettings(
        api_key="lostkey", api_secret="lostsecret", postback_url="http://127.0.0.1:9/nobody"
    )
    wrong = AppSettings(api_key="wrongkey", api_secret="wrongsecret", postback_url=url)
    users = (SandboxUser(user_id="AP0001"),)
    with SandboxServer(stepped(users=users, apps=(posting, lost, wrong))) as exchange:
        for app in (lost, wrong, posting):
            async with await logged_in(exchange, app, "AP0001") as kite:
                order_id = await buy(kite)
                await kite.cancel_order("regular", order_id)
        assert (await next_of(updates)).order_id == order_id
        # The forger's checksum is refused, and nothing was sent a second time.
        for _ in range(1_000):
            counts = exchange.call(
                lambda world: (world.postbacks.delivered, world.postbacks.failed)
            )
            if sum(counts) == 3:
                break
            await asyncio.sleep(0.01)
    assert counts == (1, 2)
    assert updates.counters.wrong_checksum == 1


async def test_what_is_lost_late_or_doubled_on_the_socket_is_so_in_the_postbacks(receiver):
    updates, url = receiver
    posting = AppSettings(api_key="postkey", api_secret="postsecret", postback_url=url)
    users = (SandboxUser(user_id="AP0001"),)
    fates = iter([UpdateFate.DUPLICATE, UpdateFate.DROP, UpdateFate.HOLD, UpdateFate.PASS])
    with SandboxServer(stepped(users=users, apps=(posting,))) as exchange:
        exchange.call(
            lambda world: setattr(world.ticker.outgoing, "decide", lambda *_: next(fates))
        )
        async with await logged_in(exchange, posting, "AP0001") as kite:
            orders = [await buy(kite, price=price) for price in (1450, 1451, 1452, 1453)]
            for order_id in orders[:1]:
                await kite.cancel_order("regular", order_id)
            told = [(await next_of(updates)).order_id for _ in range(2)]
            assert told == [orders[0]] * 2
            for order_id in orders[1:]:
                await kite.cancel_order("regular", order_id)
            late = [(await next_of(updates)).order_id for _ in range(2)]
            assert late == [orders[3], orders[2]]


async def test_a_socket_hears_of_orders_of_every_app_and_names_the_one_that_placed_it(
    exchange, user
):
    async with (
        await logged_in(exchange, CONNECT, user) as own,
        await logged_in(exchange, HERE, user) as other,
        aiohttp.ClientSession() as session,
    ):
        token = exchange.call(
            lambda world: world.sessions.open(world.apps[0], user, world.now_ns).access_token
        )
        own.set_access_token(token)
        url = f"{exchange.ws}?api_key={CONNECT.api_key}&access_token={token}"
        async with session.ws_connect(url) as socket, asyncio.timeout(10):
            await own.profile()
            order_id = await buy(other)
            await other.cancel_order("regular", order_id)
            frame = await socket.receive()
            while frame.type is not aiohttp.WSMsgType.TEXT:
                frame = await socket.receive()
    update = json.loads(frame.data)
    assert (update["type"], update["data"]["order_id"]) == ("order", order_id)
    assert update["data"]["app_id"] == APPS.index(HERE) + 1
    expected = postback_checksum(order_id, update["data"]["order_timestamp"], HERE.api_secret)
    assert update["data"]["checksum"] == expected
