"""One user's money and holdings: what was traded, what is blocked, what is left."""

from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.money import ZERO, to_paisa
from patang.rules.margins import (
    DerivativeMargin,
    Leg,
    cash_rate,
    collateral_rate,
    delivery_rate,
    group_margin,
    group_of,
    is_derivative,
    is_liquid,
    is_option,
)
from patang.simulator.accounts.holdings import Holding
from patang.simulator.accounts.ledger import Entry
from patang.simulator.accounts.marks import Marks, PriceOf
from patang.simulator.accounts.position import AccountPosition
from patang.simulator.accounts.slot import Pledge, Slot
from patang.simulator.orders import SimOrder, SimTrade

__all__ = ["Account", "AgentAccount", "Funds", "Holding"]

Key = tuple[InstrumentId, Product]


class Funds(msgspec.Struct, frozen=True, kw_only=True):
    """Rupees of the moment.

    ``available`` = opening + payin - payout + collateral + adhoc_margin + realised + holding_sales
    - delivery - margin_used. ``margin_used`` has ``span``, ``exposure`` and ``option_premium`` in
    it: premiums paid today less those received. ``delivery`` is the part of ``holding_sales`` that
    stays blocked until it has settled. ``cash`` is the ledger's balance as if all of today's trades
    had moved their whole value. ``unrealised`` is the open positions' profit at last prices, a
    future's since the last close; it neither adds to ``available`` nor lessens it.
    """

    opening: Decimal
    available: Decimal
    margin_used: Decimal
    realised: Decimal
    unrealised: Decimal
    cash: Decimal
    span: Decimal = ZERO
    exposure: Decimal = ZERO
    option_premium: Decimal = ZERO
    holding_sales: Decimal = ZERO
    delivery: Decimal = ZERO
    payin: Decimal = ZERO
    payout: Decimal = ZERO
    collateral: Decimal = ZERO
    liquid_collateral: Decimal = ZERO
    adhoc_margin: Decimal = ZERO


class Collateral(msgspec.Struct, frozen=True, kw_only=True):
    """Rupees that pledged shares count for, by kind."""

    stock: Decimal = ZERO
    liquid: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Both together."""
        return self.stock + self.liquid


class ContractMargin(msgspec.Struct, frozen=True, kw_only=True):
    """What one order for a future or an option needs, in rupees."""

    span: Decimal
    exposure: Decimal
    premium: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.span + self.exposure + self.premium


class AgentAccount(msgspec.Struct):
    """An agent's books of its one instrument, on credit. ``cash_ticks`` is in ticks x units."""

    shares: int = 0
    cash_ticks: int = 0


