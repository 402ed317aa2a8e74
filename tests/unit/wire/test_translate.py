from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, OrderType, Product, Side, Variety
from patang.domain.order import OrderIntent, OrderStatus
from patang.wire.errors import DataException
from patang.wire.forms import parse_place, to_form
from patang.wire.rows import OrderRow, Postback, TradeRow
from patang.wire.times import parse_ist
from patang.wire.translate import fill_of, order_updated, place_form, status_of

INTENT = OrderIntent(
    intent_id="i-1",
    tag="run1x0001",
    strategy="ema",
    instrument="NSE:M&M",
    side=Side.SELL,
    quantity=5,
    order_type=OrderType.SL,
    product=Product.MIS,
    created_ns=1,
    price=Decimal("99.5"),
    trigger_price=Decimal(100),
)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("COMPLETE", OrderStatus.FILLED),
        ("CANCELLED", OrderStatus.CANCELLED),
        ("CANCELLED AMO", OrderStatus.CANCELLED),
        ("REJECTED", OrderStatus.REJECTED),
        ("OPEN", OrderStatus.OPEN),
        ("TRIGGER PENDING", OrderStatus.TRIGGER_PENDING),
        ("CANCEL PENDING", OrderStatus.CANCEL_PENDING),
        ("PUT ORDER REQ RECEIVED", OrderStatus.ACCEPTED),
        ("VALIDATION PENDING", OrderStatus.ACCEPTED),
        ("OPEN PENDING", OrderStatus.ACCEPTED),
        ("MODIFY PENDING", OrderStatus.ACCEPTED),
        ("AMO REQ RECEIVED", OrderStatus.ACCEPTED),
    ],
)
def test_kite_states_have_their_domain_status(text, status):
    assert status_of(text) is status


@pytest.mark.parametrize("text", ["", "COMPLETED?", "MARGIN RECHECK", "NOT CANCELLED", "UPDATE"])
def test_states_we_do_not_know_are_never_final(text):
    assert not status_of(text).is_done


def test_an_intent_becomes_the_request_that_places_it():
    form = place_form(INTENT)
    assert (form.exchange, form.tradingsymbol) == (Exchange.NSE, "M&M")
    text = to_form(form)
    assert text["price"] == "99.5"
    assert text["trigger_price"] == "100"
    assert text["tag"] == "run1x0001"
    assert text["validity"] == "DAY"
    assert parse_place(Variety.REGULAR, text) == form


def row(cls=OrderRow, **changes):
    fields = {
        "order_id": "77",
        "status": "OPEN",
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "transaction_type": "SELL",
        "quantity": 5,
        "tag": "run1x0001",
    }
    return cls(**(fields | changes))


def test_an_order_row_becomes_an_update():
    update = order_updated(
        row(
            filled_quantity=2,
            status_message="partly",
            exchange_timestamp="2026-01-05 10:30:13",
            exchange_update_timestamp="2026-01-05 10:30:15",
        ),
        at_ns=9,
    )
    assert (update.order_id, update.tag, update.instrument) == ("77", "run1x0001", "NSE:M&M")
    assert (update.side, update.quantity, update.filled_quantity) == (Side.SELL, 5, 2)
    assert update.status is OrderStatus.OPEN
    assert update.exchange_ns == parse_ist("2026-01-05 10:30:15")
    assert (update.message, update.at_ns) == ("partly", 9)


def test_an_order_that_has_not_reached_the_exchange_has_no_exchange_time():
    assert order_updated(row(tag=None), at_ns=9).exchange_ns is None


def test_a_partial_fill_pushed_as_update_is_open():
    update = order_updated(row(Postback, status="UPDATE", filled_quantity=2), at_ns=9)
    assert update.status is OrderStatus.OPEN
    modified = order_updated(row(Postback, status="UPDATE"), at_ns=9)
    assert modified.status is OrderStatus.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"tag": "mine", "tags": ["mine", "mktp", "mktp:2.00"]}, "mine"),
        ({"tag": "mktp", "tags": ["mktp", "mktp:2.00", "mine"]}, "mine"),
        ({"tag": None, "tags": ["autoslice", "autoslice:1953367517640548352"]}, None),
        ({"tag": None, "tags": None}, None),
    ],
)
def test_the_marks_that_kite_adds_are_not_the_tag_of_the_order(changes, tag):
    assert order_updated(row(**changes), at_ns=9).tag == tag


@pytest.mark.parametrize(
    "changes",
    [
        {"exchange": "NYSE"},
        {"transaction_type": "HOLD"},
        {"exchange_timestamp": "yesterday"},
        {"tradingsymbol": ""},
    ],
)
def test_a_row_with_strange_words_is_a_data_exception(changes):
    with pytest.raises(DataException, match="77"):
        order_updated(row(**changes), at_ns=9)


TRADE = TradeRow(
    trade_id="9001",
    order_id="77",
    exchange="NSE",
    tradingsymbol="M&M",
    product="MIS",
    transaction_type="SELL",
    average_price=Decimal("99.55"),
    quantity=2,
    fill_timestamp="2026-01-05 10:30:15",
    order_timestamp="10:30:13",
)


def test_a_trade_row_becomes_a_fill():
    fill = fill_of(TRADE)
    assert (fill.trade_id, fill.order_id, fill.instrument) == ("9001", "77", "NSE:M&M")
    assert (fill.side, fill.quantity, fill.product) == (Side.SELL, 2, Product.MIS)
    assert fill.value == Decimal("199.10")
    assert fill.time_ns == parse_ist("2026-01-05 10:30:15")


def test_a_trade_without_a_time_is_a_data_exception():
    import msgspec

    with pytest.raises(DataException, match="9001"):
        fill_of(msgspec.structs.replace(TRADE, fill_timestamp=None))
