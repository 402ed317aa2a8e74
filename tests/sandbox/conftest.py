"""Real sandbox processes for tests: started on a free port, stopped with SIGTERM."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from kiteconnect import KiteConnect

_PROGRAM = """
import asyncio, sys, msgspec
from patang.sandbox.server import serve
from patang.sandbox.settings import SandboxSettings
settings = msgspec.json.decode(
    sys.argv[1], type=SandboxSettings, dec_hook=lambda kind, value: kind(value)
)
asyncio.run(serve(settings))
"""
START_TIMEOUT_S = 20.0


class Sandbox:
    """One running sandbox process and what its ready file says."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.ready_path = folder / "ready.json"
        self.settings = settings | {"ready_file": str(self.ready_path)}
        self.output: tuple[str, str] | None = None
        started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(self.settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not self.ready_path.exists():
            if self.process.poll() is not None:
                raise AssertionError(f"sandbox ended at once: {self.process.communicate()[1]}")
            assert time.monotonic() - started < START_TIMEOUT_S, "sandbox did not get ready"
            time.sleep(0.005)
        self.ready = json.loads(self.ready_path.read_text())

    @property
    def root(self) -> str:
        return self.ready["root"]

    @property
    def api_key(self) -> str:
        return self.ready["api_key"]

    @property
    def api_secret(self) -> str:
        return self.ready["api_secret"]

    def access_token(self, user_id: str) -> str:
        return next(u["access_token"] for u in self.ready["users"] if u["user_id"] == user_id)

    def request_token(self, user_id: str) -> str:
        """What a browser would bring back from the login page."""
        reply = requests.get(
            f"{self.ready['login_url']}&user_id={user_id}", allow_redirects=False, timeout=5
        )
        assert reply.status_code == 302, reply.text
        return parse_qs(urlsplit(reply.headers["location"]).query)["request_token"][0]

    def stop(self) -> tuple[int, str, str]:
        """Exit code and output after SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
        if self.output is None:
            self.output = self.process.communicate(timeout=10)
        return self.process.returncode, *self.output


@pytest.fixture(scope="module")
def start_sandbox(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Sandbox]]:
    """Start a sandbox with any settings; it stops with the test module."""
    running: list[Sandbox] = []

    def start(**settings: Any) -> Sandbox:
        running.append(Sandbox(tmp_path_factory.mktemp("sandbox"), settings))
        return running[-1]

    yield start
    # All are told before any is waited for: they end side by side.
    for sandbox in running:
        if sandbox.process.poll() is None:
            sandbox.process.terminate()
    for sandbox in running:
        sandbox.stop()


USERS = [{"user_id": f"TS{number:04}"} for number in range(40)]


@pytest.fixture(scope="module")
def frozen(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox whose clock stands still at 09:20:00, without rate limits, with many users."""
    return start_sandbox(speed=0, rate_limits=False, users=USERS)


@pytest.fixture(scope="module")
def _free_users() -> Iterator[str]:
    return itertools.chain(user["user_id"] for user in USERS)


@pytest.fixture
def kite(frozen: Sandbox, _free_users: Iterator[str]) -> Iterator[KiteConnect]:
    """The official client, logged in as a user that no other test has."""
    client = KiteConnect(api_key=frozen.api_key, root=frozen.root)
    client.user_id = next(_free_users)
    client.set_access_token(frozen.access_token(client.user_id))
    yield client
    client.reqsession.close()
