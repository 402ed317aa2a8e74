"""What was asked of the gateway, kept durably, so that nothing that was asked twice is done twice.

A request that may move money is written and synced before it is acted on. After a crash the ledger
says which were begun and never answered; their outcome is then looked for, never assumed.
"""

import asyncio
import contextlib
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from patang.domain.errors import PatangError
from patang.domain.market import NS_PER_SECOND
from patang.storage.lock import FileLock, LockHeld

KEPT_NS = 7 * 86_400 * NS_PER_SECOND
"""How long a key is known: a week."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    client TEXT NOT NULL,
    request_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL,
    tag TEXT,
    received_ns INTEGER NOT NULL,
    answer BLOB,
    PRIMARY KEY (client, request_id)
) STRICT;
PRAGMA user_version = 1;
"""
_VERSION = 1
VOID = "VOID"


class LedgerFailed(PatangError):
    """The ledger cannot be opened or written: nothing that needs it may be sent."""


class Entry(msgspec.Struct, kw_only=True):
    """One request. ``answer`` is the RESPONSE as sent, absent while the outcome is not known.

    ``received_ns`` is the venue's clock, UTC.
    """

    client: str
    request_id: str
    kind: str
    digest: bytes
    body: bytes
    received_ns: int
    tag: str | None = None
    answer: bytes | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Whose request it is, and its id."""
        return self.client, self.request_id


class Ledger:
    """The requests of a week, in memory and in one SQLite file that one process holds."""

    def __init__(self, path: Path, now_ns: int) -> None:
        """Open or create; forget what is older than a week.

        Raises:
            LedgerFailed: another gateway holds it, it is no ledger, or the system refuses.
        """
        self.path = path
        self._entries: dict[tuple[str, str], Entry] = {}
        self._tags: dict[str, Entry] = {}
        self._times: dict[tuple[str, str], list[int]] = {}
        self._unwritten: dict[tuple[str, str], Entry] = {}
        self._one_writer = asyncio.Lock()
        try:
            self._lock = FileLock(path.with_name(path.name + ".lock"))
        except LockHeld as error:
            raise LedgerFailed(
                f"{path} is held by another gateway (process {error.holder}).",
                "Only one may serve an account; stop that one first.",
            ) from None
        except OSError as error:
            raise LedgerFailed(f"{path} cannot be locked: {error.strerror}.") from error
        try:
            self._database = self._open(now_ns)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, now_ns: int) -> sqlite3.Connection:
        try:
            # One write at a time, but not always in the same thread.
            database = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise LedgerFailed(f"{self.path} cannot be opened: {error}.") from error
        try:
            self.path.chmod(0o600)
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise LedgerFailed(f"{self.path} is of a later version ({version}).")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_SCHEMA)
            database.execute("DELETE FROM requests WHERE received_ns < ?", (now_ns - KEPT_NS,))
            for row in database.execute(
                "SELECT client, request_id, kind, digest, body, received_ns, tag, answer "
                "FROM requests ORDER BY received_ns, rowid"
            ):
                self._remember(
                    Entry(
                        client=row[0],
                        request_id=row[1],
                        kind=row[2],
                        digest=row[3],
                        body=row[4],
                        received_ns=row[5],
                        tag=row[6],
                        answer=row[7],
                    )
                )
        except (sqlite3.Error, OSError) as error:
            database.close()
            raise LedgerFailed(f"{self.path} cannot be read: {error}.") from error
        except LedgerFailed:
            database.close()
            raise
        return database

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def find(self, client: str, request_id: str) -> Entry | None:
        """The request that was made under this key, if there was one."""
        return self._entries.get((client, request_id))

    def of_tag(self, tag: str) -> Entry | None:
        """The request whose order carries this tag."""
        return self._tags.get(tag)

    def count_since(self, client: str, kind: str, since_ns: int) -> int:
        """How many requests of a kind a client made since then."""
        times = self._times.get((client, kind), [])
        return len(times) - bisect_left(times, since_ns)

    def begin(self, entry: Entry) -> None:
        """Note a request; it is durable once ``sync`` has returned."""
        self._remember(entry)
        self._unwritten[entry.key] = entry

    def settle(self, entry: Entry, answer: bytes) -> None:
        """Note what became of a request; written with the next ``sync``."""
        entry.answer = answer
        self._unwritten[entry.key] = entry

    async def sync(self) -> None:
        """Return once everything noted so far is on disk. Many callers share one write.

        Raises:
            LedgerFailed: it is not; what was begun and not written is forgotten again.
        """
        async with self._one_writer:
            if not self._unwritten:
                return
            batch, self._unwritten = self._unwritten, {}
            rows = [
                (e.client, e.request_id, e.kind, e.digest, e.body, e.tag, e.received_ns, e.answer)
                for e in batch.values()
            ]
            try:
                # A write that was begun is finished: its outcome must not be thrown away.
                await asyncio.shield(asyncio.to_thread(self._write, rows))
            except sqlite3.Error as error:
                for key, entry in batch.items():
                    self._unwritten.setdefault(key, entry)
                raise LedgerFailed(
                    f"{self.path} cannot be written: {error}.", "Free space on its disk."
                ) from error

    def forget(self, entry: Entry) -> None:
        """Take back a request that could not be written and was not acted on."""
        if self._entries.pop(entry.key, None) is not None:
            self._times[entry.client, entry.kind].remove(entry.received_ns)
        self._unwritten.pop(entry.key, None)
        if entry.tag is not None:
            self._tags.pop(entry.tag, None)

    def close(self) -> None:
        """Write what is left and let go of the file."""
        rows = [
            (e.client, e.request_id, e.kind, e.digest, e.body, e.tag, e.received_ns, e.answer)
            for e in self._unwritten.values()
        ]
        self._unwritten = {}
        try:
            with contextlib.suppress(sqlite3.Error):  # an answer that is lost is looked for again
                self._write(rows)
        finally:
            self._database.close()
            self._lock.release()

    def _write(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany(
                "INSERT INTO requests"
                " (client, request_id, kind, digest, body, tag, received_ns, answer)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (client, request_id) DO UPDATE SET answer = excluded.answer",
                rows,
            )
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _remember(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        insort(self._times.setdefault((entry.client, entry.kind), []), entry.received_ns)
        if entry.tag is not None:
            self._tags[entry.tag] = entry
