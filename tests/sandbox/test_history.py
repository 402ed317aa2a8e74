"""Historical candles and quotes as the official client gets them."""

from datetime import date, datetime, timedelta

import pytest
import requests
from kiteconnect import exceptions as kex

INFY, NIFTY = 408_065, 256_265
TODAY, YESTERDAY = date(2026, 11, 19), date(2026, 11, 18)
PATH = "/instruments/historical/408065/minute"
SPAN = {"from": "2026-11-18", "to": "2026-11-18"}
CAPS = [("/quote", 500), ("/quote/ohlc", 1000), ("/quote/ltp", 1000)]


def ask(kite, path: str = PATH, **query) -> requests.Response:
    headers = {"Authorization": f"token {kite.api_key}:{kite.access_token}", "X-Kite-Version": "3"}
    return requests.get(f"{kite.root}{path}", params=query, headers=headers, timeout=10)


def message(reply: requests.Response) -> str:
    assert reply.status_code == 400
    assert reply.json()["error_type"] == "InputException"
    return reply.json()["message"]


def test_yesterdays_day_closes_at_todays_previous_close(kite):
    for token, name in ((INFY, "NSE:INFY"), (NIFTY, "NSE:NIFTY 50")):
        (candle,) = kite.historical_data(token, YESTERDAY, YESTERDAY, "day")
        assert candle["close"] == kite.ohlc(name)[name]["ohlc"]["close"]
        assert candle["date"].isoformat() == "2026-11-18T00:00:00+05:30"


def test_todays_candles_are_the_days_range_and_volume(kite):
    quote = kite.quote("NSE:INFY")["NSE:INFY"]
    minutes = kite.historical_data(INFY, TODAY, TODAY, "minute")
    assert minutes[0]["date"].strftime("%H:%M") == "09:15"
    assert len(minutes) == 5
    (day,) = kite.historical_data(INFY, TODAY, TODAY, "day")
    for candle in (
        day,
        {
            "open": minutes[0]["open"],
            "high": max(one["high"] for one in minutes),
            "low": min(one["low"] for one in minutes),
            "close": minutes[-1]["close"],
            "volume": sum(one["volume"] for one in minutes),
        },
    ):
        ohlc = quote["ohlc"]
        assert (candle["open"], candle["high"], candle["low"]) == (
            ohlc["open"],
            ohlc["high"],
            ohlc["low"],
        )
        assert candle["close"] == quote["last_price"]
        assert candle["volume"] == quote["volume"]


@pytest.mark.parametrize(
    "interval",
    ["minute", "3minute", "5minute", "10minute", "15minute", "30minute", "60minute", "day"],
)
def test_every_interval_is_served(kite, interval):
    candles = kite.historical_data(INFY, TODAY - timedelta(9), TODAY, interval, oi=True)
    dates = [one["date"] for one in candles]
    assert dates == sorted(set(dates))
    assert all(one["low"] <= one["close"] <= one["high"] for one in candles)
    assert all(one["oi"] == 0 for one in candles)
    assert sum(one["volume"] for one in candles) == sum(
        one["volume"] for one in kite.historical_data(INFY, TODAY - timedelta(9), TODAY, "day")
    )


def test_moments_may_have_a_time_and_count_by_the_start_of_a_candle(kite):
    start = datetime(2026, 11, 18, 10, 0)
    candles = kite.historical_data(INFY, start, start + timedelta(minutes=2), "minute")
    assert [one["date"].strftime("%H:%M") for one in candles] == ["10:00", "10:01", "10:02"]


def test_the_bytes_are_kites(kite):
    reply = ask(kite, **{"from": "2026-11-18 09:15:00", "to": "2026-11-18 09:15:00", "oi": "1"})
    assert reply.headers["content-type"] == "application/json"
    ((stamp, *numbers),) = reply.json()["data"]["candles"]
    assert stamp == "2026-11-18T09:15:00+0530"
    assert len(numbers) == 6
    assert isinstance(numbers[4], int)
    assert isinstance(numbers[5], int)
    reply = ask(kite, **{"from": "2026-11-15", "to": "2026-11-15"})
    assert reply.content == b'{"status":"success","data":{"candles":[]}}', "a Sunday"


