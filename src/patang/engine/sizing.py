"""How much to trade: rules that turn an account, a price and a risk into whole lots.

Every rule is a plain record and ``units`` is a pure function, so that a backtest and a live run
size alike. The answer never exceeds ``capital_share_max`` of the equity at the price given, is
rounded down to whole lots, and is zero rather than a guess when something it needs is missing.
"""

from decimal import ROUND_FLOOR, Decimal
from typing import assert_never

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO

_HUNDRED = Decimal(100)


def _check_positive(field: str, value: Decimal) -> None:
    if not (value.is_finite() and value > 0):
        raise InvalidValue(field, f"{value} is not a positive number.")


def _check_percent(field: str, value: Decimal, most: Decimal = _HUNDRED) -> None:
    if not (value.is_finite() and 0 < value <= most):
        raise InvalidValue(field, f"{value} is not a percentage up to {most}.")


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule may look at; rupees.

    ``atr`` is the average true range of a bar and ``stop_price`` where the trade is given up.
    """

    instrument: Instrument
    equity: Decimal
    price: Decimal
    atr: Decimal | None = None
    stop_price: Decimal | None = None


class Fixed(msgspec.Struct, frozen=True, kw_only=True, tag="fixed"):
    """Always this many lots."""

    lots: int

    def __post_init__(self) -> None:
        if self.lots < 1:
            raise InvalidValue("lots", f"{self.lots} is below 1.")


class PercentOfEquity(msgspec.Struct, frozen=True, kw_only=True, tag="percent_of_equity"):
    """A position worth this share of the equity."""

    percent: Decimal = Decimal(10)

    def __post_init__(self) -> None:
        _check_percent("percent", self.percent)


class Volatility(msgspec.Struct, frozen=True, kw_only=True, tag="volatility"):
    """``multiple`` ATRs of the price move the position by ``percent`` of the equity."""

    percent: Decimal = Decimal(1)
    multiple: Decimal = Decimal(2)

    def __post_init__(self) -> None:
        _check_percent("percent", self.percent)
        _check_positive("multiple", self.multiple)


class RiskPerTrade(msgspec.Struct, frozen=True, kw_only=True, tag="risk_per_trade"):
    """A position that loses ``percent`` of the equity when it is closed at its stop."""

    percent: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        _check_percent("percent", self.percent)


class Kelly(msgspec.Struct, frozen=True, kw_only=True, tag="kelly"):
    """Kelly's share of the equity, times ``fraction``, never more than ``percent_max``.

    ``win_rate`` is the share of trades that win (0 to 1), ``payoff`` the mean win over the mean
    loss. An edge of zero or less trades nothing.
    """

    win_rate: Decimal
    payoff: Decimal
    fraction: Decimal = Decimal("0.5")
    percent_max: Decimal = Decimal(20)

    def __post_init__(self) -> None:
        if not (self.win_rate.is_finite() and 0 <= self.win_rate <= 1):
            raise InvalidValue("win_rate", f"{self.win_rate} is not between 0 and 1.")
        if not (self.fraction.is_finite() and 0 < self.fraction <= 1):
            raise InvalidValue("fraction", f"{self.fraction} is not between 0 and 1.")
        _check_positive("payoff", self.payoff)
        _check_percent("percent_max", self.percent_max)

    @property
    def share(self) -> Decimal:
        """Percent of the equity to put in."""
        edge = self.win_rate - (1 - self.win_rate) / self.payoff
        return min(max(edge, ZERO) * self.fraction * _HUNDRED, self.percent_max)


SizingRule = Fixed | PercentOfEquity | Volatility | RiskPerTrade | Kelly

DEFAULT_RULE = PercentOfEquity()
"""A tenth of the equity: half of what ``RiskLimits.of_capital`` lets an order be worth."""


def units(rule: SizingRule, given: Situation, *, capital_share_max: Decimal = _HUNDRED) -> int:
    """Units to hold, a whole number of lots, never negative; the caller knows the side.

    ``capital_share_max`` is the percentage of the equity that the position may be worth at most.

    Raises:
        InvalidValue: the rule needs an ATR or a stop that was not given, or a number is none.
    """
    _check_percent("capital_share_max", capital_share_max, most=Decimal(1_000))
    _check_positive("price", given.price)
    if not given.equity.is_finite():
        raise InvalidValue("equity", f"{given.equity} is not an amount of rupees.")
    if given.equity <= 0:
        return 0
    unit = given.price * given.instrument.multiplier
    most = given.equity * capital_share_max / _HUNDRED / unit
    return given.instrument.round_quantity(_whole(min(_wanted(rule, given, unit), most)))


def _wanted(rule: SizingRule, given: Situation, unit: Decimal) -> Decimal:
    match rule:
        case Fixed():
            return Decimal(rule.lots * given.instrument.lot_size)
        case PercentOfEquity():
            return given.equity * rule.percent / _HUNDRED / unit
        case Volatility():
            if given.atr is None:
                raise InvalidValue("atr", "sizing by volatility needs it.", "Wait for more bars.")
            _check_positive("atr", given.atr)
            risk = given.atr * rule.multiple * given.instrument.multiplier
            return given.equity * rule.percent / _HUNDRED / risk
        case RiskPerTrade():
            if given.stop_price is None:
                raise InvalidValue("stop_price", "risk per trade needs one.", "Give the stop.")
            _check_positive("stop_price", given.stop_price)
            risk = abs(given.price - given.stop_price) * given.instrument.multiplier
            if not risk:
                raise InvalidValue("stop_price", "it is the price itself.", "Move the stop away.")
            return given.equity * rule.percent / _HUNDRED / risk
        case Kelly():
            return given.equity * rule.share / _HUNDRED / unit
        case _:
            assert_never(rule)


def _whole(quantity: Decimal) -> int:
    return int(quantity.to_integral_value(rounding=ROUND_FLOOR))
