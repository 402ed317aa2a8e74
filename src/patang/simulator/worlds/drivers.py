"""The prices that rows of a listing hang on, made from what is known of them."""

from collections.abc import Sequence

from patang.domain.enums import Exchange
from patang.domain.instrument import Instrument
from patang.simulator.worlds.catalogue import ALL_SHARES, Index, Quoted
from patang.simulator.worlds.listing import HOURS, Driver, Listing
from patang.simulator.worlds.shares import SHARES

TRADING_DAYS = 252
"""Of a year: a day's volatility is the year's over this number's root."""

_FEAR = 1.1
"""Options are dearer than what the share has done so far."""


def share_driver(instrument: Instrument, daily_volatility: float, close: float) -> Driver:
    """A share that moves by itself; ``close`` in rupees."""
    return Driver(
        name=instrument.id,
        close=close,
        daily_volatility=daily_volatility,
        volatility=daily_volatility * TRADING_DAYS**0.5 * _FEAR,
        hours=Exchange.NSE,
    )


def index_driver(listing: Listing, index: Index, invented: Sequence[str]) -> Driver:
    """An index of the members that are listed; without any, one that moves by itself."""
    weights = {share.symbol: share.weight for share in SHARES}
    chosen = tuple(weights) if index.members == ALL_SHARES else index.members
    members: list[tuple[int, float]] = []
    for symbol in (*chosen, *invented):
        number = listing.find_driver(f"NSE:{symbol}")
        if number is not None:
            members.append((number, weights.get(symbol, 1.0)))
    return Driver(
        name=f"{index.exchange}:{index.symbol}",
        close=float(index.level),
        daily_volatility=index.volatility / TRADING_DAYS**0.5,
        volatility=index.volatility,
        hours=Exchange.NSE,
        members=tuple(members),
    )


def quoted_driver(home: Exchange, quoted: Quoted) -> Driver:
    """A currency or commodity at spot, which itself is not listed."""
    return Driver(
        name=f"{home}/{quoted.name}",
        close=float(quoted.level),
        daily_volatility=quoted.volatility / TRADING_DAYS**0.5,
        volatility=quoted.volatility,
        hours=HOURS[home],
        carry=quoted.carry,
        beta=0.0,
    )
