"""The journal under asyncio: one thread syncs, and everyone who waits shares one commit."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from patang.storage.chain import Head, Row
from patang.storage.faults import JournalError
from patang.storage.journal import Journal
from patang.storage.snapshot_file import Snapshot, write_snapshot


class JournalWriter:
    """Owns a ``Journal`` inside an event loop; close it with ``await close()`` or ``async with``.

    >>> async def run() -> int:
    ...     async with JournalWriter(Journal.in_memory()) as writer:
    ...         writer.append("note", b"hello")
    ...         await writer.sync()
    ...         return writer.synced
    >>> asyncio.run(run())
    1
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._commit: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[None] | None = None

    @property
    def path(self) -> Path | None:
        """The journal's file, or None in memory."""
        return self._journal.path

    @property
    def head(self) -> Head:
        """The last appended row's sequence and hash, synced or not."""
        return self._journal.head

    @property
    def synced(self) -> int:
        """Sequence of the last durable row."""
        return self._journal.synced

    @property
    def failure(self) -> JournalError | None:
        """Why the journal stopped taking rows, or None."""
        return self._journal.failure

    @property
    def is_short(self) -> bool:
        """Whether the disk is full and rows go to the room that was kept for the end."""
        return self._journal.is_short

    def append(self, kind: str, payload: bytes) -> Row:
        """Add a row, in memory until synced. Raises as ``Journal.append`` does."""
        return self._journal.append(kind, payload)

    async def sync(self) -> None:
        """Return when every row appended before the call is durable.

        Raises:
            JournalError: the rows could not be written; everyone waiting for them gets it.
        """
        if self._journal.path is None:  # nothing to wait for, so simulations need no thread
            self._journal.sync()
            return
        wanted = self._journal.head.sequence
        while self._journal.synced < wanted:
            # A commit under way may have begun before our row: then the next one, which all who
            # waited meanwhile share, carries it.
            # A commit that is done but whose callback has not run yet is over, too: awaiting it
            # would return at once, for ever, and never let that callback run.
            if self._commit is None or self._commit.done():
                self._commit = self._start_commit()
            # A cancelled waiter must not cancel the commit of the others.
            await asyncio.shield(self._commit)

    def _start_commit(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        commit = loop.run_in_executor(self._thread, self._journal.sync)
        commit.add_done_callback(self._end_commit)
        return commit

    def _end_commit(self, commit: asyncio.Future[None]) -> None:
        if self._commit is commit:
            self._commit = None
        if not commit.cancelled():
            commit.exception()  # seen, even when everyone who waited was cancelled

    async def write_snapshot(self, snapshot: Snapshot) -> None:
        """Put it beside the journal once the rows it stands for are durable; nothing in memory.

        Raises:
            JournalError: rows or snapshot could not be written.
        """
        await self.sync()
        if self.path is None:
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, write_snapshot, self.path, snapshot)

    def seal(self, state_hash: str) -> Row:
        """Append the last row of a finished run; sync or close after it. See ``Journal.seal``."""
        return self._journal.seal(state_hash)

    async def close(self) -> None:
        """Sync, close the file and end the thread; may be repeated. Raises as ``Journal.close``."""
        if self._closing is None:
            loop = asyncio.get_running_loop()
            self._closing = loop.run_in_executor(self._thread, self._journal.close)
            self._thread.shutdown(wait=False)
        # Whoever is cancelled while waiting leaves the close to its end.
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
