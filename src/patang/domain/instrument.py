"""What is traded. The only place where prices change their number type or are rounded to a tick."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Literal, NewType

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue

InstrumentId = NewType("InstrumentId", str)
"""``EXCHANGE:SYMBOL``, for example ``NSE:INFY``. Stored data is keyed by this, never by token."""

Rounding = Literal["nearest", "down", "up"]
_FINEST_TICK = Decimal("0.0001")
_COARSEST_TICK = Decimal(100_000)
_ROUNDING = {"nearest": ROUND_HALF_UP, "down": ROUND_FLOOR, "up": ROUND_CEILING}


def instrument_id(exchange: Exchange | str, symbol: str) -> InstrumentId:
    """Join an exchange and a symbol; raises ``InvalidValue`` when either is not well formed."""
    return parse_instrument_id(f"{exchange}:{symbol}")


def parse_instrument_id(text: str) -> InstrumentId:
    """Check that ``text`` is ``EXCHANGE:SYMBOL`` and return it as an id.

    Raises:
        InvalidValue: no colon, unknown exchange, or an empty symbol.
    """
    exchange, colon, symbol = text.partition(":")
    if not colon or not symbol or symbol != symbol.strip():
        raise InvalidValue("instrument", f"{text!r} is not EXCHANGE:SYMBOL.", "Write NSE:INFY.")
    if exchange not in Exchange.__members__:
        known = ", ".join(Exchange)
        raise InvalidValue("instrument", f"unknown exchange {exchange!r}.", f"Known: {known}.")
    return InstrumentId(text)


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tradable contract or index, as the day's instruments dump describes it.

    ``tick_size`` is in rupees. ``token`` is Kite's 32-bit instrument token: its low byte is the
    segment, and exchanges reuse it after expiry. ``price_divisor`` turns the wire's integer
    prices into rupees. ``expiry`` is ISO ``YYYY-MM-DD``. ``multiplier`` is contract units a
    quantity of one stands for (1 except for MCX). Source: Kite Connect v3, instruments, WebSocket.
    """

    exchange: Exchange
    symbol: str
    token: int
    tick_size: Decimal
    lot_size: int = 1
    instrument_type: InstrumentType = InstrumentType.EQ
    segment: str = ""
    name: str = ""
    expiry: str | None = None
    strike: Decimal | None = None
    freeze_quantity: int | None = None
    multiplier: int = 1
    price_divisor: int = 100
    is_tradable: bool = True

    def __post_init__(self) -> None:
        # Not-a-number compares with an error that is no ValueError: ask for finiteness first.
        if not (self.tick_size.is_finite() and _FINEST_TICK <= self.tick_size <= _COARSEST_TICK):
            raise InvalidValue("tick_size", f"{self.tick_size} is not a positive tick.")
        for field in ("lot_size", "multiplier", "price_divisor"):
            if getattr(self, field) < 1:
                raise InvalidValue(field, f"{getattr(self, field)} is below 1.")
        if self.freeze_quantity is not None and self.freeze_quantity < self.lot_size:
            raise InvalidValue("freeze_quantity", f"{self.freeze_quantity} is below one lot.")
        if not 0 <= self.token < 1 << 32:
            raise InvalidValue("token", f"{self.token} does not fit 32 bits.")

    @property
    def id(self) -> InstrumentId:
        """``EXCHANGE:SYMBOL``."""
        return InstrumentId(f"{self.exchange.value}:{self.symbol}")

    @property
    def underlying(self) -> str:
        """What it stands on: the name of a contract's underlying, its own symbol otherwise."""
        if self.instrument_type is InstrumentType.EQ:
            return self.symbol
        return self.name.strip() or self.symbol

    def round_price(self, price: Decimal, rounding: Rounding = "nearest") -> Decimal:
        """The multiple of the tick size nearest to ``price``, or the next one down or up.

        Raises:
            InvalidValue: the price is not a number, or has more digits than a price can have.
        """
        try:
            ticks = (price / self.tick_size).to_integral_value(rounding=_ROUNDING[rounding])
            return (ticks * self.tick_size).quantize(self.tick_size)
        except InvalidOperation as error:
            raise _no_price(price) from error

    def price_from_float(self, price: float, rounding: Rounding = "nearest") -> Decimal:
        """An order price from analytical arithmetic: exact to the tick, whatever float noise."""
        # NumPy's floats are floats too, but their repr is not a number.
        return self.round_price(Decimal(repr(float(price))), rounding)

    def is_on_tick(self, price: Decimal) -> bool:
        """Whether ``price`` is a whole number of ticks."""
        try:
            return price % self.tick_size == 0
        except InvalidOperation as error:
            raise _no_price(price) from error

    def to_ticks(self, price: Decimal) -> int:
        """Integer ticks of an on-tick price; raises ``InvalidValue`` off the tick."""
        try:
            ticks, rest = divmod(price, self.tick_size)
        except InvalidOperation as error:
            raise _no_price(price) from error
        if rest:
            raise InvalidValue(
                "price",
                f"{price} is not a multiple of the tick size {self.tick_size} of {self.id}.",
                f"The nearest is {self.round_price(price)}.",
            )
        return int(ticks)

    def from_ticks(self, ticks: int) -> Decimal:
        """The price of an integer number of ticks."""
        return self.tick_size * ticks

    def to_wire(self, price: Decimal) -> int:
        """The integer that the ticker carries for ``price``."""
        return int((price * self.price_divisor).to_integral_value(rounding=ROUND_HALF_UP))

    def from_wire(self, price: int) -> Decimal:
        """The exact rupee price of a ticker integer."""
        return Decimal(price) / self.price_divisor

    def round_quantity(self, quantity: int) -> int:
        """The largest whole number of lots not above ``quantity`` (which must not be negative)."""
        return quantity - quantity % self.lot_size


def _no_price(price: Decimal) -> InvalidValue:
    return InvalidValue("price", f"{price} is not a price.", "Give a number of rupees.")
