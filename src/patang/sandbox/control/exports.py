"""The records of a world as JSON lines."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from patang.sandbox.rows.numbers import json_number
from patang.sandbox.rows.orders import history_rows, trade_row
from patang.sandbox.world import World
from patang.simulator.venue import Venue
from patang.wire.row import encode_row


def lines(world: World, kind: str) -> Iterator[bytes]:
    """Every record of a kind (one of ``KINDS``), a JSON object a line, oldest first."""
    return (encode_row(record) + b"\n" for record in KINDS[kind](world))


def _orders(world: World) -> Iterator[dict[str, Any]]:
    """Each state of each order: ``{at_ns, user_id, order}`` with Kite's history row."""
    for record in world.records.states:
        order = record.order
        row = history_rows(order, world.instrument(order.instrument))[record.index]
        at_ns = order.history[record.index].at_ns
        yield {"at_ns": at_ns, "user_id": order.user_id, "order": row}


def _trades(world: World) -> Iterator[dict[str, Any]]:
    """Each fill of a user: ``{at_ns, user_id, trade}`` with Kite's trade row."""
    for trade, order in world.records.trades:
        row = trade_row(trade, order, world.instrument(trade.instrument))
        yield {"at_ns": trade.time_ns, "user_id": trade.user_id, "trade": row}


def _books(world: World) -> Iterator[dict[str, Any]]:
    """Each open order book as it stands, whole: its orders by priority, the agents' too."""
    for venue in world.exchange.floor.venues.values():
        yield {
            "at_ns": world.now_ns,
            "instrument": venue.instrument.id,
            "last_price": json_number(venue.last_price),
            "volume": venue.volume,
            "bids": _side(venue, is_buy=True),
            "asks": _side(venue, is_buy=False),
        }


def _side(venue: Venue, *, is_buy: bool) -> list[dict[str, Any]]:
    return [
        {
            "price": None if order.is_market else json_number(venue.price(order.ticks)),
            "quantity": order.left,
            "owner": order.owner,
            "order_id": order.order_id or None,
        }
        for order in venue.book.orders(is_buy)
    ]


def _frames(world: World) -> Iterator[dict[str, Any]]:
    """Each WebSocket frame that was sent; binary ones in base64."""
    for frame in world.records.frames():
        payload = frame.payload
        yield {
            "at_ns": frame.time_ns,
            "user_id": frame.user_id,
            "connection": frame.connection,
            "kind": frame.kind,
            "payload": payload if isinstance(payload, str) else b64encode(payload).decode(),
        }


def _requests(world: World) -> Iterator[object]:
    """Each request, order requests and others."""
    return iter(world.records.requests())


KINDS: dict[str, Callable[[World], Iterator[Any]]] = {
    "orders": _orders,
    "trades": _trades,
    "books": _books,
    "frames": _frames,
    "requests": _requests,
}
"""What is recorded."""
