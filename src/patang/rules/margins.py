"""What a broker blocks: rates for shares, and a scan of scenarios for futures and options.

The clearing corporations' SPAN files do not ship with this package. In their place stand a few
percentages for each kind of underlying (``tables/margins.toml``), run through SPAN's own sixteen
scenarios. Simplifications: one price move for all months of an underlying, a charge for month
spreads instead of curves, volatility taken from each option's own price, no delivery margins before
the expiry of stock derivatives, no concentration margins. Source: NSE Clearing, SPAN; the figures'
sources are in the table.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from math import erf, log, sqrt

import msgspec

from patang.domain.enums import Exchange, InstrumentType, Product
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId, instrument_id
from patang.domain.money import ZERO, to_paisa
from patang.rules.reader import read_table

_DERIVATIVES = (Exchange.NFO, Exchange.BFO, Exchange.CDS, Exchange.BCD, Exchange.MCX, Exchange.NCO)
_CURRENCY = (Exchange.CDS, Exchange.BCD)
_COMMODITY = (Exchange.MCX, Exchange.NCO)
_OPTIONS = (InstrumentType.CE, InstrumentType.PE)
_DAYS_A_YEAR = 365.0
_THIRD = Decimal(3)
# Moves as (share of the price scan, share of the volatility scan, share of the loss that counts).
_SCENARIOS = (
    *((price / 3, volatility, 1.0) for price in (0, 1, -1, 2, -2, 3, -3) for volatility in (1, -1)),
    (2.0, 0.0, 0.35),
    (-2.0, 0.0, 0.35),
)


class Kind(StrEnum):
    """What a derivative stands on, as margins tell it."""

    INDEX = "index"
    STOCK = "stock"
    CURRENCY = "currency"
    COMMODITY = "commodity"


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A signed quantity of one future or option, with its price and its underlying's, rupees."""

    instrument: Instrument
    quantity: int
    price: Decimal
    underlying_price: Decimal


class DerivativeMargin(msgspec.Struct, frozen=True, kw_only=True):
    """Rupees blocked for futures and options; premiums are not part of it."""

    span: Decimal = ZERO
    exposure: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Both together."""
        return self.span + self.exposure

    def __add__(self, other: "DerivativeMargin") -> "DerivativeMargin":
        return DerivativeMargin(
            span=self.span + other.span, exposure=self.exposure + other.exposure
        )


class _Cash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    product: Product
    percent: Decimal
    source: str


class _Percent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    percent: Decimal
    source: str


class _Haircut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    percent: Decimal
    source: str
    only: list[str] = []


class Scan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind's parameters, in percent; see the table for each."""

    effective_from: date
    kind: Kind
    price_scan: Decimal
    volatility_scan: Decimal
    volatility_scan_min: Decimal
    exposure: Decimal
    short_option_min: Decimal
    calendar_spread: Decimal
    default_volatility: Decimal
    source: str


class _ExpirySpread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    kind: Kind
    source: str


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    underlying: InstrumentId


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cash: list[_Cash]
    delivery: list[_Percent]
    haircut: list[_Haircut]
    scan: list[Scan]
    expiry_day: list[_Percent]
    expiry_spread: list[_ExpirySpread]
    index: list[_Index]


@cache
def _table() -> _Table:
    return read_table("margins", _Table)


@cache
def _indices() -> dict[str, InstrumentId]:
    return {row.name: row.underlying for row in _table().index}


def is_derivative(instrument: Instrument) -> bool:
    """Whether margins for it come from a scan: anything listed on a derivatives segment."""
    return instrument.exchange in _DERIVATIVES


def is_option(instrument: Instrument) -> bool:
    """Whether it is a call or a put."""
    return instrument.instrument_type in _OPTIONS


def is_commodity(instrument: Instrument) -> bool:
    """Whether it belongs to the commodity segment; everything else counts as equity."""
    return instrument.exchange in _COMMODITY


def kind_of(instrument: Instrument) -> Kind:
    """What a derivative stands on, by its segment and name."""
    if instrument.exchange in _CURRENCY:
        return Kind.CURRENCY
    if instrument.exchange in _COMMODITY:
        return Kind.COMMODITY
    return Kind.INDEX if instrument.name in _indices() else Kind.STOCK


def underlying_of(instrument: Instrument) -> InstrumentId | None:
    """The index or share a contract is written on; None for currencies and commodities."""
    kind = kind_of(instrument)
    if kind is Kind.INDEX:
        return _indices()[instrument.name]
    if kind is not Kind.STOCK or not instrument.name.strip() or not is_derivative(instrument):
        return None
    cash = Exchange.BSE if instrument.exchange is Exchange.BFO else Exchange.NSE
    return instrument_id(cash, instrument.name.strip())


