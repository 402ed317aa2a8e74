"""A position as the run keeps it: today's trades, what was carried in, Kite's figures of it."""

from decimal import Decimal

import msgspec

from patang.domain.enums import Side
from patang.domain.money import ZERO
from patang.domain.position import Position


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One row of Kite's positions, in rupees and units, unrounded.

    Source: Kite Connect v3, portfolio, positions; formulas verified with its sample answers.
    """

    quantity: int
    overnight_quantity: int
    average_price: Decimal
    value: Decimal
    pnl: Decimal
    m2m: Decimal
    buy_quantity: int
    buy_price: Decimal
    buy_value: Decimal
    buy_m2m: Decimal
    sell_quantity: int
    sell_price: Decimal
    sell_value: Decimal
    sell_m2m: Decimal


class BookPosition(Position, kw_only=True):
    """Totals of the day and of what was carried into it, at the carried cost.

    ``overnight_quantity`` is signed, ``overnight_value`` its signed cost in rupees.
    """

    overnight_quantity: int = 0
    overnight_value: Decimal = ZERO

    def plain(self) -> Position:
        """The same without what was carried in, when nothing was: for the state hash."""
        if self.overnight_quantity or self.overnight_value:
            return self
        return Position(**{field: getattr(self, field) for field in Position.__struct_fields__})

    def carry_in(self, quantity: int, price: Decimal) -> None:
        """Begin with ``quantity`` signed units from an earlier day, at their average cost."""
        value = price * quantity * self.multiplier
        self.overnight_quantity += quantity
        self.overnight_value += value
        self._grow(quantity, value)

    def move(self, target: "BookPosition", quantity: int, *, overnight: bool) -> None:
        """Convert ``quantity`` open units into another product's position, at their cost."""
        held = self.quantity
        signed = quantity if held > 0 else -quantity
        value = self.open_cost if quantity == abs(held) else self.open_cost * quantity / abs(held)
        self._grow(signed, value, sign=-1)
        carried = ZERO
        if overnight:
            carried = self.overnight_value * quantity / abs(self.overnight_quantity)
            self.overnight_quantity -= signed
            self.overnight_value -= carried
        if target.quantity * signed < 0:
            side = Side.BUY if signed > 0 else Side.SELL
            target.apply(side, quantity, value / (signed * self.multiplier))
        else:
            target._grow(signed, value)
        if overnight:
            target.overnight_quantity += signed
            target.overnight_value += value

    def rescale(self, new_units: int, old_units: int) -> None:
        """``old_units`` became ``new_units`` at the same cost (see ``CorporateAction``)."""
        held = abs(self.quantity) * new_units // old_units
        is_long = self.quantity > 0
        closed = min(self.buy_quantity, self.sell_quantity) * new_units // old_units
        self.buy_quantity = closed + (held if is_long else 0)
        self.sell_quantity = closed + (0 if is_long else held)
        sign = 1 if self.overnight_quantity > 0 else -1
        self.overnight_quantity = sign * (abs(self.overnight_quantity) * new_units // old_units)

    def net(self, last_price: Decimal, close: Decimal) -> Figures:
        """The current book; ``close`` is the previous session's, rupees."""
        carried = self.overnight_quantity
        # What was carried in counts at the previous close for the day's profit, else at its cost.
        marked = abs(carried) * close * self.multiplier
        day = self._day_values()
        return self._figures(
            last_price,
            carried,
            (self.buy_quantity, self.buy_value, day[1] + (marked if carried > 0 else ZERO)),
            (self.sell_quantity, self.sell_value, day[3] + (marked if carried < 0 else ZERO)),
        )

    def day(self, last_price: Decimal) -> Figures:
        """Today's trades alone."""
        bought, buy_value, sold, sell_value = self._day_values()
        return self._figures(
            last_price, 0, (bought, buy_value, buy_value), (sold, sell_value, sell_value)
        )

    def _day_values(self) -> tuple[int, Decimal, int, Decimal]:
        carried, cost = self.overnight_quantity, self.overnight_value
        return (
            self.buy_quantity - max(carried, 0),
            self.buy_value - max(cost, ZERO),
            self.sell_quantity + min(carried, 0),
            self.sell_value + min(cost, ZERO),
        )

    def _figures(
        self,
        last_price: Decimal,
        carried: int,
        buy: tuple[int, Decimal, Decimal],
        sell: tuple[int, Decimal, Decimal],
    ) -> Figures:
        bought, buy_value, buy_m2m = buy
        sold, sell_value, sell_m2m = sell
        quantity = bought - sold
        worth = last_price * quantity * self.multiplier
        buy_price = buy_value / (bought * self.multiplier) if bought else ZERO
        sell_price = sell_value / (sold * self.multiplier) if sold else ZERO
        return Figures(
            quantity=quantity,
            overnight_quantity=carried,
            average_price=buy_price if quantity > 0 else sell_price if quantity < 0 else ZERO,
            value=sell_value - buy_value,
            pnl=sell_value - buy_value + worth,
            m2m=sell_m2m - buy_m2m + worth,
            buy_quantity=bought,
            buy_price=buy_price,
            buy_value=buy_value,
            buy_m2m=buy_m2m,
            sell_quantity=sold,
            sell_price=sell_price,
            sell_value=sell_value,
            sell_m2m=sell_m2m,
        )

    def _grow(self, signed: int, value: Decimal, *, sign: int = 1) -> None:
        """Add (or with ``sign`` -1 take) open units of signed cost ``value``."""
        if signed > 0:
            self.buy_quantity += signed * sign
            self.buy_value += value * sign
        else:
            self.sell_quantity -= signed * sign
            self.sell_value -= value * sign
        self.open_cost += value * sign
