"""How far the server's clock is from ours, from the Date headers of its answers.

A header that says 10:00:07 was written between the request's departure and the answer's arrival,
when the server's clock stood in [10:00:07, 10:00:08). Every answer so bounds the difference from
both sides, and the bounds of many answers together are far narrower than a second.
"""

from email.utils import parsedate_to_datetime

from patang.domain.market import NS_PER_SECOND

UNKNOWN_WITHIN_NS = 5 * NS_PER_SECOND
"""What is assumed of the difference before any answer has been seen."""

_ANOTHER_WORLD_NS = 600 * NS_PER_SECOND
# Crystal clocks part by less than this much of the time that passes.
_DRIFT = 20e-6


class ServerClock:
    """Bounds on server time minus local time: ``earliest_ns`` and ``latest_ns`` of a moment."""

    def __init__(self) -> None:
        self._low_ns = -UNKNOWN_WITHIN_NS
        self._high_ns = UNKNOWN_WITHIN_NS
        self._seen_at_ns: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether any answer has been seen."""
        return self._seen_at_ns is not None

    def observe(self, date: str | None, sent_ns: int, received_ns: int) -> None:
        """Take the Date header of an answer to a request; both times UTC, of our clock.

        No header, an unreadable one, and one of a world with a clock of its own change nothing.
        """
        header_ns = _parsed_ns(date)
        if header_ns is None or received_ns < sent_ns:
            return
        low_ns = header_ns - received_ns
        high_ns = header_ns + NS_PER_SECOND - sent_ns
        if min(abs(low_ns), abs(high_ns)) > _ANOTHER_WORLD_NS:
            return
        old_low_ns, old_high_ns = self._bounds(received_ns)
        self._low_ns, self._high_ns = max(low_ns, old_low_ns), min(high_ns, old_high_ns)
        if self._seen_at_ns is None or self._low_ns > self._high_ns:
            # The first answer, or a clock was set: what was known before says nothing.
            self._low_ns, self._high_ns = low_ns, high_ns
        self._seen_at_ns = received_ns

    def earliest_ns(self, now_ns: int) -> int:
        """The server's clock shows at least this when ours shows ``now_ns``."""
        return now_ns + self._bounds(now_ns)[0]

    def latest_ns(self, now_ns: int) -> int:
        """The server's clock shows at most this when ours shows ``now_ns``."""
        return now_ns + self._bounds(now_ns)[1]

    def _bounds(self, now_ns: int) -> tuple[int, int]:
        if self._seen_at_ns is None:
            return self._low_ns, self._high_ns
        slack_ns = round(abs(now_ns - self._seen_at_ns) * _DRIFT)
        return self._low_ns - slack_ns, self._high_ns + slack_ns


def _parsed_ns(date: str | None) -> int | None:
    if not date:
        return None
    try:
        at = parsedate_to_datetime(date)
        return int(at.timestamp()) * NS_PER_SECOND if at.tzinfo else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
