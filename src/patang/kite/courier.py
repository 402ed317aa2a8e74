"""What happens around every request: its turn, its second chance, and the record of it.

In this order: the circuit breaker lets it pass, the governor gives it a slot, it is sent, once. A
read that fails for a passing reason waits and goes the same way again, slot and all, so that
retries are charged like any other request. An order request never does.
"""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from patang.kite.breaker import CircuitBreaker
from patang.kite.clock import Clock
from patang.kite.errors import Withdrawn
from patang.kite.governor import Governor
from patang.kite.outcome import is_unsent
from patang.kite.retry import Chance, RetryPolicy, fair_chance, is_transient, retry_after_s
from patang.kite.transport import Response
from patang.kite.windows import Lane
from patang.wire.endpoints import Endpoint, RateClass
from patang.wire.errors import KiteError

_log = logging.getLogger("patang.kite.calls")

T = TypeVar("T")

_NO_RESPONSE = Response(status=0, headers={}, body=b"")


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a request means to the limits: its lane, the orders it adds, the order it changes.

    ``is_wanted`` is asked when its turn has come, just before it leaves.
    """

    lane: Lane = Lane.ENTRY
    orders: int = 0
    modifies: str | None = None
    is_wanted: Callable[[], bool] | None = None


def errand_of(endpoint: Endpoint, path: Mapping[str, str]) -> Errand:
    """What a request means to the limits when its caller says no more than where it goes."""
    if endpoint.method == "DELETE":
        return Errand(lane=Lane.CANCEL)
    if endpoint.rate is not RateClass.ORDER:
        return Errand()
    if endpoint.method == "PUT":
        return Errand(lane=Lane.MODIFY, modifies=path.get("order_id"))
    return Errand(orders=1)


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one call, as observers see it. Durations are seconds of the machine's clock.

    ``waited_s`` was spent waiting for a slot, ``elapsed_s`` between sending and the decoded answer.
    ``status`` is None when no answer came, ``error`` the error's type when it did not end well.
    """

    endpoint: str
    method: str
    attempt: int
    waited_s: float
    elapsed_s: float
    status: int | None
    error: str | None
    request_id: str | None
    received_bytes: int


Observer = Callable[[CallRecord], None]


class CallCounters(msgspec.Struct):
    """What has been sent since the client was made, retries included."""

    requests: int = 0
    retries: int = 0
    failures: int = 0
    unsent: int = 0
    by_endpoint: Counter[str] = msgspec.field(default_factory=Counter)


class Courier:
    """Takes requests to the server under the limits, policies and eyes of one client."""

    def __init__(
        self,
        clock: Clock,
        governor: Governor,
        *,
        retry: RetryPolicy,
        breaker: CircuitBreaker | None = None,
        observer: Observer | None = None,
        chance: Chance | None = None,
    ) -> None:
        self.governor = governor
        self.clock = clock
        self.counters = CallCounters()
        self._retry = retry
        self._breaker = breaker
        self._observer = observer
        self._chance = chance or fair_chance()

    async def deliver(
        self,
        endpoint: Endpoint,
        send: Callable[[], Awaitable[Response]],
        decode: Callable[[Response], T],
        errand: Errand,
        *,
        longest_s: float,
    ) -> T:
        """Send a request and decode its answer; a read has the retries of the policy.

        Raises:
            KiteError: of the last attempt; ``NotSent`` when a limit or the breaker held it back.
        """
        failures = 0
        while True:
            attempt = _Attempt(endpoint, failures + 1)
            try:
                return await self._attempt(attempt, send, decode, errand, longest_s)
            except KiteError as error:
                failures += 1
                if not endpoint.retryable or not is_transient(error):
                    raise
                asked_s = retry_after_s(attempt.response.headers, self.clock.now_ns())
                if not self._retry.allows(failures, asked_s):
                    raise
                wait_s = self._retry.wait_s(failures, self._chance, asked_s)
                _log.info(
                    "%s failed (%s) and is tried again in %.3f s", endpoint.name, error, wait_s
                )
            self.counters.retries += 1
            await self.clock.sleep(wait_s)

    async def _attempt(
        self,
        attempt: "_Attempt",
        send: Callable[[], Awaitable[Response]],
        decode: Callable[[Response], T],
        errand: Errand,
        longest_s: float,
    ) -> T:
        endpoint = attempt.endpoint
        is_admitted = was_probe = False
        failure: BaseException | None = None
        try:
            if self._breaker is not None:
                was_probe = self._breaker.admit(is_read=endpoint.retryable, lane=errand.lane)
                is_admitted = True
            async with self.governor.slot(
                endpoint.rate,
                errand.lane,
                orders=errand.orders,
                order_id=errand.modifies,
                longest_s=longest_s,
            ):
                if errand.is_wanted is not None and not errand.is_wanted():
                    raise Withdrawn(f"{endpoint.name} was withdrawn while it waited for its turn.")
                return await self._sent(attempt, send, decode)
        except BaseException as error:
            failure = error
            raise
        finally:
            if self._breaker is not None and is_admitted:
                self._breaker.report(failure, was_probe=was_probe)
            self._record(attempt, failure)

    async def _sent(
        self,
        attempt: "_Attempt",
        send: Callable[[], Awaitable[Response]],
        decode: Callable[[Response], T],
    ) -> T:
        sent_ns = self.clock.now_ns()
        attempt.sent_at = time.perf_counter()
        attempt.response = await send()
        self.governor.observe_reply(attempt.response.headers.get("date"), sent_ns)
        return decode(attempt.response)

    def _record(self, attempt: "_Attempt", failure: BaseException | None) -> None:
        counters = self.counters
        if attempt.sent_at is None or (isinstance(failure, KiteError) and is_unsent(failure)):
            counters.unsent += 1
        else:
            counters.requests += 1
            counters.by_endpoint[attempt.endpoint.name] += 1
        counters.failures += failure is not None
        if self._observer is not None:
            self._show(self._observer, attempt.record(failure))

    def _show(self, observer: Observer, record: CallRecord) -> None:
        try:
            observer(record)
        except Exception:  # noqa: BLE001 - an order's answer must not be lost to its metrics
            _log.exception("an observer of calls failed")


class _Attempt:
    """One attempt while it lasts."""

    def __init__(self, endpoint: Endpoint, number: int) -> None:
        self.endpoint = endpoint
        self.number = number
        self.begun_at = time.perf_counter()
        self.sent_at: float | None = None
        self.response = _NO_RESPONSE

    def record(self, failure: BaseException | None) -> CallRecord:
        over_at = time.perf_counter()
        sent_at = over_at if self.sent_at is None else self.sent_at
        return CallRecord(
            endpoint=self.endpoint.name,
            method=self.endpoint.method,
            attempt=self.number,
            waited_s=sent_at - self.begun_at,
            elapsed_s=over_at - sent_at,
            status=self.response.status or None,
            error=None if failure is None else type(failure).__name__,
            request_id=self.response.headers.get("x-request-id"),
            received_bytes=len(self.response.body),
        )
