import pytest

from patang.wire.messages import (
    BadMessage,
    BrokerMessage,
    ErrorText,
    OrderUpdate,
    Other,
    SetMode,
    Subscribe,
    Unsubscribe,
    decode_request,
    decode_text,
    encode_request,
    encode_text,
)
from patang.wire.rows import Postback
from patang.wire.ticks import TickMode

REQUESTS = [
    (Subscribe((408065, 884737)), '{"a":"subscribe","v":[408065,884737]}'),
    (Unsubscribe((408065,)), '{"a":"unsubscribe","v":[408065]}'),
    (SetMode(TickMode.FULL, (408065,)), '{"a":"mode","v":["full",[408065]]}'),
]


@pytest.mark.parametrize(("message", "text"), REQUESTS)
def test_requests_are_written_and_read_as_documented(message, text):
    assert encode_request(message) == text
    assert decode_request(text) == message
    assert decode_request(text.encode()) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"a":"subscribe"}',
        '{"a":"subscribe","v":"408065"}',
        '{"a":"subscribe","v":[true]}',
        '{"a":"subscribe","v":[1.5]}',
        '{"a":"subscribe","v":[-1]}',
        '{"a":"subscribe","v":[4294967296]}',
        '{"a":"mode","v":["loud",[1]]}',
        '{"a":"mode","v":["full"]}',
        '{"a":"dance","v":[1]}',
        "\ud800",
        b"\xff\xfe",
    ],
)
def test_what_is_no_request_is_a_bad_message(text):
    with pytest.raises(BadMessage):
        decode_request(text)


def order(**changes):
    fields = {
        "order_id": "2008040825287630848",
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 5,
    }
    return Postback(**(fields | changes))


@pytest.mark.parametrize(
    "message",
    [OrderUpdate(order(user_id="AB1234")), ErrorText("too many tokens"), BrokerMessage("Hello")],
)
def test_server_texts_come_back_as_they_were_sent(message):
    assert decode_text(encode_text(message)) == message


def test_an_order_update_keeps_fields_that_are_not_known():
    text = encode_text(OrderUpdate(order())).replace('"order_id"', '"fresh":[1],"order_id"')
    update = decode_text(text)
    assert update.order.extra == {"fresh": [1]}


@pytest.mark.parametrize(
    ("text", "expected_type"),
    [
        ("not json", ""),
        ("[1,2]", ""),
        ("null", ""),
        ('{"data":1}', ""),
        ('{"type":"app_code","timestamp":"2026-01-05T10:30:00+05:30"}', "app_code"),
        ('{"type":"instruments_meta","data":{"count":90517,"etag":"x"}}', "instruments_meta"),
        ('{"type":"order"}', "order"),
        ('{"type":"order","data":null}', "order"),
        ('{"type":"order","data":{}}', "order"),
        ('{"type":"order","data":{"order_id":5}}', "order"),
        ("[" * 100_000, ""),
    ],
)
def test_frames_of_other_types_and_broken_ones_come_back_whole(text, expected_type):
    assert decode_text(text) == Other(expected_type, text)
    assert encode_text(decode_text(text)) == text


def test_error_frames_whose_content_is_no_string_are_still_errors():
    assert decode_text('{"type":"error","data":{"code":1}}') == ErrorText('{"code":1}')
    assert decode_text('{"type":"error"}') == ErrorText("null")
