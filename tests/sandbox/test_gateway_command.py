"""``patang gateway`` as a process of its own, and what a SIGKILL of it leaves behind."""

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from patang.brokers import protocol as p
from patang.brokers.conformance import Trading
from patang.brokers.gateway_link import GatewayAddress, LinkTimings
from patang.brokers.websocket import WebSocketBroker
from patang.domain.enums import Mode
from patang.domain.instrument import InstrumentId
from patang.domain.messages import OrderAccepted, OrderNotPlaced, OrderRefused
from patang.gateway.config_file import read_client_secret, read_gateway_file
from patang.sandbox.testing import SandboxServer, stepped
from tests.gateway_house import a_client, clock_of, eventually, raw_client

SPEED = 20.0
PATIENT = LinkTimings(first_wait_s=0.02, longest_wait_s=0.2, failures=10_000)


@pytest.fixture
def house(tmp_path) -> Iterator[tuple[SandboxServer, Path]]:
    ready = tmp_path / "ready.json"
    with SandboxServer(stepped(speed=SPEED, ready_file=ready)) as server:
        yield server, tmp_path


async def patang(*arguments: str, folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "patang.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATANG_CONFIG_DIR": str(folder / "config"), "PATH": "/usr/bin:/bin", "HOME": "/"},
    )


async def add_client(folder: Path, *more: str) -> asyncio.subprocess.Process:
    config = str(folder / "gateway.toml")
    made = await patang("gateway", "add-client", *more, "--config", config, folder=folder)
    await made.wait()
    return made


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await patang(
        "gateway",
        "--config",
        str(folder / "gateway.toml"),
        "--sandbox",
        str(folder / "ready.json"),
        "-o",
        "json",
        folder=folder,
    )
    try:
        lines = b""
        async with asyncio.timeout(20):
            while not lines.endswith(b"}\n"):
                line = await process.stdout.readline()
                assert line, (await process.stderr.read()).decode()
                lines += line
        yield process, json.loads(lines)["url"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def set_port(folder: Path, port: int) -> None:
    config = folder / "gateway.toml"
    lines = [x for x in config.read_text().splitlines() if not x.startswith("port")]
    config.write_text("\n".join([f"port = {port}", *lines]) + "\n")


async def test_a_client_is_added_and_served_and_sigterm_ends_it(house):
    _, folder = house
    made = await add_client(folder, "desk", "--permit", "read", "trade")
    assert made.returncode == 0, (await made.stderr.read()).decode()
    secret_file = folder / "desk.secret"
    assert secret_file.stat().st_mode & 0o777 == 0o600
    again = await add_client(folder, "desk")
    assert again.returncode == 3
    set_port(folder, 0)
    async with gateway(folder) as (process, url):
        secret = read_client_secret(secret_file)
        async with raw_client(url, secret=secret) as client:
            answer = await client.ask(p.GetFunds(request_id="f"))
            assert msgspec.json.decode(answer.result) == {"available_cash": 1_000_000}
            denied = await client.ask(p.Subscribe(request_id="s", instruments=("NSE:INFY",)))
            assert denied.code == "FORBIDDEN"
        second = await patang(
            "gateway",
            "--config",
            str(folder / "gateway.toml"),
            "--sandbox",
            str(folder / "ready.json"),
            folder=folder,
        )
        _, complaint = await second.communicate()
        assert second.returncode == 3
        assert b"held by another gateway" in complaint
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no clients"),
        ("hots = 1", "unknown field `hots`"),
        ("host = '0.0.0.0'\n[clients.desk]", "nothing is encrypted"),
        ("[clients.desk]", "desk.secret is not there"),
        ("port = ", "Invalid value"),
        ("[clients.desk]\npermissions = ['fly']", "fly"),
    ],
)
async def test_a_file_that_is_wrong_is_refused_with_its_reason(tmp_path, text, complaint):
    config = tmp_path / "gateway.toml"
    config.write_text(text)
    process = await patang(
        "gateway", "--config", str(config), "--sandbox", "none.json", folder=tmp_path
    )
    _, told = await process.communicate()
    assert process.returncode == 3
    assert complaint in told.decode()


async def test_the_example_of_the_documentation_is_read(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "protocol.md"
    example = page.read_text().partition("```toml\n")[2].partition("```")[0]
    lines = [x for x in example.splitlines() if "certificate" not in x and "private_key" not in x]
    (tmp_path / "gateway.toml").write_text("\n".join(lines).replace("0.0.0.0", "127.0.0.1"))
    for name in ("desk", "watcher"):
        (tmp_path / f"{name}.secret").write_text("k" * 64)
        (tmp_path / f"{name}.secret").chmod(0o600)
    found = read_gateway_file(tmp_path / "gateway.toml")
    assert set(found.clients) == {"desk", "watcher"}
    assert found.clients["desk"][0] != a_client("desk")


async def test_orders_survive_sigkills_of_the_gateway(house):
    """Ten SIGKILLs at random moments; every intent has one known end, and one order or none."""
    sandbox, folder = house
    await add_client(folder, "desk", "--permit", "read", "trade", "--scope", "account")
    dice = random.Random(7)
    set_port(folder, 0)
    async with gateway(folder) as (process, url):
        port = int(url.rpartition(":")[2].partition("/")[0])
        process.kill()
    set_port(folder, port)
    address = GatewayAddress(
        url=f"ws://127.0.0.1:{port}/v1",
        client_id="desk",
        secret=read_client_secret(folder / "desk.secret"),
    )
    async with (
        WebSocketBroker(
            address, mode=Mode.SANDBOX, clock=clock_of(sandbox), timings=PATIENT
        ) as broker,
        Trading(
            broker,
            instrument=InstrumentId("NSE:INFY"),
            buy_at=Decimal(1600),
            rest_at=Decimal(1400),
            run="kill",
            patience_s=40,
        ) as trading,
    ):
        intents = []
        for _ in range(10):
            async with gateway(folder) as (process, _):
                await asyncio.wait_for(broker.connected(), 10)
                for _ in range(5):
                    intents.append(await trading.submit(trading.intent(is_resting=True)))
                    await asyncio.sleep(dice.random() * 0.01)
                await asyncio.sleep(dice.random() * 0.05)
                process.kill()
        async with gateway(folder):
            await asyncio.wait_for(broker.connected(), 10)

            def ends() -> set[str]:
                told = [
                    *trading.of(OrderAccepted),
                    *trading.of(OrderRefused),
                    *trading.of(OrderNotPlaced),
                ]
                return {event.intent_id for event in told}

            await eventually(lambda: len(ends()) == len(intents), 40)
            snapshot = await broker.snapshot()
    accepted = {x.intent_id: x.order_id for x in trading.of(OrderAccepted)}
    (user_id,) = [user.user_id for user in sandbox.ready.users][:1]
    truth = {row["order_id"]: row["tag"] for row in sandbox.truth()["users"][user_id]["orders"]}
    assert len(set(truth.values())) == len(truth)
    assert set(accepted.values()) == set(truth)
    assert {x.order_id for x in snapshot.orders} == set(truth)
    assert len(accepted) > 10
