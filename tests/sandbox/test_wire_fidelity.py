"""What a strict reader of the wire sees: raw bytes to and from a real server."""

import socket
from urllib.parse import urlsplit

import pytest

from patang.domain.enums import Exchange
from patang.rules import order_rules

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
