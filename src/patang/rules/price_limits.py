"""Ticks, daily bands and limit price protection, dated; all prices in rupees.

>>> tick_size_for(Exchange.NSE, InstrumentType.EQ, "INFOSYS", Decimal(1541), date(2026, 11, 20))
Decimal('0.10')
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument
from patang.rules.contract_sizes import ContractKind, commodity, contract_kind
from patang.rules.dated import in_force, required
from patang.rules.reader import read_table

Range = tuple[Decimal, Decimal]
"""(lowest, highest) price, both included."""

_TickKind = Literal["share", "index", "option", "fund", "currency"]
_TICK_KINDS: dict[ContractKind, _TickKind] = {
    ContractKind.SHARE: "share",
    ContractKind.SHARE_FUTURE: "share",
    ContractKind.INDEX_FUTURE: "index",
    ContractKind.SHARE_OPTION: "option",
    ContractKind.INDEX_OPTION: "option",
    ContractKind.CURRENCY: "currency",
}
_COMMODITY_TICK = Decimal(1)
_COMMODITY_BAND = Decimal(6)


class _Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tick: Decimal
    to: Decimal | None = None
    below: Decimal | None = None

    def holds(self, price: Decimal) -> bool:
        return price < self.below if self.below is not None else price <= (self.to or 0)


class _Tick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    kind: _TickKind
    exchanges: list[Exchange]
    steps: list[_Step]


class _Bands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    with_derivatives: Decimal
    fixed: Decimal
    currency: Decimal
    closing_auction: Decimal
    late_futures_from: date
    late_index_futures_from: date


class FlexStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a dynamic band grows: by ``percent`` after ``minutes``, up to the ``up_to``-th time."""

    up_to: int
    percent: Decimal
    minutes: int
    late_minutes: int
    """Minutes in the last half hour of the day."""


