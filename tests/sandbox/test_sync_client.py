"""The blocking client and the callback ticker against a running sandbox."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from patang.domain.errors import InvariantBroken
from patang.kite import KiteFeed, LinkSettings, TokenException
from patang.kite.sync import Kite, KiteAnalytics, KiteInstruments, KiteTicker
from patang.kite.ticker import KiteTicker as AsyncKiteTicker

INFY = 408065
USERS = [{"user_id": f"SY{number:04}"} for number in range(8)]
ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 1,
    "product": "CNC",
    "order_type": "MARKET",
    "market_protection": -1,
}


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=5.0, users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user["user_id"] for user in USERS)


@pytest.fixture
def token(sandbox, free_users) -> str:
    return sandbox.access_token(next(free_users))


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("patang-")]


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not claim():
        assert time.monotonic() < deadline, "it did not happen within fifteen seconds"
        time.sleep(0.005)


def test_a_script_trades_and_reads_its_account(sandbox, token, tmp_path):
    with Kite(sandbox.api_key, token, sandbox.root) as kite:
        instruments = KiteInstruments(kite, tmp_path)
        assert instruments.token("NSE:INFY") == INFY
        assert instruments.search_instruments("infosys")[0].instrument.id == "NSE:INFY"
        order_id = kite.place_order(**ORDER)
        wait_until(lambda: kite.order_history(order_id)[-1].status == "COMPLETE")
        analytics = KiteAnalytics(kite)
        (position,) = analytics.positions_with_pnl(live=True)
        assert (position.row.tradingsymbol, position.row.quantity) == ("INFY", 1)
        (trade,) = analytics.trades_with_pnl().trades
        assert trade.quantity_after == 1
        assert analytics.market_depth("NSE:INFY")["NSE:INFY"].spread > 0
        assert analytics.cancel_all_orders().is_clean
        assert analytics.portfolio_performance().positions.open_positions == 1


def test_the_ticker_calls_back_under_the_official_names_and_starts_again(sandbox, token):
    heard: list[str] = []
    ticker = KiteTicker(sandbox.api_key, token, sandbox.ready["ws"])

    def on_connect(ws: KiteTicker, response: dict) -> None:
        heard.append("connect")
        ws.subscribe([INFY])
        ws.set_mode(ws.MODE_FULL, [INFY])

    def on_ticks(ws: KiteTicker, ticks: list[dict]) -> None:
        assert {tick["instrument_token"] for tick in ticks} == {INFY}
        if ticks[0]["mode"] == "full":
            heard.append("full")
            ws.close()

    ticker.on_connect, ticker.on_ticks = on_connect, on_ticks
    for _ in range(3):
        ticker.connect()
        assert not ticker.is_connected()
    assert [each for each in heard if each == "connect"] == ["connect"] * 3
    assert heard.count("full") == 3
    assert threads() == []


def test_in_the_background_it_hears_of_orders_and_outlives_a_callback_that_fails(sandbox, token):
    orders: list[dict] = []
    errors: list[tuple] = []
    ticker = KiteTicker(sandbox.api_key, token, sandbox.ready["ws"])
    ticker.on_connect = lambda ws, response: 1 / 0
    ticker.on_error = lambda ws, code, reason: errors.append((code, reason))
    ticker.on_order_update = lambda ws, order: orders.append(order)
    ticker.connect(threaded=True)
    wait_until(ticker.is_connected)
    with pytest.raises(InvariantBroken, match="connected already"):
        ticker.connect()
    with Kite(sandbox.api_key, token, sandbox.root) as kite:
        order_id = kite.place_order(**ORDER, tag="mine")
    wait_until(lambda: any(order["status"] == "COMPLETE" for order in orders))
    assert {(order["order_id"], order["tag"]) for order in orders} == {(order_id, "mine")}
    assert "ZeroDivisionError" in errors[0][1]
    ticker.close()
    ticker.close()
    wait_until(lambda: threads() == [])


def test_a_slow_callback_costs_ticks_and_not_the_link(sandbox, token):
    link = LinkSettings(stall_ns=1_500_000_000)
    ticker = KiteTicker(sandbox.api_key, token, sandbox.ready["ws"], link=link, queue_frames=2)
    lost: list[str] = []

    def on_ticks(ws: KiteTicker, ticks: list[dict]) -> None:
        time.sleep(1.6)  # longer than the watchdog's patience
        ws.close()

    ticker.on_connect = lambda ws, response: ws.set_mode("full", [INFY])
    ticker.on_ticks = on_ticks
    ticker.on_close = lambda ws, code, reason: lost.append(reason)
    ticker.connect()
    assert lost == []
    assert ticker.feed.conflated > 0


def test_a_refusal_is_told_and_raised(sandbox):
    told: list[str] = []
    ticker = KiteTicker(sandbox.api_key, "dead", sandbox.ready["ws"])
    ticker.on_error = lambda ws, code, reason: told.append(f"error {code}")
    ticker.on_noreconnect = lambda ws: told.append("no reconnect")
    ticker.on_reconnect = lambda ws, attempts: told.append("reconnect")
    with pytest.raises(TokenException):
        ticker.connect()
    assert told == ["error 403", "no reconnect"]
    assert threads() == []


async def test_the_asynchronous_ticker_calls_back_too(sandbox, token):
    ticker = AsyncKiteTicker(KiteFeed(sandbox.api_key, token, sandbox.ready["ws"]))
    seen: list[str] = []

    def on_ticks(ws: AsyncKiteTicker, ticks: list[dict]) -> None:
        # A packet may overtake the change from the mode in which every subscription begins.
        if ticks[0]["mode"] == "ltp":
            seen.append("ltp")
            ws.close()

    ticker.on_connect = lambda ws, response: ws.set_mode(ws.MODE_LTP, [INFY])
    ticker.on_ticks = on_ticks
    for _ in range(2):
        await ticker.run()
    assert seen == ["ltp", "ltp"]


SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
from patang.kite.sync import Kite, KiteTicker
api_key, token, root, ws = sys.argv[1:]
kite = Kite(api_key, token, root)
kite.orders()
ticker = KiteTicker(api_key, token, ws)
ticker.on_connect = lambda ws, response: print("up", flush=True)
try:
    ticker.connect()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_script_that_closes_nothing_ends_cleanly_on_ctrl_c(sandbox, token):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, sandbox.api_key, token, sandbox.root, sandbox.ready["ws"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
