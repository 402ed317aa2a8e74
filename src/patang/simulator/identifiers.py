"""Order ids as Kite makes them, and the exchange's own numbers."""

from patang.domain.errors import InvalidValue

EPOCH_MS = 1_288_834_974_657
"""Unix milliseconds at which the id's clock starts. Source: decoded from Kite's sample orders."""

_NS_PER_MS = 1_000_000
_SEQUENCE_BITS = 12
_WORKER_BITS = 10


class OrderIds:
    """Snowflake numbers: placement millisecond << 22 | worker << 12 | sequence. Always rising."""

    def __init__(self, worker: int = 1) -> None:
        if not 0 <= worker < 1 << _WORKER_BITS:
            raise InvalidValue("worker", f"{worker} does not fit {_WORKER_BITS} bits.")
        self._worker = worker
        self._ms = 0
        self._sequence = 0

    def make(self, at_ns: int) -> str:
        """The next id for an order placed at ``at_ns`` (UTC).

        A millisecond that is used up (or lies before the last id) borrows from the next one.
        """
        ms = at_ns // _NS_PER_MS - EPOCH_MS
        if ms > self._ms:
            self._ms, self._sequence = ms, 0
        else:
            self._sequence += 1
            if self._sequence >> _SEQUENCE_BITS:
                self._ms, self._sequence = self._ms + 1, 0
        shift = _WORKER_BITS + _SEQUENCE_BITS
        return str(self._ms << shift | self._worker << _SEQUENCE_BITS | self._sequence)
