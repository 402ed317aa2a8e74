import json
from decimal import Decimal

import pytest

from patang.wire.envelope import decode_success, encode_error, encode_success, http_status
from patang.wire.errors import (
    DataException,
    GeneralException,
    HoldingException,
    InputException,
    KiteError,
    MarginException,
    NetworkException,
    OrderException,
    PermissionException,
    TokenException,
    UserException,
    error_class,
)
from patang.wire.refusals import RateLimited
from patang.wire.rows import LtpRow, OrderAck, OrderRow, SessionRow

JSON = "application/json"

WIRE_ERRORS = (
    GeneralException, TokenException, UserException, PermissionException, OrderException,
    InputException, MarginException, HoldingException, NetworkException, DataException,
)  # fmt: skip


def refused(status, body, type_=OrderAck, content_type=JSON):
    with pytest.raises(KiteError) as caught:
        decode_success(status, content_type, body, type_, request_id="r-1")
    return caught.value


def test_success_wraps_the_value():
    assert encode_success(OrderAck(order_id="1")) == (
        b'{"status":"success","data":{"order_id":"1"}}'
    )
    assert encode_success(True) == b'{"status":"success","data":true}'


def test_decimals_travel_as_json_numbers_with_their_digits():
    rows = {"NSE:A": LtpRow(instrument_token=1, last_price=Decimal("109.4"))}
    body = encode_success(rows | {"NSE:B": LtpRow(instrument_token=2, last_price=Decimal(72))})
    assert b'"last_price":109.4' in body
    assert b'"last_price":72}' in body
    assert decode_success(200, JSON, body, dict[str, LtpRow])["NSE:A"] == rows["NSE:A"]


@pytest.mark.parametrize("value", [True, None, [], {}, 3])
def test_any_json_value_is_a_good_answer(value):
    from typing import Any

    assert decode_success(200, JSON, encode_success(value), Any) == value


@pytest.mark.parametrize("cls", WIRE_ERRORS)
def test_every_error_survives_the_wire(cls):
    sent = cls("Something is wrong.")
    got = refused(http_status(sent), encode_error(sent))
    assert type(got) is cls
    assert (got.message, got.error_type) == ("Something is wrong.", cls.__name__)
    assert got.status == cls.default_status >= 400
    assert got.request_id == "r-1"


def test_an_error_keeps_its_own_status():
    assert http_status(NetworkException("Too many requests", status=429)) == 429


def test_an_unknown_error_type_is_general_and_keeps_its_name():
    got = refused(403, b'{"status":"error","message":"No.","error_type":"TwoFAException"}')
    assert type(got) is GeneralException
    assert got.error_type == "TwoFAException"
    assert error_class("TwoFAException") is GeneralException


def test_an_error_envelope_counts_whatever_the_status_says():
    body = b'{"status":"error","message":"Bad.","error_type":"InputException","data":null}'
    assert type(refused(200, body)) is InputException


def test_an_error_without_a_type_is_general():
    got = refused(403, b'{"status":"error","message":"Authentication failed."}')
    assert type(got) is GeneralException
    assert got.message == "Authentication failed."


def test_extra_content_of_an_error_is_ignored():
    body = (
        b'{"status":"error","message":"Short.","error_type":"MarginException",'
        b'"data":{"needed":[1,2]},"more":1}'
    )
    assert type(refused(400, body)) is MarginException


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (502, DataException),
        (503, NetworkException),
        (504, NetworkException),
        (429, RateLimited),
        (403, DataException),
        (500, DataException),
        (200, DataException),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html><h1>502 Bad Gateway</h1></html>"])
def test_an_answer_that_is_no_json_says_so_with_status_and_head(status, expected, body):
    got = refused(status, body, content_type="text/html")
    assert type(got) is expected
    assert got.status == status
    assert str(status) in got.message
    assert body.decode() in got.message


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"success","data":{"order_id":"1"',
        b'{"status":"success","data":{"order_id":1}}',
        b'{"status":"success","data":[]}',
        b'{"status":"success","data":null}',
        b'{"status":"success"}',
        b'{"status":"odd","data":{"order_id":"1"}}',
        b'{"data":{"order_id":"1"}}',
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_cut_or_wrongly_typed_answer_is_a_data_exception(body):
    assert type(refused(200, body)) is DataException


def test_a_success_body_under_an_error_status_is_not_believed():
    got = refused(500, encode_success(OrderAck(order_id="1")))
    assert type(got) is DataException


def test_a_quoted_body_is_short_and_hides_secrets():
    body = b'{"status":"success","data":{"access_token":"S3CRET","api_key":"K3Y","x":' + b"9" * 9999
    got = refused(200, body, SessionRow)
    assert "S3CRET" not in str(got)
    assert "K3Y" not in str(got)
    assert len(got.message) < 500


@pytest.mark.parametrize(
    "body",
    [
        b"<p>Authorization: token K3Y:S3CRET</p>",
        b"<a href='/?api_key=K3Y&access_token=S3CRET&x=1'>",
        b'{"api_key": "K3Y", "enctoken": "S3CRET',
    ],
)
def test_secrets_that_an_error_page_echoes_are_hidden(body):
    text = str(refused(502, body, content_type="text/html"))
    assert "S3CRET" not in text
    assert "K3Y" not in text


def test_a_bool_is_not_a_quantity():
    body = (
        b'{"status":"success","data":[{"order_id":"1","status":"OPEN","exchange":"NSE",'
        b'"tradingsymbol":"A","transaction_type":"BUY","quantity":true}]}'
    )
    assert "quantity" in refused(200, body, list[OrderRow]).message


def test_errors_say_type_status_and_reason():
    error = TokenException("Incorrect `api_key` or `access_token`.", status=403)
    assert str(error) == "TokenException (HTTP 403): Incorrect `api_key` or `access_token`."


def test_answers_round_trip_through_python_json():
    assert json.loads(encode_error(InputException("x", status=400))) == {
        "status": "error",
        "message": "x",
        "data": None,
        "error_type": "InputException",
    }
