"""Frames made by the column are the frames made packet by packet."""

import importlib.util
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.errors import InvalidValue, MissingExtra
from patang.wire.tick_columns import COLUMNS, columns_of, encode_columns
from patang.wire.ticks import (
    Level,
    Packet,
    PacketKind,
    Segment,
    TickMode,
    encode_bodies,
    encode_frame,
    frame_of,
    is_index,
    kind_of,
)

u32 = st.integers(0, 2**32 - 1)
# A change of an index is worked out, so its two prices must leave room for the difference.
i32 = st.integers(-(2**30), 2**30 - 1)
levels = st.lists(
    st.builds(Level, price=i32, quantity=u32, orders=st.integers(0, 2**16 - 1)), max_size=5
).map(tuple)
segments = st.sampled_from([*Segment, 11, 200])
tokens = st.builds(lambda number, low: number << 8 | low, st.integers(0, 2**24 - 1), segments)


@st.composite
def full_packets(draw) -> Packet:
    token = draw(tokens)
    prices = {name: draw(i32) for name in ("last_price", "open", "high", "low", "close")}
    at = draw(u32)
    if is_index(token):
        change = prices["last_price"] - prices["close"]
        return Packet(token, PacketKind.INDEX_FULL, **prices, change=change, exchange_timestamp=at)
    counts = ("last_quantity", "volume", "buy_quantity", "sell_quantity", "last_trade_time")
    return Packet(
        token,
        PacketKind.FULL,
        **prices,
        **{name: draw(u32) for name in (*counts, "oi", "oi_day_high", "oi_day_low")},
        average_price=draw(i32),
        exchange_timestamp=at,
        bids=draw(levels),
        offers=draw(levels),
    )


def in_mode(packet: Packet, mode: TickMode) -> Packet:
    fields = {name: getattr(packet, name) for name in packet.__struct_fields__}
    return Packet(**{**fields, "kind": kind_of(packet.token, mode)})


@given(st.lists(full_packets(), max_size=12), st.sampled_from(TickMode))
def test_columns_make_the_same_bytes_in_every_mode(packets, mode):
    rows = columns_of(packets)
    assert frame_of(len(packets), encode_columns(rows, mode)) == encode_frame(
        in_mode(packet, mode) for packet in packets
    )


@given(st.lists(full_packets(), max_size=4), st.lists(full_packets(), max_size=4))
def test_a_frame_may_mix_columns_and_packets(some, others):
    mixed = frame_of(
        len(some) + len(others),
        encode_bodies(some),
        encode_columns(columns_of(others), TickMode.FULL),
    )
    assert mixed == encode_frame([*some, *others])


def test_other_columns_are_refused():
    with pytest.raises(InvalidValue, match="rows"):
        encode_columns(np.zeros(1, [("token", "u8")]), TickMode.LTP)


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(InvalidValue, match="token 257"):
        columns_of([Packet(257, PacketKind.FULL, 1, volume=2**32)])
    with pytest.raises(InvalidValue, match="token 257"):
        columns_of([Packet(257, PacketKind.FULL, 1, bids=(Level(1, 1, 1),) * 6)])


def test_no_rows_are_no_bytes():
    assert encode_columns(np.zeros(0, COLUMNS), TickMode.FULL) == b""


def test_columns_without_numpy_say_what_to_install(monkeypatch):
    spec = importlib.util.find_spec("patang.wire.tick_columns")
    assert spec is not None
    assert spec.loader is not None
    anew = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingExtra, match=r"patang\[fast\]"):
        spec.loader.exec_module(anew)
