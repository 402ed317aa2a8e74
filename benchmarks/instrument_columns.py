"""Reading a day's instruments, 120,000 rows of CSV, into columns, and what they hold in memory.

Ours parses every number into arrays and leaves the texts in the dump until they are read; the
peer makes a dictionary for each row. Both memories are measured with everything they keep.
"""

import gc
import tracemalloc
from collections.abc import Callable

from benchmarks.dump import ROWS, dump
from benchmarks.harness import Measurement, interleave
from patang.wire.instrument_columns import InstrumentColumns
from patang.wire.instruments import COLUMNS

NAME = "instrument-columns"
PEER = "kiteconnect 5.2.2 KiteConnect.instruments, without the network"


def measure(rounds: int) -> Measurement:
    """Read the dump once a round, both ways."""
    from kiteconnect import KiteConnect

    body = dump()
    kite = KiteConnect("key")

    def ours() -> InstrumentColumns:
        # The answer of a server is bytes of its own, which the columns keep: count them too.
        return InstrumentColumns.decode(bytes(bytearray(body)))

    def theirs() -> object:
        return kite._parse_instruments(body)

    _check_same(ours(), kite._parse_instruments(body))
    share = held_bytes(ours) / held_bytes(theirs)
    mine, peers = interleave(ours, theirs, rounds)
    work = f"{ROWS} rows read into columns; ours hold {share:.0%} of the peer's memory"
    return Measurement(NAME, PEER, mine, peers, work)


def held_bytes(read: Callable[[], object]) -> int:
    """What the result of a call keeps allocated."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = read()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        del kept
        return held
    finally:
        tracemalloc.stop()


def _check_same(ours: InstrumentColumns, theirs: list[dict[str, object]]) -> None:
    assert len(ours) == len(theirs) == ROWS
    for name in COLUMNS:
        for mine, row in zip(getattr(ours, name), theirs, strict=True):
            peers = row[name]
            assert mine == peers or str(mine) == str(peers), (name, mine, peers)
