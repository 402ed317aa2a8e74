"""A position: what fills of one instrument and product add up to."""

from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.money import ZERO


class Position(msgspec.Struct, kw_only=True):
    """Running totals of one instrument and product.

    ``quantity`` is signed, short negative. Values are rupees including the contract multiplier.
    ``open_cost`` is the signed average-cost value of what is still open (negative for a short);
    ``realised`` is the profit of what was closed, before charges.
    """

    instrument: InstrumentId
    product: Product
    multiplier: int = 1
    buy_quantity: int = 0
    sell_quantity: int = 0
    buy_value: Decimal = ZERO
    sell_value: Decimal = ZERO
    open_cost: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def quantity(self) -> int:
        """Bought minus sold."""
        return self.buy_quantity - self.sell_quantity

    @property
    def average_price(self) -> Decimal:
        """Average cost of the open quantity in rupees; zero when flat."""
        return self.open_cost / (self.quantity * self.multiplier) if self.quantity else ZERO

    def apply(self, side: Side, quantity: int, price: Decimal) -> Decimal:
        """Book a fill; return the profit it realised, in rupees before charges."""
        value = price * quantity * self.multiplier
        held = self.quantity
        closing = min(quantity, abs(held)) if held * side.sign < 0 else 0
        if closing:
            # Nothing when it closes flat: no residue of a division stays behind.
            left = abs(held) - closing
            self.open_cost = self.open_cost * left / abs(held) if left else ZERO
        self.open_cost += price * (quantity - closing) * self.multiplier * side.sign
        if side is Side.BUY:
            self.buy_quantity += quantity
            self.buy_value += value
        else:
            self.sell_quantity += quantity
            self.sell_value += value
        before = self.realised
        if closing:
            # What came in less what went out, plus the cost of what is still open: exact when flat.
            self.realised = self.sell_value - self.buy_value + self.open_cost
        return self.realised - before

    def pnl(self, last_price: Decimal) -> Decimal:
        """Profit so far before charges: Kite's ``sell value - buy value + quantity x last``.

        Source: Kite Connect v3, portfolio, positions.
        """
        return self.sell_value - self.buy_value + last_price * self.quantity * self.multiplier
