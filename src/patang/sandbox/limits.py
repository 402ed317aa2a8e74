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
PER_MINUTE = Window(MINUTE_NS, 400)
PER_DAY = Window(NS_PER_DAY, 5_000)

TOO_MANY = "Too many requests"
TOO_MANY_ORDERS = "Maximum allowed order requests exceeded."


_Key = tuple[str, RateClass, int]
"""Who, for what, in windows of which length."""


class RateLimiter:
    """Counts requests per caller and class; one more is admitted or refused, never delayed.

    A window is a span of Indian civil time, not a rolling one, and a refused request is not
    counted: the caller is let in again when the window rolls. What the exchange refuses later is
    counted. Source: kite-protocol reference, rate limits and caps, counting rules.
    """

    def __init__(self) -> None:
        self._counts: dict[_Key, tuple[int, int]] = {}

    def admit(self, caller: str, rate_class: RateClass, now_ns: int, *, orders: int = 0) -> bool:
        """Count a request of ``caller`` (an API key, or an account for orders) if it fits."""
        return self.refusal(caller, rate_class, now_ns, orders=orders) is None

    def refusal(
        self, caller: str, rate_class: RateClass, now_ns: int, *, orders: int = 0
    ) -> str | None:
        """Count a request if it fits, else return what Kite says to one too many.

        ``orders`` is how many a placement makes: one, or one for each leg of an iceberg. It is one
        request of its second and minute, but that many of the day.
        """
        spent: list[tuple[_Key, tuple[int, int]]] = []
        for window, weight in _windows(rate_class, orders):
            key = (caller, rate_class, window.length_ns)
            number, count = self._counted(key, now_ns)
            if count + weight > window.limit:
                return TOO_MANY if window.length_ns == NS_PER_SECOND else TOO_MANY_ORDERS
            spent.append((key, (number, count + weight)))
        self._counts.update(spent)
        return None

    def count_order(self, caller: str, now_ns: int) -> None:
        """Count an order that a trigger placed for an account: it takes from the account's caps."""
        for window in (PER_MINUTE, PER_DAY):
            key = (caller, RateClass.ORDER, window.length_ns)
            number, count = self._counted(key, now_ns)
            self._counts[key] = (number, count + 1)

    def _counted(self, key: _Key, now_ns: int) -> tuple[int, int]:
        """The number of the window that ``now_ns`` lies in, and how much was counted in it."""
        number = (now_ns + IST_OFFSET_NS) // key[2]
        counted_number, count = self._counts.get(key, (number, 0))
        return number, count if counted_number == number else 0


def _windows(rate_class: RateClass, orders: int) -> Iterator[tuple[Window, int]]:
    yield PER_SECOND[rate_class], 1
    if orders:
        yield PER_MINUTE, 1
        yield PER_DAY, orders
