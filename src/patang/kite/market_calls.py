"""The client's calls on market data."""

from datetime import date, datetime
from typing import Any

from patang.domain.enums import Exchange, Interval, Side
from patang.domain.errors import InvalidValue
from patang.kite.endpoint_calls import EndpointCalls, T
from patang.kite.parameters import Keys, candle_time, in_batches, instrument_keys, word
from patang.wire.candle_rows import Candles, CandleTable
from patang.wire.endpoints import ENDPOINTS
from patang.wire.form_fields import check_flag
from patang.wire.instrument_columns import InstrumentColumns
from patang.wire.instruments import decode_instruments_csv
from patang.wire.listed_instrument import ListedInstrument
from patang.wire.rows import LtpRow, OhlcRow, QuoteRow, TriggerRangeRow

UNDOCUMENTED_INTERVALS = ("2minute", "4minute", "hour", "2hour", "3hour", "4hour", "week")
"""Candle intervals that the server is reported to know beside the documented ones."""

QUERY_CHARACTERS = 22_000
"""The longest query of one quote call: about what URLs may have before the edge refuses them."""

_TOKENS = range(1, 1 << 32)


class MarketCalls(EndpointCalls):
    """Instruments, quotes and candles."""

    async def instruments(self, exchange: Exchange | str | None = None) -> list[ListedInstrument]:
        """The day's instruments, of one exchange or of all; a raw client gives the CSV."""
        body = await self._dump(exchange)
        return body if self._is_raw else decode_instruments_csv(body)  # type: ignore[return-value]

    async def instruments_csv(self, exchange: Exchange | str | None = None) -> bytes:
        """The day's instruments as the server sends them."""
        return await self._dump(exchange)

    async def instrument_columns(self, exchange: Exchange | str | None = None) -> InstrumentColumns:
        """The day's instruments as columns: many times faster and smaller than rows."""
        return InstrumentColumns.decode(await self._dump(exchange))

    async def quote(self, *instruments: Keys) -> dict[str, QuoteRow]:
        """Full quotes by ``EXCHANGE:SYMBOL``; unknown instruments are absent.

        Beyond 500 it takes several requests, whose answers are joined.
        """
        return await self._by_key("quote", dict[str, QuoteRow], instruments)

    async def ohlc(self, *instruments: Keys) -> dict[str, OhlcRow]:
        """Open, high, low, close and last price; 1,000 to a request, absent if unknown."""
        return await self._by_key("ohlc", dict[str, OhlcRow], instruments)

    async def ltp(self, *instruments: Keys) -> dict[str, LtpRow]:
        """Last prices; 1,000 to a request, unknown instruments are absent."""
        return await self._by_key("ltp", dict[str, LtpRow], instruments)

    async def historical_data(
        self,
        instrument_token: int,
        from_date: str | date | datetime,
        to_date: str | date | datetime,
        interval: Interval | str,
        continuous: bool = False,
        oi: bool = False,
    ) -> Candles:
        """Candles that start between two moments, both included; a list, oldest first.

        Times are text (``YYYY-MM-DD`` with or without ``HH:MM:SS``), dates, or datetimes: IST
        unless they have a zone of their own. ``continuous`` joins the day candles of expired
        futures. Kite refuses spans above 60 days of minutes and 2,000 days of days.

        Raises:
            InvalidValue: naming the parameter; nothing was sent.
        """
        path = {"instrument_token": _token(instrument_token), "interval": _interval(interval)}
        start, end = candle_time("from_date", from_date), candle_time("to_date", to_date)
        # Comparing the text is comparing the time; a date alone is shorter and comes first.
        if end < start[: len(end)]:
            raise InvalidValue("to_date", f"{end} is before {start}.")
        parameters = {
            "from": start,
            "to": end,
            "continuous": str(int(check_flag("continuous", continuous))),
            "oi": str(int(check_flag("oi", oi))),
        }
        table = await self._call("historical_data", CandleTable, path, parameters)
        return table if self._is_raw else Candles(table.candles, table)  # type: ignore[return-value]

    async def trigger_range(
        self, transaction_type: Side | str, *instruments: Keys
    ) -> dict[str, TriggerRangeRow]:
        """Legacy: where the trigger of a cover order may lie."""
        side = word(Side, "transaction_type", str(transaction_type).upper())
        path = {"transaction_type": side.value.lower()}
        parameters = [("i", key) for key in instrument_keys(instruments)]
        return await self._call("trigger_range", dict[str, TriggerRangeRow], path, parameters)

    async def _by_key(
        self, name: str, answer: type[dict[str, T]], instruments: tuple[Keys, ...]
    ) -> dict[str, T]:
        keys = instrument_keys(instruments)
        joined: dict[str, T] = {}
        cap = ENDPOINTS[name].instrument_cap or len(keys)
        for batch in in_batches(keys, cap, QUERY_CHARACTERS):
            joined |= await self._call(name, answer, parameters=[("i", key) for key in batch])
        return joined

    async def _dump(self, exchange: Exchange | str | None) -> bytes:
        if exchange is None:
            return await self._call("instruments", bytes)
        path = {"exchange": word(Exchange, "exchange", exchange).value}
        return await self._call("instruments_exchange", bytes, path)


def _token(token: Any) -> str:
    text = str(token)
    if isinstance(token, bool) or not (text.isascii() and text.isdecimal()):
        raise InvalidValue("instrument_token", f"{token!r} is not a whole number.")
    if int(text) not in _TOKENS:
        raise InvalidValue("instrument_token", f"{token} does not fit 32 bits.")
    return text


def _interval(interval: str) -> str:
    if interval in UNDOCUMENTED_INTERVALS:
        return interval
    return word(Interval, "interval", interval).value
