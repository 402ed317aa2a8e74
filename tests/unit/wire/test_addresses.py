"""What is Kite's own address, and what a root may look like."""

import pytest

from patang.domain.errors import InvalidValue
from patang.wire.addresses import LOGIN_URL, REST_ROOT, TICKER_ROOT, checked_root, is_broker_root


@pytest.mark.parametrize("address", [REST_ROOT, TICKER_ROOT, LOGIN_URL, "https://kite.trade:444/x"])
def test_the_brokers_addresses_are_known(address: str) -> None:
    assert is_broker_root(address)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8000", "https://kite.trade.example", "https://notkite.trade", "", "kite"],
)
def test_no_other_address_is_taken_for_the_brokers(address: str) -> None:
    assert not is_broker_root(address)


def test_a_root_loses_its_last_slash() -> None:
    assert checked_root("http://127.0.0.1:8000/", "http") == "http://127.0.0.1:8000"
    assert checked_root("wss://ws.kite.trade", "ws") == TICKER_ROOT


@pytest.mark.parametrize(
    ("root", "complaint"),
    [
        ("127.0.0.1:8000", "not an address"),
        ("ftp://127.0.0.1", "not an address"),
        ("http://", "not an address"),
        ("http://127.0.0.1/?a=1", "no query"),
        ("http://me:word@127.0.0.1", "credentials"),
        ("http://api.kite.trade", "TLS"),
    ],
)
def test_a_root_that_cannot_be_meant_is_refused(root: str, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        checked_root(root, "http")
