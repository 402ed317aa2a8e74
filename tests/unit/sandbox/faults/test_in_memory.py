"""Faults where there is no network below the application."""

import asyncio

import pytest

from patang.kite import Kite, OrderOutcomeUnknown, Timeouts
from patang.sandbox.faults.menu import (
    CutExchange,
    DelayRequest,
    DropRequest,
    Fault,
    LoseReply,
    SkewClock,
    TruncateReply,
)
from patang.sandbox.in_process import MemoryCourier, SandboxApp, sandbox_app


async def place(app: SandboxApp, **more) -> str:
    ready = app.ready
    kite = Kite(
        ready.api_key,
        ready.users[0].access_token,
        ready.root,
        transport=MemoryCourier(app),
        timeouts=Timeouts(read=0.2),
    )
    return await kite.place_order(
        "regular", "NSE", "INFY", "BUY", 1, "MIS", "LIMIT", price=1400, **more
    )


@pytest.mark.parametrize(
    ("fault", "orders"),
    [
        (DropRequest(ending="hang"), 0),
        (DropRequest(ending="close"), 0),
        (LoseReply(ending="hang"), 1),
        (LoseReply(ending="reset"), 1),
        (TruncateReply(framing="cut"), 1),
        (TruncateReply(framing="short"), 1),
    ],
)
async def test_a_lost_answer_is_lost_in_memory_too(fault: Fault, orders: int):
    app = sandbox_app()
    app.world.faults.order([fault])
    with pytest.raises(OrderOutcomeUnknown):
        await place(app)
    assert len(app.truth()["users"]["AB1234"]["orders"]) == orders


async def test_a_delay_in_market_time_waits_for_the_hand_on_the_clock():
    app = sandbox_app()
    app.world.faults.order([DelayRequest(seconds=30, clock="virtual")])
    placing = asyncio.create_task(place(app))
    await asyncio.sleep(0.01)
    app.advance(29.999)
    await asyncio.sleep(0)
    assert app.truth()["users"]["AB1234"]["orders"] == []
    app.advance(0.001)
    order_id = await placing
    (order,) = app.truth()["users"]["AB1234"]["orders"]
    assert (order["order_id"], order["order_timestamp"]) == (order_id, "2026-11-19 09:20:30")


def test_overlapping_cuts_end_with_the_last_of_them():
    app = sandbox_app()
    app.world.faults.order([CutExchange(for_s=20), CutExchange(at_s=10, for_s=20)])
    exchange = app.world.exchange
    cut = []
    for _ in range(4):
        cut.append(exchange.is_cut)
        app.advance(10)
    assert cut == [True, True, True, False]


def test_skews_add_up_and_end_one_by_one():
    app = sandbox_app()
    world = app.world
    world.faults.order([SkewClock(seconds=5, for_s=20), SkewClock(seconds=-2, at_s=10)])
    skews = []
    for _ in range(3):
        skews.append((world.date_ns - world.now_ns) / 1e9)
        app.advance(10)
    assert skews == [5, 3, -2]
    world.faults.clear()
    assert world.date_ns == world.now_ns
    assert not len(world.faults.plan)


def test_a_timed_fault_that_was_taken_back_never_begins():
    app = sandbox_app()
    (planned,) = app.world.faults.order([CutExchange(at_s=10)])
    app.world.faults.take_back(planned.id)
    app.advance(11)
    assert not app.world.exchange.is_cut
