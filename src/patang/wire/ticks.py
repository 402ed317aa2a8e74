"""The ticker's binary frames, both ways.

A frame is ``uint16 count`` and then, ``count`` times, ``uint16 length`` and a body, big-endian; the
length of a body says what it is. Prices are signed wire integers (rupees times the divisor of the
token's segment), everything else is unsigned. Decoding never raises: what cannot be read is
reported in ``Frame.skipped``. Source: Kite Connect v3, WebSocket streaming.
"""

import struct
from collections.abc import Callable, Iterable
from enum import IntEnum, StrEnum

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.domain.market import NS_PER_SECOND, DepthLevel, Tick

HEARTBEAT = b"\x00"
"""What the server sends about once a second of silence; only its length of one byte matters."""

DEPTH_LEVELS = 5
"""Levels on each side of a full packet; missing ones are zeros."""


class TickMode(StrEnum):
    """How much the server pushes for a token; a new subscription starts in ``quote``."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


class PacketKind(IntEnum):
    """What a packet holds. The value is the length of its body in bytes."""

    LTP = 8
    INDEX_QUOTE = 28
    INDEX_FULL = 32
    QUOTE = 44
    FULL = 184


class Segment(IntEnum):
    """The low byte of an instrument token. Bytes not listed are passed through as plain ints."""

    NSE = 1
    NFO = 2
    CDS = 3
    BSE = 4
    BFO = 5
    BCD = 6
    MCX = 7
    MCXSX = 8
    INDICES = 9
    NSE_AUCTION = 10
    NCO = 12


class Level(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One depth level in wire integers: price, quantity, number of orders."""

    price: int
    quantity: int
    orders: int


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One instrument's packet in wire integers; fields that its kind does not carry are 0 or ().

    ``close`` is the previous session's. ``last_trade_time`` and ``exchange_timestamp`` are Unix
    seconds, 0 when the instrument has not traded. ``change`` is carried by index packets only.
    A decoded FULL packet always has five bids and five offers; encoding pads with zeros.
    """

    token: int
    kind: PacketKind
    last_price: int
    last_quantity: int = 0
    average_price: int = 0
    volume: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    open: int = 0
    high: int = 0
    low: int = 0
    close: int = 0
    last_trade_time: int = 0
    oi: int = 0
    oi_day_high: int = 0
    oi_day_low: int = 0
    exchange_timestamp: int = 0
    bids: tuple[Level, ...] = ()
    offers: tuple[Level, ...] = ()
    change: int = 0


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a frame that could not be read: where, how many, and why."""

    offset: int
    length: int
    reason: str


class Frame(msgspec.Struct, frozen=True):
    """What one binary message held."""

    packets: tuple[Packet, ...] = ()
    is_heartbeat: bool = False
    skipped: tuple[Skipped, ...] = ()


_U16 = struct.Struct(">H")
_LTP = struct.Struct(">Ii")
_INDEX_QUOTE = struct.Struct(">Iiiiiii")
_INDEX_FULL = struct.Struct(">IiiiiiiI")
_QUOTE = struct.Struct(">IiIiIIIiiii")
_FULL = struct.Struct(">IiIiIIIiiiiIIIII" + "IiH2x" * (2 * DEPTH_LEVELS))
_unpack_full = _FULL.unpack_from
_EMPTY = Level(0, 0, 0)

_DIVISORS = {Segment.CDS: 10_000_000, Segment.BCD: 10_000, Segment.NCO: 10_000}


def segment_of(token: int) -> int:
    """The low byte of a token; compare it with ``Segment``."""
    return token & 0xFF


def price_divisor(token: int) -> int:
    """What a wire price of this token is divided by to give rupees."""
    return _DIVISORS.get(token & 0xFF, 100)  # type: ignore[call-overload,no-any-return]


def is_index(token: int) -> bool:
    """Whether the token is an index's: not tradable, and quoted in INDEX_QUOTE and INDEX_FULL."""
    return token & 0xFF == Segment.INDICES


