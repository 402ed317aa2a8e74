"""The default market: twenty well known shares, the index they make, and the agents in each.

Prices are plausible for 2026 and no more than that; tokens are Kite's (exchange token x 256 + 1).
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.instrument import Instrument, InstrumentId, instrument_id
from patang.rules.calendar import Calendar
from patang.rules.ist import ist_date
from patang.simulator.exchange import Exchange, Session
from patang.simulator.venue import Venue
from patang.simulator.worlds.agents import FairValue, MarketMaker, NoiseTrader, TrendFollower
from patang.simulator.worlds.market import Actor, IndexFollower, Market
from patang.simulator.worlds.seeded import RandomSource, SeededSource

NIFTY_50 = instrument_id(ExchangeName.NSE, "NIFTY 50")
NIFTY_50_TOKEN = 256_265
NIFTY_50_CLOSE = Decimal("25910.05")

_RUPEES_AT_TOUCH = 500_000


class Share(NamedTuple):
    """One line of the universe. ``weight`` is percent of the index among these shares."""

    symbol: str
    name: str
    token: int
    close: str
    weight: float
    daily_volatility: float


SHARES = (
    Share("HDFCBANK", "HDFC BANK", 341_249, "985.40", 13.0, 0.011),
    Share("RELIANCE", "RELIANCE INDUSTRIES", 738_561, "1424.60", 8.6, 0.013),
    Share("ICICIBANK", "ICICI BANK", 1_270_529, "1372.30", 8.4, 0.012),
    Share("INFY", "INFOSYS", 408_065, "1541.20", 5.2, 0.015),
    Share("BHARTIARTL", "BHARTI AIRTEL", 2_714_625, "2052.00", 4.7, 0.013),
    Share("LT", "LARSEN & TOUBRO", 2_939_649, "3851.50", 3.9, 0.013),
    Share("ITC", "ITC", 424_961, "404.85", 3.3, 0.010),
    Share("TCS", "TATA CONSULTANCY SERV LT", 2_953_217, "3081.40", 2.9, 0.013),
    Share("AXISBANK", "AXIS BANK", 1_510_401, "1231.10", 2.9, 0.014),
    Share("SBIN", "STATE BANK OF INDIA", 779_521, "946.25", 3.2, 0.013),
    Share("KOTAKBANK", "KOTAK MAHINDRA BANK", 492_033, "424.30", 2.6, 0.013),
    Share("BAJFINANCE", "BAJAJ FINANCE", 81_153, "1011.80", 2.2, 0.016),
    Share("HINDUNILVR", "HINDUSTAN UNILEVER", 356_865, "2381.60", 1.8, 0.011),
    Share("MARUTI", "MARUTI SUZUKI INDIA", 2_815_745, "15872.00", 1.8, 0.014),
    Share("SUNPHARMA", "SUN PHARMACEUTICAL IND L", 857_857, "1742.30", 1.6, 0.013),
    Share("TITAN", "TITAN COMPANY", 897_537, "3856.90", 1.3, 0.013),
    Share("HCLTECH", "HCL TECHNOLOGIES", 1_850_625, "1602.70", 1.3, 0.015),
    Share("TATASTEEL", "TATA STEEL", 895_745, "172.46", 1.2, 0.018),
    Share("ASIANPAINT", "ASIAN PAINTS", 60_417, "2783.10", 0.9, 0.013),
    Share("WIPRO", "WIPRO", 969_473, "246.38", 0.6, 0.015),
)

# (price up to and with, tick). Source: NSE circulars, tick sizes from 2025-04-15.
_TICKS = (
    (Decimal(250), Decimal("0.01")),
    (Decimal(1_000), Decimal("0.05")),
    (Decimal(5_000), Decimal("0.10")),
    (Decimal(10_000), Decimal("0.50")),
    (Decimal(20_000), Decimal("1.00")),
)


def tick_size(price: Decimal) -> Decimal:
    """Tick of an NSE share whose month ended at ``price`` rupees."""
    if price == 250:
        return Decimal("0.05")  # The lowest band is "below 250", the others "up to".
    return next((tick for bound, tick in _TICKS if price <= bound), Decimal("5.00"))


def default_instruments() -> tuple[Instrument, ...]:
    """The twenty shares, then the index."""
    shares = tuple(
        Instrument(
            exchange=ExchangeName.NSE,
            symbol=share.symbol,
            token=share.token,
            tick_size=tick_size(Decimal(share.close)),
            segment="NSE",
            name=share.name,
        )
        for share in SHARES
    )
    index = Instrument(
        exchange=ExchangeName.NSE,
        symbol="NIFTY 50",
        token=NIFTY_50_TOKEN,
        tick_size=Decimal("0.05"),
        segment="INDICES",
        name="NIFTY 50",
        is_tradable=False,
    )
    return (*shares, index)


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
