"""The account's orders and trades as the broker told them, and whose business each is."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from patang.brokers import protocol as p
from patang.brokers.protocol_words import iso_of, trade_of
from patang.domain.messages import BookedPosition, OrderUpdated
from patang.domain.order import Fill
from patang.gateway.ledger import Ledger
from patang.gateway.seat import Seat
from patang.kite.clock import Clock


class AccountBooks:
    """What was told since the start; every piece of news goes into the streams it belongs to."""

    def __init__(self, ledger: Ledger, seats: Mapping[str, Seat], clock: Clock) -> None:
        self.orders: dict[str, OrderUpdated] = {}
        """Order id -> its newest state."""
        self.tags: set[str | None] = set()
        """Tags that orders carry."""
        self.prices: dict[str, Decimal | None] = {}
        """Tag -> limit price in rupees, of orders that came through a gateway."""
        self.added: tuple[BookedPosition, ...] = ()
        """What the broker added today, as last read."""
        self._ledger = ledger
        self._seats = seats
        self._clock = clock
        self._fills: dict[str, tuple[Fill, str | None]] = {}

    def take_update(self, event: OrderUpdated) -> None:
        """An order has moved: tell those who may see it."""
        known = self.orders.get(event.order_id)
        if known is not None and msgspec.structs.replace(event, at_ns=known.at_ns) == known:
            return  # a reading of the books repeats what was told
        self.orders[event.order_id] = event
        self.tags.add(event.tag)
        entry = self._ledger.of_tag(event.tag or "")
        for seat in self._seats.values():
            if seat.may_see(entry):
                seat.stream.publish(self._update_of(event, seat.stream.next_seq))

    def take_fill(self, fill: Fill, tag: str | None) -> None:
        """A trade: tell it, once, to those who may see it."""
        if fill.trade_id in self._fills:
            return
        self._fills[fill.trade_id] = (fill, tag)
        entry = self._ledger.of_tag(tag or "")
        for seat in self._seats.values():
            if seat.may_see(entry):
                stream = seat.stream
                stream.publish(
                    trade_of(fill, tag=tag, seq=stream.next_seq, timestamp=self._now_text())
                )

    def orders_for(self, seat: Seat) -> tuple[p.OrderUpdate, ...]:
        """The orders that a client may see."""
        return tuple(
            self._update_of(order, 0)
            for order in self.orders.values()
            if seat.may_see(self._ledger.of_tag(order.tag or ""))
        )

    def trades_for(self, seat: Seat) -> tuple[p.Trade, ...]:
        """The trades that a client may see."""
        return tuple(
            trade_of(fill, tag=tag, seq=0, timestamp=self._now_text())
            for fill, tag in self._fills.values()
            if seat.may_see(self._ledger.of_tag(tag or ""))
        )

    def _update_of(self, event: OrderUpdated, seq: int) -> p.OrderUpdate:
        exchange, _, symbol = event.instrument.partition(":")
        return p.OrderUpdate(
            seq=seq,
            timestamp=iso_of(event.at_ns),
            order_id=event.order_id,
            exchange=exchange,
            symbol=symbol,
            side=event.side,
            quantity=event.quantity,
            filled_quantity=event.filled_quantity,
            price=self.prices.get(event.tag or ""),
            status=event.status,
            tag=event.tag,
            exchange_timestamp=None if event.exchange_ns is None else iso_of(event.exchange_ns),
            message=event.message,
        )

    def _now_text(self) -> str:
        return iso_of(self._clock.now_ns())
