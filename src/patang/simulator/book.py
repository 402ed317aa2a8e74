"""One instrument's order book: price-time priority over integer ticks.

Each half keeps its prices as *keys*, ticks for bids and negated ticks for offers, in one ascending
list: the best price is always the last key, and both halves share their code.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

import msgspec

Depth = tuple[tuple[int, int, int], ...]
"""Levels best first: (ticks, quantity, orders)."""


class Resting(msgspec.Struct, eq=False, gc=False):
    """One order as the book sees it; ``quantity`` is what it shows of what is left of it.

    ``owner`` decides self-trades, ``order_id`` finds a user's order (agents' have none). An order
    that discloses only ``tranche`` units at a time keeps the rest in ``reserve``. ``is_market``
    marks one without a price, as call auctions collect them.
    """

    owner: str
    is_buy: bool
    ticks: int
    quantity: int
    order_id: str = ""
    sequence: int = -1
    """Time priority, given by the book; -1 while the order does not stand in one."""
    reserve: int = 0
    tranche: int = 0
    is_market: bool = False

    @property
    def left(self) -> int:
        """All units that have not traded, shown or not."""
        return self.quantity + self.reserve


class Execution(msgspec.Struct, frozen=True, gc=False):
    """One match: ``quantity`` units against ``maker``, at the maker's price."""

    maker: Resting
    quantity: int
    ticks: int


class _Level(msgspec.Struct, eq=False):
    orders: dict[int, Resting]
    quantity: int


class _Half:
    """One side of the book."""

    __slots__ = ("keys", "levels", "quantity", "sign", "unpriced")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}
        self.quantity = 0
        self.unpriced: dict[int, Resting] = {}

    def add(self, order: Resting) -> None:
        self.quantity += order.quantity
        if order.is_market:
            self.unpriced[order.sequence] = order
            return
        key = order.ticks * self.sign
        level = self.levels.get(key)
        if level is None:
            self.levels[key] = _Level({order.sequence: order}, order.quantity)
            insort(self.keys, key)
        else:
            orders = level.orders
            is_last = next(reversed(orders)) < order.sequence
            orders[order.sequence] = order
            if not is_last:
                # It waited without a price, and keeps its time now that it has one.
                level.orders = dict(sorted(orders.items()))
            level.quantity += order.quantity

    def shrink(self, order: Resting, quantity: int) -> None:
        """Take ``quantity`` off what an order shows, and the order out when it shows nothing."""
        order.quantity -= quantity
        self.quantity -= quantity
        if order.is_market:
            if not order.quantity:
                del self.unpriced[order.sequence]
                order.sequence = -1
            return
        key = order.ticks * self.sign
        level = self.levels[key]
        level.quantity -= quantity
        if not order.quantity:
            del level.orders[order.sequence]
            order.sequence = -1
            if not level.orders:
                del self.levels[key]
                keys = self.keys
                if keys[-1] == key:
                    keys.pop()
                else:
                    del keys[bisect_left(keys, key)]

    def depth(self, count: int) -> Depth:
        levels, sign = self.levels, self.sign
        return tuple(
            (key * sign, levels[key].quantity, len(levels[key].orders))
            for key in self.keys[: -count - 1 : -1]
        )

    def orders(self) -> Iterator[Resting]:
        yield from self.unpriced.values()
        for key in reversed(self.keys):
            yield from self.levels[key].orders.values()


