"""The file in which all processes of an account keep the state of their limits.

One process at a time changes it, under a lock that the system releases when the process dies. A
change is a new file that replaces the old one, so a process killed in the middle leaves the old
state, and who only reads needs no lock. It is not synced to the disk: a machine that lost its power
is away for longer than any window but the day's, and the day's count is in the order book as well.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from patang.kite.account_state import AccountState
from patang.kite.errors import AccountStateUnusable

_log = logging.getLogger("patang.kite.limits")

T = TypeVar("T")

# Machine time: how often a busy lock is tried again, and how long before that is an error.
_RETRY_S = 0.001
_PATIENCE_S = 5.0
_MAX_BYTES = 4 << 20

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class AccountFile:
    """Keeps an ``AccountState`` at ``path``, readable by its owner alone. The folder is made.

    ``repaired`` changes a state whenever one is read; ``distrusted`` makes one in the place of a
    file that cannot be read, which is set aside beside it.
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
        self._lock_path = path.with_name(path.name + ".lock")
        self._repaired = repaired
        self._distrusted = distrusted
        self._lock: tuple[int, int] | None = None

    async def change(self, work: Callable[[AccountState], T]) -> T:
        """Let ``work`` change the state while nobody else does, and keep what it made.

        When ``work`` raises, the file stays as it was.

        Raises:
            AccountStateUnusable: the file cannot be locked, read or written.
        """
        async with self._locked():
            try:
                state = self._read(is_locked=True)
                answer = work(state)
                self._write(state)
            except OSError as error:
                raise self._unusable(error) from error
            return answer

    def read(self) -> AccountState:
        """The state as it is now, or was a moment ago.

        Raises:
            AccountStateUnusable: the file cannot be read.
        """
        try:
            return self._read(is_locked=False)
        except OSError as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the lock file; the next change opens it again."""
        if self._lock is not None:
            os.close(self._lock[1])
            self._lock = None

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        descriptor = self._opened()
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            try:
                _try_lock(descriptor)
                break
            except (BlockingIOError, PermissionError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise AccountStateUnusable(
                        f"{self._lock_path} has been locked by another process for"
                        f" {_PATIENCE_S:g} s.",
                        remedy="Look for a stopped process of this account and end it.",
                    ) from error
            except OSError as error:
                raise self._unusable(error) from error
            await asyncio.sleep(_RETRY_S)
        try:
            yield
        finally:
            _unlock(descriptor)

    def _opened(self) -> int:
        # A lock belongs to the open file, which a forked child shares with its parent.
        if self._lock is None or self._lock[0] != os.getpid():
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                raise self._unusable(error) from error
            self._lock = os.getpid(), descriptor
        return self._lock[1]

    def _read(self, *, is_locked: bool) -> AccountState:
        try:
            body = self.path.read_bytes()
        except FileNotFoundError:
            return AccountState()
        try:
            if len(body) > _MAX_BYTES:
                raise msgspec.DecodeError(f"{len(body)} bytes are too many")
            state = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            aside = self.path.with_name(self.path.name + ".unreadable")
            if is_locked:
                _log.error("%s is unreadable (%s) and is set aside as %s", self.path, error, aside)
                os.replace(self.path, aside)
            return self._distrusted()
        self._repaired(state)
        return state

    def _write(self, state: AccountState) -> None:
        new_path = self.path.with_name(self.path.name + ".new")
        descriptor = os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            rest = memoryview(_encoder.encode(state))
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        os.replace(new_path, self.path)

    def _unusable(self, error: OSError) -> AccountStateUnusable:
        return AccountStateUnusable(
            f"the limits of the account are shared through {self.path}, which cannot be used:"
            f" {error.strerror or error}.",
            remedy="Give a path that can be written, or a Governor of this process alone.",
        )


_decoder = msgspec.json.Decoder(AccountState)
_encoder = msgspec.json.Encoder()


class AccountMemory:
    """Keeps the state of a process that is alone with its account."""

    is_shared = False

    def __init__(self) -> None:
        self._state = AccountState()

    async def change(self, work: Callable[[AccountState], T]) -> T:
        """Let ``work`` change the state."""
        return work(self._state)

    def read(self) -> AccountState:
        """The state as it is now."""
        return self._state

    def close(self) -> None:
        """Nothing to close."""
