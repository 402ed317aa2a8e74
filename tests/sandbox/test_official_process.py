"""The sandbox as a process: its start, its end, and the socket's manners the clients rely on."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time

import aiohttp
import pytest
import requests

from patang.sandbox.ticker import FRAME_INTERVAL_S, HEARTBEAT_S
from patang.wire.ticks import PacketKind, decode_frame

INFY = 408065
NIFTY = 256265


def socket_url(sandbox, user_id: str = "AB1234", path: str = "/") -> str:
    token = sandbox.access_token(user_id)
    return f"{sandbox.ready['ws']}{path}?access_token={token}&uid=1&api_key={sandbox.api_key}"


@pytest.fixture(scope="module")
def fast(start_sandbox):
    """The default world at sixty times real speed."""
    return start_sandbox(speed=60)


def test_the_ready_file_tells_all_and_only_to_its_owner(fast):
    assert stat.S_IMODE(os.stat(fast.ready_path).st_mode) == 0o600
    assert set(fast.ready) == {
        "root", "control", "ws", "api_key", "api_secret", "login_url", "users", "clock",
        "apps", "certificate",
    }  # fmt: skip
    assert [user["user_id"] for user in fast.ready["users"]] == ["AB1234", "CD5678"]
    assert fast.ready["clock"]["speed"] == 60


def test_credentials_repeat_with_the_seed(fast, start_sandbox):
    again = start_sandbox(seed=fast.settings.get("seed", 1)).ready
    for name in ("api_key", "api_secret", "users"):
        assert again[name] == fast.ready[name]


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_cleanly_on_a_signal_with_clients_connected(start_sandbox, name):
    sandbox = start_sandbox()
    async with aiohttp.ClientSession() as session, session.ws_connect(socket_url(sandbox)) as ws:
        await ws.send_str(json.dumps({"a": "subscribe", "v": [INFY]}))
        await ws.receive()
        sandbox.process.send_signal(name)
        closing = await asyncio.wait_for(_until_closed(ws), 5)
        assert closing == 1001
    code, output, errors = await asyncio.to_thread(sandbox.stop)
    assert (code, output, errors) == (0, "", "")
    assert not sandbox.ready_path.exists()


async def _until_closed(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in ws:
        pass
    return ws.close_code


def test_a_taken_port_is_one_clear_error(fast):
    port = int(fast.root.rpartition(":")[2])
    program = (
        "import asyncio\n"
        "from patang.domain.errors import PatangError\n"
        "from patang.sandbox.server import serve\n"
        "from patang.sandbox.settings import SandboxSettings\n"
        "try:\n"
        f"    asyncio.run(serve(SandboxSettings(port={port})))\n"
        "except PatangError as error:\n"
        "    print(type(error).__name__, error.cause, error.remedy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.startswith(f"PortUnavailable Port {port} of 127.0.0.1 is already in use.")
    assert "--port" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "query", ["", "?api_key=a&access_token=b", "?api_key=&access_token=", "?access_token=x"]
)
async def test_a_handshake_without_valid_credentials_gets_403_and_json(fast, query):
    reply = await asyncio.to_thread(
        requests.get,
        f"{fast.root}/{query}",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
        timeout=5,
    )
    assert reply.status_code == 403
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"status": "error", "message": "Authentication failed."}


@pytest.mark.parametrize("path", ["", "/", "/ws", "/any/path"])
async def test_the_ticker_listens_at_any_path(fast, path):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(socket_url(fast, path=path)) as ws,
    ):
        await ws.send_str(json.dumps({"a": "subscribe", "v": [INFY]}))
        message = await ws.receive(timeout=5)
        assert decode_frame(message.data).packets[0].token == INFY


async def test_silence_is_filled_with_a_heartbeat_each_second_and_nothing_else(fast):
    started = time.monotonic()
    async with (
        aiohttp.ClientSession() as session,
        # Pings and pongs show up as messages of their own.
        session.ws_connect(socket_url(fast), autoping=False, compress=15) as ws,
    ):
        messages = [await ws.receive(timeout=5) for _ in range(2)]
        # No sooner: how much later they may come is the receiver's patience above.
        assert time.monotonic() - started >= 2 * HEARTBEAT_S
        assert {message.data for message in messages} == {b"\x00"}
        await ws.ping(b"are you there")
        pong = await ws.receive(timeout=5)
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"are you there")
        assert not ws.compress


async def test_frames_come_at_a_bounded_rate_with_a_token_at_most_once(fast):
    tokens = [INFY, NIFTY, 738561, 779521]
    started = time.monotonic()
    async with aiohttp.ClientSession() as session, session.ws_connect(socket_url(fast)) as ws:
        await ws.send_str(json.dumps({"a": "subscribe", "v": tokens}))
        await ws.send_str(json.dumps({"a": "mode", "v": ["full", tokens]}))
        seen: set[int] = set()
        for _ in range(20):
            packets = decode_frame((await ws.receive(timeout=5)).data).packets
            assert len({packet.token for packet in packets}) == len(packets)
            seen |= {packet.token for packet in packets}
        assert seen == set(tokens)
        assert time.monotonic() - started >= 19 * FRAME_INTERVAL_S


async def test_modes_switch_and_tokens_leave(fast):
    async with aiohttp.ClientSession() as session, session.ws_connect(socket_url(fast)) as ws:
        # A mode alone subscribes too.
        await ws.send_str(json.dumps({"a": "mode", "v": ["full", [INFY]]}))
        packet = decode_frame((await ws.receive(timeout=5)).data).packets[0]
        assert packet.kind is PacketKind.FULL
        await ws.send_str(json.dumps({"a": "unsubscribe", "v": [INFY]}))
        await ws.send_str(json.dumps({"a": "subscribe", "v": [NIFTY]}))
        packets: set[int] = set()
        while NIFTY not in packets:
            packets = {p.token for p in decode_frame((await ws.receive(timeout=5)).data).packets}
        for _ in range(3):
            frame = decode_frame((await ws.receive(timeout=5)).data)
            assert {packet.token for packet in frame.packets} <= {NIFTY}


async def test_too_many_tokens_and_nonsense_are_answered_in_text(fast):
    async with aiohttp.ClientSession() as session, session.ws_connect(socket_url(fast)) as ws:
        await ws.send_str(json.dumps({"a": "subscribe", "v": [n << 8 | 1 for n in range(3001)]}))
        error = await _next_text(ws)
        assert error["type"] == "error"
        assert "3000" in error["data"]
        await ws.send_str("nonsense")
        error = await _next_text(ws)
        assert error["type"] == "error"
        assert isinstance(error["data"], str)


async def _next_text(ws: aiohttp.ClientWebSocketResponse) -> dict:
    while True:
        message = await ws.receive(timeout=5)
        if message.type is aiohttp.WSMsgType.TEXT:
            return json.loads(message.data)


def test_a_speed_beyond_the_machine_lets_the_clock_lag_instead_of_stalling(start_sandbox):
    sandbox = start_sandbox(speed=1_000_000)
    for _ in range(3):
        # A market that ran after this clock would compute for hours before it answered.
        assert requests.get(f"{sandbox.root}/clock", timeout=5).status_code == 200
    _code, output, errors = sandbox.stop()
    assert errors.count("clock_falls_back") == 1
    assert output == ""
