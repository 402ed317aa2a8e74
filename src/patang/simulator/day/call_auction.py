"""Call auctions: one price at which the most is traded, for the open and for the close.

Source: NSE pre-open product rules; NSE/CMTR/73362 and 74466 (closing auction).
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec

from patang.simulator.book import Resting
from patang.simulator.exchange import Exchange
from patang.simulator.lifecycle import SELF_TRADE
from patang.simulator.venue import Venue


class Equilibrium(msgspec.Struct, frozen=True):
    """The price an auction finds, in ticks, and the units that trade at it."""

    ticks: int
    quantity: int


def equilibrium(
    buys: Iterable[Resting], sells: Iterable[Resting], reference_ticks: int
) -> Equilibrium | None:
    """The price at which the most units trade; None when nothing can.

    Of several such prices the one that leaves the fewest units unmatched, then the one closest to
    the reference; where two are as close, the reference itself. Orders without a price trade at
    any; where all are such, they trade at the reference.
    """
    bought, sold = _by_price(buys), _by_price(sells)
    prices = sorted({ticks for ticks in (*bought, *sold) if ticks is not None})
    if not prices:
        prices = [reference_ticks]
    # Units wanted at a price or above it, and units offered at it or below.
    demand = list(accumulate(bought.get(ticks, 0) for ticks in reversed(prices)))[::-1]
    supply = list(accumulate(sold.get(ticks, 0) for ticks in prices))
    any_buy, any_sell = bought.get(None, 0), sold.get(None, 0)
    found = [
        (min(wanted + any_buy, offered + any_sell), abs(wanted + any_buy - offered - any_sell), at)
        for at, wanted, offered in zip(prices, demand, supply, strict=True)
    ]
    most = max(quantity for quantity, _, _ in found)
    if not most:
        return None
    fewest = min(left for quantity, left, _ in found if quantity == most)
    best = [at for quantity, left, at in found if quantity == most and left == fewest]
    return Equilibrium(_closest(best, reference_ticks), most)


def _closest(prices: Sequence[int], reference_ticks: int) -> int:
    distance = min(abs(ticks - reference_ticks) for ticks in prices)
    closest = [ticks for ticks in prices if abs(ticks - reference_ticks) == distance]
    return closest[0] if len(closest) == 1 else reference_ticks


def _by_price(orders: Iterable[Resting]) -> dict[int | None, int]:
    units: dict[int | None, int] = {}
    for order in orders:
        ticks = None if order.is_market else order.ticks
        units[ticks] = units.get(ticks, 0) + order.left
    return units


def uncross(
    exchange: Exchange, venue: Venue, reference_ticks: int, at_ns: int, *, market_first: bool
) -> Equilibrium | None:
    """Trade what an auction collected in ``venue`` at one price; return what was found.

    Orders trade by price, then time. ``market_first`` puts orders without a price before all
    others (the closing auction, and the opening since 2026-09-07); before, they came after them.
    Two orders of one owner do not trade: where they would, the newer one is cancelled, and the
    price is found without it. What does not trade stays.
    """
    while True:
        buys, sells = list(venue.book.orders(True)), list(venue.book.orders(False))
        found = equilibrium(buys, sells, reference_ticks)
        if found is None:
            return None
        bids = _takers(buys, found.ticks, market_first=market_first)
        asks = _takers(sells, found.ticks, market_first=market_first)
        own = _meets_itself(bids, asks)
        if own is None:
            break
        exchange.drop(venue, own, at_ns, SELF_TRADE)
    _trade(exchange, venue, bids, asks, found.ticks, at_ns)
    return found


def _trade(
    exchange: Exchange,
    venue: Venue,
    bids: Sequence[Resting],
    asks: Sequence[Resting],
    ticks: int,
    at_ns: int,
) -> None:
    buying, selling = iter(bids), iter(asks)
    buy, sell = next(buying, None), next(selling, None)
    while buy is not None and sell is not None:
        # What an order hides shows itself, tranche by tranche.
        quantity = min(buy.quantity, sell.quantity)
        exchange.floor.trade_at(venue, buy, sell, quantity, ticks, at_ns)
        if not buy.left:
            buy = next(buying, None)
        if not sell.left:
            sell = next(selling, None)


def _meets_itself(bids: Sequence[Resting], asks: Sequence[Resting]) -> Resting | None:
    """The newer of the first two orders of one owner that would trade with each other."""
    buying, selling = iter(bids), iter(asks)
    buy, sell = next(buying, None), next(selling, None)
    wanted, offered = (0 if one is None else one.left for one in (buy, sell))
    while buy is not None and sell is not None:
        if buy.owner == sell.owner:
            return buy if buy.sequence > sell.sequence else sell
        traded = min(wanted, offered)
        wanted, offered = wanted - traded, offered - traded
        if not wanted:
            buy = next(buying, None)
            wanted = 0 if buy is None else buy.left
        if not offered:
            sell = next(selling, None)
            offered = 0 if sell is None else sell.left
    return None


def _takers(orders: Sequence[Resting], ticks: int, *, market_first: bool) -> list[Resting]:
    """Who would trade at the price, in the order of priority."""
    takers = [
        order
        for order in orders
        if order.is_market or (order.ticks >= ticks if order.is_buy else order.ticks <= ticks)
    ]
    if not market_first:
        takers.sort(key=lambda order: order.is_market)
    return takers
