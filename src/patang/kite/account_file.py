"""The file in which all processes of an account keep the state of their limits.

One process at a time changes it, under a lock on the file that the system releases when the process
dies. It holds two copies, and a change overwrites the older one: a process killed in the middle
leaves the newer, and who only reads needs no lock. It is not synced to the disk: a machine that
lost its power is away for longer than any window but the day's, and the day's count is in the order
book as well. (A file replaced as a whole took a hundred times as long to write.)
"""

import asyncio
import contextlib
import logging
import os
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from patang.kite.account_state import AccountState
from patang.kite.blocking import lock_between_threads
from patang.kite.errors import AccountStateUnusable

_log = logging.getLogger("patang.kite.limits")

T = TypeVar("T")

# Machine time: how often a busy lock is tried again, and how long before that is an error.
_RETRY_S = 0.001
_PATIENCE_S = 5.0

# Of each copy: its number, then the length and the checksum of what follows.
_HEADER = struct.Struct("<QLL")
_COPY_BYTES = 1 << 18
_FIRST_READ_BYTES = 1 << 14

if sys.platform == "win32":
    import msvcrt

    # Bytes locked on Windows cannot be read by others, so the lock sits far behind the copies.
    _LOCKED_OFFSET = 1 << 30
    _BINARY = os.O_BINARY

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _read_at(descriptor: int, length: int, offset: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)

    def _write_at(descriptor: int, body: bytes, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, body)
else:
    import fcntl

    _BINARY = 0
    _read_at = os.pread
    _write_at = os.pwrite

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class AccountFile:
    """Keeps an ``AccountState`` at ``path``, readable by its owner alone. The folder is made.

    ``repaired`` changes a state whenever one is read; ``distrusted`` makes one in the place of a
    file that cannot be read, whose content is kept beside it.
    """

    is_shared = True

    def __init__(
        self,
        path: Path,
        *,
        repaired: Callable[[AccountState], None],
        distrusted: Callable[[], AccountState],
    ) -> None:
        self.path = path
        self._repaired = repaired
        self._distrusted = distrusted
        self._opened: tuple[int, int] | None = None
        # The system's lock does not keep the threads of one process apart.
        self._threads = lock_between_threads()

    async def change(self, work: Callable[[AccountState], T]) -> T:
        """Let ``work`` change the state while nobody else does, and keep what it made.

        When ``work`` raises, the file stays as it was.

        Raises:
            AccountStateUnusable: the file cannot be locked, read or written.
        """
        try:
            async with self._locked() as descriptor:
                number, state = self._read(descriptor, is_locked=True)
                answer = work(state)
                self._write(descriptor, number + 1, state)
                return answer
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def read(self) -> AccountState:
        """The state as it is now, or was a moment ago.

        Raises:
            AccountStateUnusable: the file cannot be read.
        """
        try:
            return self._read(self._descriptor(), is_locked=False)[1]
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def close(self) -> None:
        """Close the file; the next change opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            os.close(opened[1])

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[int]:
        """Hold the lock of the file that is at the path. Nothing may be awaited meanwhile."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            descriptor = self._descriptor()
            self._threads.acquire()
            try:
                _try_lock(descriptor)
                break
            except (BlockingIOError, PermissionError) as error:
                self._threads.release()
                if asyncio.get_running_loop().time() > deadline:
                    raise self._unusable(
                        f"it has been locked by another process for {_PATIENCE_S:g} s"
                    ) from error
            except BaseException:
                self._threads.release()
                raise
            await asyncio.sleep(_RETRY_S)
        try:
            yield descriptor
        finally:
            try:
                _unlock(descriptor)
            finally:
                self._threads.release()

    def _descriptor(self) -> int:
        """The open file; opened anew after a fork, and when the path names another by now."""
        if self._opened is not None and self._opened[0] == os.getpid():
            descriptor = self._opened[1]
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self.path), os.fstat(descriptor)):
                    return descriptor
            self.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        self._opened = os.getpid(), descriptor
        return descriptor

    def _read(self, descriptor: int, *, is_locked: bool) -> tuple[int, AccountState]:
        copies = [copy for n in range(2) if (copy := _copy(descriptor, n)) is not None]
        for number, body in sorted(copies, reverse=True):
            with contextlib.suppress(msgspec.DecodeError, UnicodeError):
                state = _decoder.decode(body)
                self._repaired(state)
                return number, state
        if not os.fstat(descriptor).st_size:
            return 0, AccountState()
        if is_locked:
            self._keep_unreadable(descriptor)
        return 0, self._distrusted()

    def _keep_unreadable(self, descriptor: int) -> None:
        aside = self.path.with_name(self.path.name + ".unreadable")
        _log.error("%s is unreadable; what it held is kept as %s", self.path, aside)
        copy = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
        try:
            os.write(copy, _read_at(descriptor, 2 * _COPY_BYTES, 0))
        finally:
            os.close(copy)

    def _write(self, descriptor: int, number: int, state: AccountState) -> None:
        body = _encoder.encode(state)
        copy = _HEADER.pack(number, len(body), zlib.crc32(body)) + body
        if len(copy) > _COPY_BYTES:
            raise self._unusable(f"{len(copy)} bytes of state are too many")
        if _write_at(descriptor, copy, number % 2 * _COPY_BYTES) != len(copy):
            raise self._unusable("it was not written whole; the disk may be full")

    def _unusable(self, why: str) -> AccountStateUnusable:
        return AccountStateUnusable(
            f"the account's limits are shared through {self.path}, which cannot be used: {why}.",
            remedy="Give a path that can be written, or a Governor of this process alone.",
        )


def _copy(descriptor: int, number: int) -> tuple[int, bytes] | None:
    """The number and content of one of the two copies, or None when it is not whole."""
    start = number * _COPY_BYTES
    head = _read_at(descriptor, _FIRST_READ_BYTES, start)
    if len(head) < _HEADER.size:
        return None
    written, length, checksum = _HEADER.unpack_from(head)
    if length > _COPY_BYTES:
        return None
    body = head[_HEADER.size : _HEADER.size + length]
    if len(body) < length:
        body += _read_at(descriptor, length - len(body), start + len(head))
    is_whole = len(body) == length and zlib.crc32(body) == checksum
    return (written, body) if is_whole else None


_decoder = msgspec.msgpack.Decoder(AccountState)
_encoder = msgspec.msgpack.Encoder()


class AccountMemory:
    """Keeps the state of a process that is alone with its account."""

    is_shared = False

    def __init__(self) -> None:
        self._state = AccountState()
        self._threads = lock_between_threads()

    async def change(self, work: Callable[[AccountState], T]) -> T:
        """Let ``work`` change the state while no other thread does."""
        with self._threads:
            return work(self._state)

    def read(self) -> AccountState:
        """The state as it is now."""
        return self._state

    def close(self) -> None:
        """Nothing to close."""
