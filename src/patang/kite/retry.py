"""When a read is tried again, and how long before. Nothing else is ever tried again.

A policy is a plain value: the waits come from it, the clock and the chance from the caller, so
that a test can say them exactly. A request that can move money has no policy at all.
"""

import random
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.kite.errors import ConnectFailed, NotSent
from patang.wire.errors import KiteError, NetworkException

_TOO_MANY_REQUESTS = 429


class Chance(Protocol):
    """A source of randomness; ``random.Random(seed)`` is one."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``retries`` further attempts; waits start at ``base_s`` and double up to ``cap_s``.

    ``is_exponential`` off keeps every wait at ``base_s``. With ``has_jitter`` a wait is drawn
    evenly between nothing and its full length. ``longest_retry_after_s`` is how long a server may
    ask to be left alone; one that asks for longer gets no further attempt.

    Raises:
        InvalidValue: a number is negative, or the cap below the base.
    """

    retries: int = 3
    base_s: float = 0.2
    cap_s: float = 5.0
    is_exponential: bool = True
    has_jitter: bool = True
    longest_retry_after_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= 100:
            raise InvalidValue("retries", f"{self.retries} is not in [0, 100].")
        if not 0 <= self.base_s <= self.cap_s:
            raise InvalidValue("base_s", f"{self.base_s} is not between 0 and cap_s {self.cap_s}.")
        if self.longest_retry_after_s < 0:
            cause = f"{self.longest_retry_after_s} is less than 0."
            raise InvalidValue("longest_retry_after_s", cause)

    def wait_s(self, failures: int, chance: Chance, retry_after_s: float | None = None) -> float:
        """How long to wait after the ``failures``-th failure, counted from 1.

        What the server asks for is a lower bound; jitter never makes us come earlier.
        """
        doubled_s = self.base_s * 2.0 ** (failures - 1) if self.is_exponential else self.base_s
        wait_s = min(doubled_s, self.cap_s)
        if self.has_jitter:
            wait_s *= chance.random()
        return max(wait_s, retry_after_s or 0.0)

    def allows(self, failures: int, retry_after_s: float | None = None) -> bool:
        """Whether there is another attempt after the ``failures``-th failure."""
        if retry_after_s is not None and retry_after_s > self.longest_retry_after_s:
            return False
        return failures <= self.retries


NO_RETRIES = RetryPolicy(retries=0)
"""Every failure goes to the caller."""

READS = RetryPolicy()
"""The default: three more attempts, 200 ms doubling to 5 s, full jitter."""

PATIENT = RetryPolicy(retries=5, base_s=3.0, cap_s=30.0, has_jitter=False)
"""3, 6, 12, 24, 30 s: for programs that would rather wait than fail."""

BRIEF = RetryPolicy(retries=2, base_s=1.0, cap_s=30.0, has_jitter=False)
"""Three attempts in all, 1 and 2 s apart."""

QUICK = RetryPolicy(retries=3, base_s=0.1, cap_s=1.0, has_jitter=False)
"""100, 200, 400 ms, then the failure."""

PRESETS = {"none": NO_RETRIES, "reads": READS, "patient": PATIENT, "brief": BRIEF, "quick": QUICK}
"""The policies by name, for configuration files."""


def fair_chance() -> Chance:
    """The source that jitter uses when none is passed in: nobody can guess or seed it."""
    return random.SystemRandom()


def is_transient(error: KiteError) -> bool:
    """Whether the same read may well succeed a little later.

    True of a network failure, of every status of 500 and more, and of 429; not of a limit or a
    circuit breaker of our own, which know themselves when to be asked again.
    """
    if isinstance(error, NotSent):
        return isinstance(error, ConnectFailed)
    if error.status is not None:
        return error.status >= 500 or error.status == _TOO_MANY_REQUESTS
    return isinstance(error, NetworkException)


def retry_after_s(headers: Mapping[str, str], now_ns: int) -> float | None:
    """Seconds that a server asks to be left alone (``Retry-After``), or None if it does not.

    Header names are lower-case. A date is counted from ``now_ns``; what cannot be read is ignored.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        return max(at.timestamp() - now_ns / NS_PER_SECOND, 0.0) if at.tzinfo else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
