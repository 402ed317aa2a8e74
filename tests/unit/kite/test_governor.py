"""No server second sees more than the limit, whatever the latency; cancels go first."""

import asyncio
import random
from collections import Counter

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import ConnectFailed, NetworkException, TokenException
from patang.kite.governor import Lane, OrderGovernor

SECOND = 1_000_000_000


@pytest.fixture
async def governed(clock):
    governor = OrderGovernor(clock, per_second=3)
    running = asyncio.create_task(governor.run())
    yield governor
    running.cancel()


async def test_slots_beyond_the_limit_wait_a_second_after_the_reply(clock, governed):
    sent = []

    async def order() -> None:
        async with governed.slot(Lane.ENTRY):
            sent.append(clock.now_ns())
            await clock.sleep(0.2)

    start = clock.now_ns()
    async with asyncio.TaskGroup() as group:
        for _ in range(7):
            group.create_task(order())
        await clock.run_for(10)
    assert [(at - start) / SECOND for at in sent] == [0, 0, 0, 1.2, 1.2, 1.2, 2.4]


@pytest.mark.parametrize("seed", range(5))
async def test_no_server_second_ever_sees_more_than_the_limit(clock, seed):
    governor = OrderGovernor(clock, per_second=9)
    running = asyncio.create_task(governor.run())
    chance = random.Random(seed)
    server_clock_ahead_ns = chance.randrange(SECOND)
    arrivals: Counter[int] = Counter()

    async def order() -> None:
        await clock.sleep(chance.uniform(0, 5))
        async with governor.slot(chance.choice(list(Lane))):
            await clock.sleep(chance.choice([0.001, 0.3, 2.0]) * chance.random())
            arrivals[(clock.now_ns() + server_clock_ahead_ns) // SECOND] += 1
            await clock.sleep(chance.uniform(0, 0.5))

    async with asyncio.TaskGroup() as group:
        for _ in range(120):
            group.create_task(order())
        await clock.run_for(120)
    running.cancel()
    assert sum(arrivals.values()) == 120
    assert max(arrivals.values()) <= 9


async def test_a_cancel_overtakes_waiting_entries(clock, governed):
    sent = []

    async def send(name: str, lane: Lane) -> None:
        async with governed.slot(lane):
            sent.append(name)

    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(send(f"entry{n}", Lane.ENTRY))
        await clock.run_for(0.1)
        assert governed.waiting == 2
        group.create_task(send("exit", Lane.EXIT))
        group.create_task(send("cancel", Lane.CANCEL))
        await clock.run_for(5)
    assert sent == ["entry0", "entry1", "entry2", "cancel", "exit", "entry3", "entry4"]


async def test_an_unanswered_request_keeps_its_slot_until_it_can_no_longer_arrive(clock, governed):
    async def order(error: Exception | None = None) -> None:
        async with governed.slot(Lane.ENTRY):
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


@pytest.mark.parametrize(
    "error", [ConnectFailed("no route"), TokenException("no session"), InvalidValue("tag", "long")]
)
async def test_what_was_never_sent_takes_no_slot(clock, governed, error):
    sent = []

    async def send(error: Exception | None) -> None:
        async with governed.slot(Lane.CANCEL):
            if error:
                raise error
            sent.append(clock.now_ns())

    start = clock.now_ns()
    waiting = [asyncio.create_task(send(error)) for _ in range(6)]
    await clock.run_for(0.1)
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(send(None))
        await clock.run_for(5)
    assert sent[0] - start < SECOND


async def test_a_waiter_that_gives_up_takes_no_slot(clock, governed):
    async def order() -> None:
        async with governed.slot(Lane.ENTRY):
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


@pytest.mark.parametrize("per_second", [0, 11])
def test_a_limit_that_kite_would_not_allow_is_refused(clock, per_second):
    with pytest.raises(InvalidValue, match="per_second"):
        OrderGovernor(clock, per_second=per_second)
