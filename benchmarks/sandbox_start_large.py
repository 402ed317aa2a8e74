"""From the command to the first answer: a sandbox that lists 100,000 instruments.

There is no peer; the ratio is to the time that it may take.
"""

from benchmarks.harness import Measurement
from benchmarks.sandbox_start import seconds_to_ready

NAME = "sandbox-start-large"
TARGET_S = 5.0
PEER = f"the target of {TARGET_S:g} s"

UNIVERSE = 100_000


def measure(rounds: int) -> Measurement:
    """Start a sandbox ``rounds`` times."""
    ours = [seconds_to_ready(UNIVERSE) for _ in range(rounds)]
    work = f"patang sandbox --universe {UNIVERSE}, until it answers"
    return Measurement(NAME, PEER, ours, [TARGET_S] * rounds, work)
