"""The habits of official clients that do not run here: Go, Java, .NET and PHP.

Source: kite-protocol reference, exact response needs and known client defects; each test names who
would break.
"""

import hashlib
import json
import re
from decimal import Decimal

import pytest
import requests

from patang.domain.instrument import InstrumentId
from patang.sandbox.apps import AppSettings
from patang.sandbox.testing import sandbox_fixture
from patang.wire.endpoints import ENDPOINTS

exchange = sandbox_fixture(scope="module", apps=(AppSettings(has_refresh_tokens=True),))

ORDER = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "order_type": "LIMIT",
    "product": "CNC",
    "quantity": "10",
    "price": "1450",
}
WHOLE = re.compile(r"quantity|volume|_token$|^(orders|oi|id|trigger_id|alert_count|multiplier)$")
"""Fields that strict clients decode into integers."""

READS = [
    "/orders",
    "/trades",
    "/portfolio/positions",
    "/portfolio/holdings",
    "/quote?i=NSE:INFY&i=NSE:NIFTY+50",
    "/quote/ohlc?i=NSE:INFY",
    "/quote/ltp?i=NSE%3AINFY",
    "/gtt/triggers",
    "/alerts",
    "/mf/holdings",
    "/user/margins",
]


class Desk:
    """Plain requests in the name of a user."""

    def __init__(self, server) -> None:
        self.server = server
        self.headers = {"Authorization": f"token {server.api_key}:{server.access_token()}"}

    def ask(self, method: str, path: str, **more) -> requests.Response:
        url = self.server.root + path
        return requests.request(method, url, headers=self.headers, timeout=10, **more)

    def data(self, method: str, path: str, **more):
        answer = self.ask(method, path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture(scope="module")
def desk(exchange) -> Desk:
    """A user with something of each kind."""
    desk = Desk(exchange)
    exchange.call(
        lambda world: world.exchange.seed_holding(
            "AB1234", InstrumentId("NSE:INFY"), 20, Decimal("1400.00")
        )
    )
    market = {"order_type": "MARKET", "market_protection": "-1", "price": "0"}
    desk.data("POST", "/orders/regular", data=ORDER | market)
    desk.data("POST", "/orders/regular", data=ORDER)
    alert = {
        "name": "low",
        "type": "simple",
        "lhs_exchange": "INDICES",
        "lhs_tradingsymbol": "NIFTY 50",
        "lhs_attribute": "LastTradedPrice",
        "operator": "<=",
        "rhs_type": "constant",
        "rhs_constant": "1",
    }
    desk.data("POST", "/alerts", data=alert)
    desk.data("POST", "/gtt/triggers", data=gtt_form())
    return desk


def gtt_form(condition: dict | None = None, leg: dict | None = None) -> dict[str, str]:
    told = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "trigger_values": [1400],
        "last_price": 1540,
    }
    order = ORDER | {"quantity": 1, "price": 1400}
    return {
        "type": "single",
        "condition": json.dumps(told | (condition or {})),
        "orders": json.dumps([order | (leg or {})]),
    }


def numbers_of(value, name=""):
    """Every number of a JSON text with the name of its field."""
    if isinstance(value, dict):
        for field, one in value.items():
            yield from numbers_of(one, field)
    elif isinstance(value, list):
        for one in value:
            yield from numbers_of(one, name)
    elif isinstance(value, float | Decimal | int) and not isinstance(value, bool):
        yield name, value


@pytest.mark.parametrize("path", READS)
def test_whole_numbers_have_no_point(desk, path):
    """Go: ``1.0`` in an integer field is a decode error."""
    told = json.loads(desk.ask("GET", path).text, parse_float=Decimal)["data"]
    assert told
    found = [(name, one) for name, one in numbers_of(told) if WHOLE.search(name)]
    # Units of mutual funds are fractions.
    if not path.startswith(("/mf/", "/user/", "/quote/", "/alerts")):
        assert found
    if not path.startswith("/mf/"):
        assert [name for name, one in found if isinstance(one, Decimal)] == []


def test_every_answer_says_what_it_is(desk):
    """Python: a missing content type is a ``KeyError``; errors have message and type."""
    for endpoint in ENDPOINTS.values():
        path = re.sub(r"\{(\w+)\}", "1", endpoint.path)
        if endpoint.name in {"invalidate_session"}:
            continue
        answer = desk.ask(endpoint.method, path)
        assert answer.headers["content-type"] in {"application/json", "text/csv"}, path
        if answer.status_code >= 400:
            assert {"status", "message", "error_type"} <= set(answer.json()), path
            assert answer.json()["status"] == "error"
        else:
            assert answer.status_code == 200