@lru_cache(maxsize=256)
def cash_rate(product: Product, on: date) -> Decimal:
    """Share of a share's value that a product blocks.

    Raises:
        InvalidValue: no share is traded under that product, or the table begins later.
    """
    rows = [row for row in _table().cash if row.product is product]
    if not rows:
        known = ", ".join(sorted({row.product for row in _table().cash}))
        raise InvalidValue("product", f"{product} is not for shares.", f"Use {known}.")
    # Before the first row the oldest known rate stands in: a world may begin earlier.
    begun = [row for row in rows if row.effective_from <= on] or rows[:1]
    return begun[-1].percent / 100


@lru_cache(maxsize=64)
def delivery_rate(on: date) -> Decimal:
    """Share of a sale out of holdings that stays blocked until it has settled."""
    rows = _table().delivery
    begun = [row for row in rows if row.effective_from <= on] or rows[:1]
    return begun[-1].percent / 100


def is_liquid(symbol: str) -> bool:
    """Whether a pledged share counts as liquid collateral: funds of overnight money do."""
    return any(symbol in row.only for row in _table().haircut)


@lru_cache(maxsize=256)
def collateral_rate(symbol: str, on: date) -> Decimal:
    """Share of a pledged share's value that counts as collateral."""
    rows = [row for row in _table().haircut if symbol in row.only]
    rows = rows or [row for row in _table().haircut if not row.only]
    begun = [row for row in rows if row.effective_from <= on] or rows[:1]
    return 1 - begun[-1].percent / 100


@lru_cache(maxsize=64)
def scan_of(kind: Kind, on: date) -> Scan:
    """A kind's scan parameters on a day."""
    rows = [row for row in _table().scan if row.kind is kind]
    begun = [row for row in rows if row.effective_from <= on] or rows[:1]
    return begun[-1]


def group_of(instrument: Instrument) -> str:
    """Contracts with the same group offset each other: ``EXCHANGE:NAME``."""
    return f"{instrument.exchange.value}:{instrument.name.strip() or instrument.symbol}"


def derivative_margin(legs: Iterable[Leg], on: date) -> DerivativeMargin:
    """The margin of contracts that may stand on several underlyings, each netted for itself."""
    groups: dict[str, list[Leg]] = {}
    for leg in legs:
        if leg.quantity:
            groups.setdefault(group_of(leg.instrument), []).append(leg)
    return sum((group_margin(group, on) for group in groups.values()), DerivativeMargin())


def group_margin(legs: Sequence[Leg], on: date) -> DerivativeMargin:
    """The margin of contracts on one underlying.

    ``span`` is the worst of the sixteen scenarios, plus the charge for month spreads, at least the
    short option minimum, plus what the net of the options is worth to their buyers (a short
    option's premium was received, a long one's paid). ``exposure`` is a share of the notional of
    futures (a third of the far month's where months offset) and of short options.
    """
    legs = _net(legs)
    if not legs:
        return DerivativeMargin()
    kind = kind_of(legs[0].instrument)
    scan = scan_of(kind, on)
    ending = [leg for leg in legs if leg.instrument.expiry == on.isoformat()]
    if 0 < len(ending) < len(legs) and _splits_expiry(kind, on):
        staying = [leg for leg in legs if leg.instrument.expiry != on.isoformat()]
        return group_margin(ending, on) + group_margin(staying, on)
    option_value = sum((_units(leg) * leg.price for leg in legs if is_option(leg.instrument)), ZERO)
    months: dict[str, list[float]] = {}
    losses = [0.0] * len(_SCENARIOS)
    for leg in legs:
        delta = _add_losses(leg, scan, on, losses)
        months.setdefault(leg.instrument.expiry or "", [0.0])[0] += delta * float(_units(leg))
    scanned = _money(max(0.0, *losses)) + _spread_charge(legs, months, scan)
    shorts = sum((_notional(leg) for leg in legs if _is_short_option(leg)), ZERO)
    least = shorts * scan.short_option_min / 100
    span = max(ZERO, max(scanned, least) - option_value)
    return DerivativeMargin(span=to_paisa(span), exposure=to_paisa(_exposure(legs, kind, scan, on)))


def _net(legs: Sequence[Leg]) -> list[Leg]:
    """One leg for each contract, in the order they came."""
    netted: dict[InstrumentId, Leg] = {}
    for leg in legs:
        before = netted.get(leg.instrument.id)
        netted[leg.instrument.id] = (
            leg
            if before is None
            else msgspec.structs.replace(leg, quantity=before.quantity + leg.quantity)
        )
    return [leg for leg in netted.values() if leg.quantity]


def _units(leg: Leg) -> int:
    return leg.quantity * leg.instrument.multiplier


def _notional(leg: Leg) -> Decimal:
    return abs(_units(leg)) * leg.underlying_price


def _is_short_option(leg: Leg) -> bool:
    return leg.quantity < 0 and is_option(leg.instrument)


def _splits_expiry(kind: Kind, on: date) -> bool:
    return any(row.kind is kind and row.effective_from <= on for row in _table().expiry_spread)


