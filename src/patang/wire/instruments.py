"""The instruments dump: twelve columns of CSV, both ways. Source: Kite Connect v3, instruments."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.wire.errors import DataException
from patang.wire.ticks import is_index, price_divisor

CONTENT_TYPE = "text/csv"
"""Exactly this, without a character set: the JavaScript client reads no rows otherwise."""

COLUMNS = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)

_INDEX_TICK = Decimal("0.05")
_EXCHANGES = {exchange.value: exchange for exchange in Exchange}
_TYPES = {kind.value: kind for kind in InstrumentType}


def encode_instruments_csv(rows: Iterable[tuple[Instrument, Decimal]]) -> bytes:
    """The dump of instruments and their last prices (rupees), header first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for instrument, last_price in rows:
        writer.writerow(
            (
                instrument.token,
                instrument.token >> 8,
                instrument.symbol,
                instrument.name,
                _decimal_text(last_price),
                instrument.expiry or "",
                _decimal_text(instrument.strike or Decimal(0)),
                _decimal_text(instrument.tick_size),
                instrument.lot_size,
                instrument.instrument_type.value,
                instrument.segment,
                instrument.exchange.value,
            )
        )
    return text.getvalue().encode()


def decode_instruments_csv(body: bytes) -> list[Instrument]:
    """Read a dump.

    Rows of feeds that cannot be traded (exchanges such as GLOBAL that ``Exchange`` does not
    hold) are left out. An index has no tick or lot in the dump; it gets 0.05 and 1.

    Raises:
        DataException: naming the row and column that cannot be read.
    """
    try:
        # Only line feeds end a row: a lone carriage return inside a name is no new line.
        reader = csv.reader(io.StringIO(body.decode("utf-8"), newline=""), strict=True)
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise DataException(f"instruments, header: expected {','.join(COLUMNS)}.")
        return [
            _instrument(cells, reader.line_num)
            for cells in reader
            if len(cells) != len(COLUMNS) or cells[-1] in _EXCHANGES
        ]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataException(f"instruments: not CSV: {error}.") from error


def _instrument(cells: list[str], line: int) -> Instrument:
    try:
        (token, _, symbol, name, _, expiry, strike, tick, lot, kind, segment, exchange) = cells
        number = int(token)
        tradable = not is_index(number)
        strike_price = _decimal(strike) if strike else None
        return Instrument(
            exchange=_EXCHANGES[exchange],
            symbol=symbol,
            token=number,
            tick_size=_decimal(tick) if tradable else _decimal(tick) or _INDEX_TICK,
            lot_size=int(lot) if tradable else int(lot) or 1,
            instrument_type=_TYPES[kind],
            segment=segment,
            name=name,
            expiry=_expiry(expiry),
            strike=strike_price or None,
            price_divisor=price_divisor(number),
            is_tradable=tradable,
        )
    except (ValueError, KeyError, InvalidOperation) as error:
        raise DataException(f"instruments, line {line}: {_fault(cells, error)}") from error


def _fault(cells: list[str], error: Exception) -> str:
    """Which column a row fails in: only reached once something is wrong, so it may be slow."""
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} columns instead of {len(COLUMNS)}."
    checks: dict[str, Callable[[str], object]] = {
        "instrument_token": int,
        "expiry": _expiry,
        "strike": lambda text: text and _decimal(text),
        "tick_size": _decimal,
        "lot_size": int,
        "instrument_type": _TYPES.__getitem__,
    }
    row = dict(zip(COLUMNS, cells, strict=True))
    for column, check in checks.items():
        try:
            check(row[column])
        except (ValueError, KeyError, InvalidOperation):
            return f"{column}: cannot read {row[column]!r}."
    return f"{error.field}: {error}" if isinstance(error, InvalidValue) else f"{error}."


@lru_cache(maxsize=16384)
def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


@lru_cache(maxsize=4096)
def _expiry(text: str) -> str | None:
    if not text:
        return None
    if len(text) != 10:
        raise ValueError(text)
    return date.fromisoformat(text).isoformat()


def _decimal_text(value: Decimal) -> str:
    """Plain digits with a point, as the dump has them: 0.0, 24400.0, 0.05."""
    text = f"{value:f}"
    return text if "." in text else f"{text}.0"
