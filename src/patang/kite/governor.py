"""The gate in front of every request of an account: nothing passes that Kite would count too much.

One governor may serve any number of clients of an account, those of other threads and their event
loops too. Given a path, it shares its state with every process that names the same path: see
``account_file``. Why a slot is held as long as it is: see ``windows``.
"""

import asyncio
import hashlib
import heapq
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.kite.account_file import AccountFile, AccountMemory
from patang.kite.account_state import (
    LONGEST_REQUEST_S,
    AccountState,
    Ask,
    Bucket,
    DayCount,
    Moment,
    block,
    check,
    count_listed,
    count_refusal,
    distrust,
    settle,
    take,
    withdraw,
)
from patang.kite.blocking import lock_between_threads
from patang.kite.clock import Clock, SystemClock, sleep_or_event, steady_ns
from patang.kite.errors import AccountStateUnusable
from patang.kite.outcome import is_unsent
from patang.kite.server_clock import ServerClock
from patang.kite.windows import NEVER_NS, Lane, Limits, held_count, wait_ns
from patang.wire.endpoints import RateClass
from patang.wire.errors import KiteError

__all__ = ["ClassState", "Governor", "GovernorState", "Lane", "Limits"]

_log = logging.getLogger("patang.kite.limits")

T = TypeVar("T")

_TOO_MANY_REQUESTS = 429
_POLL_S = 0.05
_CLAIM_NS = 4 * NS_PER_SECOND // 20


class _Bell:
    """Wakes one waiter, from whatever thread."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        if self._loop is _running_loop():
            self.rung.set()
            return
        with suppress(RuntimeError):  # that loop has ended, and its waiter with it
            self._loop.call_soon_threadsafe(self.rung.set)


_Waiter = tuple[Lane, int, _Bell]


class ClassState(msgspec.Struct, frozen=True, kw_only=True):
    """One rate class at a moment. ``wait_s`` 0 means a call can go now.

    ``held`` and ``limits`` go window by window, shortest first; ``waiting`` counts the calls of
    this process that have no slot yet, ``sent_today`` those of all processes that had one.
    """

    rate: RateClass
    wait_s: float
    held: tuple[int, ...]
    limits: tuple[int, ...]
    waiting: int
    sent_today: int

    @property
    def can_go_now(self) -> bool:
        """Whether a call would leave at once."""
        return self.wait_s == 0 and self.waiting == 0


class GovernorState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the account stands against its limits."""

    classes: dict[RateClass, ClassState]
    orders_today: int
    orders_per_day: int


