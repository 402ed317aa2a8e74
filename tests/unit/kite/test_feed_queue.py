"""The feed's queue: bounded for ticks, lossless for everything else."""

import pytest

from patang.kite import FeedDisconnected, FeedFrame, FeedNotice
from patang.kite.feed_queue import FeedQueue
from patang.wire.ticks import Packet, PacketKind


def frame(at_ns: int, **prices: int) -> FeedFrame:
    packets = tuple(Packet(int(t[1:]), PacketKind.LTP, price) for t, price in prices.items())
    return FeedFrame(packets=packets, received_ns=at_ns, received_monotonic_ns=at_ns, raw_size=10)


LOST = FeedDisconnected(at_ns=0, reason="x", retry_in_s=1.0)


async def test_events_come_out_in_order():
    queue = FeedQueue(2)
    first, second = frame(1, t1=10), frame(2, t1=11)
    queue.put(first)
    queue.put(second)
    assert [await queue.get(), await queue.get()] == [first, second]
    assert queue.conflated == 0


async def test_a_full_queue_merges_ticks_and_counts_what_was_replaced():
    queue = FeedQueue(1)
    for event in (frame(1, t1=10, t2=20), frame(2, t1=11), frame(3, t1=12, t3=30)):
        queue.put(event)
    merged = await queue.get()
    assert {p.token: p.last_price for p in merged.packets} == {1: 12, 2: 20, 3: 30}
    assert (merged.received_ns, merged.raw_size, merged.conflated) == (3, 30, 2)
    assert len(queue) == 0


async def test_nothing_but_ticks_is_ever_merged_away():
    queue = FeedQueue(1)
    for event in (LOST, LOST, frame(1, t1=1), LOST, frame(2, t1=2), frame(3, t1=3)):
        queue.put(event)
    events = [await queue.get() for _ in range(len(queue))]
    assert events.count(LOST) == 3
    assert [type(event).__name__ for event in events[-3:]] == [
        "FeedFrame",
        "FeedDisconnected",
        "FeedFrame",
    ]
    assert queue.conflated == 1


async def test_frames_stay_few_though_updates_come_between_them():
    queue = FeedQueue(4)
    notice = FeedNotice(text="x", is_error=False, received_ns=0)
    for at_ns in range(1, 101):
        queue.put(frame(at_ns, t1=at_ns, t2=at_ns))
        queue.put(notice)
    events = [await queue.get() for _ in range(len(queue))]
    frames = [event for event in events if isinstance(event, FeedFrame)]
    assert events.count(notice) == 100
    assert len(frames) <= 4
    assert [event.received_ns for event in frames] == sorted(e.received_ns for e in frames)
    assert {p.last_price for p in frames[-1].packets} == {100}
    assert sum(len(each.packets) for each in frames) + queue.conflated == 200


async def test_a_closed_queue_drains_and_then_ends_or_raises():
    queue = FeedQueue(4)
    queue.put(LOST)
    queue.close()
    assert await queue.get() == LOST
    with pytest.raises(StopAsyncIteration):
        await queue.get()
    failed = FeedQueue(4)
    failed.close(ValueError("gone"))
    failed.close()
    for _ in range(2):
        with pytest.raises(ValueError, match="gone"):
            await failed.get()
