"""Laws of the binary frames, and agreement with the official client on what both can read."""

import warnings
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.wire.ticks import (
    Level,
    Packet,
    PacketKind,
    Segment,
    decode_frame,
    encode_frame,
    price_divisor,
)

u32 = st.integers(0, 2**32 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
price = st.integers(0, 2**31 - 1)


def levels(prices):
    one = st.builds(Level, price=prices, quantity=u32, orders=st.integers(0, 2**16 - 1))
    return st.lists(one, min_size=5, max_size=5).map(tuple)


def packets(prices=i32, seconds=u32):
    tradable = st.builds(
        lambda exchange_token, segment: exchange_token << 8 | segment,
        st.integers(0, 2**24 - 1),
        st.sampled_from([segment for segment in Segment if segment is not Segment.INDICES]),
    )
    index = st.integers(0, 2**24 - 1).map(lambda number: number << 8 | Segment.INDICES)
    range_ = {"open": prices, "high": prices, "low": prices, "close": prices}
    quote = {
        "last_price": prices,
        "last_quantity": u32,
        "average_price": prices,
        "volume": u32,
        "buy_quantity": u32,
        "sell_quantity": u32,
        **range_,
    }
    full = {
        **quote,
        "last_trade_time": seconds,
        "oi": u32,
        "oi_day_high": u32,
        "oi_day_low": u32,
        "exchange_timestamp": seconds,
        "bids": levels(prices),
        "offers": levels(prices),
    }
    of_index = {"last_price": prices, **range_, "change": i32}
    return st.one_of(
        st.builds(Packet, token=u32, kind=st.just(PacketKind.LTP), last_price=prices),
        st.builds(Packet, token=tradable, kind=st.just(PacketKind.QUOTE), **quote),
        st.builds(Packet, token=tradable, kind=st.just(PacketKind.FULL), **full),
        st.builds(Packet, token=index, kind=st.just(PacketKind.INDEX_QUOTE), **of_index),
        st.builds(
            Packet,
            token=index,
            kind=st.just(PacketKind.INDEX_FULL),
            exchange_timestamp=seconds,
            **of_index,
        ),
    )


@given(st.lists(packets(), max_size=8))
def test_decoding_gives_back_what_was_encoded(sent):
    frame = decode_frame(encode_frame(sent))
    assert frame.packets == tuple(sent)
    assert not frame.skipped
    assert not frame.is_heartbeat


@given(st.binary(max_size=600))
def test_any_bytes_are_read_without_raising_and_accounted_for(raw):
    frame = decode_frame(raw)
    assert frame.is_heartbeat == (len(raw) == 1)
    for skip in frame.skipped:
        assert 0 <= skip.offset <= skip.offset + skip.length <= len(raw)
        assert skip.reason


@given(st.lists(packets(), min_size=1, max_size=4), st.integers(0, 10**6))
def test_a_frame_cut_anywhere_keeps_its_whole_packets(sent, cut):
    whole = encode_frame(sent)
    frame = decode_frame(whole[: 2 + cut % (len(whole) - 2)])
    assert frame.packets == tuple(sent)[: len(frame.packets)]
    assert len(frame.packets) < len(sent)
    assert frame.skipped


@given(st.lists(packets(), max_size=4), st.binary(min_size=1, max_size=20))
def test_bytes_after_the_last_packet_are_reported(sent, tail):
    frame = decode_frame(encode_frame(sent) + tail)
    assert frame.packets == tuple(sent)
    assert frame.skipped[-1].length == len(tail)


@pytest.fixture(scope="module")
def official():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kiteconnect import KiteTicker

        return KiteTicker("key", "token")


# The official client reads prices as unsigned and times in the machine's zone, so the comparison
# keeps to prices from 0 and compares moments, not texts.
@given(sent=st.lists(packets(prices=price, seconds=st.integers(1, 2**31)), max_size=6))
def test_the_official_client_reads_the_same_values(official, sent):
    frame = encode_frame(sent)
    theirs = official._parse_binary(frame)
    ours = decode_frame(frame).packets
    assert [expected(packet) for packet in ours] == [comparable(tick) for tick in theirs]


def comparable(tick):
    kept = {name: value for name, value in tick.items() if name not in {"change", "tradable"}}
    for name in ("last_trade_time", "exchange_timestamp"):
        if name in kept:
            kept[name] = int(kept[name].timestamp())
    return kept


def expected(packet):
    """The packet in the official client's words."""
    divisor = price_divisor(packet.token)

    def rupees(number):
        return number / divisor

    mode = {
        PacketKind.LTP: "ltp",
        PacketKind.QUOTE: "quote",
        PacketKind.INDEX_QUOTE: "quote",
    }.get(packet.kind, "full")
    tick = {
        "mode": mode,
        "instrument_token": packet.token,
        "last_price": rupees(packet.last_price),
    }
    if packet.kind is not PacketKind.LTP:
        names = ("open", "high", "low", "close")
        tick["ohlc"] = {name: rupees(getattr(packet, name)) for name in names}
    if packet.kind in (PacketKind.QUOTE, PacketKind.FULL):
        tick |= {
            "last_traded_quantity": packet.last_quantity,
            "average_traded_price": rupees(packet.average_price),
            "volume_traded": packet.volume,
            "total_buy_quantity": packet.buy_quantity,
            "total_sell_quantity": packet.sell_quantity,
        }
    if packet.kind is PacketKind.FULL:
        sides = {"buy": packet.bids, "sell": packet.offers}
        tick |= {
            "last_trade_time": packet.last_trade_time,
            "oi": packet.oi,
            "oi_day_high": packet.oi_day_high,
            "oi_day_low": packet.oi_day_low,
            "depth": {
                side: [
                    {
                        "quantity": level.quantity,
                        "price": rupees(level.price),
                        "orders": level.orders,
                    }
                    for level in depth
                ]
                for side, depth in sides.items()
            },
        }
    if mode == "full":
        tick["exchange_timestamp"] = packet.exchange_timestamp
    return tick


def test_the_comparison_does_not_depend_on_the_zone_of_the_machine():
    assert int(datetime.fromtimestamp(1_767_589_213).timestamp()) == 1_767_589_213
