"""Disks that are full, and syncs that fail: what was durable stays, and nothing passes for it."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from patang.storage.journal import Journal, JournalError, read_journal, verify
from patang.storage.reserve import RESERVE_BYTES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a small file system of its own")
SMALL_BYTES = 12 << 20


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def fill(folder: Path) -> None:
    """Leave no room at all."""
    with (folder / "filler").open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            return


def test_a_full_disk_leaves_room_for_the_rows_that_end_a_run(small_disk: Path) -> None:
    path = small_disk / "run.journal"
    with Journal.create(path) as journal:
        journal.append("tick", b"1")
        journal.sync()
        assert not journal.is_short
        fill(small_disk)
        for number in range(200):
            journal.append("fill", b"x" * 2_000 + b"%d" % number)
            journal.sync()
        assert journal.is_short
        assert journal.failure is None
        journal.seal("ab")
    result = verify(path)
    assert (result.rows, result.is_sealed, result.problem) == (202, True, None)


def test_when_the_kept_room_is_full_too_the_journal_stops_and_keeps_what_was_synced(
    small_disk: Path,
) -> None:
    path = small_disk / "run.journal"
    journal = Journal.create(path)
    fill(small_disk)
    synced = 0
    while journal.failure is None:
        journal.append("tick", bytes(50_000))
        with contextlib.suppress(JournalError):
            journal.sync()
            synced += 1
    assert "the disk is full" in journal.failure.cause
    assert "disk space" in journal.failure.remedy
    assert synced * 50_000 > RESERVE_BYTES // 4
    with pytest.raises(JournalError, match="after a failed write"):
        journal.append("tick", b"on")
    journal.close()
    assert verify(path).problem is None
    assert verify(path).rows == synced == journal.synced

    (small_disk / "filler").unlink()  # less than what is kept for the end of a run
    with Journal.open_for_append(path) as again:
        assert again.is_short
        again.append("tick", b"on")
    assert verify(path).rows == synced + 1


def test_no_run_begins_on_a_disk_without_room_for_its_end(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(SMALL_BYTES - RESERVE_BYTES // 2))
    with pytest.raises(JournalError, match="room beside") as caught:
        Journal.create(small_disk / "run.journal")
    assert "disk space" in caught.value.remedy
    assert [file.name for file in small_disk.iterdir()] == ["other"]


FAILING_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int fails(void) { return access(getenv("FAIL_SYNC_WHEN"), F_OK) == 0; }
int fsync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""

WRITE_WITH_FAILING_SYNC = """
import sys
from pathlib import Path
from patang.storage.journal import Journal, JournalError
path, switch = map(Path, sys.argv[1:])
journal = Journal.create(path)
journal.append("tick", b"1")
journal.sync()
switch.touch()
journal.append("intent", b"2")
try:
    journal.sync()
except JournalError as error:
    print("failed:", error.cause, "|", error.remedy)
switch.unlink()
# The disk works again, but nobody knows what became of the pages: no second try.
for attempt in (journal.sync, lambda: journal.append("tick", b"3")):
    try:
        attempt()
        print("went on")
    except JournalError as error:
        print("refused:", error.cause)
print("synced", journal.synced)
journal.close()
"""


def test_a_failed_sync_is_never_taken_for_a_success_nor_tried_again(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, library = tmp_path / "sync.c", tmp_path / "sync.so"
    source.write_text(FAILING_SYNC)
    built = subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    path, switch = tmp_path / "run.journal", tmp_path / "switch"
    done = subprocess.run(
        [sys.executable, "-c", WRITE_WITH_FAILING_SYNC, str(path), str(switch)],
        env={**os.environ, "LD_PRELOAD": str(library), "FAIL_SYNC_WHEN": str(switch)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("failed: Cannot write journal"), (done.stdout, done.stderr)
    assert "Check the disk" in lines[0]
    assert [line.partition(":")[0] for line in lines[1:3]] == ["refused", "refused"]
    assert lines[3] == "synced 1"
    rows = list(read_journal(path))
    assert rows[0].payload == b"1"
    # Whether the second row is there is the disk's secret; that it is whole if so is not.
    assert verify(path).problem is None
    with Journal.open_for_append(path) as journal:
        journal.append("tick", b"after")
    assert verify(path).problem is None
