"""An order book with two timestamps of each order read into time: ours in UTC, theirs naive.

The plain benchmark of orders leaves ours as text, which is parsed when it is asked for; this one
asks for both that the peer always parses.
"""

from typing import Any

from benchmarks.harness import Measurement, interleave
from benchmarks.orders import BOOKS, ORDERS, book, read_typed, reader_of_peer
from patang.wire.times import format_ist

NAME = "order-times"
PEER = "kiteconnect 5.2.2 KiteConnect.orders, without the network"


def measure(rounds: int) -> Measurement:
    """Decode the book ``BOOKS`` times a round, both ways, and ask for the times."""
    body = book()
    read_theirs = reader_of_peer(body)

    def times() -> list[tuple[int | None, int | None]]:
        return [(row.order_timestamp_ns, row.exchange_timestamp_ns) for row in read_typed(body)]

    def ours() -> None:
        for _ in range(BOOKS):
            times()

    def theirs() -> None:
        for _ in range(BOOKS):
            read_theirs()

    _check_same(times(), read_theirs())
    mine, peers = interleave(ours, theirs, rounds)
    work = f"{BOOKS} books of {ORDERS} orders decoded, two timestamps an order read"
    return Measurement(NAME, PEER, mine, peers, work)


def _check_same(ours: list[tuple[int | None, int | None]], theirs: list[dict[str, Any]]) -> None:
    for (registered_ns, reached_ns), order in zip(ours, theirs, strict=True):
        # Their times have no zone; they are IST.
        assert registered_ns is not None
        assert reached_ns is not None
        assert format_ist(registered_ns) == str(order["order_timestamp"])
        assert format_ist(reached_ns) == str(order["exchange_timestamp"])
