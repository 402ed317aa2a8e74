"""Reading an order book of 100 orders from its JSON, against what the official client does.

Ours gives typed rows with exact money, whose timestamps stay text until they are asked for; the
peer gives dictionaries of floats with two timestamps parsed. ``order-times`` asks for ours too.
Nothing is sent over a network.
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.harness import Measurement, interleave
from patang.wire.envelope import decode_success, encode_success
from patang.wire.rows import OrderRow
from patang.wire.times import format_ist, parse_ist

NAME = "orders"
PEER = "kiteconnect 5.2.2 KiteConnect.orders, without the network"

ORDERS = 100
BOOKS = 20

_OPEN_NS = parse_ist("2026-01-05 09:15:00")


def measure(rounds: int) -> Measurement:
    """Decode the book ``BOOKS`` times a round, both ways."""
    body = book()
    read_theirs = reader_of_peer(body)

    def ours() -> None:
        for _ in range(BOOKS):
            read_typed(body)

    def theirs() -> None:
        for _ in range(BOOKS):
            read_theirs()

    _check_same(read_typed(body), read_theirs())
    mine, peers = interleave(ours, theirs, rounds)
    return Measurement(NAME, PEER, mine, peers, f"{BOOKS} books of {ORDERS} orders decoded")


def book() -> bytes:
    """The JSON of ``ORDERS`` orders."""
    return encode_success([_order(number) for number in range(ORDERS)])


def read_typed(body: bytes) -> list[OrderRow]:
    """The book as our client reads it."""
    return decode_success(200, "application/json", body, list[OrderRow])


def reader_of_peer(body: bytes) -> Callable[[], list[dict[str, Any]]]:
    """What the official client does with the book once it has the bytes."""
    from kiteconnect import KiteConnect

    kite = KiteConnect("key")

    def read() -> list[dict[str, Any]]:
        parsed: list[dict[str, Any]] = kite._format_response(json.loads(body)["data"])
        return parsed

    return read


def _order(number: int) -> dict[str, Any]:
    registered = format_ist(_OPEN_NS + number * 7_000_000_000)
    reached = format_ist(_OPEN_NS + number * 7_000_000_000 + 1_000_000_000)
    price = round(1500 + number * 0.05, 2)
    return {
        "account_id": "AB1234",
        "placed_by": "AB1234",
        "order_id": str(2_008_040_825_287_630_848 + number),
        "exchange_order_id": str(1_000_000_001_482_421 + number),
        "parent_order_id": None,
        "status": "COMPLETE",
        "status_message": None,
        "status_message_raw": None,
        "order_timestamp": registered,
        "exchange_update_timestamp": reached,
        "exchange_timestamp": reached,
        "variety": "regular",
        "modified": False,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "instrument_token": 408_065,
        "order_type": "LIMIT",
        "transaction_type": "BUY",
        "validity": "DAY",
        "validity_ttl": 0,
        "product": "MIS",
        "quantity": 5 + number,
        "disclosed_quantity": 0,
        "price": price,
        "trigger_price": 0,
        "average_price": price,
        "filled_quantity": 5 + number,
        "pending_quantity": 0,
        "cancelled_quantity": 0,
        "market_protection": 0,
        "meta": {},
        "tag": f"run1x{number}",
        "tags": [f"run1x{number}"],
        "guid": "0123456789abcdef",
    }


def _check_same(ours: list[OrderRow], theirs: list[dict[str, Any]]) -> None:
    assert len(ours) == len(theirs) == ORDERS
    for row, order in zip(ours, theirs, strict=True):
        for name in ("order_timestamp", "exchange_timestamp"):
            assert getattr(row, name) == str(order[name])
        assert order.keys() <= set(row.__struct_fields__)
        for name in order.keys() - {"order_timestamp", "exchange_timestamp"}:
            # Their money is a float, which prints the digits that ours keeps.
            mine = getattr(row, name)
            assert mine == order[name] or str(mine) == str(order[name]), name
