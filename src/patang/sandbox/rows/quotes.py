"""Quotes of the simulated exchange: as REST rows and as ticker packets."""

from patang.domain.instrument import Instrument
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.rows.numbers import json_number
from patang.simulator.quote import Quote, QuoteLevel
from patang.wire.rows import DepthEntry, DepthRow, LtpRow, OhlcFields, OhlcRow, QuoteRow
from patang.wire.ticks import DEPTH_LEVELS, Level, Packet, TickMode, is_index, kind_of
from patang.wire.times import format_ist

_NO_LEVEL = DepthEntry()


def ltp_row(quote: Quote, instrument: Instrument) -> LtpRow:
    """The last price."""
    return LtpRow(instrument_token=instrument.token, last_price=json_number(quote.last_price))


def ohlc_row(quote: Quote, instrument: Instrument) -> OhlcRow:
    """The last price and the day's range."""
    return OhlcRow(
        instrument_token=instrument.token,
        last_price=json_number(quote.last_price),
        ohlc=_ohlc(quote),
    )


def quote_row(quote: Quote, instrument: Instrument) -> QuoteRow:
    """The full quote; an index has zeros where it has nothing, and an empty depth."""
    traded_ns = None if is_index(instrument.token) else quote.last_trade_ns
    return QuoteRow(
        instrument_token=instrument.token,
        timestamp=format_ist(quote.exchange_ns),
        last_trade_time=None if traded_ns is None else format_ist(traded_ns),
        last_price=json_number(quote.last_price),
        last_quantity=quote.last_quantity,
        buy_quantity=quote.buy_quantity,
        sell_quantity=quote.sell_quantity,
        volume=quote.volume,
        average_price=json_number(quote.average_price),
        oi=quote.oi,
        oi_day_high=quote.oi_day_high,
        oi_day_low=quote.oi_day_low,
        net_change=json_number(quote.last_price - quote.close),
        lower_circuit_limit=json_number(quote.lower_circuit),
        upper_circuit_limit=json_number(quote.upper_circuit),
        ohlc=_ohlc(quote),
        depth=DepthRow(buy=_entries(quote.bids), sell=_entries(quote.asks)),
    )


def packet(quote: Quote, instrument: Instrument, mode: TickMode) -> Packet:
    """What the ticker pushes in ``mode``, in wire integers."""
    wire = instrument.to_wire
    kind = kind_of(instrument.token, mode)
    last_price = wire(quote.last_price)
    if mode is TickMode.LTP:
        return Packet(instrument.token, kind, last_price)
    at = quote.exchange_ns // NS_PER_SECOND
    if is_index(instrument.token):
        return Packet(
            instrument.token,
            kind,
            last_price,
            open=wire(quote.open),
            high=wire(quote.high),
            low=wire(quote.low),
            close=wire(quote.close),
            change=wire(quote.last_price - quote.close),
            exchange_timestamp=at if mode is TickMode.FULL else 0,
        )
    is_full = mode is TickMode.FULL
    traded_ns = quote.last_trade_ns
    return Packet(
        instrument.token,
        kind,
        last_price,
        last_quantity=quote.last_quantity,
        average_price=wire(quote.average_price),
        volume=quote.volume,
        buy_quantity=quote.buy_quantity,
        sell_quantity=quote.sell_quantity,
        open=wire(quote.open),
        high=wire(quote.high),
        low=wire(quote.low),
        close=wire(quote.close),
        last_trade_time=traded_ns // NS_PER_SECOND if is_full and traded_ns is not None else 0,
        oi=quote.oi if is_full else 0,
        oi_day_high=quote.oi_day_high if is_full else 0,
        oi_day_low=quote.oi_day_low if is_full else 0,
        exchange_timestamp=at if is_full else 0,
        bids=_levels(quote.bids, instrument) if is_full else (),
        offers=_levels(quote.asks, instrument) if is_full else (),
    )


def _ohlc(quote: Quote) -> OhlcFields:
    return OhlcFields(
        open=json_number(quote.open),
        high=json_number(quote.high),
        low=json_number(quote.low),
        close=json_number(quote.close),
    )


def _entries(levels: tuple[QuoteLevel, ...]) -> list[DepthEntry]:
    entries = [
        DepthEntry(price=json_number(level.price), quantity=level.quantity, orders=level.orders)
        for level in levels[:DEPTH_LEVELS]
    ]
    return entries + [_NO_LEVEL] * (DEPTH_LEVELS - len(entries))


def _levels(levels: tuple[QuoteLevel, ...], instrument: Instrument) -> tuple[Level, ...]:
    return tuple(
        Level(instrument.to_wire(level.price), level.quantity, min(level.orders, 0xFFFF))
        for level in levels[:DEPTH_LEVELS]
    )