def kind_of(token: int, mode: TickMode) -> PacketKind:
    """What the server pushes for a token in ``mode``."""
    if mode is TickMode.LTP:
        return PacketKind.LTP
    if is_index(token):
        return PacketKind.INDEX_QUOTE if mode is TickMode.QUOTE else PacketKind.INDEX_FULL
    return PacketKind.QUOTE if mode is TickMode.QUOTE else PacketKind.FULL


def encode_frame(packets: Iterable[Packet]) -> bytes:
    """One binary message holding the packets; raises ``InvalidValue`` naming what does not fit."""
    some = tuple(packets)
    return frame_of(len(some), encode_bodies(some))


def encode_bodies(packets: Iterable[Packet]) -> bytes:
    """The packets, each behind its length: a message without its count; raises as above."""
    bodies = [encode_packet(packet) for packet in packets]
    return b"".join(_U16.pack(len(body)) + body for body in bodies)


def frame_of(count: int, *bodies: bytes) -> bytes:
    """One binary message of ``count`` packets that are encoded already."""
    if count > 0xFFFF:
        raise InvalidValue("packets", f"{count} do not fit one frame.", "Send at most 65535.")
    return _U16.pack(count) + b"".join(bodies)


def encode_packet(packet: Packet) -> bytes:
    """The body of one packet, without its length.

    Raises:
        InvalidValue: more than five levels, or a number outside its 16 or 32 bits.
    """
    try:
        return _encode(packet)
    except struct.error as error:
        raise InvalidValue("packet", f"token {packet.token}: {error}.") from error


def _encode(packet: Packet) -> bytes:
    p = packet
    match p.kind:
        case PacketKind.LTP:
            return _LTP.pack(p.token, p.last_price)
        case PacketKind.INDEX_QUOTE | PacketKind.INDEX_FULL:
            # The order of an index is high, low, open, close; a tradable's is open first.
            prices = (p.token, p.last_price, p.high, p.low, p.open, p.close, p.change)
            if p.kind is PacketKind.INDEX_QUOTE:
                return _INDEX_QUOTE.pack(*prices)
            return _INDEX_FULL.pack(*prices, p.exchange_timestamp)
        case PacketKind.QUOTE:
            return _QUOTE.pack(*_quote_fields(p))
        case PacketKind.FULL:
            times = (p.last_trade_time, p.oi, p.oi_day_high, p.oi_day_low, p.exchange_timestamp)
            return _FULL.pack(*_quote_fields(p), *times, *_depth(p.bids), *_depth(p.offers))


def _quote_fields(p: Packet) -> tuple[int, ...]:
    sizes = (p.last_quantity, p.average_price, p.volume, p.buy_quantity, p.sell_quantity)
    return (p.token, p.last_price, *sizes, p.open, p.high, p.low, p.close)


def _depth(levels: tuple[Level, ...]) -> list[int]:
    if len(levels) > DEPTH_LEVELS:
        raise InvalidValue("depth", f"{len(levels)} levels; a packet holds {DEPTH_LEVELS} a side.")
    padded = levels + (_EMPTY,) * (DEPTH_LEVELS - len(levels))
    return [number for lv in padded for number in (lv.quantity, lv.price, lv.orders)]


def decode_frame(frame: bytes) -> Frame:
    """Read one binary message. Never raises, whatever the bytes."""
    size = len(frame)
    if size < 2:
        return Frame(is_heartbeat=size == 1)
    (count,) = _U16.unpack_from(frame)
    packets: list[Packet] = []
    skipped: list[Skipped] = []
    offset = 2
    for index in range(count):
        start = offset + 2
        if start > size:
            reason = f"frame ends after {index} of {count} packets"
            skipped.append(Skipped(offset, size - offset, reason))
            return Frame(tuple(packets), skipped=tuple(skipped))
        length = frame[offset] << 8 | frame[offset + 1]
        offset = start + length
        if offset > size:
            reason = f"packet of {length} bytes is cut off"
            skipped.append(Skipped(start, size - start, reason))
            return Frame(tuple(packets), skipped=tuple(skipped))
        decode = _DECODERS.get(length)
        if decode is None:
            skipped.append(Skipped(start, length, f"no packet is {length} bytes long"))
        else:
            packets.append(decode(frame, start))
    if offset < size:
        skipped.append(Skipped(offset, size - offset, "bytes after the last packet"))
    return Frame(tuple(packets), skipped=tuple(skipped))


