"""How contracts are named and when they end: symbols as Kite writes them, expiries by dated rules.

>>> future_symbol("NIFTY", date(2026, 10, 27))
'NIFTY26OCTFUT'
>>> option_symbol("NIFTY", date(2025, 8, 7), Decimal(24400), InstrumentType.CE, is_monthly=False)
'NIFTY2580724400CE'
>>> [str(one.on) for one in expiries("NFO", "NIFTY", date(2026, 11, 19), months=1, weeks=2)]
['2026-11-23', '2026-12-01', '2026-12-08']
"""

from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from patang.domain.enums import Exchange, InstrumentType
from patang.rules.calendar import Calendar, OutsideCalendar

_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
# A weekly symbol has one character for the month. Source: kite-protocol reference, 18.2.
_WEEKLY_MONTHS = "123456789OND"
_ONE_DAY = timedelta(days=1)
_TUESDAY, _THURSDAY, _FRIDAY = 1, 3, 4

# (expiring on or after, weekday). Source: NSE/FAOP/68747 (2025-06-25); BSE: tradingqna and press,
# Fridays until 2024, Tuesdays until August 2025, Thursdays since (not re-read from a circular).
_WEEKDAYS = {
    Exchange.NFO: ((date.min, _THURSDAY), (date(2025, 9, 1), _TUESDAY)),
    Exchange.BFO: (
        (date.min, _FRIDAY),
        (date(2025, 1, 1), _TUESDAY),
        (date(2025, 9, 1), _THURSDAY),
    ),
    Exchange.CDS: ((date.min, _FRIDAY),),
    Exchange.BCD: ((date.min, _FRIDAY),),
}

# One benchmark an exchange has weekly contracts since 2024-11-20; the rupee against the dollar has
# them as well. Source: SEBI 2024-10-01; support.zerodha.com.
_WEEKLY = {
    Exchange.NFO: ("NIFTY",),
    Exchange.BFO: ("SENSEX",),
    Exchange.CDS: ("USDINR",),
    Exchange.BCD: ("USDINR",),
}

# Day of the month on which a commodity's future ends, by the first letters of its name; others end
# with the month. Source: MCX contract specifications (general, not read again).
_COMMODITY_DAYS = (
    ("GOLD", 5),
    ("SILVER", 5),
    ("CRUDEOIL", 19),
    ("NATURALGAS", 26),
    ("NATGAS", 26),
)
# Options on commodities end this many trading days before their future. Source: as above.
_OPTION_LEAD_DAYS = 3


class Expiry(NamedTuple):
    """The last day of a contract. ``is_monthly`` decides how its symbol is written."""

    on: date
    is_monthly: bool


def future_symbol(name: str, expiry: date, *, is_monthly: bool = True) -> str:
    """``NIFTY26OCTFUT``; a weekly one (currency only) has digits for its day."""
    return f"{name}{_day_text(expiry, is_monthly)}FUT"


def option_symbol(
    name: str, expiry: date, strike: Decimal, kind: InstrumentType, *, is_monthly: bool
) -> str:
    """``RELIANCE26SEP1300CE``, weekly ``NIFTY2580724400CE``; a strike keeps its decimals."""
    return f"{name}{_day_text(expiry, is_monthly)}{strike_text(strike)}{kind.value}"


def strike_text(strike: Decimal) -> str:
    """A strike as symbols hold it: no zeros at its end."""
    text = f"{strike:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day_text(expiry: date, is_monthly: bool) -> str:
    if is_monthly:
        return f"{expiry.year % 100:02}{_MONTHS[expiry.month - 1]}"
    return f"{expiry.year % 100:02}{_WEEKLY_MONTHS[expiry.month - 1]}{expiry.day:02}"


def expiries(
    exchange: Exchange | str, name: str, on: date, *, months: int, weeks: int = 0
) -> tuple[Expiry, ...]:
    """Contracts that trade on a day: those of the next ``months`` months, and of ``weeks`` weeks.

    Weekly contracts exist only where the exchange lists them for that name; the last one of a
    month is the monthly contract. Nearest first; the day itself counts.
    """
    exchange = Exchange(exchange)
    found: list[Expiry] = []
    year, month = on.year, on.month
    while len(found) < months:
        last = monthly_expiry(exchange, name, year, month)
        if last >= on:
            found.append(Expiry(last, is_monthly=True))
        year, month = year + month // 12, month % 12 + 1
    monthly = {one.on for one in found}
    if name in _WEEKLY.get(exchange, ()):
        day, weekly = on, 0
        while weekly < weeks:
            if day.weekday() == _expiry_weekday(exchange, day):
                last = trading_day_until(exchange, day)
                # A contract whose day moved to before today has ended.
                if last >= on and last not in monthly and not _ends_month(exchange, name, last):
                    found.append(Expiry(last, is_monthly=False))
                    weekly += 1
            day += _ONE_DAY
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def monthly_expiry(exchange: Exchange, name: str, year: int, month: int) -> date:
    """The last day of a month's contract: moved to the trading day before when it is a holiday.

    Source: india-market reference, 2.6 (NSE/FAOP/68747, 71876); currency: two working days before
    the month's last one (general).
    """
    last = date(year + month // 12, month % 12 + 1, 1) - _ONE_DAY
    match exchange:
        case Exchange.CDS | Exchange.BCD:
            day = trading_day_until(exchange, last)
            for _ in range(2):
                day = trading_day_until(exchange, day - _ONE_DAY)
            return day
        case Exchange.MCX | Exchange.NCO:
            number = next((n for start, n in _COMMODITY_DAYS if name.startswith(start)), None)
            return trading_day_until(exchange, last if number is None else last.replace(day=number))
        case _:
            while last.weekday() != _expiry_weekday(exchange, last):
                last -= _ONE_DAY
            return trading_day_until(exchange, last)


def option_expiry(exchange: Exchange, future: date) -> date:
    """When the options on a commodity's future end. Source: MCX specifications (general)."""
    day = future
    for _ in range(_OPTION_LEAD_DAYS):
        day = trading_day_until(exchange, day - _ONE_DAY)
    return day


@lru_cache(maxsize=4096)
def trading_day_until(exchange: Exchange, day: date) -> date:
    """``day``, or the last trading day before it.

    Holidays beyond the calendar are not known yet: there, every weekday counts as one of trading.
    """
    calendar = Calendar.load(exchange)
    while True:
        try:
            if calendar.session(day) is not None:
                return day
        except OutsideCalendar:
            if day.weekday() <= _FRIDAY:
                return day
        day -= _ONE_DAY


def _ends_month(exchange: Exchange, name: str, day: date) -> bool:
    return day == monthly_expiry(exchange, name, day.year, day.month)


def _expiry_weekday(exchange: Exchange, day: date) -> int:
    rows = _WEEKDAYS[exchange]
    return next(weekday for start, weekday in reversed(rows) if start <= day)
