"""The SQLite file under a journal: WAL, synchronous FULL, one writer by a lock beside it.

A finished journal is one file in rollback mode, so it can be copied, mailed and read from a folder
that cannot be written. While it is open, or after a crash, its ``-wal`` file is a part of it, and
beside one that can be continued stand its head (``.head``) and perhaps a snapshot. While it is open
some room on the disk is kept for it (``.reserve``).
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from patang.storage.chain import SEAL, START, Head, Row
from patang.storage.faults import (
    JournalError,
    JournalLocked,
    from_os_error,
    from_sqlite_error,
    is_full,
)
from patang.storage.lock import FileLock, LockHeld
from patang.storage.reading import (
    APPLICATION_ID,
    FORMAT_VERSION,
    TABLE,
    check_header,
    read_journal,
)
from patang.storage.reserve import Reserve
from patang.storage.snapshot_file import remove_snapshot
from patang.storage.witness import Witness

_INSERT = "INSERT INTO rows (sequence, kind, payload, hash) VALUES (?, ?, ?, ?)"
_BUSY_TIMEOUT_SECONDS = 5.0


class JournalFile:
    """An open journal file that holds the writer's lock; build it with the class methods."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: FileLock,
        witness: Witness,
        reserve: Reserve,
    ) -> None:
        self.path: Path | None = path
        self._path = path
        self._connection = connection
        self._lock = lock
        self._witness = witness
        self._reserve = reserve
        self._is_sealed = False

    @property
    def is_short(self) -> bool:
        """Whether the disk was found full, so that rows go to the room that was kept free."""
        return not self._reserve.is_held

    @classmethod
    def create(cls, path: Path) -> "JournalFile":
        """A new, empty journal; raises as ``Journal.create`` says."""
        with contextlib.ExitStack() as undo:
            lock = _lock(path, "create")
            undo.callback(lock.release)
            _create_private(path)
            undo.callback(path.unlink, missing_ok=True)  # ours, and still without rows
            witness, reserve = _beside(path, START, is_new=True)
            undo.callback(witness.remove)
            undo.callback(reserve.give_up)
            connection = _connect(path)
            undo.pop_all()
        return cls(path, connection, lock, witness, reserve)

    @classmethod
    def open_existing(cls, path: Path) -> tuple["JournalFile", Head]:
        """A journal to continue, and its head; raises as ``Journal.open_for_append`` says."""
        check_header(path)
        with contextlib.ExitStack() as undo:
            lock = _lock(path, "open")
            undo.callback(lock.release)
            # Read first: a journal that is refused keeps every byte as it is.
            head = _head_to_continue(path)
            witness, reserve = _beside(path, head, is_new=False)
            undo.callback(witness.close)
            undo.callback(reserve.give_up)
            connection = _connect(path)
            undo.pop_all()
        return cls(path, connection, lock, witness, reserve), head

    def write(self, rows: Sequence[Row]) -> None:
        """Insert the rows in one transaction, durable on return; raises ``JournalError``."""
        values = [(row.sequence, row.kind, row.payload, row.hash) for row in rows]
        try:
            self._commit(values)
        except sqlite3.Error as error:
            if not (self._reserve.is_held and is_full(self._path, error)):
                raise from_sqlite_error(self._path, "write", error) from error
            # A full disk leaves nothing behind in the file, unlike a failed sync: with the kept
            # room given up, the same rows can be tried once more.
            self._reserve.give_up()
            try:
                self._commit(values)
            except sqlite3.Error as again:
                raise from_sqlite_error(self._path, "write", again) from again
        last = rows[-1]
        self._is_sealed = last.kind == SEAL
        try:
            self._witness.note(Head(last.sequence, last.hash))
        except OSError as error:
            raise from_os_error(self._path, "write the head beside", error) from error

    def _commit(self, values: list[tuple[int, str, bytes, bytes]]) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, values)
            connection.execute("COMMIT")
        except sqlite3.Error:
            # SQLite has often rolled back already; what is left is rolled back at close.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def rows(self) -> Iterator[Row]:
        """The synced rows, through a reader of their own."""
        return read_journal(self._path)

    def close(self) -> None:
        """Fold the -wal file into the journal where no reader prevents it; release the lock."""
        try:
            with contextlib.suppress(sqlite3.Error):
                # Readers keep the file in WAL mode: what was synced stays safe beside it, and
                # the next writer or close folds it in.
                self._connection.execute("PRAGMA busy_timeout = 100")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._connection.execute("PRAGMA journal_mode = DELETE")
        finally:
            try:
                self._connection.close()
                self._tidy()
            finally:
                self._lock.release()

    def _tidy(self) -> None:
        self._reserve.give_up()
        if not self._is_sealed:
            self._witness.close()
            return
        # A finished run is one file: nobody continues it, from a snapshot or otherwise.
        with contextlib.suppress(OSError, JournalError):
            self._witness.remove()
            remove_snapshot(self._path)


def _lock(path: Path, doing: str) -> FileLock:
    lock_path = path.with_name(path.name + ".lock")
    try:
        return FileLock(lock_path)
    except LockHeld as error:
        holder = f"process {error.holder}" if error.holder else "another writer"
        raise JournalLocked(
            path,
            f"Journal {path} is being written by {holder} (lock {lock_path}).",
            "Stop that run first, or give this one another journal.",
        ) from error
    except OSError as error:
        raise from_os_error(path, doing, error) from error


def _beside(path: Path, head: Head, *, is_new: bool) -> tuple[Witness, Reserve]:
    """What stands beside a journal that is written."""
    reserve = Reserve(path)
    try:
        try:
            reserve.take()
        except OSError:
            # No run begins without room for its end; one that is under way has to end anyhow.
            if is_new:
                raise
        witness = Witness(path)
        witness.note(head)
    except OSError as error:
        reserve.give_up()
        raise from_os_error(path, "keep room beside", error) from error
    return witness, reserve


def _create_private(path: Path) -> None:
    try:
        # Created before SQLite sees it: its mode is then 0600 from the first moment, and
        # SQLite gives the -wal and -shm files the same.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.execute(TABLE)
        finally:
            connection.close()
        _sync_folder(path.parent)
    except sqlite3.Error as error:
        path.unlink(missing_ok=True)
        raise from_sqlite_error(path, "create", error) from error
    except OSError as error:
        raise from_os_error(path, "create", error) from error


def _sync_folder(folder: Path) -> None:
    """Make the new file's name as durable as its rows (folders cannot be synced on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        # Python's own transaction handling is off; the one thread check it offers forbids the
        # writer thread, which is the only one to use the connection after this.
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise JournalError(
                    path,
                    f"Cannot open journal {path}: its disk does not support write-ahead logging.",
                    "Choose a folder on a local disk.",
                )
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise from_sqlite_error(path, "open", error) from error
    return connection


def _head_to_continue(path: Path) -> Head:
    head = START
    for row in read_journal(path):
        if row.kind == SEAL:
            raise JournalError(
                path, f"Journal {path} is sealed: its run is finished.", "Start a new journal."
            )
        head = Head(row.sequence, row.hash)
    return head
