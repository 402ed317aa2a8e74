"""A sandbox in a process of its own, for benchmarks: frozen, without rate limits."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAM = "import sys; from patang.cli.app import main; sys.exit(main())"
_START_TIMEOUT_S = 60.0


@contextmanager
def running(*options: str) -> Iterator[dict[str, Any]]:
    """The ready document of a sandbox that ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [
            *(sys.executable, "-c", _PROGRAM, "sandbox", "--no-rate-limits", "--until-eof"),
            *("--ready-file", str(ready), *options),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            try:
                yield _awaited(ready, process)
            finally:
                process.terminate()


def _awaited(ready: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.002)
    told: dict[str, Any] = json.loads(ready.read_text())
    return told
