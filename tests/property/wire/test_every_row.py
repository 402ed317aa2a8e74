"""Every answer of the endpoint table: made up from its type, read, and given back whole."""

import json
import types
import typing
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patang.wire.candle_rows import Candle, Candles, CandleTable
from patang.wire.endpoints import ENDPOINTS
from patang.wire.envelope import decode_success
from patang.wire.errors import DataException
from patang.wire.rows import Postback, Row, encode_row

ANSWERS = {
    name: endpoint.response
    for name, endpoint in ENDPOINTS.items()
    if endpoint.response is not bytes and endpoint.response is not Any
} | {"postback": Postback}

words = st.text('abcXYZ &-/"\\é0123', max_size=6)
plain = st.none() | st.booleans() | st.integers(-(2**50), 2**50) | words
values = st.recursive(
    plain | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def json_of(kind: Any) -> st.SearchStrategy[Any]:
    """JSON that a server could send for a type of ours."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of([json_of(one) for one in arguments if one is not msgspec.UnsetType])
    if origin is list:
        return st.lists(json_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(words, json_of(arguments[1]), max_size=3)
    if kind is Candle:
        stamp = st.just("2026-01-05T09:15:00+0530")
        prices = [st.decimals(0, 10**6, places=2).map(float)] * 4
        row = st.tuples(stamp, *prices, st.integers(0, 10**9))
        return row.map(list) | st.tuples(row, st.integers(0, 10**9)).map(lambda r: [*r[0], r[1]])
    if isinstance(kind, type) and issubclass(kind, Row):
        return row_json(kind)
    simple = {
        str: words,
        int: st.integers(-(2**50), 2**50),
        bool: st.booleans(),
        float: st.floats(-1e6, 1e6),
        Decimal: st.integers(-(10**9), 10**9) | st.decimals(-(10**6), 10**6, places=4).map(float),
        type(None): st.none(),
        None: st.none(),
    }
    return simple.get(kind, values)


def row_json(kind: type[Row]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of the row's fields, optional ones left out at times, and one we do not know."""
    always, maybe = {}, {"brand_new_field": values}
    for field in msgspec.structs.fields(kind):
        part = json_of(field.type)
        (always if field.required else maybe)[field.encode_name] = part
    return st.fixed_dictionaries(always, optional=maybe)


def plain_of(value: Any) -> Any:
    if isinstance(value, Row):
        return value.to_dict()
    if isinstance(value, list):
        return [plain_of(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_of(item) for key, item in value.items()}
    return value


def holds(encoded: Any, sent: Any) -> bool:
    """Whether what was sent is in our encoding, fields that we do not know aside."""
    if isinstance(sent, dict):
        return all(
            name == "brand_new_field" or (name in encoded and holds(encoded[name], part))
            for name, part in sent.items()
        )
    if isinstance(sent, list):
        return len(encoded) == len(sent) and all(map(holds, encoded, sent))
    return bool(encoded == sent)


def answered(sent: Any, kind: Any) -> Any:
    body = json.dumps({"status": "success", "data": sent}).encode()
    return decode_success(200, "application/json", body, kind)


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_answer_loses_nothing_and_encodes_back(name, data):
    kind = ANSWERS[name]
    sent = data.draw(json_of(kind))
    value = answered(sent, kind)
    assert plain_of(value) == sent
    if kind is CandleTable:
        rows = Candles(value.candles)
        assert rows.to_dict()["candles"] == sent["candles"]
        return
    assert holds(json.loads(encode_row(value)), sent)


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_of_another_type_is_read_or_a_data_exception(name, data):
    kind = ANSWERS[name]
    sent = data.draw(json_of(kind))
    # A null counts as left out, see ``decode_row``; whole rows of a map may go missing so.
    wrong = data.draw(values.filter(lambda value: "null" not in json.dumps(value)))
    target = sent[0] if isinstance(sent, list) and sent else sent
    if isinstance(target, dict) and target:
        target[data.draw(st.sampled_from(sorted(target)))] = wrong
    else:
        sent = wrong
    value = refusal(answered, sent, kind)
    if isinstance(value, DataException):
        assert value.status == 200
    else:
        assert plain_of(value) == sent


def refusal(call: Any, *arguments: Any) -> Any:
    """What the call gives, or the ``DataException`` that it raises."""
    try:
        return call(*arguments)
    except DataException as error:
        return error
