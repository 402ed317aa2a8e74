"""Postbacks: what is genuine comes out typed, everything else is refused, counted and bounded."""

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.errors import InvalidValue
from patang.kite.postback import POSTBACK_BYTES, BadPostback, PostbackApp, verify_postback
from patang.wire.checksums import postback_checksum

SECRET = "sec"

SAMPLES = os.environ.get("PATANG_KITE_SAMPLES", "")


def a_payload(**changes) -> dict:
    payload = {
        "user_id": "AB1234",
        "app_id": 1234,
        "order_id": "220303000308932",
        "order_timestamp": "2022-03-03 09:24:25",
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "SBIN",
        "transaction_type": "BUY",
        "quantity": 1,
        "average_price": 470.05,
        "a_field_of_tomorrow": {"x": 1},
    }
    payload["checksum"] = postback_checksum(payload["order_id"], payload["order_timestamp"], SECRET)
    return payload | changes


async def post(app: PostbackApp, *chunks: bytes, method="POST", headers=(), end=True) -> int | None:
    """The status that the app answers to a request made of these chunks."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if end:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent = []

    async def receive() -> dict:
        if messages:
            return messages.pop(0)
        if end:
            raise AssertionError("the application read on after the end of the body")
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "headers": list(headers)}, receive, send)
    return sent[0]["status"] if sent else None


async def test_a_genuine_postback_is_yielded_typed_and_whole():
    app = PostbackApp(SECRET)
    payload = a_payload()
    body = json.dumps(payload).encode()
    assert await post(app, body[:10], body[10:]) == 200
    update = await anext(app)
    assert update.order.status == "COMPLETE"
    assert str(update.order.average_price) == "470.05"
    assert update.order.to_dict() == payload
    assert update.received_ns > 0
    assert app.counters.accepted == 1


def test_the_documented_checksum_is_accepted():
    checksum = "c2a9e9c8115e914a84ce33cd71177a943813a50f92d50d599b05132742827596"
    body = json.dumps(a_payload(checksum=checksum)).encode()
    assert verify_postback(body, SECRET).order_id == "220303000308932"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"checksum": "0" * 64}, 403),
        ({"checksum": ""}, 403),
        ({"checksum": "\u0131" * 64}, 403),
        ({"order_id": "220303000308933"}, 403),
        ({"order_timestamp": "2022-03-03 09:24:26"}, 403),
        ({"order_id": 5}, 400),
        ({"order_id": ""}, 400),
        ({"order_timestamp": None}, 400),
        ({"quantity": "many"}, 400),
    ],
)
async def test_what_is_not_genuine_is_refused_and_counted(changes, status):
    app = PostbackApp(SECRET)
    assert await post(app, json.dumps(a_payload(**changes)).encode()) == status
    counted = app.counters.wrong_checksum if status == 403 else app.counters.malformed
    assert counted == 1
    assert app.counters.accepted == 0


async def test_a_long_body_is_refused_without_being_read():
    app = PostbackApp(SECRET)
    chunk = b" " * (POSTBACK_BYTES // 2 + 1)
    assert await post(app, chunk, chunk, chunk * 100, end=False) == 413
    length = (b"Content-Length", str(10**30).encode())
    assert await post(app, headers=[length], end=False) == 413
    length = (b"content-length", str(POSTBACK_BYTES + 1).encode())
    assert await post(app, headers=[length], end=False) == 413


async def test_a_body_that_does_not_end_is_given_up():
    app = PostbackApp(SECRET, body_timeout_s=0.01)
    assert await post(app, b"{", end=False) == 408


async def test_other_methods_are_refused():
    assert await post(PostbackApp(SECRET), method="GET") == 405


async def test_a_full_queue_says_come_back_later():
    app = PostbackApp(SECRET, queue_max=1)
    body = json.dumps(a_payload()).encode()
    assert [await post(app, body), await post(app, body)] == [200, 503]
    assert app.counters.overflowed == 1


async def test_the_server_may_start_and_stop_it():
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive() -> dict:
        return events.pop(0)

    async def send(message) -> None:
        sent.append(message["type"])

    await PostbackApp(SECRET)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_an_empty_secret_is_refused_and_a_real_one_is_hidden():
    with pytest.raises(InvalidValue, match="api_secret"):
        PostbackApp("")
    assert "hushhush" not in repr(vars(PostbackApp("hushhush")))


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode())
    | st.tuples(st.sampled_from(sorted(a_payload())), st.integers() | st.text()).map(
        lambda change: json.dumps(a_payload(**dict([change])), ensure_ascii=True).encode()
    )
    | st.integers(0, 400).map(lambda cut: json.dumps(a_payload()).encode()[:cut])
    | st.sampled_from([b"[" * 50_000, b'{"meta":' * 8_000])
)
def test_any_bytes_are_taken_or_refused_and_nothing_else(body):
    with suppress(BadPostback):
        order = verify_postback(body, SECRET)
        expected = postback_checksum(order.order_id, order.order_timestamp, SECRET)
        assert order.checksum == expected


if SAMPLES:  # a folder of official sample answers, where the caller has one

    def test_the_official_sample_is_read_without_losing_a_field():
        payload = json.loads((Path(SAMPLES) / "postback.json").read_text())
        payload["checksum"] = postback_checksum(
            payload["order_id"], payload["order_timestamp"], SECRET
        )
        assert verify_postback(json.dumps(payload).encode(), SECRET).to_dict() == payload
