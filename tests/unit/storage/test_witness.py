"""An older copy of a journal put back in place is found, and nothing else is taken for one."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from patang.storage.journal import Fault, Journal, JournalCorrupt, read_journal, verify
from patang.storage.witness import read_witness, witness_path


def write(path: Path, rows: int) -> Journal:
    journal = Journal.create(path)
    extend(journal, rows)
    return journal


def extend(journal: Journal, rows: int) -> None:
    for number in range(rows):
        journal.append("tick", b"%d" % number)
        journal.sync()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def problem_of(path: Path) -> JournalCorrupt:
    problem = verify(path).problem
    assert isinstance(problem, JournalCorrupt)
    return problem


def test_the_witness_is_the_head_of_the_synced_rows(path: Path) -> None:
    journal = write(path, 3)
    journal.append("tick", b"not synced")
    assert read_witness(path) == (3, list(read_journal(path))[-1].hash)
    journal.close()
    assert read_witness(path) == journal.head


def test_a_backup_that_was_restored_is_refused_and_left_as_it_is(path: Path) -> None:
    backup = path.with_name("backup")
    write(path, 3).close()
    shutil.copy(path, backup)
    with Journal.open_for_append(path) as journal:
        extend(journal, 2)
    shutil.copy(backup, path)

    problem = problem_of(path)
    assert (problem.fault, problem.sequence) == (Fault.OLDER_COPY, 4)
    assert "new run" in problem.remedy
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="older copy: it ends with row 3, but row 5"):
        Journal.open_for_append(path)
    assert path.read_bytes() == before


def test_rows_cut_off_at_the_end_are_found_while_the_run_can_go_on(path: Path) -> None:
    write(path, 5).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM rows WHERE sequence > 4")
        database.commit()
    assert problem_of(path).fault is Fault.OLDER_COPY


def test_another_run_of_the_same_name_and_length_is_not_ours(path: Path, tmp_path: Path) -> None:
    write(path, 3).close()
    other = tmp_path / "other.journal"
    with Journal.create(other) as journal:
        for _ in range(4):
            journal.append("tick", b"other")
    shutil.copy(other, path)
    assert (problem_of(path).fault, problem_of(path).sequence) == (Fault.OLDER_COPY, 3)


def test_a_copy_elsewhere_and_a_newer_copy_are_sound(path: Path, tmp_path: Path) -> None:
    write(path, 3).close()
    old = witness_path(path).read_bytes()
    with Journal.open_for_append(path) as journal:
        extend(journal, 2)
    witness_path(path).write_bytes(old)  # as after a power cut
    assert verify(path).problem is None
    copy = tmp_path / "elsewhere" / "run.journal"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    assert verify(copy).rows == 5
    Journal.open_for_append(copy).close()


@pytest.mark.parametrize("content", [b"", b"x", bytes(72), b"y" * 73])
def test_a_witness_that_cannot_be_read_proves_nothing(path: Path, content: bytes) -> None:
    write(path, 3).close()
    witness_path(path).write_bytes(content)
    assert read_witness(path) is None
    assert verify(path).problem is None
    with Journal.open_for_append(path) as journal:
        extend(journal, 1)
    assert read_witness(path) == journal.head


def test_a_new_journal_does_not_believe_the_witness_of_one_that_was_removed(path: Path) -> None:
    write(path, 5).close()
    path.unlink()
    write(path, 2).close()
    assert verify(path).rows == 2


def test_a_reader_beside_the_writer_never_sees_an_older_copy(path: Path) -> None:
    journal = write(path, 1)
    for _ in range(50):
        extend(journal, 1)
        reader = read_journal(path)
        next(reader)
        extend(journal, 2)
        assert sum(1 for _ in reader) > 0
    journal.close()
