"""Margins, charges and the portfolio over the wire, with the official client and without."""

import asyncio
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

from patang.domain.enums import Product, Side
from patang.domain.instrument import InstrumentId
from patang.kite import AuthorisationNeeded, Kite
from patang.rules.charges import order_charges
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture

RICH = Decimal(50_000_000)
USERS = tuple(SandboxUser(user_id=f"MO{number:04}", cash=RICH) for number in range(90))
CAREFUL = SandboxUser(user_id="NOPOA1", cash=RICH, poa=False)
INFY, SBIN = InstrumentId("NSE:INFY"), InstrumentId("NSE:SBIN")

exchange = sandbox_fixture(scope="module", users=(*USERS, CAREFUL), universe=400)


@pytest.fixture(scope="module")
def free_users() -> Iterator[str]:
    return iter([user.user_id for user in USERS])


def log_in(exchange: SandboxServer, user_id: str) -> KiteConnect:
    client = KiteConnect(api_key=exchange.api_key, root=exchange.root)
    client.user_id = user_id
    client.set_access_token(exchange.access_token(user_id))
    return client


@pytest.fixture
def kite(exchange, free_users) -> Iterator[KiteConnect]:
    client = log_in(exchange, next(free_users))
    yield client
    client.reqsession.close()


@pytest.fixture(scope="module")
def contracts(exchange) -> dict[str, dict]:
    """The near NIFTY future, and two calls of its expiry."""
    client = log_in(exchange, CAREFUL.user_id)
    listed = [one for one in client.instruments("NFO") if one["name"] == "NIFTY"]
    client.reqsession.close()
    future = min(
        (one for one in listed if one["instrument_type"] == "FUT"), key=lambda one: one["expiry"]
    )
    calls = sorted(
        (one for one in listed
         if one["instrument_type"] == "CE" and one["expiry"] == future["expiry"]),
        key=lambda one: one["strike"],
    )  # fmt: skip
    return {"future": future, "call": calls[0], "high_call": calls[-1]}


def asked(one: dict | str, side: str, quantity: int, product: str, price: float = 0) -> dict:
    name = one if isinstance(one, str) else one["tradingsymbol"]
    return {
        "exchange": "NSE" if isinstance(one, str) else "NFO",
        "tradingsymbol": name,
        "transaction_type": side,
        "variety": "regular",
        "product": product,
        "order_type": "LIMIT" if price else "MARKET",
        "quantity": quantity,
        "price": price,
        "trigger_price": 0,
    }


def give(exchange: SandboxServer, user_id: str, name: str, quantity: int, price: int, **more):
    exchange.call(
        lambda world: world.exchange.seed_holding(
            user_id, InstrumentId(name), quantity, Decimal(price), **more
        )
    )


# --- margins ------------------------------------------------------------------------------------


def test_a_delivery_margin_is_the_whole_value(kite):
    (row,) = kite.order_margins([asked("INFY", "BUY", 10, "CNC", 1500)])
    assert (row["type"], row["exchange"], row["tradingsymbol"]) == ("equity", "NSE", "INFY")
    assert (row["var"], row["total"], row["leverage"]) == (15_000, 15_000, 1)
    assert row["span"] == row["exposure"] == row["option_premium"] == 0


def test_an_intraday_margin_is_a_fifth_and_orders_are_answered_in_their_order(kite):
    first, second = kite.order_margins(
        [asked("INFY", "BUY", 10, "MIS", 1500), asked("SBIN", "BUY", 1, "CNC", 900)]
    )
    assert (first["total"], first["leverage"]) == (3_000, 5)
    assert second["tradingsymbol"] == "SBIN"


