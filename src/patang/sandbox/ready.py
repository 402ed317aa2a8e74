"""The ready file: how a process that started a sandbox learns where it is and how to log in."""

import contextlib
import os
from pathlib import Path

import msgspec

from patang.sandbox.apps import AppKind
from patang.sandbox.errors import ReadyFileUnwritable


class ClockReading(msgspec.Struct, frozen=True):
    """The virtual clock at one moment: nanoseconds UTC, and virtual seconds per real second."""

    now_ns: int
    speed: float


class ReadyUser(msgspec.Struct, frozen=True):
    """A user who is logged in already."""

    user_id: str
    access_token: str


class ReadyApp(msgspec.Struct, frozen=True):
    """An app of the world; ``kind`` is ``connect`` or ``personal``."""

    api_key: str
    api_secret: str
    kind: AppKind


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sandbox listens and whom it knows.

    ``control`` is the control port's address. ``certificate`` is the PEM file to trust, where
    ``root`` is https.
    """

    root: str
    control: str
    ws: str
    api_key: str
    api_secret: str
    login_url: str
    users: tuple[ReadyUser, ...]
    clock: ClockReading
    apps: tuple[ReadyApp, ...] = ()
    certificate: str | None = None


class ReadyFile:
    """A file that is there, whole, exactly while a sandbox serves. Readable by its owner only.

    Raises:
        ReadyFileUnwritable: from every method but ``withdraw``, naming the path and the reason.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}")
        self._published: bytes | None = None

    def prepare(self) -> None:
        """Remove a stale file and make sure, before anything starts, that a new one can follow."""
        try:
            self._path.unlink(missing_ok=True)
            self._draft.unlink(missing_ok=True)
            os.close(os.open(self._draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise self._unwritable(error) from error

    def publish(self, ready: Ready) -> None:
        """Put the whole file in place in one step."""
        text = msgspec.json.format(msgspec.json.encode(ready)) + b"\n"
        try:
            self._draft.write_bytes(text)
            self._draft.replace(self._path)
        except OSError as error:
            raise self._unwritable(error) from error
        self._published = text

    def withdraw(self) -> None:
        """Remove what was published, unless another sandbox has written its own there since."""
        with contextlib.suppress(OSError):
            self._draft.unlink(missing_ok=True)
            if self._published is not None and self._path.read_bytes() == self._published:
                self._path.unlink()

    def _unwritable(self, error: OSError) -> ReadyFileUnwritable:
        return ReadyFileUnwritable(
            f"Cannot write the ready file {self._path}: {error.strerror}.",
            "Give --ready-file a path in a folder that exists and is writable.",
        )
