"""Whatever the other side sends, the wire answers with its own errors and no others."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.wire.envelope import decode_success, encode_success
from patang.wire.errors import DataException, InputException, KiteError
from patang.wire.forms import PlaceForm, parse_modify, parse_place, to_form
from patang.wire.instruments import COLUMNS, decode_instruments_csv
from patang.wire.messages import BadMessage, ServerText, decode_request, decode_text
from patang.wire.rows import OrderRow, Positions, QuoteRow

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
documents = st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode())
ORDER = {
    "order_id": "1",
    "status": "OPEN",
    "exchange": "NSE",
    "tradingsymbol": "A",
    "transaction_type": "BUY",
    "quantity": 5,
}


def refusal(expected, call, *arguments):
    """The expected error of a call, or None when it answered; any other error fails the test."""
    try:
        call(*arguments)
    except expected as error:
        return error
    return None


@given(documents | st.text(max_size=100))
def test_any_server_text_is_read_without_raising(text):
    assert isinstance(decode_text(text), ServerText)


@given(st.sampled_from(["order", "error", "message", "x"]), json_values)
def test_any_content_of_a_known_frame_is_read_without_raising(kind, content):
    assert isinstance(decode_text(json.dumps({"type": kind, "data": content})), ServerText)


@given(documents | st.text(max_size=100))
def test_any_request_is_read_or_a_bad_message(text):
    error = refusal(BadMessage, decode_request, text)
    assert error is None or error.cause


@given(
    st.sampled_from([200, 201, 400, 403, 429, 500, 502, 503, 504]),
    st.none() | st.sampled_from(["application/json", "text/html"]),
    documents,
    st.sampled_from([list[OrderRow], Positions, dict[str, QuoteRow], bool]),
)
def test_any_answer_is_a_value_or_a_kite_error(status, content_type, body, type_):
    error = refusal(KiteError, decode_success, status, content_type, body, type_)
    assert error is None or (error.status == status and error.message)


@given(st.dictionaries(st.sampled_from([*ORDER, "price", "meta", "tags", "new"]), json_values))
def test_an_order_row_is_whole_or_a_data_exception(changes):
    sent = ORDER | changes
    body = json.dumps({"status": "success", "data": [sent]}).encode()
    try:
        (row,) = decode_success(200, "application/json", body, list[OrderRow])
    except DataException:
        return
    assert row.to_dict() == json.loads(body)["data"][0]


names = st.sampled_from([*PlaceForm.__struct_fields__, "order_id", "squareoff"])
texts = st.text(max_size=25) | st.sampled_from(["NSE", "BUY", "LIMIT", "MIS", "5", "1e9", "-1"])


@given(st.sampled_from([*Variety]) | st.text(max_size=8), st.dictionaries(names, texts))
def test_any_form_is_an_order_or_an_input_exception(variety, form):
    for parse, arguments in ((parse_place, (variety, form)), (parse_modify, (variety, "1", form))):
        error = refusal(InputException, parse, *arguments)
        assert error is None or "`" in error.message


amounts = st.decimals("0.0001", "9999999", places=4)
counts = st.integers(1, 10**6)


@given(
    st.builds(
        PlaceForm,
        variety=st.sampled_from([Variety.REGULAR, Variety.AMO]),
        exchange=st.sampled_from(Exchange),
        tradingsymbol=st.from_regex(r"[A-Z0-9&-]{1,12}", fullmatch=True),
        transaction_type=st.sampled_from(Side),
        order_type=st.sampled_from(OrderType),
        quantity=counts,
        product=st.sampled_from(Product),
        price=amounts,
        trigger_price=amounts,
        validity=st.none() | st.sampled_from(Validity),
        validity_ttl=counts,
        disclosed_quantity=st.none() | counts,
        tag=st.none() | st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
        market_protection=st.none() | st.just(Decimal(-1)) | st.decimals("0.01", "100", places=2),
        autoslice=st.none() | st.booleans(),
    )
)
def test_a_form_comes_back_as_the_order_it_was_made_from(order):
    assert parse_place(order.variety, to_form(order)) == order


cells = st.text(max_size=10) | st.sampled_from(["1", "0.05", "EQ", "NSE", "2026-01-27", ""])


@given(st.lists(st.lists(cells, min_size=11, max_size=13), max_size=4), st.binary(max_size=30))
def test_any_dump_is_instruments_or_a_data_exception(rows, tail):
    text = "\n".join([",".join(COLUMNS), *(",".join(row) for row in rows), ""])
    body = text.encode("utf-8", "surrogatepass") + tail
    error = refusal(DataException, decode_instruments_csv, body)
    assert error is None or error.message.startswith("instruments")


@pytest.mark.parametrize("number", ["1e400", "-0", "0.1", "12345678901234567890.123456789"])
def test_money_keeps_every_digit_the_server_sent(number):
    body = encode_success([]).replace(b"[]", f'{{"x":{number}}}'.encode())
    assert decode_success(200, None, body, dict[str, Decimal]) == {"x": Decimal(number)}
