from collections import Counter
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.simulator.worlds.generation import default_listing, generate_universe
from patang.simulator.worlds.shares import default_instruments
from patang.simulator.worlds.universe_file import read_universe
from patang.wire.instruments import encode_instruments_csv
from patang.wire.ticks import Segment, price_divisor

ON = date(2026, 11, 19)


@pytest.fixture(scope="module")
def listing():
    return generate_universe(9_000, ON, 1)


def test_twenty_is_the_default_market():
    assert generate_universe(20, ON, 1).instruments == default_instruments()


@pytest.mark.parametrize("size", [250, 251, 999, 9_000])
def test_exactly_as_many_rows_as_asked_for(size):
    listing = generate_universe(size, ON, 1)
    assert len(listing) == len(listing.row_of) == size


@pytest.mark.parametrize("size", [0, 21, 249, 100_001])
def test_sizes_that_cannot_be_made_are_refused(size):
    with pytest.raises(InvalidValue, match="universe"):
        generate_universe(size, ON, 1)


def test_some_symbols_must_be_encoded_in_addresses(listing):
    symbols = {one.symbol for one in listing.rows if "&" in one.symbol}
    assert "M&M" in symbols
    assert any(symbol.startswith("M&M26") and symbol.endswith("FUT") for symbol in symbols)


def test_the_seed_decides_everything(listing):
    assert generate_universe(9_000, ON, 1).instruments == listing.instruments
    assert generate_universe(9_000, ON, 2).instruments != listing.instruments


def test_every_segment_is_there(listing):
    segments = Counter(one.segment for one in listing.rows)
    assert {
        *("NSE", "BSE", "INDICES", "NFO-FUT", "NFO-OPT", "BFO-FUT", "BFO-OPT", "CDS-FUT"),
        *("CDS-OPT", "BCD-FUT", "BCD-OPT", "MCX-FUT", "MCX-OPT", "NCO-FUT", "NCO-OPT"),
    } == set(segments)


def test_tokens_are_unique_and_carry_the_segment(listing):
    assert len({one.token for one in listing.rows}) == len(listing)
    for one in listing.rows:
        segment = Segment.INDICES if not one.is_tradable else Segment[one.exchange.value]
        assert one.token % 256 == segment
        assert one.price_divisor == price_divisor(one.token)


def test_known_names_have_kites_tokens(listing):
    tokens = {one.id: one.token for one in listing.rows}
    assert tokens[InstrumentId("NSE:INFY")] == 408_065
    assert tokens[InstrumentId("BSE:SBIN")] == 128_028_676
    assert tokens[InstrumentId("NSE:NIFTY BANK")] == 260_105
    assert tokens[InstrumentId("BSE:SENSEX")] == 265


def test_rules_of_the_day_give_lots_freezes_and_ticks(listing):
    rows = {one.id: one for one in listing.rows}
    future = rows[InstrumentId("NFO:NIFTY26NOVFUT")]
    assert (future.lot_size, future.freeze_quantity) == (65, 1800)
    assert (future.tick_size, future.expiry) == (Decimal("0.10"), "2026-11-23")
    assert rows[InstrumentId("CDS:USDINR26NOVFUT")].tick_size == Decimal("0.0025")
    crude = rows[InstrumentId("MCX:CRUDEOIL26DECFUT")]
    assert (crude.lot_size, crude.multiplier, crude.tick_size) == (1, 100, Decimal(1))
    before = {one.id: one for one in generate_universe(900, date(2025, 12, 1), 1).rows}
    assert before[InstrumentId("NFO:NIFTY25DECFUT")].lot_size == 75


def test_options_come_in_pairs_and_nothing_has_ended(listing):
    calls, puts = (
        {
            (one.exchange, one.name, one.expiry, one.strike)
            for one in listing.rows
            if one.instrument_type is kind
        }
        for kind in (InstrumentType.CE, InstrumentType.PE)
    )
    assert calls == puts
    assert min(one.expiry for one in listing.rows if one.expiry) >= ON.isoformat()


