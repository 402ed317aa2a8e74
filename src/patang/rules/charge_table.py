"""The dated rates behind charges: which row holds for an instrument, product and day."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from typing import NewType, Protocol, TypeVar

import msgspec

from patang.domain.enums import Exchange, InstrumentType, Product
from patang.domain.errors import InvalidValue, InvariantBroken, PatangError
from patang.domain.money import ZERO
from patang.rules.reader import read_table

Percent = NewType("Percent", Decimal)


class RateUnknown(PatangError):
    """The table has no rate for that day: it begins later, or never had one."""


class Segment(StrEnum):
    """A kind of trade that is charged alike, as the charges page lists them."""

    EQUITY_DELIVERY = "equity_delivery"
    EQUITY_INTRADAY = "equity_intraday"
    EQUITY_MTF = "equity_mtf"
    EQUITY_FUTURES = "equity_futures"
    EQUITY_OPTIONS = "equity_options"
    CURRENCY_FUTURES = "currency_futures"
    CURRENCY_OPTIONS = "currency_options"
    COMMODITY_FUTURES = "commodity_futures"
    COMMODITY_OPTIONS = "commodity_options"


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Everything charged on one order, as fractions of traded value, with brokerage in rupees.

    Brokerage is the smaller of ``brokerage`` times value and ``brokerage_cap``, plus
    ``brokerage_flat``. ``exercise_tax`` is of the intrinsic value of an exercised option.
    """

    segment: Segment
    brokerage: Decimal
    brokerage_cap: Decimal
    brokerage_flat: Decimal
    buy_tax: Decimal
    sell_tax: Decimal
    exercise_tax: Decimal
    exchange_fee: Decimal
    ipft: Decimal
    sebi_fee: Decimal
    stamp_duty: Decimal
    gst: Decimal


class _Brokerage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    segments: list[Segment]
    source: str
    percent: Decimal = ZERO
    cap: Decimal = ZERO
    flat: Decimal = ZERO


