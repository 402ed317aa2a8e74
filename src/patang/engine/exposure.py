"""What the risk gate sees of the books when it judges an order."""

from decimal import Decimal

import msgspec

from patang.domain.enums import Side
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.domain.order import OrderIntent


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument in somebody's books: signed units held, and units that may yet be added.

    ``price`` is what it is valued at, rupees; None before its first trade.
    """

    instrument: Instrument
    held: int = 0
    buys: int = 0
    sells: int = 0
    price: Decimal | None = None

    @property
    def units_max(self) -> int:
        """The largest position that working orders can make of it, long or short."""
        return max(abs(self.held + self.buys), abs(self.held - self.sells))

    @property
    def unit_value(self) -> Decimal:
        """Rupees of one unit of quantity."""
        return ZERO if self.price is None else self.price * self.instrument.multiplier

    def with_order(self, intent: OrderIntent, price: Decimal | None) -> "Line":
        """The line as it is once the intent works, valued at ``price``."""
        is_buy = intent.side is Side.BUY
        return msgspec.structs.replace(
            self,
            buys=self.buys + (intent.quantity if is_buy else 0),
            sells=self.sells + (0 if is_buy else intent.quantity),
            price=price,
        )


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate must know to judge one order; rupees.

    ``line`` is the whole account's of the order's instrument and ``own`` the strategy's.
    ``account`` and ``strategy`` are all lines of the account and of the strategy, ``margin`` what
    all of them and the order need: filled in when the gate says that its limits ask for them.
    """

    line: Line
    own: Line
    net_pnl: Decimal
    equity: Decimal = ZERO
    strategy_pnl: Decimal = ZERO
    account: tuple[Line, ...] = ()
    strategy: tuple[Line, ...] = ()
    margin: Decimal | None = None