def test_chains_stand_around_the_underlying(listing):
    row = listing.row_of[InstrumentId("NFO:NIFTY26NOVFUT")]
    strikes = sorted(
        one.strike
        for one in listing.rows
        if (one.name, one.expiry, one.instrument_type) == ("NIFTY", "2026-11-23", "CE")
    )
    assert strikes[0] < listing.spot(row) < strikes[-1]
    assert {b - a for a, b in pairwise(strikes)} == {Decimal(50)}


def test_both_exchanges_share_a_companys_price(listing):
    rows = listing.row_of
    nse, bse = rows[InstrumentId("NSE:INFY")], rows[InstrumentId("BSE:INFY")]
    assert listing.driver_of[nse] == listing.driver_of[bse]


def test_a_served_dump_reads_as_the_same_universe(listing):
    body = encode_instruments_csv((one, Decimal(0)) for one in listing.rows)
    read = read_universe(body, ON, 1)
    tokens = {one.id: one.token for one in listing.rows}
    assert {one.id: one.token for one in read.rows} == tokens
    by_name = {one.name: one.close for one in read.drivers}
    for driver in listing.drivers:
        if driver.name in ("NSE:NIFTY 50", "NSE:RELIANCE", "MCX/GOLD", "CDS/USDINR"):
            assert by_name[driver.name] == pytest.approx(driver.close, rel=0.02)


def test_a_listed_price_is_taken_from_the_dump():
    body = encode_instruments_csv(
        (one, Decimal("1700.00") if one.symbol == "INFY" else Decimal(0))
        for one in default_listing(ON).rows
    )
    read = read_universe(body, ON, 1)
    assert read.spot(read.row_of[InstrumentId("NSE:INFY")]) == 1700.0


def test_the_official_sample_reads():
    dump = (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
        "lot_size,instrument_type,segment,exchange\n"
        "3813889,14898,CENTRALBK-BE,CENTRAL BANK OF INDIA,0.0,,0.0,0.05,1,EQ,NSE,NSE\n"
        "12073986,47164,NIFTY26DEC26000CE,,0.0,2026-12-29,26000.0,0.05,65,CE,NFO-OPT,NFO\n"
        "12073730,47163,NIFTY26OCT26000CE,,0.0,2026-10-27,26000.0,0.05,65,CE,NFO-OPT,NFO\n"
    )
    read = read_universe(dump.encode(), ON, 1)
    assert [(one.symbol, one.name) for one in read.rows] == [
        ("CENTRALBK-BE", "CENTRAL BANK OF INDIA"),
        ("NIFTY26DEC26000CE", "NIFTY"),
    ]
    assert read.rows[1].freeze_quantity == 1800
    assert read.rows[0].exchange is Exchange.NSE


@pytest.mark.parametrize("body", [b"", b"nothing\n", b"\xff\xfe"])
def test_a_file_that_is_no_dump_is_refused(body):
    with pytest.raises(InvalidValue, match="universe"):
        read_universe(body, ON, 1)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            "1,0,NIFTY26DECFUT,NIFTY,0.0,,0.0,0.1,65,FUT,NFO-FUT,NFO",
            "NFO:NIFTY26DECFUT has no expiry",
        ),
        (
            "2,0,NIFTY26DEC1CE,NIFTY,0.0,2026-12-29,0.0,0.05,65,CE,NFO-OPT,NFO",
            "NFO:NIFTY26DEC1CE has no strike",
        ),
        ("3,0,USDINR26DECFUT,USDINR,999.0,2026-12-29,0.0,0.0025,1,FUT,CDS-FUT,CDS", "too dear"),
    ],
)
def test_a_row_that_cannot_be_priced_is_named(row, text):
    header = encode_instruments_csv([]).decode()
    with pytest.raises(InvalidValue, match=text):
        read_universe(f"{header}{row}\n".encode(), ON, 1)


def test_an_instrument_listed_twice_is_refused():
    listing = default_listing(ON)
    listing.add(listing.rows[3], 3)
    with pytest.raises(InvalidValue, match="NSE:INFY"):
        _ = listing.row_of
