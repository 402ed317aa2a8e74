"""A sandbox as a child process: started, waited for, watched, and ended."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from patang.domain.errors import PatangError
from patang.sandbox.ready import Ready

START_TIMEOUT_S = 30.0
_POLL_S = 0.02
_END_TIMEOUT_S = 5.0


class SandboxFailed(PatangError):
    """The sandbox process did not start."""


class SandboxGone(PatangError):
    """The sandbox process ended while it was still needed."""


class SandboxProcess:
    """A running sandbox and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Ready) -> None:
        self.ready = ready
        self._process = process

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    async def watch(self) -> None:
        """Never returns while the sandbox lives.

        Raises:
            SandboxGone: the process ended.
        """
        code = await self._process.wait()
        raise SandboxGone(
            f"The sandbox (process {self.pid}) ended in mid-run with exit code {code}.",
            "Start it again.",
        )


@asynccontextmanager
async def sandbox_process(options: Sequence[str]) -> AsyncIterator[SandboxProcess]:
    """Run ``patang sandbox`` with ``options`` as a child process for the length of the block.

    Raises:
        SandboxFailed: it ended, or did not get ready in time.
    """
    with tempfile.TemporaryDirectory(prefix="patang-") as folder:
        ready_file, log = Path(folder) / "ready.json", Path(folder) / "sandbox.log"
        command = [sys.executable, "-m", "patang.cli", "sandbox", "--until-eof"]
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *command,
                *options,
                "--ready-file",
                str(ready_file),
                # Its other end closes with us, however we end: a sandbox must not outlive its run.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said,
                # Ctrl-C belongs to the parent, which ends the child in its own good time.
                start_new_session=True,
            )
        try:
            yield SandboxProcess(process, await _wait_until_ready(process, ready_file, log))
        finally:
            await _end(process)


async def _wait_until_ready(
    process: asyncio.subprocess.Process, ready_file: Path, log: Path
) -> Ready:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await asyncio.to_thread(ready_file.exists):
                if process.returncode is not None:
                    raise await _start_failure(process, log)
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise SandboxFailed(
            f"The sandbox was not ready after {START_TIMEOUT_S:.0f} s.",
            "Run `patang sandbox` by itself to see what it says.",
        ) from None
    return msgspec.json.decode(await asyncio.to_thread(ready_file.read_bytes), type=Ready)


async def _start_failure(process: asyncio.subprocess.Process, log: Path) -> SandboxFailed:
    said = await asyncio.to_thread(log.read_text, "utf-8", "replace")
    lines = said.strip().splitlines()
    return SandboxFailed(
        f"The sandbox did not start (exit code {process.returncode}): "
        f"{lines[0] if lines else 'it said nothing'}",
        "Run `patang sandbox` by itself to see what it says.",
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_END_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
