"""A trading day of 20 instruments in step mode, from before the opening until after the close.

There is no peer that simulates such a day; the ratio is to the time that it may take. The agents'
actions of a round are counted, and too few of them are an error.
"""

import time

from benchmarks.harness import Measurement
from patang.sandbox.in_process import SandboxApp, stepped
from patang.wire.times import parse_ist

NAME = "sandbox-day"
TARGET_S = 30.0
PEER = f"the target of {TARGET_S:g} s a day"

ACTIONS_MIN = 60_000
ROUNDS_MAX = 2
STEP_S = 60.0
_BEGIN, _END = "2026-11-19 09:00:00", "2026-11-19 16:00:00"


def measure(rounds: int) -> Measurement:
    """Live through the day at most ``ROUNDS_MAX`` times: a round takes a while."""
    ours: list[float] = []
    actions = 0
    for _ in range(min(rounds, ROUNDS_MAX)):
        started = time.perf_counter()
        actions = live_through()
        ours.append(time.perf_counter() - started)
        if actions < ACTIONS_MIN:
            raise AssertionError(f"a day of {actions} actions is too quiet to measure")
    work = f"a day of 20 instruments, {actions} actions, in steps of {STEP_S:g} s"
    return Measurement(NAME, PEER, ours, [TARGET_S] * len(ours), work)


def live_through() -> int:
    """One day, minute by minute; how many actions there were."""
    app = SandboxApp(stepped(start_ns=parse_ist(_BEGIN)))
    before, end_ns = app.world.market.actions, parse_ist(_END)
    while app.world.now_ns < end_ns:
        app.advance(STEP_S)
    return app.world.market.actions - before
