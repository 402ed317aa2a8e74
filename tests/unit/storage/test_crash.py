"""A journal whose process is killed keeps every row that a sync had returned for."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from patang.storage.journal import Journal, verify

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")

WRITE_FOREVER = """
import sys
from patang.storage.journal import Journal
journal = Journal.create(sys.argv[1])
while True:
    for _ in range(3):
        journal.append("tick", b"x" * 1000)
    journal.sync()
    print(journal.synced, flush=True)
    journal.append("tick", b"never synced")
"""


def write_until_killed(path: Path, at_least: int) -> int:
    """Kill a writer in mid-run; return the last sequence it said was durable."""
    command = [sys.executable, "-c", WRITE_FOREVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= at_least:
                break
        process.kill()
        told = [int(line), *map(int, process.stdout.read().split())]
    return told[-1]


# 3000 rows pass the first checkpoint of the -wal file, 3 do not.
@pytest.mark.parametrize("at_least", [3, 3000])
def test_a_killed_writer_loses_no_synced_row(tmp_path: Path, at_least: int) -> None:
    path = tmp_path / "run.journal"
    synced = write_until_killed(path, at_least)

    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if "shm" not in file.name}
    result = verify(path)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir() if "shm" not in file.name}
    assert result.problem is None
    assert not result.is_sealed
    assert result.rows >= synced >= at_least
    assert after == before, "reading an unclosed journal changed it"

    with Journal.open_for_append(path) as journal:
        assert journal.head == result.head
        journal.append("tick", b"after the crash")
    assert {file.name for file in tmp_path.iterdir()} == {path.name, path.name + ".head"}
    assert verify(path).rows == result.rows + 1


READ_AS_NOBODY = """
import os, sys
from patang.storage.journal import verify
folder, path = sys.argv[1:]
for name in os.listdir(folder):
    os.chmod(os.path.join(folder, name), 0o444)
os.chmod(folder, 0o555)
if os.geteuid() == 0:  # root may write anywhere
    os.setegid(65534)
    os.seteuid(65534)
result = verify(path)
print(result.rows, result.problem, sorted(os.listdir(folder)))
"""


def test_an_unclosed_journal_reads_in_a_folder_that_cannot_be_written() -> None:
    # Not pytest's own folder: nobody else may enter that.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.journal"
        synced = write_until_killed(path, 3)
        path.with_name(path.name + "-shm").unlink()
        command = [sys.executable, "-c", READ_AS_NOBODY, folder, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        Path(folder).chmod(0o700)
    rows, rest = done.stdout.split(maxsplit=1)
    assert int(rows) >= synced, done.stderr
    assert rest.startswith("None")
    assert "-shm" not in rest


DIE_IN_A_TRANSACTION = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE rows SET payload = zeroblob(2000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_change_that_was_never_committed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    with Journal.create(path) as journal:
        for number in range(200):
            journal.append("tick", bytes([number]) * 2000)
        head = journal.head
    subprocess.run([sys.executable, "-c", DIE_IN_A_TRANSACTION, str(path)], check=False)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert path.name + "-journal" in before
    assert verify(path).head == head
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    with Journal.open_for_append(path) as journal:
        assert journal.head == head
