"""The default market: twenty well known shares, the index they make, and the agents in each."""

from collections.abc import Callable
from decimal import Decimal

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.instrument import InstrumentId, instrument_id
from patang.simulator.day.trading_day import TradingDay
from patang.simulator.exchange import Exchange
from patang.simulator.venue import Venue
from patang.simulator.worlds.agents import FairValue, TideLevel
from patang.simulator.worlds.market import Actor, IndexFollower, Market
from patang.simulator.worlds.people import people_of
from patang.simulator.worlds.regimes import Regime, Tides
from patang.simulator.worlds.seeded import RandomSource, SeededSource
from patang.simulator.worlds.shares import (
    NIFTY_50,
    NIFTY_50_CLOSE,
    NIFTY_50_TOKEN,
    SHARES,
    Share,
    default_instruments,
    tick_size,
)

__all__ = [
    "NIFTY_50",
    "NIFTY_50_CLOSE",
    "NIFTY_50_TOKEN",
    "SHARES",
    "Share",
    "default_agents",
    "default_instruments",
    "default_market",
    "tick_size",
]


def default_market(
    seed: int,
    start_ns: int,
    *,
    source: Callable[[str], RandomSource] | None = None,
    regime: Regime = Regime.CALM,
) -> Market:
    """A market that ``seed`` alone determines, its books already quoted if trading is on.

    It goes through the trading days of the calendar from ``start_ns`` on. All these shares have
    derivatives, so they go to the closing auction where there is one. ``source`` gives the random
    stream of a name; by default ``SeededSource`` split by name. Each share has streams of its own,
    so what a user does in one leaves the others as they were. ``regime`` is what kind of days it
    lives through.

    Raises:
        OutsideCalendar: a day that the calendar does not know.
    """
    streams = source or SeededSource(seed).split
    closes = {instrument_id(ExchangeName.NSE, one.symbol): Decimal(one.close) for one in SHARES}
    exchange = Exchange(default_instruments(), {**closes, NIFTY_50: NIFTY_50_CLOSE})
    actors: list[Actor] = []
    weights: list[tuple[InstrumentId, float]] = []
    tides = Tides(regime, streams)
    for number, share in enumerate(SHARES):
        venue = exchange.venue(instrument_id(ExchangeName.NSE, share.symbol))
        actors += default_agents(
            exchange, venue, share.daily_volatility, start_ns, streams, tides.of(number)
        )
        weights.append((venue.instrument.id, share.weight))
    actors.append(IndexFollower(exchange, NIFTY_50, weights))
    day = TradingDay(exchange, streams, with_derivatives=tuple(closes))
    market = Market(exchange, actors, start_ns, day)
    market.advance(start_ns)
    return market


def default_agents(
    exchange: Exchange,
    venue: Venue,
    daily_volatility: float,
    start_ns: int,
    streams: Callable[[str], RandomSource],
    tide: TideLevel | None = None,
) -> list[Actor]:
    """The people of one share whose value moves by itself."""
    name = venue.instrument.id
    gap = streams(f"{name}/gap").gauss(0.0, daily_volatility / 4)
    start_ticks = max(1, round(venue.close_ticks * (1 + gap)))
    fair = FairValue(streams(f"{name}/fair"), start_ticks, daily_volatility, start_ns, tide)
    return people_of(
        exchange.floor,
        venue,
        fair,
        streams,
        daily_volatility=daily_volatility,
        start_ticks=start_ticks,
        start_ns=start_ns,
    )
