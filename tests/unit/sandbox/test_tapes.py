"""Tapes from files: what is read, and what is refused by file, row and field."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patang.domain.enums import InstrumentType
from patang.domain.errors import InvalidValue, MissingExtra
from patang.rules.ist import at_ist
from patang.sandbox.settings import SandboxSettings
from patang.sandbox.tapes import TapeError, TapeSpec, read_tape
from patang.sandbox.world import World
from patang.simulator.tape.fill_models import FillModelName
from patang.simulator.tape.recording import TapeEvent
from patang.wire.ticks import TickMode

DAY = date(2026, 11, 19)
OPEN = at_ist(DAY, 9, 15)
SECOND = 1_000_000_000
INFY = "NSE:INFY"

TICKS = """time,instrument,last_price,last_quantity,volume,\
bid_price_1,bid_quantity_1,ask_price_1,ask_quantity_1,oi,previous_close
2026-11-19T09:15:00+05:30,NSE:INFY,1500.00,10,1000,1499.90,5,1500.10,7,,1490.5
2026-11-19 09:15:01.5,NSE:INFY,1500.10,4,1004,1500.00,6,1500.20,8,,
1795059902000000000,NSE:INFY,1500.10,4,1004,,,,,12,
"""
BARS = """time,instrument,open,high,low,close,volume
2026-11-19 09:15:00,NSE:INFY,1500,1501.5,1499,1501,400
2026-11-19 09:15:00,NSE:TCS,3000,3001,2999,3000,40
2026-11-19 09:16:00,NSE:INFY,1501,1501,1498,1499.1,403
2026-11-19 09:16:00,NSE:TCS,3000,3001,2999,3000,40
"""


def write(folder: Path, text: str, name: str = "tape.csv") -> TapeSpec:
    (folder / name).write_text(text)
    return TapeSpec(path=folder / name)


def test_ticks_are_read(tmp_path):
    tape = read_tape(write(tmp_path, TICKS))
    (instrument,) = tape.instruments
    assert (instrument.id, instrument.token) == (INFY, 408_065)
    assert tape.previous_closes == {INFY: Decimal("1490.5")}
    assert tape.events[INFY] == (
        TapeEvent(OPEN, 15_000, 10, ((14_999, 5),), ((15_001, 7),)),
        TapeEvent(OPEN + 3 * SECOND // 2, 15_001, 4, ((15_000, 6),), ((15_002, 8),)),
        TapeEvent(OPEN + 2 * SECOND, 15_001, 0, (), (), 12),
    )
    assert (tape.start_ns, tape.end_ns) == (OPEN, OPEN + 2 * SECOND)


def test_bars_are_read_as_four_moments_each(tmp_path):
    tape = read_tape(write(tmp_path, BARS))
    events = tape.events[INFY]
    assert [one.last_ticks for one in events] == [
        15_000, 14_990, 15_015, 15_010, 15_010, 15_010, 14_980, 14_991,
    ]  # fmt: skip
    assert sum(one.traded for one in events) == 803
    assert [one.time_ns - OPEN for one in events[3:5]] == [60 * SECOND - 1, 60 * SECOND]
    assert tape.previous_closes["NSE:TCS"] == 3000


def test_one_instrument_may_be_named_beside_the_file(tmp_path):
    text = "date,open,high,low,close,volume\n2026-11-19,1500,1501,1499,1500,1\n"
    path = write(tmp_path, text).path
    tape = read_tape(TapeSpec(path=path, instrument=INFY))
    assert tape.start_ns == at_ist(DAY, 0, 0)
    with pytest.raises(TapeError, match="instrument: there is no such column"):
        read_tape(TapeSpec(path=path))


def parquet(folder: Path, **columns) -> TapeSpec:
    pq.write_table(pa.table(columns), folder / "tape.parquet")
    return TapeSpec(path=folder / "tape.parquet")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", None])
def test_parquet_says_the_same_as_csv(tmp_path, unit, zone):
    stamps = [datetime(2026, 11, 19, 3, 45, minute // 2, tzinfo=UTC) for minute in (0, 2)]
    if zone is None:
        stamps = [one.replace(hour=9, minute=15, tzinfo=None) for one in stamps]
    spec = parquet(
        tmp_path,
        time=pa.array(stamps, pa.timestamp(unit, zone)),
        instrument=[INFY, INFY],
        last_price=[1500.1, 1500.2],
        volume=[1000, 1004],
        last_quantity=[10, 4],
    )
    csv = """time,instrument,last_price,volume,last_quantity
