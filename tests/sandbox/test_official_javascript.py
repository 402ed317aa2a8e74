"""The official JavaScript client, unmodified and run with Node, against a sandbox.

Every method of its class is tried; the list comes from the class, so that none can be forgotten.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from patang.domain.instrument import InstrumentId
from patang.sandbox.apps import AppSettings
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture
from patang.wire.checksums import postback_checksum
from tests.node_process import JavaScriptClient, JavaScriptError, JavaScriptTicker

USERS = tuple(SandboxUser(user_id=f"JS{number:04}") for number in range(60))
INFY, RELIANCE = "NSE:INFY", "NSE:RELIANCE"
INFY_TOKEN, NIFTY_TOKEN = 408065, 256265
NOW = "2026-11-19T03:50:00.000Z"  # 09:20 in India
exchange = sandbox_fixture(
    scope="module",
    users=USERS,
    apps=(AppSettings(has_refresh_tokens=True),),
    fund_orders=True,
)


class Desk:
    """The client of a user whom no other test has."""

    def __init__(self, server: SandboxServer, user_id: str) -> None:
        self.server = server
        self.user_id = user_id
        self.kite = JavaScriptClient(server.api_key, server.access_token(user_id), server.root)

    def call(self, method: str, *arguments):
        return self.kite.call(method, *arguments)

    def last_price(self, name: str = INFY) -> float:
        return self.call("getLTP", [name])[name]["last_price"]

    def below(self, share: float = 0.98) -> float:
        return round(int(self.last_price() * share * 10) / 10, 1)

    def buy(self, variety: str = "regular", **changes) -> str:
        order = {
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "transaction_type": "BUY",
            "quantity": 10,
            "product": "CNC",
            "order_type": "LIMIT",
        } | changes
        if order["order_type"] == "LIMIT":
            order.setdefault("price", self.below())
        else:
            order.setdefault("market_protection", -1)
        return self.call("placeOrder", variety, order)["order_id"]

    def row(self, order_id: str) -> dict:
        return next(one for one in self.call("getOrders") if one["order_id"] == order_id)


@pytest.fixture(scope="module")
def _free_users() -> Iterator[str]:
    return iter(user.user_id for user in USERS)


@pytest.fixture
def desk(exchange, _free_users) -> Iterator[Desk]:
    desk = Desk(exchange, next(_free_users))
    yield desk
    desk.kite.close()


CHECKS: dict[str, Callable[[Desk], None]] = {}


def covers(*names: str) -> Callable[[Callable[[Desk], None]], Callable[[Desk], None]]:
    """Say which methods a check tries."""

    def note(check: Callable[[Desk], None]) -> Callable[[Desk], None]:
        for name in names:
            assert name not in CHECKS
            CHECKS[name] = check
        return check

    return note


# --- session -----------------------------------------------------------------------------------


@covers("getLoginURL", "generateSession", "setAccessToken", "setSessionExpiryHook")
def a_session_is_opened(desk):
    assert desk.call("getLoginURL").endswith(f"?api_key={desk.server.api_key}&v=3")
    session = desk.call(
        "generateSession", desk.server.request_token(desk.user_id), desk.server.api_secret
    )
    assert (session["user_id"], session["login_time"]) == (desk.user_id, NOW)
    assert desk.call("getProfile")["user_id"] == desk.user_id
    desk.call("setAccessToken", "x" * 32)
    with pytest.raises(JavaScriptError) as raised:
        desk.call("getOrders")
    assert raised.value.told["error_type"] == "TokenException"
    assert desk.call("$expiries") == 1


@covers("renewAccessToken", "invalidateRefreshToken")
def a_session_is_renewed(desk):
    secret = desk.server.api_secret
    session = desk.call("generateSession", desk.server.request_token(desk.user_id), secret)
    renewed = desk.call("renewAccessToken", session["refresh_token"], secret)
    assert renewed["access_token"] != session["access_token"]
    assert desk.call("getProfile")["user_id"] == desk.user_id
    assert desk.call("invalidateRefreshToken", renewed["refresh_token"]) is True


@covers("invalidateAccessToken")
def a_session_is_closed(desk):
    assert desk.call("invalidateAccessToken") is True
    with pytest.raises(JavaScriptError) as raised:
        desk.call("getProfile")
    assert raised.value.told["message"] == "Incorrect `api_key` or `access_token`."


@covers("getProfile")
def profile(desk):
    assert desk.call("getProfile")["broker"] == "ZERODHA"


@covers("getMargins")
def margins(desk):
    both = desk.call("getMargins")
    assert both["equity"] == desk.call("getMargins", "equity")
    assert set(both) == {"equity", "commodity"}


@covers("validatePostback")
def a_postback_is_proved(desk):
    stamp = "2026-11-19 09:20:00"
    told = {
        "order_id": "1",
        "order_timestamp": stamp,
        "checksum": postback_checksum("1", stamp, desk.server.api_secret),
    }
    assert desk.call("validatePostback", told, desk.server.api_secret) is True
    assert desk.call("validatePostback", told, "another") is False


# --- orders ------------------------------------------------------------------------------------


@covers("placeOrder", "modifyOrder", "cancelOrder", "getOrders", "getOrderHistory")
def an_order_is_placed_changed_and_cancelled(desk):
    order_id = desk.buy(tag="every")
    assert isinstance(order_id, str)
    assert desk.call("modifyOrder", "regular", order_id, {"quantity": 12})["order_id"] == order_id
    assert desk.row(order_id)["quantity"] == 12
    assert desk.call("cancelOrder", "regular", order_id)["order_id"] == order_id
    row = desk.row(order_id)
    assert (row["status"], row["tag"], row["order_timestamp"]) == ("CANCELLED", "every", NOW)
    statuses = [state["status"] for state in desk.call("getOrderHistory", order_id)]
    assert {"PUT ORDER REQ RECEIVED", "OPEN", "MODIFIED", "CANCELLED"} <= set(statuses)


@covers("getTrades", "getOrderTrades")
def a_market_order_trades(desk):
    order_id = desk.buy(order_type="MARKET", quantity=7)
    trades = desk.call("getOrderTrades", order_id)
    assert sum(trade["quantity"] for trade in trades) == 7
    assert trades == desk.call("getTrades")
    assert trades[0]["fill_timestamp"] == NOW


@covers("exitOrder")
def a_cover_order_is_exited(desk):
    trigger = desk.below(0.985)
    order_id = desk.buy("co", product="MIS", order_type="MARKET", trigger_price=trigger)
    second = next(one for one in desk.call("getOrders") if one["parent_order_id"] == order_id)
    desk.call("exitOrder", "co", second["order_id"], {"parent_order_id": order_id})
    assert desk.call("getPositions")["net"][0]["quantity"] == 0


def an_order_may_be_sliced(desk):
    assert desk.row(desk.buy(autoslice=True))["quantity"] == 10


# --- portfolio ---------------------------------------------------------------------------------


@covers("getPositions", "convertPosition")
def a_position_changes_its_product(desk):
    desk.buy(order_type="MARKET", product="MIS", quantity=5)
    change = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "position_type": "day",
        "quantity": 5,
        "old_product": "MIS",
        "new_product": "CNC",
    }
    assert desk.call("convertPosition", change) is True
    held = {one["product"]: one["quantity"] for one in desk.call("getPositions")["net"]}
    assert held["CNC"] == 5


@covers("getHoldings", "getAuctionInstruments")
def holdings(desk):
    desk.server.call(
        lambda world: world.exchange.seed_holding(
            desk.user_id, InstrumentId(INFY), 20, Decimal("1400.00")
        )
    )
    (holding,) = desk.call("getHoldings")
    assert (holding["tradingsymbol"], holding["quantity"]) == ("INFY", 20)
    assert desk.call("getAuctionInstruments") == []


# --- margins and charges -----------------------------------------------------------------------


def _order(**changes):
    return {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "CNC",
        "order_type": "LIMIT",
        "quantity": 10,
        "price": 1500,
        "trigger_price": 0,
    } | changes


@covers("orderMargins")
def margins_of_orders(desk):
    (whole,) = desk.call("orderMargins", [_order()], "")
    assert whole["total"] == pytest.approx(15_000)
    assert desk.call("orderMargins", [_order()])  # it asks for the compact form by itself


@covers("orderBasketMargins")
def margins_of_a_basket(desk):
    basket = desk.call("orderBasketMargins", [_order(), _order(quantity=5)], False, "")
    assert len(basket["orders"]) == 2
    assert basket["initial"]["total"] == pytest.approx(22_500)


@covers("getvirtualContractNote")
def charges_of_orders(desk):
    (note,) = desk.call("getvirtualContractNote", [_order(order_id="1", average_price=1500)])
    assert note["charges"]["transaction_tax"] == pytest.approx(15)


# --- market data -------------------------------------------------------------------------------


@covers("getInstruments")
def instruments(desk):
    # The dump is parsed only when its content type is text/csv to the letter.
    # Its parser takes the newline at the end of the last row for the start of another.
    *rows, _ = desk.call("getInstruments", "NSE")
    by_name = {one["tradingsymbol"]: one for one in rows}
    assert by_name["INFY"]["instrument_token"] == str(INFY_TOKEN)
    assert by_name["INFY"]["lot_size"] == 1
    assert len(desk.call("getInstruments")) >= len(by_name)


@covers("getQuote", "getOHLC", "getLTP")
def quotes(desk):
    quote = desk.call("getQuote", [INFY, RELIANCE])[INFY]
    assert quote["ohlc"] == desk.call("getOHLC", [INFY])[INFY]["ohlc"]
    assert quote["last_price"] == desk.last_price()
    assert quote["timestamp"] <= NOW


@covers("getHistoricalData")
def candles(desk):
    minutes = desk.call(
        "getHistoricalData", INFY_TOKEN, "minute", "2026-11-18 09:15:00", "2026-11-18 15:29:00"
    )
    assert minutes[0]["date"] == "2026-11-18T03:45:00.000Z"
    assert len(minutes) >= 360


# --- triggers ----------------------------------------------------------------------------------


@covers("placeGTT", "getGTT", "getGTTs", "modifyGTT", "deleteGTT")
def a_trigger_lives(desk):
    low = desk.below(0.95)
    leg = {
        "transaction_type": "BUY",
        "quantity": 1,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": low,
    }
    trigger = {
        "trigger_type": "single",
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "trigger_values": [low],
        "last_price": desk.last_price(),
        "orders": [leg],
    }
    trigger_id = desk.call("placeGTT", trigger)["trigger_id"]
    assert desk.call("getGTT", trigger_id)["status"] == "active"
    changed = trigger | {"trigger_values": [round(low - 1, 1)]}
    assert desk.call("modifyGTT", trigger_id, changed)["trigger_id"] == trigger_id
    (gtt,) = desk.call("getGTTs")
    assert gtt["condition"]["trigger_values"] == changed["trigger_values"]
    assert desk.call("deleteGTT", trigger_id)["trigger_id"] == trigger_id


# --- mutual funds ------------------------------------------------------------------------------


def _fund(desk) -> dict:
    return next(one for one in desk.call("getMFInstruments") if one["purchase_allowed"])


@covers("getMFInstruments", "getMFHoldings", "placeMFOrder", "getMFOrders", "cancelMFOrder")
def fund_orders(desk):
    fund = _fund(desk)
    assert isinstance(desk.call("getMFHoldings"), list)
    form = {"tradingsymbol": fund["tradingsymbol"], "transaction_type": "BUY", "amount": 10_000}
    order_id = desk.call("placeMFOrder", form)["order_id"]
    assert desk.call("getMFOrders", order_id)["status"] == "OPEN"
    assert desk.call("cancelMFOrder", order_id)["order_id"] == order_id
    assert order_id in [one["order_id"] for one in desk.call("getMFOrders")]


@covers("placeMFSIP", "getMFSIPS", "modifyMFSIP", "cancelMFSIP")
def fund_plans(desk):
    form = {
        "tradingsymbol": _fund(desk)["tradingsymbol"],
        "amount": 5_000,
        "instalments": 6,
        "frequency": "monthly",
        "instalment_day": 5,
    }
    sip_id = desk.call("placeMFSIP", form)["sip_id"]
    assert desk.call("modifyMFSIP", sip_id, {"amount": 6_000})["sip_id"] == sip_id
    assert desk.call("getMFSIPS", sip_id)["instalment_amount"] == 6_000
    assert desk.call("cancelMFSIP", sip_id)["sip_id"] == sip_id
    assert isinstance(desk.call("getMFSIPS"), list)


# --- the tests of the methods: last, when every check is known ----------------------------------


def test_no_method_of_the_client_is_forgotten(desk):
    assert set(CHECKS) == set(desk.call("$methods"))


@pytest.mark.parametrize(
    "check", dict.fromkeys([*CHECKS.values(), an_order_may_be_sliced]), ids=lambda one: one.__name__
)
def test_the_client_is_served(desk, check):
    check(desk)


def test_refusals_reach_the_client_as_they_were_told(desk):
    with pytest.raises(JavaScriptError) as raised:
        desk.buy(price=1450.03)
    assert raised.value.told["error_type"] == "InputException"
    assert "Tick size" in raised.value.told["message"]
    with pytest.raises(JavaScriptError) as raised:
        desk.call("getOrderHistory", "1234567890123456789")
    assert raised.value.told["status"] == "error"


# --- the ticker --------------------------------------------------------------------------------


@pytest.fixture
def start_ticker(exchange) -> Iterator[Callable[..., JavaScriptTicker]]:
    running: list[JavaScriptTicker] = []

    def start(user_id: str, mode: str) -> JavaScriptTicker:
        running.append(
            JavaScriptTicker(
                exchange.api_key,
                exchange.access_token(user_id),
                exchange.ws,
                mode,
                [INFY_TOKEN, NIFTY_TOKEN],
            )
        )
        assert running[-1].next("connect")["connected"] is True
        return running[-1]

    yield start
    for ticker in running:
        ticker.close()


def test_full_ticks_and_order_updates_arrive(desk, start_ticker):
    ticker = start_ticker(desk.user_id, "full")
    tick = ticker.tick(INFY_TOKEN, lambda tick: tick["mode"] == "full")
    quote = desk.call("getQuote", [INFY])[INFY]
    for theirs, ours in (
        ("last_price", "last_price"),
        ("last_traded_quantity", "last_quantity"),
        ("average_traded_price", "average_price"),
        ("volume_traded", "volume"),
        ("total_buy_quantity", "buy_quantity"),
        ("total_sell_quantity", "sell_quantity"),
        ("ohlc", "ohlc"),
        ("depth", "depth"),
        ("exchange_timestamp", "timestamp"),
        ("last_trade_time", "last_trade_time"),
        ("oi", "oi"),
    ):
        assert tick[theirs] == quote[ours], theirs

    order_id = desk.buy(order_type="MARKET", quantity=3, tag="heard")
    update = ticker.next("order", lambda one: one["order"]["status"] == "COMPLETE")
    told = update["order"]
    assert (told["order_id"], told["filled_quantity"]) == (order_id, 3)
    assert (told["tag"], told["user_id"]) == ("heard", desk.user_id)


def test_an_index_has_a_shape_of_its_own(desk, start_ticker):
    tick = start_ticker(desk.user_id, "full").tick(NIFTY_TOKEN, lambda tick: tick["mode"] == "full")
    quote = desk.call("getQuote", ["NSE:NIFTY 50"])["NSE:NIFTY 50"]
    assert tick["tradable"] is False
    assert (tick["last_price"], tick["ohlc"]) == (quote["last_price"], quote["ohlc"])


def test_a_new_subscription_is_in_quote_mode(desk, start_ticker):
    tick = start_ticker(desk.user_id, "quote").tick(INFY_TOKEN)
    assert tick["mode"] == "quote"
    assert "depth" not in tick
    assert tick["last_price"] == desk.last_price()


def test_ltp_mode_carries_the_price_alone(desk, start_ticker):
    tick = start_ticker(desk.user_id, "ltp").tick(INFY_TOKEN, lambda tick: tick["mode"] == "ltp")
    assert set(tick) == {"tradable", "mode", "instrument_token", "last_price"}


def test_the_connection_outlives_the_patience_of_the_client(desk, start_ticker):
    """It reconnects after five silent seconds; heartbeats of one byte keep it from that."""
    ticker = start_ticker(desk.user_id, "ltp")
    heartbeats = [ticker.next("message", lambda one: one["bytes"] == 1) for _ in range(6)]
    assert len(heartbeats) == 6
    ticker.write(f"unsubscribe {INFY_TOKEN}")
    ticker.write("disconnect")
    assert ticker.next("close")["kind"] == "close"


def test_bad_credentials_are_refused_in_the_handshake(exchange):
    ticker = JavaScriptTicker(exchange.api_key, "x" * 32, exchange.ws, "full", [INFY_TOKEN])
    try:
        assert "403" in ticker.next("error")["reason"]
    finally:
        ticker.close()