class Governor:
    """Hands out slots for requests, the most urgent lane first.

    ``path`` names the state that all processes of one account share; without it the governor
    assumes that it is alone. ``api_key`` tells apps of one account apart: orders count per
    account, everything else per app. ``clock`` is the venue's.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        limits: Limits | None = None,
        path: Path | str | None = None,
        api_key: str = "",
    ) -> None:
        self.limits = limits or Limits()
        self.server_clock = ServerClock()
        self._clock = clock or SystemClock()
        self._app = hashlib.sha256(api_key.encode()).hexdigest()[:12] if api_key else "app"
        self._holder = int.from_bytes(os.urandom(7), "big")
        self._sequence = count()
        self._lines: dict[str, list[_Waiter]] = {}
        self._lining_up = lock_between_threads()
        self._store: AccountFile | AccountMemory = AccountMemory()
        if path is not None:
            self._store = AccountFile(Path(path), repaired=self._check, distrusted=self._distrusted)

    @property
    def is_shared(self) -> bool:
        """Whether other processes of the account see the same state."""
        return self._store.is_shared

    @property
    def waiting(self) -> int:
        """Requests of this process that have no slot yet."""
        return sum(len(line) for line in list(self._lines.values()))

    @asynccontextmanager
    async def slot(
        self,
        rate: RateClass = RateClass.ORDER,
        lane: Lane = Lane.ENTRY,
        *,
        orders: int = 0,
        order_id: str | None = None,
        longest_s: float = LONGEST_REQUEST_S,
    ) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the block sends one request and awaits the reply.

        ``orders`` is what it adds to the day's count, ``order_id`` the order it modifies,
        ``longest_s`` how long the request may take before its transport gives up.

        Raises:
            LimitReached: waiting would not help.
            AccountStateUnusable: the shared state cannot be locked, read or written.
        """
        ask = self._ask(rate, lane, orders, order_id, longest_s)
        number = await self._taken(ask)
        is_order = rate is RateClass.ORDER
        lost_ns = round(self.limits.arrival_bound_s * NS_PER_SECOND) if is_order else 0
        travels_ns: int | None = lost_ns
        refused = 0
        block_s = 0.0
        try:
            yield
            travels_ns = 0
        except KiteError as error:
            if is_unsent(error):
                travels_ns = None
            elif error.status is not None:
                # The server has answered, so the request is not still travelling.
                travels_ns = 0
                refused = orders if 400 <= error.status < 500 else 0
                block_s = 1.0 if error.status == _TOO_MANY_REQUESTS else 0.0
            raise
        except InvalidValue:
            travels_ns = None
            raise
        finally:
            await self._settled(ask, number, travels_ns, refused, block_s)

    def state(self, lane: Lane = Lane.ENTRY) -> GovernorState:
        """Where the account stands: can a call of ``lane`` go now, how long must it wait, counts.

        Raises:
            AccountStateUnusable: the shared state cannot be read.
        """
        state = self._store.read()
        days = [state.days.get(day, DayCount()).used for day in self._moment().days]
        return GovernorState(
            classes={rate: self._class_state(state, rate, lane) for rate in RateClass},
            orders_today=max(days),
            orders_per_day=self.limits.orders_per_day,
        )

    def observe_reply(self, date: str | None, sent_ns: int) -> None:
        """A reply came just now to a request of ``sent_ns``; ``date`` is its Date header."""
        self.server_clock.observe(date, sent_ns, self._clock.now_ns())

    async def see_order_book(self, rows: int) -> None:
        """The day's order book has this many rows: orders placed by hand count as well."""
        try:
            await self._store.change(lambda state: count_listed(state, rows, self._moment()))
        except AccountStateUnusable as error:
            # Whoever read the book must get it; the next request says that the file is broken.
            _log.error("the order book could not be counted: %s", error)

    def close(self) -> None:
        """Close the lock file; the next request opens it again."""
        self._store.close()

    # How a slot is come by

    async def _taken(self, ask: Ask) -> int:
        line = self._lines.setdefault(ask.bucket, [])
        bell = _Bell()
        waiter = (ask.lane, next(self._sequence), bell)
        with self._lining_up:
            heapq.heappush(line, waiter)
        try:
            while True:
                bell.rung.clear()
                pause_ns = NEVER_NS
                if line[0] is waiter:
                    number, pause_ns = await self._attempt(ask)
                    if number is not None:
                        return number
                await self._pause(bell.rung, pause_ns)
        finally:
            with self._lining_up:
                _leave(line, waiter)
            self._wake(ask.bucket)

    async def _attempt(self, ask: Ask) -> tuple[int | None, int]:
        def work(state: AccountState) -> tuple[int | None, int]:
            asked = self._with_horizon(ask)
            claim_ns = _CLAIM_NS if self.is_shared else 0
            answer = take(state, asked, self.limits, self._moment(), claim_ns=claim_ns)
            return answer.number, answer.wait_ns

        number, pause_ns = await self._store.change(work)
        # Other processes cannot wake this one when a reply of theirs frees a slot early.
        return number, min(pause_ns, round(_POLL_S * NS_PER_SECOND)) if self.is_shared else pause_ns

    async def _pause(self, woken: asyncio.Event, pause_ns: int) -> None:
        if pause_ns >= NEVER_NS:
            await woken.wait()
        else:
            await sleep_or_event(self._clock, pause_ns / NS_PER_SECOND, woken)

    async def _settled(
        self, ask: Ask, number: int, travels_ns: int | None, refused: int, block_s: float
    ) -> None:
        """The request is over: it travels on for ``travels_ns``; None: it was never sent."""

        def work(state: AccountState) -> None:
            moment = self._moment()
            if travels_ns is None:
                withdraw(state, ask, number, moment)
                return
            settle(state, ask, number, moment.now_ns + travels_ns, moment)
            if refused:
                count_refusal(state, refused, moment)
            if block_s:
                block(state, ask.bucket, moment.now_ns + round(block_s * NS_PER_SECOND))

        try:
            await self._store.change(work)
        except AccountStateUnusable as error:
            # The answer is worth more than the slot, which comes back at its horizon by itself.
            _log.error("a slot could not be given back: %s", error)
        finally:
            self._wake(ask.bucket)

    def _wake(self, bucket: str) -> None:
        with self._lining_up:
            line = self._lines.get(bucket)
            first = line[0] if line else None
        if first is not None:
            first[2].ring()

    # What it is asked for

    def _ask(
        self, rate: RateClass, lane: Lane, orders: int, order_id: str | None, longest_s: float
    ) -> Ask:
        if orders < 0:
            raise InvalidValue("orders", f"{orders} is less than none.")
        if not 0 < longest_s <= LONGEST_REQUEST_S:
            raise InvalidValue("longest_s", f"{longest_s} is not in (0, {LONGEST_REQUEST_S:g}].")
        return Ask(
            bucket=self._bucket(rate),
            rate=rate,
            lane=lane,
            orders=orders,
            order_id=order_id,
            horizon_ns=round((longest_s + self.limits.arrival_bound_s) * NS_PER_SECOND),
            holder=self._holder,
        )

    def _with_horizon(self, ask: Ask) -> Ask:
        # A process may die with its request on the way; one that is alone needs no such date.
        horizon_ns = steady_ns(self._clock) + ask.horizon_ns if self.is_shared else NEVER_NS
        return msgspec.structs.replace(ask, horizon_ns=horizon_ns)

    def _bucket(self, rate: RateClass) -> str:
        return rate.value if rate is RateClass.ORDER else f"{rate.value}:{self._app}"

    def _moment(self) -> Moment:
        now_ns = self._clock.now_ns()
        return Moment(
            steady_ns(self._clock),
            self.server_clock.earliest_ns(now_ns),
            self.server_clock.latest_ns(now_ns),
        )

    def _class_state(self, state: AccountState, rate: RateClass, lane: Lane) -> ClassState:
        moment = self._moment()
        bucket = state.buckets.get(self._bucket(rate), Bucket())
        settled = [slot.settled_ns for slot in bucket.slots]
        windows = self.limits.windows(rate)
        waits_ns = max(
            wait_ns(settled, windows, lane, moment.now_ns),
            bucket.blocked_until_ns - moment.now_ns,
            0,
        )
        return ClassState(
            rate=rate,
            wait_s=float("inf") if waits_ns >= NEVER_NS else waits_ns / NS_PER_SECOND,
            held=tuple(held_count(settled, window, moment.now_ns) for window in windows),
            limits=tuple(window.limit for window in windows),
            waiting=len(self._lines.get(self._bucket(rate), ())),
            sent_today=bucket.sent if bucket.day == moment.days[-1] else 0,
        )

    def _check(self, state: AccountState) -> None:
        check(state, self.limits, steady_ns(self._clock))

    def _distrusted(self) -> AccountState:
        state = AccountState()
        distrust(state, self.limits, self._bucket(RateClass.ORDER), self._moment())
        return state


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _leave(line: list[_Waiter], waiter: _Waiter) -> None:
    if line[0] is waiter:
        heapq.heappop(line)
    else:
        line.remove(waiter)
        heapq.heapify(line)


def default_governor(
    clock: Clock, *, api_key: str, limits: Limits | None, is_shared: bool
) -> Governor:
    """The governor of a client that was given none.

    Shared, it is that of all processes of this user with this API key. Apps of one account that
    have different keys must be given one path to share their orders as well.
    """
    if not is_shared:
        return Governor(clock, limits=limits, api_key=api_key)
    from platformdirs import user_state_path

    name = hashlib.sha256(api_key.encode()).hexdigest()[:16]
    folder = user_state_path("patang", appauthor=False) / "limits"
    return Governor(clock, limits=limits, api_key=api_key, path=folder / f"{name}.state")
