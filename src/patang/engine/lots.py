"""First in, first out: which entry an exit closed, and what that pair earned."""

from collections import deque
from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.money import ZERO
from patang.domain.order import Fill


class Lot(msgspec.Struct, kw_only=True, gc=False):
    """Units of one fill that are still open; ``quantity`` is positive, ``charges`` are theirs."""

    side: Side
    quantity: int
    price: Decimal
    charges: Decimal
    opened_ns: int
    order_id: str


class Trip(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry and the exit that closed it: one row of the trade list.

    ``side`` is the entry's: SELL for a short. Prices and money in rupees, times UTC nanoseconds.
    ``gross`` is the profit before charges; ``charges`` are the pair's share of both fills'.
    """

    owner: str
    instrument: InstrumentId
    product: Product
    side: Side
    quantity: int
    entry_price: Decimal
    exit_price: Decimal
    entry_ns: int
    exit_ns: int
    entry_order_id: str
    exit_order_id: str
    gross: Decimal
    charges: Decimal

    @property
    def net(self) -> Decimal:
        """Profit after charges."""
        return self.gross - self.charges


class LotBook:
    """The open lots of one owner and instrument, oldest first."""

    def __init__(self, owner: str, multiplier: int) -> None:
        self.lots: deque[Lot] = deque()
        self.realised = ZERO
        self._owner = owner
        self._multiplier = multiplier

    @property
    def open_cost(self) -> Decimal:
        """Signed value of what is open at its own entry prices, rupees; negative for a short."""
        return sum(
            (lot.price * lot.quantity * lot.side.sign * self._multiplier for lot in self.lots), ZERO
        )

    def apply(self, fill: Fill, charges: Decimal) -> list[Trip]:
        """Book a fill and its charges; return the pairs it closed, oldest entry first."""
        trips: list[Trip] = []
        left = fill.quantity
        while left and self.lots and self.lots[0].side is not fill.side:
            lot = self.lots[0]
            closing = min(left, lot.quantity)
            # The last part takes what is left, so that nothing is lost to rounding.
            entry = lot.charges if closing == lot.quantity else lot.charges * closing / lot.quantity
            share = charges if closing == left else charges * closing / left
            gross = (fill.price - lot.price) * closing * lot.side.sign * self._multiplier
            trips.append(
                Trip(
                    owner=self._owner,
                    instrument=fill.instrument,
                    product=fill.product,
                    side=lot.side,
                    quantity=closing,
                    entry_price=lot.price,
                    exit_price=fill.price,
                    entry_ns=lot.opened_ns,
                    exit_ns=fill.time_ns,
                    entry_order_id=lot.order_id,
                    exit_order_id=fill.order_id,
                    gross=gross,
                    charges=entry + share,
                )
            )
            self.realised += gross
            lot.quantity -= closing
            lot.charges -= entry
            charges -= share
            left -= closing
            if not lot.quantity:
                self.lots.popleft()
        if left:
            self.lots.append(
                Lot(
                    side=fill.side,
                    quantity=left,
                    price=fill.price,
                    charges=charges,
                    opened_ns=fill.time_ns,
                    order_id=fill.order_id,
                )
            )
        return trips

    def rescale(self, new_units: int, old_units: int) -> None:
        """``old_units`` became ``new_units``: the lots' cost stays (see ``CorporateAction``)."""
        counted = grown = 0
        for lot in self.lots:
            cost = lot.price * lot.quantity
            counted += lot.quantity
            lot.quantity = counted * new_units // old_units - grown
            grown += lot.quantity
            lot.price = cost / lot.quantity if lot.quantity else lot.price
        self.lots = deque(lot for lot in self.lots if lot.quantity)
