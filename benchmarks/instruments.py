"""Reading a day's instruments, 120,000 rows of CSV, into typed objects.

Ours gives one frozen struct for each, with exact prices, checked; the peer a dictionary of floats.
"""

from benchmarks.dump import ROWS, dump
from benchmarks.harness import Measurement, interleave
from patang.wire.instruments import decode_instruments_csv

NAME = "instruments"
PEER = "kiteconnect 5.2.2 KiteConnect.instruments, without the network"


def measure(rounds: int) -> Measurement:
    """Read the dump once a round, both ways."""
    from kiteconnect import KiteConnect

    body = dump()
    kite = KiteConnect("key")

    def ours() -> None:
        decode_instruments_csv(body)

    def theirs() -> None:
        kite._parse_instruments(body)

    for mine, peers in zip(
        decode_instruments_csv(body), kite._parse_instruments(body), strict=True
    ):
        told = mine.to_dict()
        assert told.pop("exchange_token") == int(peers.pop("exchange_token"))
        assert told.pop("expiry") == str(peers.pop("expiry"))
        assert {k: v if isinstance(v, str) else float(v) for k, v in told.items()} == peers
    seconds_ours, seconds_theirs = interleave(ours, theirs, rounds)
    return Measurement(NAME, PEER, seconds_ours, seconds_theirs, f"{ROWS} rows read into objects")
