"""The harness is fair, and its results keep their shape."""

import gc
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.__main__ import main
from benchmarks.harness import Measurement, MissingPeer, interleave, result_of

ROOT = Path(__file__).parents[3]


class Fake:
    """A benchmark whose rounds are given, or whose peer is missing."""

    PEER = "the slow one 1.0"

    def __init__(self, name: str, missing: str = "") -> None:
        self.NAME = name
        self._missing = missing

    def measure(self, rounds: int) -> Measurement:
        if self._missing:
            importlib.import_module(self._missing)
        return Measurement(
            name=self.NAME,
            peer=self.PEER,
            ours=[0.5, 1.0, 2.0][:rounds],
            theirs=[1.0, 4.0, 6.0][:rounds],
            work="one thing",
        )


@pytest.fixture
def two_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"fast": Fake("fast"), "lonely": Fake("lonely", missing="a_package_nobody_has")}
    monkeypatch.setattr("benchmarks.__main__.find_benchmarks", lambda: found)


def test_rounds_alternate_and_take_turns_at_going_first() -> None:
    calls: list[str] = []
    ours, theirs = interleave(lambda: calls.append("o"), lambda: calls.append("t"), rounds=3)
    assert "".join(calls) == "ot" + "ot" + "to" + "ot"
    assert len(ours) == len(theirs) == 3
    assert all(seconds >= 0 for seconds in ours + theirs)


def test_garbage_collector_is_off_while_timing_and_on_afterwards() -> None:
    states: list[bool] = []
    interleave(lambda: states.append(gc.isenabled()), lambda: None, rounds=1)
    assert states == [True, False]
    assert gc.isenabled()


def test_garbage_collector_is_on_after_a_failure() -> None:
    calls: list[int] = []

    def fail_when_timed() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        interleave(fail_when_timed, lambda: None, rounds=1)
    assert gc.isenabled()


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds: 0"):
        interleave(lambda: None, lambda: None, rounds=0)


def test_ratio_compares_neighbouring_rounds() -> None:
    result = result_of(Fake("fast").measure(3))
    assert result == {
        "name": "fast",
        "peer": "the slow one 1.0",
        "ratio": {"median": 3.0, "min": 2.0, "max": 4.0},
        "ours": 1.0,
        "theirs": 4.0,
        "work": "one thing",
    }


def test_sides_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        result_of(Measurement(name="x", peer="y", ours=[1.0, 2.0], theirs=[1.0], work="z"))


def test_missing_peer_is_named() -> None:
    with pytest.raises(MissingPeer, match="lonely: the peer needs the package 'a_package"):
        harness.measure(Fake("lonely", missing="a_package_nobody_has"), rounds=1)


def test_missing_module_of_our_own_is_not_called_a_peer() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"patang\.no_such_room"):
        harness.measure(Fake("broken", missing="patang.no_such_room"), rounds=1)


@pytest.mark.usefixtures("two_benchmarks")
def test_one_benchmark_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fast", "-o", "json", "--rounds", "3"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert set(result) == {"name", "peer", "ratio", "ours", "theirs", "work"}
    assert set(result["ratio"]) == {"median", "min", "max"}


@pytest.mark.usefixtures("two_benchmarks")
def test_missing_peer_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "3"]) == 3
    printed = capsys.readouterr()
    assert "fast" in printed.out
    assert "a_package_nobody_has" in printed.err


@pytest.mark.usefixtures("two_benchmarks")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["slow"], "choose from: fast, lonely"),
        (["fast", "--rounds", "0"], "whole number of 1 or more"),
        (["fast", "-o", "xml"], "table"),
    ],
)
def test_misuse_ends_with_2_and_the_choices(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


def test_every_benchmark_of_the_package_has_the_face_of_one() -> None:
    for name, benchmark in harness.find_benchmarks().items():
        assert name == benchmark.NAME
        assert benchmark.PEER
        assert callable(benchmark.measure)


def test_module_runs_as_a_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "no-such-benchmark"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert "choose from" in run.stderr
