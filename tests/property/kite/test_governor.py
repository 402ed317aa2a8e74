"""No server second, minute or day sees more than its limit: any latency, any offset, any process.

A request arrives at any time from its grant until its reply, or until the bound after its time-out.
"""

import asyncio
import heapq
from collections import Counter
from contextlib import AbstractAsyncContextManager, suppress
from email.utils import formatdate
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

from patang.kite.account_state import AccountState, Ask, Moment, settle, take
from patang.kite.errors import LimitReached
from patang.kite.governor import Governor, Lane
from patang.kite.server_clock import ServerClock
from patang.kite.windows import NEVER_NS, Limits, Window, wait_ns
from patang.rules.ist import IST_OFFSET_NS, NS_PER_DAY
from patang.wire.endpoints import RateClass
from patang.wire.errors import NetworkException
from tests.hand_clock import HandClock

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
# Seven seconds before midnight in India, where the day's count rolls as well.
START_NS = 20_458 * NS_PER_DAY - IST_OFFSET_NS - 7 * SECOND

fractions = st.floats(0, 1, allow_nan=False)
requests = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.3, 1.7]),  # seconds since the one before
        st.sampled_from(list(Lane)),
        st.booleans(),  # whether it is answered
        fractions,  # when it arrives, between its grant and the last moment at which it can
        fractions,  # when its reply comes, between its arrival and the time-out
    ),
    min_size=1,
    max_size=80,
)


