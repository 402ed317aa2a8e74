"""Options on a forward price, by Black's formula of 1976, and its greeks.

Prices and strikes in rupees, times in years, volatility and rate a year as shares of one. All
options on Indian exchanges are European. Source: F. Black, The pricing of commodity contracts
(1976); Kite's own implied volatilities use this model (kite.trade forum 15581).
"""

import math
from typing import NamedTuple

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TAU = math.sqrt(math.tau)


class Greeks(NamedTuple):
    """Sensitivities to the forward (delta, gamma), a year (theta), and one of volatility (vega)."""

    delta: float
    gamma: float
    theta: float
    vega: float


def normal_cdf(x: float) -> float:
    """The share of a standard normal below ``x``."""
    return 0.5 * math.erfc(-x * _ROOT_HALF)


def option_price(
    forward: float, strike: float, years: float, volatility: float, rate: float, *, is_call: bool
) -> float:
    """What the option is worth; its discounted intrinsic value when nothing is uncertain."""
    discount = math.exp(-rate * years)
    spread = volatility * math.sqrt(years) if years > 0 else 0.0
    sign = 1.0 if is_call else -1.0
    if spread <= 0 or forward <= 0 or strike <= 0:
        return discount * max(0.0, sign * (forward - strike))
    d1 = math.log(forward / strike) / spread + spread / 2
    d2 = d1 - spread
    return discount * sign * (forward * normal_cdf(sign * d1) - strike * normal_cdf(sign * d2))


def greeks(
    forward: float, strike: float, years: float, volatility: float, rate: float, *, is_call: bool
) -> Greeks:
    """Sensitivities of ``option_price``; theta is what a year's passing adds, mostly negative.

    ``years`` and ``volatility`` must be positive.
    """
    discount = math.exp(-rate * years)
    root = math.sqrt(years)
    spread = volatility * root
    d1 = math.log(forward / strike) / spread + spread / 2
    density = math.exp(-d1 * d1 / 2) / _ROOT_TAU
    sign = 1.0 if is_call else -1.0
    price = option_price(forward, strike, years, volatility, rate, is_call=is_call)
    return Greeks(
        delta=discount * sign * normal_cdf(sign * d1),
        gamma=discount * density / (forward * spread),
        theta=rate * price - discount * forward * density * volatility / (2 * root),
        vega=discount * forward * density * root,
    )


def implied_volatility(
    price: float, forward: float, strike: float, years: float, rate: float, *, is_call: bool
) -> float | None:
    """The volatility that gives this price; None where no volatility from 0 to 500 % does."""
    low, high = 1e-6, 5.0
    if years <= 0:
        return None
    least = option_price(forward, strike, years, low, rate, is_call=is_call)
    most = option_price(forward, strike, years, high, rate, is_call=is_call)
    if not least < price < most:
        return None
    for _ in range(100):
        middle = (low + high) / 2
        if option_price(forward, strike, years, middle, rate, is_call=is_call) > price:
            high = middle
        else:
            low = middle
    return (low + high) / 2
