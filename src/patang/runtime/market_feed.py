"""Kite's ticker into the node: frames become ticks, order updates go to the broker's side."""

from collections.abc import Callable, Iterable

from patang.domain.instrument import Instrument
from patang.domain.messages import FeedGap, TicksReceived
from patang.kite import FeedConnected, FeedFrame, FeedStale, KiteFeed, OrderUpdate, TickMode
from patang.runtime.node import Node
from patang.wire.ticks import to_tick


class KiteMarketFeed:
    """Feeds one node from one ticker connection.

    ``on_order`` takes the order updates of the same socket: they are the broker's to interpret.
    """

    def __init__(
        self,
        feed: KiteFeed,
        instruments: Iterable[Instrument],
        on_order: Callable[[OrderUpdate], None],
        *,
        on_reconnect: Callable[[], None] | None = None,
    ) -> None:
        self._feed = feed
        self._by_token = {instrument.token: instrument for instrument in instruments}
        self._on_order = on_order
        self._on_reconnect = on_reconnect
        # Since when a connection that stands has brought no tick (UTC ns), by its number.
        self._stale_from_ns: dict[int, int] = {}

    async def run(self, node: Node) -> None:
        """Post until cancelled. Raises what the feed raises when its credentials are refused."""
        async with self._feed as feed:
            await feed.subscribe(self._by_token, TickMode.FULL)
            async for event in feed:
                match event:
                    case FeedFrame():
                        self._end_staleness(node, event)
                        self._post_ticks(node, event)
                    case OrderUpdate():
                        self._on_order(event)
                    case FeedConnected(is_reconnect=True):
                        from_ns = event.at_ns if event.gap_from_ns is None else event.gap_from_ns
                        self._tell_gap(node, from_ns, event.at_ns)
                    case FeedStale():
                        # Mute or quiet, nobody can tell: what it might have said is read instead.
                        from_ns = event.last_tick_ns or event.at_ns
                        self._stale_from_ns.setdefault(event.connection, from_ns)
                        if self._on_reconnect is not None:
                            self._on_reconnect()
                    case _:
                        pass  # a first connection, a loss that a reconnect will report, a notice

    def _end_staleness(self, node: Node, frame: FeedFrame) -> None:
        from_ns = self._stale_from_ns.pop(frame.connection, None)
        if from_ns is not None:
            self._tell_gap(node, from_ns, frame.received_ns)

    def _tell_gap(self, node: Node, from_ns: int, to_ns: int) -> None:
        """Ticks were missed, and order updates with them."""
        node.post(FeedGap(at_ns=to_ns, from_ns=from_ns, to_ns=to_ns))
        if self._on_reconnect is not None:
            self._on_reconnect()

    def _post_ticks(self, node: Node, frame: FeedFrame) -> None:
        ticks = tuple(
            to_tick(packet, self._by_token[packet.token], frame.received_ns)
            for packet in frame.packets
            if packet.token in self._by_token
        )
        if ticks:
            node.post(
                TicksReceived(at_ns=frame.received_ns, ticks=ticks), frame.received_monotonic_ns
            )
