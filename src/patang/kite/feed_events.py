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


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """An order of this account changed, from whatever platform.

    A hint: it may come late, twice or out of order.
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
    there was none): ticks and order updates from then to ``at_ns`` may have been missed.
    """

    at_ns: int
    is_reconnect: bool
    gap_from_ns: int | None = None


class FeedDisconnected(msgspec.Struct, frozen=True, kw_only=True):
    """The link is down; ``retry_in_s`` seconds of machine time from now it is dialled again."""

    at_ns: int
    reason: str
    retry_in_s: float


FeedEvent = FeedFrame | OrderUpdate | FeedNotice | FeedConnected | FeedDisconnected
