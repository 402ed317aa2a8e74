"""What a pretend market lists, and what each row's price hangs on.

A *driver* is a price that moves by itself: a share, a currency or commodity at spot, or an index
made of other drivers. Every row of the listing follows one driver: a share is worth it, a future
and an option are worth what it gives by the cost of carry and Black's formula. Rows that hang on
the same driver therefore cannot disagree.
"""

from array import array
from datetime import date
from decimal import Decimal
from functools import cached_property

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId

RATE = 0.065
"""Interest of a year that rupees earn here: the cost of carry and the discount of options."""

OPTIONS = (InstrumentType.CE, InstrumentType.PE)

HOURS = {
    Exchange.NSE: Exchange.NSE,
    Exchange.BSE: Exchange.NSE,
    Exchange.NFO: Exchange.NSE,
    Exchange.BFO: Exchange.NSE,
    Exchange.CDS: Exchange.CDS,
    Exchange.BCD: Exchange.CDS,
    Exchange.MCX: Exchange.MCX,
    Exchange.NCO: Exchange.MCX,
}
"""The exchange in whose hours the underlying of a segment moves."""


class Driver(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A price that others hang on. ``close`` is yesterday's, in rupees.

    ``daily_volatility`` is how far it moves in a day, ``volatility`` what options on it are priced
    with, a year; ``carry`` a year's cost of holding it; ``beta`` its part in the whole market's
    moves. ``members`` are (number of a driver before this one, weight) of an index.
    """

    name: str
    close: float
    daily_volatility: float
    volatility: float
    hours: Exchange
    carry: float = RATE
    beta: float = 1.0
    members: tuple[tuple[int, float], ...] = ()


class Listing:
    """The rows of a day's dump with their drivers; grown row by row, then only read.

    ``driver_of``, ``scale_of`` and ``forward_of`` run beside ``rows``: the number of the driver,
    the share of its price that the row is worth, and the day (ordinal) of the forward price that
    the row hangs on; 0 for the spot itself.
    """

    def __init__(self, on: date) -> None:
        self.on = on
        self.rows: list[Instrument] = []
        self.drivers: list[Driver] = []
        self.driver_of = array("l")
        self.scale_of = array("d")
        self.forward_of = array("l")
        self._drivers_by_name: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def instruments(self) -> tuple[Instrument, ...]:
        """Everything listed."""
        return tuple(self.rows)

    @cached_property
    def row_of(self) -> dict[InstrumentId, int]:
        """The row of each instrument.

        Raises:
            InvalidValue: two rows are the same instrument, or have the same token.
        """
        rows = {one.id: row for row, one in enumerate(self.rows)}
        tokens = {one.token: row for row, one in enumerate(self.rows)}
        if len(rows) != len(self.rows) or len(tokens) != len(self.rows):
            twice = _first_twice(self.rows)
            raise InvalidValue(
                "universe", f"{twice} or its token is listed twice.", "List everything once."
            )
        return rows

    def add_driver(self, driver: Driver) -> int:
        """Take a driver in; return its number."""
        number = self._drivers_by_name[driver.name] = len(self.drivers)
        self.drivers.append(driver)
        return number

    def find_driver(self, name: str) -> int | None:
        """The number of a driver."""
        return self._drivers_by_name.get(name)

    def add(
        self,
        instrument: Instrument,
        driver: int,
        *,
        scale: float = 1.0,
        forward: date | None = None,
    ) -> None:
        """List an instrument; ``forward`` is the delivery that its price looks to, if any."""
        self.rows.append(instrument)
        self.driver_of.append(driver)
        self.scale_of.append(scale)
        self.forward_of.append(0 if forward is None else forward.toordinal())

    def spot(self, row: int) -> float:
        """Yesterday's close of the row's driver, in the row's own units (rupees)."""
        return self.drivers[self.driver_of[row]].close * self.scale_of[row]

    def names_with_derivatives(self) -> frozenset[str]:
        """Names that contracts carry; only to be asked, never to be gone through."""
        return frozenset(
            one.name for one in self.rows if one.instrument_type is not InstrumentType.EQ
        )


def decimal_strike(step: Decimal, number: int) -> Decimal:
    """The ``number``-th multiple of a step between strikes, without zeros at its end."""
    strike = step * number
    whole = strike.to_integral_value()
    return whole if whole == strike else strike.normalize()


def _first_twice(rows: list[Instrument]) -> InstrumentId:
    ids: dict[InstrumentId, None] = {}
    tokens: dict[int, None] = {}
    for one in rows:
        if one.id in ids or one.token in tokens:
            return one.id
        ids[one.id] = None
        tokens[one.token] = None
    return rows[0].id
