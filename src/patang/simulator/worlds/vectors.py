"""Many numbers at once: chance by counters, and Black's formula over columns. Needs NumPy.

Chance has no state here: the same seed, counters and place give the same number in any order, so
that nothing depends on who looked at what, or when.
"""

from hashlib import shake_128
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Words = NDArray[np.uint64]
    Integers = NDArray[np.int64]

# Multipliers and shifts of the 64-bit finaliser SplitMix64 (Steele, Lea, Flood 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def key_of(seed: int | str) -> int:
    """The 64-bit key that a text determines."""
    return int.from_bytes(shake_128(str(seed).encode()).digest(8), "little")


def words(key: int, places: "Words", moment: int) -> "Words":
    """64 random bits for each place at a moment (a counter)."""
    with np.errstate(over="ignore"):
        start = np.uint64((key + moment * 0xD1342543DE82EF95) % (1 << 64))
        mixed = (places + np.uint64(1)) * _GOLDEN + start
        mixed ^= mixed >> np.uint64(30)
        mixed *= _FIRST
        mixed ^= mixed >> np.uint64(27)
        mixed *= _SECOND
        mixed ^= mixed >> np.uint64(31)
    return mixed


def uniform(bits: "Words") -> "Floats":
    """Numbers in [0, 1) from random bits."""
    return (bits >> np.uint64(11)).astype(np.float64) * _TO_UNIT


def gauss(key: int, places: "Words", moment: int) -> "Floats":
    """Standard normal numbers (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(words(key, places, 2 * moment))))
    spin = np.cos(2.0 * np.pi * uniform(words(key, places, 2 * moment + 1)))
    drawn: Floats = radius * spin
    return drawn


# Coefficients of the rational approximation of the normal distribution, error below 7.5e-8.
# Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17.
_P = 0.2316419
_B = (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530)
_ROOT_TAU = float(np.sqrt(2.0 * np.pi))


def normal_cdf(x: "Floats") -> "Floats":
    """The share of a standard normal below each ``x``, to seven decimals."""
    size = np.minimum(np.abs(x), 38.0)
    t = 1.0 / (1.0 + _P * size)
    series: Any = _B[0]
    for coefficient in _B[1:]:
        series = series * t + coefficient
    tail = np.exp(-0.5 * size * size) / _ROOT_TAU * t * series
    below: Floats = np.where(x >= 0, 1.0 - tail, tail)
    return below


def option_prices(
    forward: "Floats",
    strike: "Floats",
    years: "Floats",
    volatility: "Floats",
    discount: "Floats",
    sign: "Floats",
) -> "Floats":
    """Options on forwards, as ``black76.option_price`` has them; ``sign`` is 1 for calls, -1 puts.

    A put is worth its call less the discounted forward over the strike, so that the two agree
    beyond the error of ``normal_cdf``.
    """
    spread = np.maximum(volatility * np.sqrt(np.maximum(years, 0.0)), 1e-9)
    d1 = np.log(forward / strike) / spread + spread / 2
    call = forward * normal_cdf(d1) - strike * normal_cdf(d1 - spread)
    over = forward - strike
    worth = np.where(sign > 0, call, call - over)
    intrinsic = np.maximum(sign * over, 0.0)
    prices: Floats = discount * np.maximum(worth, intrinsic)
    return prices
