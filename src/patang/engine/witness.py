"""Puts together what the risk gate must know of the books, and no more than its limits ask for."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.intents import Leg
from patang.domain.money import ZERO
from patang.domain.order import OrderIntent
from patang.engine.exposure import Exposure, Line
from patang.engine.margin import margin_of
from patang.engine.orders import OrderLedger
from patang.engine.portfolio import Portfolio
from patang.engine.risk import RiskGate
from patang.engine.sizes import with_line
from patang.rules.ist import ist_date


class Witness:
    """Reads positions and working orders for the gate; it keeps nothing."""

    def __init__(
        self,
        instruments: dict[InstrumentId, Instrument],
        last_prices: dict[InstrumentId, float],
        portfolio: Portfolio,
        ledger: OrderLedger,
        gate: RiskGate,
    ) -> None:
        self._instruments = instruments
        self._last_prices = last_prices
        self._portfolio = portfolio
        self._ledger = ledger
        self._gate = gate

    def exposure(self, intent: OrderIntent, now_ns: int) -> Exposure:
        """What counts for this order; positions are taken to be marked."""
        gate, books, name, owner = self._gate, self._portfolio, intent.instrument, intent.strategy
        own, others = [0, 0], [0, 0]
        for order in self._ledger.live_orders():
            if order.intent.instrument == name:
                sides = own if order.intent.strategy == owner else others
                sides[order.intent.side is Side.SELL] += order.outstanding_quantity
        last = self._last_prices.get(name)
        instrument = self._instruments[name]
        price = None if last is None else instrument.price_from_float(last)
        line = Line(
            instrument=instrument,
            held=books.held(name),
            buys=own[0] + others[0],
            sells=own[1] + others[1],
            price=price,
        )
        needs_lines = gate.needs_lines and not intent.reduces
        needs_margin = gate.needs_margin and not intent.reduces
        account = self.lines() if needs_lines or needs_margin else ()
        return Exposure(
            line=line,
            own=msgspec.structs.replace(
                line, held=books.owned(owner, name), buys=own[0], sells=own[1]
            ),
            net_pnl=books.net_pnl,
            equity=books.equity if gate.needs_equity else ZERO,
            strategy_pnl=books.net_pnl_of(owner) if gate.needs_strategies else ZERO,
            account=account,
            strategy=self.lines(owner) if needs_lines else (),
            margin=self._margin(account, line, intent, now_ns) if needs_margin else None,
        )

    def lines(self, owner: str | None = None) -> tuple[Line, ...]:
        """Every instrument that is held or may be, of the account or of one owner."""
        units: dict[InstrumentId, list[int]] = {}
        if owner is None:
            for position in self._portfolio.positions():
                units.setdefault(position.instrument, [0, 0, 0])[0] += position.quantity
        else:
            for (who, name), position in self._portfolio.owners().items():
                if who == owner:
                    units.setdefault(name, [0, 0, 0])[0] += position.quantity
        for order in self._ledger.live_orders():
            if owner in (None, order.intent.strategy):
                row = units.setdefault(order.intent.instrument, [0, 0, 0])
                row[1 + (order.intent.side is Side.SELL)] += order.outstanding_quantity
        return tuple(
            Line(
                instrument=self._instruments[name],
                held=held,
                buys=buys,
                sells=sells,
                price=self._price(name),
            )
            for name, (held, buys, sells) in units.items()
            if held or buys or sells
        )

    def basket_margin(self, legs: Iterable[Leg], product: Product, now_ns: int) -> Decimal | None:
        """Rupees blocked if everything that works and every leg filled; None when not known."""
        lines = self.lines()
        for leg in legs:
            own = [line for line in lines if line.instrument.id == leg.instrument]
            line = own[0] if own else Line(instrument=self._instruments[leg.instrument])
            is_buy = leg.side is Side.BUY
            added = msgspec.structs.replace(
                line,
                buys=line.buys + (leg.quantity if is_buy else 0),
                sells=line.sells + (0 if is_buy else leg.quantity),
                price=self._price(leg.instrument),
            )
            lines = with_line(lines, added)
        return margin_of(lines, product, ist_date(now_ns), self._prices(lines))

    def _price(self, name: InstrumentId) -> Decimal | None:
        last = self._last_prices.get(name)
        if last is not None:
            return self._instruments[name].price_from_float(last)
        return self._portfolio.marked(name)

    def _margin(
        self, account: tuple[Line, ...], line: Line, intent: OrderIntent, now_ns: int
    ) -> Decimal | None:
        price = line.price if line.price is not None else intent.price
        lines = with_line(account, line.with_order(intent, price))
        return margin_of(lines, intent.product, ist_date(now_ns), self._prices(lines))

    def _prices(self, lines: Iterable[Line]) -> dict[InstrumentId, Decimal]:
        known = {line.instrument.id: line.price for line in lines if line.price is not None}
        for name, last in self._last_prices.items():
            if not self._instruments[name].is_tradable or name not in known:
                known[name] = self._instruments[name].price_from_float(last)
        return known
