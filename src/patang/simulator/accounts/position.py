"""A position as an account carries it from day to day, and what of it the ledger has seen."""

from decimal import Decimal

from patang.domain.enums import InstrumentType, Product, Side
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.domain.position import Position

_OPTIONS = (InstrumentType.CE, InstrumentType.PE)


def pays_in_full(instrument: Instrument, product: Product) -> bool:
    """Whether a trade moves its whole value: delivery and options; the rest moves its profit."""
    return product is Product.CNC or instrument.instrument_type in _OPTIONS


class AccountPosition(Position, kw_only=True):
    """Totals of the day and of what was carried into it, at the carried cost.

    ``overnight_quantity`` is signed; ``overnight_value`` its signed cost in rupees.
    ``settled_before`` is what earlier days put into the ledger for the carried quantity: a
    future's profit up to the last close, the premium of an option (negative where it was paid).
    ``settled`` is the share of that which belongs to what is still open.
    """

    overnight_quantity: int = 0
    overnight_value: Decimal = ZERO
    settled_before: Decimal = ZERO
    settled: Decimal = ZERO
    in_full: bool = False
    """Whether trades move their whole value (see ``pays_in_full``) or their profit."""

    @property
    def booked(self) -> Decimal:
        """Rupees that today's trades put into the ledger or took out, before charges."""
        if self.in_full:
            return self.realised - self.open_cost - self.settled_before
        return self.realised - self.settled_before + self.settled

    def unrealised(self, last_price: Decimal) -> Decimal:
        """Profit of what is open at ``last_price``, rupees; a future's since the last close."""
        profit = self.pnl(last_price) - self.realised
        return profit if self.in_full else profit - self.settled

    @property
    def day_buy_quantity(self) -> int:
        """Units bought today."""
        return self.buy_quantity - max(self.overnight_quantity, 0)

    @property
    def day_sell_quantity(self) -> int:
        """Units sold today."""
        return self.sell_quantity + min(self.overnight_quantity, 0)

    @property
    def day_buy_value(self) -> Decimal:
        """Rupees bought today."""
        return self.buy_value - max(self.overnight_value, ZERO)

    @property
    def day_sell_value(self) -> Decimal:
        """Rupees sold today."""
        return self.sell_value + min(self.overnight_value, ZERO)

    @property
    def is_used(self) -> bool:
        """Whether anything was ever bought or sold here."""
        return bool(self.buy_quantity or self.sell_quantity)

    @property
    def has_traded(self) -> bool:
        """Whether anything of it was traded or converted today."""
        return bool(self.day_buy_quantity or self.day_sell_quantity)

    def apply(self, side: Side, quantity: int, price: Decimal) -> Decimal:
        """Book a fill; return the profit it realised, in rupees before charges."""
        held, settled = self.quantity, self.settled
        gained = super().apply(side, quantity, price)
        if settled:
            self.settled = _share_left(settled, held, self.quantity)
        return gained

    def move(self, target: "AccountPosition", quantity: int, *, overnight: bool) -> None:
        """Convert ``quantity`` open units into another product's position, at their cost.

        Of what was carried in when ``overnight``, otherwise of what was opened today.
        """
        held = self.quantity
        value = self.open_cost * quantity / abs(held) if quantity != abs(held) else self.open_cost
        settled = self.settled * quantity / abs(held) if quantity != abs(held) else self.settled
        is_long = held > 0
        if is_long:
            self.buy_quantity -= quantity
            self.buy_value -= value
        else:
            self.sell_quantity -= quantity
            self.sell_value += value
        self.open_cost -= value
        self.settled -= settled
        self.settled_before -= settled
        signed = quantity if is_long else -quantity
        if overnight:
            carried = self.overnight_value * quantity / abs(self.overnight_quantity)
            self.overnight_quantity -= signed
            self.overnight_value -= carried
        target.take(signed, value, settled, overnight=overnight)

    def take(self, signed: int, value: Decimal, settled: Decimal, *, overnight: bool) -> None:
        """Receive ``signed`` units of cost ``value`` (signed too) from a conversion."""
        if self.quantity * signed < 0:
            # What closes against it takes its settled share out of the ledger's account.
            opened = max(abs(signed) - abs(self.quantity), 0)
            side = Side.BUY if signed > 0 else Side.SELL
            self.apply(side, abs(signed), value / (signed * self.multiplier))
            self.settled += settled * opened / abs(signed)
        elif signed > 0:
            self.buy_quantity += signed
            self.buy_value += value
            self.open_cost += value
            self.settled += settled
        else:
            self.sell_quantity -= signed
            self.sell_value -= value
            self.open_cost += value
            self.settled += settled
        self.settled_before += settled
        if overnight:
            self.overnight_quantity += signed
            self.overnight_value += value

    def carry(self, settled: Decimal) -> "AccountPosition":
        """The open quantity as the next day begins with it, at the same cost."""
        held = self.quantity
        return AccountPosition(
            instrument=self.instrument,
            product=self.product,
            multiplier=self.multiplier,
            buy_quantity=max(held, 0),
            sell_quantity=max(-held, 0),
            buy_value=max(self.open_cost, ZERO),
            sell_value=max(-self.open_cost, ZERO),
            open_cost=self.open_cost,
            overnight_quantity=held,
            overnight_value=self.open_cost,
            settled_before=settled,
            settled=settled,
            in_full=self.in_full,
        )


def _share_left(settled: Decimal, held: int, now: int) -> Decimal:
    """What of ``settled`` still belongs to an open quantity that went from ``held`` to ``now``."""
    if held * now <= 0:
        return ZERO
    return settled * now / held if abs(now) < abs(held) else settled
