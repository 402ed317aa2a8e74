"""Which hours an instrument keeps: its segment's, the closing auction's, or a group's."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.calendar import Calendar
from patang.rules.order_rules import commodity
from patang.rules.session import Session

DERIVATIVES = (Exchange.NFO, Exchange.BFO)
COMMODITIES = (Exchange.MCX, Exchange.NCO)
SHARES = (Exchange.NSE, Exchange.BSE)
EQUITY = (*SHARES, *DERIVATIVES)
"""Segments that a market-wide circuit breaker stops."""

_OPENING_DAYS = 5
"""Trading days before an expiry in which the next month's future opens with an auction too."""


class Timetable(msgspec.Struct, frozen=True):
    """Instruments that go through their day together. ``hours`` as in ``Calendar.session``."""

    exchange: Exchange
    closing_auction: bool = False
    hours: str = ""

    def session(self, on: date) -> Session | None:
        """The session of a day in India; None when there is none. Raises ``OutsideCalendar``."""
        calendar = Calendar.load(self.exchange)
        return calendar.session(on, closing_auction=self.closing_auction, hours=self.hours)

    def __str__(self) -> str:
        auction = "closing-auction" if self.closing_auction else ""
        return "/".join(part for part in (self.exchange.value, auction, self.hours) if part)


class Timetables:
    """Knows the timetable of every listed instrument, as of a day.

    A share goes to the closing auction when a future or option on it is listed, or when it is one
    of ``with_derivatives``.
    """

    def __init__(
        self, instruments: Iterable[Instrument], with_derivatives: Collection[InstrumentId] = ()
    ) -> None:
        self._with_derivatives = frozenset(with_derivatives)
        self._expiries: dict[tuple[Exchange, str], list[str]] = {}
        names: set[str] = set()
        for one in instruments:
            if one.exchange not in DERIVATIVES:
                continue
            names.add(one.name)
            if one.instrument_type is InstrumentType.FUT and one.expiry is not None:
                expiries = self._expiries.setdefault((one.exchange, one.name), [])
                if one.expiry not in expiries:
                    expiries.append(one.expiry)
        self._underlyings = frozenset(names)
        for expiries in self._expiries.values():
            expiries.sort()

    def has_derivatives(self, instrument: Instrument) -> bool:
        """Whether futures or options on this share are listed."""
        return instrument.exchange in SHARES and (
            instrument.id in self._with_derivatives or instrument.symbol in self._underlyings
        )

    def of(self, instrument: Instrument, on: date) -> Timetable:
        """The timetable of an instrument on a day in India."""
        exchange = instrument.exchange
        if exchange in SHARES:
            return Timetable(exchange, instrument.is_tradable and self.has_derivatives(instrument))
        if exchange in COMMODITIES:
            known = commodity(instrument.name)
            is_plain = known is None or known.hours == "other"
            return Timetable(exchange, hours="" if is_plain or known is None else known.hours)
        if exchange in DERIVATIVES and self._opens_with_auction(instrument, on):
            return Timetable(exchange, hours="near_future")
        return Timetable(exchange)

    def _opens_with_auction(self, instrument: Instrument, on: date) -> bool:
        """Source: NSE/FAOP/71092, 71640 (current month; next month in the last five days)."""
        if instrument.instrument_type is not InstrumentType.FUT or instrument.expiry is None:
            return False
        known = self._expiries.get((instrument.exchange, instrument.name), [])
        live = [expiry for expiry in known if expiry >= on.isoformat()]
        if not live or instrument.expiry == live[0]:
            return bool(live)
        if len(live) < 2 or instrument.expiry != live[1]:
            return False
        first = date.fromisoformat(live[0])
        if first - on > timedelta(days=14):
            return False
        return len(Calendar.load(instrument.exchange).trading_days(on, first)) <= _OPENING_DAYS
