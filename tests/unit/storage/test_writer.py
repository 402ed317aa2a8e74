"""The journal under asyncio: group commits, and failures that reach everyone who waits."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from patang.storage.journal import Journal, JournalError, Row, verify
from patang.storage.writer import JournalWriter


class GatedStore:
    """A store whose writes wait until the test opens the gate, as a slow disk would."""

    def __init__(self, *, failure: JournalError | None = None) -> None:
        self.path: Path | None = Path("slow.journal")
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.failure = failure

    def write(self, rows: Sequence[Row]) -> None:
        self.entered.set()
        assert self.gate.wait(5)
        if self.failure is not None:
            raise self.failure
        self.batches.append([row.sequence for row in rows])

    def rows(self) -> Iterator[Row]:
        return iter(())

    def close(self) -> None:
        return


async def entered(store: GatedStore) -> None:
    await asyncio.to_thread(store.entered.wait, 5)


async def test_rows_are_durable_when_sync_returns(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    async with JournalWriter(Journal.create(path)) as writer:
        writer.append("tick", b"1")
        assert verify(path).rows == 0
        await writer.sync()
        assert writer.synced == verify(path).rows == 1
        writer.seal("ab")
    assert verify(path).is_sealed


async def test_all_who_wait_during_a_commit_share_the_next_one() -> None:
    store = GatedStore()
    writer = JournalWriter(Journal(store))
    async with asyncio.TaskGroup() as tasks:
        writer.append("tick", b"1")
        tasks.create_task(writer.sync())
        await entered(store)
        for _ in range(5):
            writer.append("tick", b"more")
            tasks.create_task(writer.sync())
        await asyncio.sleep(0)
        store.gate.set()
    assert store.batches == [[1], [2, 3, 4, 5, 6]]
    await writer.close()


async def test_syncing_nothing_new_writes_nothing() -> None:
    store = GatedStore()
    store.gate.set()
    async with JournalWriter(Journal(store)) as writer:
        await writer.sync()
        writer.append("tick", b"1")
        await writer.sync()
        await writer.sync()
    assert store.batches == [[1]]


async def test_a_failed_commit_reaches_everyone_and_stops_the_journal() -> None:
    store = GatedStore(failure=JournalError(None, "Disk full.", "Free some disk space."))
    writer = JournalWriter(Journal(store))
    writer.append("tick", b"1")
    first = asyncio.create_task(writer.sync())
    await entered(store)
    writer.append("tick", b"2")
    second = asyncio.create_task(writer.sync())
    await asyncio.sleep(0)
    store.gate.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [JournalError, JournalError]
    assert all("Disk full." in str(outcome) for outcome in outcomes)
    assert writer.failure is store.failure
    with pytest.raises(JournalError, match=r"no more rows.*Disk full\..*Free some"):
        writer.append("tick", b"3")
    await writer.close()


async def test_a_cancelled_waiter_does_not_cancel_the_commit_of_the_others() -> None:
    store = GatedStore()
    writer = JournalWriter(Journal(store))
    writer.append("tick", b"1")
    impatient = asyncio.create_task(writer.sync())
    await entered(store)
    patient = asyncio.create_task(writer.sync())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    store.gate.set()
    await patient
    assert writer.synced == 1
    await writer.close()


async def test_in_memory_sync_needs_no_thread() -> None:
    async with JournalWriter(Journal.in_memory()) as writer:
        before = threading.active_count()
        writer.append("tick", b"1")
        await writer.sync()
        assert writer.synced == 1
        assert threading.active_count() == before


async def test_appending_while_commits_run_loses_no_row(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    async with JournalWriter(Journal.create(path)) as writer:

        async def produce(name: str) -> None:
            for number in range(100):
                writer.append(name, str(number).encode())
                if number % 3 == 0:
                    await writer.sync()

        async with asyncio.TaskGroup() as tasks:
            for name in "abcd":
                tasks.create_task(produce(name))
        writer.seal("ab")
    result = verify(path)
    assert (result.rows, result.is_sealed, result.problem) == (401, True, None)


@pytest.mark.timeout(10)
async def test_a_sync_between_a_commit_and_its_callback_does_not_spin(tmp_path: Path) -> None:
    async with JournalWriter(Journal.create(tmp_path / "run.journal")) as writer:
        writer.append("note", b"first")
        first = asyncio.create_task(writer.sync())
        await asyncio.sleep(0)
        commit = writer._commit
        assert commit is not None
        # Asked in every turn of the loop, so that this runs before the commit's own callbacks do.
        while not commit.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        writer.append("note", b"second")
        await writer.sync()
        await first
        assert writer.synced == 2


async def test_closing_again_is_harmless(tmp_path: Path) -> None:
    async with JournalWriter(Journal.create(tmp_path / "run.journal")) as writer:
        writer.append("note", b"first")
        await asyncio.gather(writer.close(), writer.close())
        assert writer.synced == 1
