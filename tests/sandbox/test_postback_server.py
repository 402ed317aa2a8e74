"""Postbacks over a real socket: an ASGI server, a sender, and one that only pretends."""

import asyncio
import json

import aiohttp
import pytest
import uvicorn

from patang.kite.postback import POSTBACK_BYTES, PostbackApp
from patang.wire.checksums import postback_checksum

SECRET = "sec"


@pytest.fixture
async def served():
    app = PostbackApp(SECRET)
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    # Signals are the test runner's.
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield app, f"http://127.0.0.1:{port}/postback"
    await server.shutdown()


def a_postback(order_id: str, secret: str = SECRET) -> bytes:
    at = "2026-11-20 10:00:00"
    row = {
        "order_id": order_id,
        "order_timestamp": at,
        "checksum": postback_checksum(order_id, at, secret),
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
    }
    return json.dumps(row).encode()


async def in_pieces(body: bytes):
    for start in range(0, len(body), 50):
        yield body[start : start + 50]


async def test_genuine_postbacks_arrive_in_order_and_forged_ones_do_not(served):
    app, address = served
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        answers = [
            (await session.post(address, data=body)).status
            for body in (
                a_postback("1"),
                a_postback("2", "another secret"),
                b"status=COMPLETE",
                b"x" * (POSTBACK_BYTES + 1),
                a_postback("3"),
            )
        ]
        assert (await session.post(address, data=in_pieces(a_postback("4")))).status == 200
        assert (await session.get(address)).status == 405
        assert answers == [200, 403, 400, 413, 200]
        told = [(await anext(app)).order.order_id for _ in range(3)]
    assert told == ["1", "3", "4"]
    assert (app.counters.accepted, app.counters.wrong_checksum, app.counters.malformed) == (3, 1, 2)
