"""Every request of the official Python client, beside ours for the same call: the same on the wire.

The official client's session is replaced by one that prepares the request as it would be sent and
answers from a table; ours sends through the in-memory transport.
"""

import inspect
import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import requests
from kiteconnect import KiteConnect

from patang.kite import Kite, MemoryTransport, Response
from patang.wire.instruments import COLUMNS as INSTRUMENT_COLUMNS
from patang.wire.mf_instruments import COLUMNS as FUND_COLUMNS

ROOT = "http://127.0.0.1:1"
ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "M&M",
    "transaction_type": "BUY",
    "quantity": 10,
    "product": "CNC",
    "order_type": "LIMIT",
}
GTT_LEG = {"transaction_type": "SELL", "quantity": 2, "order_type": "LIMIT", "product": "CNC"}
SINGLE = ("single", "INFY", "NSE", [1500.5], 1480, [{**GTT_LEG, "price": 1500}])
TWO_LEG = (
    "two-leg", "M&M", "NSE", [1400, 1600.05], 1500.1,
    [{**GTT_LEG, "price": 1399.5}, {**GTT_LEG, "price": 1601}],
)  # fmt: skip
MARGIN = {**ORDER, "price": 1500.5, "trigger_price": 0}
CHARGE = {**ORDER, "order_id": "1", "average_price": 1500.5}
ACK = {"order_id": "7"}
SESSION = {"user_id": "AB1234", "access_token": "fresh", "login_time": "2026-01-05 09:00:00"}
PLACED = {**ORDER, "price": 1500.5}
CONVERSION = ("NSE", "INFY", "BUY", "day", 5, "MIS", "CNC")
QUOTES = {"NSE:INFY": {"instrument_token": 1, "last_price": 2, "ohlc": {}}}
SEGMENT = {"net": 1, "available": {}, "utilised": {}}
GTT = {"id": 1, "type": "single", "status": "active", "orders": [],
       "condition": {"exchange": "NSE", "tradingsymbol": "A", "trigger_values": [1]}}  # fmt: skip
FUND_ORDER = {"order_id": "u", "status": "OPEN", "tradingsymbol": "INF1", "transaction_type": "BUY"}
NO_CANDLES = {"candles": []}

CASES = [
    ("generate_session", ("request", "secret"), {}, SESSION),
    ("renew_access_token", ("refresh", "secret"), {}, SESSION),
    ("invalidate_access_token", (), {}, True),
    ("invalidate_access_token", ("another",), {}, True),
    ("invalidate_refresh_token", ("refresh",), {}, True),
    ("profile", (), {}, {"user_id": "AB1234"}),
    ("margins", (), {}, {"equity": SEGMENT, "commodity": SEGMENT}),
    ("margins", ("equity",), {}, SEGMENT),
    ("margins", (), {"segment": "commodity"}, SEGMENT),
    ("place_order", (), PLACED, ACK),
    ("place_order", ("regular", "NSE", "INFY", "SELL", 1, "MIS", "MARKET"),
     {"market_protection": -1, "tag": "abc", "algo_id": "A1"}, ACK),
    ("place_order", (), {**PLACED, "order_type": "SL", "trigger_price": 1500}, ACK),
    ("place_order", (), {**ORDER, "order_type": "SL-M", "trigger_price": 1500.05,
                         "market_protection": 3.5}, ACK),
    ("place_order", (), {**PLACED, "variety": "iceberg", "iceberg_legs": 2, "iceberg_quantity": 5,
                         "validity": "TTL", "validity_ttl": 5}, ACK),
    ("place_order", (), {**PLACED, "variety": "auction", "auction_number": "22",
                         "disclosed_quantity": 5}, ACK),
    ("place_autoslice_order", (), {**PLACED, "quantity": 5000}, {**ACK, "children": []}),
    ("modify_order", ("regular", "42"), {"quantity": 5, "price": 1500.5, "validity": "DAY"}, ACK),
    ("modify_order", ("regular", "42"), {"order_type": "MARKET", "market_protection": -1}, ACK),
    ("modify_order", ("co", "42", "41"), {"trigger_price": 10.05}, ACK),
    ("cancel_order", ("regular", "42"), {}, ACK),
    ("cancel_order", ("co", "42"), {"parent_order_id": "41"}, ACK),
    ("exit_order", ("co", "42"), {"parent_order_id": "41"}, ACK),
    ("orders", (), {}, []),
    ("order_history", ("42",), {}, []),
    ("trades", (), {}, []),
    ("order_trades", ("42",), {}, []),
    ("positions", (), {}, {"net": [], "day": []}),
    ("convert_position", CONVERSION, {}, True),
    ("holdings", (), {}, []),
    ("get_auction_instruments", (), {}, []),
    ("mf_orders", (), {}, []),
    ("mf_orders", ("u",), {}, FUND_ORDER),
    ("place_mf_order", ("INF1", "BUY"), {"amount": 1000, "tag": "t1"}, {"order_id": "u"}),
    ("place_mf_order", ("INF1", "SELL"), {"quantity": 1.5}, {"order_id": "u"}),
    ("cancel_mf_order", ("u",), {}, {"order_id": "u"}),
    ("mf_sips", (), {}, []),
    ("mf_sips", ("s",), {}, {"sip_id": "s"}),
    ("place_mf_sip", ("INF1", 1000, -1, "monthly"),
     {"initial_amount": 5000, "instalment_day": 5, "tag": "t1"}, {"sip_id": "s"}),
    ("modify_mf_sip", ("s",), {"amount": 500, "status": "paused", "instalments": 6,
                               "frequency": "weekly", "instalment_day": 1}, {"sip_id": "s"}),
    ("cancel_mf_sip", ("s",), {}, {"sip_id": "s"}),
    ("mf_holdings", (), {}, []),
    ("mf_instruments", (), {}, (",".join(FUND_COLUMNS) + "\n").encode()),
    ("instruments", (), {}, (",".join(INSTRUMENT_COLUMNS) + "\n").encode()),
    ("instruments", ("NFO",), {}, (",".join(INSTRUMENT_COLUMNS) + "\n").encode()),
    ("quote", ("NSE:NIFTY 50", "NSE:M&M"), {}, QUOTES),
    ("ohlc", (["NSE:NIFTY 50", "NSE:M&M"],), {}, QUOTES),
    ("ltp", ("NSE:INFY", 408065), {}, QUOTES),
    ("historical_data", (408065, "2026-01-05 09:15:00", "2026-01-05 15:30:00", "minute"), {},
     NO_CANDLES),
    ("historical_data", (408065, date(2026, 1, 5), date(2026, 1, 6), "day"),
     {"continuous": True, "oi": True}, NO_CANDLES),
    ("historical_data", (408065, datetime(2026, 1, 5, 9, 15), datetime(2026, 1, 5, 15), "5minute"),
     {}, NO_CANDLES),
    ("trigger_range", ("BUY", "NSE:INFY", "NSE:M&M"), {}, {}),
    ("get_gtts", (), {}, []),
    ("get_gtt", (12,), {}, GTT),
    ("place_gtt", SINGLE, {}, {"trigger_id": 12}),
    ("place_gtt", TWO_LEG, {}, {"trigger_id": 12}),
    ("modify_gtt", (12, *TWO_LEG), {}, {"trigger_id": 12}),
    ("delete_gtt", (12,), {}, {"trigger_id": 12}),
    ("order_margins", ([MARGIN],), {}, []),
    ("basket_order_margins", ([MARGIN, MARGIN],), {}, {}),
    ("basket_order_margins", ([MARGIN],), {"consider_positions": False, "mode": "compact"}, {}),
    ("get_virtual_contract_note", ([CHARGE],), {}, []),
]  # fmt: skip

