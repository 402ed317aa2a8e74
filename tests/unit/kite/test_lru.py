"""Single flight and the byte-bounded cache."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.errors import InvalidValue
from patang.kite.lru import ByteCache, Kept
from patang.kite.single_flight import SingleFlight


class Loader:
    """Loads on command, and counts."""

    def __init__(self) -> None:
        self.loads = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.loads += 1
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return self.loads


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_at_once_share_one_load():
    flights, load = SingleFlight(), Loader()
    callers = [asyncio.create_task(flights.get("k", load)) for _ in range(50)]
    await settle()
    load.may_end.set()
    assert await asyncio.gather(*callers) == [1] * 50
    assert len(flights) == 0
    assert await flights.get("k", load) == 2


async def test_a_failed_load_fails_for_all_who_waited_and_for_nobody_after():
    flights, load = SingleFlight(), Loader()
    load.error = OSError("no")
    callers = [asyncio.create_task(flights.get("k", load)) for _ in range(5)]
    await settle()
    load.may_end.set()
    assert {type(end) for end in await asyncio.gather(*callers, return_exceptions=True)} == {
        OSError
    }
    load.error = None
    assert await flights.get("k", load) == 2


async def test_a_cancelled_loader_hands_over_to_one_who_waits():
    flights, load = SingleFlight(), Loader()
    first, second, third = (asyncio.create_task(flights.get("k", load)) for _ in range(3))
    await settle()
    first.cancel()
    await settle()
    assert load.loads == 2
    second.cancel()
    await settle()
    load.may_end.set()
    assert await third == 3
    assert first.cancelled()
    assert second.cancelled()


async def test_a_cancelled_waiter_leaves_the_load_alone():
    flights, load = SingleFlight(), Loader()
    first, second = (asyncio.create_task(flights.get("k", load)) for _ in range(2))
    await settle()
    second.cancel()
    await settle()
    load.may_end.set()
    assert await first == 1


async def returning(value: str) -> str:
    return value


def a_key(name: object) -> tuple:
    return (Kept.CANDLES, name)


async def test_what_was_used_last_stays():
    cache = ByteCache(10, len)
    for name in ("aaaa", "bbbb"):
        await cache.get(a_key(name), lambda name=name: returning(name))
    assert await cache.get(a_key("aaaa"), lambda: returning("never")) == "aaaa"
    await cache.get(a_key("cccc"), lambda: returning("cccc"))
    assert a_key("bbbb") not in cache
    assert a_key("aaaa") in cache
    assert (cache.counters.hits, cache.counters.misses, cache.counters.evicted) == (1, 3, 1)
    cache.drop(lambda key: key == a_key("cccc"))
    assert (len(cache), cache.bytes_kept) == (1, 4)


async def test_what_is_larger_than_everything_is_given_and_not_kept():
    cache = ByteCache(3, len)
    assert await cache.get(a_key(1), lambda: returning("long")) == "long"
    assert (len(cache), cache.counters.too_large) == (0, 1)


@pytest.mark.parametrize("key", [("orders",), ("quote", "NSE:INFY"), (), ("candles", 1)])
async def test_quotes_and_orders_have_no_key(key):
    with pytest.raises(InvalidValue, match="may be kept"):
        await ByteCache(3, len).get(key, lambda: returning("x"))
    with pytest.raises(InvalidValue):
        ByteCache(0, len)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 30)), max_size=60), st.integers(1, 60))
def test_the_budget_holds_and_the_least_used_go_first(calls, budget):
    async def run() -> None:
        cache = ByteCache(budget, len)
        model: dict[int, int] = {}
        for name, size in calls:
            if name in model:
                size = model.pop(name)
            await cache.get(a_key(name), lambda size=size: returning("x" * size))
            if size <= budget:
                model[name] = size
            while sum(model.values()) > budget:
                del model[next(iter(model))]
            assert cache.bytes_kept == sum(model.values()) <= budget
            assert [key[1] for key in cache._values] == list(model)

    asyncio.run(run())
