"""The trading day over the wire, from before the open to after the close."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kex

from patang.rules.ist import at_ist
from patang.sandbox.testing import SandboxServer, stepped

DAY, NEXT_DAY = date(2026, 11, 19), date(2026, 11, 20)


@contextmanager
def opened(hour: int, minute: int) -> Iterator[tuple[SandboxServer, KiteConnect]]:
    with SandboxServer(stepped(start_ns=at_ist(DAY, hour, minute))) as server:
        kite = KiteConnect(server.api_key, server.access_token(), root=server.root)
        yield server, kite
        kite.reqsession.close()


def order(kite: KiteConnect, **changes) -> str:
    fields = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 10,
        "product": "CNC",
        "order_type": "LIMIT",
    }
    return kite.place_order(**fields | changes)


def statuses(kite: KiteConnect, order_id: str) -> list[str]:
    return [row["status"] for row in kite.order_history(order_id)]


def test_before_the_open_orders_wait_or_meet_in_the_auction():
    with opened(8, 50) as (server, kite):
        quote = kite.quote("NSE:INFY")["NSE:INFY"]
        assert (quote["volume"], quote["ohlc"]["open"]) == (0, 0)
        high = quote["upper_circuit_limit"]
        with pytest.raises(kex.InputException, match="AMO"):
            order(kite, price=high)
        waiting = order(kite, variety="amo", price=high)
        assert statuses(kite, waiting)[-1] == "AMO REQ RECEIVED"

        server.advance_to(at_ist(DAY, 9, 1))
        assert statuses(kite, waiting)[-1] == "OPEN"
        market = order(kite, order_type="MARKET", market_protection=-1)
        assert not kite.trades()
        server.advance_to(at_ist(DAY, 9, 7))
        late = order(kite, order_type="MARKET", market_protection=-1)
        assert statuses(kite, late)[-1] == "REJECTED"
        assert kite.quote("NSE:INFY")["NSE:INFY"]["buy_quantity"] > 0

        server.advance_to(at_ist(DAY, 9, 12))
        assert statuses(kite, waiting)[-1] == statuses(kite, market)[-1] == "COMPLETE"
        opening = kite.quote("NSE:INFY")["NSE:INFY"]["ohlc"]["open"]
        assert {trade["average_price"] for trade in kite.trades()} == {opening}
        server.advance_to(at_ist(DAY, 9, 15))
        assert (
            len(
                [
                    one
                    for one in kite.quote("NSE:INFY")["NSE:INFY"]["depth"]["buy"]
                    if one["quantity"]
                ]
            )
            == 5
        )


def test_from_the_square_off_through_the_closing_auction_into_the_next_day():
    with opened(15, 11) as (server, kite):
        intraday = order(kite, product="MIS", order_type="MARKET", market_protection=-1)
        assert statuses(kite, intraday)[-1] == "COMPLETE"
        price = kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"]
        carried = order(kite, price=round(price * 0.99, 1))
        server.advance_to(at_ist(DAY, 15, 12, 1))
        exit_row = next(row for row in kite.orders() if row["placed_by"] == "RMS")
        assert (exit_row["transaction_type"], exit_row["status"]) == ("SELL", "COMPLETE")
        position = next(one for one in kite.positions()["net"] if one["product"] == "MIS")
        assert position["quantity"] == 0
        with pytest.raises(kex.InputException, match="square-off"):
            order(kite, product="MIS", order_type="MARKET", market_protection=-1)

        server.advance_to(at_ist(DAY, 15, 21))
        limits = kite.quote("NSE:INFY")["NSE:INFY"]
        band = limits["upper_circuit_limit"] / limits["lower_circuit_limit"]
        assert 1.055 < band < 1.065  # three percent each side
        assert statuses(kite, carried)[-1] == "OPEN"
        closing = order(kite, order_type="MARKET", market_protection=-1, quantity=5)
        server.advance_to(at_ist(DAY, 15, 31))
        assert statuses(kite, closing)[-1] == "COMPLETE"
        assert statuses(kite, carried)[-1] == "CANCELLED"
        close = kite.quote("NSE:INFY")["NSE:INFY"]["last_price"]
        trade = next(one for one in kite.trades() if one["order_id"] == closing)
        assert trade["average_price"] == close

        server.advance_to(at_ist(DAY, 16, 30))
        with pytest.raises(kex.InputException, match="AMO"):
            order(kite, price=price)

        server.advance_to(at_ist(NEXT_DAY, 9, 16))
        kite.generate_session(server.request_token(), server.api_secret)
        assert kite.orders() == kite.trades() == []
        quote = kite.quote("NSE:INFY")["NSE:INFY"]
        assert quote["ohlc"]["close"] == close
        assert 0 < quote["ohlc"]["open"] != close
        held = next(one for one in kite.holdings() if one["tradingsymbol"] == "INFY")
        assert held["t1_quantity"] >= 5