IN_THE_PATH_ALREADY = {"variety", "order_id", "interval"}
"""Path parameters that the official client sends a second time, in the body or query."""

OFFLINE = {"login_url", "set_access_token", "set_session_expiry_hook"}


class Recorder:
    """Stands in for the official client's session."""

    def __init__(self, answer):
        self.body = answer if isinstance(answer, bytes) else envelope(answer)
        self.kind = "text/csv" if isinstance(answer, bytes) else "application/json"

    def request(self, method, url, *, json, data, params, headers, **_):
        self.sent = requests.Request(
            method, url, json=json, data=data, params=params, headers=headers
        ).prepare()
        response = requests.Response()
        response.status_code, response._content = 200, self.body
        response.headers["content-type"] = self.kind
        return response


def envelope(answer):
    return msgspec.json.encode({"status": "success", "data": answer})


def plain(name, text):
    """A parameter's meaning: JSON as values, numbers as numbers, flags without case."""
    if name in {"condition", "orders"}:
        return json.loads(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        return text.lower() if text.lower() in {"true", "false"} else text


def on_the_wire(method, url, headers, body):
    """What a request says, however it is spelt."""
    parts = urlsplit(url)
    query = [(name, plain(name, text)) for name, text in parse_qsl(parts.query)]
    content = body.decode() if isinstance(body, bytes) else body or ""
    if "json" in headers.get("Content-Type", ""):
        form = json.loads(content)
    else:
        form = sorted((name, plain(name, text)) for name, text in parse_qsl(content))
    return {
        "request": f"{method} {parts.path}",
        "query": sorted(query, key=lambda pair: pair[0]),
        "body": form,
        "version": headers["X-Kite-Version"],
        "session": headers.get("Authorization"),
        "kind": headers.get("Content-Type") if content else None,
    }


def without_repeats(said):
    """The same without path parameters that are sent twice."""
    trimmed = dict(said)
    for place in ("query", "body"):
        if said[place] and isinstance(said[place][0], tuple):
            trimmed[place] = [p for p in said[place] if p[0] not in IN_THE_PATH_ALREADY]
    return trimmed


def official_request(name, arguments, keywords, answer):
    official = KiteConnect("apikey", "token", root=ROOT)
    official.reqsession = Recorder(answer)
    getattr(official, name)(*arguments, **keywords)
    sent = official.reqsession.sent
    return on_the_wire(sent.method, sent.url, sent.headers, sent.body)


async def our_request(name, arguments, keywords, answer):
    body = answer if isinstance(answer, bytes) else envelope(answer)
    kind = "text/csv" if isinstance(answer, bytes) else "application/json"

    async def respond(_request):
        return Response(status=200, headers={"content-type": kind}, body=body)

    transport = MemoryTransport(respond)
    await getattr(Kite("apikey", "token", ROOT, transport=transport), name)(*arguments, **keywords)
    (sent,) = transport.sent
    return on_the_wire(sent.method, sent.url, sent.headers, sent.body)


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)]
)
async def test_a_call_says_on_the_wire_what_the_official_client_says(case):
    theirs, ours = official_request(*case), await our_request(*case)
    if case[0] in {"generate_session", "renew_access_token"}:
        # Theirs sends along whatever session it has; nothing needs it.
        theirs["session"] = ours["session"] = None
    assert ours == without_repeats(theirs)


def test_every_call_of_the_official_client_is_compared():
    calls = {
        name
        for name, _ in inspect.getmembers(KiteConnect, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {case[0] for case in CASES} == calls - OFFLINE
