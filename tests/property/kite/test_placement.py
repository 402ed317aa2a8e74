"""Whenever the row appears, whatever reads fail: one request, and never a word that is not true."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.kite import (
    Kite,
    MemoryTransport,
    NotPlaced,
    OrderOutcomeUnknown,
    Placed,
    ReplyLost,
    Response,
)
from patang.kite.reconcile import ENOUGH_READS, RESOLVE_AT_S
from patang.kite.retry import NO_RETRIES
from tests.hand_clock import HandClock
from tests.lossy_exchange import HTML, LossyExchange

seconds = st.one_of(st.sampled_from([0.0, *RESOLVE_AT_S]), st.floats(0, 130))
# An update at the very moment of a read may come before or after it.
between_reads = st.floats(0.001, 130).filter(
    lambda at_s: all(abs(at_s - read_s) > 0.001 for read_s in RESOLVE_AT_S)
)


@settings(max_examples=150, deadline=None)
@given(
    arrives=st.booleans(),
    row_at_s=st.none() | seconds,
    update_at_s=st.none() | between_reads,
    readable=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_the_caller_is_told_what_the_book_could_show(arrives, row_at_s, update_at_s, readable):
    outcome, exchange, took_s = asyncio.run(placed(arrives, row_at_s, update_at_s, readable))
    assert exchange.count("POST /orders/regular") == 1
    shown_s = [
        at_s
        for at_s, is_readable in zip(RESOLVE_AT_S, readable, strict=True)
        if arrives and is_readable and row_at_s is not None and row_at_s <= at_s
    ]
    if arrives and update_at_s is not None and update_at_s < RESOLVE_AT_S[-1]:
        shown_s.append(update_at_s)
    if isinstance(outcome, Placed):
        assert outcome.order_id == "1"
        assert took_s <= min(shown_s) + 0.01
        return
    assert not shown_s
    assert took_s >= RESOLVE_AT_S[-1]
    good_reads = 0
    for is_readable in readable:
        good_reads = good_reads + 1 if is_readable else 0
    assert isinstance(outcome, NotPlaced) is (good_reads >= ENOUGH_READS)
    if isinstance(outcome, NotPlaced):
        assert outcome.reads == good_reads
    else:
        assert isinstance(outcome, OrderOutcomeUnknown)


async def placed(arrives, row_at_s, update_at_s, readable):
    clock, exchange = HandClock(), LossyExchange()
    reads = iter(readable)

    async def answer(request) -> Response:
        if request.method == "GET" and not next(reads):
            return HTML
        return await exchange.answer(request)

    exchange.faults["POST"] = [ReplyLost("reset") if arrives else HTML]
    exchange.hidden = {"1"}
    transport = MemoryTransport(answer)
    kite = Kite("key", "t", "http://127.0.0.1:1", transport=transport, clock=clock,
                retry=NO_RETRIES)  # fmt: skip
    start_ns, took_ns = clock.now_ns(), 0

    async def place():
        nonlocal took_ns
        try:
            return await kite.place_order_safely(
                "regular", "NSE", "INFY", "BUY", 10, "MIS", "LIMIT", 1500, tag="tag1"
            )
        except OrderOutcomeUnknown as error:
            return error
        finally:
            took_ns = clock.now_ns() - start_ns

    async def show_row() -> None:
        await clock.sleep(row_at_s)
        exchange.hidden.clear()

    async def tell() -> None:
        await clock.sleep(update_at_s)
        if arrives:
            kite.order_seen(exchange.update("1").order)

    tasks = [asyncio.create_task(show_row())] if row_at_s is not None else []
    placing = asyncio.create_task(place())
    if update_at_s is not None:
        tasks.append(asyncio.create_task(tell()))
    await clock.run_for(200)
    await asyncio.gather(*tasks)
    return placing.result(), exchange, took_ns / 1e9
