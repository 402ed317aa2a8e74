"""The account behind the gateway: one Kite client, one broker and one ticker feed."""

import logging
from collections.abc import Iterable, Mapping

import msgspec

from patang.brokers.kite import KiteBroker
from patang.domain.instrument import Instrument
from patang.gateway.session import TicksReceived
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.feed import KiteFeed
from patang.kite.feed_events import FeedConnected, FeedEvent, FeedFrame, OrderUpdate
from patang.wire.forms import ModifyForm
from patang.wire.gtt_forms import GttForm
from patang.wire.gtt_rows import GttRow
from patang.wire.row import encode_row
from patang.wire.ticks import TickMode, to_tick

_log = logging.getLogger("patang.gateway")


class KiteSession:
    """What ``Session`` asks, over Kite Connect. The broker must be entered by the caller.

    ``instruments`` are those that may be watched. Order updates of the feed go to the broker.
    """

    def __init__(
        self,
        kite: Kite,
        broker: KiteBroker,
        feed: KiteFeed,
        clock: Clock,
        *,
        user_id: str,
        instruments: Iterable[Instrument],
    ) -> None:
        self.broker = broker
        self.clock = clock
        self.user_id = user_id
        self._kite = kite
        self._feed = feed
        self._listed: Mapping[str, Instrument] = {item.id: item for item in instruments}
        self._by_token: dict[int, Instrument] = {}

    async def run(self, on_ticks: TicksReceived) -> None:
        """Hear the feed; raises ``TokenException`` when the session is over."""
        async with self._feed as feed:
            async for event in feed:
                self._take(event, on_ticks)

    def _take(self, event: FeedEvent, on_ticks: TicksReceived) -> None:
        match event:
            case FeedFrame():
                ticks = [
                    to_tick(packet, self._by_token[packet.token], event.received_ns)
                    for packet in event.packets
                    if packet.token in self._by_token
                ]
                if ticks:
                    on_ticks(ticks)
            case OrderUpdate():
                self.broker.order_update_received(event)
            case FeedConnected(is_reconnect=True):
                _log.warning("the ticker is connected again; the order book is read")
                self.broker.feed_reconnected()
            case _:
                pass  # a first connection, a loss that a reconnect will report, a notice

    async def watch(self, instruments: Iterable[str]) -> tuple[str, ...]:
        """Hear full ticks of exactly these."""
        wanted = list(dict.fromkeys(instruments))
        known = [self._listed[each] for each in wanted if each in self._listed]
        before, self._by_token = self._by_token, {item.token: item for item in known}
        if gone := [token for token in before if token not in self._by_token]:
            await self._feed.unsubscribe(gone)
        if new := [token for token in self._by_token if token not in before]:
            await self._feed.subscribe(new, TickMode.FULL)
        return tuple(each for each in wanted if each not in self._listed)

    async def modify(self, form: ModifyForm) -> None:
        """Change a resting order, once."""
        await self._kite.modify(form)

    async def place_gtt(self, form: GttForm) -> int:
        """Place a trigger, once."""
        ack = await self._kite.place_gtt(
            form.type,
            form.tradingsymbol,
            form.exchange,
            form.trigger_values,
            form.last_price,
            form.orders,
        )
        return ack.trigger_id

    async def modify_gtt(self, trigger_id: int, form: GttForm) -> None:
        """Replace a trigger."""
        await self._kite.modify_gtt(
            trigger_id,
            form.type,
            form.tradingsymbol,
            form.exchange,
            form.trigger_values,
            form.last_price,
            form.orders,
        )

    async def delete_gtt(self, trigger_id: int) -> None:
        """Delete a trigger."""
        await self._kite.delete_gtt(trigger_id)

    async def gtts(self) -> list[GttRow]:
        """The account's triggers."""
        return await self._kite.get_gtts()

    async def holdings(self) -> msgspec.Raw:
        """The account's holdings, as Kite's rows."""
        return msgspec.Raw(encode_row(await self._kite.holdings()))

    async def quotes(self, instruments: Iterable[str]) -> msgspec.Raw:
        """Quotes by instrument, as Kite's rows."""
        return msgspec.Raw(encode_row(await self._kite.quote(*instruments)))
