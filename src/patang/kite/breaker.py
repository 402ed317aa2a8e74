"""A circuit breaker: a server that keeps failing is left alone for a while, and then probed.

It counts what says that the server is ill: no connection, no reply, a status of 500 and more. A
refusal is an answer and shows health. Cancels and exits always pass, whatever the state; and only a
read may be the probe, because an entry must not be sent to find out whether the server works.
"""

from enum import StrEnum

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.kite.clock import Clock, SystemClock
from patang.kite.errors import CircuitOpen, ConnectFailed, NotSent
from patang.kite.windows import Lane
from patang.wire.errors import DataException, KiteError, NetworkException


class CircuitState(StrEnum):
    """CLOSED lets everything through, OPEN only what must go, PROBING one read besides."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Opens after ``failures`` in a row and probes after ``pause_s``, in seconds of the clock.

    Raises:
        InvalidValue: a number that makes no breaker.
    """

    failures: int = 5
    pause_s: float = 10.0

    def __post_init__(self) -> None:
        if self.failures < 1:
            raise InvalidValue("failures", f"{self.failures} is less than 1.")
        if self.pause_s <= 0:
            raise InvalidValue("pause_s", f"{self.pause_s} is no time.")


class CircuitBreaker:
    """Guards one server; share one between the clients that speak to it."""

    def __init__(self, clock: Clock | None = None, settings: BreakerSettings | None = None) -> None:
        self._clock = clock or SystemClock()
        self._settings = settings or BreakerSettings()
        self._failures = 0
        self._opened_ns: int | None = None
        self._is_probing = False

    @property
    def state(self) -> CircuitState:
        """Where the breaker stands now."""
        if self._opened_ns is None:
            return CircuitState.CLOSED
        return CircuitState.PROBING if self._is_probing else CircuitState.OPEN

    def admit(self, *, is_read: bool, lane: Lane) -> bool:
        """Let a request pass, or refuse it; return whether it is the probe.

        Raises:
            CircuitOpen: the server is being left alone.
        """
        if self._opened_ns is None or (not is_read and lane.is_reserved_for):
            return False
        wait_ns = self._opened_ns + round(self._settings.pause_s * NS_PER_SECOND)
        wait_ns -= self._clock.now_ns()
        if is_read and wait_ns <= 0 and not self._is_probing:
            self._is_probing = True
            return True
        raise CircuitOpen(
            f"the server failed {self._failures} times in a row and is left alone",
            remedy=f"It is probed with a read in {max(wait_ns, 0) / NS_PER_SECOND:.1f} s.",
        )

    def report(self, failure: BaseException | None, *, was_probe: bool) -> None:
        """A request that was admitted ended: with ``failure``, or well.

        Any answer closes the circuit, a probe that fails opens it for another pause, and a request
        that was cancelled or held back says nothing about the server.
        """
        if was_probe:
            self._is_probing = False
        if failure is None or _shows_health(failure):
            self._failures = 0
            self._opened_ns = None
        elif isinstance(failure, KiteError) and _shows_illness(failure):
            self._failures += 1
            is_too_much = self._opened_ns is None and self._failures >= self._settings.failures
            if was_probe or is_too_much:
                self._opened_ns = self._clock.now_ns()


def _shows_health(failure: BaseException) -> bool:
    return isinstance(failure, KiteError) and failure.status is not None and failure.status < 500


def _shows_illness(error: KiteError) -> bool:
    if error.status is not None:
        return error.status >= 500
    if isinstance(error, NotSent):
        return isinstance(error, ConnectFailed)
    return isinstance(error, NetworkException | DataException)
