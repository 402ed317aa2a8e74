"""`patang sandbox` as a process with its options, and what it refuses."""

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from patang.sandbox.control_client import Control
from patang.wire.times import format_ist

USERS = """
[[users]]
user_id = "SC0001"
cash = 500000

[[users.holdings]]
instrument = "NSE:INFY"
quantity = 10
average_price = 1450.5

[[users.orders]]
instrument = "NSE:ITC"
side = "BUY"
quantity = 10
status = "COMPLETE"
at = 09:16:05
price = 400

[[users]]
user_id = "SC0002"
"""

SCENARIO = """
[[faults]]
kind = "error_reply"
status = 503
routes = ["profile"]
users = ["SC0002"]
"""

APPS = """
[[apps]]
api_key = "myownkey00000000"
api_secret = "myownsecret"
"""


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "patang.cli", "sandbox", *options]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[dict]:
    ready = folder / "ready.json"
    process = subprocess.Popen(
        command("--ready-file", str(ready), *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        _, said = process.communicate(timeout=10)
        assert (process.returncode, said) == (0, "")


async def test_all_of_it_at_once(tmp_path):
    for name, text in (("users", USERS), ("scenario", SCENARIO), ("apps", APPS)):
        (tmp_path / f"{name}.toml").write_text(text)
    options = [
        *("--speed", "0", "--seed", "9", "--date", "2026-11-20T09:30", "--world", "trend"),
        *("--users", str(tmp_path / "users.toml"), "--apps", str(tmp_path / "apps.toml")),
        *("--scenario", str(tmp_path / "scenario.toml"), "--no-rate-limits"),
        *("--tls", "--tls-folder", str(tmp_path / "tls")),
    ]
    with running(tmp_path, *options) as ready:
        assert ready["api_key"] == "myownkey00000000"
        assert ready["root"].startswith("https://")
        assert ready["ws"].startswith("wss://")
        assert format_ist(ready["clock"]["now_ns"]) == "2026-11-20 09:30:00"
        control = Control(ready["control"])
        truth = control.truth()["users"]
        assert [row["tradingsymbol"] for row in truth["SC0001"]["holdings"]] == ["INFY"]
        assert [row["status"] for row in truth["SC0001"]["orders"]] == ["COMPLETE"]
        assert truth["SC0001"]["cash"] == 500_000 - 4_000
        trusting = ssl.create_default_context(cafile=ready["certificate"])
        statuses = {}
        async with aiohttp.ClientSession() as session:
            for user in ready["users"]:
                token = f"token {ready['api_key']}:{user['access_token']}"
                async with session.get(
                    f"{ready['root']}/user/profile", headers={"Authorization": token}, ssl=trusting
                ) as response:
                    statuses[user["user_id"]] = response.status
            url = f"{ready['ws']}/?api_key={ready['api_key']}&access_token={user['access_token']}"
            async with session.ws_connect(url, ssl=trusting) as ws:
                assert (await ws.receive(timeout=3)).data == b"\x00"
        assert statuses == {"SC0001": 200, "SC0002": 503}
        assert control.advance(60) == ready["clock"]["now_ns"] + 60 * 10**9


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--world", "storm"], 2, "Use calm, trend, gap, crash or circuit"),
        (["--port", "8765", "--control-port", "8765"], 2, "control_port"),
        (["--scenario", "absent.toml"], 3, "Cannot read absent.toml"),
        (["--control-port", "70000"], 2, "from 0 to 65535"),
    ],
)
def test_what_cannot_be_is_refused_in_two_lines(options, code, told):
    done = subprocess.run(command(*options), capture_output=True, text=True, timeout=30)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_the_help_shows_every_option_and_examples():
    done = subprocess.run(command("--help"), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    shown = " ".join(done.stdout.split())
    for option in (
        "world scenario date universe users apps control-port tls tls-folder fill-model"
        " rate-limits ready-file speed"
    ).split():
        assert f"--{option}" in shown
    assert "patang sandbox --users users.toml --scenario faults.toml" in shown
