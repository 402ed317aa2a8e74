"""https and wss, for clients that speak nothing else."""

import json
import ssl
import subprocess

import aiohttp
import pytest
from kiteconnect import KiteConnect

from patang.sandbox.testing import SandboxServer, stepped
from patang.wire.ticks import decode_frame
from tests.node_process import FOLDER, node

INFY = 408065
TRUST = """
import { KiteConnect } from "kiteconnect";
const [api_key, access_token, root] = process.argv.slice(2);
const kite = new KiteConnect({ api_key, access_token, root });
console.log(JSON.stringify(await kite.getProfile()));
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with SandboxServer(stepped(tls_folder=tmp_path_factory.mktemp("tls"))) as server:
        yield server


def test_the_official_client_trusts_the_certificate_of_the_ready_file(server):
    assert server.root.startswith("https://")
    kite = KiteConnect(server.api_key, server.access_token(), root=server.root)
    # The client asks for the certificates of its bundle at each call.
    kite.reqsession.request = _trusting(kite.reqsession.request, server.ready.certificate)
    assert kite.profile()["user_id"] == "AB1234"
    session = kite.generate_session(server.request_token(), server.api_secret)
    assert session["user_id"] == "AB1234"
    kite.reqsession.close()


def _trusting(request, certificate):
    return lambda *given, **more: request(*given, **more | {"verify": certificate})


async def test_the_ticker_speaks_tls_too(server):
    context = ssl.create_default_context(cafile=server.ready.certificate)
    url = f"{server.ws}/?api_key={server.api_key}&access_token={server.access_token('CD5678')}"
    assert url.startswith("wss://")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, ssl=context) as ws,
    ):
        await ws.send_str(json.dumps({"a": "subscribe", "v": [INFY]}))
        message = await ws.receive(timeout=5)
        assert decode_frame(message.data).packets[0].token == INFY


def test_the_javascript_client_trusts_it(server, tmp_path):
    program = node()
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    script = tmp_path / "trust.mjs"
    script.write_text(TRUST)
    done = subprocess.run(
        [program, str(script), server.api_key, server.access_token("CD5678"), server.root],
        env={"NODE_EXTRA_CA_CERTS": server.ready.certificate},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["user_id"] == "CD5678"
