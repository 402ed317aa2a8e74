"""Safe placement: one request whatever happens, and the caller is told the truth."""

import asyncio

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import (
    ConnectFailed,
    Kite,
    MemoryTransport,
    NotPlaced,
    OrderOutcomeUnknown,
    Placed,
    Rejected,
    ReplyLost,
    Response,
    new_tag,
)
from patang.kite.retry import NO_RETRIES
from tests.lossy_exchange import HTML, LossyExchange, refusal, success

TIMED_OUT = refusal(400, "InputException", "Order request timed out. Please check the order book.")
LOST = [ReplyLost("reset"), success({}), TIMED_OUT]


@pytest.fixture
def exchange() -> LossyExchange:
    return LossyExchange()


@pytest.fixture
def kite(exchange, clock) -> Kite:
    transport = MemoryTransport(exchange.answer)
    return Kite(
        "key", "token", "http://127.0.0.1:1", transport=transport, clock=clock, retry=NO_RETRIES
    )


def placing(kite: Kite, **more) -> asyncio.Task:
    order = {"quantity": 10, "price": 1500.05, "tag": "tag1"} | more
    return asyncio.create_task(
        kite.place_order_safely("regular", "NSE", "INFY", "BUY", product="MIS",
                                order_type="LIMIT", **order)
    )  # fmt: skip


async def outcome(task: asyncio.Task, clock, seconds: float = 200):
    await clock.run_for(seconds)
    assert task.done()
    return task.result()


async def test_an_order_that_is_answered_is_placed_and_nothing_is_read(kite, exchange, clock):
    placed = await outcome(placing(kite), clock)
    assert placed == Placed(tag="tag1", order_id="1", order_ids=("1",))
    assert not placed.was_reply_lost
    assert exchange.requests == ["POST /orders/regular"]


async def test_every_order_has_a_tag_of_its_own(kite, exchange, clock):
    for _ in range(3):
        await outcome(placing(kite, tag=None, tag_prefix="swing"), clock)
    tags = [order["tag"] for order in exchange.orders.values()]
    assert len(set(tags)) == 3
    assert all(tag.startswith("swing") and len(tag) <= 20 and tag.isalnum() for tag in tags)


@pytest.mark.parametrize("lost", LOST)
async def test_a_lost_reply_is_found_in_the_book(kite, exchange, clock, lost):
    exchange.faults["POST"] = [lost]
    placed = await outcome(placing(kite), clock, seconds=0.3)
    assert isinstance(placed, Placed)
    assert placed.order_id == "1"
    assert placed.row.order_id == "1"
    assert placed.was_reply_lost
    assert exchange.requests == ["POST /orders/regular", "GET /orders"]


async def test_a_row_that_appears_late_is_found(kite, exchange, clock):
    exchange.faults["POST"] = [ReplyLost("reset")]
    exchange.hidden = {"1"}
    task = placing(kite)
    await clock.run_for(60)
    assert exchange.count("GET /orders") == 5
    exchange.hidden.clear()
    placed = await outcome(task, clock, seconds=31)
    assert placed.order_id == "1"
    assert exchange.count("POST /orders/regular") == 1


async def test_an_update_of_the_feed_ends_the_search_at_once(kite, exchange, clock):
    exchange.faults["POST"] = [ReplyLost("reset")]
    exchange.hidden = {"1"}
    task = placing(kite)
    await clock.run_for(5)
    kite.order_seen(exchange.update("1").order)
    placed = await outcome(task, clock, seconds=0)
    assert placed.order_id == "1"


async def test_an_order_that_never_arrived_is_presumed_not_placed_after_the_window(
    kite, exchange, clock
):
    exchange.faults["POST"] = [HTML]
    task = placing(kite)
    await clock.run_for(89.9)
    assert not task.done()
    absent = await outcome(task, clock, seconds=0.2)
    assert isinstance(absent, NotPlaced)
    assert absent.is_presumed
    assert absent.reads == 6
    assert "502" in absent.reason
    assert exchange.count("POST /orders/regular") == 1


async def test_an_order_that_turns_up_after_all_is_alarmed(kite, exchange, clock, caplog):
    exchange.faults["POST"] = [ReplyLost("reset")]
    exchange.hidden = {"1"}
    assert isinstance(await outcome(placing(kite), clock), NotPlaced)
    exchange.hidden.clear()
    await kite.orders()
    assert "was presumed not placed and has turned up" in caplog.text
    caplog.clear()
    await kite.orders()
    assert not caplog.records


@pytest.mark.parametrize("good_reads", [0, 1, 2])
async def test_too_few_reads_are_no_evidence(kite, exchange, clock, good_reads):
    exchange.faults = {"POST": [HTML], "GET": [HTML] * (6 - good_reads)}
    with pytest.raises(OrderOutcomeUnknown, match="tag1") as unknown:
        await outcome(placing(kite), clock)
    assert unknown.value.tag == "tag1"
    assert exchange.count("POST /orders/regular") == 1


