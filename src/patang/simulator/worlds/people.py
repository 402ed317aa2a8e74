"""Who comes to a book: three makers of different temper, a noisy crowd, a follower, and bidders.

Bidders come to call auctions. All of them trade whole lots about one opinion of the value.
"""

from collections.abc import Callable

from patang.simulator.floor import Floor
from patang.simulator.venue import Venue
from patang.simulator.worlds.agents import MarketMaker, NoiseTrader, TrendFollower, Value
from patang.simulator.worlds.auction_crowd import AuctionCrowd
from patang.simulator.worlds.market import Actor
from patang.simulator.worlds.seeded import RandomSource

_RUPEES_AT_TOUCH = 500_000


def people_of(
    floor: Floor,
    venue: Venue,
    fair: Value,
    streams: Callable[[str], RandomSource],
    *,
    daily_volatility: float,
    start_ticks: int,
    start_ns: int,
) -> list[Actor]:
    """The agents of one venue, each with a random stream of its own."""
    instrument = venue.instrument
    name = instrument.id
    lot_value = float(venue.last_price) * instrument.lot_size * instrument.multiplier
    size = max(1, int(_RUPEES_AT_TOUCH / lot_value))
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
        AuctionCrowd(
            "auction",
            floor,
            venue,
            streams(f"{name}/auction"),
            fair,
            size=max(1, size // 2),
            width=daily_volatility / 8,
            start_ns=start_ns,
        ),
    ]