2026-11-19 09:15:00,NSE:INFY,1500.1,1000,10
2026-11-19 09:15:01,NSE:INFY,1500.2,1004,4
"""
    assert read_tape(spec) == read_tape(write(tmp_path, csv))


def test_parquet_of_decimals_and_whole_nanoseconds_is_read(tmp_path):
    spec = parquet(
        tmp_path,
        time=[OPEN, OPEN + 1],
        instrument=[INFY, INFY],
        last_price=[Decimal("1500.10"), Decimal("1500.20")],
    )
    assert [one.time_ns for one in read_tape(spec).events[INFY]] == [OPEN, OPEN + 1]


def tick(**cells: str) -> str:
    row = {
        "time": "2026-11-19 09:15:02",
        "instrument": INFY,
        "last_price": "1500",
        "volume": "2000",
        "bid_price_1": "1499.9",
        "bid_quantity_1": "5",
        "ask_price_1": "1500.1",
        "ask_quantity_1": "5",
    } | cells
    good = {**row, "time": "2026-11-19 09:15:01"}
    for name in cells:
        good[name] = tick_cell(name)
    return "\n".join([",".join(row), ",".join(good.values()), ",".join(row.values())]) + "\n"


def tick_cell(name: str) -> str:
    return {
        "time": "2026-11-19 09:15:01", "instrument": INFY, "last_price": "1500",
        "volume": "2000", "bid_price_1": "1499.9", "bid_quantity_1": "5",
        "ask_price_1": "1500.1", "ask_quantity_1": "5", "oi": "1",
    }[name]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "cell", "cause"),
    [
        ("time", "noon", "is no time"),
        ("time", "2026-11-19 09:15:00", "before that of the last row"),
        ("instrument", "INFY", "not EXCHANGE:SYMBOL"),
        ("instrument", "NFO:NIFTY26NOVFUT", "nothing is known of"),
        ("last_price", "0", "not a positive price"),
        ("last_price", "nan", "not a positive price"),
        ("last_price", "much", "not a positive price"),
        ("volume", "1999", "falls from 2000 to 1999"),
        ("volume", "2000.5", "not a whole number"),
        ("volume", "-1", "not a whole number"),
        ("bid_quantity_1", "x", "not a whole number"),
        ("ask_price_1", "", "not a positive price"),
        ("bid_price_1", "1500.1", "not below the best offer"),
        ("oi", "some", "not a whole number"),
    ],
)
def test_a_tick_that_does_not_fit_is_named_by_file_row_and_field(tmp_path, field, cell, cause):
    spec = write(tmp_path, tick(**{field: cell}))
    with pytest.raises(TapeError, match=cause) as caught:
        read_tape(spec)
    row = 1 if cause == "nothing is known of" else 2
    assert (caught.value.path, caught.value.field) == (spec.path, field)
    assert caught.value.row in (row, 2)
    assert f"tape.csv, row {caught.value.row}, {field}" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "field", "cause"),
    [
        ("2026-11-19 09:16:00,NSE:INFY,1500,1499,1498,1499,1", "high", "do not enclose"),
        ("2026-11-19 09:15:00,NSE:INFY,1500,1501,1498,1499,1", "time", "two bars begin then"),
        ("2026-11-19 09:16:00,NSE:INFY,1500,1501,1498,1499,x", "volume", "not a whole number"),
        ("2026-11-19 09:16:00,NSE:INFY,1500,1501,1498,1499", "row", "7 cells of the header"),
        ("2026-11-19 09:16:00,NSE:INFY,1500,1501,1498,1499,1,1", "row", "7 cells of the header"),
    ],
)
def test_a_bar_that_does_not_fit_is_named(tmp_path, row, field, cause):
    head = "\n".join(BARS.splitlines()[:2])
    with pytest.raises(TapeError, match=cause) as caught:
        read_tape(write(tmp_path, f"{head}\n{row}\n"))
    assert caught.value.field == field
    assert caught.value.row in (1, 2)


@pytest.mark.parametrize(
    ("name", "body", "cause"),
    [
        ("tape.csv", b"\xff\xfe", "not UTF-8"),
        ("tape.csv", b"", "time: there is no such column"),
        ("tape.csv", b"time,instrument,last_price\n", "rows: there are none"),
        ("tape.csv", b"time,instrument,open,high,low,close\n", "volume: there is no such column"),
        ("tape.txt", b"time", "neither .csv nor .parquet"),
        ("tape.parquet", b"time", "file: "),
    ],
)
def test_a_file_that_is_no_tape_is_refused(tmp_path, name, body, cause):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(TapeError, match=cause):
        read_tape(TapeSpec(path=tmp_path / name))


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(TapeError, match="file"):
        read_tape(TapeSpec(path=tmp_path / name))


def test_a_dump_tells_what_contracts_are(tmp_path):
    dump = tmp_path / "instruments.csv"
    dump.write_text(
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
        "lot_size,instrument_type,segment,exchange\n"
        "12800002,50000,NIFTY26NOVFUT,NIFTY,0,2026-11-24,0,0.1,65,FUT,NFO-FUT,NFO\n"
    )
    text = "time,instrument,last_price,oi\n2026-11-19 09:15:00,NFO:NIFTY26NOVFUT,25950.1,650\n"
    path = write(tmp_path, text).path
    (instrument,) = read_tape(TapeSpec(path=path, instruments=dump)).instruments
    assert (instrument.token, instrument.lot_size) == (12_800_002, 65)
    assert instrument.instrument_type is InstrumentType.FUT
    with pytest.raises(InvalidValue, match="instruments"):
        read_tape(TapeSpec(path=path, instruments=tmp_path / "none.csv"))
    dump.write_text("what\n")
    with pytest.raises(InvalidValue, match="instruments"):
        read_tape(TapeSpec(path=path, instruments=dump))


def test_a_share_that_nobody_knows_gets_a_tick_that_fits_and_a_token_of_its_own(tmp_path):
    text = """time,instrument,last_price
