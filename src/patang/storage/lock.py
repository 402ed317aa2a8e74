"""A lock between processes: one holder of a file at a time, released by the system at death."""

import os
import sys
from pathlib import Path


class LockHeld(Exception):
    """Someone else holds the lock. ``holder`` is the process id it wrote, when readable."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(holder)


if sys.platform == "win32":
    import msvcrt

    # Bytes locked on Windows cannot be read by others, so the lock sits far behind the text.
    _LOCKED_OFFSET = 1 << 30

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        # flock, not lockf: it also excludes a second holder inside this process, and closing
        # some other descriptor of the file does not drop it.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Holds ``path`` exclusively from construction until ``release``.

    Raises:
        LockHeld: someone else holds it.
        OSError: the lock file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = _acquire(path)

    def release(self) -> None:
        """Let the next one in and remove the file; harmless when repeated."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if sys.platform == "win32":
            os.close(descriptor)  # an open file cannot be removed there
            _remove(self.path)
        else:
            _remove(self.path)
            os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock_or_explain(descriptor)
            if _is_still_at(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # The holder before us removed the file between our open and our lock: take the new one.
        os.close(descriptor)


def _lock_or_explain(descriptor: int) -> None:
    try:
        _try_lock(descriptor)
    except (BlockingIOError, PermissionError) as error:
        os.lseek(descriptor, 0, os.SEEK_SET)
        raise LockHeld(os.read(descriptor, 32).decode("ascii", "replace").strip()) from error


def _is_still_at(path: Path, descriptor: int) -> bool:
    # An open file cannot be removed on Windows, so there this is always true.
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    # Another process may already have opened it (Windows) or the folder may be gone: the lock
    # itself is released either way.
    try:
        path.unlink()
    except OSError:
        return
