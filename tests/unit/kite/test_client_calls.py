"""The client's calls beyond the official client's: what they ask, refuse and make of answers."""

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.kite import (
    Kite,
    MarginException,
    MemoryTransport,
    OrderOutcomeUnknown,
    PermissionException,
    Response,
    Secret,
    Timeouts,
)
from patang.kite.client import RAW_CALLS
from patang.kite.client_config import KiteConfig
from patang.wire.rows import AutosliceAck, Candle

ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 5000,
    "product": "CNC",
    "order_type": "LIMIT",
    "price": 1500,
}
SHORT = {"code": 400, "error_type": "MarginException", "message": "Insufficient funds.",
         "data": None}  # fmt: skip
LEG = {"transaction_type": "SELL", "quantity": 2, "order_type": "LIMIT", "product": "CNC",
       "price": 1399.5}  # fmt: skip


def answering(value, status=200):
    body = value if isinstance(value, bytes) else msgspec.json.encode(
        {"status": "success", "data": value}
    )  # fmt: skip

    async def answer(_request):
        return Response(status=status, headers={"content-type": "application/json"}, body=body)

    return MemoryTransport(answer)


def a_kite(transport):
    return Kite("apikey", "token", "http://127.0.0.1:1", transport=transport)


def query_of(request):
    return parse_qsl(urlsplit(request.url).query)


SLICES = {"order_id": "9", "children": [{"order_id": "10"}, {"error": SHORT}]}


async def test_each_slice_of_an_order_tells_its_fate():
    ack = await a_kite(answering(SLICES)).place_autoslice_order(**ORDER)
    assert isinstance(ack, AutosliceAck)
    assert (ack.order_id, ack.placed) == ("9", ["10"])
    (refused,) = ack.refused
    assert isinstance(refused.as_error(), MarginException)
    assert refused.as_error().status == 400
    assert ack.to_dict() == SLICES
    assert await a_kite(answering(SLICES)).raw.place_autoslice_order(**ORDER) == SLICES


async def test_the_older_list_of_slices_is_read_too():
    kite = a_kite(answering(SLICES["children"]))
    ack = await kite.place_autoslice_order(**ORDER)
    assert (ack.order_id, ack.placed) == ("", ["10"])
    assert await kite.place_order(**ORDER, autoslice=True) == "10"
    assert await kite.raw.place_autoslice_order(**ORDER) == SLICES["children"]


async def test_an_order_below_the_freeze_has_no_slices():
    ack = await a_kite(answering({"order_id": "9"})).place_autoslice_order(**ORDER)
    assert (ack.placed, ack.refused) == (["9"], [])
    ack = await a_kite(answering({"order_id": "9", "children": []})).place_autoslice_order(**ORDER)
    assert ack.placed == ["9"]


async def test_when_every_slice_is_refused_the_order_is():
    nothing = answering({"order_id": "9", "children": [{"error": SHORT}, {"error": SHORT}]})
    with pytest.raises(MarginException, match="Insufficient funds"):
        await a_kite(nothing).place_order(**ORDER, autoslice=True)


@pytest.mark.parametrize("answer", [[], {"order_id": "", "children": []}, {"order_id": ""}])
async def test_an_answer_that_names_no_order_is_an_unknown_outcome(answer):
    with pytest.raises(OrderOutcomeUnknown, match="slice1"):
        await a_kite(answering(answer)).place_order(**ORDER, autoslice=True, tag="slice1")


async def test_zeros_that_mean_nothing_are_left_out():
    transport = answering({"order_id": "1"})
    await a_kite(transport).place_order(
        **ORDER | {"order_type": "MARKET", "price": 0}, trigger_price=0, disclosed_quantity=0,
        validity_ttl=0, iceberg_legs=0, market_protection=-1,
    )  # fmt: skip
    sent = dict(parse_qsl(transport.sent[0].body.decode()))
    assert not {"price", "trigger_price", "disclosed_quantity", "validity_ttl"} & set(sent)
    assert sent["market_protection"] == "-1"


