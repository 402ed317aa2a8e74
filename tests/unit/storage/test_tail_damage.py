"""A journal that was not closed, cut or altered anywhere: whole, or refused, never shorter."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from patang.storage.journal import Journal, JournalError, Row, read_journal, verify

ROWS = 40


@pytest.fixture(scope="module")
def unclosed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Row]]]:
    """The files of a writer that is gone: journal, write-ahead log and head; and its rows."""
    folder = tmp_path_factory.mktemp("unclosed")
    path = folder / "live" / "run.journal"
    path.parent.mkdir()
    with Journal.create(path) as journal:
        for number in range(ROWS):
            journal.append("tick", b"%d" % number * 300)
            if number % 4 == 3:
                journal.sync()
        left = folder / "left"
        left.mkdir()
        for suffix in ("", "-wal", ".head"):
            name = path.name + suffix
            shutil.copy(path.with_name(name), left / name)
        yield left / path.name, list(read_journal(path))


class Copy:
    """A copy of the files, to be damaged again and again."""

    def __init__(self, original: Path, folder: Path) -> None:
        self._original = original
        self.path = folder / original.name

    def damage(self, suffix: str, content: bytes) -> None:
        for name in [file.name for file in self.path.parent.iterdir()]:
            (self.path.parent / name).unlink()
        for file in self._original.parent.iterdir():
            shutil.copy(file, self.path.parent / file.name)
        self.path.with_name(self.path.name + suffix).write_bytes(content)

    def is_refused(self, rows: list[Row]) -> bool:
        """Whether it is refused; raises where it is taken for whole and is not."""
        before = self.path.read_bytes()
        try:
            journal = Journal.open_for_append(self.path)
        except JournalError:
            if self.path.read_bytes() != before:
                raise  # a refused journal is evidence, and must stay as it is
            return True
        with journal:
            assert journal.head == (rows[-1].sequence, rows[-1].hash), "rows are gone"
        assert list(read_journal(self.path)) == rows
        return False


@pytest.fixture
def copy(unclosed: tuple[Path, list[Row]], tmp_path: Path) -> Copy:
    return Copy(unclosed[0], tmp_path)


def test_the_files_as_they_were_left_are_whole(
    copy: Copy, unclosed: tuple[Path, list[Row]]
) -> None:
    path, rows = unclosed
    assert len(rows) == ROWS
    assert verify(path).problem is None
    copy.damage("", path.read_bytes())
    assert not copy.is_refused(rows)


def test_a_write_ahead_log_cut_anywhere_is_noticed(
    copy: Copy, unclosed: tuple[Path, list[Row]]
) -> None:
    path, rows = unclosed
    log = path.with_name(path.name + "-wal").read_bytes()
    refused = 0
    sizes = sorted({*range(0, len(log), 4_001), len(log) - 1, len(log) - 4_096, 31})
    for size in sizes:
        copy.damage("-wal", log[:size])
        refused += copy.is_refused(rows)
    assert refused == len(sizes)


def test_a_flipped_bit_of_the_log_is_noticed_or_touches_nothing(
    copy: Copy, unclosed: tuple[Path, list[Row]]
) -> None:
    path, rows = unclosed
    log = path.with_name(path.name + "-wal").read_bytes()
    refused = 0
    for place in range(0, len(log), 1_499):
        damaged = bytearray(log)
        damaged[place] ^= 1 << place % 8
        copy.damage("-wal", bytes(damaged))
        refused += copy.is_refused(rows)
    assert refused > 10


def test_zeros_instead_of_the_log_are_noticed(copy: Copy, unclosed: tuple[Path, list[Row]]) -> None:
    path, rows = unclosed
    size = path.with_name(path.name + "-wal").stat().st_size
    copy.damage("-wal", bytes(size))
    assert copy.is_refused(rows)
    copy.damage("-wal", b"")
    assert copy.is_refused(rows)


def test_a_log_of_an_earlier_moment_is_an_older_copy(
    copy: Copy, unclosed: tuple[Path, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a backup that copies the files one after the other would bring back."""
    path, rows = unclosed
    log = path.with_name(path.name + "-wal").read_bytes()
    frame = 24 + 4_096
    for frames in range(1, (len(log) - 32) // frame):
        copy.damage("-wal", log[: 32 + frames * frame])
        assert copy.is_refused(rows)


def test_a_file_under_the_log_that_is_damaged_is_noticed(
    copy: Copy, unclosed: tuple[Path, list[Row]]
) -> None:
    path, rows = unclosed
    whole = path.read_bytes()
    for size in (0, 17, 100, len(whole) // 2):
        copy.damage("", whole[:size])
        copy.is_refused(rows)  # refused, or the log holds every page anew: both are checked
    copy.damage("", b"")
    assert copy.is_refused(rows)
