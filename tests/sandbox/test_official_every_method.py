"""Every public method of the official Python client against a sandbox; none can be forgotten.

The list comes from the client itself: a method that a new version brings fails here until there is
something that tries it.
"""

import datetime
import inspect
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

from patang.domain.instrument import InstrumentId
from patang.sandbox.apps import AppSettings
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture

USERS = tuple(SandboxUser(user_id=f"EM{number:04}") for number in range(60))
INFY, RELIANCE = "NSE:INFY", "NSE:RELIANCE"
INFY_TOKEN = 408065
NOW = datetime.datetime(2026, 11, 19, 9, 20)

exchange = sandbox_fixture(
    scope="module",
    users=USERS,
    apps=(AppSettings(has_refresh_tokens=True),),
    fund_orders=True,
)


class Desk:
    """The official client of a user whom no other test has."""

    def __init__(self, server: SandboxServer, user_id: str) -> None:
        self.server = server
        self.user_id = user_id
        self.kite = KiteConnect(server.api_key, server.access_token(user_id), root=server.root)

    def last_price(self, name: str = INFY) -> float:
        return self.kite.ltp(name)[name]["last_price"]

    def below(self, share: float = 0.98, name: str = INFY) -> float:
        """A price on the tick below the market."""
        return round(int(self.last_price(name) * share * 10) / 10, 2)

    def buy(self, **changes) -> str:
        order = {
            "variety": "regular",
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
        return self.kite.place_order(**order)

    def row(self, order_id: str) -> dict:
        return next(order for order in self.kite.orders() if order["order_id"] == order_id)

    def hold(self, symbol: str = "INFY", quantity: int = 20) -> None:
        self.server.call(
            lambda world: world.exchange.seed_holding(
                self.user_id, InstrumentId(f"NSE:{symbol}"), quantity, Decimal("1400.00")
            )
        )


@pytest.fixture(scope="module")
def _free_users() -> Iterator[str]:
    return iter(user.user_id for user in USERS)


@pytest.fixture
def desk(exchange, _free_users) -> Iterator[Desk]:
    desk = Desk(exchange, next(_free_users))
    yield desk
    desk.kite.reqsession.close()


CHECKS: dict[str, Callable[[Desk], None]] = {}


def covers(*names: str) -> Callable[[Callable[[Desk], None]], Callable[[Desk], None]]:
    """Say which methods a check tries."""

    def note(check: Callable[[Desk], None]) -> Callable[[Desk], None]:
        for name in names:
            assert name not in CHECKS
            CHECKS[name] = check
        return check

    return note


def public_methods() -> set[str]:
    functions = inspect.getmembers(KiteConnect, inspect.isfunction)
    return {name for name, _ in functions if not name.startswith("_")}


# --- session -----------------------------------------------------------------------------------


@covers("login_url")
def login_url(desk):
    # Its host is an attribute of the class: the path and the query are what the sandbox serves.
    assert desk.kite.login_url() == (
        f"https://kite.zerodha.com/connect/login?api_key={desk.kite.api_key}&v=3"
    )


@covers("generate_session", "set_access_token", "set_session_expiry_hook")
def a_session_is_opened(desk):
    kite = KiteConnect(desk.kite.api_key, root=desk.server.root)
    expiries = []
    kite.set_session_expiry_hook(lambda: expiries.append(1))
    session = kite.generate_session(desk.server.request_token(desk.user_id), desk.server.api_secret)
    assert session["user_id"] == desk.user_id
    assert session["login_time"] == NOW
    assert kite.profile()["user_id"] == desk.user_id
    kite.set_access_token("x" * 32)
    with pytest.raises(kex.TokenException):
        kite.orders()
    assert expiries == [1]
    kite.reqsession.close()


@covers("renew_access_token", "invalidate_refresh_token")
def a_session_is_renewed(desk):
    session = desk.kite.generate_session(
        desk.server.request_token(desk.user_id), desk.server.api_secret
    )
    assert session["refresh_token"]
    renewed = desk.kite.renew_access_token(session["refresh_token"], desk.server.api_secret)
    assert renewed["access_token"] != session["access_token"]
    assert desk.kite.profile()["user_id"] == desk.user_id
    assert desk.kite.invalidate_refresh_token(renewed["refresh_token"]) is True
    with pytest.raises(kex.TokenException):
        desk.kite.renew_access_token(renewed["refresh_token"], desk.server.api_secret)


@covers("invalidate_access_token")
def a_session_is_closed(desk):
    assert desk.kite.invalidate_access_token() is True
    with pytest.raises(kex.TokenException, match="Incorrect `api_key` or `access_token`"):
        desk.kite.profile()


@covers("profile")
def profile(desk):
    profile = desk.kite.profile()
    assert (profile["user_id"], profile["broker"]) == (desk.user_id, "ZERODHA")
    assert {"NSE"} <= set(profile["exchanges"])
    assert set(profile["order_types"]) == {"MARKET", "LIMIT", "SL", "SL-M"}
    assert profile["meta"]["demat_consent"] in {"", "consent", "physical"}


@covers("margins")
def margins(desk):
    margins = desk.kite.margins()
    assert set(margins) == {"equity", "commodity"}
    assert margins["equity"] == desk.kite.margins("equity")
    before = margins["equity"]["available"]["live_balance"]
    desk.buy(price=1400.0, quantity=10)
    after = desk.kite.margins("equity")
    assert before - after["available"]["live_balance"] >= 14_000
    assert after["net"] == after["available"]["live_balance"]


# --- orders ------------------------------------------------------------------------------------


@covers("place_order", "modify_order", "cancel_order", "orders", "order_history")
def an_order_is_placed_changed_and_cancelled(desk):
    kite = desk.kite
    order_id = desk.buy(tag="every")
    assert desk.row(order_id)["status"] == "OPEN"
    assert kite.modify_order("regular", order_id, quantity=12) == order_id
    assert desk.row(order_id)["quantity"] == 12
    assert kite.cancel_order("regular", order_id) == order_id
    row = desk.row(order_id)
    assert (row["status"], row["tag"], row["cancelled_quantity"]) == ("CANCELLED", "every", 12)
    assert row["order_timestamp"] == NOW
    statuses = [state["status"] for state in kite.order_history(order_id)]
    assert statuses[0] == "PUT ORDER REQ RECEIVED"
    assert {"OPEN", "MODIFIED", "CANCELLED"} <= set(statuses)


@covers("trades", "order_trades")
def a_market_order_trades(desk):
    order_id = desk.buy(order_type="MARKET", quantity=7)
    trades = desk.kite.order_trades(order_id)
    assert sum(trade["quantity"] for trade in trades) == 7
    assert trades == desk.kite.trades()
    assert trades[0]["fill_timestamp"] == NOW
    assert trades[0]["exchange_timestamp"] == NOW


@covers("exit_order")
def a_cover_order_is_exited(desk):
    price = desk.last_price()
    order_id = desk.buy(
        variety="co",
        product="MIS",
        order_type="MARKET",
        trigger_price=round(int(price * 0.985 * 10) / 10, 1),
    )
    second = next(one for one in desk.kite.orders() if one["parent_order_id"] == order_id)
    assert second["status"] == "TRIGGER PENDING"
    assert desk.kite.exit_order("co", second["order_id"], parent_order_id=order_id)
    (position,) = desk.kite.positions()["net"]
    assert position["quantity"] == 0


@covers("place_autoslice_order")
def an_order_beyond_the_freeze_quantity_is_sliced(desk):
    kite = desk.kite
    whole = kite.place_autoslice_order(
        "regular", "NSE", "INFY", "BUY", 10, "CNC", "LIMIT", price=desk.below()
    )
    assert desk.row(whole["order_id"] if isinstance(whole, dict) else whole)["quantity"] == 10


# --- portfolio ---------------------------------------------------------------------------------


@covers("positions", "convert_position")
def a_position_changes_its_product(desk):
    desk.buy(order_type="MARKET", product="MIS", quantity=5)
    (position,) = desk.kite.positions()["net"]
    assert (position["product"], position["quantity"]) == ("MIS", 5)
    assert len(position) >= 29
    done = desk.kite.convert_position("NSE", "INFY", "BUY", "day", 5, "MIS", "CNC")
    assert done is True
    held = {one["product"]: one["quantity"] for one in desk.kite.positions()["net"]}
    assert held["CNC"] == 5
    assert held.get("MIS", 0) == 0


@covers("holdings", "get_auction_instruments")
def holdings_are_held_and_sold(desk):
    assert desk.kite.holdings() == []
    desk.hold("INFY", 20)
    (holding,) = desk.kite.holdings()
    assert (holding["tradingsymbol"], holding["quantity"]) == ("INFY", 20)
    assert holding["average_price"] == 1400
    assert isinstance(holding["used_quantity"], int)
    sold = desk.buy(transaction_type="SELL", order_type="MARKET", quantity=8)
    assert desk.row(sold)["status"] == "COMPLETE"
    assert desk.kite.holdings()[0]["used_quantity"] == 8
    assert desk.kite.get_auction_instruments() == []


# --- margins and charges -----------------------------------------------------------------------


def _margin_order(**changes):
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


@covers("order_margins")
def margins_of_orders(desk):
    cash, intraday = desk.kite.order_margins([_margin_order(), _margin_order(product="MIS")])
    assert cash["total"] == pytest.approx(15_000)
    assert 0 < intraday["total"] < cash["total"]
    assert cash["charges"]["total"] > 0


@covers("basket_order_margins")
def margins_of_a_basket(desk):
    basket = desk.kite.basket_order_margins(
        [_margin_order(), _margin_order(tradingsymbol="RELIANCE", price=1400)],
        consider_positions=False,
    )
    assert len(basket["orders"]) == 2
    assert basket["initial"]["total"] == pytest.approx(29_000)
    assert desk.kite.basket_order_margins([_margin_order()], mode="compact")["final"]["total"] > 0


@covers("get_virtual_contract_note")
def charges_of_orders(desk):
    order = _margin_order(order_id="111", average_price=1500.0)
    del order["price"], order["trigger_price"]
    (note,) = desk.kite.get_virtual_contract_note([order])
    charges = note["charges"]
    assert charges["transaction_tax_type"] == "stt"
    assert charges["transaction_tax"] == pytest.approx(15)
    parts = ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "brokerage")
    total = sum(charges[part] for part in parts) + charges["stamp_duty"] + charges["gst"]["total"]
    assert charges["total"] == pytest.approx(total)


