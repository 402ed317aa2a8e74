"""The official Python client, unmodified, against a sandbox process."""

import datetime
import time
from email.utils import parsedate_to_datetime

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

from patang.wire.times import parse_ist

OPENING = datetime.datetime(2026, 11, 19, 9, 20)


def buy(kite: KiteConnect, **changes) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 10,
        "product": "MIS",
        "order_type": "LIMIT",
        "price": 1450.0,
    }
    return kite.place_order(**order | changes)


def last_price(kite: KiteConnect, name: str = "NSE:INFY") -> float:
    return kite.ltp(name)[name]["last_price"]


def row(kite: KiteConnect, order_id: str) -> dict:
    return next(order for order in kite.orders() if order["order_id"] == order_id)


# --- login -------------------------------------------------------------------------------------


def test_a_request_token_becomes_a_session(frozen, kite):
    session = kite.generate_session(frozen.request_token(kite.user_id), frozen.api_secret)
    assert session["user_id"] == kite.user_id
    assert session["api_key"] == frozen.api_key
    assert session["login_time"] == OPENING
    assert len(session["access_token"]) == 32
    assert kite.profile()["user_id"] == kite.user_id


def test_a_login_ends_the_session_before_it(frozen, kite):
    kite.generate_session(frozen.request_token(kite.user_id), frozen.api_secret)
    kite.set_access_token(frozen.access_token(kite.user_id))
    with pytest.raises(kex.TokenException):
        kite.profile()


def test_a_request_token_cannot_be_spent_twice(frozen, kite):
    token = frozen.request_token(kite.user_id)
    kite.generate_session(token, frozen.api_secret)
    with pytest.raises(kex.TokenException, match="Token is invalid or has expired"):
        kite.generate_session(token, frozen.api_secret)


def test_a_wrong_secret_is_refused(frozen, kite):
    with pytest.raises(kex.TokenException, match="checksum"):
        kite.generate_session(frozen.request_token(kite.user_id), "wrong")


def test_the_redirect_carries_the_parameters_of_the_app(frozen):
    url = f"{frozen.ready['login_url']}&redirect_params=state%3D42%26next%3Dhome"
    location = requests.get(url, allow_redirects=False, timeout=5).headers["location"]
    for part in ("status=success", "action=login", "type=login", "state=42", "next=home"):
        assert part in location


def test_the_login_page_knows_its_app_and_its_users(frozen):
    page = f"{frozen.root}/connect/login"
    reply = requests.get(page, params={"v": "3", "api_key": "nobody"}, timeout=5)
    assert (reply.status_code, reply.json()["error_type"]) == (403, "TokenException")
    reply = requests.get(page, params={"v": "3"}, timeout=5)
    assert (reply.status_code, reply.json()["error_type"]) == (400, "InputException")
    reply = requests.get(page, params={"api_key": frozen.api_key, "user_id": "XX"}, timeout=5)
    assert (reply.status_code, reply.json()["error_type"]) == (400, "InputException")


def test_a_browser_without_an_app_ends_on_a_page_that_shows_the_token(frozen):
    reply = requests.get(frozen.ready["login_url"], timeout=5)
    assert reply.status_code == 200
    assert reply.url.split("request_token=")[1][:32] in reply.text


def test_a_logged_out_token_is_dead_and_the_expiry_hook_fires(kite):
    fired = []
    kite.set_session_expiry_hook(lambda: fired.append(True))
    assert kite.invalidate_access_token() is True
    with pytest.raises(kex.TokenException) as raised:
        kite.profile()
    assert str(raised.value) == "Incorrect `api_key` or `access_token`."
    assert raised.value.code == 403
    assert fired == [True]


# --- account -----------------------------------------------------------------------------------


def test_profile_and_margins_have_the_documented_fields(kite):
    profile = kite.profile()
    assert profile["broker"] == "ZERODHA"
    assert "NSE" in profile["exchanges"]
    margins = kite.margins()
    assert margins["equity"]["net"] == 1_000_000
    assert margins["equity"]["available"]["live_balance"] == 1_000_000
    assert kite.margins("equity") == margins["equity"]
    assert kite.margins("commodity")["net"] == 0


def test_an_unknown_margin_segment_is_an_input_error(kite):
    with pytest.raises(kex.InputException):
        kite.margins("shares")


def test_holdings_are_a_list(kite):
    assert kite.holdings() == []


# --- instruments and quotes --------------------------------------------------------------------


