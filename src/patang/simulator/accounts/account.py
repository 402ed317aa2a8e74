"""One user's money and holdings: what was traded, what is blocked, what is left."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.money import ZERO, to_paisa
from patang.domain.position import Position
from patang.simulator.orders import SimOrder, SimTrade

MARGIN_RATE = {Product.CNC: Decimal(1), Product.MIS: Decimal("0.2")}
"""Share of an order's value that is blocked. Source: SEBI peak margin rules, intraday leverage."""

PriceOf = Callable[[InstrumentId], Decimal]


class Funds(msgspec.Struct, frozen=True, kw_only=True):
    """Rupees. ``available`` = opening + realised - margin_used; ``cash`` is the ledger's balance.

    ``unrealised`` is the open positions' profit at last prices; it neither adds to ``available``
    nor lessens it.
    """

    opening: Decimal
    available: Decimal
    margin_used: Decimal
    realised: Decimal
    unrealised: Decimal
    cash: Decimal


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Shares held since before today. ``used_quantity`` of them were sold today."""

    instrument: InstrumentId
    quantity: int
    average_price: Decimal
    used_quantity: int = 0


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What a working order could still do to a position; ``price`` values it, in rupees."""

    instrument: InstrumentId
    product: Product
    side: Side
    quantity: int
    price: Decimal


class AgentAccount(msgspec.Struct):
    """An agent's books of its one instrument, on credit. ``cash_ticks`` is in ticks x units."""

    shares: int = 0
    cash_ticks: int = 0


class Account:
    """One user: orders and trades of the day, positions, holdings, and the funds they leave."""

    def __init__(self, user_id: str, opening: Decimal) -> None:
        self.user_id = user_id
        self.opening = opening
        self.cash = opening
        self.orders: dict[str, SimOrder] = {}
        self.working: dict[str, SimOrder] = {}
        self.trades: list[SimTrade] = []
        self.positions: dict[tuple[InstrumentId, Product], Position] = {}
        self.holdings: dict[InstrumentId, Holding] = {}

    def add_working(self, order: SimOrder) -> None:
        """A new order works from now on: it may trade, or block what it needs."""
        self.working[order.order_id] = order

    def work_changed(self, order: SimOrder) -> None:
        """A working order has become smaller, or stands under other terms."""

    def remove_working(self, order: SimOrder) -> None:
        """The order has come to its end."""
        del self.working[order.order_id]

    def book(self, trade: SimTrade, multiplier: int) -> None:
        """Let a trade move cash and position."""
        key = (trade.instrument, trade.product)
        position = self.positions.get(key)
        if position is None:
            position = Position(
                instrument=trade.instrument, product=trade.product, multiplier=multiplier
            )
            self.positions[key] = position
        position.apply(trade.side, trade.quantity, trade.price)
        self.cash -= trade.price * trade.quantity * multiplier * trade.side.sign
        self.trades.append(trade)

    def held(self, instrument: InstrumentId, product: Product) -> int:
        """Signed units of today's position."""
        position = self.positions.get((instrument, product))
        return position.quantity if position else 0

    def deliverable(self, instrument: InstrumentId) -> int:
        """Units that a further CNC order may sell: holdings and today's buys, less sells."""
        holding = self.holdings.get(instrument)
        pending = sum(
            order.pending_quantity
            for order in self.working.values()
            if order.instrument == instrument
            and order.product is Product.CNC
            and order.side is Side.SELL
        )
        settled = holding.quantity if holding else 0
        return settled + self.held(instrument, Product.CNC) - pending

    def margin_used(self, exposures: Iterable[Exposure]) -> Decimal:
        """Rupees blocked by open positions and by working orders.

        Orders against a position need none up to its size, first placed first served. Delivery
        sales need none: ``deliverable`` covers them.
        """
        blocked = sum((_position_margin(one) for one in self.positions.values()), ZERO)
        closable: dict[tuple[InstrumentId, Product], int] = {}
        for exposure in exposures:
            key = (exposure.instrument, exposure.product)
            held = self.held(*key)
            opening = exposure.quantity
            if held * exposure.side.sign < 0:
                left = closable.get(key, abs(held))
                closing = min(left, opening)
                closable[key] = left - closing
                opening -= closing
            if exposure.product is Product.CNC and exposure.side is Side.SELL:
                continue
            blocked += exposure.price * opening * MARGIN_RATE[exposure.product]
        return to_paisa(blocked)

    def exposures(self, last_price: PriceOf, without: str = "") -> list[Exposure]:
        """What the working orders could still do, but for the one named ``without``."""
        return [
            order_exposure(
                order, order.price or order.trigger_price, order.pending_quantity, last_price
            )
            for order in self.working.values()
            if order.order_id != without
        ]

    @property
    def realised(self) -> Decimal:
        """Rupees won and lost on what was closed today, exact."""
        return sum((one.realised for one in self.positions.values()), ZERO)

    @property
    def balance(self) -> Decimal:
        """Rupees that margins can be blocked from, to the paisa."""
        return to_paisa(self.opening + self.realised)

    def funds(self, last_price: PriceOf) -> Funds:
        """The figures of the moment."""
        realised = self.realised
        total = sum((one.pnl(last_price(one.instrument)) for one in self.positions.values()), ZERO)
        used = self.margin_used(self.exposures(last_price))
        return Funds(
            opening=self.opening,
            available=self.balance - used,
            margin_used=used,
            realised=to_paisa(realised),
            unrealised=to_paisa(total - realised),
            cash=to_paisa(self.cash),
        )

    def holding_rows(self) -> list[Holding]:
        """Holdings with what was sold of them today."""
        return [
            msgspec.structs.replace(
                one,
                used_quantity=min(one.quantity, max(0, -self.held(one.instrument, Product.CNC))),
            )
            for one in self.holdings.values()
        ]


def order_exposure(order: SimOrder, price: Decimal, quantity: int, last_price: PriceOf) -> Exposure:
    """What ``quantity`` units of an order at ``price`` could do.

    A sale counts at the last price or above, for it may trade there.
    """
    if order.side is Side.SELL:
        price = max(price, last_price(order.instrument))
    return Exposure(
        instrument=order.instrument,
        product=order.product,
        side=order.side,
        quantity=quantity,
        price=price,
    )


def _position_margin(position: Position) -> Decimal:
    if position.product is Product.CNC and position.quantity < 0:
        return ZERO
    return abs(position.open_cost) * MARGIN_RATE[position.product]