# --- market data -------------------------------------------------------------------------------


@covers("instruments")
def instruments(desk):
    everything = desk.kite.instruments()
    by_name = {(one["exchange"], one["tradingsymbol"]): one for one in everything}
    assert by_name["NSE", "INFY"]["instrument_token"] == INFY_TOKEN
    assert desk.kite.instruments("NSE") == [one for one in everything if one["exchange"] == "NSE"]


@covers("quote", "ohlc", "ltp")
def quotes(desk):
    quote = desk.kite.quote([INFY, RELIANCE])[INFY]
    ohlc = desk.kite.ohlc(INFY)[INFY]
    assert ohlc["ohlc"] == quote["ohlc"]
    assert desk.kite.ltp(INFY)[INFY]["last_price"] == ohlc["last_price"] == quote["last_price"]
    assert len(quote["depth"]["buy"]) == 5
    assert quote["timestamp"] <= NOW


@covers("historical_data")
def candles(desk):
    day = datetime.datetime(2026, 11, 18)
    minutes = desk.kite.historical_data(INFY_TOKEN, day, day.replace(hour=15, minute=30), "minute")
    assert len(minutes) >= 360
    assert minutes[0]["date"].strftime("%H:%M %z") == "09:15 +0530"
    assert set(minutes[0]) == {"date", "open", "high", "low", "close", "volume"}
    (whole,) = desk.kite.historical_data(INFY_TOKEN, "2026-11-18", "2026-11-18", "day", oi=True)
    assert whole["high"] == max(one["high"] for one in minutes)
    assert whole["low"] == min(one["low"] for one in minutes)
    assert whole["oi"] == 0
    assert whole["close"] == desk.kite.ohlc(INFY)[INFY]["ohlc"]["close"]