class OrderBook:
    """The resting orders of one instrument.

    While a call auction collects orders the two sides may cross, and orders without a price stand
    before all others; ``best_bid``, ``best_ask`` and ``depth`` are of priced orders alone.
    """

    __slots__ = ("_asks", "_bids", "_sequence")

    def __init__(self) -> None:
        self._bids = _Half(1)
        self._asks = _Half(-1)
        self._sequence = 0

    @property
    def best_bid(self) -> int | None:
        """Highest bid in ticks, None while nobody bids."""
        keys = self._bids.keys
        return keys[-1] if keys else None

    @property
    def best_ask(self) -> int | None:
        """Lowest offer in ticks, None while nobody offers."""
        keys = self._asks.keys
        return -keys[-1] if keys else None

    @property
    def buy_quantity(self) -> int:
        """All units that bids show."""
        return self._bids.quantity

    @property
    def sell_quantity(self) -> int:
        """All units that offers show."""
        return self._asks.quantity

    def __len__(self) -> int:
        return sum(1 for half in (self._bids, self._asks) for _ in half.orders())

    def crosses(self, is_buy: bool, ticks: int) -> bool:
        """Whether an order at this price would meet the other side."""
        if is_buy:
            keys = self._asks.keys
            return bool(keys) and -keys[-1] <= ticks
        keys = self._bids.keys
        return bool(keys) and keys[-1] >= ticks

    def match(self, incoming: Resting) -> list[Execution]:
        """Trade ``incoming`` against the other side, best price first, then oldest first.

        Lowers ``incoming.quantity``; never adds it. It stops at an order of the same owner: what
        is left and still crosses then must not rest. Each trade is at the resting order's price.
        """
        half = self._asks if incoming.is_buy else self._bids
        limit = -incoming.ticks if incoming.is_buy else incoming.ticks
        executions: list[Execution] = []
        keys, levels = half.keys, half.levels
        while incoming.quantity and keys and keys[-1] >= limit:
            maker = next(iter(levels[keys[-1]].orders.values()))
            if maker.owner == incoming.owner:
                break
            quantity = min(maker.quantity, incoming.quantity)
            incoming.quantity -= quantity
            self._trade(half, maker, quantity)
            executions.append(Execution(maker, quantity, maker.ticks))
        return executions

    def trade(self, order: Resting, quantity: int) -> None:
        """Let ``quantity`` of a resting order's shown units trade.

        One that still has a reserve then discloses its next tranche, last in time at its price.
        Source: NSE, disclosed quantity.
        """
        self._trade(self._bids if order.is_buy else self._asks, order, quantity)

    def _trade(self, half: _Half, order: Resting, quantity: int) -> None:
        half.shrink(order, quantity)
        if not order.quantity and order.reserve:
            order.quantity = min(order.tranche, order.reserve)
            order.reserve -= order.quantity
            self._sequence += 1
            order.sequence = self._sequence
            half.add(order)

    def add(self, order: Resting) -> None:
        """Let ``order`` rest, last in time at its price; it hides what it need not disclose."""
        self._sequence += 1
        order.sequence = self._sequence
        if 0 < order.tranche < order.quantity:
            order.reserve = order.quantity - order.tranche
            order.quantity = order.tranche
        (self._bids if order.is_buy else self._asks).add(order)

    def give_price(self, order: Resting, ticks: int) -> None:
        """Turn a resting order without a price into a limit order that keeps its time."""
        half = self._bids if order.is_buy else self._asks
        sequence, quantity = order.sequence, order.quantity
        half.shrink(order, quantity)
        order.quantity, order.sequence, order.ticks = quantity, sequence, ticks
        order.is_market = False
        half.add(order)

    def reduce(self, order: Resting, quantity: int) -> None:
        """Take ``quantity`` units off a resting order, hidden ones first; it keeps its place."""
        hidden = min(order.reserve, quantity)
        order.reserve -= hidden
        if quantity > hidden:
            (self._bids if order.is_buy else self._asks).shrink(order, quantity - hidden)

    def cancel(self, order: Resting) -> int:
        """Take a resting order out; return the units that were left of it."""
        left = order.left
        self.reduce(order, left)
        return left

    def depth(self, count: int = 5) -> tuple[Depth, Depth]:
        """The best ``count`` bid and offer levels, best first."""
        return self._bids.depth(count), self._asks.depth(count)

    def orders(self, is_buy: bool) -> Iterator[Resting]:
        """One side's orders by priority: those without a price, then by price, then by time."""
        return (self._bids if is_buy else self._asks).orders()
