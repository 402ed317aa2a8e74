"""``python -m tests.simulation --seeds N``: live through N seeds; exit 1 where a promise broke."""

import argparse
import gc
import json
import logging
import sys
import time
from collections import Counter

import msgspec

from tests.simulation.breaks import BREAKS, Broken
from tests.simulation.episode import Violation, run_seed


class Report(msgspec.Struct):
    """What many seeds came to."""

    seeds: int = 0
    orders: int = 0
    restarts: int = 0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    violations: list[Violation] = []
    fewest_orders: int = 0
    fewest_faults: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0


def simulate_seeds(first: int, count: int, broken: Broken, *, stop_early: bool = False) -> Report:
    """Live through ``count`` seeds from ``first`` on; with ``stop_early`` until one is broken."""
    report = Report()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    orders, faults = [], []
    for seed in range(first, first + count):
        outcome = run_seed(seed, broken)
        report.seeds += 1
        report.orders += outcome.orders
        report.restarts += outcome.restarts
        report.faults.update(outcome.faults)
        report.violations += outcome.violations
        orders.append(outcome.orders)
        faults.append(sum(outcome.faults.values()))
        if outcome.violations and stop_early:
            break
    report.fewest_orders, report.fewest_faults = min(orders), min(faults)
    report.elapsed_s = round(time.perf_counter() - began_s, 2)
    report.cpu_s = round(time.process_time() - began_cpu_s, 2)
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many seeds")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--break", choices=sorted(BREAKS), dest="broken", help="what to switch off")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1:
        parser.error("--seeds: at least one.")
    logging.disable(logging.CRITICAL)
    gc.freeze()  # what was imported is not looked through after every seed
    broken = BREAKS[chosen.broken]() if chosen.broken else Broken()
    report = simulate_seeds(
        chosen.first, chosen.seeds, broken, stop_early=chosen.broken is not None
    )
    if chosen.output == "json":
        sys.stdout.write(json.dumps(msgspec.to_builtins(report)) + "\n")
    else:
        _tell(report)
    return 1 if report.violations else 0


def _tell(report: Report) -> None:
    per_minute = 60 * report.seeds / report.cpu_s if report.cpu_s else 0.0
    lines = [
        f"{report.seeds} seeds, {report.orders} orders (at least {report.fewest_orders} each), "
        f"{report.restarts} restarts, {report.cpu_s} s of a core ({per_minute:.0f} a minute)"
    ]
    lines += [f"  {count:6} {kind}" for kind, count in sorted(report.faults.items())]
    lines += [f"seed {one.seed}: {one.promise}: {one.what}" for one in report.violations]
    lines += ["no violation"] if not report.violations else []
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
