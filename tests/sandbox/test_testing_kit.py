"""What users of Patang test their own programs with: the fixture and the form without a port."""

import asyncio
import subprocess
import sys
import threading

import pytest
from kiteconnect import KiteConnect

from patang.domain.errors import InvalidValue, PatangError
from patang.domain.market import NS_PER_SECOND
from patang.kite import FeedFrame, OrderUpdate, TickMode
from patang.sandbox.faults.menu import DelayRequest
from patang.sandbox.faults.scenario import Scenario
from patang.sandbox.testing import (
    SandboxServer,
    sandbox,  # noqa: F401 - pytest finds a fixture by its name
    sandbox_app,
    sandbox_fixture,
    stepped,
)
from patang.wire.errors import TokenException
from patang.wire.times import parse_ist

INFY = 408065
OPENING_NS = parse_ist("2026-11-19 09:20:00")

exchange = sandbox_fixture(scope="module", seed=7, users=stepped().users[:1])


def order(**changes):
    return {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 3,
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": -1,
    } | changes


# --- the server in a thread --------------------------------------------------------------------


def test_the_fixture_serves_the_official_client_and_its_clock_obeys(sandbox):  # noqa: F811
    kite = KiteConnect(sandbox.api_key, sandbox.access_token(), root=sandbox.root)
    order_id = kite.place_order(**order())
    assert kite.orders()[0]["status"] == "COMPLETE"
    placed = kite.orders()[0]["order_timestamp"]
    assert sandbox.now_ns == OPENING_NS

    before = kite.quote("NSE:INFY")["NSE:INFY"]
    assert sandbox.advance(30) == OPENING_NS + 30 * NS_PER_SECOND
    after = kite.quote("NSE:INFY")["NSE:INFY"]
    assert after["volume"] > before["volume"]
    assert (after["timestamp"] - before["timestamp"]).total_seconds() <= 30
    assert kite.order_history(order_id)[0]["order_timestamp"] == placed
    with pytest.raises(InvalidValue, match="forward only"):
        sandbox.advance_to(OPENING_NS)
    assert sandbox.now_ns == OPENING_NS + 30 * NS_PER_SECOND
    told = sandbox.truth()
    assert told["now"] == sandbox.now_ns
    assert [row["order_id"] for row in told["users"]["AB1234"]["orders"]] == [order_id]
    kite.reqsession.close()


def test_a_login_works_as_in_a_browser(sandbox):  # noqa: F811
    kite = KiteConnect(sandbox.api_key, root=sandbox.root)
    session = kite.generate_session(sandbox.request_token("CD5678"), sandbox.api_secret)
    assert session["user_id"] == "CD5678"
    with pytest.raises(InvalidValue, match="NOBODY is not a user here"):
        sandbox.access_token("NOBODY")
    kite.reqsession.close()


def test_a_fixture_of_ones_own_has_its_settings(exchange):
    assert [user.user_id for user in exchange.ready.users] == ["AB1234"]
    assert exchange.settings.seed == 7