def test_what_a_margin_says_is_what_an_order_blocks(kite, contracts):
    future = contracts["future"]
    price = round(kite.ltp(f"NFO:{future['tradingsymbol']}").popitem()[1]["last_price"] - 100)
    order = asked(future, "BUY", future["lot_size"], "NRML", price)
    # The first order opens the contract's book, where its price goes on by a tick or two.
    (row,) = kite.order_margins([order])
    before = kite.margins("equity")["net"]
    kite.place_order(**{key: value for key, value in order.items() if key != "trigger_price"})
    assert before - kite.margins("equity")["net"] == pytest.approx(row["total"], rel=1e-3)
    assert 0.10 < row["total"] / (price * future["lot_size"]) < 0.15


def test_a_bought_option_needs_its_premium(kite, contracts):
    call = contracts["call"]
    (row,) = kite.order_margins([asked(call, "BUY", call["lot_size"], "NRML", 100)])
    assert row["option_premium"] == row["total"] == 100 * call["lot_size"]


def test_a_basket_shows_the_benefit_of_a_spread(kite, contracts):
    call, high = contracts["call"], contracts["high_call"]
    lot = call["lot_size"]
    orders = [asked(call, "SELL", lot, "NRML", 120), asked(high, "BUY", lot, "NRML", 40)]
    basket = kite.basket_order_margins(orders)
    assert set(basket) == {"initial", "final", "orders", "charges"}
    assert basket["initial"]["total"] == pytest.approx(
        sum(order["total"] for order in basket["orders"])
    )
    assert basket["final"]["option_premium"] == (40 - 120) * lot
    assert basket["final"]["total"] < basket["initial"]["total"] / 2
    assert basket["initial"]["tradingsymbol"] == ""


def test_a_compact_answer_has_the_totals_alone(kite):
    orders = [asked("INFY", "BUY", 10, "MIS", 1500)]
    whole = kite.basket_order_margins(orders)
    compact = kite.basket_order_margins(orders, mode="compact")
    assert compact["final"]["total"] == whole["final"]["total"] == 3_000
    assert compact["orders"][0] == {
        "type": "equity",
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "total": 3_000,
    }


def test_a_basket_considers_positions_unless_told_not_to(exchange, kite, contracts):
    future = contracts["future"]
    name = InstrumentId(f"NFO:{future['tradingsymbol']}")
    price = exchange.call(lambda world: world.exchange.last_price(name))
    exchange.call(
        lambda world: world.exchange.seed_position(
            kite.user_id, name, Product.NRML, future["lot_size"], price
        )
    )
    order = [asked(future, "SELL", future["lot_size"], "NRML", float(price))]
    assert kite.basket_order_margins(order)["final"]["total"] < 0
    alone = kite.basket_order_margins(order, consider_positions=False)
    assert alone["final"]["total"] > 100_000


def test_charges_are_stated_unrounded_but_for_the_stamp(exchange, kite):
    order = {
        "order_id": "anything",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "MIS",
        "order_type": "MARKET",
        "quantity": 7,
        "average_price": 1523.45,
    }
    (row,) = kite.get_virtual_contract_note([order])
    infy = exchange.call(lambda world: world.exchange.instrument(INFY))
    expected = order_charges(infy, Product.MIS, Side.BUY, 7, Decimal("1523.45"), exchange.now_ns)
    charges = row["charges"]
    assert "order_id" not in row
    assert (row["price"], row["quantity"], row["product"]) == (1523.45, 7, "MIS")
    assert charges["exchange_turnover_charge"] == pytest.approx(float(expected.exchange_fee))
    assert charges["brokerage"] == pytest.approx(1523.45 * 7 * 0.0003)
    assert charges["stamp_duty"] == 0
    assert charges["gst"] == {
        "igst": charges["gst"]["total"], "cgst": 0, "sgst": 0, "total": charges["gst"]["total"],
    }  # fmt: skip
    parts = sum(value for key, value in charges.items()
                if isinstance(value, int | float) and key != "total")  # fmt: skip
    assert charges["total"] == pytest.approx(parts + charges["gst"]["total"])


