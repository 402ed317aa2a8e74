"""What every benchmark shares: fair timing, the shape of a result, and finding the benchmarks.

Ours and the peer's rounds alternate within one process, so that a machine that slows down in the
middle slows both; the result is the ratio of neighbours, never the ratio of two separate runs.
"""

import gc
import importlib
import pkgutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, cast

import benchmarks

_NOT_BENCHMARKS = frozenset({"__main__", "harness"})


@dataclass(frozen=True, slots=True)
class Measurement:
    """Seconds of each round, ours and the peer's, in the order in which they were run.

    ``work`` says what one round did, with its amount, for example ``"100000 full ticks decoded"``.
    """

    name: str
    peer: str
    ours: list[float]
    theirs: list[float]
    work: str


class Benchmark(Protocol):
    """The face of a benchmark module."""

    NAME: str
    PEER: str

    def measure(self, rounds: int) -> Measurement:
        """Do the work both ways ``rounds`` times."""
        ...


class MissingPeer(Exception):
    """The peer of a benchmark is not installed."""

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self.package = package
        super().__init__(
            f"{name}: the peer needs the package '{package}', which is not installed. "
            "`make bench` installs it."
        )


def interleave(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Time both callables ``rounds`` times each, taking turns at going first.

    Each runs once untimed first, to warm caches. The garbage collector runs before each timed call
    and is off during it.

    Returns:
        The seconds of ours and of theirs, one for each round.

    Raises:
        ValueError: ``rounds`` is below one.
    """
    if rounds < 1:
        raise ValueError(f"rounds: {rounds} is too few; give 1 or more")
    ours()
    theirs()
    seconds_ours: list[float] = []
    seconds_theirs: list[float] = []
    turns = [(ours, seconds_ours), (theirs, seconds_theirs)]
    for _ in range(rounds):
        for call, seconds in turns:
            seconds.append(_seconds_of(call))
        turns.reverse()
    return seconds_ours, seconds_theirs


def result_of(measurement: Measurement) -> dict[str, Any]:
    """The result as it is printed.

    ``ratio`` is their seconds divided by ours, round by round: above 1 we are the faster. ``ours``
    and ``theirs`` are the median seconds of a round.

    Raises:
        ValueError: the two sides have different numbers of rounds, or none.
    """
    pairs = list(zip(measurement.ours, measurement.theirs, strict=True))
    if not pairs:
        raise ValueError(f"{measurement.name}: no round was measured")
    ratios = [theirs / ours for ours, theirs in pairs]
    return {
        "name": measurement.name,
        "peer": measurement.peer,
        "ratio": {
            "median": round(statistics.median(ratios), 3),
            "min": round(min(ratios), 3),
            "max": round(max(ratios), 3),
        },
        "ours": statistics.median(measurement.ours),
        "theirs": statistics.median(measurement.theirs),
        "work": measurement.work,
    }


def find_benchmarks(package: ModuleType = benchmarks) -> dict[str, Benchmark]:
    """Every benchmark of the package by its name, in alphabetical order."""
    found: dict[str, Benchmark] = {}
    for entry in pkgutil.iter_modules(package.__path__):
        if entry.name in _NOT_BENCHMARKS:
            continue
        module = importlib.import_module(f"{package.__name__}.{entry.name}")
        if all(hasattr(module, name) for name in ("NAME", "PEER", "measure")):
            benchmark = cast("Benchmark", module)
            found[benchmark.NAME] = benchmark
    return dict(sorted(found.items()))


def measure(benchmark: Benchmark, rounds: int) -> dict[str, Any]:
    """Run one benchmark and return its result.

    Raises:
        MissingPeer: a package that only the peer needs is not installed.
    """
    try:
        return result_of(benchmark.measure(rounds))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "patang", "benchmarks"}:
            raise
        raise MissingPeer(benchmark.NAME, package) from error


def _seconds_of(call: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start
    finally:
        gc.enable()
