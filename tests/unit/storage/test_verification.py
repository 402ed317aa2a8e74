"""Every way a journal can be damaged is found, and named by its first difference."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from patang.storage.journal import (
    Fault,
    Journal,
    JournalCorrupt,
    JournalError,
    Row,
    Verification,
    read_journal,
    verify,
)

ROWS = 40


def write(path: Path, *, sealed: bool = True) -> list[Row]:
    with Journal.create(path) as journal:
        rows = [journal.append("tick", f"payload {n} ".encode() * n) for n in range(1, ROWS + 1)]
        if sealed:
            rows.append(journal.seal("ab" * 32))
    return rows


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def corrupt(result: Verification) -> JournalCorrupt:
    assert isinstance(result.problem, JournalCorrupt)
    assert result.problem.remedy
    assert "\n" not in str(result.problem)
    assert not result.is_sealed
    return result.problem


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "run.journal"
    write(path)
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path))


def test_a_sound_journal_has_no_problem(path: Path) -> None:
    result = verify(path)
    assert (result.rows, result.is_sealed, result.problem) == (ROWS + 1, True, None)
    assert result.state_hash == "ab" * 32
    assert result.head.hash == list(read_journal(path))[-1].hash


def without(sequence: int) -> list[str]:
    """Remove a row and close the gap by renumbering those behind it."""
    return [
        f"DELETE FROM rows WHERE sequence = {sequence}",
        f"UPDATE rows SET sequence = sequence - 1000 WHERE sequence > {sequence}",
        "UPDATE rows SET sequence = sequence + 999 WHERE sequence < 0",
    ]


SWAP = (
    "UPDATE rows SET sequence = -7 WHERE sequence = 7",
    "UPDATE rows SET sequence = 7 WHERE sequence = 8",
    "UPDATE rows SET sequence = 8 WHERE sequence = -7",
)
COPY = "INSERT INTO rows SELECT {0}, kind, payload, hash FROM rows WHERE sequence = {1}"
UNSEAL = "DELETE FROM rows WHERE sequence = 41"


@pytest.mark.parametrize(
    ("statements", "fault", "sequence"),
    [
        (["UPDATE rows SET payload = x'00' WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET payload = payload || x'00' WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET kind = 'tock' WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET kind = '' WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET kind = x'ff' WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET kind = 'seal' WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET payload = 5 WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET hash = zeroblob(32) WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET hash = 1.5 WHERE sequence = 20"], Fault.ALTERED_ROW, 20),
        (["UPDATE rows SET payload = x'00' WHERE sequence IN (9, 4, 30)"], Fault.ALTERED_ROW, 4),
        (["DELETE FROM rows WHERE sequence = 1"], Fault.MISSING_ROW, 1),
        (["DELETE FROM rows WHERE sequence = 20"], Fault.MISSING_ROW, 20),
        (["DELETE FROM rows WHERE sequence = 40"], Fault.MISSING_ROW, 40),
        (without(20), Fault.ALTERED_ROW, 20),
        (without(40), Fault.ALTERED_ROW, 40),
        (["UPDATE rows SET sequence = -sequence"], Fault.EXTRA_ROW, -41),
        (SWAP, Fault.ALTERED_ROW, 7),
        ([COPY.format(0, 5)], Fault.EXTRA_ROW, 0),
        ([COPY.format(42, 40)], Fault.ROW_AFTER_SEAL, 42),
        ([COPY.format(43, 41)], Fault.ROW_AFTER_SEAL, 43),
        ([UNSEAL, COPY.format(41, 40)], Fault.ALTERED_ROW, 41),
        ([UNSEAL, COPY.format(42, 40)], Fault.MISSING_ROW, 41),
    ],
)
def test_damage_to_rows_is_named(
    path: Path, statements: list[str], fault: Fault, sequence: int
) -> None:
    edit(path, *statements)
    problem = corrupt(verify(path))
    assert (problem.fault, problem.sequence) == (fault, sequence)
    assert str(path) in problem.cause


def test_reading_hands_out_the_rows_before_the_damage_and_then_raises(path: Path) -> None:
    edit(path, "UPDATE rows SET payload = x'00' WHERE sequence = 20")
    seen = []
    with pytest.raises(JournalCorrupt, match="altered row: row 20 "):
        seen.extend(read_journal(path))
    result = verify(path)
    assert result.rows == result.head.sequence == 19


def test_a_journal_without_its_last_rows_is_reported_as_unsealed(path: Path) -> None:
    for last in (40, 39, 0):
        edit(path, f"DELETE FROM rows WHERE sequence > {last}")
        result = verify(path)
        assert (result.rows, result.is_sealed, result.problem) == (last, False, None)
        assert result.state_hash is None


def chain(path: Path, kind: str, payload: bytes) -> None:
    """Append a row whose hash is right, as only a program that knows the format can."""
    *_, last = read_journal(path)
    name = kind.encode()
    body = (last.sequence + 1).to_bytes(8, "big") + len(name).to_bytes(2, "big") + name + payload
    digest = sha256(last.hash + body).digest()
    connection = sqlite3.connect(path)
    with connection:
        values = (last.sequence + 1, kind, payload, digest)
        connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", values)
    connection.close()


def test_a_rightly_chained_row_after_the_seal_is_refused(path: Path) -> None:
    chain(path, "tick", b"late")
    problem = corrupt(verify(path))
    assert (problem.fault, problem.sequence) == (Fault.ROW_AFTER_SEAL, 42)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"rows":39,"state_hash":"ab"}',
        b'{"rows":41,"state_hash":"ab"}',
        b'{"rows":40}',
        b'{"rows":40,"state_hash":"ab","more":1}',
        b'{"rows":40,"state_hash":7}',
        b'{"rows":40,"state_hash":"\xff"}',
        b"\xff",
        b"",
    ],
)
def test_a_seal_that_does_not_fit_its_rows_is_refused(path: Path, payload: bytes) -> None:
    edit(path, UNSEAL)
    chain(path, "seal", payload)
    problem = corrupt(verify(path))
    assert (problem.fault, problem.sequence) == (Fault.WRONG_SEAL, 41)


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["DROP TABLE rows"], Fault.DAMAGED_FILE),
        (["ALTER TABLE rows ADD COLUMN note"], Fault.DAMAGED_FILE),
        (["ALTER TABLE rows RENAME TO r", "CREATE VIEW rows AS SELECT * FROM r"], "damaged file"),
        (["CREATE TABLE more (a)"], Fault.DAMAGED_FILE),
        (["PRAGMA application_id = 7"], Fault.NOT_A_JOURNAL),
        (["PRAGMA user_version = 2"], Fault.NEWER_VERSION),
        (["PRAGMA user_version = 0"], Fault.DAMAGED_FILE),
    ],
)
def test_a_database_of_another_shape_is_refused(
    path: Path, statements: list[str], fault: Fault
) -> None:
    edit(path, *statements)
    assert corrupt(verify(path)).fault == fault
    with pytest.raises(JournalCorrupt):
        Journal.open_for_append(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04", "not an SQLite database"),
        (bytes(8192), "not an SQLite database"),
        (os.urandom(5000), "not an SQLite database"),
        (b"SQLite format 3\0", "cut short"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "run.journal"
    path.write_bytes(content)
    assert words in corrupt(verify(path)).cause
    with pytest.raises(JournalCorrupt, match=words):
        Journal.open_for_append(path)
    assert path.read_bytes() == content


def test_a_missing_file_and_a_folder_are_problems_in_words(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "absent", "There is no journal"), (tmp_path, "is a folder")):
        problem = verify(path).problem
        assert isinstance(problem, JournalError)
        assert words in problem.cause
        assert problem.remedy
        with pytest.raises(JournalError, match=words):
            next(read_journal(path))


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in the file system")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert corrupt(verify(path)).fault is Fault.NOT_A_JOURNAL


def test_truncation_at_any_offset_is_found(sound: Path, tmp_path: Path) -> None:
    whole = sound.read_bytes()
    path = tmp_path / "run.journal"
    for size in {*range(0, len(whole), 509), *range(0, len(whole), 4096), len(whole) - 1}:
        path.write_bytes(whole[:size])
        corrupt(verify(path))
    path.write_bytes(whole + b"\0")
    corrupt(verify(path))


def test_a_zeroed_page_is_found(sound: Path, tmp_path: Path) -> None:
    whole = sound.read_bytes()
    path = tmp_path / "run.journal"
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        corrupt(verify(path))


def test_a_flipped_bit_is_found_or_touches_no_row(sound: Path, tmp_path: Path) -> None:
    whole = sound.read_bytes()
    rows = list(read_journal(sound))
    path = tmp_path / "run.journal"
    found = 0
    for offset in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << offset % 8
        path.write_bytes(damaged)
        if verify(path).problem is None:
            assert list(read_journal(path)) == rows
        else:
            found += 1
    assert found > 100


@pytest.mark.parametrize("read", [verify, lambda path: list(read_journal(path))])
def test_reading_changes_nothing(path: Path, read: Callable[[Path], object]) -> None:
    path.chmod(0o400)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