def test_instruments_parse_whole_and_by_exchange(kite):
    everything = {one["tradingsymbol"]: one for one in kite.instruments()}
    assert len(everything) >= 20
    assert everything["INFY"]["instrument_token"] == 408065
    assert everything["INFY"]["tick_size"] == 0.1
    assert everything["NIFTY 50"]["segment"] == "INDICES"
    assert {one["tradingsymbol"] for one in kite.instruments("NSE")} == set(everything)
    assert kite.instruments("BSE") == []


def test_the_dump_is_text_csv_without_a_character_set(frozen, kite):
    headers = {"Authorization": f"token {kite.api_key}:{kite.access_token}"}
    reply = requests.get(f"{frozen.root}/instruments/NSE", headers=headers, timeout=5)
    assert reply.headers["content-type"] == "text/csv"


def test_quotes_answer_under_the_names_they_were_asked_for(kite):
    quotes = kite.quote("NSE:INFY", "NSE:NIFTY 50", "408065", "NSE:NOSUCH")
    assert set(quotes) == {"NSE:INFY", "NSE:NIFTY 50", "408065"}
    infy = quotes["NSE:INFY"]
    assert infy == quotes["408065"]
    assert len(infy["depth"]["buy"]) == len(infy["depth"]["sell"]) == 5
    assert infy["depth"]["buy"][0]["price"] < infy["depth"]["sell"][0]["price"]
    assert infy["lower_circuit_limit"] < infy["last_price"] < infy["upper_circuit_limit"]
    assert isinstance(infy["volume"], int)
    assert infy["volume"] > 0
    assert kite.quote("NSE:NOSUCH") == {}


def test_ohlc_and_ltp_agree_with_the_quote(kite):
    quote = kite.quote(["NSE:RELIANCE"])["NSE:RELIANCE"]
    assert kite.ohlc("NSE:RELIANCE") == {
        "NSE:RELIANCE": {
            "instrument_token": 738561,
            "last_price": quote["last_price"],
            "ohlc": quote["ohlc"],
        }
    }
    assert kite.ltp("NSE:RELIANCE") == {
        "NSE:RELIANCE": {"instrument_token": 738561, "last_price": quote["last_price"]}
    }
    assert quote["ohlc"]["low"] <= quote["last_price"] <= quote["ohlc"]["high"]


def test_too_many_instruments_in_a_quote_are_an_input_error(kite):
    with pytest.raises(kex.InputException):
        kite.quote([f"NSE:X{number}" for number in range(501)])


# --- orders ------------------------------------------------------------------------------------


def test_a_limit_order_rests_is_modified_and_cancelled(kite):
    order_id = buy(kite, tag="first")
    assert isinstance(order_id, str)
    placed_ms = (int(order_id) >> 22) + 1288834974657
    assert placed_ms == parse_ist("2026-11-19 09:20:00") // 1_000_000
    order = row(kite, order_id)
    assert order["status"] == "OPEN"
    assert order["pending_quantity"] == 10
    assert order["price"] == 1450
    assert order["tag"] == "first"
    assert order["tags"] == ["first"]
    assert order["order_timestamp"] == OPENING
    assert order["instrument_token"] == 408065

    assert kite.modify_order("regular", order_id, price=1451.5, quantity=12) == order_id
    order = row(kite, order_id)
    assert (order["price"], order["quantity"], order["modified"]) == (1451.5, 12, True)

    assert kite.cancel_order("regular", order_id) == order_id
    order = row(kite, order_id)
    assert order["status"] == "CANCELLED"
    assert (order["cancelled_quantity"], order["pending_quantity"]) == (12, 0)

    statuses = [state["status"] for state in kite.order_history(order_id)]
    assert statuses == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "OPEN",
        "CANCEL PENDING",
        "CANCELLED",
    ]
    early = kite.order_history(order_id)[0]
    assert early["exchange_order_id"] is None
    assert early["exchange_timestamp"] is None


