"""Kite's request limits: so many per calendar second, minute and day of the virtual clock."""

from collections.abc import Iterator
from typing import NamedTuple

from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import IST_OFFSET_NS, NS_PER_DAY
from patang.wire.endpoints import RateClass

MINUTE_NS = 60 * NS_PER_SECOND


class Window(NamedTuple):
    """At most ``limit`` requests in each calendar window of ``length_ns``."""

    length_ns: int
    limit: int


# Source: Kite Connect v3, exceptions, API rate limit; order caps as announced for 2026.
PER_SECOND: dict[RateClass, Window] = {
    RateClass.QUOTE: Window(NS_PER_SECOND, 1),
    RateClass.HISTORICAL: Window(NS_PER_SECOND, 3),
    RateClass.ORDER: Window(NS_PER_SECOND, 10),
    RateClass.GENERAL: Window(NS_PER_SECOND, 10),
}
PLACEMENTS = (Window(MINUTE_NS, 400), Window(NS_PER_DAY, 5_000))


class RateLimiter:
    """Counts requests per caller and class; one more is admitted or refused, never delayed.

    A window is a span of Indian civil time, not a rolling one, and a refused request is not
    counted: the caller is let in again when the window rolls.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, RateClass, int], tuple[int, int]] = {}

    def admit(
        self, caller: str, rate_class: RateClass, now_ns: int, *, is_placement: bool = False
    ) -> bool:
        """Count a request of ``caller`` (an API key, or an account for orders) if it fits."""
        spent: list[tuple[tuple[str, RateClass, int], tuple[int, int]]] = []
        for window in _windows(rate_class, is_placement):
            key = (caller, rate_class, window.length_ns)
            number = (now_ns + IST_OFFSET_NS) // window.length_ns
            counted_number, count = self._counts.get(key, (number, 0))
            if counted_number != number:
                count = 0
            if count >= window.limit:
                return False
            spent.append((key, (number, count + 1)))
        self._counts.update(spent)
        return True


def _windows(rate_class: RateClass, is_placement: bool) -> Iterator[Window]:
    yield PER_SECOND[rate_class]
    if is_placement:
        yield from PLACEMENTS
