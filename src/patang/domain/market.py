"""Market data of the decision plane: small ticks and bars, in float64 rupees."""

import msgspec

from patang.domain.enums import Interval
from patang.domain.instrument import InstrumentId

NS_PER_SECOND = 1_000_000_000
HIGHEST_PRICE = 1_000_000_000
"""Rupees that nothing costs: a price beyond it is a defect of the feed."""


class DepthLevel(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One price level of the market depth: rupees, units, number of orders."""

    price: float
    quantity: int
    orders: int


class Tick(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The newest state of one instrument as the ticker pushed it.

    Prices are float64 (wire integer / divisor), so rounding to the tick recovers the exact price.
    ``volume`` is the day's running total. ``exchange_ns`` is absent in ltp and quote modes, which
    carry no time; ``received_ns`` is stamped once for a frame. Both are UTC nanoseconds.
    ``close`` is the previous session's close. Source: Kite Connect v3, WebSocket streaming.
    """

    instrument: InstrumentId
    received_ns: int
    last_price: float
    exchange_ns: int | None = None
    last_trade_ns: int | None = None
    last_quantity: int = 0
    average_price: float = 0.0
    volume: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    oi: int | None = None
    bids: tuple[DepthLevel, ...] = ()
    asks: tuple[DepthLevel, ...] = ()

    @property
    def time_ns(self) -> int:
        """When the exchange made this tick, else when it was received."""
        return self.received_ns if self.exchange_ns is None else self.exchange_ns

    @property
    def has_price(self) -> bool:
        """Whether ``last_price`` is one: an instrument that has never traded shows zero."""
        return 0 < self.last_price < HIGHEST_PRICE

    @property
    def bid(self) -> float | None:
        """Best bid in rupees, or None where the book is empty or the mode has no depth."""
        return self.bids[0].price if self.bids and self.bids[0].quantity else None

    @property
    def ask(self) -> float | None:
        """Best offer in rupees, or None where the book is empty or the mode has no depth."""
        return self.asks[0].price if self.asks and self.asks[0].quantity else None


class Bar(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One candle: ``[start_ns, end_ns)`` UTC, prices in rupees, ``volume`` traded inside it.

    ``is_partial`` marks a bar with missing ticks: the feed joined, fell behind or broke inside it.
    """

    instrument: InstrumentId
    interval: Interval
    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    ticks: int = 0
    oi: int | None = None
    is_partial: bool = False
