"""What the past of an instrument is made of: its underlying, and how its price follows from it."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from math import exp

from patang.domain.enums import InstrumentType
from patang.domain.instrument import Instrument
from patang.simulator.tape.history import DAYS_FROM
from patang.simulator.tape.past import Subject, Underlying
from patang.simulator.worlds.black76 import option_price
from patang.simulator.worlds.listing import OPTIONS, RATE, Driver, Listing

DERIVATIVE_LIFE = timedelta(95)
"""How long before its expiry a contract is listed: three monthly cycles. Source: NSE, contracts."""

DAILY_VOLATILITY = 0.015
"""How far a share moves in a day of which nothing else is known."""

_YEAR_DAYS = 365.0
_TURNOVER_RUPEES = 2_000_000_000
_CONTRACT_LOTS = 20_000


class Subjects:
    """The subjects of a listing, by their drivers; made when they are asked for."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._underlyings: dict[int, Underlying] = {}

    def of(self, instrument: Instrument, previous_close: Decimal, oi: int = 0) -> Subject:
        """The subject of a listed instrument, as it stood before the world.

        ``previous_close`` is in rupees, ``oi`` the open interest in units.
        """
        row = self._listing.row_of[instrument.id]
        number = self._listing.driver_of[row]
        driver = self._listing.drivers[number]
        forward = self._listing.forward_of[row]
        value, falls = _valuation(instrument, driver, self._listing.scale_of[row], forward)
        underlying = self._underlying(number)
        return _subject(instrument, previous_close, underlying, value, falls, oi)

    def _underlying(self, number: int) -> Underlying:
        made = self._underlyings.get(number)
        if made is None:
            driver = self._listing.drivers[number]
            total = sum(weight for _, weight in driver.members) or 1.0
            made = self._underlyings[number] = Underlying(
                name=driver.name,
                close=driver.close,
                daily_volatility=driver.daily_volatility,
                beta=driver.beta,
                members=tuple(
                    (self._underlying(member), weight / total) for member, weight in driver.members
                ),
            )
        return made


def lone_subject(
    instrument: Instrument, previous_close: Decimal, daily_volatility: float = DAILY_VOLATILITY
) -> Subject:
    """The subject of an instrument that hangs on nothing but itself."""
    underlying = Underlying(
        name=instrument.id, close=float(previous_close), daily_volatility=daily_volatility
    )
    return _subject(instrument, previous_close, underlying, lambda spot, _day: spot, False, 0)


def _subject(
    instrument: Instrument,
    previous_close: Decimal,
    underlying: Underlying,
    value: Callable[[float, int], float],
    falls: bool,
    oi: int,
) -> Subject:
    close = instrument.round_price(previous_close)
    is_contract = instrument.instrument_type is not InstrumentType.EQ
    mean_volume = 0.0
    if instrument.is_tradable:
        mean_volume = _TURNOVER_RUPEES / max(float(close), 1.0)
        if is_contract:
            mean_volume = _CONTRACT_LOTS * instrument.lot_size
    return Subject(
        instrument=instrument,
        underlying=underlying,
        value=value,
        falls=falls,
        close_ticks=max(1, instrument.to_ticks(close)),
        mean_volume=mean_volume,
        oi=oi,
        listed=_listed(instrument),
    )


def _listed(instrument: Instrument) -> date:
    if instrument.expiry is None:
        return DAYS_FROM
    return date.fromisoformat(instrument.expiry) - DERIVATIVE_LIFE


def _valuation(
    instrument: Instrument, driver: Driver, scale: float, forward: int
) -> tuple[Callable[[float, int], float], bool]:
    """The price in rupees from the driver's and the day's ordinal, and whether it falls with it."""
    carry, volatility = driver.carry, driver.volatility

    def years(day: int) -> float:
        return max(forward - day, 0) / _YEAR_DAYS

    def share(spot: float, _day: int) -> float:
        return spot * scale

    def future(spot: float, day: int) -> float:
        return spot * scale * exp(carry * years(day))

    if instrument.instrument_type not in OPTIONS:
        return (future if forward else share), False
    strike = float(instrument.strike or 0)
    expiry = date.fromisoformat(instrument.expiry or "").toordinal()
    is_call = instrument.instrument_type is InstrumentType.CE

    def option(spot: float, day: int) -> float:
        left = max(expiry - day, 0) / _YEAR_DAYS
        return option_price(future(spot, day), strike, left, volatility, RATE, is_call=is_call)

    return option, not is_call
