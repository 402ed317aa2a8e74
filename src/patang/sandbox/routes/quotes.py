"""Routes of the instruments dump and of quotes."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from patang.domain.enums import Exchange
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.sandbox.calls import Call, Csv
from patang.sandbox.rows.quotes import ltp_row, ohlc_row, quote_row
from patang.simulator.quote import Quote
from patang.wire.errors import InputException
from patang.wire.instruments import encode_instruments_csv
from patang.wire.rows import LtpRow, OhlcRow, QuoteRow

RowType = TypeVar("RowType")


def all_instruments(call: Call) -> Csv:
    """GET /instruments."""
    return _dump(call, call.world.instruments)


def exchange_instruments(call: Call) -> Csv:
    """GET /instruments/{exchange}."""
    name = call.path["exchange"]
    if name not in Exchange.__members__:
        raise InputException("Invalid `exchange`.")
    return _dump(call, (one for one in call.world.instruments if one.exchange.value == name))


def quotes(call: Call) -> dict[str, QuoteRow]:
    """GET /quote."""
    return _rows(call, quote_row)


def ohlc(call: Call) -> dict[str, OhlcRow]:
    """GET /quote/ohlc."""
    return _rows(call, ohlc_row)


def ltp(call: Call) -> dict[str, LtpRow]:
    """GET /quote/ltp."""
    return _rows(call, ltp_row)


def _dump(call: Call, instruments: Iterable[Instrument]) -> Csv:
    """Rows with last prices, which a large dump has of what trades in a book only."""
    exchange = call.world.exchange
    if exchange.backdrop is None:
        return Csv(
            encode_instruments_csv((one, exchange.last_price(one.id)) for one in instruments)
        )
    known = {name: one.last_price for name, one in exchange.floor.venues.items()}
    return Csv(encode_instruments_csv((one, known.get(one.id, ZERO)) for one in instruments))


def _rows(call: Call, to_row: Callable[[Quote, Instrument], RowType]) -> dict[str, RowType]:
    """Rows keyed exactly as they were asked for; what does not exist is left out."""
    wanted = call.query.all("i")
    limit = call.endpoint.instrument_cap
    if limit is not None and len(wanted) > limit:
        raise InputException(f"Maximum of {limit} instruments per request exceeded.")
    rows: dict[str, RowType] = {}
    for text in wanted:
        instrument = call.world.find(text)
        if instrument is not None:
            rows[text] = to_row(call.world.exchange.quote(instrument.id), instrument)
    return rows
