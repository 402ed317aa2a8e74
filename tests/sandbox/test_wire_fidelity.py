"""What a strict reader of the wire sees: raw bytes to and from a real server."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from kiteconnect import KiteConnect
from websockets.sync.client import ClientConnection, connect

from patang.domain.enums import Exchange
from patang.rules import order_rules

INFY, NIFTY = 408_065, 256_265
HANDSHAKE = (
    "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def exchanged(root: str, request: str) -> bytes:
    """What the server answers to these characters, up to the end of the head."""
    address = urlsplit(root)
    with socket.create_connection((address.hostname, address.port), 5) as connection:
        connection.sendall(request.format(host=address.netloc).encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            received = connection.recv(4096)
            if not received:
                break
            answer += received
    return answer


@pytest.fixture(scope="module")
def credentials(frozen) -> str:
    return f"api_key={frozen.api_key}&access_token={frozen.access_token('TS0000')}"


@pytest.mark.parametrize("front", ["/?", "?", "http://{host}/?", "http://{host}?", "/ws?uid=1&"])
def test_the_ticker_is_behind_every_form_of_its_address(frozen, credentials, front):
    answer = exchanged(frozen.root, HANDSHAKE.replace("{target}", front + credentials))
    assert answer.startswith(b"HTTP/1.1 101 ")


def test_a_whole_address_names_the_same_route(frozen):
    answer = exchanged(frozen.root, "GET http://{host}/orders HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_the_profile_names_the_products_that_the_desk_takes(kite):
    assert set(kite.profile()["products"]) == {
        product.value for exchange in Exchange for product in order_rules.products(exchange)
    }


def send(kite: KiteConnect, method: str, path: str, body: str | None = None) -> requests.Response:
    """A request as other clients write it."""
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return requests.request(
        method,
        kite.root + path,
        data=body,
        headers={"Authorization": f"token {kite.api_key}:{kite.access_token}"}
        | (form if body else {}),
        timeout=5,
    )


def test_what_other_clients_always_send_changes_nothing(kite):
    java = (
        "exchange=NSE&tradingsymbol=INFY&transaction_type=BUY&quantity=1&order_type=LIMIT"
        "&product=CNC&price=1500.0&market_protection=0.0&autoslice=false&trigger_price=0.0"
        "&disclosed_quantity=0&validity=DAY&variety=regular&guid=x&quantity=2"
    )
    order_id = send(kite, "POST", "/orders/regular", java).json()["data"]["order_id"]
    javascript = f"order_id={order_id}&variety=regular"
    changed = send(
        kite, "PUT", f"/orders/regular/{order_id}?{javascript}", f"price=1501&{javascript}"
    )
    assert changed.json() == {"status": "success", "data": {"order_id": order_id}}
    [order] = send(kite, "GET", "/orders?variety=x&order_id=y").json()["data"]
    assert (order["price"], order["quantity"], order["market_protection"]) == (1501, 2, 0)
    assert len(send(kite, "GET", f"/orders/{order_id}?order_id=z").json()["data"]) == 8
    gone = send(kite, "DELETE", f"/orders/regular/{order_id}?{javascript}")
    assert gone.json() == changed.json()


def test_a_form_is_a_form_whatever_the_request_calls_it(kite):
    order = (
        "exchange=NSE&tradingsymbol=INFY&transaction_type=BUY&quantity=1&order_type=LIMIT"
        "&product=CNC&price=1500"
    )
    for kind in ("text/plain", "application/json", "application/octet-stream"):
        reply = requests.post(
            f"{kite.root}/orders/regular",
            data=order,
            headers={
                "Authorization": f"token {kite.api_key}:{kite.access_token}",
                "Content-Type": kind,
            },
            timeout=5,
        )
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", ["/orders/", "//orders", "/Orders", "/orders/regular/1/2"])
def test_only_the_exact_route_is_served(kite, path):
    reply = send(kite, "GET", path)
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/json")
    assert reply.json()["error_type"] == "GeneralException"


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "PUT", "DELETE", "POST"])
def test_other_methods_are_refused_in_kites_envelope(kite, method):
    reply = send(kite, method, "/orders")
    assert (reply.status_code, reply.headers["content-type"]) == (405, "application/json")
    assert {"status", "message", "error_type"} <= reply.json().keys()
    assert "access-control-allow-origin" not in reply.headers


def test_symbols_answer_to_every_encoding_of_theirs(kite):
    names = "i=NSE:NIFTY+50&i=NSE%3AINFY&i=NSE:NIFTY%2050&i=408065&i=NSE:NOSUCH&i="
    rows = send(kite, "GET", f"/quote/ltp?{names}").json()["data"]
    assert list(rows) == ["NSE:NIFTY 50", "NSE:INFY", "408065"]


@pytest.fixture
def ticker(kite) -> Iterator[ClientConnection]:
    address = kite.root.replace("http", "ws", 1)
    address += f"?api_key={kite.api_key}&access_token={kite.access_token}"
    with connect(address, compression=None, ping_interval=None, max_size=None) as connection:
        yield connection


def lengths(frame: str | bytes) -> list[int]:
    """The lengths of a frame's packets."""
    assert isinstance(frame, bytes)
    found, at = [], 2
    while at < len(frame):
        found.append(int.from_bytes(frame[at : at + 2]))
        at += 2 + found[-1]
    assert len(found) == int.from_bytes(frame[:2])
    return found


def ask(ticker: ClientConnection, action: str, value: object) -> None:
    ticker.send(json.dumps({"v": value, "a": action, "extra": None}))


def answer(ticker: ClientConnection) -> str | bytes:
    """The next frame that is no heartbeat."""
    while True:
        frame = ticker.recv(timeout=5)
        if len(frame) > 1:
            return frame


def test_a_mode_subscribes_and_a_subscription_keeps_the_mode(ticker):
    ask(ticker, "mode", ["full", [INFY, NIFTY]])
    assert lengths(answer(ticker)) == [184, 32]
    ask(ticker, "subscribe", [INFY, INFY])
    assert lengths(answer(ticker)) == [184]
    ask(ticker, "unsubscribe", [INFY, 1, 999])
    ask(ticker, "subscribe", [NIFTY, INFY])
    assert lengths(answer(ticker)) == [32, 44]


def test_what_is_no_request_gets_an_error_text_and_the_connection_lives(ticker):
    for text in ("hello", "", "[]", "{}", '{"a":"jump","v":[1]}', '{"a":"subscribe","v":["1"]}'):
        ticker.send(text)
        told = json.loads(answer(ticker))
        assert told["type"] == "error"
        assert isinstance(told["data"], str)
    ask(ticker, "subscribe", [1, 999])
    ticker.send(['{"a":"mode",', f'"v":["ltp",[{INFY}]]', "}"])
    assert lengths(answer(ticker)) == [8]


def test_a_ping_is_answered_and_the_close_returned(ticker):
    assert ticker.ping("still there?").wait(5)
    ticker.close(1000, "bye")
    assert ticker.close_code == 1000
