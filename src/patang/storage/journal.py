"""The journal of one run and account: append-only rows, durable when ``sync`` returns.

>>> journal = Journal.in_memory()
>>> journal.append("note", b"hello").sequence
1
>>> journal.sync()
>>> journal.head.sequence, journal.synced
(1, 1)
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, Self

import msgspec

from patang.domain.errors import InvalidValue
from patang.storage.chain import SEAL, START, Head, Row, Seal, chain_hash, kind_prefix
from patang.storage.faults import Fault, JournalCorrupt, JournalError, JournalLocked
from patang.storage.journal_file import JournalFile
from patang.storage.reading import Verification, read_journal, verify

__all__ = [
    "SEAL",
    "START",
    "Fault",
    "Head",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalLocked",
    "Row",
    "Seal",
    "Verification",
    "read_journal",
    "verify",
]


class _Store(Protocol):
    """Where synced rows go."""

    path: Path | None

    def write(self, rows: Sequence[Row]) -> None: ...

    def rows(self) -> Iterator[Row]: ...

    def close(self) -> None: ...


class _MemoryStore:
    path: Path | None = None

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def write(self, rows: Sequence[Row]) -> None:
        self._rows.extend(rows)

    def rows(self) -> Iterator[Row]:
        return iter(tuple(self._rows))

    def close(self) -> None:
        return


class Journal:
    """The one writer of a journal.

    ``append`` and ``sync`` may be called from two threads, one of each: rows appended while a
    sync runs wait for the next one.
    """

    def __init__(self, store: _Store, head: Head = START) -> None:
        self._store = store
        self._head = head
        self._synced = head.sequence
        self._pending: list[Row] = []
        self._prefixes: dict[str, bytes] = {}
        self._failure: JournalError | None = None
        self._state: Literal["open", "sealed", "closed"] = "open"

    @classmethod
    def create(cls, path: Path | str) -> Self:
        """Start a new journal file (mode 0600) and hold its lock.

        Raises:
            JournalLocked: another writer holds this path.
            JournalError: the file exists, or the folder is missing or not writable.
        """
        return cls(JournalFile.create(Path(path).absolute()))

    @classmethod
    def open_for_append(cls, path: Path | str) -> Self:
        """Continue an unsealed journal after a stop or a crash, checking every row first.

        Raises:
            JournalLocked: another writer holds this path.
            JournalCorrupt: a row is not what was written.
            JournalError: sealed, or the file cannot be opened for writing.
        """
        file, head = JournalFile.open_existing(Path(path).absolute())
        return cls(file, head)

    @classmethod
    def in_memory(cls) -> Self:
        """A journal without a file, for simulations: same chain, same head, nothing durable."""
        return cls(_MemoryStore())

    @property
    def path(self) -> Path | None:
        """The file, or None in memory."""
        return self._store.path

    @property
    def head(self) -> Head:
        """The last appended row's sequence and hash, synced or not."""
        return self._head

    @property
    def synced(self) -> int:
        """Sequence of the last durable row."""
        return self._synced

    @property
    def failure(self) -> JournalError | None:
        """Why the journal stopped taking rows, or None."""
        return self._failure

    @property
    def is_short(self) -> bool:
        """Whether the disk is full and rows go to the room that was kept: end what is open."""
        return isinstance(self._store, JournalFile) and self._store.is_short

    def append(self, kind: str, payload: bytes) -> Row:
        """Add a row to the chain, in memory until the next ``sync``.

        Raises:
            InvalidValue: the kind is empty, too long or ``seal``; the payload is not bytes.
            JournalError: an earlier sync failed, or the journal is sealed or closed.
        """
        if kind == SEAL:
            raise InvalidValue("kind", f"{SEAL!r} ends a journal.", "Call seal().")
        return self._append(kind, payload)

    def _append(self, kind: str, payload: bytes) -> Row:
        if self._failure is not None or self._state != "open":
            raise self._refusal()
        if type(payload) is not bytes:  # a bytearray could change before it is synced
            raise InvalidValue("payload", f"{type(payload).__name__} is not bytes.")
        prefix = self._prefixes.get(kind)
        if prefix is None:
            prefix = self._prefixes[kind] = kind_prefix(kind)
        sequence = self._head.sequence + 1
        digest = chain_hash(self._head.hash, sequence, prefix, payload)
        row = Row(sequence, kind, payload, digest)
        self._pending.append(row)
        self._head = Head(sequence, digest)
        return row

    def sync(self) -> None:
        """Write all rows appended so far in one transaction; durable on return.

        Raises:
            JournalError: the rows could not be written. From then on the journal refuses rows.
        """
        if self._failure is not None:
            raise self._refusal()
        # The list stays the same object: the other thread may append between these two lines.
        batch = self._pending[:]
        if not batch:
            return
        try:
            self._store.write(batch)
        except JournalError as error:
            self._failure = error
            raise
        del self._pending[: len(batch)]
        self._synced = batch[-1].sequence

    def seal(self, state_hash: str) -> Row:
        """Append the last row of a finished run; ``sync`` or ``close`` makes it durable.

        Raises:
            JournalError: an earlier sync failed, or the journal is sealed or closed.
        """
        row = self._append(SEAL, msgspec.json.encode(Seal(self._head.sequence, state_hash)))
        self._state = "sealed"
        return row

    def durable_rows(self) -> Iterator[Row]:
        """The synced rows; a file's are read back and checked as ``read_journal`` does."""
        return self._store.rows()

    def close(self) -> None:
        """Sync, fold everything into the single file and release the lock; may be repeated.

        Raises:
            JournalError: the last rows could not be written (not repeated after a failed sync).
        """
        if self._state == "closed":
            return
        self._state = "closed"
        try:
            if self._failure is None:
                self.sync()
        finally:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refusal(self) -> JournalError:
        name = "The journal" if self.path is None else f"Journal {self.path}"
        if self._failure is not None:
            cause = f"{name} takes no more rows after a failed write: {self._failure.cause}"
            return JournalError(self.path, cause, self._failure.remedy)
        return JournalError(
            self.path, f"{name} takes no more rows: it is {self._state}.", "Start a new one."
        )
