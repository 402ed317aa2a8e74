"""Rows of a listing as columns of numbers, and what each is worth when its driver is. Needs NumPy.

A future is its driver with the cost of carry; an option is Black's formula on that forward, with a
volatility that its strike keeps all day: higher for low strikes than for high ones, and higher in
both wings. Calls and puts of a strike have the same, so they agree with their forward.
"""

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import at_ist
from patang.simulator.worlds.listing import RATE, Listing
from patang.simulator.worlds.vectors import option_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from patang.simulator.worlds.vectors import Floats, Integers

_YEAR_NS = 365 * 86_400 * NS_PER_SECOND
_LEAST_YEARS = 1 / 365

# When a contract's price is made on its last day, IST. Source: india-market reference, section 8.
_SETTLES = {Exchange.CDS: (12, 30), Exchange.BCD: (12, 30), Exchange.MCX: (23, 30)}
_SETTLES[Exchange.NCO] = _SETTLES[Exchange.MCX]
_SHARES_SETTLE = (15, 30)

_SKEW, _SMILE, _WIDEST = 0.06, 0.02, 3.0
_LOWEST_VOLATILITY, _HIGHEST_VOLATILITY = 0.03, 3.0

SPOT, INDEX, FUTURE, OPTION = range(4)


@lru_cache(maxsize=4096)
def settles_ns(exchange: Exchange, on: date) -> int:
    """The instant at which a contract that ends on a day has nothing uncertain left, UTC ns."""
    return at_ist(on, *_SETTLES.get(exchange, _SHARES_SETTLE))


class Chain:
    """Some rows of a listing; ``worth`` is what they are worth, in rupees."""

    def __init__(self, listing: Listing, rows: "Sequence[int] | Integers") -> None:
        instruments = [listing.rows[row] for row in rows]
        drivers = listing.drivers
        self.rows: Integers = np.array(rows, dtype=np.int64)
        self.driver: Integers = np.array([listing.driver_of[row] for row in rows], dtype=np.int64)
        self.drivers, self._driver_place = np.unique(self.driver, return_inverse=True)
        self._scale: Floats = np.array([listing.scale_of[row] for row in rows])
        self.kind: Integers = np.array([_kind(one) for one in instruments], dtype=np.int64)
        self.sign: Floats = np.array(
            [-1.0 if one.instrument_type is InstrumentType.PE else 1.0 for one in instruments]
        )
        self.has_puts = bool((self.sign < 0).any())
        self._contracts: Integers = np.flatnonzero(self.kind >= FUTURE)
        self.options: Integers = np.flatnonzero(self.kind == OPTION)
        """Places of the options among the rows."""
        forwards = [
            settles_ns(one.exchange, date.fromordinal(listing.forward_of[row]))
            if listing.forward_of[row]
            else 0
            for row, one in zip(rows, instruments, strict=True)
        ]
        self._forward_ns: NDArray[np.int64] = np.array(forwards, dtype=np.int64)[self._contracts]
        carry = np.array([drivers[number].carry for number in self.driver.tolist()])
        self._carry: Floats = carry[self._contracts]
        options = [instruments[place] for place in self.options.tolist()]
        self._strike: Floats = np.array([float(one.strike or 0) for one in options])
        self._expiry_ns: NDArray[np.int64] = np.array(
            [_expiry_ns(one) for one in options], dtype=np.int64
        )
        self._option_sign: Floats = self.sign[self.options]
        volatility = np.array([drivers[number].volatility for number in self.driver.tolist()])
        self._base: Floats = volatility[self.options]
        self.volatility: Floats = self._base.copy()
        """Of the options, a year; see ``smile``."""
        self._place_in_contracts: Integers = np.searchsorted(self._contracts, self.options)

    def own(self, prices: "Floats") -> "Floats":
        """The prices of the rows' own drivers, in the rows' units."""
        mine: Floats = prices[self.driver] * self._scale
        return mine

    def spread(self, prices: "Floats") -> "Floats":
        """As ``own``, from lines of prices of ``drivers`` alone, one line for each moment."""
        mine: Floats = prices[:, self._driver_place] * self._scale
        return mine

    def smile(self, own: "Floats", at_ns: int) -> None:
        """Give each option the volatility of its place among the strikes, as of an instant."""
        if not len(self.options):
            return
        years = np.maximum((self._expiry_ns - at_ns) / _YEAR_NS, _LEAST_YEARS)
        reach = self._base * np.sqrt(years)
        place = np.log(self._strike / own[self.options]) / reach
        place = np.clip(place, -_WIDEST, _WIDEST)
        bent = self._base * (1.0 - _SKEW * place + _SMILE * place * place)
        self.volatility = np.clip(bent, _LOWEST_VOLATILITY, _HIGHEST_VOLATILITY)

    def worth(self, own: "Floats", at_ns: "int | Integers") -> "Floats":
        """What the rows are worth at an instant when their drivers stand at ``own``.

        Or at several: then ``own`` has a line for each, and ``at_ns`` is a column of instants.
        """
        if not len(self._contracts):
            return own
        worth = own.copy()
        years = np.maximum((self._forward_ns - at_ns) / _YEAR_NS, 0.0)
        forward = own[..., self._contracts] * np.exp(self._carry * years)
        worth[..., self._contracts] = forward
        if len(self.options):
            left = np.maximum((self._expiry_ns - at_ns) / _YEAR_NS, 0.0)
            worth[..., self.options] = option_prices(
                forward[..., self._place_in_contracts],
                self._strike,
                left,
                self.volatility,
                np.exp(-RATE * left),
                self._option_sign,
            )
        return worth

    def part(self, places: "Integers") -> "Chain":
        """The chain of some of the rows, given by their places in this one."""
        chosen = object.__new__(Chain)
        chosen.rows, chosen.driver = self.rows[places], self.driver[places]
        chosen.drivers, chosen._driver_place = np.unique(chosen.driver, return_inverse=True)
        chosen._scale, chosen.kind = self._scale[places], self.kind[places]
        chosen.sign = self.sign[places]
        chosen.has_puts = bool((chosen.sign < 0).any())
        chosen._contracts = np.flatnonzero(chosen.kind >= FUTURE)
        chosen.options = np.flatnonzero(chosen.kind == OPTION)
        chosen._place_in_contracts = np.searchsorted(chosen._contracts, chosen.options)
        among_contracts = np.searchsorted(self._contracts, places[chosen._contracts])
        chosen._forward_ns = self._forward_ns[among_contracts]
        chosen._carry = self._carry[among_contracts]
        among_options = np.searchsorted(self.options, places[chosen.options])
        chosen._strike = self._strike[among_options]
        chosen._expiry_ns = self._expiry_ns[among_options]
        chosen._option_sign = self._option_sign[among_options]
        chosen._base = self._base[among_options]
        chosen.volatility = self.volatility[among_options]
        return chosen


def _kind(instrument: Instrument) -> int:
    if instrument.instrument_type is InstrumentType.EQ:
        return SPOT if instrument.is_tradable else INDEX
    return FUTURE if instrument.instrument_type is InstrumentType.FUT else OPTION


def _expiry_ns(instrument: Instrument) -> int:
    # Only options without an expiry, which no dump has, would never end.
    last = date.max if instrument.expiry is None else date.fromisoformat(instrument.expiry)
    return settles_ns(instrument.exchange, min(last, date(2200, 1, 1)))