async def test_a_known_instrument_is_checked_before_anything_is_sent():
    infy = Instrument(exchange=Exchange.NSE, symbol="INFY", token=257, tick_size=Decimal("0.1"),
                      lot_size=10)  # fmt: skip
    transport = answering({"order_id": "1", "trigger_id": 1})
    kite = a_kite(transport)
    kite.instrument_of = {"NSE:INFY": infy}.get
    with pytest.raises(InvalidValue, match=r"price: 1500\.05"):
        await kite.place_order(**ORDER | {"price": 1500.05})
    with pytest.raises(InvalidValue, match="quantity"):
        await kite.raw.place_order(**ORDER | {"quantity": 15})
    with pytest.raises(InvalidValue, match=r"orders\[0\]"):
        await kite.place_gtt("single", "INFY", "NSE", [1400], 1500, [LEG | {"price": 1399.55}])
    assert transport.sent == []
    assert await kite.place_order(**ORDER | {"tradingsymbol": "TCS", "price": 1500.05}) == "1"


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("trigger_type", lambda k: k.place_gtt("both", "INFY", "NSE", [1], 2, [LEG])),
        ("trigger_values", lambda k: k.place_gtt("single", "INFY", "NSE", 1, 2, [LEG])),
        ("trigger_values[0]", lambda k: k.place_gtt("single", "INFY", "NSE", ["x"], 2, [LEG])),
        ("orders", lambda k: k.place_gtt("single", "INFY", "NSE", [1], 2, LEG)),
        ("orders[0].price", lambda k: k.place_gtt("single", "A", "NSE", [1], 2,
                                                  [LEG | {"price": None}])),
        ("orders[0].product", lambda k: k.place_gtt(
            "single", "A", "NSE", [1], 2, [{n: v for n, v in LEG.items() if n != "product"}])),
        ("trigger_id", lambda k: k.get_gtt("one")),
        ("trigger_id", lambda k: k.cancel_gtt(True)),
        ("segment", lambda k: k.margins("currency")),
        ("uuids", lambda k: k.delete_alerts()),
        ("uuids", lambda k: k.delete_alerts("u", "")),
        ("uuid", lambda k: k.get_alert("")),
        ("operator", lambda k: k.create_alert("n", "NSE", "INFY", "=>", 5)),
        ("interval", lambda k: k.historical_data(1, "2026-01-05", "2026-01-06", "7minute")),
        ("instrument_token", lambda k: k.historical_data("x", "2026-01-05", "2026-01-06", "day")),
        ("instrument_token", lambda k: k.historical_data(2**32, "2026-01-05", "2026-01-06",
                                                         "day")),
        ("from_date", lambda k: k.historical_data(1, "05-01-2026", "2026-01-06", "day")),
        ("from_date", lambda k: k.historical_data(1, "2026-02-30", "2026-03-06", "day")),
        ("to_date", lambda k: k.historical_data(1, "2026-01-05", "2026-01-04", "day")),
        ("to_date", lambda k: k.historical_data(1, "2026-01-05 10:00:00", "2026-01-05 09:59:59",
                                                "day")),
        ("position_type", lambda k: k.convert_position("NSE", "A", "BUY", "week", 1, "MIS",
                                                       "CNC")),
        ("mode", lambda k: k.order_margins([ORDER], mode="small")),
        ("frequency", lambda k: k.place_mf_sip("INF1", 100, -1, "daily")),
        ("amount", lambda k: k.place_mf_sip("INF1", None, -1, "weekly")),
        ("holdings", lambda k: k.holdings_authorise([("INE1",)])),
        ("holdings.quantity", lambda k: k.holdings_authorise([{"isin": "INE1"}])),
        ("exchange", lambda k: k.instruments("NASDAQ")),
        ("transaction_type", lambda k: k.trigger_range("HOLD", "NSE:INFY")),
    ],
)  # fmt: skip
async def test_a_wrong_argument_is_named_before_anything_is_sent(field, call):
    transport = answering(None)
    with pytest.raises(InvalidValue) as failure:
        await call(a_kite(transport))
    assert failure.value.field == field
    assert transport.sent == []


CANDLES = {"candles": [["2026-01-05T09:15:00+0530", 1704.5, 1705, 1699.25, 1702.8, 2499, 13667],
                       ["2026-01-05T09:16:00+0530", 1, 2, 1, 2, 5, 0]]}  # fmt: skip


async def test_candles_are_a_list_that_still_knows_the_servers_table():
    transport = answering(CANDLES)
    kite = a_kite(transport)
    candles = await kite.historical_data(408065, "2026-01-05", "2026-01-06", "minute", oi=True)
    assert isinstance(candles, list)
    assert isinstance(candles[0], Candle)
    assert (candles[0].open, candles[0].oi, candles[1].oi) == (1704.5, 13667, 0)
    assert candles[0].start_ns == 1_767_584_700_000_000_000
    assert candles[0].date.isoformat() == "2026-01-05T09:15:00+05:30"
    assert candles.to_dict() == CANDLES
    assert [candle.to_list() for candle in candles] == CANDLES["candles"]
    assert await kite.raw.historical_data(408065, "2026-01-05", "2026-01-06", "minute") == CANDLES


