"""One instrument and product of an account: its position, its working orders, what both block."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.simulator.accounts.position import AccountPosition, pays_in_full

_SOLD_FROM_HOLDINGS = (Product.CNC, Product.MTF)


class Pledge(msgspec.Struct, eq=False):
    """What one working order could still trade. ``price`` values a unit, in rupees.

    ``asked`` is the order's own price, ``block`` what a unit of a future or option blocks.
    """

    quantity: int
    price: Decimal
    asked: Decimal
    block: Decimal = ZERO


class Pledges:
    """The working orders of one side, first placed first, with their running totals.

    ``free`` counts the units of futures or options that block nothing, as they close a position.
    """

    __slots__ = ("blocked", "by_order", "free", "quantity", "value")

    def __init__(self) -> None:
        self.by_order: dict[str, Pledge] = {}
        self.quantity = self.free = 0
        self.value = ZERO
        self.blocked = ZERO

    def put(self, order_id: str, pledge: Pledge) -> None:
        """Add an order, or replace what stands for it; it keeps its place then."""
        self._count(self.by_order.get(order_id), -1)
        self.by_order[order_id] = pledge
        self._count(pledge, 1)

    def remove(self, order_id: str) -> None:
        """Take an order out."""
        self._count(self.by_order.pop(order_id, None), -1)

    def resize(self, order_id: str, quantity: int) -> None:
        """Let an order stand for fewer units than before, or for more."""
        pledge = self.by_order[order_id]
        self._count(pledge, -1)
        pledge.quantity = quantity
        self._count(pledge, 1)

    def _count(self, pledge: Pledge | None, sign: int) -> None:
        if pledge is not None:
            self.quantity += sign * pledge.quantity
            self.value += sign * pledge.quantity * pledge.price
            self.blocked += sign * pledge.quantity * pledge.block
            if not pledge.block:
                self.free += sign * pledge.quantity


class Slot:
    """A position, the orders beside it, and their last known contributions to the account.

    ``rate`` is the share of value that a share's product blocks; None for futures and options,
    whose margins are worked out for all contracts on an underlying together.
    """

    __slots__ = (
        "blocked",
        "buys",
        "instrument",
        "position",
        "premium",
        "product",
        "rate",
        "realised",
        "sales",
        "sells",
    )

    def __init__(self, instrument: Instrument, product: Product, rate: Decimal | None) -> None:
        self.instrument = instrument
        self.product = product
        self.rate = rate
        self.position: AccountPosition | None = None
        self.buys = Pledges()
        self.sells = Pledges()
        # Contributions, as of the last refresh: rupees.
        self.realised = ZERO
        self.blocked = ZERO
        self.premium = ZERO
        self.sales = ZERO

    @property
    def held(self) -> int:
        """Signed units of the position."""
        return self.position.quantity if self.position else 0

    def side(self, side: Side) -> Pledges:
        """The working orders of one side."""
        return self.buys if side is Side.BUY else self.sells

    def open_position(self) -> AccountPosition:
        """The position; a flat one is begun where there is none."""
        if self.position is None:
            self.position = AccountPosition(
                instrument=self.instrument.id,
                product=self.product,
                multiplier=self.instrument.multiplier,
                in_full=pays_in_full(self.instrument, self.product),
            )
        return self.position

    def refresh(self) -> None:
        """Work the contributions out anew. A position against its orders takes a walk, no more."""
        self.blocked = self.orders_blocked()
        self.premium = self.sales = self.realised = ZERO
        position = self.position
        if position is None:
            return
        self.realised = position.realised
        if self.rate is not None:
            cost = position.open_cost
            if cost >= 0:
                self.blocked += cost * self.rate
            elif self.product is Product.CNC:
                self.sales = -cost
            elif self.product is not Product.MTF:
                self.blocked -= cost * self.rate
        elif position.in_full:
            self.premium = position.open_cost + position.settled_before
            self.blocked += self.premium
        else:
            self.realised += position.settled - position.settled_before

    def orders_blocked(self) -> Decimal:
        """Rupees that the working orders block."""
        return self.side_blocked(Side.BUY) + self.side_blocked(Side.SELL)

    def side_blocked(self, side: Side, more: Pledge | None = None) -> Decimal:
        """Rupees that the working orders of one side block, with one ``more`` placed last.

        Orders against the position need none up to its size, first placed first served. Sales out
        of holdings need none.
        """
        if self.rate is None:
            blocked = self.side(side).blocked
            return blocked + more.quantity * more.block if more else blocked
        if side is Side.SELL and self.product in _SOLD_FROM_HOLDINGS:
            return ZERO
        return self._opening(side, more) * self.rate

    def _opening(self, side: Side, more: Pledge | None) -> Decimal:
        """Value of what the orders of one side would open."""
        pledges = self.buys if side is Side.BUY else self.sells
        value, opening = pledges.value, pledges.quantity
        if more:
            value += more.quantity * more.price
            opening += more.quantity
        held = self.held
        closable = -held if side is Side.BUY else held
        if closable > 0:
            opening -= closable
            last = (more,) if more else ()
            standing = pledges.by_order.values()
            # Counted from the end that is nearer: an account may have very many orders.
            if opening <= 0:
                value = ZERO
            elif closable <= opening:
                value -= _worth(chain(standing, last), closable)
            else:
                value = _worth(chain(last, reversed(standing)), opening)
        multiplier = self.instrument.multiplier
        return value if multiplier == 1 else value * multiplier


def _worth(pledges: Iterable[Pledge], quantity: int) -> Decimal:
    """Rupees that the first ``quantity`` units of these orders are worth."""
    value = ZERO
    for pledge in pledges:
        counted = min(quantity, pledge.quantity)
        value += counted * pledge.price
        quantity -= counted
        if not quantity:
            break
    return value
