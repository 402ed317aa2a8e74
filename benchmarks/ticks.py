"""Reading one ticker frame of 100 full packets, against the official Python client.

Ours gives typed packets in exact wire integers with five levels a side; the peer gives
dictionaries of floats. Both read every field, which is checked before anything is timed.
"""

from typing import Any

from benchmarks.harness import Measurement, interleave
from patang.wire.ticks import Level, Packet, PacketKind, decode_frame, encode_frame, price_divisor

NAME = "ticks"
PEER = "kiteconnect 5.2.2 KiteTicker._parse_binary"

PACKETS = 100
FRAMES = 20


def measure(rounds: int) -> Measurement:
    """Decode the frame ``FRAMES`` times a round, both ways."""
    from kiteconnect import KiteTicker

    frame = encode_frame(_packet(number) for number in range(PACKETS))
    ticker = KiteTicker("key", "token")

    def ours() -> None:
        for _ in range(FRAMES):
            decode_frame(frame)

    def theirs() -> None:
        for _ in range(FRAMES):
            ticker._parse_binary(frame)

    _check_same(decode_frame(frame).packets, ticker._parse_binary(frame))
    mine, peers = interleave(ours, theirs, rounds)
    work = f"{FRAMES} frames of {PACKETS} full packets decoded"
    return Measurement(NAME, PEER, mine, peers, work)


def _packet(number: int) -> Packet:
    last = 151_235 + number
    return Packet(
        token=(1_594 + number) << 8 | 1,
        kind=PacketKind.FULL,
        last_price=last,
        last_quantity=10 + number,
        average_price=last - 248,
        volume=4_523_101 + number,
        buy_quantity=230_411,
        sell_quantity=318_822,
        open=150_500,
        high=151_900,
        low=149_925,
        close=150_110,
        last_trade_time=1_767_589_213,
        oi=number,
        oi_day_high=2 * number,
        oi_day_low=number // 2,
        exchange_timestamp=1_767_589_215,
        bids=tuple(Level(last - 5 * step, 120 + step, 4 + step) for step in range(1, 6)),
        offers=tuple(Level(last + 5 * step, 75 + step, 2 + step) for step in range(1, 6)),
    )


def _check_same(packets: tuple[Packet, ...], ticks: list[dict[str, Any]]) -> None:
    assert len(packets) == len(ticks) == PACKETS
    for packet, tick in zip(packets, ticks, strict=True):
        assert _in_their_words(packet) == _flat(tick)


def _in_their_words(packet: Packet) -> dict[str, Any]:
    divisor = price_divisor(packet.token)
    depth = [
        (level.quantity, level.price / divisor, level.orders)
        for level in packet.bids + packet.offers
    ]
    return {
        "instrument_token": packet.token,
        "last_price": packet.last_price / divisor,
        "last_traded_quantity": packet.last_quantity,
        "average_traded_price": packet.average_price / divisor,
        "volume_traded": packet.volume,
        "total_buy_quantity": packet.buy_quantity,
        "total_sell_quantity": packet.sell_quantity,
        "ohlc": {
            name: getattr(packet, name) / divisor for name in ("open", "high", "low", "close")
        },
        "last_trade_time": packet.last_trade_time,
        "oi": packet.oi,
        "oi_day_high": packet.oi_day_high,
        "oi_day_low": packet.oi_day_low,
        "exchange_timestamp": packet.exchange_timestamp,
        "depth": depth,
    }


def _flat(tick: dict[str, Any]) -> dict[str, Any]:
    left_out = {"tradable", "mode", "change"}
    flat = {name: value for name, value in tick.items() if name not in left_out}
    for name in ("last_trade_time", "exchange_timestamp"):
        flat[name] = int(flat[name].timestamp())
    flat["depth"] = [tuple(level.values()) for side in tick["depth"].values() for level in side]
    return flat