@pytest.mark.parametrize("path", ["/margins/orders", "/margins/basket", "/charges/orders"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[1]",
        b'[{"exchange":"NSE"}]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_array_of_orders_is_a_bad_parameter(exchange, kite, path, body):
    status, answer = send(exchange, kite, path, body)
    assert (status, answer["error_type"]) == (400, "InputException")


@pytest.mark.parametrize(
    "change",
    [
        {"tradingsymbol": "NOBODY"},
        {"tradingsymbol": "NIFTY 50"},
        {"product": "NRML"},
        {"quantity": 0},
        {"quantity": 10**15},
        {"price": -1},
        {"price": 1e300},
        {"exchange": "NASDAQ"},
    ],
)
def test_an_order_that_cannot_be_is_a_bad_parameter(exchange, kite, change):
    order = asked("INFY", "BUY", 1, "CNC", 1500) | change
    status, answer = send(exchange, kite, "/margins/orders", json.dumps([order]).encode())
    assert (status, answer["error_type"]) == (400, "InputException")


@pytest.mark.parametrize(
    ("path", "most"), [("/margins/orders", 500), ("/margins/basket", 100), ("/charges/orders", 500)]
)
def test_a_list_has_an_end(exchange, kite, path, most):
    order = asked("INFY", "BUY", 1, "CNC", 1500) | {"order_id": "1", "average_price": 1500}
    assert send(exchange, kite, path, json.dumps([order] * most).encode())[0] == 200
    status, answer = send(exchange, kite, path, json.dumps([order] * (most + 1)).encode())
    assert (status, answer["message"]) == (400, f"Maximum of {most} orders per request exceeded.")


def send(exchange: SandboxServer, kite: KiteConnect, path: str, body: bytes) -> tuple[int, dict]:
    reply = requests.post(
        exchange.root + path,
        data=body,
        headers={
            "Authorization": f"token {kite.api_key}:{kite.access_token}",
            "Content-Type": "application/json",
        },
        timeout=10,
    )
    return reply.status_code, reply.json()


# --- the portfolio ------------------------------------------------------------------------------


def test_a_position_is_converted_and_shows_under_its_new_product(kite):
    kite.place_order("regular", "NSE", "INFY", "BUY", 10, "MIS", "MARKET", market_protection=-1)
    assert kite.convert_position("NSE", "INFY", "BUY", "day", 4, "MIS", "CNC") is True
    held = {one["product"]: one["quantity"] for one in kite.positions()["net"]}
    assert held == {"MIS": 6, "CNC": 4}
    with pytest.raises(kex.InputException, match="6 day units are open in MIS"):
        kite.convert_position("NSE", "INFY", "BUY", "day", 7, "MIS", "CNC")
    with pytest.raises(kex.InputException, match="new_product"):
        kite.convert_position("NSE", "INFY", "BUY", "day", 1, "MIS", "MIS")


def test_a_carried_position_is_in_net_and_todays_trades_in_both(exchange, kite, contracts):
    future = contracts["future"]
    name, lot = InstrumentId(f"NFO:{future['tradingsymbol']}"), future["lot_size"]
    close = exchange.call(lambda world: world.exchange.previous_close(name))
    exchange.call(
        lambda world: world.exchange.seed_position(
            kite.user_id, name, Product.NRML, 2 * lot, close - 100
        )
    )
    (carried,) = kite.positions()["net"]
    assert kite.positions()["day"] == []
    assert (carried["quantity"], carried["overnight_quantity"]) == (2 * lot, 2 * lot)
    assert carried["average_price"] == float(close - 100)
    assert carried["pnl"] - carried["m2m"] == pytest.approx(100 * 2 * lot)
    kite.place_order("regular", "NFO", future["tradingsymbol"], "SELL", lot, "NRML", "MARKET",
                     market_protection=-1)  # fmt: skip
    (net,), (day,) = kite.positions()["net"], kite.positions()["day"]
    assert (net["quantity"], net["buy_quantity"], net["sell_quantity"]) == (lot, 2 * lot, lot)
    assert net["buy_m2m"] == pytest.approx(float(close) * 2 * lot)
    assert (day["quantity"], day["buy_quantity"], day["overnight_quantity"]) == (-lot, 0, 0)
    assert day["average_price"] == day["day_sell_price"] == net["sell_price"]
    assert day["pnl"] == pytest.approx(day["sell_value"] - lot * day["last_price"])
    assert net["close_price"] == day["close_price"] == float(close)


def test_holdings_their_summary_and_their_short_list_agree(exchange, kite):
    give(exchange, kite.user_id, "NSE:INFY", 10, 1400, t1_quantity=5)
    give(exchange, kite.user_id, "NSE:SBIN", 20, 1000)
    infy, sbin = kite.holdings()
    assert (infy["quantity"], infy["t1_quantity"], infy["realised_quantity"]) == (10, 5, 10)
    assert infy["pnl"] == pytest.approx((infy["last_price"] - 1400) * 15)
    assert infy["day_change"] == pytest.approx(infy["last_price"] - infy["close_price"])
    assert infy["isin"].startswith("INE")
    assert infy["isin"] != sbin["isin"]
    summary = get(exchange, kite, "/portfolio/holdings/summary")
    assert summary["invested_amount"] == 15 * 1400 + 20 * 1000
    assert summary["total_pnl"] == pytest.approx(infy["pnl"] + sbin["pnl"])
    today = infy["day_change"] * 15 + sbin["day_change"] * 20
    assert summary["today_pnl"] == pytest.approx(today)
    assert summary["today_pnl_percent"] == pytest.approx(
        today / (summary["current_value"] - today) * 100
    )
    compact = get(exchange, kite, "/portfolio/holdings/compact")
    assert compact[0] == {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "instrument_token": 408065,
        "t1_quantity": 5,
        "quantity": 10,
    }


def test_a_sold_holding_is_used_and_frees_four_fifths(exchange, kite):
    give(exchange, kite.user_id, "NSE:SBIN", 50, 800)
    kite.place_order("regular", "NSE", "SBIN", "SELL", 20, "CNC", "MARKET", market_protection=-1)
    (holding,) = kite.holdings()
    assert (holding["quantity"], holding["used_quantity"], holding["realised_quantity"]) == (
        30, 20, 50,
    )  # fmt: skip
    utilised = kite.margins("equity")["utilised"]
    assert utilised["delivery"] == pytest.approx(utilised["holding_sales"] / 5)
    assert kite.margins("equity")["net"] == pytest.approx(
        float(RICH) + utilised["holding_sales"] * 0.8, abs=0.01
    )
    (position,) = kite.positions()["net"]
    assert position["quantity"] == -20


def test_shares_that_were_not_delivered_are_auctioned_the_day_after(exchange, kite, free_users):
    """One owes shares overnight; whoever holds some sees the auction."""
    debtor = log_in(exchange, next(free_users))
    debtor.place_order("regular", "NSE", "TCS", "SELL", 3, "MIS", "MARKET", market_protection=-1)
    give(exchange, kite.user_id, "NSE:TCS", 9, 3000)
    give(exchange, kite.user_id, "NSE:INFY", 1, 1000)
    assert kite.get_auction_instruments() == []
    exchange.call(lambda world: world.exchange.back_office.hold_auctions([InstrumentId("NSE:TCS")]))
    (auction,) = kite.get_auction_instruments()
    assert (auction["tradingsymbol"], auction["auction_number"]) == ("TCS", "2001")
    assert auction["instrument_token"] & 0xFF == 10
    exchange.call(lambda world: world.exchange.back_office.hold_auctions([]))
    debtor.reqsession.close()


def get(exchange: SandboxServer, kite: KiteConnect, path: str):
    reply = requests.get(
        exchange.root + path,
        headers={"Authorization": f"token {kite.api_key}:{kite.access_token}"},
        timeout=10,
    )
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


# --- the depository -----------------------------------------------------------------------------


async def test_a_sale_waits_for_the_depository_where_it_has_to(exchange):
    give(exchange, CAREFUL.user_id, "NSE:INFY", 40, 1400)
    async with Kite(
        exchange.api_key, exchange.access_token(CAREFUL.user_id), exchange.root,
        login_root=f"{exchange.root}/connect/login",
    ) as kite:  # fmt: skip
        sale = ("regular", "NSE", "INFY", "SELL", 25, "CNC", "LIMIT")
        price = kite_price(exchange)
        with pytest.raises(AuthorisationNeeded, match="25 quantity needs authorisation") as refusal:
            await kite.place_order(*sale, price=price)
        assert refusal.value.status == 428
        (holding,) = await kite.holdings()
        asked_for = await kite.holdings_authorise([(holding.isin, 25)])
        assert len(asked_for.request_id) == 32
        page = kite.holdings_authorisation_url(asked_for.request_id)
        granted = await asyncio.to_thread(requests.get, page, timeout=10)
        assert granted.url.endswith("/finish?status=success")
        assert "success" in granted.text
        again = await asyncio.to_thread(requests.get, page, timeout=10)
        assert again.url.endswith("/finish?status=error")
        (holding,) = await kite.holdings()
        assert holding.authorised_quantity == 25
        await kite.place_order(*sale, price=price)
        with pytest.raises(AuthorisationNeeded, match="5 quantity"):
            await kite.place_order("regular", "NSE", "INFY", "SELL", 5, "CNC", "LIMIT", price=price)


def kite_price(exchange: SandboxServer) -> Decimal:
    """Above the market, so that the order rests."""
    last = exchange.call(lambda world: world.exchange.last_price(INFY))
    return (last * Decimal("1.03")).quantize(Decimal(1))


@pytest.mark.parametrize(
    "form",
    [
        "isin=INE000000000&quantity=1",
        "isin=INE000000000",
        "quantity=1",
        "isin={isin}&quantity=0",
        "isin={isin}&quantity=11",
        "isin={isin}&quantity=many",
    ],
)
def test_an_authorisation_of_what_is_not_held_is_refused(exchange, kite, form):
    give(exchange, kite.user_id, "NSE:SBIN", 10, 800)
    isin = kite.holdings()[0]["isin"]
    reply = requests.post(
        f"{exchange.root}/portfolio/holdings/authorise",
        data=form.format(isin=isin),
        headers={
            "Authorization": f"token {kite.api_key}:{kite.access_token}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        timeout=10,
    )
    assert (reply.status_code, reply.json()["error_type"]) == (400, "InputException")


# --- the official samples -----------------------------------------------------------------------
# They are not ours to copy, so where they are absent this test does not exist.

FOLDER = os.environ.get("PATANG_KITE_SAMPLES", "")

if FOLDER:

    def sample(name: str):
        return json.loads((Path(FOLDER) / f"{name}.json").read_bytes())["data"]

    def test_rows_have_the_fields_of_the_official_samples(exchange, kite):
        give(exchange, kite.user_id, "NSE:SBIN", 10, 800)
        kite.place_order("regular", "NSE", "INFY", "BUY", 1, "MIS", "MARKET", market_protection=-1)
        ours, theirs = kite.margins(), sample("margins")
        assert set(ours["equity"]) == set(theirs["equity"])
        for part in ("available", "utilised"):
            assert set(ours["equity"][part]) == set(theirs["equity"][part])
        for kind in ("net", "day"):
            assert set(kite.positions()[kind][0]) == set(sample("positions")[kind][0])
        assert set(kite.holdings()[0]) == set(sample("holdings")[0])
        assert set(kite.holdings()[0]["mtf"]) == set(sample("holdings")[0]["mtf"])
        summary = get(exchange, kite, "/portfolio/holdings/summary")
        assert set(summary) == set(sample("holdings_summary"))