@pytest.mark.parametrize(
    "reply", [ConnectFailed("no route"), refusal(429, "NetworkException", "Too many requests")]
)
async def test_what_cannot_have_been_placed_is_not_placed_for_certain(kite, exchange, clock, reply):
    exchange.faults["POST"] = [reply]
    absent = await outcome(placing(kite), clock, seconds=0)
    assert isinstance(absent, NotPlaced)
    assert not absent.is_presumed
    assert exchange.count("GET /orders") == 0


async def test_a_refusal_is_rejected_with_kites_own_error(kite, exchange, clock):
    exchange.faults["POST"] = [refusal(400, "MarginException", "Insufficient funds.")]
    rejected = await outcome(placing(kite), clock, seconds=0)
    assert isinstance(rejected, Rejected)
    assert rejected.order_id is None
    assert rejected.error.error_type == "MarginException"
    assert rejected.reason == "Insufficient funds."


async def test_a_lost_order_that_the_exchange_rejected_is_rejected(kite, exchange, clock):
    exchange.faults["POST"] = [ReplyLost("reset")]
    task = placing(kite)
    await clock.run_for(0)
    exchange.orders["1"] |= {"status": "REJECTED", "status_message": "RMS: margin exceeds"}
    rejected = await outcome(task, clock, seconds=1)
    assert rejected == Rejected(tag="tag1", order_id="1", reason="RMS: margin exceeds")


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 11},
        {"transaction_type": "SELL"},
        {"tradingsymbol": "TCS"},
        {"exchange": "BSE"},
        {"tag": "tag2"},
        {"order_timestamp": "2026-01-05 10:24:00"},
    ],
)
async def test_an_order_that_differs_is_not_taken_for_ours(kite, exchange, clock, other):
    exchange.faults["POST"] = [ReplyLost("reset")]
    task = placing(kite)
    await clock.run_for(0)
    exchange.orders["1"] |= other
    assert isinstance(await outcome(task, clock), NotPlaced)


@pytest.mark.parametrize(
    "same",
    [
        {"order_type": "LIMIT", "market_protection": 0},
        {"order_timestamp": "2026-01-05 10:26:00"},
        {"tag": "mktp", "tags": ["mktp", "tag1"]},
        {"status": "PUT ORDER REQ RECEIVED"},
        {"status": "COMPLETE", "filled_quantity": 10},
    ],
)
async def test_an_order_is_recognised_past_what_kite_changes(kite, exchange, clock, same):
    exchange.faults["POST"] = [ReplyLost("reset")]
    task = placing(kite)
    await clock.run_for(0)
    exchange.orders["1"] |= same
    assert (await outcome(task, clock)).order_id == "1"


async def test_several_orders_of_one_tag_are_an_unknown_outcome(kite, exchange, clock):
    exchange.faults["POST"] = [ReplyLost("reset")]
    task = placing(kite)
    await clock.run_for(0)
    exchange.orders["2"] = exchange.orders["1"] | {"order_id": "2"}
    await clock.run_for(1)
    with pytest.raises(OrderOutcomeUnknown, match=r"Several orders match: 1, 2"):
        task.result()


async def test_the_parts_of_a_sliced_order_are_found_together(kite, exchange, clock):
    exchange.faults["POST"] = [ReplyLost("reset")]
    task = placing(kite, autoslice=True)
    await clock.run_for(0)
    parts = [{"quantity": 6}, {"quantity": 4, "tags": ["autoslice", "autoslice:9", "tag1"]}]
    row = exchange.orders["1"]
    exchange.orders = {f"{n}": row | {"order_id": f"{n}"} | part for n, part in enumerate(parts)}
    placed = await outcome(task, clock, seconds=1)
    assert placed.order_ids == ("0", "1")


async def test_bad_input_is_named_and_nothing_is_sent(kite, exchange, clock):
    for field, bad in {"quantity": 0, "tag": "x" * 21, "tag_prefix": "too-long-for-it"}.items():
        more = {"tag": None} | {field: bad}
        with pytest.raises(InvalidValue, match=field):
            await outcome(placing(kite, **more), clock, seconds=0)
    assert exchange.requests == []


def test_new_tags_differ_and_fit():
    tags = {new_tag("abcdefgh") for _ in range(1_000)}
    assert len(tags) == 1_000
    assert {len(tag) for tag in tags} == {20}


async def test_a_cancelled_placement_leaves_no_search_behind(kite, exchange, clock):
    gate = asyncio.Event()

    async def answer(request) -> Response:
        if request.method == "GET":
            await gate.wait()
        return await exchange.answer(request)

    exchange.faults["POST"] = [ReplyLost("reset")]
    kite = Kite("key", "t", "http://127.0.0.1:1", transport=MemoryTransport(answer), clock=clock)
    task = placing(kite)
    await clock.run_for(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert kite._searches.see(exchange.update("1").order) is None
