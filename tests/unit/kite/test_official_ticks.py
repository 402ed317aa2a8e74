"""Ticks in the official client's shape: compared with that client's own parser."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker as OfficialTicker

from patang.kite.official_ticks import official_tick
from patang.wire.ticks import Level, Packet, PacketKind, decode_frame, encode_frame

NUMBER = st.integers(0, 2**31 - 1)
SECONDS = st.integers(1, 2**31 - 1)
TOKEN = st.builds(
    lambda number, segment: number << 8 | segment,
    st.integers(1, 2**20),
    st.sampled_from([1, 2, 3, 4, 5, 6, 7, 9, 12]),
)
LEVELS = st.lists(
    st.builds(Level, NUMBER, NUMBER, st.integers(0, 2**16 - 1)), min_size=5, max_size=5
).map(tuple)


@st.composite
def packets(draw) -> Packet:
    token = draw(TOKEN)
    kinds = [PacketKind.LTP, PacketKind.QUOTE, PacketKind.FULL]
    if token & 0xFF == 9:
        kinds = [PacketKind.LTP, PacketKind.INDEX_QUOTE, PacketKind.INDEX_FULL]
    kind = draw(st.sampled_from(kinds))
    fields = {name: draw(NUMBER) for name in ("open", "high", "low", "close")}
    if kind is PacketKind.LTP:
        return Packet(token, kind, draw(NUMBER))
    if token & 0xFF == 9:
        return Packet(token, kind, draw(NUMBER), **fields, exchange_timestamp=draw(SECONDS)
                      if kind is PacketKind.INDEX_FULL else 0)  # fmt: skip
    names = ("last_quantity", "average_price", "volume", "buy_quantity", "sell_quantity")
    fields |= {name: draw(NUMBER) for name in names}
    if kind is PacketKind.FULL:
        fields |= {name: draw(NUMBER) for name in ("oi", "oi_day_high", "oi_day_low")}
        fields |= {name: draw(SECONDS) for name in ("last_trade_time", "exchange_timestamp")}
        fields |= {"bids": draw(LEVELS), "offers": draw(LEVELS)}
    return Packet(token, kind, draw(NUMBER), **fields)


@given(st.lists(packets(), min_size=1, max_size=4))
def test_every_packet_is_shown_as_the_official_client_shows_it(sent):
    frame = encode_frame(sent)
    theirs = OfficialTicker("key", "token")._parse_binary(frame)
    ours = [official_tick(packet) for packet in decode_frame(frame).packets]
    for our, their in zip(ours, theirs, strict=True):
        for name in ("last_trade_time", "exchange_timestamp"):
            if name in their:
                # Theirs has no zone and is the machine's own.
                assert our[name] == their.pop(name).astimezone(UTC)
                our.pop(name)
        # They divide rupees, we divide wire integers: the last digit may differ.
        assert our.pop("change", 0) == pytest.approx(their.pop("change", 0), rel=1e-12)
        assert our == their


def test_what_has_not_traded_has_no_time_and_what_is_negative_stays_so():
    levels = (Level(1, 1, 1),) * 5
    packet = Packet(408065, PacketKind.FULL, -3763, bids=levels, offers=levels)
    tick = official_tick(packet)
    assert tick["last_trade_time"] is tick["exchange_timestamp"] is None
    assert tick["last_price"] == -37.63
    assert tick["change"] == 0


def test_times_carry_their_zone():
    packet = Packet(256265, PacketKind.INDEX_FULL, 1, exchange_timestamp=1767589215)
    at = official_tick(packet)["exchange_timestamp"]
    assert at == datetime(2026, 1, 5, 5, 0, 15, tzinfo=UTC)
    assert at.utcoffset().total_seconds() == 19_800


@pytest.mark.parametrize("kind", list(PacketKind))
def test_every_kind_of_packet_has_a_mode(kind):
    token = 9 if "INDEX" in kind.name else 1
    body = struct.pack(">H", 1) + struct.pack(">H", kind) + struct.pack(">I", token)
    (packet,) = decode_frame(body + b"\0" * (kind - 4)).packets
    assert official_tick(packet)["mode"] in ("ltp", "quote", "full")