def _exposure(legs: Sequence[Leg], kind: Kind, scan: Scan, on: date) -> Decimal:
    """Exposure margin. Source: kiteconnect-mocks, basket margins: a third for the far month."""
    futures = [leg for leg in legs if not is_option(leg.instrument)]
    futures.sort(key=lambda leg: leg.instrument.expiry or "")
    bought = sum(_units(leg) for leg in futures if leg.quantity > 0)
    sold = -sum(_units(leg) for leg in futures if leg.quantity < 0)
    matched = min(bought, sold)
    notional = ZERO
    spread_left = {True: matched, False: matched}
    for leg in reversed(futures):  # the far months first: their side of a spread is charged
        units = abs(_units(leg))
        in_spread = min(spread_left[leg.quantity > 0], units)
        spread_left[leg.quantity > 0] -= in_spread
        is_far = leg.quantity > 0 if futures[-1].quantity > 0 else leg.quantity < 0
        notional += (units - in_spread) * leg.price
        if is_far:
            notional += in_spread * leg.price / _THIRD
    shorts = ZERO
    ending = ZERO
    for leg in legs:
        if _is_short_option(leg):
            shorts += _notional(leg)
            if kind is Kind.INDEX and leg.instrument.expiry == on.isoformat():
                ending += _notional(leg)
    extra = [row.percent for row in _table().expiry_day if row.effective_from <= on]
    more = ending * extra[-1] / 100 if extra else ZERO
    return (notional + shorts) * scan.exposure / 100 + more


def _spread_charge(legs: Sequence[Leg], months: dict[str, list[float]], scan: Scan) -> Decimal:
    """What deltas that offset each other across months cost."""
    bought = sum(max(delta[0], 0.0) for delta in months.values())
    sold = sum(max(-delta[0], 0.0) for delta in months.values())
    matched = min(bought, sold)
    if not matched:
        return ZERO
    far = max(legs, key=lambda leg: leg.instrument.expiry or "")
    price = far.underlying_price if is_option(far.instrument) else far.price
    return _money(matched * float(price) * float(scan.calendar_spread) / 100)


def _add_losses(leg: Leg, scan: Scan, on: date, losses: list[float]) -> float:
    """Add a leg's loss under each scenario; return its delta for one unit."""
    units = float(_units(leg))
    underlying = float(leg.underlying_price)
    move = underlying * float(scan.price_scan) / 100
    if not is_option(leg.instrument):
        for number, (price, _, counted) in enumerate(_SCENARIOS):
            losses[number] -= units * price * move * counted
        return 1.0
    is_call = leg.instrument.instrument_type is InstrumentType.CE
    strike = float(leg.instrument.strike or 0)
    price_now = float(leg.price)
    years = _years(leg.instrument.expiry, on)
    default = float(scan.default_volatility) / 100
    volatility = implied_volatility(price_now, underlying, strike, years, is_call, default)
    shift = max(volatility * float(scan.volatility_scan), float(scan.volatility_scan_min)) / 100
    now = black_76(underlying, strike, years, volatility, is_call)
    for number, (price, change, counted) in enumerate(_SCENARIOS):
        at = max(underlying + price * move, 0.0)
        value = black_76(at, strike, years, max(volatility + change * shift, 0.01), is_call)
        # An option is never worth less than nothing, whatever its volatility was taken to be.
        losses[number] -= units * max(value - now, -price_now) * counted
    step = underlying / 1_000
    higher = black_76(underlying + step, strike, years, volatility, is_call)
    lower = black_76(underlying - step, strike, years, volatility, is_call)
    return (higher - lower) / (2 * step) if step else 0.0


def _years(expiry: str | None, on: date) -> float:
    """Calendar years to expiry, half a day at least."""
    days = (date.fromisoformat(expiry) - on).days if expiry else 30
    return max(days, 0.5) / _DAYS_A_YEAR


def black_76(
    forward: float, strike: float, years: float, volatility: float, is_call: bool
) -> float:
    """An option's value, undiscounted. ``volatility`` is a share a year, such as 0.14."""
    intrinsic = max(forward - strike, 0.0) if is_call else max(strike - forward, 0.0)
    spread = volatility * sqrt(years)
    if forward <= 0 or strike <= 0 or spread <= 0:
        return intrinsic
    upper = log(forward / strike) / spread + spread / 2
    lower = upper - spread
    call = forward * _normal(upper) - strike * _normal(lower)
    return max(call if is_call else call - forward + strike, intrinsic)


@lru_cache(maxsize=4096)
def implied_volatility(
    price: float, forward: float, strike: float, years: float, is_call: bool, default: float
) -> float:
    """The volatility (1 % to 500 %) that explains ``price``; ``default`` where none does."""
    low, high = 0.01, 5.0
    if not (
        black_76(forward, strike, years, low, is_call)
        < price
        < black_76(forward, strike, years, high, is_call)
    ):
        return default
    for _ in range(40):
        middle = (low + high) / 2
        if black_76(forward, strike, years, middle, is_call) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _normal(value: float) -> float:
    return (1.0 + erf(value / sqrt(2.0))) / 2.0


def _money(value: float) -> Decimal:
    return to_paisa(Decimal(repr(value)))
