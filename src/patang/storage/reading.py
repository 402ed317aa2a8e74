"""Reading a journal back: every row is checked against the chain, and the file never changes."""

import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from patang.storage.chain import GENESIS, SEAL, START, Head, Row, Seal, chain_hash, kind_prefix
from patang.storage.faults import (
    Fault,
    JournalCorrupt,
    JournalError,
    from_os_error,
    from_sqlite_error,
)
from patang.storage.witness import read_witness

APPLICATION_ID = 0x50744A31
"""``PtJ1``: what SQLite's header field says of a Patang journal."""
FORMAT_VERSION = 1
TABLE = (
    "CREATE TABLE rows (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, "
    "payload BLOB NOT NULL, hash BLOB NOT NULL)"
)

_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_WAL_FORMAT = 2


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal holds: sound rows, the chain's head after them, and the first difference.

    Without a seal, rows may be missing from its end: the run was killed, still runs, or someone
    cut it there. ``state_hash`` is the seal's. ``problem`` is None when all rows are sound.
    """

    rows: int
    head: Head
    is_sealed: bool
    state_hash: str | None = None
    problem: JournalError | None = None


def read_journal(path: Path | str) -> Iterator[Row]:
    """Yield the rows of a journal in order, each checked before it is handed out.

    Works while another process writes it: shows what was synced when reading began.

    Raises:
        JournalCorrupt: at the first row that is not what was written.
        JournalError: the file cannot be read.
    """
    path = Path(path)
    witness = read_witness(path)  # before the rows, of which there may be more every moment
    rows = 0
    with _reader(path) as connection:
        for row in checked_rows(connection, path):
            rows = row.sequence
            if witness is not None and rows == witness.sequence and row.hash != witness.hash:
                raise _older_copy(path, f"row {rows} is another than the one written here.", rows)
            yield row
    if witness is not None and rows < witness.sequence:
        detail = f"it ends with row {rows}, but row {witness.sequence} was written here."
        raise _older_copy(path, detail, rows + 1)


def _older_copy(path: Path, detail: str, sequence: int) -> JournalCorrupt:
    return JournalCorrupt(path, Fault.OLDER_COPY, detail, sequence)


def verify(path: Path | str) -> Verification:
    """Check a whole journal. Whatever is wrong comes back as ``problem``; raises nothing."""
    head, seal, problem = START, None, None
    try:
        for row in read_journal(path):
            head = Head(row.sequence, row.hash)
            if row.kind == SEAL:
                seal = msgspec.json.decode(row.payload, type=Seal)
    except JournalError as error:
        problem = error
    return Verification(
        rows=head.sequence,
        head=head,
        is_sealed=seal is not None and problem is None,
        state_hash=None if seal is None else seal.state_hash,
        problem=problem,
    )


def checked_rows(connection: sqlite3.Connection, path: Path) -> Iterator[Row]:
    """The rows behind an open connection, checked; raises as ``read_journal`` does."""
    connection.text_factory = bytes  # a damaged kind need not be UTF-8
    try:
        _check_schema(connection, path)
        cursor = connection.execute("SELECT sequence, kind, payload, hash FROM rows ORDER BY 1")
        yield from _check_chain(cursor, path)
    except sqlite3.Error as error:
        raise from_sqlite_error(path, "read", error) from error
    finally:
        connection.text_factory = str


def check_header(path: Path) -> bool:
    """Read the file's first bytes; return whether it is in WAL mode.

    Raises:
        JournalCorrupt: not a journal, of a newer version, or cut short.
        JournalError: no such file, a folder, or not readable.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise JournalError(path, f"{path} is a folder, not a journal.", "Name a file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise JournalCorrupt(path, Fault.NOT_A_JOURNAL, "it is not a regular file.")
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise from_os_error(path, "read", error) from error
    _check_identity(path, header)
    is_wal = header[18] == _WAL_FORMAT
    if not _leftovers(path):
        _check_size(path, header, status.st_size)
    return is_wal


def _check_identity(path: Path, header: bytes) -> None:
    if not header:
        raise JournalCorrupt(path, Fault.NOT_A_JOURNAL, "the file is empty.")
    if not header.startswith(_MAGIC):
        raise JournalCorrupt(path, Fault.NOT_A_JOURNAL, "the file is not an SQLite database.")
    if len(header) < _HEADER_BYTES:
        raise JournalCorrupt(path, Fault.DAMAGED_FILE, "the file is cut short.")
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise JournalCorrupt(path, Fault.NOT_A_JOURNAL, "it is some other program's database.")
    version = int.from_bytes(header[60:64])
    if version > FORMAT_VERSION:
        raise JournalCorrupt(
            path, Fault.NEWER_VERSION, f"it is format {version}, this is {FORMAT_VERSION}."
        )
    if version < 1:
        raise JournalCorrupt(path, Fault.DAMAGED_FILE, f"there is no format {version}.")


def _check_size(path: Path, header: bytes, size: int) -> None:
    # SQLite reads a page cut at the end of the file as if the rest were zeros.
    page_size = int.from_bytes(header[16:18])
    page_size = 65536 if page_size == 1 else page_size
    pages = int.from_bytes(header[28:32])
    if size != page_size * pages:
        detail = f"the file has {size} bytes where its header says {page_size * pages}."
        raise JournalCorrupt(path, Fault.DAMAGED_FILE, detail)


def _leftovers(path: Path) -> list[Path]:
    """Files beside an unclosed journal that hold a part of it."""
    siblings = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal"))
    return [sibling for sibling in siblings if sibling.exists() and sibling.stat().st_size]


@contextmanager
def _reader(path: Path) -> Iterator[sqlite3.Connection]:
    is_wal = check_header(path)
    # In WAL mode without its -wal file SQLite would create one; "immutable" leaves all as it is.
    is_alone = is_wal and not path.with_name(path.name + "-wal").exists()
    options = "mode=ro&immutable=1" if is_alone else "mode=ro"
    try:
        connection = _open(path, options)
        try:
            # The header's own read: fails here if leftovers cannot be used in place.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            with _private_copy(path) as connection:
                yield connection
            return
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise from_sqlite_error(path, "read", error) from error
    with closing(connection):
        yield connection


@contextmanager
def _private_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy that SQLite may repair: an unclosed journal in a folder that cannot be written."""
    with tempfile.TemporaryDirectory(prefix="patang-journal-") as folder:
        copy = Path(folder) / path.name
        try:
            for file in (path, *_leftovers(path)):
                shutil.copyfile(file, copy.with_name(file.name))
        except OSError as error:
            raise from_os_error(path, "read", error) from error
        with closing(_open(copy, "mode=rw")) as connection:
            yield connection


def _open(path: Path, options: str) -> sqlite3.Connection:
    # as_uri quotes what a URI must not hold: '?', '#' and '%' may stand in a file's name.
    uri = f"{path.absolute().as_uri()}?{options}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    found = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master")]
    if found != [TABLE.encode()]:
        raise JournalCorrupt(path, Fault.DAMAGED_FILE, "its tables are not those of a journal.")


def _check_chain(rows: Iterator[tuple[int, object, object, object]], path: Path) -> Iterator[Row]:
    previous, expected, is_sealed = GENESIS, 1, False
    for sequence, kind, payload, digest in rows:
        if is_sealed:
            detail = f"row {sequence} follows the seal in row {expected - 1}."
            raise JournalCorrupt(path, Fault.ROW_AFTER_SEAL, detail, sequence)
        if sequence > expected:
            detail = f"row {expected} is missing; row {sequence} is the next one there."
            raise JournalCorrupt(path, Fault.MISSING_ROW, detail, expected)
        if sequence < expected:
            detail = f"row {sequence} stands before row {expected}."
            raise JournalCorrupt(path, Fault.EXTRA_ROW, detail, sequence)
        row = _checked_row(previous, sequence, kind, payload, digest)
        if row is None:
            detail = (
                f"row {sequence} is not what was written after row {sequence - 1} "
                "(its kind, payload, hash or place)."
            )
            raise JournalCorrupt(path, Fault.ALTERED_ROW, detail, sequence)
        if row.kind == SEAL:
            _check_seal(row, path)
            is_sealed = True
        yield row
        previous, expected = row.hash, expected + 1


def _checked_row(
    previous: bytes, sequence: int, kind: object, payload: object, digest: object
) -> Row | None:
    """The row, or None where it does not follow ``previous``; SQLite may hand out any type."""
    if not (isinstance(kind, bytes) and isinstance(payload, bytes) and isinstance(digest, bytes)):
        return None
    try:
        text = kind.decode()
        is_sound = chain_hash(previous, sequence, kind_prefix(text), payload) == digest
    except ValueError:  # not UTF-8, or no length a kind may have
        return None
    return Row(sequence, text, payload, digest) if is_sound else None


def _check_seal(row: Row, path: Path) -> None:
    try:
        seal = msgspec.json.decode(row.payload, type=Seal)
    except (msgspec.DecodeError, UnicodeError) as error:
        detail = f"row {row.sequence} is a seal that cannot be read: {error}."
        raise JournalCorrupt(path, Fault.WRONG_SEAL, detail, row.sequence) from error
    if seal.rows != row.sequence - 1:
        detail = f"row {row.sequence} seals {seal.rows} rows, but {row.sequence - 1} stand there."
        raise JournalCorrupt(path, Fault.WRONG_SEAL, detail, row.sequence)
