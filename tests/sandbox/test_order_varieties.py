"""Every variety and validity of orders over the wire, through the official Python client."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

from patang.domain.instrument import InstrumentId
from patang.rules.ist import at_ist
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture
from patang.simulator.errors import Refused, Rejection

USERS = tuple(
    SandboxUser(user_id=f"OV{number:04}", cash=Decimal(500_000_000)) for number in range(20)
)
MORNING = at_ist(date(2026, 11, 19), 8, 30)
INFY = InstrumentId("NSE:INFY")
OUT_OF_RANGE = "17070 : The Price is out of the LPP range"

exchange = sandbox_fixture(scope="module", users=USERS, universe=400)
dawn = sandbox_fixture(users=USERS[:1], start_ns=MORNING)


@pytest.fixture(scope="module")
def free_users() -> Iterator[str]:
    return iter([user.user_id for user in USERS])


def log_in(exchange: SandboxServer, user_id: str) -> KiteConnect:
    client = KiteConnect(api_key=exchange.api_key, root=exchange.root)
    client.set_access_token(exchange.access_token(user_id))
    return client


@pytest.fixture
def user(free_users) -> str:
    return next(free_users)


@pytest.fixture
def kite(exchange, user) -> Iterator[KiteConnect]:
    client = log_in(exchange, user)
    yield client
    client.reqsession.close()


def place(kite: KiteConnect, **changes) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 10,
        "product": "MIS",
        "order_type": "LIMIT",
    }
    return kite.place_order(**order | changes)


def rows(kite: KiteConnect) -> list[dict]:
    return kite.orders()


def row(kite: KiteConnect, order_id: str) -> dict:
    return next(one for one in rows(kite) if one["order_id"] == order_id)


def near(kite: KiteConnect, percent: float) -> float:
    """A price so far from the last one, on a coarse tick."""
    return float(round(kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"] * (1 + percent / 100)))


def statuses(kite: KiteConnect, order_id: str) -> list[str]:
    return [state["status"] for state in kite.order_history(order_id)]


def test_legs_of_an_iceberg_are_rows_with_their_progress(kite):
    place(
        kite,
        variety="iceberg",
        quantity=10,
        iceberg_legs=3,
        iceberg_quantity=4,
        price=near(kite, 1),
        tag="ice",
    )
    legs = rows(kite)
    assert [one["status"] for one in legs] == ["COMPLETE"] * 3
    assert [one["quantity"] for one in legs] == [4, 4, 2]
    assert [one["variety"] for one in legs] == ["iceberg"] * 3
    assert legs[1]["meta"] == {
        "iceberg": {
            "leg": 2,
            "legs": 3,
            "leg_quantity": 4,
            "total_quantity": 10,
            "remaining_quantity": 2,
        }
    }
    assert {one["tag"] for one in legs} == {"ice"}


def test_minutes_of_a_ttl_order_run_out(exchange, kite):
    order_id = place(kite, price=near(kite, -5), validity="TTL", validity_ttl=1)
    assert (row(kite, order_id)["validity"], row(kite, order_id)["validity_ttl"]) == ("TTL", 1)
    exchange.advance(59)
    assert row(kite, order_id)["status"] == "OPEN"
    exchange.advance(1)
    assert row(kite, order_id)["status"] == "CANCELLED"
    assert row(kite, order_id)["cancelled_quantity"] == 10


def test_cover_order_has_a_stop_leg_that_exits_at_the_market(kite):
    entry_id = place(
        kite,
        variety="co",
        order_type="MARKET",
        market_protection=2,
        trigger_price=near(kite, -2),
    )
    leg = next(one for one in rows(kite) if one["parent_order_id"] == entry_id)
    assert row(kite, entry_id)["status"] == "COMPLETE"
    assert (leg["status"], leg["order_type"], leg["variety"]) == ("TRIGGER PENDING", "SL-M", "co")
    kite.modify_order("co", leg["order_id"], parent_order_id=entry_id, trigger_price=near(kite, -3))
    assert statuses(kite, leg["order_id"])[-1] == "TRIGGER PENDING"
    with pytest.raises(kex.InputException, match="price or trigger_price alone"):
        kite.modify_order("co", leg["order_id"], quantity=5)
    assert kite.exit_order("co", leg["order_id"], parent_order_id=entry_id) == leg["order_id"]
    assert row(kite, leg["order_id"])["status"] == "COMPLETE"
    assert kite.positions()["net"][0]["quantity"] == 0


def test_large_order_comes_back_as_slices(exchange, kite):
    future = min(
        (one for one in kite.instruments("NFO") if one["name"] == "NIFTY"),
        key=lambda one: (one["instrument_type"] != "FUT", one["expiry"]),
    )
    instrument = InstrumentId(f"NFO:{future['tradingsymbol']}")
    freeze = exchange.call(lambda world: world.exchange.instrument(instrument).freeze_quantity)
    lot = future["lot_size"]
    order = {
        "exchange": "NFO",
        "tradingsymbol": future["tradingsymbol"],
        "quantity": freeze // lot * lot + lot,
        "product": "NRML",
        "price": round(kite.ltp(instrument)[instrument]["last_price"] * 0.97),
    }
    with pytest.raises(kex.InputException, match=str(freeze)):
        place(kite, **order)
    # The client gives the parent's id alone; the answer itself has the slices.
    answer = kite._post(
        "order.place",
        url_args={"variety": "regular"},
        params={"transaction_type": "BUY", "order_type": "LIMIT", "autoslice": "true", **order},
    )
    assert [set(child) for child in answer["children"]] == [{"order_id"}, {"order_id"}]
    children = [row(kite, child["order_id"]) for child in answer["children"]]
    assert [child["quantity"] for child in children] == [freeze // lot * lot, lot]
    assert children[0]["tags"] == ["autoslice", f"autoslice:{answer['order_id']}"]

    exchange.call(
        lambda world: world.exchange.refuse_next(
            children[0]["account_id"], Refused("MarginException", "Not now."), skip=1
        )
    )
    answer = kite._post(
        "order.place",
        url_args={"variety": "regular"},
        params={"transaction_type": "BUY", "order_type": "LIMIT", "autoslice": "true", **order},
    )
    assert answer["children"][1] == {
        "error": {"code": 400, "error_type": "MarginException", "message": "Not now.", "data": None}
    }


def test_quantity_below_the_freeze_limit_is_answered_plainly(kite):
    answer = kite._post(
        "order.place",
        url_args={"variety": "regular"},
        params={
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "transaction_type": "BUY",
            "order_type": "LIMIT",
            "quantity": 1,
            "product": "MIS",
            "price": near(kite, -5),
            "autoslice": "true",
        },
    )
    assert set(answer) == {"order_id"}


def test_order_that_the_exchange_refuses_is_a_row(exchange, kite, user):
    exchange.call(
        lambda world: world.exchange.refuse_next(
            user,
            Rejection("The price is out of range.", OUT_OF_RANGE),
        )
    )
    order_id = place(kite, price=near(kite, -1))
    rejected = row(kite, order_id)
    assert rejected["status"] == "REJECTED"
    assert rejected["status_message"] == "The price is out of range."
    assert rejected["status_message_raw"] == OUT_OF_RANGE
    assert (rejected["exchange_order_id"], rejected["exchange_timestamp"]) == (None, None)
    assert (rejected["pending_quantity"], rejected["cancelled_quantity"]) == (0, 0)


def test_depth_shows_only_the_disclosed_part(exchange, kite):
    price = near(kite, -4)
    before = kite.quote("NSE:INFY")["NSE:INFY"]["buy_quantity"]
    place(kite, quantity=1_000, disclosed_quantity=100, price=price)
    assert kite.quote("NSE:INFY")["NSE:INFY"]["buy_quantity"] == before + 100


def test_auction_order_stands_apart_from_the_book(exchange, kite, user):
    exchange.call(lambda world: world.exchange.seed_holding(user, INFY, 60, Decimal(1_400)))
    before = kite.quote("NSE:INFY")["NSE:INFY"]["sell_quantity"]
    order_id = kite._post(
        "order.place",
        url_args={"variety": "auction"},
        params={
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "transaction_type": "SELL",
            "order_type": "LIMIT",
            "quantity": 60,
            "product": "CNC",
            "price": near(kite, 1),
            "auction_number": "22",
        },
    )["order_id"]
    auction = row(kite, order_id)
    assert (auction["variety"], auction["auction_number"], auction["status"]) == (
        "auction",
        "22",
        "OPEN",
    )
    assert kite.quote("NSE:INFY")["NSE:INFY"]["sell_quantity"] == before
    kite.cancel_order("auction", order_id)
    assert row(kite, order_id)["status"] == "CANCELLED"


def test_order_of_the_night_is_sent_when_the_market_opens(dawn):
    kite = log_in(dawn, USERS[0].user_id)
    with pytest.raises(kex.InputException, match="Try placing an AMO order"):
        place(kite, price=near(kite, 1))
    order_id = place(kite, variety="amo", price=near(kite, 1))
    assert statuses(kite, order_id) == ["PUT ORDER REQ RECEIVED", "AMO REQ RECEIVED"]
    kite.modify_order("amo", order_id, quantity=20)
    dawn.advance_to(at_ist(date(2026, 11, 19), 9, 1))
    assert statuses(kite, order_id)[-3:] == ["VALIDATION PENDING", "OPEN PENDING", "OPEN"]
    with pytest.raises(kex.InputException, match="are taken from 16:00 to 08:58"):
        place(kite, variety="amo", price=near(kite, 1))
    dawn.advance_to(at_ist(date(2026, 11, 19), 9, 16))
    done = row(kite, order_id)
    assert (done["status"], done["filled_quantity"], done["variety"]) == ("COMPLETE", 20, "amo")
    kite.reqsession.close()