class Flexing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When and how the band of a share with derivatives grows.

    Source: SEBI/HO/MRD/TPD-1/P/CIR/2024/58; NSE/FAOP/64995.
    """

    slides_from: date
    near_percent: Decimal
    least_trades: int
    least_buyers: int
    steps: list[FlexStep]

    def step(self, flexes: int) -> FlexStep:
        """The step of the next flex, when ``flexes`` have been made today."""
        return next(step for step in self.steps if flexes < step.up_to)


class _Protection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    exchanges: list[Exchange]
    kinds: list[ContractKind]
    small_to: Decimal
    rupees: Decimal
    percent: Decimal

    def around(self, instrument: Instrument, reference: Decimal) -> Range:
        reach = self.rupees if reference <= self.small_to else reference * self.percent / 100
        return inside(instrument, reference - reach, reference + reach)


class _Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tick: list[_Tick]
    bands: _Bands
    flex: Flexing
    protection_range: list[_Protection]
    stop_range: list[_Protection]


@cache
def _prices() -> _Prices:
    return read_table("prices", _Prices)


def flexing() -> Flexing:
    """The rule by which dynamic bands grow."""
    return _prices().flex


def closing_auction_percent() -> Decimal:
    """Band of the closing auction, percent of its reference price. Source: NSE/CMTR/73362."""
    return _prices().bands.closing_auction


def has_late_band(instrument: Instrument, on: date) -> bool:
    """Whether a future trades in the closing auction's band while that auction is held.

    Source: NSE/CMTR/73362 (stock futures), NSE/CMTR/76170 (index futures), BSE 20260801-2.
    """
    kind = _kind(instrument)
    bands = _prices().bands
    if kind is ContractKind.SHARE_FUTURE:
        return on >= bands.late_futures_from
    return kind is ContractKind.INDEX_FUTURE and on >= bands.late_index_futures_from


def tick_size_for(
    exchange: Exchange | str,
    instrument_type: InstrumentType,
    name: str,
    price: Decimal,
    on: date,
    *,
    is_fund: bool = False,
) -> Decimal:
    """The tick, in rupees, of a contract whose month ended at ``price``.

    ``name`` is the dump's (of a contract: its underlying's); ``is_fund`` marks a fund that trades
    like a share. Source: NSE circulars, tick sizes from 2025-04-15.

    Raises:
        RuleUnknown: the tables do not reach back to that day.
    """
    exchange = Exchange(exchange)
    kind = contract_kind(exchange, instrument_type, name)
    if kind is ContractKind.COMMODITY:
        known = commodity(name)
        return _COMMODITY_TICK if known is None else known.tick
    return _tick(exchange, "fund" if is_fund else _TICK_KINDS[kind], price, on)


def _tick(exchange: Exchange, kind: _TickKind, price: Decimal, on: date) -> Decimal:
    steps = _tick_steps(exchange, kind, on)
    return next(step.tick for step in steps if step.holds(price))


@lru_cache(maxsize=512)
def _tick_steps(exchange: Exchange, kind: _TickKind, on: date) -> Sequence[_Step]:
    rows = [row for row in _prices().tick if row.kind == kind and exchange in row.exchanges]
    return required(rows, on, f"the ticks of a {kind} on {exchange}").steps


def price_band(
    instrument: Instrument,
    previous_close: Decimal,
    on: date,
    has_derivatives: bool,
    *,
    underlying: Decimal | None = None,
) -> Range:
    """The day's opening band, on the tick and inside the exact one.

    An option's band is what it could be worth with its underlying (the strike, when not given) a
    tenth away: the close moved by a tenth of the underlying, at most in the option's favour by all
    of it (delta 1) and never below a tick. Source: Z-Connect 2024-06-04; contract specifications.
    """
    share = _opening_share(instrument)
    if instrument.instrument_type in (InstrumentType.CE, InstrumentType.PE):
        swing = (underlying or instrument.strike or previous_close) * share
        return inside(instrument, previous_close - swing, previous_close + swing)
    if instrument.is_tradable and not has_derivatives and _kind(instrument) is ContractKind.SHARE:
        share = _prices().bands.fixed / 100
    lower, upper = previous_close * (1 - share), previous_close * (1 + share)
    return inside(instrument, lower, upper)


def band_around(instrument: Instrument, reference: Decimal, percent: Decimal) -> Range:
    """``percent`` each side of ``reference``, on the tick and inside the exact band."""
    share = percent / 100
    return inside(instrument, reference * (1 - share), reference * (1 + share))


def inside(instrument: Instrument, lower: Decimal, upper: Decimal) -> Range:
    """The widest prices on the tick within an exact band; the lowest is at least one tick."""
    low = max(instrument.round_price(lower, "up"), instrument.tick_size)
    return low, max(instrument.round_price(upper, "down"), low)


def _opening_share(instrument: Instrument) -> Decimal:
    """The opening band as a share of one."""
    bands = _prices().bands
    match _kind(instrument):
        case ContractKind.CURRENCY:
            return bands.currency / 100
        case ContractKind.COMMODITY:
            known = commodity(instrument.name)
            return (_COMMODITY_BAND if known is None else known.band) / 100
        case _:
            return bands.with_derivatives / 100


def lpp_range(instrument: Instrument, reference: Decimal, on: date) -> Range | None:
    """Limit prices that the exchange takes around ``reference``; None where it does not check.

    A buy order above the highest or a sell order below the lowest is rejected (17070).
    Source: NSE/FAOP/54242 and NSE LPP FAQs; BSE 20251128-56, 20260629-43.
    """
    rule = _protection_rule("protection_range", instrument.exchange, _kind(instrument), on)
    return None if rule is None else rule.around(instrument, reference)


def stop_range(instrument: Instrument, trigger: Decimal, on: date) -> Range | None:
    """Limits that the exchange takes of a stop order with this trigger; None where it takes any.

    Source: BSE 20260114-28, 20260116-61 (index derivatives, from 2026-02-09).
    """
    rule = _protection_rule("stop_range", instrument.exchange, _kind(instrument), on)
    return None if rule is None else rule.around(instrument, trigger)


@lru_cache(maxsize=512)
def _protection_rule(
    table: Literal["protection_range", "stop_range"],
    exchange: Exchange,
    kind: ContractKind,
    on: date,
) -> _Protection | None:
    prices = _prices()
    rows = prices.stop_range if table == "stop_range" else prices.protection_range
    return in_force([r for r in rows if kind in r.kinds and exchange in r.exchanges], on)


def _kind(instrument: Instrument) -> ContractKind:
    return contract_kind(instrument.exchange, instrument.instrument_type, instrument.name)
