import asyncio

from patang.sandbox.waits import VirtualWaits
from patang.simulator.agenda import FOREVER_NS


async def sleeper(waits: VirtualWaits, due_ns: int, told: list[int]) -> None:
    async with waits.until(due_ns):
        await asyncio.sleep(0)
        told.append(due_ns)


async def test_sleepers_wake_in_the_order_of_their_moments_and_are_waited_for():
    waits, told = VirtualWaits(), []
    async with asyncio.TaskGroup() as tasks:
        for due_ns in (30, 10, 20):
            tasks.create_task(sleeper(waits, due_ns, told))
        await asyncio.sleep(0)
        assert waits.next_ns == 10
        waits.release(20)
        assert told == []
        await waits.settle(1)
        assert told == [10, 20]
        assert waits.next_ns == 30
        waits.release(30)
    assert waits.next_ns == FOREVER_NS


async def test_a_sleeper_that_gives_up_is_forgotten():
    waits = VirtualWaits()
    sleeping = asyncio.create_task(sleeper(waits, 10, []))
    other = asyncio.create_task(sleeper(waits, 20, []))
    await asyncio.sleep(0)
    sleeping.cancel()
    await asyncio.wait({sleeping})
    assert waits.next_ns == 20
    waits.release(20)
    await other
    await waits.settle(1)


async def test_settling_ends_in_time_when_a_sleeper_does_not():
    waits, stuck = VirtualWaits(), asyncio.Event()

    async def never() -> None:
        async with waits.until(1):
            await stuck.wait()

    task = asyncio.create_task(never())
    await asyncio.sleep(0)
    waits.release(1)
    await waits.settle(0.01)
    assert not task.done()
    stuck.set()
    await task
    await waits.settle(0.01)
