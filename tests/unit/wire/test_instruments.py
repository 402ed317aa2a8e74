import csv
import io
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument
from patang.wire.errors import DataException
from patang.wire.instruments import decode_instruments_csv, encode_instruments_csv

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
ROW = "408065,1594,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,NSE,NSE"

INFY = Instrument(
    exchange=Exchange.NSE,
    symbol="INFY",
    token=408065,
    tick_size=Decimal("0.05"),
    segment="NSE",
    name='INFOSYS, "THE" COMPANY',
)
OPTION = Instrument(
    exchange=Exchange.NFO,
    symbol="NIFTY26JAN24400CE",
    token=12345 << 8 | 2,
    tick_size=Decimal("0.05"),
    lot_size=65,
    instrument_type=InstrumentType.CE,
    segment="NFO-OPT",
    name="NIFTY",
    expiry="2026-01-27",
    strike=Decimal(24400),
)
DOLLAR = Instrument(
    exchange=Exchange.CDS,
    symbol="USDINR26JANFUT",
    token=315907,
    tick_size=Decimal("0.0025"),
    instrument_type=InstrumentType.FUT,
    segment="CDS-FUT",
    name="USDINR",
    expiry="2026-01-28",
    price_divisor=10_000_000,
)
NIFTY = Instrument(
    exchange=Exchange.NSE,
    symbol="NIFTY 50",
    token=256265,
    tick_size=Decimal("0.05"),
    segment="INDICES",
    name="NIFTY 50",
    is_tradable=False,
)
ALL = [INFY, OPTION, DOLLAR, NIFTY]


def dump(*rows):
    return "\n".join([HEADER, *rows, ""]).encode()


def test_instruments_come_back_as_they_were_sent():
    body = encode_instruments_csv((instrument, Decimal("1.5")) for instrument in ALL)
    decoded = decode_instruments_csv(body)
    assert [as_plain(instrument) for instrument in decoded] == ALL
    assert {instrument.last_price for instrument in decoded} == {Decimal("1.5")}
    assert encode_instruments_csv((one, one.last_price) for one in decoded) == body


def as_plain(listed):
    fields = {name: getattr(listed, name) for name in Instrument.__struct_fields__}
    return Instrument(**fields)


def test_the_dump_has_the_twelve_columns_and_python_can_read_it():
    body = encode_instruments_csv([(INFY, Decimal(0)), (OPTION, Decimal("120.5"))])
    lines = body.decode().splitlines()
    assert lines[0] == HEADER
    first, second = csv.DictReader(io.StringIO(body.decode()))
    assert first["name"] == 'INFOSYS, "THE" COMPANY'
    assert first["exchange_token"] == "1594"
    assert (first["last_price"], first["expiry"], first["strike"]) == ("0.0", "", "0.0")
    assert (second["last_price"], second["strike"]) == ("120.5", "24400.0")
    assert second["lot_size"] == "65"


def test_indices_without_tick_and_lot_get_neutral_ones():
    (index,) = decode_instruments_csv(dump("265,1,SENSEX,SENSEX,0,,0,0,0,EQ,INDICES,BSE"))
    assert index.token == 265
    assert not index.is_tradable
    assert (index.tick_size, index.lot_size) == (Decimal("0.05"), 1)


def test_feeds_that_cannot_be_traded_are_left_out():
    body = dump(ROW, "291849,1140,GIFT NIFTY,GIFT NIFTY,0,,0,0,0,EQ,INDICES,NSEIX")
    assert [instrument.symbol for instrument in decode_instruments_csv(body)] == ["INFY"]


def test_windows_line_ends_are_read():
    assert len(decode_instruments_csv(dump(ROW).replace(b"\n", b"\r\n"))) == 1


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("instrument_token", "x"),
        ("instrument_token", "4294967297"),
        ("instrument_token", ""),
        ("expiry", "tomorrow"),
        ("expiry", "20260127"),
        ("expiry", "2026-02-30"),
        ("strike", "high"),
        ("tick_size", "0"),
        ("tick_size", "-0.05"),
        ("tick_size", "nan"),
        ("lot_size", "0"),
        ("lot_size", "1.0"),
        ("instrument_type", "XX"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_line(column, text):
    cells = ROW.split(",")
    cells[HEADER.split(",").index(column)] = text
    with pytest.raises(DataException) as caught:
        decode_instruments_csv(dump(ROW, ",".join(cells)))
    assert "line 3" in caught.value.message
    assert column in caught.value.message or column == "instrument_token"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"\xff\xfe",
        HEADER.upper().encode(),
        dump(ROW + ",1"),
        dump(ROW[:-4]),
        dump('408065,1594,INFY,"INFOSYS'),
    ],
)
def test_what_is_no_dump_is_a_data_exception(body):
    with pytest.raises(DataException, match="instruments"):
        decode_instruments_csv(body)