def _decode_ltp(frame: bytes, start: int) -> Packet:
    token, last_price = _LTP.unpack_from(frame, start)
    return Packet(token, PacketKind.LTP, last_price)


def _decode_index_quote(frame: bytes, start: int) -> Packet:
    token, last, high, low, open_, close, change = _INDEX_QUOTE.unpack_from(frame, start)
    return Packet(
        token, PacketKind.INDEX_QUOTE, last,
        open=open_, high=high, low=low, close=close, change=change,
    )  # fmt: skip


def _decode_index_full(frame: bytes, start: int) -> Packet:
    token, last, high, low, open_, close, change, at = _INDEX_FULL.unpack_from(frame, start)
    return Packet(
        token, PacketKind.INDEX_FULL, last,
        open=open_, high=high, low=low, close=close, change=change, exchange_timestamp=at,
    )  # fmt: skip


_KIND_QUOTE = PacketKind.QUOTE
_KIND_FULL = PacketKind.FULL


def _decode_quote(frame: bytes, start: int) -> Packet:
    token, *rest = _QUOTE.unpack_from(frame, start)
    return Packet(token, _KIND_QUOTE, *rest)


def _decode_full(frame: bytes, start: int) -> Packet:
    # The hot path, so it is written out: one unpack, no slices, no loop.
    (
        token, last, last_quantity, average, volume, buy, sell, open_, high, low, close,
        traded_at, oi, oi_high, oi_low, made_at,
        q0, p0, n0, q1, p1, n1, q2, p2, n2, q3, p3, n3, q4, p4, n4,
        q5, p5, n5, q6, p6, n6, q7, p7, n7, q8, p8, n8, q9, p9, n9,
    ) = _unpack_full(frame, start)  # fmt: skip
    level = Level
    return Packet(
        token, _KIND_FULL, last, last_quantity, average, volume, buy, sell,
        open_, high, low, close, traded_at, oi, oi_high, oi_low, made_at,
        (level(p0, q0, n0), level(p1, q1, n1), level(p2, q2, n2), level(p3, q3, n3),
         level(p4, q4, n4)),
        (level(p5, q5, n5), level(p6, q6, n6), level(p7, q7, n7), level(p8, q8, n8),
         level(p9, q9, n9)),
    )  # fmt: skip


_DECODERS: dict[int, Callable[[bytes, int], Packet]] = {
    8: _decode_ltp,
    28: _decode_index_quote,
    32: _decode_index_full,
    44: _decode_quote,
    184: _decode_full,
}


def to_tick(packet: Packet, instrument: Instrument, received_ns: int) -> Tick:
    """The packet as the decision plane's tick: float64 rupees, UTC nanoseconds.

    A time of 0 (has not traded) and fields that the packet's kind does not carry become None.
    Depth levels without quantity are left out.
    """
    d = instrument.price_divisor
    p = packet
    if p.kind is PacketKind.LTP:
        return Tick(instrument=instrument.id, received_ns=received_ns, last_price=p.last_price / d)
    return Tick(
        instrument=instrument.id,
        received_ns=received_ns,
        last_price=p.last_price / d,
        exchange_ns=p.exchange_timestamp * NS_PER_SECOND or None,
        last_trade_ns=p.last_trade_time * NS_PER_SECOND or None,
        last_quantity=p.last_quantity,
        average_price=p.average_price / d,
        volume=p.volume,
        buy_quantity=p.buy_quantity,
        sell_quantity=p.sell_quantity,
        open=p.open / d,
        high=p.high / d,
        low=p.low / d,
        close=p.close / d,
        oi=p.oi if p.kind is PacketKind.FULL else None,
        bids=tuple([DepthLevel(x.price / d, x.quantity, x.orders) for x in p.bids if x.quantity]),
        asks=tuple([DepthLevel(x.price / d, x.quantity, x.orders) for x in p.offers if x.quantity]),
    )
