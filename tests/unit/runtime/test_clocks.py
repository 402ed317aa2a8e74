"""Clocks that are told the time, and one that follows a world at speed without stepping back."""

import asyncio

from patang.domain.market import NS_PER_SECOND
from patang.runtime.clocks import SimClock, VenueClock, sleep_until


async def test_a_simulated_clock_moves_only_when_told_and_never_back():
    clock = SimClock(100)
    assert clock.now_ns() == 100
    clock.advance_to(90)
    assert clock.now_ns() == 100
    clock.advance_to(250)
    assert clock.now_ns() == 250


async def test_a_sleeper_wakes_when_the_clock_has_passed_its_time():
    clock = SimClock(0)
    sleeper = asyncio.create_task(clock.sleep(2))
    await asyncio.sleep(0)
    for at_s, is_awake in ((1, False), (1.999, False), (2, True)):
        clock.advance_to(round(at_s * NS_PER_SECOND))
        for _ in range(3):
            await asyncio.sleep(0)
        assert sleeper.done() is is_awake


async def test_sleeping_until_a_past_time_returns_at_once():
    clock = SimClock(10)
    async with asyncio.timeout(5):
        await sleep_until(clock, 5)
    assert clock.now_ns() == 10


def test_a_world_that_is_behind_is_waited_for():
    clock = VenueClock(1_000 * NS_PER_SECOND, speed=0)
    clock.synchronise(900 * NS_PER_SECOND, speed=0)
    assert clock.now_ns() == 1_000 * NS_PER_SECOND
    clock.synchronise(1_100 * NS_PER_SECOND, speed=0)
    assert clock.now_ns() == 1_100 * NS_PER_SECOND


def test_a_world_at_speed_runs_on_between_synchronisations():
    clock = VenueClock(0, speed=1e6)
    first = clock.now_ns()
    while clock.now_ns() == first:
        pass
    assert clock.now_ns() > first


async def test_sleeping_in_a_fast_world_is_short():
    clock = VenueClock(0, speed=1e6)
    async with asyncio.timeout(5):
        await clock.sleep(60)
    assert clock.now_ns() >= 60 * NS_PER_SECOND