class _Tax(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    segments: list[Segment]
    source: str
    buy: Decimal = ZERO
    sell: Decimal = ZERO
    exercise: Decimal = ZERO
    only: list[str] = []


class _ExchangeFee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    exchange: Exchange
    segments: list[Segment]
    source: str
    fee: Decimal
    ipft: Decimal = ZERO
    only: list[str] = []


class _Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    segments: list[Segment]
    source: str
    percent: Decimal


class _Flat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    source: str
    percent: Decimal


class _SebiFee(_Flat, frozen=True, forbid_unknown_fields=True):
    segments: list[Segment] = []
    only: list[str] = []


class _Fee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    name: str
    source: str
    rupees: Decimal


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    brokerage: list[_Brokerage]
    transaction_tax: list[_Tax]
    exchange_fee: list[_ExchangeFee]
    sebi_fee: list[_SebiFee]
    stamp_duty: list[_Stamp]
    gst: list[_Flat]
    fee: list[_Fee]
    mtf_interest: list[_Flat]


class _Dated(Protocol):
    @property
    def effective_from(self) -> date: ...


class _Named(Protocol):
    @property
    def only(self) -> list[str]: ...


Row = TypeVar("Row", bound=_Dated)
Named = TypeVar("Named", bound=_Named)


@cache
def _table() -> _Table:
    return read_table("charges", _Table)


_CASH = {
    Product.CNC: Segment.EQUITY_DELIVERY,
    Product.MIS: Segment.EQUITY_INTRADAY,
    Product.MTF: Segment.EQUITY_MTF,
}
_DERIVATIVES = {
    Exchange.NFO: (Segment.EQUITY_FUTURES, Segment.EQUITY_OPTIONS),
    Exchange.BFO: (Segment.EQUITY_FUTURES, Segment.EQUITY_OPTIONS),
    Exchange.CDS: (Segment.CURRENCY_FUTURES, Segment.CURRENCY_OPTIONS),
    Exchange.BCD: (Segment.CURRENCY_FUTURES, Segment.CURRENCY_OPTIONS),
    Exchange.MCX: (Segment.COMMODITY_FUTURES, Segment.COMMODITY_OPTIONS),
    Exchange.NCO: (Segment.COMMODITY_FUTURES, Segment.COMMODITY_OPTIONS),
}


def segment_of(exchange: Exchange, kind: InstrumentType, product: Product) -> Segment:
    """How a trade is charged; raises ``InvalidValue`` for a product that cannot be traded there."""
    if exchange not in _DERIVATIVES:
        if product not in _CASH:
            known = ", ".join(_CASH)
            raise InvalidValue(
                "product", f"{product} is not traded on {exchange}.", f"Use {known}."
            )
        return _CASH[product]
    if product not in (Product.NRML, Product.MIS):
        raise InvalidValue("product", f"{product} is not traded on {exchange}.", "Use NRML or MIS.")
    if kind is InstrumentType.EQ:
        raise InvalidValue("instrument_type", f"{exchange} lists futures and options, not EQ.")
    futures, options = _DERIVATIVES[exchange]
    return futures if kind is InstrumentType.FUT else options


@lru_cache(maxsize=4096)
def rates_for(
    exchange: Exchange, kind: InstrumentType, product: Product, only: str, on: date
) -> Rates:
    """The rates of one day.

    ``only`` is a BSE share's group, the underlying of a BSE option or a commodity's name, or "".

    Raises:
        InvalidValue: the product cannot be traded there.
        RateUnknown: the table begins after ``on``.
    """
    segment = segment_of(exchange, kind, product)
    return rates_of(segment, exchange, only, on)


@lru_cache(maxsize=4096)
def rates_of(segment: Segment, exchange: Exchange, only: str, on: date) -> Rates:
    """The rates of a segment on one day; as ``rates_for``."""
    table = _table()
    brokerage = _newest([row for row in table.brokerage if segment in row.segments], on, segment)
    taxes = [row for row in table.transaction_tax if segment in row.segments]
    tax = _newest(_for_name(taxes, only), on, segment)
    stamp = _newest([row for row in table.stamp_duty if segment in row.segments], on, segment)
    fees = [
        row for row in table.exchange_fee if row.exchange is exchange and segment in row.segments
    ]
    fee = _newest(_for_name(fees, only), on, f"{segment} on {exchange}")
    sebi_fees = [row for row in table.sebi_fee if not row.segments or segment in row.segments]
    sebi_fee = _newest(_for_name(sebi_fees, only), on, "the SEBI fee")
    return Rates(
        segment=segment,
        brokerage=_fraction(brokerage.percent),
        brokerage_cap=brokerage.cap,
        brokerage_flat=brokerage.flat,
        buy_tax=_fraction(tax.buy),
        sell_tax=_fraction(tax.sell),
        exercise_tax=_fraction(tax.exercise),
        exchange_fee=_fraction(fee.fee),
        ipft=_fraction(fee.ipft),
        sebi_fee=_fraction(sebi_fee.percent),
        stamp_duty=_fraction(stamp.percent),
        gst=gst_on(on),
    )


def _for_name(rows: Sequence[Named], only: str) -> list[Named]:
    """The rows for one group or underlying where there are such, else those for all."""
    special = [row for row in rows if only in row.only]
    return special or [row for row in rows if not row.only]


def gst_on(on: date) -> Decimal:
    """The GST rate of a day, as a fraction."""
    return _fraction(_newest(_table().gst, on, "GST").percent)


def fixed_fee(name: str, on: date) -> Decimal:
    """A charge outside the contract note, rupees before GST; raises ``InvalidValue`` by name."""
    rows = [row for row in _table().fee if row.name == name]
    if not rows:
        known = ", ".join(sorted({row.name for row in _table().fee}))
        raise InvalidValue("name", f"there is no fee {name!r}.", f"Known: {known}.")
    return _newest(rows, on, name).rupees


def mtf_interest_on(on: date) -> Decimal:
    """Interest on the funded amount for one day, as a fraction."""
    return _fraction(_newest(_table().mtf_interest, on, "MTF interest").percent)


def _fraction(percent: Decimal) -> Decimal:
    return percent.scaleb(-2)


def _newest(rows: Sequence[Row], on: date, what: str) -> Row:
    """The row in force on a day."""
    begun = [row for row in rows if row.effective_from <= on]
    if not begun:
        if not rows:
            raise RateUnknown(f"There is no rate for {what}.", "Add it to the charges table.")
        first = min(row.effective_from for row in rows)
        raise RateUnknown(
            f"There is no rate for {what} on {on}.", f"The charges table begins on {first}."
        )
    newest = max(begun, key=lambda row: row.effective_from)
    if sum(row.effective_from == newest.effective_from for row in begun) > 1:
        raise InvariantBroken(f"charges.toml has two rates for {what} from {newest.effective_from}")
    return newest
