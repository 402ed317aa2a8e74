"""Killed at any boundary of the journal and taken up: no order twice, no fill lost, one history."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.crash_points import POINTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork")

ONCE = [[(name, count)] for name, count in product(POINTS, (1, 3))]
# A life that takes up a run dies as well, and the one after that, each at another point.
AGAIN = [
    [(first, 2), (POINTS[(place + 3) % len(POINTS)], 1), (POINTS[(place + 7) % len(POINTS)], 1)]
    for place, first in enumerate(POINTS)
]
SNAPSHOTS = ("snapshot drafted", "snapshot in place")


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    """One process that forks all the lives."""
    command = [sys.executable, "-m", "tests.crash_points"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def played(
    server: subprocess.Popen[str], folder: Path, crashes: object, *, syncs: bool = True
) -> dict[str, Any]:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(
        json.dumps({"folder": str(folder), "crashes": crashes, "syncs": syncs}) + "\n"
    )
    server.stdin.flush()
    return json.loads(server.stdout.readline())


def check(outcome: dict[str, Any]) -> None:
    assert "error" not in outcome, outcome
    assert outcome["doubled"] == []
    assert outcome["result"]["held"] == outcome["held"]
    assert outcome["result"]["fills"] == len(outcome["tags"])
    assert outcome["result"]["filled"] == outcome["tags"]
    assert outcome["difference"] is None
    assert outcome["files"] == ["book", "result", "run.journal"]


def name_of(crashes: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in crashes)


@pytest.mark.parametrize("crashes", ONCE, ids=name_of)
def test_a_run_killed_once_ends_as_if_it_had_not_been(
    server: subprocess.Popen[str], tmp_path: Path, crashes: list[tuple[str, int]]
) -> None:
    outcome = played(server, tmp_path / "run", crashes)
    check(outcome)
    assert len(outcome["tags"]) > 3
    if crashes[0][0] not in SNAPSHOTS or crashes[0][1] == 1:
        assert outcome["ends"] == ["killed", "finished"]


@pytest.mark.parametrize("crashes", AGAIN, ids=name_of)
def test_a_run_killed_again_while_it_is_taken_up_ends_in_order_too(
    server: subprocess.Popen[str], tmp_path: Path, crashes: list[tuple[str, int]]
) -> None:
    outcome = played(server, tmp_path / "run", crashes)
    check(outcome)
    assert outcome["ends"][0] == "killed"
    assert outcome["ends"][-1] == "finished"


def test_without_a_crash_the_run_is_the_same_every_time(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    first, second = (played(server, tmp_path / name, []) for name in ("one", "two"))
    check(first)
    assert first["tags"] == second["tags"]
    assert first["ends"] == ["finished"]


def test_without_the_sync_before_sending_the_same_death_is_a_doubled_tag(
    server: subprocess.Popen[str], tmp_path: Path
) -> None:
    """The proof that the tests above can fail."""
    outcome = played(server, tmp_path / "run", [("after send", 1)], syncs=False)
    assert outcome["ends"] == ["killed", "finished"]
    assert outcome["doubled"]
