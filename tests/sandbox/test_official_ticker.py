"""The official KiteTicker, unmodified, in a process of its own: its reactor cannot restart."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

INFY = 408065
NIFTY = 256265

_PROGRAM = """
import json, sys
from kiteconnect import KiteTicker

root, api_key, access_token, mode = sys.argv[1:]
ticker = KiteTicker(api_key, access_token, root=root)

def say(kind, **more):
    print(json.dumps({"kind": kind, **more}, default=str), flush=True)

def on_connect(ws, response):
    ws.subscribe([408065, 256265])
    if mode != "quote":
        ws.set_mode(mode, [408065, 256265])

ticker.on_connect = on_connect
ticker.on_ticks = lambda ws, ticks: say("ticks", ticks=ticks)
ticker.on_order_update = lambda ws, order: say("order", order=order)
ticker.on_error = lambda ws, code, reason: say("error", code=code, reason=str(reason))
ticker.on_close = lambda ws, code, reason: say("close", code=code, reason=str(reason))
ticker.connect(threaded=True)
sys.stdin.read()
ticker.stop()
"""


class TickerProcess:
    """A running KiteTicker and what it prints."""

    def __init__(self, root: str, api_key: str, access_token: str, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _PROGRAM, root, api_key, access_token, mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"TZ": "Asia/Kolkata"},
        )

    def next(self, kind: str, accept: Callable[[dict], bool] = lambda event: True) -> dict:
        """The next event of a kind that is accepted; the rest is read past."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["kind"] == kind and accept(event):
                return event
        raise AssertionError(f"the ticker ended before any {kind}")

    def tick(self, token: int, accept: Callable[[dict], bool] = lambda tick: True) -> dict:
        """The next tick of a token that is accepted."""

        def has_tick(event: dict) -> bool:
            return any(t["instrument_token"] == token and accept(t) for t in event["ticks"])

        event = self.next("ticks", has_tick)
        return next(t for t in event["ticks"] if t["instrument_token"] == token and accept(t))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_ticker() -> Iterator[Callable[..., TickerProcess]]:
    running: list[TickerProcess] = []

    def start(sandbox: Any, user_id: str, mode: str = "full") -> TickerProcess:
        token = sandbox.access_token(user_id)
        running.append(TickerProcess(sandbox.ready["ws"], sandbox.api_key, token, mode))
        return running[-1]

    yield start
    for ticker in running:
        ticker.close()


def test_full_ticks_and_order_updates_are_the_sandboxs(frozen, kite, start_ticker):
    ticker = start_ticker(frozen, kite.user_id)
    tick = ticker.tick(INFY, lambda tick: tick["mode"] == "full")
    quote = kite.quote("NSE:INFY")["NSE:INFY"]
    for ours, theirs in (
        ("last_price", "last_price"),
        ("last_traded_quantity", "last_quantity"),
        ("average_traded_price", "average_price"),
        ("volume_traded", "volume"),
        ("total_buy_quantity", "buy_quantity"),
        ("total_sell_quantity", "sell_quantity"),
        ("ohlc", "ohlc"),
        ("depth", "depth"),
    ):
        assert tick[ours] == quote[theirs], ours
    assert tick["tradable"] is True
    # The client makes local times; the subprocess runs in India.
    assert tick["exchange_timestamp"] == str(quote["timestamp"])
    assert tick["last_trade_time"] == str(quote["last_trade_time"])

    best = quote["depth"]["sell"][0]
    order_id = kite.place_order(
        variety="regular",
        exchange="NSE",
        tradingsymbol="INFY",
        transaction_type="BUY",
        quantity=best["quantity"],
        product="MIS",
        order_type="LIMIT",
        price=best["price"],
        tag="mine",
    )
    update = ticker.next("order")["order"]
    assert update["order_id"] == order_id
    assert update["status"] == "COMPLETE"
    assert update["user_id"] == kite.user_id
    assert update["filled_quantity"] == best["quantity"]
    assert update["tag"] == "mine"


def test_a_trade_is_pushed_to_whoever_watches(frozen, kite, start_ticker):
    ticker = start_ticker(frozen, "TS0037")
    before = ticker.tick(INFY, lambda tick: tick["mode"] == "full")
    assert before["depth"]["sell"][0]["quantity"] > 1
    kite.place_order(
        variety="regular",
        exchange="NSE",
        tradingsymbol="INFY",
        transaction_type="BUY",
        quantity=1,
        product="MIS",
        order_type="LIMIT",
        price=before["depth"]["sell"][0]["price"],
    )
    after = ticker.tick(INFY, lambda tick: tick["volume_traded"] > before["volume_traded"])
    assert after["volume_traded"] == before["volume_traded"] + 1
    assert after["last_traded_quantity"] == 1


def test_an_index_ticks_in_its_own_shape(frozen, kite, start_ticker):
    tick = start_ticker(frozen, kite.user_id).tick(NIFTY, lambda tick: tick["mode"] == "full")
    quote = kite.quote("NSE:NIFTY 50")["NSE:NIFTY 50"]
    assert tick["tradable"] is False
    assert tick["last_price"] == quote["last_price"]
    assert tick["ohlc"] == quote["ohlc"]
    assert "depth" not in tick


def test_a_new_subscription_starts_in_quote_mode(frozen, kite, start_ticker):
    tick = start_ticker(frozen, kite.user_id, "quote").tick(INFY)
    assert tick["mode"] == "quote"
    assert tick["last_price"] == kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"]


def test_ltp_mode_carries_the_price_alone(frozen, kite, start_ticker):
    tick = start_ticker(frozen, kite.user_id, "ltp").tick(INFY, lambda tick: tick["mode"] == "ltp")
    assert tick == {
        "tradable": True,
        "mode": "ltp",
        "instrument_token": INFY,
        "last_price": kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"],
    }


def test_a_moving_market_keeps_ticking_at_a_bearable_rate(start_sandbox, start_ticker):
    sandbox = start_sandbox(speed=60)
    ticker = start_ticker(sandbox, "AB1234")
    ticks = [ticker.tick(INFY, lambda tick: tick["mode"] == "full") for _ in range(20)]
    volumes = [tick["volume_traded"] for tick in ticks]
    assert volumes == sorted(volumes)
    assert volumes[-1] > volumes[0]
    stamps = [tick["exchange_timestamp"] for tick in ticks]
    assert stamps == sorted(stamps)
    for tick in ticks:
        assert tick["depth"]["buy"][0]["price"] < tick["depth"]["sell"][0]["price"]
        assert tick["ohlc"]["low"] <= tick["last_price"] <= tick["ohlc"]["high"]


def test_bad_credentials_are_refused_in_the_handshake(frozen, start_ticker):
    ticker = TickerProcess(frozen.ready["ws"], frozen.api_key, "x" * 32, "full")
    try:
        assert "403" in ticker.next("error")["reason"]
    finally:
        ticker.close()
