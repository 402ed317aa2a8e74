"""What orders would block before anybody places them: one by one, and as a basket.

The figures are those of the risk checks themselves, so an order that needs no more than the
estimate says is not refused for funds. Source: Kite Connect v3, margins.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO, to_paisa
from patang.rules.margins import Leg, derivative_margin, group_of, is_option
from patang.simulator.accounts.account import Account
from patang.simulator.accounts.marks import Marks
from patang.simulator.accounts.slot import Slot


class PlannedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as far as its margin depends on it; ``price`` is rupees above zero."""

    instrument: Instrument
    product: Product
    side: Side
    quantity: int
    price: Decimal

    @property
    def value(self) -> Decimal:
        """Rupees it would trade."""
        return self.price * self.quantity * self.instrument.multiplier


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """Rupees that would be blocked. ``shares`` is the margin of shares, at ``leverage``."""

    span: Decimal = ZERO
    exposure: Decimal = ZERO
    option_premium: Decimal = ZERO
    shares: Decimal = ZERO
    leverage: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.span + self.exposure + self.option_premium + self.shares

    def __add__(self, other: "Needed") -> "Needed":
        return Needed(
            span=self.span + other.span,
            exposure=self.exposure + other.exposure,
            option_premium=self.option_premium + other.option_premium,
            shares=self.shares + other.shares,
        )


def order_needs(account: Account, order: PlannedOrder) -> Needed:
    """What one order would block now, with the account's positions and working orders."""
    slot = account.slot(order.instrument.id, order.product)
    if slot.rate is None:
        waiting = slot.side(order.side).quantity * order.side.sign
        base = account.legs(group_of(order.instrument))
        return _contract(account, slot, order, [*base, account.leg(order.instrument, waiting)])
    pledge = account.pledge(slot, order.side, order.quantity, order.price)
    more = slot.side_blocked(order.side, pledge) - slot.side_blocked(order.side)
    return Needed(shares=to_paisa(more), leverage=1 / slot.rate)


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """A basket's needs: order by order, while it is executed, and once all of it has been."""

    orders: list[Needed]
    initial: Needed
    final: Needed


def basket_needs(
    account: Account, marks: Marks, orders: Sequence[PlannedOrder], *, with_positions: bool
) -> Basket:
    """What a basket would block, its orders executed in turn.

    ``initial`` adds up what each order needs when it is placed: a later one may profit from an
    earlier one's span, none gives anything back. ``final`` is what all of them block together,
    with premiums received taken off; it can be negative where they hedge what is held.
    """
    base = account.all_legs() if with_positions else []
    taken: list[Leg] = list(base)
    each: list[Needed] = []
    premium = ZERO
    net: dict[tuple[str, Product], list[PlannedOrder]] = {}
    for order in orders:
        slot = account.slot(order.instrument.id, order.product)
        if slot.rate is not None:
            each.append(order_needs(account, order) if with_positions else _alone(slot, order))
            net.setdefault((order.instrument.id, order.product), []).append(order)
            continue
        group = [one for one in taken if group_of(one.instrument) == group_of(order.instrument)]
        sequential = _contract(account, slot, order, group)
        alone = _contract(account, slot, order, [])
        each.append(msgspec.structs.replace(sequential, exposure=alone.exposure))
        taken.append(account.leg(order.instrument, order.quantity * order.side.sign))
        if is_option(order.instrument):
            premium += order.value * order.side.sign
    before = derivative_margin(base, marks.today)
    after = derivative_margin(taken, marks.today)
    shares = sum((_net_shares(account, several, with_positions) for several in net.values()), ZERO)
    return Basket(
        orders=each,
        initial=sum(each, Needed()),
        final=Needed(
            span=after.span - before.span,
            exposure=after.exposure - before.exposure,
            option_premium=premium,
            shares=to_paisa(shares),
        ),
    )


def _contract(account: Account, slot: Slot, order: PlannedOrder, base: list[Leg]) -> Needed:
    margin = account.contract_margin(base, slot, order.side, order.quantity, order.price)
    return Needed(
        span=margin.span,
        exposure=margin.exposure,
        option_premium=margin.premium,
        leverage=Decimal(1),
    )


def _alone(slot: Slot, order: PlannedOrder) -> Needed:
    """What a share's order would block in an empty account."""
    rate = slot.rate or ZERO
    sold = order.side is Side.SELL and order.product is not Product.MIS
    return Needed(shares=ZERO if sold else to_paisa(order.value * rate), leverage=1 / rate)


def _net_shares(account: Account, orders: list[PlannedOrder], with_positions: bool) -> Decimal:
    """What the orders of one share and product block once they have offset each other."""
    first = orders[0]
    slot = account.slot(first.instrument.id, first.product)
    held = slot.held if with_positions else 0
    change = sum(order.quantity * order.side.sign for order in orders)
    opened = max(abs(held + change) - abs(held), 0)
    side = Side.BUY if change > 0 else Side.SELL
    if not opened or (side is Side.SELL and first.product is not Product.MIS):
        return ZERO
    same = [order for order in orders if order.side is side]
    value = sum((order.value for order in same), ZERO)
    quantity = sum(order.quantity for order in same)
    return value * opened / quantity * (slot.rate or ZERO)
