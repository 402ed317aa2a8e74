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
from patang.wire.dump_text import Memo, restored, tidied
from patang.wire.errors import DataException
from patang.wire.listed_instrument import ListedInstrument
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
_DIVISORS = [price_divisor(segment) for segment in range(256)]
_TRADABLE = [not is_index(segment) for segment in range(256)]


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


def decode_instruments_csv(body: bytes) -> list[ListedInstrument]:
    """Read a dump.

    Rows of feeds that cannot be traded (exchanges such as GLOBAL that ``Exchange`` does not
    hold) are left out. An index has no tick or lot in the dump; it gets 0.05 and 1.

    Raises:
        DataException: naming the row and column that cannot be read.
    """
    try:
        return _by_lines(*tidied(body, COLUMNS))
    except (DataException, ValueError, KeyError, InvalidOperation):
        # Something is wrong with it, or with a row that is left out anyway: look row by row.
        return _by_rows(body)


def _by_lines(body: bytes, has_quotes: bool) -> list[ListedInstrument]:
    """The fast way: whatever repeats from row to row is converted once."""
    terms, days, strikes, prices = Memo(_terms), Memo(_expiry), Memo(_strike), Memo(_decimal)
    names: Memo[str, str] = Memo(restored if has_quotes else str)
    instruments: list[ListedInstrument] = []
    lines = body.decode().split("\n")
    for line in lines[1:-1]:
        token_text, place, symbol, name, last_price, expiry, strike, rest = line.split(",", 7)
        exchange, tick_size, lot_size, kind, segment, is_bare = terms[rest]
        if exchange is None:
            continue
        token = int(token_text)
        is_tradable = _TRADABLE[token & 0xFF]
        if is_bare and is_tradable:
            raise ValueError(line)
        instruments.append(
            ListedInstrument(
                exchange=exchange,
                symbol=restored(symbol) if has_quotes else symbol,
                token=token,
                tick_size=tick_size,
                lot_size=lot_size,
                instrument_type=kind,
                segment=segment,
                name=names[name],
                expiry=days[expiry],
                strike=strikes[strike],
                price_divisor=_DIVISORS[token & 0xFF],
                is_tradable=is_tradable,
                exchange_token=int(place),
                last_price=prices[last_price],
                is_bare_index=is_bare,
            )
        )
    return instruments


Terms = tuple[Exchange | None, Decimal, int, InstrumentType, str, bool]


def _terms(text: str) -> Terms:
    """The last five columns, of which a dump has few combinations; no exchange: leave it out."""
    tick, lot, kind, segment, exchange = text.split(",")
    if exchange not in _EXCHANGES:
        return None, _INDEX_TICK, 1, InstrumentType.EQ, segment, False
    tick_size, lot_size = _decimal(tick), int(lot)
    is_bare = not (tick_size and lot_size)
    return (
        _EXCHANGES[exchange],
        tick_size or _INDEX_TICK,
        lot_size or 1,
        _TYPES[kind],
        segment,
        is_bare,
    )


def _by_rows(body: bytes) -> list[ListedInstrument]:
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


def _instrument(cells: list[str], line: int) -> ListedInstrument:
    try:
        (token, place, symbol, name, last, expiry, strike, tick, lot, kind, segment, exchange) = (
            cells
        )
        number = int(token)
        tradable = not is_index(number)
        tick_size, lot_size = _decimal(tick), int(lot)
        return ListedInstrument(
            exchange=_EXCHANGES[exchange],
            symbol=symbol,
            token=number,
            tick_size=tick_size if tradable else tick_size or _INDEX_TICK,
            lot_size=lot_size if tradable else lot_size or 1,
            instrument_type=_TYPES[kind],
            segment=segment,
            name=name,
            expiry=_expiry(expiry),
            strike=_strike(strike),
            price_divisor=price_divisor(number),
            is_tradable=tradable,
            exchange_token=int(place),
            last_price=_decimal(last),
            is_bare_index=not (tick_size and lot_size),
        )
    except (ValueError, KeyError, InvalidOperation) as error:
        raise DataException(f"instruments, line {line}: {_fault(cells, error)}") from error


def _fault(cells: list[str], error: Exception) -> str:
    """Which column a row fails in: only reached once something is wrong, so it may be slow."""
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} columns instead of {len(COLUMNS)}."
    checks: dict[str, Callable[[str], object]] = {
        "instrument_token": int,
        "exchange_token": int,
        "last_price": _decimal,
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


def _strike(text: str) -> Decimal | None:
    return (_decimal(text) or None) if text else None


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
