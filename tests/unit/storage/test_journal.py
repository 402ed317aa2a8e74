"""The journal's writer: what it promises, and what it refuses."""

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from patang.domain.errors import InvalidValue
from patang.storage.journal import (
    START,
    Journal,
    JournalCorrupt,
    JournalError,
    JournalLocked,
    read_journal,
    verify,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_rows_read_back_as_they_were_appended(path: Path) -> None:
    with Journal.create(path) as journal:
        written = [journal.append("tick", b"1"), journal.append("order", b""), journal.seal("ab")]

    assert list(read_journal(path)) == written
    assert [row.sequence for row in written] == [1, 2, 3]
    assert written[-1].payload == b'{"rows":2,"state_hash":"ab"}'


def test_nothing_is_durable_before_sync(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        assert (journal.head.sequence, journal.synced, verify(path).rows) == (1, 0, 0)
        journal.sync()
        assert (journal.head.sequence, journal.synced, verify(path).rows) == (1, 1, 1)


def test_an_empty_journal_starts_at_the_genesis_hash(path: Path) -> None:
    with Journal.create(path) as journal:
        assert journal.head == START
    assert verify(path).head == START


def test_close_syncs_and_leaves_a_single_file_once_it_is_sealed(path: Path) -> None:
    journal = Journal.create(path)
    journal.append("tick", b"1")
    journal.close()
    journal.close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, path.name + ".head"}
    assert verify(path).rows == 1

    with Journal.open_for_append(path) as journal:
        journal.seal("ab")
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert verify(path).is_sealed


def test_memory_and_file_have_the_same_head(path: Path) -> None:
    memory = Journal.in_memory()
    with Journal.create(path) as file:
        for journal in (memory, file):
            for number in range(50):
                journal.append(f"kind {number % 3}", b"x" * number)
            journal.seal("ab")
            journal.sync()
        assert memory.head == file.head == verify(path).head
        assert list(memory.durable_rows()) == list(file.durable_rows())
    assert memory.path is None


@posix
def test_only_the_owner_may_read_the_files_of_a_journal(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        journal.sync()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert set(modes) == {
        path.name + suffix for suffix in ("", "-wal", "-shm", ".lock", ".head", ".reserve")
    }
    assert set(modes.values()) == {0o600}


def test_the_file_is_wal_with_full_sync_while_it_is_written(path: Path) -> None:
    with Journal.create(path) as journal:
        connection = journal._store._connection  # type: ignore[attr-defined]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_an_awkward_file_name_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=rw#1%41.journal"
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        journal.seal("ab")
    assert verify(path).rows == 2
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_reader_sees_synced_rows_while_the_journal_is_written(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        journal.sync()
        rows = read_journal(path)
        assert next(rows).payload == b"1"
        journal.append("tick", b"2")
        journal.sync()
        assert list(rows) == []  # the view of a reader stands still
        assert [row.payload for row in read_journal(path)] == [b"1", b"2"]


def test_closing_under_a_reader_keeps_every_row(path: Path) -> None:
    journal = Journal.create(path)
    for number in range(10):
        journal.append("tick", str(number).encode())
    journal.sync()
    rows = read_journal(path)
    next(rows)
    journal.append("tick", b"last")
    journal.close()
    assert len(list(rows)) == 9
    assert verify(path).rows == 11


def test_a_second_writer_is_refused_and_told_the_path(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        journal.sync()
        for start in (Journal.create, Journal.open_for_append):
            with pytest.raises(JournalLocked, match=f"{path}.*process {os.getpid()}") as caught:
                start(path)
            assert caught.value.path == path
            assert caught.value.remedy
        other = run_python(
            """
            import sys
            from patang.storage.journal import Journal, JournalLocked
            try:
                Journal.open_for_append(sys.argv[1])
            except JournalLocked as error:
                print(error.cause)
            """,
            path,
        )
        assert str(path) in other.stdout, other.stderr
        journal.append("tick", b"2")
    assert verify(path).rows == 2


def test_a_stale_lock_file_does_not_stop_a_new_writer(path: Path) -> None:
    path.with_name(path.name + ".lock").write_text("4194304")
    Journal.create(path).close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, path.name + ".head"}


def test_an_unsealed_journal_is_continued_where_it_ended(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        head = journal.head
    with Journal.open_for_append(path) as journal:
        assert (journal.head, journal.synced) == (head, 1)
        journal.append("tick", b"2")
        journal.seal("ab")
    assert (verify(path).rows, verify(path).is_sealed) == (3, True)


def test_a_sealed_journal_takes_no_more_rows(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.seal("ab")
        with pytest.raises(JournalError, match="it is sealed"):
            journal.append("tick", b"1")
        with pytest.raises(JournalError, match="it is sealed"):
            journal.seal("ab")
    with pytest.raises(JournalError, match="is sealed: its run is finished"):
        Journal.open_for_append(path)
    assert verify(path).is_sealed


def test_a_closed_journal_takes_no_more_rows(path: Path) -> None:
    journal = Journal.create(path)
    journal.close()
    with pytest.raises(JournalError, match="it is closed"):
        journal.append("tick", b"1")


def test_a_damaged_journal_is_not_continued(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rows SET payload = x'32'")
    connection.close()
    with pytest.raises(JournalCorrupt, match="altered row"):
        Journal.open_for_append(path)
    assert not path.with_name(path.name + ".lock").exists()


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("", b"", "kind"),
        ("k" * 65_536, b"", "kind"),
        ("\ud800", b"", "kind"),
        ("seal", b"", "kind"),
        ("tick", bytearray(b"1"), "payload"),
        ("tick", "text", "payload"),
    ],
)
def test_a_row_that_cannot_be_written_is_refused_by_name(
    kind: str, payload: bytes, field: str
) -> None:
    journal = Journal.in_memory()
    with pytest.raises(InvalidValue) as caught:
        journal.append(kind, payload)
    assert caught.value.field == field
    assert journal.head == START


def test_a_journal_is_never_overwritten(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(JournalError, match="the file exists"):
        Journal.create(path)
    assert path.read_text() == "precious"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="its folder does not exist"):
        Journal.create(tmp_path / "absent" / "run.journal")
    with pytest.raises(JournalError, match="There is no journal"):
        Journal.open_for_append(tmp_path / "run.journal")


@posix
def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    # Root may write anywhere, so the attempt runs as nobody where it can.
    attempt = run_python(
        """
        import os, sys
        from patang.storage.journal import Journal, JournalError
        folder = sys.argv[1]
        os.chmod(folder, 0o555)
        if os.geteuid() == 0:
            os.setegid(65534)
            os.seteuid(65534)
        try:
            Journal.create(folder + "/run.journal")
        except JournalError as error:
            print(error.cause, "|", error.remedy)
        """,
        folder,
    )
    assert "Permission denied" in attempt.stdout, attempt.stderr
    assert "folder you can write" in attempt.stdout
    assert list(folder.iterdir()) == []


def test_a_full_disk_stops_the_journal_and_keeps_what_was_synced(path: Path) -> None:
    journal = Journal.create(path)
    journal.append("tick", b"1")
    journal.sync()
    connection = journal._store._connection  # type: ignore[attr-defined]
    connection.execute("PRAGMA max_page_count = 4")
    journal.append("tick", bytes(1_000_000))
    with pytest.raises(JournalError, match="full") as caught:
        journal.sync()
    assert "disk space" in caught.value.remedy
    assert journal.failure is caught.value
    assert journal.synced == 1
    connection.execute("PRAGMA max_page_count = 100000")  # space again: still no gap is allowed
    with pytest.raises(JournalError, match="after a failed write"):
        journal.append("tick", b"3")
    with pytest.raises(JournalError, match="after a failed write"):
        journal.sync()
    journal.close()
    result = verify(path)
    assert (result.rows, result.is_sealed, result.problem) == (1, False, None)


@posix
def test_an_input_output_error_is_reported_in_words(path: Path) -> None:
    attempt = run_python(
        """
        import resource, sys
        from patang.storage.journal import Journal, JournalError
        journal = Journal.create(sys.argv[1])
        journal.append("tick", b"1")
        journal.sync()
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        journal.append("tick", bytes(1_000_000))
        try:
            journal.sync()
        except JournalError as error:
            print(type(error).__name__, error.cause, "|", error.remedy)
        journal.close()
        """,
        path,
    )
    assert attempt.stdout.startswith("JournalError Cannot write journal"), attempt.stderr
    assert "Check the disk" in attempt.stdout
    assert verify(path).rows == 1


def test_another_program_holding_the_file_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patang.storage.journal_file._BUSY_TIMEOUT_SECONDS", 0.01)
    journal = Journal.create(path)
    intruder = sqlite3.connect(path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    journal.append("tick", b"1")
    with pytest.raises(JournalError, match="locked") as caught:
        journal.sync()
    assert "other program" in caught.value.remedy
    intruder.close()
    journal.close()


@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_journal_that_cannot_be_continued_keeps_its_bytes(
    tmp_path: Path, is_sealed: bool
) -> None:
    path = tmp_path / "run.journal"
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        if is_sealed:
            journal.seal("ab")
    if not is_sealed:
        path.write_bytes(path.read_bytes().replace(b"tick", b"tock"))
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(JournalError):
        Journal.open_for_append(path)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
