"""The client over an in-memory transport: what each method asks and what it makes of the answer."""

from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from patang.domain.errors import InvalidValue
from patang.kite import (
    InputException,
    Kite,
    MemoryTransport,
    OrderException,
    OrderOutcomeUnknown,
    Request,
    Response,
    Secret,
    TokenException,
)
from patang.kite.client import RAW_CALLS
from patang.kite.governor import Limits
from patang.kite.retry import NO_RETRIES
from patang.wire.endpoints import ENDPOINTS
from patang.wire.rows import LtpRow, OrderRow

MANY = Limits(quotes_per_second=1_000, others_per_second=1_000)
ORDER = {
    "order_id": "2008040825287630848",
    "status": "OPEN",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 5,
    "price": 1512.35,
    "surprise": "new field",
}


def answering(value: object, status: int = 200, content_type: str = "application/json"):
    """A transport that answers every request with this value in a success envelope."""
    body = (
        value
        if isinstance(value, bytes)
        else msgspec.json.encode({"status": "success", "data": value})
    )

    async def answer(request: Request) -> Response:
        return Response(status=status, headers={"content-type": content_type}, body=body)

    return MemoryTransport(answer)


def refusing(status: int, error_type: str, message: str):
    body = {"status": "error", "error_type": error_type, "message": message}
    return answering(msgspec.json.encode(body), status)


def a_kite(transport: MemoryTransport, token: str | None = "accesstoken") -> Kite:
    return Kite(
        "apikey", token, "http://127.0.0.1:1", transport=transport, retry=NO_RETRIES, limits=MANY
    )


async def test_every_call_carries_version_agent_and_session():
    transport = answering([ORDER])
    await a_kite(transport).orders()
    headers = transport.sent[0].headers
    assert headers["X-Kite-Version"] == "3"
    assert headers["User-Agent"].startswith("Patang/")
    assert headers["Authorization"] == "token apikey:accesstoken"


async def test_typed_rows_keep_what_the_server_added():
    order = (await a_kite(answering([ORDER])).orders())[0]
    assert isinstance(order, OrderRow)
    assert order.price == Decimal("1512.35")
    assert order.to_dict() == ORDER


async def test_raw_calls_give_the_servers_json():
    kite = a_kite(answering([ORDER]))
    assert await kite.raw.orders() == [ORDER]
    assert await a_kite(answering({"order_id": "7"})).raw.cancel_order("regular", "7") == {
        "order_id": "7"
    }
    assert isinstance((await kite.orders())[0], OrderRow)


def test_raw_names_what_it_has():
    kite = a_kite(answering(None))
    assert {"orders", "place_order", "quote", "margins"} <= set(RAW_CALLS) <= set(dir(Kite))
    assert sorted(dir(kite.raw)) == sorted(RAW_CALLS)
    with pytest.raises(AttributeError, match="orders"):
        kite.raw.close  # noqa: B018


async def test_an_order_travels_as_kite_wants_it():
    transport = answering({"order_id": "42"})
    order_id = await a_kite(transport).place_order(
        "regular", "NSE", "M&M", "BUY", 10, "MIS", "LIMIT", 109.4, tag="abc", autoslice=True
    )
    request = transport.sent[0]
    assert order_id == "42"
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:1/orders/regular")
    assert b"tradingsymbol=M%26M" in request.body
    assert dict(parse_qsl(request.body.decode())) == {
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "transaction_type": "BUY",
        "order_type": "LIMIT",
        "quantity": "10",
        "product": "MIS",
        "price": "109.4",
        "tag": "abc",
        "autoslice": "true",
    }
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_changing_and_cancelling_name_the_order_in_the_path():
    transport = answering({"order_id": "42"})
    kite = a_kite(transport)
    await kite.modify_order("regular", "42", price=Decimal("10.05"))
    await kite.cancel_order("co", "42", parent_order_id="41")
    changed, cancelled = transport.sent
    assert (changed.method, changed.url) == ("PUT", "http://127.0.0.1:1/orders/regular/42")
    assert changed.body == b"price=10.05"
    assert cancelled.method == "DELETE"
    assert cancelled.url == "http://127.0.0.1:1/orders/co/42?parent_order_id=41"
    assert cancelled.body == b""


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("exchange", {"exchange": "NASDAQ"}),
        ("transaction_type", {"transaction_type": "buy"}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": True}),
        ("price", {"price": float("nan")}),
        ("price", {"price": "ten"}),
        ("price", {"price": True}),
        ("trigger_price", {"trigger_price": []}),
        ("tag", {"tag": "x" * 21}),
        ("tag", {"tag": "not alnum"}),
        ("market_protection", {"market_protection": 0}),
        ("validity", {"validity": "FOREVER"}),
        ("variety", {"variety": "bo"}),
    ],
)
async def test_a_wrong_field_is_named_before_anything_is_sent(field, change):
    transport = answering({"order_id": "1"})
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "MIS",
        "order_type": "LIMIT",
        "price": 10,
    }
    with pytest.raises(InvalidValue) as failure:
        await a_kite(transport).place_order(**order | change)
    assert failure.value.field == field
    assert transport.sent == []


async def test_quotes_repeat_the_key_and_are_typed():
    transport = answering({"NSE:NIFTY 50": {"instrument_token": 256265, "last_price": 23450.55}})
    quotes = await a_kite(transport).ltp("NSE:NIFTY 50", ["NSE:M&M", "NSE:NIFTY 50"])
    assert parse_qsl(urlsplit(transport.sent[0].url).query) == [
        ("i", "NSE:NIFTY 50"),
        ("i", "NSE:M&M"),
    ]
    assert isinstance(quotes["NSE:NIFTY 50"], LtpRow)
    assert quotes["NSE:NIFTY 50"].last_price == Decimal("23450.55")