def test_a_protected_market_order_trades_and_is_echoed_as_a_limit(kite):
    order_id = buy(
        kite, order_type="MARKET", price=None, market_protection=-1, tradingsymbol="RELIANCE"
    )
    order = row(kite, order_id)
    assert order["status"] == "COMPLETE"
    assert order["order_type"] == "LIMIT"
    assert order["market_protection"] == 0
    assert order["tags"] == ["mktp", "mktp:0.50"]
    assert order["filled_quantity"] == 10
    trades = kite.order_trades(order_id)
    assert sum(trade["quantity"] for trade in trades) == 10
    assert trades == [one for one in kite.trades() if one["order_id"] == order_id]
    assert trades[0]["order_timestamp"] == "09:20:00"
    assert trades[0]["fill_timestamp"] == OPENING
    paid = sum(trade["average_price"] * trade["quantity"] for trade in trades)
    assert order["average_price"] == pytest.approx(paid / 10)

    positions = kite.positions()
    assert positions["net"] == positions["day"]
    (position,) = positions["net"]
    assert (position["tradingsymbol"], position["quantity"]) == ("RELIANCE", 10)
    assert isinstance(position["quantity"], int)
    assert position["buy_value"] == pytest.approx(paid)
    assert position["pnl"] == pytest.approx(10 * last_price(kite, "NSE:RELIANCE") - paid)
    assert kite.margins("equity")["net"] < 1_000_000


def test_a_position_is_closed_by_the_opposite_order(kite):
    ask = kite.quote("NSE:SBIN")["NSE:SBIN"]["depth"]["sell"][0]["price"]
    buy(kite, tradingsymbol="SBIN", price=ask, quantity=1)
    bid = kite.quote("NSE:SBIN")["NSE:SBIN"]["depth"]["buy"][0]["price"]
    buy(kite, tradingsymbol="SBIN", price=bid, quantity=1, transaction_type="SELL")
    (position,) = kite.positions()["net"]
    assert position["quantity"] == 0
    assert position["pnl"] == pytest.approx(bid - ask)


def test_stop_orders_wait_for_their_trigger(kite):
    price = last_price(kite)
    order_id = buy(
        kite,
        order_type="SL",
        trigger_price=round(price + 20, 1),
        price=round(price + 21, 1),
    )
    assert row(kite, order_id)["status"] == "TRIGGER PENDING"
    kite.cancel_order("regular", order_id)


def test_an_ioc_order_that_cannot_trade_is_cancelled(kite):
    assert row(kite, buy(kite, validity="IOC"))["status"] == "CANCELLED"


def test_two_users_trade_with_each_other(frozen, kite):
    other = KiteConnect(api_key=frozen.api_key, root=frozen.root)
    other.set_access_token(frozen.access_token("TS0039"))
    depth = kite.quote("NSE:TITAN")["NSE:TITAN"]["depth"]
    inside = round(depth["sell"][0]["price"] - 0.1, 1)
    if inside <= depth["buy"][0]["price"]:
        inside = depth["buy"][0]["price"]
    kite_order = buy(kite, tradingsymbol="TITAN", quantity=3, price=inside)
    sold = buy(other, tradingsymbol="TITAN", quantity=1_000, price=inside, transaction_type="SELL")
    assert row(kite, kite_order)["status"] == "COMPLETE"
    mine = {trade["trade_id"] for trade in kite.trades()}
    theirs = {trade["trade_id"] for trade in other.order_trades(sold)}
    assert mine & theirs
    other.reqsession.close()


def test_users_do_not_see_each_others_orders(frozen, kite):
    order_id = buy(kite)
    other = KiteConnect(api_key=frozen.api_key, root=frozen.root)
    other.set_access_token(frozen.access_token("TS0038"))
    assert other.orders() == []
    with pytest.raises(kex.OrderException):
        other.order_history(order_id)
    other.reqsession.close()


# --- refusals ----------------------------------------------------------------------------------


def test_a_price_off_the_tick_is_an_input_error_in_kites_words(kite):
    with pytest.raises(kex.InputException) as raised:
        buy(kite, price=1450.03)
    assert raised.value.code == 400
    assert str(raised.value) == (
        "Tick size for this script is 0.10. Kindly enter price in the multiple of tick size "
        "for this script"
    )
    assert kite.orders() == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tradingsymbol": "NOSUCH"}, "expired or does not exist"),
        ({"tradingsymbol": " padded "}, "expired or does not exist"),
        ({"price": 9_999.0}, "circuit limit"),
        ({"quantity": 0}, "quantity"),
        ({"product": "NRML"}, "product"),
        ({"order_type": "MARKET", "price": None}, "market protection"),
        ({"order_type": "WISH"}, "order_type"),
        ({"tag": "x" * 21}, "tag"),
        ({"tradingsymbol": "NIFTY 50"}, "NIFTY 50"),
    ],
)
def test_bad_orders_are_input_errors_that_say_why(kite, changes, text):
    with pytest.raises(kex.InputException, match=text) as raised:
        buy(kite, **changes)
    assert raised.value.code == 400