@covers("trigger_range")
def trigger_range(desk):
    answer = desk.kite.trigger_range("BUY", INFY)[INFY]
    assert answer["instrument_token"] == INFY_TOKEN
    assert 0 < answer["lower"] < answer["upper"]


# --- triggers ----------------------------------------------------------------------------------


def _trigger(desk, *, symbol="INFY", price=None, values=None):
    last = desk.last_price(f"NSE:{symbol}")
    low = round(int(last * 0.95 * 10) / 10, 1)
    return {
        "trigger_type": "single",
        "tradingsymbol": symbol,
        "exchange": "NSE",
        "trigger_values": values or [low],
        "last_price": last,
        "orders": [
            {
                "transaction_type": "BUY",
                "quantity": 1,
                "order_type": "LIMIT",
                "product": "CNC",
                "price": price or low,
            }
        ],
    }


@covers("place_gtt", "get_gtt", "get_gtts", "modify_gtt", "delete_gtt")
def a_trigger_lives(desk):
    kite = desk.kite
    trigger_id = kite.place_gtt(**_trigger(desk))["trigger_id"]
    assert isinstance(trigger_id, int)
    gtt = kite.get_gtt(trigger_id)
    assert (gtt["id"], gtt["status"], gtt["type"]) == (trigger_id, "active", "single")
    assert gtt["condition"]["tradingsymbol"] == "INFY"
    assert [one["id"] for one in kite.get_gtts()] == [trigger_id]
    values = [round(gtt["condition"]["trigger_values"][0] - 1, 1)]
    assert kite.modify_gtt(trigger_id, **_trigger(desk, values=values))["trigger_id"] == trigger_id
    assert kite.get_gtt(trigger_id)["condition"]["trigger_values"] == values
    assert kite.delete_gtt(trigger_id)["trigger_id"] == trigger_id
    assert kite.get_gtt(trigger_id)["status"] == "deleted"