def echoing_prices():
    """A transport that answers with a price for each instrument that is asked about."""

    async def answer(request: Request) -> Response:
        asked = [key for _, key in parse_qsl(urlsplit(request.url).query)]
        quotes = {key: {"instrument_token": 1, "last_price": 2.5} for key in asked}
        body = msgspec.json.encode({"status": "success", "data": quotes})
        return Response(status=200, headers={"content-type": "application/json"}, body=body)

    return MemoryTransport(answer)


@pytest.mark.parametrize(
    ("count", "key", "requests"),
    [(1000, "NSE:S{}", 1), (1001, "NSE:S{}", 2), (1000, "NFO:NIFTY25N0424400CE{}", 2)],
)
async def test_quotes_beyond_the_cap_or_a_long_query_are_asked_for_in_parts(count, key, requests):
    transport = echoing_prices()
    keys = [key.format(number) for number in range(count)]
    quotes = await a_kite(transport).ltp(keys)
    assert list(quotes) == keys
    assert len(transport.sent) == requests
    assert max(len(request.url) for request in transport.sent) < 23_000
    assert list(await a_kite(transport).raw.ltp(*keys)) == keys


async def test_quotes_for_nothing_are_refused_here():
    kite = a_kite(answering({}))
    with pytest.raises(InvalidValue, match="none given"):
        await kite.ltp()
    with pytest.raises(InvalidValue, match="instruments"):
        await kite.ohlc(["NSE:INFY", ""])


async def test_login_uses_the_session_it_gets():
    transport = answering(
        {"user_id": "AB1234", "access_token": "fresh", "login_time": "2026-01-05 09:00:00"}
    )
    kite = a_kite(transport, token=None)
    assert kite.login_url() == f"{kite.root}/connect/login?api_key=apikey&v=3"
    await kite.generate_session("req", "sec")
    await kite.raw.profile()
    login, after = transport.sent
    assert "Authorization" not in login.headers
    assert dict(parse_qsl(login.body.decode()))["request_token"] == "req"
    assert len(dict(parse_qsl(login.body.decode()))["checksum"]) == 64
    assert after.headers["Authorization"] == "token apikey:fresh"


def test_the_login_page_of_the_broker_is_on_its_own_host():
    assert Kite("apikey").login_url() == "https://kite.zerodha.com/connect/login?api_key=apikey&v=3"


async def test_without_a_session_nothing_is_sent():
    transport = answering([])
    with pytest.raises(TokenException, match="Log in"):
        await a_kite(transport, token=None).orders()
    assert transport.sent == []


async def test_logging_out_forgets_the_token():
    transport = answering(True)
    kite = a_kite(transport)
    assert await kite.invalidate_access_token()
    assert dict(parse_qsl(urlsplit(transport.sent[0].url).query))["access_token"] == "accesstoken"
    with pytest.raises(TokenException):
        await kite.profile()


@pytest.mark.parametrize(
    ("status", "error_type", "expected"),
    [(403, "TokenException", TokenException), (400, "InputException", InputException)],
)
async def test_refusals_become_the_wires_own_exceptions(status, error_type, expected):
    with pytest.raises(expected, match="no good") as failure:
        await a_kite(refusing(status, error_type, "no good")).profile()
    assert failure.value.status == status


async def test_a_definite_refusal_of_an_order_is_just_that():
    kite = a_kite(refusing(400, "OrderException", "Order price is above the upper circuit limit."))
    with pytest.raises(OrderException):
        await kite.cancel_order("regular", "1")


async def test_secrets_show_in_no_repr_and_no_exception():
    kite = Kite("apikey", Secret("hushhush"), "http://127.0.0.1:1", transport=answering([ORDER]))
    shown = f"{kite!r} {kite} {kite.raw!r} {Secret('hushhush')!r} {Secret('hushhush')}"
    assert "hushhush" not in shown
    echo = b"<html>you sent access_token=hushhush</html>"
    kite = Kite("apikey", "hushhush", "http://127.0.0.1:1", transport=answering(echo, 502))
    with pytest.raises(OrderOutcomeUnknown) as failure:
        await kite.place_order("regular", "NSE", "INFY", "BUY", 1, "MIS", "LIMIT", 10, tag="t1")
    assert "you sent" in str(failure.value)
    assert "hushhush" not in f"{failure.value!r} {failure.value} {failure.value.__cause__}"


def test_a_secret_compares_but_is_neither_shown_nor_pickled():
    import copy
    import pickle

    secret = Secret("hushhush")
    assert secret == Secret("hushhush") != Secret("other")
    assert len({secret, Secret("hushhush")}) == 1
    assert f"{secret}|{secret!r}|{secret:>20}" == "***|Secret(***)|***"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)


@pytest.mark.parametrize(
    "root",
    ["", "api.kite.trade", "ftp://host", "http://", "https://h/?a=1", "https://u:p@h", "wss://h"],
)
def test_a_root_that_is_no_address_is_refused(root):
    with pytest.raises(InvalidValue, match="root"):
        Kite("key", root=root)


@pytest.mark.parametrize("root", ["http://api.kite.trade", "http://kite.zerodha.com"])
def test_the_broker_is_never_spoken_to_without_tls(root):
    with pytest.raises(InvalidValue, match="TLS"):
        Kite("key", root=root)


def test_every_endpoint_of_the_table_has_a_method_and_a_raw_twin():
    assert all(hasattr(Kite, endpoint.call) for endpoint in ENDPOINTS.values())
    assert {endpoint.call for endpoint in ENDPOINTS.values()} <= set(RAW_CALLS)
