"""What a ``KiteFeed`` yields."""

import msgspec

from patang.wire.rows import Postback
from patang.wire.ticks import Packet


class FeedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """The packets of one binary frame, in wire units and wire order.

    ``received_ns`` is the clock's UTC time, stamped once for the frame; ``received_monotonic_ns``
    the machine's monotonic time. ``conflated`` packets were replaced here by newer ones of the
    same instrument, because the consumer was slower than the market; it is 0 on a whole frame.
    """

    packets: tuple[Packet, ...]
    received_ns: int
    received_monotonic_ns: int
    raw_size: int
    conflated: int = 0
    connection: int = 0


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """An order of this account changed, from whatever platform.

    A hint: it may come late or out of order. What several connections or a stutter of the server
    repeat word for word is told once.
    """

    order: Postback
    received_ns: int


class FeedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Text from the broker or the server; ``is_error`` tells a complaint from a message."""

    text: str
    is_error: bool
    received_ns: int


class FeedConnected(msgspec.Struct, frozen=True, kw_only=True):
    """The link is up and every desired subscription has been asked for.

    On a reconnect ``gap_from_ns`` is when the last frame before the break arrived (None when
    there was none): ticks of this connection's instruments (``KiteFeed.instruments_on``), and
    order updates, may have been missed from then to ``at_ns``.
    """

    at_ns: int
    is_reconnect: bool
    gap_from_ns: int | None = None
    connection: int = 0


class FeedDisconnected(msgspec.Struct, frozen=True, kw_only=True):
    """The link is down; ``retry_in_s`` seconds of machine time from now it is dialled again.

    ``attempt`` counts the connections in a row that ended without a frame, this one included.
    ``code`` is the WebSocket's closing code, where the server sent one.
    """

    at_ns: int
    reason: str
    retry_in_s: float
    connection: int = 0
    attempt: int = 1
    code: int | None = None


class FeedStale(msgspec.Struct, frozen=True, kw_only=True):
    """The link is alive, and no subscribed instrument has ticked for a while.

    The market may be quiet or closed, or the server's data may have stopped; told once until the
    next tick. ``last_tick_ns`` is None when this connection has brought no tick yet.
    """

    at_ns: int
    last_tick_ns: int | None
    connection: int = 0


FeedEvent = FeedFrame | OrderUpdate | FeedNotice | FeedConnected | FeedDisconnected | FeedStale
