import struct
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.domain.market import DepthLevel
from patang.wire.ticks import (
    Level,
    Packet,
    PacketKind,
    Segment,
    decode_frame,
    encode_frame,
    encode_packet,
    is_index,
    price_divisor,
    segment_of,
    to_tick,
)

INFY = Instrument(exchange=Exchange.NSE, symbol="INFY", token=408065, tick_size=Decimal("0.05"))


@pytest.mark.parametrize(
    ("segment", "divisor"),
    [
        (Segment.NSE, 100),
        (Segment.NFO, 100),
        (Segment.CDS, 10_000_000),
        (Segment.BSE, 100),
        (Segment.BFO, 100),
        (Segment.BCD, 10_000),
        (Segment.MCX, 100),
        (Segment.MCXSX, 100),
        (Segment.INDICES, 100),
        (Segment.NSE_AUCTION, 100),
        (11, 100),
        (Segment.NCO, 10_000),
        (200, 100),
    ],
)
def test_each_segment_has_its_divisor(segment, divisor):
    token = 1234 << 8 | segment
    assert segment_of(token) == segment
    assert price_divisor(token) == divisor


def test_only_the_indices_segment_is_an_index():
    assert is_index(256265)
    assert not is_index(408065)


@pytest.mark.parametrize(("kind", "length"), [(kind, kind.value) for kind in PacketKind])
def test_each_kind_has_the_length_that_names_it(kind, length):
    assert len(encode_packet(Packet(1, kind, 1))) == length


def test_missing_depth_levels_are_sent_as_zeros():
    packet = Packet(408065, PacketKind.FULL, 100, bids=(Level(99, 5, 1),))
    (decoded,) = decode_frame(encode_frame([packet])).packets
    assert decoded.bids == (Level(99, 5, 1), *[Level(0, 0, 0)] * 4)
    assert decoded.offers == (Level(0, 0, 0),) * 5


def test_six_levels_are_refused_by_name():
    with pytest.raises(InvalidValue, match="depth"):
        encode_packet(Packet(1, PacketKind.FULL, 1, bids=(Level(1, 1, 1),) * 6))


@pytest.mark.parametrize("volume", [-1, 1 << 32])
def test_a_number_that_does_not_fit_is_refused(volume):
    with pytest.raises(InvalidValue, match="token 7"):
        encode_packet(Packet(7, PacketKind.QUOTE, 1, volume=volume))


def test_an_empty_message_is_neither_packets_nor_heartbeat():
    frame = decode_frame(b"")
    assert not frame.is_heartbeat
    assert frame.packets == frame.skipped == ()


def test_a_count_beyond_the_bytes_is_reported_once():
    frame = decode_frame(struct.pack(">H", 65535))
    (skip,) = frame.skipped
    assert "0 of 65535" in skip.reason


def test_a_full_packet_becomes_a_tick_in_rupees_and_utc_nanoseconds():
    packet = Packet(
        token=408065,
        kind=PacketKind.FULL,
        last_price=151235,
        last_quantity=10,
        average_price=150987,
        volume=4523101,
        buy_quantity=3,
        sell_quantity=4,
        open=150500,
        high=151900,
        low=149925,
        close=150110,
        last_trade_time=1767589213,
        oi=7,
        exchange_timestamp=1767589215,
        bids=(Level(151230, 120, 4), Level(0, 0, 0)),
        offers=(Level(151235, 75, 2),),
    )
    tick = to_tick(packet, INFY, received_ns=5)
    assert tick.instrument == "NSE:INFY"
    assert (tick.last_price, tick.average_price) == (1512.35, 1509.87)
    assert (tick.open, tick.high, tick.low, tick.close) == (1505.0, 1519.0, 1499.25, 1501.1)
    assert (tick.last_quantity, tick.volume, tick.oi) == (10, 4523101, 7)
    assert (tick.buy_quantity, tick.sell_quantity) == (3, 4)
    assert tick.exchange_ns == 1_767_589_215_000_000_000
    assert tick.last_trade_ns == 1_767_589_213_000_000_000
    assert tick.received_ns == 5
    assert tick.bids == (DepthLevel(1512.3, 120, 4),)
    assert tick.asks == (DepthLevel(1512.35, 75, 2),)


def test_an_instrument_that_has_not_traded_has_no_times():
    tick = to_tick(Packet(408065, PacketKind.FULL, 0), INFY, received_ns=5)
    assert tick.last_trade_ns is None
    assert tick.exchange_ns is None
    assert tick.time_ns == 5


def test_modes_without_open_interest_leave_it_absent():
    assert to_tick(Packet(408065, PacketKind.QUOTE, 1), INFY, 5).oi is None
    assert to_tick(Packet(408065, PacketKind.LTP, 1), INFY, 5).oi is None
    assert to_tick(Packet(408065, PacketKind.FULL, 1), INFY, 5).oi == 0


def test_a_currency_tick_rounds_back_to_its_exact_price():
    usd = Instrument(
        exchange=Exchange.CDS,
        symbol="USDINR26JANFUT",
        token=315907,
        tick_size=Decimal("0.0025"),
        price_divisor=price_divisor(315907),
    )
    tick = to_tick(Packet(315907, PacketKind.LTP, 843275000), usd, 5)
    assert usd.price_from_float(tick.last_price) == Decimal("84.3275")
