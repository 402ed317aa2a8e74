"""Quotes of instruments without a book, and the bands that their prices keep to."""

from decimal import Decimal
from typing import Any

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument
from patang.domain.market import NS_PER_SECOND
from patang.domain.money import ZERO
from patang.rules import order_rules
from patang.rules.order_rules import Range
from patang.simulator.day.timetable import Timetables
from patang.simulator.quote import Quote, QuoteLevel
from patang.simulator.worlds.listing import OPTIONS, Listing
from patang.simulator.worlds.regimes import Regime

_DYNAMIC_LIMIT, _FIXED_LIMIT, _CURRENCY_LIMIT, _COMMODITY_LIMIT = 0.099, 0.195, 0.029, 0.039
_WIDER_BANDS = (Decimal(15), Decimal(20))
"""Percent that a dynamic band grows to. Source: SEBI/HO/MRD/TPD-1/P/CIR/2024/58 (simplified)."""


def quote_of(
    listed: Instrument, one: Any, previous_close: Decimal, *, opening_band: Range
) -> Quote:
    """A row of ``patang.wire.tick_columns.COLUMNS`` as the exchange's quote, in rupees."""
    price = listed.from_wire
    low, high = price(int(one["low"])), price(int(one["high"]))
    band = (ZERO, ZERO)
    if listed.is_tradable:
        band = _widened(listed, opening_band, previous_close, low, high)
    return Quote(
        instrument=listed.id,
        exchange_ns=int(one["exchange_timestamp"]) * NS_PER_SECOND,
        last_price=price(int(one["last_price"])),
        last_quantity=int(one["last_quantity"]),
        average_price=price(int(one["average_price"])),
        volume=int(one["volume"]),
        buy_quantity=int(one["buy_quantity"]),
        sell_quantity=int(one["sell_quantity"]),
        open=price(int(one["open"])),
        high=high,
        low=low,
        close=previous_close,
        last_trade_ns=int(one["last_trade_time"]) * NS_PER_SECOND or None,
        bids=_levels(listed, one, "bid"),
        asks=_levels(listed, one, "ask"),
        lower_circuit=band[0],
        upper_circuit=band[1],
        oi=int(one["oi"]),
        oi_day_high=int(one["oi_day_high"]),
        oi_day_low=int(one["oi_day_low"]),
    )


def limits_of_drivers(listing: Listing, timetables: Timetables, regime: Regime) -> list[float]:
    """How far each driver goes in a day, as a share: a little less than its band lets it."""
    traded = {
        one.id
        for one in listing.rows
        if one.instrument_type is InstrumentType.EQ and timetables.has_derivatives(one)
    }
    limits: list[float] = []
    for driver in listing.drivers:
        if driver.hours is Exchange.NSE:
            # Only where shares run to their bands do these not give way.
            is_held = regime is Regime.CIRCUIT and driver.name in traded
            limits.append(_DYNAMIC_LIMIT if is_held else _FIXED_LIMIT)
        elif driver.hours is Exchange.CDS:
            limits.append(_CURRENCY_LIMIT)
        else:
            known = order_rules.commodity(driver.name.partition("/")[2])
            limits.append(_COMMODITY_LIMIT if known is None else float(known.band) / 101)
    return limits


def _widened(
    listed: Instrument, band: Range, previous_close: Decimal, low: Decimal, high: Decimal
) -> Range:
    """The band that prices from ``low`` to ``high`` need; the opening one before any."""
    if listed.instrument_type in OPTIONS:
        return band
    for percent in _WIDER_BANDS:
        if not low or band[0] <= low <= high <= band[1]:
            break
        band = order_rules.band_around(listed, previous_close, percent)
    return band


def _levels(listed: Instrument, one: Any, side: str) -> tuple[QuoteLevel, ...]:
    columns = (one[f"{side}_{name}"].tolist() for name in ("price", "quantity", "orders"))
    return tuple(
        QuoteLevel(listed.from_wire(price), quantity, orders)
        for price, quantity, orders in zip(*columns, strict=True)
        if quantity
    )
