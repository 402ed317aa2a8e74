"""The worked bytes of the protocol reference, read and written."""

import struct

import pytest

from patang.wire.ticks import (
    Frame,
    Level,
    Packet,
    PacketKind,
    decode_frame,
    encode_frame,
    encode_packet,
    price_divisor,
)

INFY_LTP = Packet(408065, PacketKind.LTP, 151235)
INFY_QUOTE = Packet(
    token=408065,
    kind=PacketKind.QUOTE,
    last_price=151235,
    last_quantity=10,
    average_price=150987,
    volume=4523101,
    buy_quantity=230411,
    sell_quantity=318822,
    open=150500,
    high=151900,
    low=149925,
    close=150110,
)
INFY_FULL = Packet(
    token=408065,
    kind=PacketKind.FULL,
    last_price=151235,
    last_quantity=10,
    average_price=150987,
    volume=4523101,
    buy_quantity=230411,
    sell_quantity=318822,
    open=150500,
    high=151900,
    low=149925,
    close=150110,
    last_trade_time=1767589213,
    exchange_timestamp=1767589215,
    bids=(
        Level(151230, 120, 4),
        Level(151225, 85, 3),
        Level(151220, 300, 7),
        Level(151215, 41, 2),
        Level(151210, 990, 11),
    ),
    offers=(
        Level(151235, 75, 2),
        Level(151240, 210, 5),
        Level(151245, 66, 1),
        Level(151250, 512, 9),
        Level(151255, 30, 1),
    ),
)
NIFTY_QUOTE = Packet(
    token=256265,
    kind=PacketKind.INDEX_QUOTE,
    last_price=2345055,
    high=2350110,
    low=2339980,
    open=2341000,
    close=2338025,
    change=7030,
)
NIFTY_FULL = Packet(
    token=256265,
    kind=PacketKind.INDEX_FULL,
    last_price=2345055,
    high=2350110,
    low=2339980,
    open=2341000,
    close=2338025,
    change=7030,
    exchange_timestamp=1767589215,
)
CDS_LTP = Packet(315907, PacketKind.LTP, 843275000)
BCD_LTP = Packet(315910, PacketKind.LTP, 843275)
NCO_LTP = Packet(315916, PacketKind.LTP, 72505000)

WORKED = {
    "ltp": ("00 01 00 08 00 06 3a 01 00 02 4e c3", (INFY_LTP,)),
    "quote": (
        """
        00 01 00 2c 00 06 3a 01 00 02 4e c3 00 00 00 0a 00 02 4d cb 00 45 04 5d 00 03 84 0b
        00 04 dd 66 00 02 4b e4 00 02 51 5c 00 02 49 a5 00 02 4a 5e
        """,
        (INFY_QUOTE,),
    ),
    "full": (
        """
        00 01 00 b8 00 06 3a 01 00 02 4e c3 00 00 00 0a 00 02 4d cb 00 45 04 5d 00 03 84 0b
        00 04 dd 66 00 02 4b e4 00 02 51 5c 00 02 49 a5 00 02 4a 5e 69 5b 45 5d 00 00 00 00
        00 00 00 00 00 00 00 00 69 5b 45 5f 00 00 00 78 00 02 4e be 00 04 00 00 00 00 00 55
        00 02 4e b9 00 03 00 00 00 00 01 2c 00 02 4e b4 00 07 00 00 00 00 00 29 00 02 4e af
        00 02 00 00 00 00 03 de 00 02 4e aa 00 0b 00 00 00 00 00 4b 00 02 4e c3 00 02 00 00
        00 00 00 d2 00 02 4e c8 00 05 00 00 00 00 00 42 00 02 4e cd 00 01 00 00 00 00 02 00
        00 02 4e d2 00 09 00 00 00 00 00 1e 00 02 4e d7 00 01 00 00
        """,
        (INFY_FULL,),
    ),
    "index quote": (
        """
        00 01 00 1c 00 03 e9 09 00 23 c8 5f 00 23 dc 1e 00 23 b4 8c 00 23 b8 88 00 23 ac e9
        00 00 1b 76
        """,
        (NIFTY_QUOTE,),
    ),
    "index full": (
        """
        00 01 00 20 00 03 e9 09 00 23 c8 5f 00 23 dc 1e 00 23 b4 8c 00 23 b8 88 00 23 ac e9
        00 00 1b 76 69 5b 45 5f
        """,
        (NIFTY_FULL,),
    ),
    "cds ltp": ("00 01 00 08 00 04 d2 03 32 43 5a f8", (CDS_LTP,)),
    "bcd ltp": ("00 01 00 08 00 04 d2 06 00 0c de 0b", (BCD_LTP,)),
    "nco ltp": ("00 01 00 08 00 04 d2 0c 04 52 56 a8", (NCO_LTP,)),
    "three packets": (
        """
        00 03 00 08 00 06 3a 01 00 02 4e c3 00 20 00 03 e9 09 00 23 c8 5f 00 23 dc 1e 00 23
        b4 8c 00 23 b8 88 00 23 ac e9 00 00 1b 76 69 5b 45 5f 00 08 00 04 d2 03 32 43 5a f8
        """,
        (INFY_LTP, NIFTY_FULL, CDS_LTP),
    ),
}


@pytest.mark.parametrize("name", WORKED)
def test_worked_bytes_decode_to_their_meaning(name):
    text, packets = WORKED[name]
    assert decode_frame(bytes.fromhex(text)) == Frame(packets)


@pytest.mark.parametrize("name", WORKED)
def test_meaning_encodes_to_the_worked_bytes(name):
    text, packets = WORKED[name]
    assert encode_frame(packets) == bytes.fromhex(text)


@pytest.mark.parametrize(
    ("packet", "rupees"),
    [(INFY_LTP, 1512.35), (CDS_LTP, 84.3275), (BCD_LTP, 84.3275), (NCO_LTP, 7250.50)],
)
def test_the_divisor_of_the_segment_gives_rupees(packet, rupees):
    assert packet.last_price / price_divisor(packet.token) == rupees


def test_the_lone_heartbeat_byte_holds_no_packets():
    assert decode_frame(b"\x00") == Frame(is_heartbeat=True)


def test_a_body_of_twelve_bytes_is_dropped_and_the_next_packet_is_read():
    body = encode_packet(INFY_LTP)
    frame = struct.pack(">HH", 2, 12) + bytes(12) + struct.pack(">H", 8) + body
    decoded = decode_frame(frame)
    assert decoded.packets == (INFY_LTP,)
    assert [(skip.offset, skip.length) for skip in decoded.skipped] == [(4, 12)]


def test_a_negative_price_stays_negative():
    # MCX crude traded below zero in April 2020; unsigned readers show 42949635.33 here.
    crude = Packet(1234 * 256 + 7, PacketKind.LTP, -3763)
    frame = bytes.fromhex("00 01 00 08 00 04 d2 07 ff ff f1 4d")
    assert encode_frame([crude]) == frame
    assert decode_frame(frame).packets == (crude,)


def test_volume_is_unsigned():
    busy = Packet(408065, PacketKind.QUOTE, 1, volume=0xFFFF_FFFE)
    assert decode_frame(encode_frame([busy])).packets[0].volume == 4_294_967_294