def test_a_project_of_its_own_uses_the_fixtures_and_their_scopes(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from patang.sandbox.testing import sandbox, sandbox_fixture\n"
        "exchange = sandbox_fixture(scope='module', seed=7)\n"
    )
    (tmp_path / "test_it.py").write_text(
        "def test_first(exchange, sandbox):\n"
        "    assert exchange.root != sandbox.root\n"
        "    test_first.moved_to = exchange.advance(1)\n"
        "def test_second(exchange):\n"
        "    assert exchange.now_ns == test_first.moved_to\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_world_is_reached_in_the_thread_that_serves_it(exchange):
    thread = exchange.call(lambda world: threading.current_thread().name)
    assert thread == "sandbox" != threading.current_thread().name
    with pytest.raises(ZeroDivisionError):
        exchange.call(lambda world: 1 // 0)


def test_wrong_settings_are_told_before_anything_starts():
    with pytest.raises(InvalidValue, match=r"sped: .*There are .*\bspeed\b"):
        sandbox_fixture(sped=0)
    with pytest.raises(InvalidValue, match="speed"):
        stepped(speed=-1)
    with pytest.raises(PatangError, match="not running"):
        assert SandboxServer().root


def test_a_port_that_is_taken_is_an_error_of_start(exchange):
    port = int(exchange.root.rpartition(":")[2])
    with pytest.raises(PatangError, match=f"Port {port}"):
        SandboxServer(stepped(port=port)).start()


def test_a_stopped_server_leaves_its_port_and_its_thread():
    before = set(threading.enumerate())
    with SandboxServer(stepped()) as server:
        port = int(server.root.rpartition(":")[2])
        assert [one.name for one in set(threading.enumerate()) - before] == ["sandbox"]
    assert set(threading.enumerate()) <= before
    with SandboxServer(stepped(port=port)) as again:
        assert again.root.endswith(str(port))


# --- no port at all ----------------------------------------------------------------------------


async def test_patangs_client_reaches_a_world_in_memory():
    app = sandbox_app()
    async with app.kite() as kite, app.kite("CD5678") as other:
        order_id = await kite.place_order(**order())
        (row,) = await kite.orders()
        assert (row.order_id, row.status, row.filled_quantity) == (order_id, "COMPLETE", 3)
        assert await other.orders() == []
        before = (await kite.ohlc("NSE:INFY"))["NSE:INFY"]
        app.advance(60)
        after = (await kite.ohlc("NSE:INFY"))["NSE:INFY"]
        assert before.ohlc.open == after.ohlc.open
        assert after.ohlc.high >= before.ohlc.high
    assert app.world.now_ns == OPENING_NS + 60 * NS_PER_SECOND
    assert app.truth()["users"]["CD5678"]["orders"] == []


async def test_a_request_that_a_fault_delays_goes_when_its_time_comes():
    late = DelayRequest(routes=("place_order",), seconds=5, clock="virtual")
    app = sandbox_app(stepped(scenario=Scenario(faults=(late,))))
    async with app.kite() as kite, asyncio.timeout(10):
        placing = asyncio.create_task(kite.place_order(**order()))
        while not app.world.records.requests_of("AB1234"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
        await app.step(4)
        assert not placing.done()
        assert await kite.orders() == []
        await app.step(1)
        order_id = await placing
        (row,) = await kite.orders()
        assert (row.order_id, row.order_timestamp) == (order_id, "2026-11-19 09:20:05")


async def test_patangs_feed_hears_a_world_in_memory():
    app = sandbox_app()
    packets, updates = [], []
    async with app.kite() as kite, app.feed() as feed, asyncio.timeout(10):
        await feed.subscribe([INFY], TickMode.FULL)
        order_id = None
        async for event in feed:
            match event:
                case FeedFrame():
                    packets += event.packets
                    if order_id is None:
                        order_id = await kite.place_order(**order())
                case OrderUpdate():
                    updates.append(event.order)
            if len(packets) > 1 and updates:
                break
    assert packets[0].token == INFY
    assert packets[-1].volume == packets[0].volume + 3
    assert (updates[-1].order_id, updates[-1].status) == (order_id, "COMPLETE")


async def test_time_runs_by_itself_while_a_world_in_memory_is_running():
    app = sandbox_app(stepped(speed=600.0))
    async with app.running(), asyncio.timeout(10):
        while app.world.now_ns < OPENING_NS + 30 * NS_PER_SECOND:  # noqa: ASYNC110 - it is a clock
            await asyncio.sleep(0.005)
    stopped_ns = app.world.now_ns
    await asyncio.sleep(0.02)
    assert app.world.now_ns == stopped_ns >= OPENING_NS + 30 * NS_PER_SECOND


async def test_wrong_credentials_are_refused_in_memory_as_over_a_wire():
    app = sandbox_app()
    app.ready = type(app.ready)(
        **{name: getattr(app.ready, name) for name in app.ready.__struct_fields__}
        | {"users": (type(app.ready.users[0])("AB1234", "x" * 32),)}
    )
    async with app.kite() as kite:
        with pytest.raises(TokenException):
            await kite.profile()
    async with app.feed() as feed, asyncio.timeout(10):
        await feed.subscribe([INFY])
        with pytest.raises(TokenException):
            async for _ in feed:
                pass