def test_short_funds_leave_no_order_and_reach_the_python_client_as_general(kite):
    with pytest.raises(kex.GeneralException, match=r"Insufficient funds\. Required margin"):
        buy(kite, quantity=100_000)
    assert kite.orders() == []


def test_an_order_that_is_done_cannot_be_cancelled(kite):
    order_id = buy(kite)
    kite.cancel_order("regular", order_id)
    with pytest.raises(kex.KiteException) as raised:
        kite.cancel_order("regular", order_id)
    assert raised.value.code == 400


def test_an_unknown_order_is_an_order_error(kite):
    for call in (kite.order_history, kite.order_trades):
        with pytest.raises(kex.OrderException):
            call("1234567890123456789")


def test_wrong_tokens_are_token_errors(frozen, kite):
    kite.set_access_token("x" * 32)
    with pytest.raises(kex.TokenException, match="Incorrect `api_key` or `access_token`"):
        kite.orders()


def test_unknown_routes_and_methods_are_json_errors(frozen):
    reply = requests.get(f"{frozen.root}/no/such/route", timeout=5)
    assert (reply.status_code, reply.json()["error_type"]) == (404, "GeneralException")
    reply = requests.put(f"{frozen.root}/orders", timeout=5)
    assert (reply.status_code, reply.json()["status"]) == (405, "error")


# --- limits and the virtual clock --------------------------------------------------------------


def test_limits_count_by_class_within_a_virtual_second(start_sandbox):
    sandbox = start_sandbox(speed=0)
    client = KiteConnect(api_key=sandbox.api_key, root=sandbox.root)
    client.set_access_token(sandbox.access_token("AB1234"))
    client.ltp("NSE:INFY")
    with pytest.raises(kex.NetworkException, match=r"^Too many requests$") as raised:
        client.quote("NSE:INFY")
    assert raised.value.code == 429
    for _ in range(10):
        buy(client, quantity=1)
    with pytest.raises(kex.NetworkException):
        buy(client, quantity=1)
    assert len(client.orders()) == 10
    client.reqsession.close()


def test_tokens_expire_at_six_of_the_virtual_morning(start_sandbox):
    six_ns = parse_ist("2026-11-20 06:00:00")
    sandbox = start_sandbox(start_ns=six_ns - 2 * 1_000_000_000, rate_limits=False)
    client = KiteConnect(api_key=sandbox.api_key, root=sandbox.root)
    client.set_access_token(sandbox.access_token("AB1234"))
    try:
        while (before_ns := virtual_now(sandbox)) < six_ns + 1_000_000_000:
            assert client.profile()["user_id"] == "AB1234"
            assert before_ns < six_ns
            time.sleep(0.05)
    except kex.TokenException:
        assert virtual_now(sandbox) >= six_ns
    with pytest.raises(kex.TokenException):
        client.orders()
    client.reqsession.close()


def test_the_end_of_continuous_trading_cancels_orders_outside_the_auctions_band(start_sandbox):
    close_ns = parse_ist("2026-11-19 15:15:00")
    sandbox = start_sandbox(start_ns=close_ns - 2 * 1_000_000_000, rate_limits=False)
    client = KiteConnect(api_key=sandbox.api_key, root=sandbox.root)
    client.set_access_token(sandbox.access_token("AB1234"))
    with pytest.raises(kex.InputException, match="square-off time has passed"):
        buy(client)
    order_id = buy(client, product="CNC")
    assert row(client, order_id)["status"] == "OPEN"
    while virtual_now(sandbox) < close_ns:
        time.sleep(0.05)
    assert row(client, order_id)["status"] == "CANCELLED"
    with pytest.raises(kex.InputException, match="lower circuit limit"):
        buy(client, product="CNC")
    late = buy(client, product="CNC", price=last_price(client))
    assert row(client, late)["status"] == "REJECTED"
    assert last_price(client) > 0
    client.reqsession.close()


def test_every_answer_carries_the_virtual_date(start_sandbox):
    sandbox = start_sandbox(speed=60)
    begun_s = sandbox.ready["clock"]["now_ns"] // 1_000_000_000
    stamp = 0.0
    while stamp < begun_s + 5:
        reply = requests.get(f"{sandbox.root}/clock", timeout=5)
        stamp = parsedate_to_datetime(reply.headers["date"]).timestamp()
        assert stamp == reply.json()["now_ns"] // 1_000_000_000
        assert reply.json()["speed"] == 60
        assert "server" not in reply.headers


def virtual_now(sandbox) -> int:
    return requests.get(f"{sandbox.root}/clock", timeout=5).json()["now_ns"]