def test_what_clients_repeat_in_the_query_is_ignored(kite):
    span = {"from": "2026-11-18", "to": "2026-11-18"}
    plain = ask(kite, **span)
    repeated = ask(kite, **span, interval="day", instrument_token="1", continuous="0")
    assert repeated.content == plain.content


@pytest.mark.parametrize(
    ("path", "query", "text"),
    [
        (PATH, {"from": "2026-09-19", "to": "2026-11-18 00:00:01"}, "interval exceeds max limit"),
        (PATH, {"to": "2026-11-18"}, "from"),
        (PATH, {"from": "2026-11-18", "to": "2026-11-31"}, "invalid to date"),
        (PATH, {"from": "yesterday", "to": "2026-11-18"}, "invalid from date"),
        (PATH, {"from": "2026-11-19", "to": "2026-11-18"}, "from date cannot be after to date"),
        (PATH, SPAN | {"oi": "2"}, "Invalid `oi`."),
        (PATH, SPAN | {"continuous": "1"}, "futures only"),
        ("/instruments/historical/1/day", SPAN, "invalid token"),
        ("/instruments/historical/NSE:INFY/day", SPAN, "invalid token"),
        ("/instruments/historical/408065/7minute", SPAN, "invalid interval"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(kite, path, query, text):
    assert text in message(ask(kite, path, **query))


@pytest.mark.parametrize(("interval", "days"), [("minute", 60), ("day", 2000)])
def test_days_at_both_ends_may_lie_as_far_apart_as_the_limit_says(kite, interval, days):
    last = date(2026, 11, 18)
    kite.historical_data(INFY, last - timedelta(days), last, interval)
    with pytest.raises(kex.InputException, match=f"interval exceeds max limit: {days} days"):
        kite.historical_data(INFY, last - timedelta(days + 1), last, interval)


def test_too_long_a_span_reaches_the_official_client_as_an_input_error(kite):
    with pytest.raises(kex.InputException, match="interval exceeds max limit: 60 days"):
        kite.historical_data(INFY, date(2026, 1, 1), TODAY, "minute")


def test_three_requests_a_second_and_no_more(start_sandbox):
    limited = start_sandbox(speed=0)
    headers = {"Authorization": f"token {limited.api_key}:{limited.access_token('AB1234')}"}
    span = {"from": "2026-11-18", "to": "2026-11-18"}
    codes = [
        requests.get(
            f"{limited.root}/instruments/historical/408065/day",
            params=span,
            headers=headers,
            timeout=10,
        ).status_code
        for _ in range(4)
    ]
    assert codes == [200, 200, 200, 429]


def test_quotes_answer_to_names_and_to_tokens(kite):
    reply = ask(kite, "/quote/ltp", i=["NSE:INFY", "408065", "NSE:NOBODY", "1", "NSE:NIFTY 50"])
    rows = reply.json()["data"]
    assert list(rows) == ["NSE:INFY", "408065", "NSE:NIFTY 50"]
    assert rows["NSE:INFY"] == rows["408065"]
    assert ask(kite, "/quote", i="NSE:NOBODY").content == b'{"status":"success","data":{}}'


@pytest.mark.parametrize(
    ("path", "cap"), [("/quote", 500), ("/quote/ohlc", 1000), ("/quote/ltp", 1000)]
)
def test_quotes_of_more_than_the_cap_are_refused(kite, path, cap):
    tokens = [str(number) for number in range(1, cap + 2)]
    assert ask(kite, path, i=tokens[:cap]).status_code == 200
    assert str(cap) in message(ask(kite, path, i=tokens))


def test_a_full_quote_has_every_field_and_an_index_zeros(kite):
    share, index = ask(kite, "/quote", i=["NSE:INFY", "NSE:NIFTY 50"]).json()["data"].values()
    names = {
        "instrument_token", "timestamp", "last_trade_time", "last_price", "last_quantity",
        "buy_quantity", "sell_quantity", "volume", "average_price", "oi", "oi_day_high",
        "oi_day_low", "net_change", "lower_circuit_limit", "upper_circuit_limit", "ohlc", "depth",
    }  # fmt: skip
    assert set(share) == set(index) == names
    for side in ("buy", "sell"):
        assert len(share["depth"][side]) == 5
        assert index["depth"][side] == [{"price": 0, "quantity": 0, "orders": 0}] * 5
    assert share["oi"] == index["oi"] == index["volume"] == 0
    assert index["last_trade_time"] is None
