"""The route of historical candles."""

from decimal import Decimal

from patang.domain.instrument import Instrument
from patang.sandbox.calls import Call
from patang.sandbox.rows.numbers import json_number
from patang.simulator.tape.candles import TickCandle
from patang.wire.errors import InputException
from patang.wire.times import format_candle_stamp, parse_ist

_DATE = len("2026-11-19")
_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True}

CandleRow = list[str | Decimal | int]


def historical(call: Call) -> dict[str, list[CandleRow]]:
    """GET /instruments/historical/{instrument_token}/{interval}.

    Parameters of the path that clients repeat in the query are ignored. Source: Kite Connect v3,
    historical candle data.
    """
    instrument = _instrument(call)
    from_ns, to_ns = _moment(call, "from"), _moment(call, "to")
    has_oi = _flag(call, "oi")
    candles = call.world.history.candles(
        instrument.id,
        call.path["interval"],
        from_ns,
        to_ns,
        call.now_ns,
        continuous=_flag(call, "continuous"),
        to_whole_day=len(call.query.first("to")) == _DATE,
    )
    return {"candles": _rows(candles, instrument, has_oi=has_oi)}


def _instrument(call: Call) -> Instrument:
    token = call.path["instrument_token"]
    found = call.world.find(token) if token.isascii() and token.isdecimal() else None
    if found is None:
        raise InputException("invalid token")
    return found


def _moment(call: Call, name: str) -> int:
    """UTC nanoseconds of ``YYYY-MM-DD`` with or without ``HH:MM:SS``."""
    text = call.query.required(name)
    try:
        return parse_ist(f"{text} 00:00:00" if len(text) == _DATE else text)
    except ValueError:
        raise InputException(f"invalid {name} date") from None


def _flag(call: Call, name: str) -> bool:
    text = call.query.first(name).lower()
    if text not in _FLAGS:
        raise InputException(f"Invalid `{name}`.")
    return _FLAGS[text]


def _rows(candles: list[TickCandle], instrument: Instrument, *, has_oi: bool) -> list[CandleRow]:
    # Prices repeat, so each is turned into its number once.
    numbers: dict[int, Decimal] = {}

    def number(ticks: int) -> Decimal:
        known = numbers.get(ticks)
        if known is None:
            known = numbers[ticks] = json_number(instrument.from_ticks(ticks))
        return known

    rows: list[CandleRow] = []
    for one in candles:
        prices = (number(one.open), number(one.high), number(one.low), number(one.close))
        row: CandleRow = [format_candle_stamp(one.start_ns), *prices, one.volume]
        if has_oi:
            row.append(one.oi)
        rows.append(row)
    return rows
