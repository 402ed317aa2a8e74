"""The inbox keeps order, never drops an order event, and says which ticks it replaced."""

import asyncio

import pytest

from patang.domain.errors import InvalidValue
from patang.domain.messages import AnyEvent, TicksConflated, TicksReceived, TimerFired
from patang.runtime.inbox import Inbox
from tests.builders import INFY, TCS, tick


def frame(price: float, *, instrument=INFY, at_ns: int = 1) -> TicksReceived:
    return TicksReceived(at_ns=at_ns, ticks=(tick(price, at_ns, instrument=instrument),))


def drain(inbox: Inbox) -> list[AnyEvent]:
    taken = []
    while (each := inbox.take()) is not None:
        taken.append(each[0])
    return taken


def test_events_come_out_as_they_went_in_with_their_arrival():
    inbox = Inbox()
    events = [frame(1.0), TimerFired(at_ns=2), frame(2.0)]
    for arrived_ns, event in enumerate(events):
        inbox.put(event, arrived_ns)
    assert len(inbox) == 3
    assert [inbox.take() for _ in range(4)] == [*zip(events, range(3), strict=True), None]


def test_a_full_inbox_keeps_the_newest_tick_of_each_instrument_and_says_so():
    inbox = Inbox(max_tick_events=2)
    for number in range(6):
        inbox.put(frame(100.0 + number, at_ns=number), number)
    inbox.put(frame(50.0, instrument=TCS, at_ns=6), 6)
    first, second, conflated, newest = drain(inbox)
    assert [first.ticks[0].last_price, second.ticks[0].last_price] == [100.0, 101.0]
    assert conflated == TicksConflated(at_ns=6, instruments=(INFY.id,), dropped=3)
    assert [each.last_price for each in newest.ticks] == [105.0, 50.0]
    assert inbox.dropped_ticks == 3


def test_ticks_that_only_waited_together_are_not_called_conflated():
    inbox = Inbox(max_tick_events=1)
    for instrument in (INFY, TCS):
        inbox.put(frame(1.0, instrument=instrument), 0)
    assert [type(event) for event in drain(inbox)] == [TicksReceived, TicksReceived]


def test_order_events_are_never_dropped_however_full_it_is():
    inbox = Inbox(max_tick_events=1)
    timers = [TimerFired(at_ns=number) for number in range(500)]
    for timer in timers:
        inbox.put(frame(1.0), 0)
        inbox.put(timer, 0)
    assert [event for event in drain(inbox) if isinstance(event, TimerFired)] == timers


def test_after_conflation_the_bound_counts_from_nothing_again():
    inbox = Inbox(max_tick_events=1)
    for _ in range(3):
        inbox.put(frame(1.0), 0)
    drain(inbox)
    inbox.put(frame(2.0), 0)
    assert [event.ticks[0].last_price for event in drain(inbox)] == [2.0]
    assert len(inbox) == 0


async def test_waiting_ends_with_the_next_event():
    inbox = Inbox()
    assert inbox.take() is None
    waiter = asyncio.create_task(inbox.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    inbox.put(TimerFired(at_ns=1), 0)
    async with asyncio.timeout(5):
        await waiter
    assert inbox.take() is not None


def test_a_bound_below_one_is_refused():
    with pytest.raises(InvalidValue, match="max_tick_events"):
        Inbox(0)