class Server:
    """Counts what arrives, by the calendar of a clock that we do not know."""

    def __init__(self, ahead_ns: int) -> None:
        self.ahead_ns = ahead_ns
        self.arrivals: list[int] = []

    def busiest(self, window_ns: int) -> int:
        seen = Counter((at + self.ahead_ns + IST_OFFSET_NS) // window_ns for at in self.arrivals)
        return max(seen.values(), default=0)


@settings(max_examples=150, deadline=None)
@given(requests, st.integers(-2 * SECOND, 2 * SECOND), st.integers(2, 9))
def test_no_calendar_window_of_the_server_sees_more_than_its_limit(sent, ahead_ns, per_second):
    limits = Limits(
        orders_per_second=per_second,
        orders_per_minute=25,
        reserve_per_minute=3,
        arrival_bound_s=3.0,
    )
    server = simulated(sent, ahead_ns, limits, timeout_s=2.0)
    assert server.busiest(SECOND) <= per_second
    assert server.busiest(MINUTE) <= 25


@settings(max_examples=400, deadline=None)
@given(requests, st.integers(-2 * SECOND, 2 * SECOND))
@example([(0.0, Lane.EXIT, True, 0.9, 0.1)] * 3 + [(9.0, Lane.EXIT, True, 0.0, 0.0)] * 6, 0)
@example([(0.0, Lane.EXIT, True, 0.9, 0.1)] * 3 + [(19.0, Lane.EXIT, True, 0.0, 0.0)] * 6, 0)
@example([(0.0, Lane.EXIT, True, 0.95, 0.1)] * 3 + [(12.5, Lane.EXIT, True, 0.0, 0.0)], 0)
@example([(0.0, Lane.EXIT, False, 1.0, 0.0)] * 3 + [(9.0, Lane.EXIT, True, 0.0, 0.0)] * 6, 0)
@example([(1.5, Lane.EXIT, True, 0.0, 0.0)] * 9, 2 * SECOND)
@example([(1.5, Lane.EXIT, True, 0.0, 0.0)] * 9, -2 * SECOND)
def test_no_day_of_the_server_sees_more_than_its_limit(sent, ahead_ns):
    limits = Limits(orders_per_day=3, reserve_per_day=1, arrival_bound_s=3.0)
    assert simulated(sent, ahead_ns, limits, timeout_s=15.0).busiest(NS_PER_DAY) <= 3


def simulated(sent: list[tuple], ahead_ns: int, limits: Limits, timeout_s: float) -> Server:
    """Send everything that the limits allow; the server whose clock is ``ahead_ns`` of ours."""
    state, server, order = AccountState(), Server(ahead_ns), count()
    events: list[tuple[int, int, str, tuple]] = []
    at_ns = START_NS
    for gap_s, lane, is_answered, travel, reply in sent:
        at_ns += round(gap_s * SECOND)
        ask = Ask(
            bucket="O", rate=RateClass.ORDER, lane=lane, orders=1, order_id=None,
            horizon_ns=NEVER_NS, holder=1,
        )  # fmt: skip
        heapq.heappush(events, (at_ns, next(order), "ask", (ask, is_answered, travel, reply)))
    while events:
        now_ns, _, what, about = heapq.heappop(events)
        moment = Moment(now_ns, now_ns - 5 * SECOND, now_ns + 5 * SECOND)
        if what == "settle":
            ask, number, settled_ns = about
            settle(state, ask, number, settled_ns, moment)
            continue
        ask, is_answered, travel, reply = about
        try:
            answer = take(state, ask, limits, moment)
        except LimitReached:
            continue
        if answer.number is None:
            again_ns = now_ns + min(answer.wait_ns, SECOND // 4)
            heapq.heappush(events, (again_ns, next(order), "ask", about))
            continue
        out_ns = now_ns + round(timeout_s * SECOND)
        if is_answered:
            arrives_ns = now_ns + round(travel * timeout_s * SECOND)
            over_ns = settled_ns = arrives_ns + round(reply * (out_ns - arrives_ns))
        else:
            last_ns = out_ns + round(limits.arrival_bound_s * SECOND)
            arrives_ns = now_ns + round(travel * (last_ns - now_ns))
            over_ns, settled_ns = out_ns, last_ns
        server.arrivals.append(arrives_ns)
        heapq.heappush(events, (over_ns, next(order), "settle", (ask, answer.number, settled_ns)))
    return server


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(list(Lane)),
            st.sampled_from(["answered", "answered", "lost", "killed"]),
            fractions,
        ),
        min_size=1,
        max_size=25,
    ),
    st.integers(-SECOND, SECOND),
)
def test_processes_that_share_a_file_stay_below_the_limit_together(sent, ahead_ns):
    server = Server(ahead_ns)
    limits = Limits(orders_per_second=4, arrival_bound_s=0.5)

    async def main(folder: str) -> None:
        clock = HandClock()
        path = Path(folder) / "AB1234.state"
        held: list[AbstractAsyncContextManager[None]] = []
        governors = [Governor(clock, limits=limits, path=path) for _ in range(3)]

        async def order(process: int, lane: Lane, fate: str, travel: float) -> None:
            slot = governors[process].slot(lane=lane, orders=1, longest_s=1)
            await slot.__aenter__()
            granted_ns = clock.now_ns()
            await clock.sleep(0.2)
            # Sent by then, replied to by then, or travelling until the bound at the latest.
            latest_ns = {
                "answered": clock.now_ns(),
                "lost": clock.now_ns() + SECOND // 2,
                "killed": granted_ns + SECOND + SECOND // 2,
            }[fate]
            server.arrivals.append(granted_ns + round(travel * (latest_ns - granted_ns)))
            if fate == "killed":
                held.append(slot)
            elif fate == "answered":
                await slot.__aexit__(None, None, None)
            else:
                error = NetworkException("timed out")
                with suppress(NetworkException):
                    await slot.__aexit__(NetworkException, error, None)

        async with asyncio.TaskGroup() as group:
            for request in sent:
                group.create_task(order(*request))
            await clock.run_for(60)
        assert governors[0].state().orders_today == len(sent)
        for governor in governors:
            governor.close()

    with TemporaryDirectory() as folder:
        asyncio.run(main(folder))
    assert len(server.arrivals) == len(sent)
    assert server.busiest(SECOND) <= 4


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=60),
    st.integers(1, 10),
    st.integers(1, 3),
)
def test_windows_agree_with_pyrate_limiter_when_replies_are_instant(times, limit, seconds):
    bucket = InMemoryBucket([Rate(limit, seconds * Duration.SECOND)])
    windows = [Window(seconds * SECOND, limit)]
    granted: list[int] = []
    for at_ms in sorted(at // 1_000_000 for at in times):
        if any(at_ms - at // 1_000_000 == seconds * 1_000 for at in granted):
            # Theirs still counts a request that is exactly one window old; ours let it go.
            continue
        may_go = wait_ns(granted, windows, Lane.ENTRY, at_ms * 1_000_000) == 0
        assert may_go is bucket.put(RateItem("order", at_ms))
        if may_go:
            granted.append(at_ms * 1_000_000)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(-300 * SECOND, 300 * SECOND),
    st.lists(st.tuples(st.integers(0, 9 * SECOND), fractions, st.integers(0, SECOND)), min_size=1),
)
def test_the_servers_clock_is_always_within_its_bounds(ahead_ns, replies):
    clock = ServerClock()
    now_ns = START_NS
    for gap_ns, part, travel_ns in replies:
        sent_ns = now_ns = now_ns + gap_ns
        now_ns += travel_ns
        written_s = (sent_ns + round(part * travel_ns) + ahead_ns) // SECOND
        clock.observe(formatdate(written_s, usegmt=True), sent_ns, now_ns)
        assert clock.earliest_ns(now_ns) <= now_ns + ahead_ns <= clock.latest_ns(now_ns)
        assert clock.latest_ns(now_ns) - clock.earliest_ns(now_ns) <= 2 * SECOND