# --- mutual funds ------------------------------------------------------------------------------


@covers("mf_instruments", "mf_holdings", "place_mf_order", "mf_orders", "cancel_mf_order")
def fund_orders(desk):
    kite = desk.kite
    fund = next(one for one in kite.mf_instruments() if one["purchase_allowed"])
    assert isinstance(kite.mf_holdings(), list)
    placed = kite.place_mf_order(
        fund["tradingsymbol"], "BUY", amount=max(5_000, fund["minimum_purchase_amount"])
    )
    order = kite.mf_orders(placed["order_id"])
    assert (order["status"], order["tradingsymbol"]) == ("OPEN", fund["tradingsymbol"])
    assert placed["order_id"] in [one["order_id"] for one in kite.mf_orders()]
    assert kite.cancel_mf_order(placed["order_id"])["order_id"] == placed["order_id"]
    assert kite.mf_orders(placed["order_id"])["status"] == "CANCELLED"


@covers("place_mf_sip", "mf_sips", "modify_mf_sip", "cancel_mf_sip")
def fund_plans(desk):
    kite = desk.kite
    fund = next(one for one in kite.mf_instruments() if one["purchase_allowed"])
    sip_id = kite.place_mf_sip(
        fund["tradingsymbol"], 5_000, 6, "monthly", instalment_day=5, tag="every"
    )["sip_id"]
    assert kite.mf_sips(sip_id)["status"] == "ACTIVE"
    assert kite.modify_mf_sip(sip_id, amount=6_000)["sip_id"] == sip_id
    assert kite.mf_sips(sip_id)["instalment_amount"] == 6_000
    assert kite.cancel_mf_sip(sip_id)["sip_id"] == sip_id
    plans = {one["sip_id"]: one["status"] for one in kite.mf_sips()}
    assert plans.get(sip_id, "CANCELLED") == "CANCELLED"


# --- the tests: last, when every check is known -------------------------------------------------


def test_no_method_of_the_client_is_forgotten():
    assert set(CHECKS) == public_methods()


@pytest.mark.parametrize("check", dict.fromkeys(CHECKS.values()), ids=lambda one: one.__name__)
def test_the_client_is_served(desk, check):
    check(desk)
