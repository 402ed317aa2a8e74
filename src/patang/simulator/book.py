"""One instrument's order book: price-time priority over integer ticks.

Each half keeps its prices as *keys*, ticks for bids and negated ticks for offers, in one ascending
list: the best price is always the last key, and both halves share their code.
"""

from bisect import bisect_left, insort

import msgspec

Depth = tuple[tuple[int, int, int], ...]
"""Levels best first: (ticks, quantity, orders)."""


class Resting(msgspec.Struct, eq=False, gc=False):
    """One order as the book sees it; ``quantity`` is what is left of it.

    ``owner`` decides self-trades, ``order_id`` finds a user's order (agents' have none).
    """

    owner: str
    is_buy: bool
    ticks: int
    quantity: int
    order_id: str = ""
    sequence: int = -1
    """Time priority, given by the book; -1 while the order does not stand in one."""


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

    __slots__ = ("keys", "levels", "quantity", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}
        self.quantity = 0

    def add(self, order: Resting) -> None:
        key = order.ticks * self.sign
        level = self.levels.get(key)
        if level is None:
            self.levels[key] = _Level({order.sequence: order}, order.quantity)
            insort(self.keys, key)
        else:
            level.orders[order.sequence] = order
            level.quantity += order.quantity
        self.quantity += order.quantity

    def reduce(self, order: Resting, quantity: int) -> None:
        """Take ``quantity`` off an order, and the order out of the book when nothing is left."""
        key = order.ticks * self.sign
        level = self.levels[key]
        order.quantity -= quantity
        level.quantity -= quantity
        self.quantity -= quantity
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


class OrderBook:
    """The resting orders of one instrument."""

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
        """All units bid for."""
        return self._bids.quantity

    @property
    def sell_quantity(self) -> int:
        """All units offered."""
        return self._asks.quantity

    def __len__(self) -> int:
        halves = (self._bids, self._asks)
        return sum(len(level.orders) for half in halves for level in half.levels.values())

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
            half.reduce(maker, quantity)
            executions.append(Execution(maker, quantity, maker.ticks))
        return executions

    def add(self, order: Resting) -> None:
        """Let ``order`` rest, last in time at its price."""
        self._sequence += 1
        order.sequence = self._sequence
        (self._bids if order.is_buy else self._asks).add(order)

    def reduce(self, order: Resting, quantity: int) -> None:
        """Take ``quantity`` units off a resting order; it keeps its place."""
        (self._bids if order.is_buy else self._asks).reduce(order, quantity)

    def cancel(self, order: Resting) -> int:
        """Take a resting order out; return the units that were left of it."""
        quantity = order.quantity
        (self._bids if order.is_buy else self._asks).reduce(order, quantity)
        return quantity

    def depth(self, count: int = 5) -> tuple[Depth, Depth]:
        """The best ``count`` bid and offer levels, best first."""
        return self._bids.depth(count), self._asks.depth(count)
