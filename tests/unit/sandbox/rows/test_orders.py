"""Fields of order rows that only some orders have, and the updates that held orders cause."""

from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.domain.instrument import Instrument
from patang.rules.ist import at_ist
from patang.rules.session import PhaseKind
from patang.sandbox.apps import App
from patang.sandbox.rows.orders import history_rows, order_row, postback
from patang.simulator import Exchange as SimExchange
from patang.simulator import OrderRequest
from patang.simulator.errors import Rejection

INFY = Instrument(exchange=Exchange.NSE, symbol="INFY", token=408065, tick_size=Decimal("0.10"))
APP = App(app_id=7, api_key="key", api_secret="sec", redirect_url="http://127.0.0.1/")
NOON = at_ist(date(2026, 11, 19), 12, 0)
EVENING = at_ist(date(2026, 11, 19), 20, 0)
SECOND = 1_000_000_000


@pytest.fixture
def exchange() -> SimExchange:
    made = SimExchange([INFY], {INFY.id: Decimal(1500)})
    made.open_account("AB1234", Decimal(10_000_000))
    return made


def place(exchange, at_ns=NOON, **more):
    fields = {
        "side": Side.BUY,
        "quantity": 10,
        "order_type": OrderType.LIMIT,
        "product": Product.MIS,
        "price": Decimal(1490),
    }
    return exchange.place("AB1234", OrderRequest(instrument=INFY.id, **fields | more), at_ns)


def sell_to_users(exchange, ticks, quantity):
    exchange.floor.enrol("agent", INFY.id)
    exchange.floor.submit("agent", exchange.venue(INFY.id), False, ticks, quantity, NOON)


def test_plain_order_has_empty_extras(exchange):
    row = order_row(place(exchange), INFY)
    assert (row.placed_by, row.parent_order_id, row.meta, row.validity_ttl) == (
        "AB1234",
        None,
        {},
        0,
    )
    assert not isinstance(row.auction_number, str)


def test_order_of_the_risk_desk_says_so(exchange):
    row = order_row(place(exchange, placed_by="RMS"), INFY)
    assert (row.placed_by, row.account_id) == ("RMS", "AB1234")


def test_origin_and_progress_stand_in_meta(exchange):
    order = place(
        exchange,
        variety=Variety.ICEBERG,
        iceberg_legs=2,
        iceberg_quantity=5,
        origin={"gtt": 123},
    )
    assert order_row(order, INFY).meta == {
        "gtt": 123,
        "iceberg": {
            "leg": 1,
            "legs": 2,
            "leg_quantity": 5,
            "total_quantity": 10,
            "remaining_quantity": 5,
        },
    }


def test_minutes_are_told_in_every_row(exchange):
    order = place(exchange, validity=Validity.TTL, validity_ttl=3)
    assert {row.validity_ttl for row in history_rows(order, INFY)} == {3}


def test_rejected_row_has_both_messages_and_no_exchange_times(exchange):
    exchange.refuse_next(None, Rejection("Blocked.", "RMS:Blocked for MIS", "broker"))
    row = order_row(place(exchange), INFY)
    assert (row.status, row.status_message, row.status_message_raw) == (
        "REJECTED",
        "Blocked.",
        "RMS:Blocked for MIS",
    )
    assert (row.exchange_order_id, row.exchange_timestamp, row.exchange_update_timestamp) == (
        None,
        None,
        None,
    )


def test_second_leg_names_its_parent(exchange):
    entry = place(exchange, variety=Variety.CO, price=Decimal(1500), trigger_price=Decimal(1480))
    sell_to_users(exchange, 15_000, 10)
    exchange.pass_time(NOON + 1)
    leg = exchange.orders("AB1234")[-1]
    assert order_row(leg, INFY).parent_order_id == entry.order_id


def test_time_of_an_order_that_waits_is_that_of_its_last_change(exchange):
    exchange.venue(INFY.id).phase = None
    order = place(exchange, EVENING, variety=Variety.AMO)
    exchange.modify("AB1234", order.order_id, EVENING + 60 * SECOND, quantity=20)
    assert [row.order_timestamp[11:] for row in history_rows(order, INFY)] == [
        "20:00:00",
        "20:00:00",
        "20:01:00",
        "20:01:00",
    ]


def test_fill_of_an_order_whose_change_is_held_back_is_an_update(exchange):
    told = []
    order = place(exchange)
    exchange.cut(NOON)
    exchange.modify("AB1234", order.order_id, NOON, price=Decimal(1495))
    exchange.on_order = lambda one: told.append(postback(one, INFY, APP))
    sell_to_users(exchange, 14_900, 4)
    assert [(update.status, update.filled_quantity) for update in told] == [("UPDATE", 4)]
    exchange.mend(NOON)
    assert told[-1].status == "UPDATE"
    assert told[-1].price == 1495


def test_request_that_the_exchange_did_not_take_changes_nothing_and_is_not_told(exchange):
    told = []
    order = place(exchange)
    exchange.venue(INFY.id).phase = PhaseKind.BUFFER
    exchange.on_order = lambda one: told.append(postback(one, INFY, APP))
    exchange.cancel("AB1234", order.order_id, NOON)
    assert told == [None]
    assert [row.status for row in history_rows(order, INFY)][-3:] == [
        "CANCEL PENDING",
        "NOT CANCELLED",
        "OPEN",
    ]