def test_orders_carry_an_object_or_nothing_as_meta(desk):
    """Go: ``meta`` of another kind is a decode error."""
    for path in ("/orders", "/gtt/triggers"):
        assert all(
            row["meta"] is None or isinstance(row["meta"], dict) for row in desk.data("GET", path)
        )


def test_a_login_ignores_the_header_that_java_sends_along(desk):
    server, token = desk.server, desk.server.request_token("CD5678")
    text = server.api_key + token + server.api_secret
    form = {
        "api_key": server.api_key,
        "request_token": token,
        "checksum": hashlib.sha256(text.encode()).hexdigest(),
    }
    answer = requests.post(
        f"{server.root}/session/token",
        data=form,
        headers={"Authorization": f"token {server.api_key}:null"},
        timeout=10,
    )
    assert answer.json()["data"]["user_id"] == "CD5678"
    assert len(answer.json()["data"]["login_time"]) == 19


def test_zeros_and_false_stand_for_what_is_not_used(desk):
    """Java sends them with every LIMIT order; PHP repeats what it was given."""
    unused = {
        "market_protection": "0.0",
        "autoslice": "false",
        "trigger_price": "0.0",
        "disclosed_quantity": "0",
        "validity_ttl": "0",
        "iceberg_legs": "0",
        "iceberg_quantity": "0",
    }
    told = desk.data("POST", "/orders/regular", data=ORDER | unused | {"squareoff": "0", "x": ""})
    assert told["order_id"]
    twice = [*ORDER.items(), ("quantity", "10"), ("tag", "")]
    assert desk.data("POST", "/orders/regular", data=twice)["order_id"]


def test_what_stands_in_the_path_may_stand_in_the_query_too(desk):
    """JavaScript sends path parameters twice, Python and Go the interval of candles."""
    order_id = desk.data("POST", "/orders/regular", data=ORDER)["order_id"]
    query = {"variety": "regular", "order_id": order_id}
    assert desk.data("GET", f"/orders/{order_id}", params=query)[-1]["status"] == "OPEN"
    told = desk.data("DELETE", f"/orders/regular/{order_id}", params=query)
    assert told["order_id"] == order_id
    span = {"from": "2026-11-18 09:15:00", "to": "2026-11-18 09:20:00"}
    again = {"interval": "minute", "instrument_token": "408065", "continuous": "0", "oi": "1"}
    candles = desk.data("GET", "/instruments/historical/408065/minute", params=span | again)
    assert re.fullmatch(r"2026-11-18T09:15:00\+0530", candles["candles"][0][0])
    assert len(candles["candles"][0]) == 7


def test_triggers_may_say_more_than_they_need(desk):
    """.NET adds an instrument token to the condition, Go every field of an order to each leg."""
    leg = {"variety": "", "validity": "", "tag": "", "disclosed_quantity": 0, "trigger_price": 0}
    form = gtt_form({"instrument_token": 0}, leg)
    assert isinstance(desk.data("POST", "/gtt/triggers", data=form)["trigger_id"], int)


@pytest.mark.parametrize("flag", ["True", "true", "False", "false"])
def test_flags_of_every_spelling_are_read(desk, flag):
    """Python writes ``True``, JavaScript and Go ``true``."""
    order = ORDER | {"variety": "regular", "quantity": 10, "price": 1450, "trigger_price": 0}
    told = desk.data("POST", f"/margins/basket?consider_positions={flag}", json=[order])
    assert len(told["orders"]) == 1


def test_the_dump_has_its_columns_in_their_order_and_no_mark_before_them(desk):
    """PHP, Go and Java read it by position; a byte order mark would be part of the first name."""
    text = desk.ask("GET", "/instruments").content.decode("ascii")
    header, first = text.splitlines()[:2]
    assert header == (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
        "lot_size,instrument_type,segment,exchange"
    )
    token, exchange_token = first.split(",")[:2]
    assert int(token) >> 8 == int(exchange_token)


@pytest.mark.parametrize(
    "path",
    [
        "/connect/login?%FF=%00&api_key=%F0%9F%98%80",
        "/connect/login?api_key[]=1&v=x&redirect_params=%25%25%25&user_id=%0d%0a",
        "/connect/finish?request_token=%3Cscript%3E",
        "/connect/portfolio/authorise/holdings/nobody/nothing",
        "/connect/portfolio/authorise/holdings/%F0%9F%98%80/%00",
        "/%2e%2e/etc/passwd",
        "/orders/%F0%9F%98%80/trades",
        "/user/margins/%00",
    ],
)
def test_odd_addresses_are_refused_not_failed_over(desk, path):
    answer = desk.ask("GET", path, allow_redirects=False)
    assert answer.status_code < 500
    assert "<script>" not in answer.text
