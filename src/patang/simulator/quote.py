"""What the exchange shows of one instrument at a moment."""

from decimal import Decimal

import msgspec

from patang.domain.instrument import InstrumentId


class QuoteLevel(msgspec.Struct, frozen=True, gc=False):
    """One level of the depth: rupees, units, number of orders."""

    price: Decimal
    quantity: int
    orders: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A full quote. Prices are rupees; ``close`` is the previous session's; times UTC.

    ``open``, ``high``, ``low``, ``average_price`` are zero and ``last_trade_ns`` None before the
    day's first trade; ``last_price`` is then the previous close. Depth holds up to five levels,
    best first. An index has no depth, no volume and no circuit limits (zeros). Open interest is in
    units, zero for what has none.
    Source: Kite Connect v3, market quotes.
    """

    instrument: InstrumentId
    exchange_ns: int
    last_price: Decimal
    last_quantity: int
    average_price: Decimal
    volume: int
    buy_quantity: int
    sell_quantity: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    last_trade_ns: int | None
    bids: tuple[QuoteLevel, ...]
    asks: tuple[QuoteLevel, ...]
    lower_circuit: Decimal
    upper_circuit: Decimal
    oi: int = 0
    oi_day_high: int = 0
    oi_day_low: int = 0
