"""The official JavaScript client in processes of their own, spoken to over pipes."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "javascript"
INSTALL_TIMEOUT_S = 300


def node() -> str:
    """The Node to run, with the client installed; skips the test where there is none."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("node and npm are not installed")
    lock, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    # Workers of one run wait for each other; only the first installs.
    with (FOLDER / ".installing").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            run = subprocess.run(
                [npm, "ci"],
                cwd=FOLDER,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
                check=False,
            )
            if run.returncode:
                pytest.skip(f"npm could not install the client: {run.stderr[-500:]}")
            done.touch()
    return found


class JavaScriptError(Exception):
    """What the client rejected with: the server's own object, or an error of its own."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        super().__init__(told)


class _Process:
    def __init__(self, script: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [node(), script, *arguments],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"TZ": "Asia/Kolkata"},
        )

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the script ended"
        return json.loads(line)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class JavaScriptClient(_Process):
    """A ``KiteConnect``; dates come back as the text of ``Date.toJSON``, in UTC."""

    def __init__(self, api_key: str, access_token: str, root: str) -> None:
        super().__init__("client.mjs", api_key, access_token, root)
        self._calls = 0

    def call(self, method: str, *arguments: Any) -> Any:
        """The result of a method; raises ``JavaScriptError`` when its promise is rejected."""
        self._calls += 1
        self.write(json.dumps({"id": self._calls, "method": method, "args": arguments}))
        reply = self.read()
        assert reply["id"] == self._calls
        if "error" in reply:
            raise JavaScriptError(reply["error"])
        return reply["result"]


class JavaScriptTicker(_Process):
    """A ``KiteTicker`` and what it says."""

    def __init__(
        self, api_key: str, access_token: str, ws: str, mode: str, tokens: list[int]
    ) -> None:
        super().__init__("ticker.mjs", api_key, access_token, ws, mode, *map(str, tokens))

    def next(self, kind: str, accept: Callable[[dict], bool] = lambda event: True) -> dict:
        """The next event of a kind that is accepted; the rest is read past."""
        while True:
            event: dict = self.read()
            if event["kind"] == kind and accept(event):
                return event

    def tick(self, token: int, accept: Callable[[dict], bool] = lambda tick: True) -> dict:
        """The next tick of a token that is accepted."""
        while True:
            for tick in self.next("ticks")["ticks"]:
                if tick["instrument_token"] == token and accept(tick):
                    return tick
