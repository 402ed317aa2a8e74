"""The dump as columns: the same with and without NumPy, and the same as row by row."""

import csv
import io
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.wire.digits import NotNumbers, numbers, whole_numbers
from patang.wire.errors import DataException
from patang.wire.instrument_columns import InstrumentColumns
from patang.wire.instruments import COLUMNS, decode_instruments_csv

HEAD = ",".join(COLUMNS)
ROWS = [
    "408065,1594,INFY,INFOSYS,0.0,,0,0.05,1,EQ,NSE,NSE",
    "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
    '2953217,11536,TCS,"TATA, ""CONSULTANCY"" LTD",3120.35,,,0.1,1,EQ,NSE,NSE',
    "4294967295,16777215,NIFTY26JAN24400CE,NIFTY,1234567.25,2026-01-27,24400.5,0.05,65,CE,NFO-OPT,NFO",
    "291849,1140,GIFT NIFTY,GIFT NIFTY,0,,0,0,1,EQ,INDICES,NSEIX",
]


def dump(*rows: str) -> bytes:
    return "\n".join([HEAD, *(rows or ROWS), ""]).encode()


@pytest.fixture(params=["numpy", "plain"])
def decode(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "numpy", None)
    return InstrumentColumns.decode


def test_columns_hold_every_row_of_the_dump(decode):
    columns = decode(dump())
    assert list(columns.instrument_token) == [408065, 256265, 2953217, 4294967295, 291849]
    assert list(columns.last_price) == [0, 0, 3120.35, 1234567.25, 0]
    assert list(columns.strike) == [0, 0, 0, 24400.5, 0]
    assert list(columns.tick_size) == [0.05, 0, 0.1, 0.05, 0]
    assert columns.name[2] == list(columns.name)[2] == 'TATA, "CONSULTANCY" LTD'
    assert list(columns.expiry) == ["", "", "", "2026-01-27", ""]
    assert list(columns.expiry[3:]) == ["2026-01-27", ""]
    assert columns.row(3) == dict(
        zip(COLUMNS, [4294967295, 16777215, "NIFTY26JAN24400CE", "NIFTY", 1234567.25,
                      "2026-01-27", 24400.5, 0.05, 65, "CE", "NFO-OPT", "NFO"], strict=True)
    )  # fmt: skip
    assert type(columns.row(0)["lot_size"]) is int


def test_rows_are_found_by_their_texts(decode):
    columns = decode(dump())
    assert columns.find(exchange="NSE", instrument_type="EQ") == [0, 1, 2]
    assert columns.find(name='TATA, "CONSULTANCY" LTD') == [2]
    assert columns.find(exchange="BSE") == []
    assert columns.find() == [0, 1, 2, 3, 4]
    with pytest.raises(TypeError, match="strike"):
        columns.find(strike="0")


@pytest.mark.parametrize("change", [lambda b: b.replace(b"\n", b"\r\n"), bytes.rstrip,
                                    lambda b: b + b"\n\n"])  # fmt: skip
def test_line_ends_do_not_matter(decode, change):
    assert len(decode(change(dump()))) == len(ROWS)


