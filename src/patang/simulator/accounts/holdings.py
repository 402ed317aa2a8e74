"""Shares in an account's demat: settled, on their way, pledged, and bought on margin."""

from decimal import Decimal

import msgspec

from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.money import ZERO

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Funded(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a holding that was bought under MTF.

    ``margin`` is what the user paid for it in rupees; the rest of ``value`` is the broker's loan.
    """

    quantity: int = 0
    used_quantity: int = 0
    value: Decimal = ZERO
    margin: Decimal = ZERO

    @property
    def average_price(self) -> Decimal:
        """Rupees a share."""
        return self.value / self.quantity if self.quantity else ZERO

    @property
    def loan(self) -> Decimal:
        """Rupees on which interest runs."""
        return self.value - self.margin


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Shares held since before today.

    ``quantity`` is settled, ``t1_quantity`` was bought on the last trading day and is still on
    its way; ``used_quantity`` and ``used_t1`` of them were sold today. ``authorised_quantity`` may
    be sold by an account that has to ask the depository. ``average_price`` is of all of them.
    Source: Kite Connect v3, portfolio, holdings.
    """

    instrument: InstrumentId
    quantity: int
    average_price: Decimal
    used_quantity: int = 0
    t1_quantity: int = 0
    used_t1: int = 0
    authorised_quantity: int = 0
    authorised_ns: int | None = None
    collateral_quantity: int = 0
    funded: Funded = Funded()

    @property
    def total(self) -> int:
        """Settled and coming shares, without those under MTF."""
        return self.quantity + self.t1_quantity

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is left."""
        return not (self.total or self.funded.quantity)

    def bought(self, quantity: int, cost: Decimal) -> "Holding":
        """With ``quantity`` more on their way, which cost ``cost`` rupees."""
        total = self.total + quantity
        return msgspec.structs.replace(
            self,
            t1_quantity=self.t1_quantity + quantity,
            average_price=(self.average_price * self.total + cost) / total,
        )

    def sold(self, quantity: int) -> "Holding":
        """Without ``quantity`` shares, the settled ones first."""
        settled = min(quantity, self.quantity)
        return msgspec.structs.replace(
            self,
            quantity=self.quantity - settled,
            t1_quantity=self.t1_quantity - (quantity - settled),
            collateral_quantity=min(self.collateral_quantity, self.quantity - settled),
        )

    def arrived(self, evening_ns: int) -> "Holding":
        """After a settlement: what was on its way is there.

        Authorisations have lapsed but for those given after ``evening_ns``: they are for the day
        that comes.
        """
        is_for_tomorrow = self.authorised_ns is not None and self.authorised_ns >= evening_ns
        return msgspec.structs.replace(
            self,
            quantity=self.total,
            t1_quantity=0,
            used_quantity=0,
            authorised_quantity=self.authorised_quantity if is_for_tomorrow else 0,
            authorised_ns=self.authorised_ns if is_for_tomorrow else None,
        )


def isin_of(instrument: Instrument) -> str:
    """A made-up ISIN of the right form, the same for a symbol on every exchange.

    ``INE``, a number and a letter for the company, ``01`` (equity), a serial, the check digit.
    """
    number = 0
    for character in instrument.symbol:
        number = (number * 131 + ord(character)) % 10_007
    head = f"INE{number % 1000:03}{_LETTERS[number % len(_LETTERS)]}01{number // 1000 % 90 + 10:02}"
    return f"{head}{_check_digit(head)}"


def _check_digit(head: str) -> int:
    digits = "".join(str(int(character, 36)) for character in head)
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 - place % 2)
        total += value // 10 + value % 10
    return -total % 10