class Account:
    """One user: orders and trades of the day, positions, holdings, and the funds they leave.

    The totals run along with every order and trade, so asking what is available costs no walk over
    either. Futures' and options' margins are worked out when something of their underlying changes.
    ``sells_freely`` says that sales out of holdings need no authorisation at the depository.
    """

    def __init__(
        self, user_id: str, opening: Decimal, marks: Marks, *, sells_freely: bool = True
    ) -> None:
        self.user_id = user_id
        self.opening = opening
        self.cash = opening
        self.sells_freely = sells_freely
        self.orders: dict[str, SimOrder] = {}
        self.working: dict[str, SimOrder] = {}
        self.trades: list[SimTrade] = []
        self.holdings: dict[InstrumentId, Holding] = {}
        self.ledger: list[Entry] = []
        """Everything that ever moved ``opening``, oldest first."""
        self.payin = ZERO
        self.payout = ZERO
        self.adhoc_margin = ZERO
        """Rupees that the broker lets the user block on top, for the day."""
        self.pledge_requests = 0
        """Requests to pledge or release shares today, each with its fee."""
        self._collateral = Collateral()
        self._marks = marks
        self._slots: dict[Key, Slot] = {}
        self._groups: dict[str, dict[Key, Slot]] = {}
        self._margins: dict[str, DerivativeMargin] = {}
        self._realised = ZERO
        self._blocked = ZERO
        self._premium = ZERO
        self._sales = ZERO
        self._scanned = DerivativeMargin()

    # --- the life of orders -----------------------------------------------------------------------

    def add_working(self, order: SimOrder) -> None:
        """A new order works from now on: it may trade, or block what it needs."""
        self.working[order.order_id] = order
        slot = self.slot(order.instrument, order.product)
        asked = order.price or order.trigger_price
        slot.side(order.side).put(
            order.order_id, self.pledge(slot, order.side, order.pending_quantity, asked)
        )
        self._refresh(slot)

    def work_changed(self, order: SimOrder) -> None:
        """A working order has become smaller, or stands under other terms."""
        slot = self.slot(order.instrument, order.product)
        pledges = slot.side(order.side)
        pledge = pledges.by_order.get(order.order_id)
        if pledge is None:
            return
        asked = order.price or order.trigger_price
        if asked == pledge.asked and order.pending_quantity <= pledge.quantity:
            pledges.resize(order.order_id, order.pending_quantity)
        else:
            self._pledge_anew(slot, order.side, order.order_id, order.pending_quantity, asked)
        self._cover(slot, order.side)
        self._refresh(slot)

    def remove_working(self, order: SimOrder) -> None:
        """The order has come to its end."""
        del self.working[order.order_id]
        slot = self.slot(order.instrument, order.product)
        slot.side(order.side).remove(order.order_id)
        self._refresh(slot)

    def book(self, trade: SimTrade, instrument: Instrument) -> None:
        """Let a trade move cash and position."""
        slot = self.slot(trade.instrument, trade.product)
        slot.open_position().apply(trade.side, trade.quantity, trade.price)
        self.cash -= trade.price * trade.quantity * slot.instrument.multiplier * trade.side.sign
        self.trades.append(trade)
        self._rescan(slot)
        self._refresh(slot)

    # --- what stands here -------------------------------------------------------------------------

    @property
    def positions(self) -> dict[Key, AccountPosition]:
        """Positions by instrument and product, flat ones of today too, oldest first."""
        return {key: slot.position for key, slot in self._slots.items() if slot.position}

    def position(self, instrument: InstrumentId, product: Product) -> AccountPosition | None:
        """The position of one instrument and product."""
        slot = self._slots.get((instrument, product))
        return slot.position if slot else None

    def put_position(self, position: AccountPosition) -> None:
        """Let a position stand here in place of the one before."""
        slot = self.slot(position.instrument, position.product)
        slot.position = position
        self.changed(position.instrument, position.product)

    def clear_empty(self, instrument: InstrumentId) -> None:
        """Forget the positions of an instrument in which nothing was ever traded or converted."""
        for (name, product), slot in list(self._slots.items()):
            position = slot.position
            if name == instrument and position and not position.is_used:
                slot.position = None
                self.changed(name, product)

    def changed(self, instrument: InstrumentId, product: Product) -> None:
        """A position was changed from outside: work out what it does to the totals."""
        slot = self.slot(instrument, product)
        self._rescan(slot)
        for side in Side:
            self._cover(slot, side)
        self._refresh(slot)

    def held(self, instrument: InstrumentId, product: Product) -> int:
        """Signed units of the position."""
        slot = self._slots.get((instrument, product))
        return slot.held if slot else 0

    def pending(self, instrument: InstrumentId, product: Product, side: Side) -> int:
        """Units that working orders of one side could still trade."""
        slot = self._slots.get((instrument, product))
        return slot.side(side).quantity if slot else 0

    def deliverable(self, instrument: InstrumentId, product: Product = Product.CNC) -> int:
        """Units that a further sale may deliver: holdings and today's buys, less sells."""
        holding = self.holdings.get(instrument)
        owned = 0
        if holding is not None:
            owned = holding.funded.quantity if product is Product.MTF else holding.total
            if product is Product.CNC:
                owned -= holding.collateral_quantity
        pending = self.pending(instrument, product, Side.SELL)
        return owned + self.held(instrument, product) - pending

    def holding_rows(self) -> list[Holding]:
        """Holdings with what was sold of them today."""
        rows = []
        for one in self.holdings.values():
            sold = max(0, -self.held(one.instrument, Product.CNC))
            settled = min(one.quantity, sold)
            funded = msgspec.structs.replace(
                one.funded, used_quantity=max(0, -self.held(one.instrument, Product.MTF))
            )
            rows.append(
                msgspec.structs.replace(
                    one, used_quantity=settled, used_t1=sold - settled, funded=funded
                )
            )
        return rows

    # --- money ------------------------------------------------------------------------------------

    @property
    def realised(self) -> Decimal:
        """Rupees won and lost on what was closed today, exact; futures since the last close."""
        return self._realised

    @property
    def margin_used(self) -> Decimal:
        """Rupees blocked by open positions and working orders, to the paisa."""
        return to_paisa(self._blocked + self._scanned.total)

    @property
    def balance(self) -> Decimal:
        """Rupees that margins can be blocked from, to the paisa."""
        sales = self._sales * (1 - delivery_rate(self._marks.today)) if self._sales else ZERO
        moved = self.payin - self.payout + self._collateral.total + self.adhoc_margin
        return to_paisa(self.opening + moved + self._realised + sales)

    @property
    def available(self) -> Decimal:
        """Rupees that further orders may block."""
        return self.balance - self.margin_used

    def required(self, order: SimOrder, quantity: int, asked: Decimal) -> tuple[Decimal, Decimal]:
        """Rupees that ``quantity`` units of an order need, and the rupees there are for them.

        For a working order with new terms, what the old terms block counts as there.
        """
        slot = self.slot(order.instrument, order.product)
        pledges = slot.side(order.side)
        before = pledges.by_order.get(order.order_id) if order.order_id else None
        kept = before.quantity if before else 0
        if before:
            pledges.resize(order.order_id, 0)
        pledge = self.pledge(slot, order.side, quantity, asked)
        without = slot.side_blocked(order.side)
        wanted = slot.side_blocked(order.side, pledge)
        if before:
            pledges.resize(order.order_id, kept)
            freed = slot.side_blocked(order.side) - without
        else:
            freed = ZERO
        others = self._blocked + self._scanned.total - freed
        blocked = to_paisa(others)
        return to_paisa(others + wanted - without) - blocked, self.balance - blocked

    def funds(self) -> Funds:
        """The figures of the moment."""
        last_price = self._marks.last_price
        unrealised = sum(
            (
                slot.position.unrealised(last_price(slot.position.instrument))
                for slot in self._slots.values()
                if slot.position
            ),
            ZERO,
        )
        delivery = self._sales * delivery_rate(self._marks.today)
        return Funds(
            opening=to_paisa(self.opening),
            available=self.available,
            margin_used=self.margin_used,
            realised=to_paisa(self._realised),
            unrealised=to_paisa(unrealised),
            cash=to_paisa(self.cash),
            span=self._scanned.span,
            exposure=self._scanned.exposure,
            option_premium=to_paisa(self._premium),
            holding_sales=to_paisa(self._sales),
            delivery=to_paisa(delivery),
            payin=self.payin,
            payout=self.payout,
            collateral=self._collateral.total,
            liquid_collateral=self._collateral.liquid,
            adhoc_margin=self.adhoc_margin,
        )

    def value_collateral(self, price_of: PriceOf | None = None) -> None:
        """Value the pledged shares at ``price_of`` (the previous close), less their haircut."""
        marks = self._marks
        price_of = price_of or marks.previous_close
        stock = liquid = ZERO
        for name, holding in self.holdings.items():
            if holding.collateral_quantity:
                symbol = marks.instrument(name).symbol
                value = price_of(name) * holding.collateral_quantity
                counted = to_paisa(value * collateral_rate(symbol, marks.today))
                if is_liquid(symbol):
                    liquid += counted
                else:
                    stock += counted
        self._collateral = Collateral(stock=stock, liquid=liquid)

    def post(self, entry: Entry) -> None:
        """Put an entry into the ledger: it moves the balance that the day began with."""
        self.ledger.append(entry)
        self.opening += entry.amount

    def begin_day(self, carried: list[AccountPosition]) -> None:
        """Start a new day with what is carried into it; orders and trades are of the past.

        Orders that still work (after-market orders, waiting) go along.
        """
        waiting = list(self.working.values())
        self.orders.clear()
        self.working.clear()
        self.trades.clear()
        self._slots.clear()
        self._groups.clear()
        self._margins.clear()
        self._realised = self._blocked = self._premium = self._sales = ZERO
        self._scanned = DerivativeMargin()
        self.payin = self.payout = self.adhoc_margin = ZERO
        self.pledge_requests = 0
        self.cash = self.opening
        for position in carried:
            self.put_position(position)
        for order in waiting:
            self.orders[order.order_id] = order
            self.add_working(order)

    # --- slots and totals -------------------------------------------------------------------------

    def slot(self, instrument: InstrumentId, product: Product) -> Slot:
        """Where an instrument and product stand in this account."""
        key = (instrument, product)
        slot = self._slots.get(key)
        if slot is None:
            listed = self._marks.instrument(instrument)
            derivative = is_derivative(listed)
            rate = None if derivative else cash_rate(product, self._marks.today)
            slot = self._slots[key] = Slot(listed, product, rate)
            if derivative:
                self._groups.setdefault(group_of(listed), {})[key] = slot
        return slot

    def pledge(self, slot: Slot, side: Side, quantity: int, asked: Decimal) -> Pledge:
        """What a working order would block. A sale counts at the last price or above."""
        price = asked or self._marks.last_price(slot.instrument.id)
        if side is Side.SELL:
            price = max(price, self._marks.last_price(slot.instrument.id))
        block = ZERO
        if slot.rate is None and quantity:
            waiting = slot.side(side).quantity * side.sign
            base = [*self.legs(group_of(slot.instrument)), self.leg(slot.instrument, waiting)]
            block = self.contract_margin(base, slot, side, quantity, price).total / quantity
        return Pledge(quantity, price, asked, block)

    def legs(self, group: str) -> list[Leg]:
        """The open contracts on one underlying, at the last prices."""
        return [
            self.leg(slot.instrument, slot.held)
            for slot in self._groups.get(group, {}).values()
            if slot.held
        ]

    def all_legs(self) -> list[Leg]:
        """Every open future and option, at the last prices."""
        return [leg for group in self._groups for leg in self.legs(group)]

    def leg(self, contract: Instrument, quantity: int) -> Leg:
        """A signed quantity of a contract as margins see it: at the last price."""
        return Leg(
            instrument=contract,
            quantity=quantity,
            price=self._marks.last_price(contract.id),
            underlying_price=self._marks.underlying_price(contract),
        )

    def contract_margin(
        self, base: list[Leg], slot: Slot, side: Side, quantity: int, price: Decimal
    ) -> ContractMargin:
        """What a future's or option's order needs beside the contracts of ``base``.

        Margins are scanned at the last price, a premium is paid at the order's. It has to be there
        even where the order lowers the margin of the rest.
        """
        contract, today = slot.instrument, self._marks.today
        before = group_margin(base, today)
        after = group_margin([*base, self.leg(contract, quantity * side.sign)], today)
        paid = side is Side.BUY and is_option(contract)
        return ContractMargin(
            span=max(after.span - before.span, ZERO),
            exposure=max(after.exposure - before.exposure, ZERO),
            premium=price * quantity * contract.multiplier if paid else ZERO,
        )

    def _pledge_anew(
        self, slot: Slot, side: Side, order_id: str, quantity: int, asked: Decimal
    ) -> None:
        """Work out what a working order blocks, as if it were placed now."""
        pledges = slot.side(side)
        pledges.resize(order_id, 0)
        pledges.put(order_id, self.pledge(slot, side, quantity, asked))

    def _cover(self, slot: Slot, side: Side) -> None:
        """Let exits with nothing left to close block what opening does, last placed first."""
        pledges = slot.side(side)
        if slot.rate is not None or not pledges.free:
            return
        group = self._groups[group_of(slot.instrument)].values()
        held = sum(one.held for one in group if one.instrument.id == slot.instrument.id)
        closable = max(-held * side.sign, 0)
        if pledges.free <= closable:
            return
        for order_id, pledge in reversed(pledges.by_order.items()):
            if pledge.quantity and not pledge.block:
                self._pledge_anew(slot, side, order_id, pledge.quantity, pledge.asked)
                if pledges.free <= closable:
                    return

    def _rescan(self, slot: Slot) -> None:
        """Work out the margin of a contract's underlying after a trade."""
        if slot.rate is not None:
            return
        group = group_of(slot.instrument)
        before = self._margins.get(group, DerivativeMargin())
        now = group_margin(self.legs(group), self._marks.today)
        self._margins[group] = now
        self._scanned = DerivativeMargin(
            span=self._scanned.span - before.span + now.span,
            exposure=self._scanned.exposure - before.exposure + now.exposure,
        )

    def _refresh(self, slot: Slot) -> None:
        realised, blocked = slot.realised, slot.blocked
        premium, sales = slot.premium, slot.sales
        slot.refresh()
        self._realised += slot.realised - realised
        self._blocked += slot.blocked - blocked
        self._premium += slot.premium - premium
        self._sales += slot.sales - sales
