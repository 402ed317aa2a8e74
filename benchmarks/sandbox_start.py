"""From the command to the first answer: a sandbox of 20 instruments.

There is no peer; the ratio is to the time that it may take.
"""

import time

from benchmarks.harness import Measurement
from benchmarks.sandbox_process import running

NAME = "sandbox-start"
TARGET_S = 2.0
PEER = f"the target of {TARGET_S:g} s"

UNIVERSE = 20


def measure(rounds: int) -> Measurement:
    """Start a sandbox ``rounds`` times."""
    ours = [seconds_to_ready(UNIVERSE) for _ in range(rounds)]
    work = f"patang sandbox --universe {UNIVERSE}, until it answers"
    return Measurement(NAME, PEER, ours, [TARGET_S] * rounds, work)


def seconds_to_ready(universe: int) -> float:
    """How long until a sandbox of that size serves."""
    started = time.perf_counter()
    with running("--speed", "0", "--universe", str(universe)):
        return time.perf_counter() - started