async def test_moments_with_a_zone_are_asked_for_in_indian_time():
    transport = answering(CANDLES)
    moment = datetime(2026, 1, 5, 3, 45, tzinfo=UTC)
    await a_kite(transport).historical_data(408065, moment, "2026-01-05 15:30:00", "2minute")
    assert query_of(transport.sent[0])[0] == ("from", "2026-01-05 09:15:00")
    assert transport.sent[0].url.partition("?")[0].endswith("/historical/408065/2minute")


async def test_alerts_are_deleted_together():
    transport = answering(None)
    assert await a_kite(transport).delete_alerts("a-1", "b-2") is None
    assert (transport.sent[0].method, query_of(transport.sent[0])) == (
        "DELETE", [("uuid", "a-1"), ("uuid", "b-2")],
    )  # fmt: skip


async def test_an_alert_that_compares_two_instruments_needs_no_attribute():
    transport = answering({"uuid": "u", "type": "simple"})
    await a_kite(transport).create_alert(
        "n", "NSE", "INFY", ">", rhs_type="instrument", rhs_exchange="NSE", rhs_tradingsymbol="TCS"
    )
    sent = dict(parse_qsl(transport.sent[0].body.decode()))
    assert sent["rhs_attribute"] == sent["lhs_attribute"] == "LastTradedPrice"
    assert "rhs_constant" not in sent


async def test_alerts_are_listed_by_status_and_page():
    transport = answering([])
    await a_kite(transport).get_alerts(status="enabled", page=2, page_size=50)
    assert query_of(transport.sent[0]) == [("status", "enabled"), ("page", "2"),
                                           ("page_size", "50")]  # fmt: skip


async def test_holdings_are_authorised_in_the_browser():
    transport = answering({"request_id": "na8Q"})
    kite = a_kite(transport)
    answer = await kite.holdings_authorise([{"isin": "INE1", "quantity": 5}, ("INE2", 6)])
    assert transport.sent[0].body == b"isin=INE1&quantity=5&isin=INE2&quantity=6"
    path = "/connect/portfolio/authorise/holdings/apikey/na8Q"
    assert kite.holdings_authorisation_url(answer.request_id) == f"{kite.root}{path}"
    at_the_broker = Kite("apikey").holdings_authorisation_url(answer.request_id)
    assert at_the_broker == f"https://kite.zerodha.com{path}"


async def test_renewing_uses_the_new_session_and_shows_no_token():
    transport = answering({"user_id": "AB1234", "access_token": "fresh", "refresh_token": "next"})
    kite = a_kite(transport)
    session = await kite.renew_access_token(Secret("old"), "secret")
    assert "fresh" not in repr(session)
    assert "next" not in repr(session)
    await kite.raw.profile()
    assert transport.sent[1].headers["Authorization"] == "token apikey:fresh"
    raw = await kite.raw.renew_access_token("old", "secret")
    assert raw["access_token"] == "fresh"


async def test_fund_orders_that_the_broker_has_closed_say_so():
    refusal = msgspec.json.encode(
        {"status": "error", "error_type": "PermissionException", "message": "Not available."}
    )
    with pytest.raises(PermissionException):
        await a_kite(answering(refusal, 403)).place_mf_order("INF1", "BUY", amount=1000)


async def test_dumps_come_raw_as_the_servers_bytes():
    body = b"tradingsymbol,amc\n"
    kite = a_kite(answering(body))
    assert await kite.raw.mf_instruments() == body
    assert await kite.raw.instruments("NSE") == await kite.instruments_csv() == body


def test_every_raw_call_is_a_call():
    assert all(callable(getattr(Kite, name)) for name in RAW_CALLS)


def test_a_client_is_made_from_a_configuration():
    config = KiteConfig(api_key="apikey", access_token=Secret("hushhush"),
                        base_url="http://127.0.0.1:1/", timeout=30)  # fmt: skip
    kite = Kite.from_config(config)
    assert kite.root == "http://127.0.0.1:1"
    assert config.timeouts == Timeouts(connect=3.0, read=27.0, total=30.0)
    assert KiteConfig(api_key="k", timeout=2).timeouts == Timeouts(connect=2.0, read=2.0, total=2.0)
    assert "hushhush" not in repr(config)


@pytest.mark.parametrize(
    ("field", "changes"),
    [("api_key", {"api_key": ""}), ("base_url", {"base_url": "http://api.kite.trade"}),
     ("timeout", {"timeout": 0}), ("timeout", {"timeout": float("nan")})],
)  # fmt: skip
def test_a_wrong_configuration_names_its_field(field, changes):
    with pytest.raises(InvalidValue) as failure:
        KiteConfig(**{"api_key": "k"} | changes)
    assert failure.value.field == field
