"""Whatever bytes a dump is made of, it is read or refused with a ``DataException``."""

from hypothesis import example, given
from hypothesis import strategies as st

from patang.wire.errors import DataException
from patang.wire.instrument_columns import InstrumentColumns
from patang.wire.instruments import COLUMNS, decode_instruments_csv
from patang.wire.mf_instruments import COLUMNS as FUND_COLUMNS
from patang.wire.mf_instruments import (
    MfInstrument,
    decode_mf_instruments_csv,
    encode_mf_instruments_csv,
)

CELLS = ["408065", "1594", "INFY", '"A, B"', '"', "0.05", "", "nan", "-1", "9" * 30, "1e5", "1.2.3",
         "2026-01-27", "EQ", "NSE", "é", "\x1f", "\r", " "]  # fmt: skip
ROW = "408065,1594,INFY,INFOSYS,0.0,,0,0.05,1,EQ,NSE,NSE"


def bodies(columns):
    cell = st.sampled_from(CELLS)
    row = st.lists(cell, min_size=len(columns) - 1, max_size=len(columns) + 1).map(",".join)
    rows = st.lists(row | st.just(ROW), max_size=4).map("\n".join)
    head = ",".join(columns)
    return rows.map(lambda text: f"{head}\n{text}".encode()) | st.binary(max_size=60)


def read(decode, body):
    """What the dump says, or why it is refused; any other error fails the test."""
    try:
        return decode(body)
    except DataException as error:
        return error


@given(bodies(COLUMNS))
@example(",".join(COLUMNS).encode() + b'\n"')
@example(",".join(COLUMNS).encode() + b'\n"a"b,1')
def test_any_dump_of_instruments_is_read_or_refused(body):
    columns = read(InstrumentColumns.decode, body)
    rows = read(decode_instruments_csv, body)
    if isinstance(columns, InstrumentColumns):
        assert all(columns.row(at).keys() == set(COLUMNS) for at in range(len(columns)))
        assert all(len(list(getattr(columns, name))) == len(columns) for name in COLUMNS)
    else:
        assert str(columns)
    if isinstance(rows, list) and isinstance(columns, InstrumentColumns):
        assert len(rows) <= len(columns)


@given(bodies(FUND_COLUMNS))
def test_any_dump_of_funds_is_read_or_refused(body):
    funds = read(decode_mf_instruments_csv, body)
    assert isinstance(funds, list) or str(funds)


money = st.decimals(0, 10**6, places=3)
words = st.text("ABC -,\"'é", max_size=8)
funds = st.builds(
    MfInstrument,
    tradingsymbol=words,
    amc=words,
    name=words,
    purchase_allowed=st.booleans(),
    redemption_allowed=st.booleans(),
    minimum_purchase_amount=money,
    purchase_amount_multiplier=money,
    minimum_additional_purchase_amount=money,
    minimum_redemption_quantity=money,
    redemption_quantity_multiplier=money,
    dividend_type=words,
    scheme_type=words,
    plan=words,
    settlement_type=words,
    last_price=money,
    last_price_date=st.sampled_from(["", "2026-01-27"]),
)


@given(st.lists(funds, max_size=5))
def test_funds_come_back_as_they_were_sent(sent):
    assert decode_mf_instruments_csv(encode_mf_instruments_csv(sent)) == sent
