"""docs/sandbox.md does what it says: every command starts, every example runs."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness import find_benchmarks
from patang.sandbox.control.app import build_control
from patang.sandbox.in_process import SandboxApp
from patang.sandbox.testing import sandbox_fixture
from tests.node_process import FOLDER, node

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for language, _, body in BLOCKS
    if language == "sh"
    for line in body.splitlines()
    if line.startswith("patang")
]

exchange = sandbox_fixture(scope="module")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the files that the document shows."""
    for _, name, body in BLOCKS:
        if name:
            (tmp_path / name).write_text(body, encoding="utf-8")
    return tmp_path


def blocks_of(language: str) -> list[str]:
    return [body for kind, name, body in BLOCKS if kind == language and not name]


def write_ready(folder: Path, exchange) -> None:
    ready = exchange.ready
    fields = {name: getattr(ready, name) for name in ("root", "ws", "control", "api_key")}
    users = [{"user_id": one.user_id, "access_token": one.access_token} for one in ready.users]
    (folder / "ready.json").write_text(json.dumps(fields | {"users": users}))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_starts_a_sandbox(folder, command):
    words = shlex.split(command)[1:]
    # Fixed ports of the document may be taken here.
    for option in ("--port", "--control-port"):
        if option in words:
            words[words.index(option) + 1] = "0"
    program = "import sys; from patang.cli.app import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--until-eof", "-o", "json"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ready = json.loads(done.stdout)
    assert ready["root"].startswith("https://" if "--tls-names" in words else "http://")


def test_there_are_commands_files_and_examples():
    assert len(COMMANDS) >= 8
    assert {"users.toml", "apps.toml", "faults.toml", "ticks.csv", "test_mine.py"} <= {
        name for _, name, _ in BLOCKS
    }


@pytest.mark.parametrize("block", blocks_of("python"), ids=range(len(blocks_of("python"))))
def test_the_python_of_the_document_runs(folder, exchange, block):
    write_ready(folder, exchange)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", block],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_javascript_of_the_document_runs(folder, exchange):
    write_ready(folder, exchange)
    (block,) = blocks_of("javascript")
    # Modules are found from where the script is, and the ready file from where it runs.
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    (folder / "example.mjs").write_text(block)
    done = subprocess.run(
        [node(), "example.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "NSE:INFY" in done.stdout


def test_the_tests_of_the_document_pass(folder):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore",
         "-o", "asyncio_mode=auto", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"PYTEST_ADDOPTS": ""},
        check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_every_route_of_the_control_port_is_told_and_no_other():
    told = set(re.findall(r"^\| `(\w+) (/\S*)` \|", TEXT, re.MULTILINE))
    routes = build_control(SandboxApp().world).routes
    served = {
        (method, re.sub(r":\w+", "", route.path))
        for route in routes
        for method in route.methods - {"HEAD"}
    }
    assert told == served


def test_the_benchmarks_that_are_told_exist():
    told = re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.MULTILINE)
    assert len(told) >= 6
    assert set(told) <= set(find_benchmarks())
