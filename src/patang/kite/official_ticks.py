"""A packet as the official Python client shows it: a dict in that client's words.

Prices are float64 rupees. Times are aware, in IST, and None where the instrument has not traded
(the official client says 1970 in the machine's own zone). ``change`` is percent of the previous
close. Source: Kite Connect v3, WebSocket streaming; kiteconnect 5.2.
"""

from datetime import datetime
from typing import Any

from patang.rules.ist import IST
from patang.wire.ticks import Level, Packet, PacketKind, TickMode, is_index, price_divisor

_MODES = {
    PacketKind.LTP: TickMode.LTP,
    PacketKind.INDEX_QUOTE: TickMode.QUOTE,
    PacketKind.QUOTE: TickMode.QUOTE,
    PacketKind.INDEX_FULL: TickMode.FULL,
    PacketKind.FULL: TickMode.FULL,
}


def official_tick(packet: Packet) -> dict[str, Any]:
    """The packet in the official client's shape; only the fields that its kind carries."""
    p, divisor = packet, price_divisor(packet.token)
    mode = _MODES[p.kind]
    tick: dict[str, Any] = {
        "tradable": not is_index(p.token),
        "mode": mode.value,
        "instrument_token": p.token,
        "last_price": p.last_price / divisor,
    }
    if mode is TickMode.LTP:
        return tick
    if tick["tradable"]:
        tick["last_traded_quantity"] = p.last_quantity
        tick["average_traded_price"] = p.average_price / divisor
        tick["volume_traded"] = p.volume
        tick["total_buy_quantity"] = p.buy_quantity
        tick["total_sell_quantity"] = p.sell_quantity
    tick["ohlc"] = {
        "open": p.open / divisor,
        "high": p.high / divisor,
        "low": p.low / divisor,
        "close": p.close / divisor,
    }
    tick["change"] = (p.last_price - p.close) * 100 / p.close if p.close else 0
    if mode is TickMode.FULL:
        if tick["tradable"]:
            tick["last_trade_time"] = _time(p.last_trade_time)
            tick["oi"] = p.oi
            tick["oi_day_high"] = p.oi_day_high
            tick["oi_day_low"] = p.oi_day_low
        tick["exchange_timestamp"] = _time(p.exchange_timestamp)
        if tick["tradable"]:
            tick["depth"] = {
                "buy": [_level(level, divisor) for level in p.bids],
                "sell": [_level(level, divisor) for level in p.offers],
            }
    return tick


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, IST) if seconds else None


def _level(level: Level, divisor: int) -> dict[str, Any]:
    return {
        "quantity": level.quantity,
        "price": level.price / divisor,
        "orders": level.orders,
    }
