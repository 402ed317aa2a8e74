"""The default market: twenty well known shares, the index they make, and the agents in each."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.instrument import InstrumentId, instrument_id
from patang.rules.calendar import Calendar
from patang.rules.ist import ist_date
from patang.simulator.exchange import Exchange, Session
from patang.simulator.venue import Venue
from patang.simulator.worlds.agents import FairValue, MarketMaker, NoiseTrader, TrendFollower
from patang.simulator.worlds.market import Actor, IndexFollower, Market
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
    "default_sessions",
    "tick_size",
]

_RUPEES_AT_TOUCH = 500_000


def default_sessions(start_ns: int) -> tuple[Session, ...]:
    """Continuous trading of the IST day that holds ``start_ns``, or of the next day with trading.

    All these shares have derivatives, so they go to the closing auction where there is one.

    Raises:
        OutsideCalendar: a day that the calendar does not know.
    """
    calendar = Calendar.load(ExchangeName.NSE)
    session = calendar.session(ist_date(start_ns), closing_auction=True)
    if session is None:
        session = calendar.next_session(start_ns, closing_auction=True)
    return ((session.open_ns, session.close_ns),)


def default_market(
    seed: int,
    start_ns: int,
    *,
    sessions: Sequence[Session] | None = None,
    source: Callable[[str], RandomSource] | None = None,
) -> Market:
    """A market that ``seed`` alone determines, its books already quoted if trading is on.

    ``source`` gives the random stream of a name; by default ``SeededSource`` split by name. Each
    share has streams of its own, so what a user does in one leaves the others as they were.
    """
    streams = source or SeededSource(seed).split
    closes = {instrument_id(ExchangeName.NSE, one.symbol): Decimal(one.close) for one in SHARES}
    exchange = Exchange(
        default_instruments(),
        {**closes, NIFTY_50: NIFTY_50_CLOSE},
        sessions=default_sessions(start_ns) if sessions is None else sessions,
    )
    actors: list[Actor] = []
    weights: list[tuple[InstrumentId, float]] = []
    for share in SHARES:
        venue = exchange.venue(instrument_id(ExchangeName.NSE, share.symbol))
        actors += default_agents(exchange, venue, share.daily_volatility, start_ns, streams)
        weights.append((venue.instrument.id, share.weight))
    actors.append(IndexFollower(exchange, NIFTY_50, weights))
    market = Market(exchange, actors, start_ns)
    market.advance(start_ns)
    return market


def default_agents(
    exchange: Exchange,
    venue: Venue,
    daily_volatility: float,
    start_ns: int,
    streams: Callable[[str], RandomSource],
) -> list[Actor]:
    """Three makers of different temper, a noisy crowd and a follower for one share."""
    name = venue.instrument.id
    floor = exchange.floor
    gap = streams(f"{name}/gap").gauss(0.0, daily_volatility / 4)
    start_ticks = max(1, round(venue.close_ticks * (1 + gap)))
    fair = FairValue(streams(f"{name}/fair"), start_ticks, daily_volatility, start_ns)
    size = max(1, int(_RUPEES_AT_TOUCH / float(venue.last_price)))
    # One basis point in ticks, at least one tick: the unit of spreads.
    point = max(1.0, start_ticks / 10_000)

    def maker(number: int, spread: float, grid: int, levels: int, share: float) -> MarketMaker:
        return MarketMaker(
            f"maker-{number}",
            floor,
            venue,
            streams(f"{name}/maker-{number}"),
            fair,
            half_spread_ticks=spread * point,
            grid_ticks=grid,
            levels=levels,
            size=max(1, int(size * share)),
        )

    return [
        maker(1, 0.6, 1, 5, 0.3),
        maker(2, 1.0, max(1, round(point)), 5, 0.8),
        maker(3, 1.8, max(1, round(2 * point)), 4, 1.6),
        NoiseTrader("crowd", floor, venue, streams(f"{name}/crowd"), size=max(1, size // 4)),
        TrendFollower(
            "follower", floor, venue, streams(f"{name}/follower"), size=max(1, size // 3)
        ),
    ]
