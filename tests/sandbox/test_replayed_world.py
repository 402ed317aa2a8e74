"""A recorded day behind Kite's own URLs: the official client sees the tape and trades with it."""

from datetime import datetime

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

TICKS = "\n".join(
    [
        "time,instrument,last_price,last_quantity,bid_price_1,bid_quantity_1,ask_price_1,"
        "ask_quantity_1,previous_close",
        *(
            f"2026-11-18 09:{15 + n // 60}:{n % 60:02},NSE:INFY,{1500 + n % 3}.00,30,"
            f"1499.90,40,{1502 + n % 3}.10,50,1490.00"
            for n in range(120)
        ),
    ]
)


@pytest.fixture(scope="module")
def replayed(start_sandbox, tmp_path_factory):
    path = tmp_path_factory.mktemp("tape") / "infy.csv"
    path.write_text(TICKS + "\n")
    return start_sandbox(
        speed=60, rate_limits=False, tape={"path": str(path), "fill_model": "queue-position"}
    )


@pytest.fixture
def client(replayed):
    client = KiteConnect(api_key=replayed.api_key, root=replayed.root)
    client.set_access_token(replayed.access_token("AB1234"))
    yield client
    client.reqsession.close()


def test_the_world_is_the_tape(client):
    assert [row["tradingsymbol"] for row in client.instruments()] == ["INFY"]
    quote = client.quote("NSE:INFY")["NSE:INFY"]
    assert quote["timestamp"].date() == datetime(2026, 11, 18).date()
    assert quote["ohlc"]["close"] == 1490
    (day,) = client.historical_data(408_065, "2026-11-17", "2026-11-17", "day")
    assert day["close"] == 1490


def test_an_order_meets_what_the_tape_shows(client):
    order_id = client.place_order("regular", "NSE", "INFY", "BUY", 10, "MIS", "LIMIT", price=1510.0)
    (trade,) = client.order_trades(order_id)
    assert trade["average_price"] in (1502.1, 1503.1, 1504.1)


def test_a_day_older_than_the_tables_of_charges_trades_all_the_same(start_sandbox, tmp_path):
    path = tmp_path / "old.csv"
    path.write_text(TICKS.replace("2026-11-18", "2019-03-04") + "\n")
    old = start_sandbox(speed=0, rate_limits=False, tape={"path": str(path)})
    kite = KiteConnect(api_key=old.api_key, root=old.root)
    kite.set_access_token(old.access_token("AB1234"))
    order_id = kite.place_order("regular", "NSE", "INFY", "BUY", 1, "CNC", "LIMIT", price=1510.0)
    (trade,) = kite.order_trades(order_id)
    assert trade["average_price"] == 1502.1
    order = {
        "order_id": order_id, "exchange": "NSE", "tradingsymbol": "INFY", "variety": "regular",
        "transaction_type": "BUY", "product": "CNC", "order_type": "LIMIT", "quantity": 1,
        "average_price": 1502.1,
    }  # fmt: skip
    with pytest.raises(kex.InputException, match="charges table begins on"):
        kite.get_virtual_contract_note([order])
    truth = requests.get(f"{old.ready['control']}/truth", timeout=5).json()
    assert truth["users"]["AB1234"]["charges"] is None
    assert len(truth["users"]["AB1234"]["trades"]) == 1
    kite.reqsession.close()
