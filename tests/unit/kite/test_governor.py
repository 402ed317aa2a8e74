"""No server second sees more than the limit, whatever the latency; cancels go first."""

import asyncio
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.kite import ConnectFailed, NetworkException, TokenException
from patang.kite.clock import SystemClock
from patang.kite.errors import LimitReached
from patang.kite.governor import Governor, Lane, Limits
from patang.wire.endpoints import RateClass
from patang.wire.errors import InputException

SECOND = 1_000_000_000
THREE = Limits(orders_per_second=3)


@pytest.fixture
def governed(clock):
    return Governor(clock, limits=THREE)


async def test_slots_beyond_the_limit_wait_a_second_after_the_reply(clock, governed):
    sent = []

    async def order() -> None:
        async with governed.slot():
            sent.append(clock.now_ns())
            await clock.sleep(0.2)

    start = clock.now_ns()
    async with asyncio.TaskGroup() as group:
        for _ in range(7):
            group.create_task(order())
        await clock.run_for(10)
    assert [(at - start) / SECOND for at in sent] == [0, 0, 0, 1.2, 1.2, 1.2, 2.4]


async def test_twenty_calls_at_ten_a_second_take_at_least_a_second(clock):
    governor = Governor(clock)
    start_ns = clock.now_ns()
    sent: list[int] = []

    async def call() -> None:
        async with governor.slot(RateClass.GENERAL):
            sent.append(clock.now_ns())
            await clock.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(call())
        await clock.run_for(5)
    assert len(sent) == 20
    assert sent[-1] - start_ns >= SECOND
    assert max(Counter(at // SECOND for at in sent).values()) <= 10


@pytest.mark.parametrize(
    ("rate", "limit"),
    [
        (RateClass.QUOTE, 1),
        (RateClass.HISTORICAL, 3),
        (RateClass.GENERAL, 10),
        (RateClass.ORDER, 9),
    ],
)
async def test_each_class_has_its_own_limit(clock, rate, limit):
    governor = Governor(clock)
    sent: list[int] = []

    async def call() -> None:
        async with governor.slot(rate):
            sent.append(clock.now_ns())

    async with asyncio.TaskGroup() as group:
        for _ in range(2 * limit + 1):
            group.create_task(call())
        await clock.run_for(4)
    seconds = Counter((at - sent[0]) / SECOND for at in sent)
    assert seconds == {0.0: limit, 1.0: limit, 2.0: 1}


@pytest.mark.parametrize("seed", range(5))
async def test_no_server_second_ever_sees_more_than_the_limit(clock, seed):
    governor = Governor(clock)
    chance = random.Random(seed)
    server_clock_ahead_ns = chance.randrange(SECOND)
    arrivals: Counter[int] = Counter()

    async def order() -> None:
        await clock.sleep(chance.uniform(0, 5))
        async with governor.slot(lane=chance.choice(list(Lane))):
            await clock.sleep(chance.choice([0.001, 0.3, 2.0]) * chance.random())
            arrivals[(clock.now_ns() + server_clock_ahead_ns) // SECOND] += 1
            await clock.sleep(chance.uniform(0, 0.5))

    async with asyncio.TaskGroup() as group:
        for _ in range(120):
            group.create_task(order())
        await clock.run_for(120)
    assert sum(arrivals.values()) == 120
    assert max(arrivals.values()) <= 9


async def test_a_cancel_overtakes_an_exit_a_change_and_waiting_entries(clock, governed):
    sent = []

    async def send(name: str, lane: Lane) -> None:
        async with governed.slot(lane=lane):
            sent.append(name)

    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(send(f"entry{n}", Lane.ENTRY))
        await clock.run_for(0.1)
        assert governed.waiting == 2
        group.create_task(send("change", Lane.MODIFY))
        group.create_task(send("exit", Lane.EXIT))
        group.create_task(send("cancel", Lane.CANCEL))
        await clock.run_for(5)
    assert sent == ["entry0", "entry1", "entry2", "cancel", "exit", "change", "entry3", "entry4"]


async def test_an_unanswered_request_keeps_its_slot_until_it_can_no_longer_arrive(clock, governed):
    async def order(error: Exception | None = None) -> None:
        async with governed.slot():
            if error:
                raise error

    for _ in range(2):
        with pytest.raises(NetworkException):
            await order(NetworkException("no reply"))
    with pytest.raises(NetworkException):
        await order(NetworkException("an answer", status=503))
    start = clock.now_ns()
    done: list[float] = []

    async def later() -> None:
        await order()
        done.append((clock.now_ns() - start) / SECOND)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(later())
        await clock.run_for(30)
    assert done == [1, 2, 3]
    for _ in range(3):
        with pytest.raises(NetworkException):
            async with governed.slot():
                raise NetworkException("no reply")
        await clock.run_for(1)
    # Held until the bound on arrival and a second more: eleven seconds after each time-out.
    assert governed.state().classes[RateClass.ORDER].wait_s == 8


async def test_a_read_that_was_not_answered_holds_its_slot_a_second_only(clock, governed):
    with pytest.raises(NetworkException):
        async with governed.slot(RateClass.QUOTE):
            raise NetworkException("no reply")
    assert governed.state().classes[RateClass.QUOTE].wait_s == 1


@pytest.mark.parametrize(
    "error", [ConnectFailed("no route"), TokenException("no session"), InvalidValue("tag", "long")]
)
async def test_what_was_never_sent_takes_no_slot_and_no_order_of_the_day(clock, governed, error):
    sent = []

    async def send(error: Exception | None) -> None:
        async with governed.slot(lane=Lane.CANCEL, orders=1, order_id="7"):
            if error:
                raise error
            sent.append(clock.now_ns())

    start = clock.now_ns()
    waiting = [asyncio.create_task(send(error)) for _ in range(30)]
    await clock.run_for(0.1)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert governed.state().orders_today == 0
    async with asyncio.TaskGroup() as group:
        group.create_task(send(None))
        await clock.run_for(5)
    assert sent[0] - start < SECOND
    assert governed.state().orders_today == 1


async def test_a_waiter_that_gives_up_takes_no_slot(clock, governed):
    async def order() -> None:
        async with governed.slot():
            await clock.sleep(60)

    tasks = [asyncio.create_task(order()) for _ in range(5)]
    await clock.run_for(0.1)
    tasks[3].cancel()
    tasks[0].cancel()
    await clock.run_for(20)
    assert governed.waiting == 0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_minute_has_its_limit_and_keeps_some_for_exits(clock):
    limits = Limits(orders_per_minute=20, reserve_per_minute=5)
    governor = Governor(clock, limits=limits)
    start = clock.now_ns()
    sent: list[tuple[str, float]] = []

    async def send(lane: Lane) -> None:
        async with governor.slot(lane=lane):
            sent.append((lane.name, (clock.now_ns() - start) / SECOND))

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(send(Lane.ENTRY))
        await clock.run_for(10)
        assert len(sent) == 15
        for _ in range(6):
            group.create_task(send(Lane.CANCEL))
        await clock.run_for(10)
        assert [name for name, _ in sent[15:]] == ["CANCEL"] * 5
        await clock.run_for(60)
    assert sent[20] == ("CANCEL", 60)
    assert sent[21][0] == "ENTRY"


async def test_the_day_refuses_entries_before_exits_and_says_so(clock):
    governor = Governor(clock, limits=Limits(orders_per_day=4, reserve_per_day=1))

    async def place(lane: Lane, orders: int = 1) -> None:
        async with governor.slot(lane=lane, orders=orders):
            pass

    await place(Lane.ENTRY, orders=3)
    with pytest.raises(LimitReached, match="3 of 4 orders of the day"):
        await place(Lane.ENTRY)
    await place(Lane.EXIT)
    with pytest.raises(LimitReached, match="4 of 4 orders of the day"):
        await place(Lane.EXIT)
    await place(Lane.CANCEL, orders=0)
    assert governor.state().orders_today == 4
    await clock.run_for(20 * 3600)
    assert governor.state().orders_today == 0
    await place(Lane.ENTRY)


async def test_orders_placed_by_hand_count_as_they_are_seen(clock):
    governor = Governor(clock, limits=Limits(orders_per_day=100, reserve_per_day=0))
    for status in (None, None, 400):
        try:
            async with governor.slot(orders=1):
                if status:
                    raise InputException("no", status=status)
        except InputException:
            pass
    assert governor.state().orders_today == 3
    # Two of ours have rows and one was refused before it had any: five rows are three by hand.
    await governor.see_order_book(5)
    assert governor.state().orders_today == 6
    await governor.see_order_book(4)
    assert governor.state().orders_today == 6


async def test_an_order_is_modified_no_more_often_than_kite_allows(clock):
    governor = Governor(clock, limits=Limits(modifications_per_order=2))

    async def modify(order_id: str) -> None:
        async with governor.slot(lane=Lane.MODIFY, order_id=order_id):
            pass

    await modify("1")
    await modify("1")
    with pytest.raises(LimitReached, match="order 1 has been modified 2 times"):
        await modify("1")
    await modify("2")


async def test_a_429_holds_the_class_for_a_second(clock, governed):
    with pytest.raises(NetworkException):
        async with governed.slot():
            raise NetworkException("Too many requests", status=429)
    state = governed.state().classes
    assert state[RateClass.ORDER].wait_s == 1
    assert state[RateClass.GENERAL].can_go_now


async def test_the_state_says_whether_a_call_can_go_and_how_many_went(clock, governed):
    assert governed.state().classes[RateClass.ORDER].can_go_now
    for _ in range(3):
        async with governed.slot(orders=1):
            pass
    await clock.run_for(0.25)
    state = governed.state()
    orders = state.classes[RateClass.ORDER]
    assert not orders.can_go_now
    assert orders.wait_s == 0.75
    assert orders.held == (3, 3)
    assert orders.limits == (3, 400)
    assert orders.sent_today == state.orders_today == 3
    assert governed.state(Lane.CANCEL).classes[RateClass.QUOTE].can_go_now


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("orders_per_second", 0),
        ("orders_per_second", 11),
        ("reserve_per_minute", 400),
        ("arrival_bound_s", -1.0),
        ("modifications_per_order", 0),
    ],
)
def test_limits_that_kite_would_not_allow_are_refused(field, value):
    with pytest.raises(InvalidValue, match=field):
        Limits(**{field: value})


async def test_what_no_slot_can_be_asked_for_is_refused(clock, governed):
    with pytest.raises(InvalidValue, match="orders"):
        async with governed.slot(orders=-1):
            pass
    with pytest.raises(InvalidValue, match="longest_s"):
        async with governed.slot(longest_s=301):
            pass


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("hours", [1, 48])
async def test_a_clock_that_was_set_back_holds_up_no_cancel(clock, tmp_path, is_shared, hours):
    path = tmp_path / "AB1234.state" if is_shared else None
    governor = Governor(clock, limits=THREE, path=path)
    sent = []

    async def request(lane: Lane) -> None:
        async with governor.slot(lane=lane):
            sent.append(clock.now_ns())

    for _ in range(3):
        await request(Lane.ENTRY)
    clock.step(-3_600 * hours)
    start_ns = clock.now_ns()
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(request(Lane.CANCEL))
        await clock.run_for(3)
    waits = [(at - start_ns) / SECOND for at in sent[3:]]
    assert waits == pytest.approx([1, 1, 1, 2], abs=0.06)


@pytest.mark.parametrize("is_shared", [False, True])
def test_clients_of_several_threads_take_turns_at_one_governor(tmp_path, is_shared):
    limits = Limits(orders_per_second=8, arrival_bound_s=0)
    governor = Governor(limits=limits, path=tmp_path / "AB1234.state" if is_shared else None)
    sent: list[float] = []

    async def six_orders() -> None:
        for _ in range(6):
            async with governor.slot():
                sent.append(time.monotonic())
                await asyncio.sleep(0.01)

    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(asyncio.run, six_orders()) for _ in range(4)]
        for each in done:
            each.result(timeout=20)
    sent.sort()
    assert len(sent) == 24
    assert all(later - earlier >= 0.99 for earlier, later in zip(sent, sent[8:], strict=False))
    assert governor.waiting == 0


class SteppedClock(SystemClock):
    """A machine's clock that a time server sets, while a second stays a second."""

    def __init__(self) -> None:
        self.wall_ns = 1_767_589_215 * NS_PER_SECOND
        self.since_start_ns = 50 * NS_PER_SECOND

    def now_ns(self) -> int:
        return self.wall_ns

    def steady_ns(self) -> int:
        return self.since_start_ns


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("step_s", [-3_600, -2, 2, 3_600])
async def test_setting_the_machines_clock_neither_frees_nor_holds_a_slot(
    tmp_path, is_shared, step_s
):
    clock = SteppedClock()
    governor = Governor(clock, path=tmp_path / "account.state" if is_shared else None)
    for _ in range(governor.limits.orders_per_second):
        async with governor.slot():
            pass
    clock.wall_ns += step_s * NS_PER_SECOND
    clock.since_start_ns += NS_PER_SECOND // 2
    after_half_a_second = governor.state().classes[RateClass.ORDER]
    assert after_half_a_second.held[0] == governor.limits.orders_per_second
    assert after_half_a_second.wait_s == pytest.approx(0.5)
    clock.since_start_ns += NS_PER_SECOND // 2
    assert governor.state().classes[RateClass.ORDER].can_go_now
    governor.close()
