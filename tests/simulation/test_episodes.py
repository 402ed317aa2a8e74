"""The ten promises under everything that goes wrong, in fifty seeds; and that they can fail."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import main, simulate_seeds
from tests.simulation.breaks import BREAKS, Broken
from tests.simulation.episode import run_seed

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def quiet():
    """What the product logs of thousands of faults is not read here, and takes its time."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(1, 51, 10))
def test_no_promise_breaks_in_fifty_seeds(first: int):
    report = simulate_seeds(first, 10, Broken())
    assert report.violations == []
    assert report.fewest_orders >= 30
    assert report.fewest_faults >= 3


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_protection_that_is_switched_off_is_missed(name: str):
    assert simulate_seeds(1, 20, BREAKS[name](), stop_early=True).violations


def test_the_real_parts_are_back_after_a_break():
    here = run_seed(7)
    for name in ("confluence", "halt"):
        run_seed(7, BREAKS[name]())
    assert run_seed(7) == here


def test_a_seed_reproduces_alone_and_in_another_process():
    here = run_seed(9)
    assert run_seed(9) == here
    ran = subprocess.run(
        [sys.executable, "-c", _TELL_HEAD],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4242"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(ran.stdout) == [here.head, here.orders, here.restarts, here.faults]


def test_the_command_says_what_it_saw_and_fails_where_a_promise_broke(capsys):
    assert main(["--seeds", "1", "--from", "3", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"seeds", "orders", "restarts", "faults", "violations"} <= set(told)
    assert told["violations"] == []
    assert main(["--seeds", "5", "--break", "sync", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["violations"]


_TELL_HEAD = """
import json
from tests.simulation.episode import run_seed
one = run_seed(9)
print(json.dumps([one.head, one.orders, one.restarts, one.faults]))
"""
