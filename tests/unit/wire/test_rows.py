from decimal import Decimal

import msgspec
import pytest

from patang.wire.envelope import decode_success, encode_success
from patang.wire.errors import DataException
from patang.wire.messages import OrderUpdate, decode_text
from patang.wire.rows import MarginsRow, OrderRow, Positions, QuoteRow, SessionRow

ORDER = {
    "order_id": "1",
    "status": "OPEN",
    "exchange": "NSE",
    "tradingsymbol": "M&M",
    "transaction_type": "BUY",
    "quantity": 5,
}


def decoded(value, type_):
    return decode_success(200, "application/json", encode_success(value), type_)


def test_money_is_exact_and_quantity_is_int():
    (row,) = decoded([ORDER | {"price": 0.1, "average_price": 109.4}], list[OrderRow])
    assert row.price == Decimal("0.1")
    assert row.average_price * 3 == Decimal("328.2")
    assert type(row.quantity) is int


def test_to_dict_is_what_the_server_sent_whatever_that_was():
    rows = [
        ORDER,
        ORDER | {"tags": ["a"], "meta": {"iceberg": {"leg": 1}}, "brand_new": {"deep": [1.50]}},
        ORDER | {"meta": "text", "tag": None},
    ]
    assert [row.to_dict() for row in decoded(rows, list[OrderRow])] == rows


def test_unknown_fields_are_kept_apart():
    (row,) = decoded([ORDER | {"brand_new": 1}], list[OrderRow])
    assert row.extra == {"brand_new": 1}


def test_changing_what_to_dict_gave_changes_nothing():
    (row,) = decoded([ORDER | {"meta": {"a": 1}}], list[OrderRow])
    row.to_dict()["meta"]["a"] = 2
    assert row.to_dict()["meta"] == {"a": 1}


def test_rows_inside_rows_remember_too():
    position = {
        "tradingsymbol": "A",
        "exchange": "NSE",
        "product": "MIS",
        "quantity": -5,
        "novel": 1,
    }
    book = decoded({"net": [position], "day": []}, Positions)
    assert book.net[0].quantity == -5
    assert book.net[0].to_dict() == position
    segment = {"enabled": True, "net": 1.5, "available": {"cash": 2, "novel": 3}, "utilised": {}}
    margins = decoded({"equity": segment, "commodity": segment}, MarginsRow)
    assert margins.equity.available.extra == {"novel": 3}


def test_optional_fields_are_false_and_stay_out_of_the_encoding():
    row = OrderRow(**ORDER)
    assert not row.tags
    assert not {"tags", "auction_number", "account_id", "terminal_id"} & row.to_dict().keys()


def test_a_built_row_encodes_every_field_that_the_server_always_sends():
    sent = OrderRow(**ORDER).to_dict()
    assert sent["price"] == sent["filled_quantity"] == 0
    assert sent["parent_order_id"] is None
    assert sent["meta"] == {}


def test_equal_rows_are_equal_wherever_they_came_from():
    assert decoded([ORDER], list[OrderRow]) == [OrderRow(**ORDER)]


def test_an_index_quote_needs_no_depth():
    index = {"instrument_token": 256265, "last_price": 23450.55, "ohlc": {"open": 1}}
    quotes = decoded({"NSE:NIFTY 50": index}, dict[str, QuoteRow])
    assert not quotes["NSE:NIFTY 50"].depth
    assert quotes["NSE:NIFTY 50"].to_dict() == index


def test_tokens_do_not_show_in_a_repr():
    row = SessionRow(user_id="AB1234", access_token="S3CRET", login_time="2026-01-05 09:00:00")
    assert "S3CRET" not in repr(row)
    assert "AB1234" in repr(row)


def test_a_null_where_none_is_expected_counts_as_left_out():
    row = ORDER | {"disclosed_quantity": None, "variety": None, "average_price": 109.4}
    body = msgspec.json.encode({"status": "success", "data": [row]})
    (order,) = decode_success(200, "application/json", body, list[OrderRow])
    assert (order.disclosed_quantity, order.variety) == (0, "regular")
    assert order.average_price == Decimal("109.4")
    assert order.to_dict() == row
    update = decode_text(msgspec.json.encode({"type": "order", "data": row}))
    assert isinstance(update, OrderUpdate)
    assert update.order.order_id == order.order_id


@pytest.mark.parametrize("field", ["order_id", "status", "quantity"])
def test_a_null_in_a_field_that_must_be_there_is_an_error(field):
    body = msgspec.json.encode({"status": "success", "data": [ORDER | {field: None}]})
    with pytest.raises(DataException, match=field):
        decode_success(200, "application/json", body, list[OrderRow])
