"""``patang run`` as a user types it: real processes, real sockets, real files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patang.storage.journal import verify
from tests.soak.kills import soak

ROOT = Path(__file__).parents[2]
PATANG = [sys.executable, "-m", "patang.cli"]
STARTED_WITHIN_S = 30.0
TRADING = """\
mode: {mode}
broker: {broker}
ready_file: {folder}/ready.json
journal: {journal}.journal
instruments: [NSE:INFY, NSE:SBIN]
strategies:
  - path: tests.simulation.restless:Restless
    parameters: {{pace: 2}}
"""


def start(*arguments: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:
        return subprocess.Popen(
            [*PATANG, *arguments],
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


def wait_for(log: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while words not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the ready file of a sandbox that runs at twenty times the pace."""
    folder = tmp_path_factory.mktemp("run")
    log = folder / "sandbox.log"
    ready = folder / "ready.json"
    process = start("sandbox", "--speed", "20", "--ready-file", str(ready), log=log)
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while not ready.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    yield folder
    process.terminate()
    process.communicate()


def config(folder: Path, name: str, mode: str = "sandbox", broker: str = "sandbox") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(TRADING.format(mode=mode, broker=broker, folder=folder, journal=name))
    return str(path)


def refused(*arguments: str) -> tuple[int, str]:
    run = subprocess.run(
        [*PATANG, "run", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.returncode, run.stderr


@pytest.mark.parametrize(("mode", "broker"), [("sandbox", "sandbox"), ("paper", "paper")])
def test_sigterm_ends_a_run_in_order(folder: Path, mode: str, broker: str) -> None:
    log = folder / f"{mode}.log"
    process = start("run", "--config", config(folder, mode, mode, broker), "-o", "json", log=log)
    wait_for(log, " at ", process)  # the first fill
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, log.read_text()
    report = json.loads(out)
    assert report["stop_reason"] == "interrupted"
    assert report["disagreements"] == []
    assert report["orders"] > 0
    assert report["fills"] > 0
    assert report["mode"] == mode
    assert verify(Path(report["journal"])).is_sealed


def test_second_process_and_sealed_journal_are_refused(folder: Path) -> None:
    path, log = config(folder, "twice"), folder / "twice.log"
    process = start("run", "--config", path, log=log)
    wait_for(log, "BOOKS_TRUSTED", process)
    code, said = refused("--config", path)
    assert code == 3
    assert "twice.journal" in said
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    code, said = refused("--config", path)
    assert code == 3
    assert "sealed" in said


def test_changed_file_does_not_take_a_run_up(folder: Path) -> None:
    path, log = config(folder, "changed"), folder / "changed.log"
    process = start("run", "--config", path, log=log)
    wait_for(log, "BOOKS_TRUSTED", process)
    process.kill()
    process.communicate()
    text = Path(path).read_text()
    Path(path).write_text(text.replace("pace: 2", "pace: 3"))
    code, said = refused("--config", path)
    assert code == 2
    assert "strategies" in said


def test_real_money_needs_file_and_flag(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(
        "mode: live\nbroker: kite\nprofile: home\njournal: j.journal\n"
        "instruments: [NSE:INFY]\nstrategies: [{path: 'my:Own'}]\n"
    )
    code, said = refused("--config", str(path))
    assert code == 2
    assert "--real-money" in said
    path.write_text(path.read_text().replace("live", "paper").replace("kite", "paper"))
    code, said = refused("--config", str(path), "--real-money")
    assert code == 2
    assert "mode is paper" in said


def test_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("mode: sandbox\nbroker: sandbox\njurnal: x\n")
    code, said = refused("--config", str(path))
    assert code == 3
    assert "line 3" in " ".join(said.split())


def test_ten_kills_lose_and_double_nothing() -> None:
    report = soak(10, seed=4, longest_s=0.8)
    assert report.violations == []
    assert report.resumed == 9
    assert report.orders > 10
