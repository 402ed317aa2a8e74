"""What the feed tells reaches the node: ticks, and every gap in them."""

from patang.domain.messages import FeedGap, TicksReceived
from patang.kite import FeedConnected, FeedFrame, FeedStale
from patang.runtime.market_feed import KiteMarketFeed
from patang.wire.ticks import Packet, PacketKind
from tests.builders import INFY


class Script:
    """A feed that says what a test wrote down."""

    def __init__(self, *events: object) -> None:
        self.events = events

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def subscribe(self, tokens, mode) -> None:
        return

    async def __aiter__(self):
        for event in self.events:
            yield event


class Posts:
    def __init__(self) -> None:
        self.events: list = []

    def post(self, event, arrived_ns=None) -> None:
        self.events.append(event)


def frame(at_ns: int, connection: int = 0) -> FeedFrame:
    return FeedFrame(
        packets=(Packet(INFY.token, PacketKind.LTP, 10_000),),
        received_ns=at_ns,
        received_monotonic_ns=at_ns,
        raw_size=10,
        connection=connection,
    )


async def told(*events: object) -> tuple[list, int]:
    node, reads = Posts(), []
    feed = KiteMarketFeed(
        Script(*events), [INFY], lambda _: None, on_reconnect=lambda: reads.append(1)
    )
    await feed.run(node)
    return node.events, len(reads)


async def test_a_mute_connection_leaves_a_gap_and_has_the_books_read():
    events, reads = await told(frame(10), FeedStale(at_ns=60, last_tick_ns=10), frame(90))
    assert [type(event) for event in events] == [TicksReceived, FeedGap, TicksReceived]
    assert (events[1].from_ns, events[1].to_ns) == (10, 90)
    assert reads == 2


async def test_ticks_of_another_connection_do_not_end_the_staleness_of_this_one():
    events, _ = await told(
        FeedStale(at_ns=60, last_tick_ns=None, connection=1), frame(90), frame(95, 1)
    )
    gaps = [event for event in events if isinstance(event, FeedGap)]
    assert [(gap.from_ns, gap.to_ns) for gap in gaps] == [(60, 95)]


async def test_a_reconnection_leaves_a_gap_and_a_first_connection_none():
    events, reads = await told(
        FeedConnected(at_ns=1, is_reconnect=False, gap_from_ns=None),
        FeedConnected(at_ns=50, is_reconnect=True, gap_from_ns=20),
    )
    assert [(gap.from_ns, gap.to_ns) for gap in events] == [(20, 50)]
    assert reads == 1
