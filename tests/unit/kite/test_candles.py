"""Candles of days that are over: one request a day, and never of today."""

import asyncio
import json
import tracemalloc
from datetime import date, datetime

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import Kite, MemoryTransport, Response
from patang.kite.candles import _BYTES_EACH, KiteCandles
from patang.kite.governor import Limits
from patang.rules.ist import IST, at_ist

FAST = Limits(others_per_second=1_000, candles_per_second=1_000)


class Desk:
    def __init__(self, candles: int = 2, at_ns: int = at_ist(date(2026, 11, 20), 10, 0)) -> None:
        self.at_ns = at_ns
        rows = [
            [f"2026-11-{1 + n % 28:02}T09:{n % 60:02}:00+0530", 1.05 + n, 2.05, 0.5, 1.55, 100 + n]
            for n in range(candles)
        ]
        self.body = json.dumps({"status": "success", "data": {"candles": rows}}).encode()
        self.transport = MemoryTransport(self.answer)
        kite = Kite("key", "token", "http://127.0.0.1:9", transport=self.transport, limits=FAST)
        self.candles = KiteCandles(kite, clock=self)

    def now_ns(self) -> int:
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the cache never waits")

    async def answer(self, request) -> Response:
        await asyncio.sleep(0)
        headers = {"content-type": "application/json"}
        return Response(status=200, headers=headers, body=self.body)


async def test_many_who_ask_for_a_span_that_is_over_cause_one_request():
    desk = Desk()
    found = await asyncio.gather(
        *(desk.candles.historical_data(408065, "2026-11-18", "2026-11-19", "day") for _ in range(9))
    )
    later = await desk.candles.historical_data(
        408065, date(2026, 11, 18), date(2026, 11, 19), "day"
    )
    assert len(desk.transport.sent) == 1
    assert all(candles == later for candles in found)
    assert later.to_dict() == json.loads(desk.body)["data"]
    later.clear()
    assert len(await desk.candles.historical_data(408065, "2026-11-18", "2026-11-19", "day")) == 2


@pytest.mark.parametrize(
    "end", ["2026-11-20", "2026-11-20 09:30:00", datetime(2026, 11, 21, tzinfo=IST)]
)
async def test_what_reaches_into_today_is_asked_for_each_time(end):
    desk = Desk()
    for _ in range(2):
        await desk.candles.historical_data(408065, "2026-11-18", end, "minute")
    assert len(desk.transport.sent) == 2
    assert desk.candles.counters.misses == 0


async def test_every_difference_is_a_span_of_its_own_and_the_morning_forgets_all():
    desk = Desk()
    for more in ({}, {"oi": True}, {"continuous": True}):
        await desk.candles.historical_data(1, "2026-11-18", "2026-11-19", "day", **more)
    await desk.candles.historical_data(1, "2026-11-18", "2026-11-19", "minute")
    await desk.candles.historical_data(2, "2026-11-18", "2026-11-19", "day")
    assert len(desk.transport.sent) == 5
    desk.at_ns = at_ist(date(2026, 11, 21), 8, 30)
    await desk.candles.historical_data(2, "2026-11-18", "2026-11-19", "day")
    assert len(desk.transport.sent) == 6
    assert len(desk.candles._cache) == 1


async def test_a_wrong_span_is_refused_and_nothing_is_kept():
    desk = Desk()
    with pytest.raises(InvalidValue, match="from_date"):
        await desk.candles.historical_data(1, "yesterday", "2026-11-19", "day")
    with pytest.raises(InvalidValue, match="interval"):
        await desk.candles.historical_data(1, "2026-11-18", "2026-11-19", "fortnight")
    assert desk.transport.sent == []


async def test_a_candle_takes_no_more_memory_than_it_is_counted_for():
    desk = Desk(candles=5_000)
    tracemalloc.start()
    candles = await desk.candles.historical_data(1, "2026-11-18", "2026-11-19", "minute")
    assert candles.to_dict()  # the answer is parsed once more, and stays
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / 5_000 < _BYTES_EACH
