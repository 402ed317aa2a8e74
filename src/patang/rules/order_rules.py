"""What an order may be on a day: the broker's and the exchanges' dated rules, in one place.

Pure functions over tables. Days are days in India, times of day are IST, prices are rupees.

>>> market_protection_required(date(2026, 3, 31)), market_protection_required(date(2026, 4, 1))
(False, True)
>>> square_off_time(Exchange.NSE, date(2026, 11, 20), closing_auction=True)
datetime.time(15, 12)
"""

from datetime import date, time
from decimal import Decimal
from functools import cache, lru_cache
from math import ceil

import msgspec

from patang.domain.enums import (
    Exchange,
    InstrumentType,
    Product,
    Variety,
)
from patang.domain.instrument import Instrument
from patang.rules.calendar import Calendar
from patang.rules.contract_sizes import (
    Commodity,
    CommodityHours,
    ContractKind,
    commodity,
    commodity_names,
    contract_kind,
    freeze_quantity,
    index_names,
    lot_size,
)
from patang.rules.dated import RuleUnknown, required
from patang.rules.ist import ist_time
from patang.rules.price_limits import (
    Flexing,
    FlexStep,
    Range,
    band_around,
    closing_auction_percent,
    flexing,
    has_late_band,
    lpp_range,
    price_band,
    stop_range,
    tick_size_for,
)
from patang.rules.reader import read_table

_OPTIONS = (InstrumentType.CE, InstrumentType.PE)


class AfterMarket(msgspec.Struct, frozen=True, kw_only=True):
    """When after-market orders are taken: from ``opens`` over midnight to ``closes``, IST."""

    opens: time
    closes: time

    def contains(self, at: time) -> bool:
        """Whether orders are taken at this time of a trading day."""
        return at >= self.opens or at < self.closes


class GttLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of triggers. Source: Kite Connect v3, GTT; support.zerodha.com."""

    most_active: int
    least_distance_percent: Decimal
    """How far a trigger must be from the last price."""
    valid_days: int


class _Protection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    below: Decimal
    percent: Decimal


class _ByKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    equity: list[_Protection]
    option: list[_Protection]


class _Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    exchanges: list[Exchange]


class _Most(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    most: int


class _Disclosed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchanges: list[Exchange]
    percent: Decimal


class _Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchanges: list[Exchange]
    products: list[Product]
    varieties: list[Variety]


class _AfterMarket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchanges: list[Exchange]
    closes: time
    sent: time
    sent_special: time
    opens: time | None = None


class _SquareOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    exchanges: list[Exchange]
    closing_auction: bool = False
    at: time | None = None
    before_close_minutes: int = 0


class _Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    market_protection_from: date
    protection: _ByKind
    ioc_refused: list[_Refused]
    slm_refused: list[_Refused]
    slices: list[_Most]
    iceberg_legs: list[_Most]
    disclosed: list[_Disclosed]
    segments: list[_Segment]
    after_market: list[_AfterMarket]
    square_off: list[_SquareOff]
    gtt: GttLimits


@cache
def _orders() -> _Orders:
    return read_table("orders", _Orders)


def market_protection_required(on: date) -> bool:
    """Whether MARKET and SL-M orders must carry a market protection other than zero.

    Source: kite.trade forum 15912, from 2026-04-01.
    """
    return on >= _orders().market_protection_from


def automatic_protection(instrument_type: InstrumentType, last_price: Decimal) -> Decimal:
    """Percent of the last price that protection -1 stands for.

    Source: support.zerodha.com, market price protection.
    """
    table = _orders().protection
    steps = table.option if instrument_type in _OPTIONS else table.equity
    return next(step.percent for step in steps if last_price < step.below)


def ioc_allowed(exchange: Exchange | str, on: date) -> bool:
    """Whether the exchange takes IOC orders over the API. Source: kite.trade forum 15912."""
    return not _is_refused(_orders().ioc_refused, Exchange(exchange), on)


def slm_allowed(instrument: Instrument, on: date) -> bool:
    """Whether SL-M is taken: not for options on shares and indices, since September 2021."""
    if instrument.instrument_type not in _OPTIONS:
        return True
    return not _is_refused(_orders().slm_refused, instrument.exchange, on)


def _is_refused(rows: list[_Refused], exchange: Exchange, on: date) -> bool:
    return any(exchange in row.exchanges and row.effective_from <= on for row in rows)


def max_slices(on: date) -> int:
    """Most orders that an autosliced one may become. Source: kite.trade forum 15912."""
    return required(_orders().slices, on, "the most slices of an order").most


def iceberg_legs_max(on: date) -> int:
    """Most legs of an iceberg order; the least is 2. Source: Z-Connect 2022-04-04; Kite Connect."""
    return required(_orders().iceberg_legs, on, "the most legs of an iceberg").most


def disclosed_minimum(exchange: Exchange | str, quantity: int) -> int | None:
    """Least disclosed quantity of an order; None where orders cannot be disclosed in part.

    Source: exchange rules (NSE 10 percent of the order, MCX 25).
    """
    exchange = Exchange(exchange)
    for row in _orders().disclosed:
        if exchange in row.exchanges:
            return ceil(quantity * row.percent / 100)
    return None


def products(exchange: Exchange | str) -> tuple[Product, ...]:
    """Products of a segment. Source: Kite Connect v3, orders."""
    return _segment(Exchange(exchange))[0]


def varieties(exchange: Exchange | str) -> tuple[Variety, ...]:
    """Varieties of a segment. Source: Kite Connect v3, orders."""
    return _segment(Exchange(exchange))[1]


@cache
def _segment(exchange: Exchange) -> tuple[tuple[Product, ...], tuple[Variety, ...]]:
    row = next(one for one in _orders().segments if exchange in one.exchanges)
    return tuple(row.products), tuple(row.varieties)


def gtt_limits() -> GttLimits:
    """How many triggers an account may have, how near the price, and for how long."""
    return _orders().gtt


# --- hours ----------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def amo_window(exchange: Exchange | str, on: date) -> AfterMarket | None:
    """When after-market orders are taken on a day; None when all day long (no trading that day).

    Before a session with hours of its own (Muhurat, an evening session) they are taken until as
    long before its beginning as before a regular one. Source: support.zerodha.com, AMO (2025).

    Raises:
        OutsideCalendar: a day that the exchange's calendar does not know.
    """
    exchange = Exchange(exchange)
    session = Calendar.load(exchange).session(on)
    if session is None:
        return None
    row = _after_market(exchange)
    opens = ist_time(session.close_ns) if row.opens is None else row.opens
    # They are sent when the session begins, if that is later than usual.
    later = max(_minutes(ist_time(session.starts_ns)) - _minutes(row.sent), 0)
    closes = _minutes(row.closes) + later
    return AfterMarket(opens=opens, closes=time(closes // 60, closes % 60))


def amo_release_times(exchange: Exchange | str) -> tuple[time, ...]:
    """All times at which after-market orders go to the exchange, in order, IST."""
    row = _after_market(Exchange(exchange))
    return tuple(sorted({row.sent, row.sent_special}))


def _after_market(exchange: Exchange) -> _AfterMarket:
    return next(one for one in _orders().after_market if exchange in one.exchanges)


@lru_cache(maxsize=512)
def square_off_time(
    exchange: Exchange | str, on: date, closing_auction: bool = False, *, hours: str = ""
) -> time | None:
    """When the broker closes intraday positions on a day, IST; None on a day without trading.

    ``closing_auction`` is for shares in the closing auction; ``hours`` is a commodity's
    (``agri``, ``international_agri``). A session with hours of its own (Muhurat) is squared off
    as long before its close as a regular one. Source: support.zerodha.com, intraday auto
    square-off; see the table for what is not confirmed.

    Raises:
        OutsideCalendar: a day that the exchange's calendar does not know.
    """
    exchange = Exchange(exchange)
    calendar = Calendar.load(exchange)
    regular = calendar.regular_close(on, closing_auction=closing_auction, hours=hours)
    session = calendar.session(on, closing_auction=closing_auction, hours=hours)
    if session is None:
        return None
    row = _square_off(exchange, on, closing_auction=closing_auction)
    before = row.before_close_minutes
    if row.at is not None:
        before = _minutes(regular) - _minutes(row.at)
    left = _minutes(ist_time(session.close_ns)) - before
    return time(left // 60, left % 60)


def _square_off(exchange: Exchange, on: date, *, closing_auction: bool) -> _SquareOff:
    rows = [row for row in _orders().square_off if exchange in row.exchanges]
    asked = [row for row in rows if row.closing_auction and row.effective_from <= on]
    if closing_auction and asked:
        return asked[-1]
    plain = [row for row in rows if not row.closing_auction]
    return required(plain, on, f"the square-off time of {exchange}")


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


__all__ = [
    "AfterMarket",
    "Commodity",
    "CommodityHours",
    "ContractKind",
    "FlexStep",
    "Flexing",
    "GttLimits",
    "Range",
    "RuleUnknown",
    "amo_release_times",
    "amo_window",
    "automatic_protection",
    "band_around",
    "closing_auction_percent",
    "commodity",
    "commodity_names",
    "contract_kind",
    "disclosed_minimum",
    "flexing",
    "freeze_quantity",
    "gtt_limits",
    "has_late_band",
    "iceberg_legs_max",
    "index_names",
    "ioc_allowed",
    "lot_size",
    "lpp_range",
    "market_protection_required",
    "max_slices",
    "price_band",
    "products",
    "slm_allowed",
    "square_off_time",
    "stop_range",
    "tick_size_for",
    "varieties",
]