def test_a_dump_without_rows_is_empty(decode):
    columns = decode(dump()[: len(HEAD) + 1])
    assert len(columns) == len(columns.name) == len(columns.strike) == 0
    assert columns.find(exchange="NSE") == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x,1594,INFY,,0,,0,0.05,1,EQ,NSE,NSE", "line 3: instrument_token: cannot read 'x'"),
        ("1,,INFY,,0,,0,0.05,1,EQ,NSE,NSE", "line 3: exchange_token"),
        ("1,-5,INFY,,0,,0,0.05,1,EQ,NSE,NSE", "line 3: exchange_token"),
        ("1,1594,INFY,,1.2.3,,0,0.05,1,EQ,NSE,NSE", "line 3: last_price: cannot read '1.2.3'"),
        ("1,1594,INFY,,nan,,0,0.05,1,EQ,NSE,NSE", "line 3: last_price"),
        ("1,1594,INFY,,.,,0,0.05,1,EQ,NSE,NSE", "line 3: last_price"),
        ("1,1594,INFY,,0,,0,,1,EQ,NSE,NSE", "line 3: tick_size"),
        ("1,1594,INFY,,0,,0,0.05,1,EQ,NSE", "line 3: not 12 columns"),
        ("1,1594,INFY,,0,,0,0.05,1,EQ,NSE,NSE,more", "line 3: not 12 columns"),
    ],
)
def test_what_cannot_be_read_is_named(decode, row, problem):
    with pytest.raises(DataException, match=problem):
        decode(dump(ROWS[0], row, ROWS[1]))


@pytest.mark.parametrize("body", [b"", b"a,b\n", b"\xff" + dump(), HEAD.encode()[:-1]])
def test_what_is_no_dump_is_refused(decode, body):
    with pytest.raises(DataException):
        decode(body)


PLAIN = st.text("ABC &-,\"'é0123456789 ", max_size=12).filter(lambda text: text == text.strip())
ODD_PRICES = st.sampled_from(["0", "0.0", "1e3", "12.5000000"])
PRICE = st.decimals(0, 10**7, places=2).map(str) | ODD_PRICES


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1), st.integers(0, 2**24), PLAIN, PLAIN, PRICE,
            st.sampled_from(["", "2026-01-27"]), PRICE | st.just(""), PRICE, st.integers(0, 10**6),
            st.sampled_from(["EQ", "FUT", "CE"]), PLAIN, st.sampled_from(["NSE", "NFO", "GLOBAL"]),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_columns_agree_with_a_csv_reader(rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *rows])
    columns = InstrumentColumns.decode(text.getvalue().encode())
    read = [{name: str(value) for name, value in zip(COLUMNS, row, strict=True)} for row in rows]
    for index, row in enumerate(read):
        got = columns.row(index)
        for name, sent in row.items():
            if isinstance(got[name], str):
                assert got[name] == sent
            else:
                assert got[name] == float(sent or 0), name


@given(st.lists(st.integers(0, 10**18 - 1), max_size=20))
def test_whole_numbers_are_read_exactly(values):
    body, starts, ends = cells([str(value) for value in values])
    assert whole_numbers(body, starts, ends).tolist() == values


@given(st.lists(st.decimals(0, 10**9, allow_nan=False, places=3).map(str), max_size=20))
def test_decimals_are_read_as_float_reads_them(texts):
    body, starts, ends = cells(texts)
    assert numbers(body, starts, ends).tolist() == [float(text) for text in texts]


@given(st.lists(st.text("0123456789.eE+- /:", max_size=12), min_size=1, max_size=5))
def test_any_text_is_a_number_or_refused(texts):
    body, starts, ends = cells(texts)
    try:
        got = numbers(body, starts, ends).tolist()
    except NotNumbers as error:
        refused = texts[error.index]
        assert not refused.replace(".", "").isdigit() or refused.count(".") > 1
        return
    assert got == [float(text) for text in texts]


def cells(texts):
    import numpy as np

    body = b"," * 16 + ",".join([*texts, ""]).encode()
    ends = [16]
    for text in texts:
        ends.append(ends[-1] + len(text) + 1)
    places = np.array(ends, dtype=np.int32)
    return body, places[:-1], places[1:] - 1


def test_both_readings_of_a_dump_agree():
    rows = decode_instruments_csv(dump())
    columns = InstrumentColumns.decode(dump())
    listed = [index for index in range(len(columns)) if columns.exchange[index] != "NSEIX"]
    for row, index in zip(rows, listed, strict=True):
        same = {k: float(v) if isinstance(v, Decimal) else v for k, v in row.to_dict().items()}
        assert same == columns.row(index)
