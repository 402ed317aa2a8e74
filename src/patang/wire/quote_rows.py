"""Rows of market quotes over REST. Source: Kite Connect v3, market quotes."""

from decimal import Decimal
from typing import ClassVar

from msgspec import UNSET, UnsetType, field

from patang.wire.row import Row

_ZERO = Decimal(0)


class OhlcFields(Row, frozen=True, kw_only=True, dict=True):
    """The day's open, high and low; ``close`` is the previous session's during the day."""

    open: Decimal = _ZERO
    high: Decimal = _ZERO
    low: Decimal = _ZERO
    close: Decimal = _ZERO


class DepthEntry(Row, frozen=True, kw_only=True, dict=True):
    """One level of the market depth; an absent level is all zeros."""

    price: Decimal = _ZERO
    quantity: int = 0
    orders: int = 0


class DepthRow(Row, frozen=True, kw_only=True, dict=True):
    """Five levels a side, best first."""

    parts: ClassVar[tuple[str, ...]] = ("buy", "sell")

    buy: list[DepthEntry] = field(default_factory=list)
    sell: list[DepthEntry] = field(default_factory=list)


class LtpRow(Row, frozen=True, kw_only=True, dict=True):
    """Last price of one instrument."""

    instrument_token: int
    last_price: Decimal


class OhlcRow(LtpRow, frozen=True, kw_only=True, dict=True):
    """Last price and the day's range."""

    parts: ClassVar[tuple[str, ...]] = ("ohlc",)

    ohlc: OhlcFields


class QuoteRow(LtpRow, frozen=True, kw_only=True, dict=True):
    """The full quote; an index has no depth. Times are IST text. Source: market quotes.

    ``net_change`` is absolute; the server is known to send 0, so compute it from ``ohlc.close``.
    """

    parts: ClassVar[tuple[str, ...]] = ("ohlc", "depth")

    timestamp: str | None = None
    last_trade_time: str | None = None
    last_quantity: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    volume: int = 0
    average_price: Decimal = _ZERO
    oi: int | float = 0
    oi_day_high: int | float = 0
    oi_day_low: int | float = 0
    net_change: Decimal = _ZERO
    lower_circuit_limit: Decimal = _ZERO
    upper_circuit_limit: Decimal = _ZERO
    ohlc: OhlcFields
    depth: DepthRow | UnsetType = UNSET