2026-11-19 09:15:00,NSE:NEWCO,1500.05
2026-11-19 09:15:00,BSE:NEWCO,1500.10
2026-11-19 09:15:00,NSE:INFY,1500.03
"""
    new, bse, infy = read_tape(write(tmp_path, text)).instruments
    assert (new.tick_size, bse.tick_size) == (Decimal("0.05"), Decimal("0.10"))
    assert (new.token & 0xFF, bse.token & 0xFF) == (1, 4)
    assert (infy.tick_size, infy.token) == (Decimal("0.01"), 408_065)
    with pytest.raises(TapeError, match="fit no tick"):
        read_tape(write(tmp_path, text.replace("1500.03", "1500.035")))


def test_a_world_plays_a_tape_and_keeps_its_candles(tmp_path):
    spec = write(tmp_path, BARS)
    world = World(SandboxSettings(tape=spec, speed=0), "http://127.0.0.1:1")
    assert world.now_ns == OPEN
    world.market.advance(OPEN + 119 * SECOND)
    world.publish()
    quote = world.exchange.quote(world.find(INFY).id)
    assert quote.close == Decimal(1500)
    assert world.packet(408_065, TickMode.LTP).last_price == 149_800
    candles = world.history.candles(world.find(INFY).id, "minute", OPEN, world.now_ns, world.now_ns)
    assert candles[0][1:6] == (15_000, 15_015, 14_990, 15_010, 400)
    assert candles[1][1:5] == (15_010, 15_010, 14_980, 14_980)


@pytest.mark.parametrize("model", FillModelName)
def test_a_world_may_begin_in_the_middle_of_a_tape(tmp_path, model):
    path = write(tmp_path, BARS).path
    spec = TapeSpec(path=path, fill_model=model)
    middle = OPEN + 60 * SECOND
    world = World(SandboxSettings(tape=spec, speed=0, start_ns=middle), "http://127.0.0.1:1")
    assert world.now_ns == middle
    assert world.exchange.quote(world.find(INFY).id).volume == 500


def test_parquet_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    spec = parquet(tmp_path, time=[OPEN], instrument=[INFY], last_price=[1500.1])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"patang\[data\]"):
        read_tape(spec)
