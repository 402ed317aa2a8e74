"""Historical candles. Source: Kite Connect v3, historical candle data."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from patang.wire.row import Row
from patang.wire.times import parse_candle_stamp

_IST = timezone(timedelta(hours=5, minutes=30), "IST")
_STAMP = "%Y-%m-%dT%H:%M:%S%z"


class Candle(msgspec.Struct, frozen=True, array_like=True):
    """One candle, in rupees; ``timestamp`` is its start as the server writes it.

    Prices are floats: candles are for calculation, and round back to the tick exactly. ``oi`` is
    there only when it was asked for.
    """

    timestamp: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    oi: int | None = None

    @property
    def start_ns(self) -> int:
        """Start of the candle, UTC nanoseconds; raises ``InvalidValue`` on a stamp of no form."""
        return parse_candle_stamp(self.timestamp)

    @property
    def date(self) -> datetime:
        """Start of the candle, with the zone IST."""
        return datetime.strptime(self.timestamp, _STAMP).astimezone(_IST)

    def to_list(self) -> list[Any]:
        """The server's JSON: a list, without open interest when there is none."""
        values = list(msgspec.structs.astuple(self))
        return values if self.oi is not None else values[:-1]


class CandleTable(Row, frozen=True, kw_only=True, dict=True):
    """What the server's ``data`` is."""

    candles: list[Candle]


class Candles(list[Candle]):
    """The candles of one answer, oldest first; a plain list that still knows the server's JSON."""

    def __init__(self, candles: Iterable[Candle] = (), table: CandleTable | None = None) -> None:
        super().__init__(candles)
        self._table = table

    def copy(self) -> "Candles":
        """The same candles in a list of its own."""
        return Candles(self, self._table)

    def to_dict(self) -> dict[str, Any]:
        """The server's ``data``: ``{"candles": [[...], ...]}``."""
        if self._table is not None:
            return self._table.to_dict()
        return {"candles": [candle.to_list() for candle in self]}
