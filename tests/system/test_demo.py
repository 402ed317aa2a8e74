"""The commands as a user types them: real processes, real sockets, real files."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from patang.storage.journal import verify

PATANG = [sys.executable, "-m", "patang.cli"]
SHORT = ["--minutes", "14", "--speed", "150"]


def patang(
    *arguments: str, environment: dict[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PATANG, *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **(environment or {})},
        check=False,
    )


def assert_one_clear_failure(
    result: subprocess.CompletedProcess[str], code: int, *words: str
) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    for word in words:
        assert word in result.stderr


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("journals")
    result = patang("demo", *SHORT, "--seed", "3", "-o", "json", "--journal-folder", str(folder))
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def journal_of(run: dict[str, object]) -> Path:
    return Path(str(run["journal"]))


def test_demo_trades_and_its_books_agree_with_the_sandbox(finished_run: dict[str, object]) -> None:
    for count in ("ticks", "bars", "signals", "orders", "fills"):
        assert isinstance(finished_run[count], int)
        assert finished_run[count], count
    denials = finished_run["denied_by_code"]
    assert isinstance(denials, dict)
    # A signal in the moment between the square-off time and its timer is rightly denied.
    assert set(denials) <= {"SQUARE_OFF"}
    assert finished_run["denied"] == sum(denials.values())
    assert finished_run["disagreements"] == []
    for money in ("net_pnl", "gross_pnl", "charges"):
        assert isinstance(finished_run[money], str)
    assert isinstance(finished_run["tick_to_order_ms"], dict)
    assert finished_run["tick_to_order_ms"]["p50"] > 0


def test_demo_ends_flat(finished_run: dict[str, object]) -> None:
    positions = finished_run["positions"]
    assert isinstance(positions, list)
    assert positions
    assert all(position["quantity"] == 0 for position in positions)


def test_the_journal_outlives_the_run_and_is_whole(finished_run: dict[str, object]) -> None:
    journal = journal_of(finished_run)
    assert journal.is_absolute()
    found = verify(journal)
    assert found.problem is None
    assert found.is_sealed
    assert found.state_hash == finished_run["state_hash"]
    assert found.head.hash.hex() == finished_run["journal_head"]


def test_replay_rebuilds_the_run_from_the_journal_alone(finished_run: dict[str, object]) -> None:
    result = patang("replay", str(journal_of(finished_run)), "-o", "json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["state_hash"] == finished_run["state_hash"]
    assert document["commands_match"] is True
    assert document["difference"] is None


@pytest.mark.parametrize(
    ("damage", "code", "word"),
    [
        ("update rows set payload = replace(payload, 'BUY', 'SELL') where sequence = 1", 0, ""),
        (
            "update rows set payload = cast(payload || ' ' as blob) where sequence = 40",
            9,
            "altered row",
        ),
        ("delete from rows where sequence = 40", 9, "missing row"),
        ("delete from rows where kind = 'seal'", 1, "not sealed"),
        (
            "insert into rows select sequence + 1, 'event', payload, hash from rows"
            " where kind = 'seal'",
            9,
            "row",
        ),
    ],
    ids=["nothing", "altered", "missing", "unsealed", "extra"],
)
def test_replay_says_when_the_journal_is_not_what_was_written(
    finished_run: dict[str, object], tmp_path: Path, damage: str, code: int, word: str
) -> None:
    copy = tmp_path / "copy.journal"
    copy.write_bytes(journal_of(finished_run).read_bytes())
    with sqlite3.connect(copy) as database:
        database.execute(damage)
    database.close()
    result = patang("replay", str(copy))
    assert result.returncode == code, result.stderr
    assert word in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_a_run_whose_sandbox_dies_ends_with_one_line_and_an_intact_journal(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*PATANG, "demo", "--headless", "--journal-folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(tmp_path, 50)
    sandbox = child_of(demo.pid)
    os.kill(sandbox, signal.SIGKILL)
    output, errors = demo.communicate(timeout=20)
    result = subprocess.CompletedProcess([], demo.returncode, output, errors)
    (journal,) = tmp_path.glob("*.journal")
    assert_one_clear_failure(result, 7, str(sandbox), str(journal))
    found = verify(journal)
    assert found.problem is None
    assert found.rows >= 50
    assert not found.is_sealed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_order(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        [*PATANG, "demo", "--headless", "--journal-folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(tmp_path, 50)
    demo.send_signal(number)
    output, errors = demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert "interrupted" in output
    assert "Traceback" not in errors
    (journal,) = tmp_path.glob("*.journal")
    assert verify(journal).is_sealed


def test_a_sandbox_does_not_outlive_the_run_that_started_it(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*PATANG, "demo", "--headless", "--journal-folder", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_rows(tmp_path, 10)
    sandbox = child_of(demo.pid)
    demo.kill()
    demo.wait(timeout=10)
    deadline = time.monotonic() + 20
    while is_running(sandbox):
        assert time.monotonic() < deadline, f"sandbox {sandbox} runs on"
        time.sleep(0.05)


def test_output_that_cannot_be_written_is_one_clear_line(
    finished_run: dict[str, object],
) -> None:
    journal = str(journal_of(finished_run))
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*PATANG, "replay", journal], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert result.returncode == 3
    assert "Traceback" not in result.stderr
    assert "standard output" in result.stderr
    closed = subprocess.run(
        ["/bin/sh", "-c", '"$0" -m patang.cli replay "$1" >&-', sys.executable, journal],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert closed.returncode == 0
    assert closed.stderr == ""


def test_output_options_may_stand_before_the_command(finished_run: dict[str, object]) -> None:
    result = patang("-o", "json", "replay", str(journal_of(finished_run)))
    assert json.loads(result.stdout)["commands_match"] is True


def test_a_journal_folder_that_cannot_be_made_is_a_set_up_error(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    result = patang("demo", "--headless", "--journal-folder", str(in_the_way / "journals"))
    assert_one_clear_failure(result, 3, str(in_the_way), "--journal-folder")


def test_a_missing_extra_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "talib.py").write_text("raise ImportError('no such library')\n")
    result = patang(
        "demo",
        *("--headless", "--journal-folder", str(tmp_path / "journals")),
        environment={"PYTHONPATH": str(tmp_path)},
    )
    assert_one_clear_failure(result, 3, "'ta'", "pip install 'patang[ta]'")


def test_a_taken_port_is_a_set_up_error() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = patang("sandbox", "--port", str(port))
    assert_one_clear_failure(result, 3, str(port), "--port 0")


@pytest.mark.parametrize(
    ("arguments", "choice"),
    [
        (["dmeo"], "Commands: demo, "),
        (["demo", "--sede", "3"], "--seed"),
        (["demo", "--seed", "lucky"], "from 0 to"),
        (["demo", "--seed", "-1"], "from 0 to"),
        (["demo", "-o", "xml"], "json"),
        (["demo", "--minutes", "0"], "from 1 to 340"),
        (["sandbox", "--port", "70000"], "from 0 to 65535"),
        (["replay"], "JOURNAL"),
    ],
)
def test_wrong_usage_exits_2_and_names_the_choices(arguments: Sequence[str], choice: str) -> None:
    assert_one_clear_failure(patang(*arguments), 2, choice)


def test_replay_of_no_journal_names_the_path(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.journal"
    assert_one_clear_failure(patang("replay", str(missing)), 3, str(missing))
    text = tmp_path / "text.journal"
    text.write_text("hello")
    assert_one_clear_failure(patang("replay", str(text)), 9, str(text))


def test_version_is_printed_for_people_and_programs() -> None:
    assert patang("--version").stdout.startswith("patang ")
    assert set(json.loads(patang("--version", "-o", "json").stdout)) == {"version"}


def wait_for_rows(folder: Path, rows: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        journals = list(folder.glob("*.journal"))
        if journals and verify(journals[0]).rows >= rows:
            return
        time.sleep(0.1)
    raise AssertionError(f"no journal with {rows} rows in {folder}")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def test_a_strategy_of_the_users_own_runs_and_replays(tmp_path: Path) -> None:
    (tmp_path / "flip.py").write_text(
        "from patang.domain.messages import Signal\n"
        "from patang.engine.strategy import Strategy\n"
        "class Flip(Strategy):\n"
        "    def on_bar(self, view, bar):\n"
        "        held = view.position(bar.instrument)\n"
        "        return Signal(instrument=bar.instrument, target=0 if held else 5)\n"
    )
    here = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60, "check": False}
    options = ["--strategy", "flip:Flip", "--minutes", "6", "--speed", "120", "-o", "json"]
    run = subprocess.run([*PATANG, "demo", *options, "--journal-folder", "runs"], **here)  # type: ignore[call-overload]
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert document["fills"] > 0
    again = subprocess.run([*PATANG, "replay", document["journal"], "-o", "json"], **here)  # type: ignore[call-overload]
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["state_hash"] == document["state_hash"]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("nowhere:Class", "nowhere"),
        ("./broken:Class", "module:Class"),
        ("broken", "module:Class"),
        ("broken:Class", "line 1"),
        ("raises:Class", "out of luck"),
        ("refuses:Class", "no such mood"),
        ("refuses:Other", "Other"),
    ],
)
def test_a_strategy_that_cannot_be_made_is_named_with_the_cause(
    tmp_path: Path, name: str, word: str
) -> None:
    (tmp_path / "broken.py").write_text("class Class(:\n")
    (tmp_path / "raises.py").write_text("raise RuntimeError('out of luck')\n")
    (tmp_path / "refuses.py").write_text(
        "from patang.engine.strategy import Strategy\n"
        "class Class(Strategy):\n"
        "    def __init__(self):\n"
        "        raise ValueError('no such mood')\n"
    )
    result = subprocess.run(
        [*PATANG, "demo", "--strategy", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert_one_clear_failure(result, 2, word)


def test_a_strategy_that_fails_is_named_with_its_line_and_may_print(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(
        "from patang.engine.strategy import Strategy\n"
        "class Fails(Strategy):\n"
        "    def on_tick(self, view, tick):\n"
        "        print('looking')\n"
        "        return 1 / 0\n"
    )
    result = subprocess.run(
        [*PATANG, "demo", "--strategy", "fails:Fails", "--minutes", "1", "-o", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
    )
    assert result.returncode == 1
    document = json.loads(result.stdout)
    assert document["succeeded"] is False
    assert "line 5 of fails" in document["alarms"][0]["message"]
    assert "ZeroDivisionError" in result.stderr
    assert "looking" in result.stderr
