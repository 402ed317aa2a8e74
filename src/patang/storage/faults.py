"""Everything that can be wrong with a journal, each in one line with its remedy."""

import errno
import shutil
import sqlite3
from enum import StrEnum
from pathlib import Path

from patang.domain.errors import PatangError


class JournalError(PatangError):
    """A journal could not be created, read or written. ``path`` is its file (None in memory)."""

    def __init__(self, path: Path | None, cause: str, remedy: str = "") -> None:
        self.path = path
        super().__init__(cause, remedy)


class JournalLocked(JournalError):
    """Another process, or another part of this one, is writing the journal."""


class Fault(StrEnum):
    """In which way a journal is not what was written."""

    NOT_A_JOURNAL = "not a journal"
    NEWER_VERSION = "newer version"
    DAMAGED_FILE = "damaged file"
    ALTERED_ROW = "altered row"
    MISSING_ROW = "missing row"
    EXTRA_ROW = "extra row"
    ROW_AFTER_SEAL = "row after the seal"
    WRONG_SEAL = "wrong seal"
    OLDER_COPY = "older copy"


class JournalCorrupt(JournalError):
    """A journal is not what was written.

    ``fault`` is the kind of the first difference, ``sequence`` the row it shows at, where known.
    """

    def __init__(
        self, path: Path | None, fault: Fault, detail: str, sequence: int | None = None
    ) -> None:
        self.fault = fault
        self.sequence = sequence
        where = "The journal" if path is None else f"Journal {path}"
        super().__init__(path, f"{where}: {fault.value}: {detail}", _REMEDIES[fault])


_RESTORE = "Restore the file from a copy; nothing from this row on can be trusted."
_REMEDIES = {
    Fault.NOT_A_JOURNAL: "Name the .journal file that a run reported.",
    Fault.NEWER_VERSION: "Read it with the Patang release that wrote it, or a later one.",
    Fault.DAMAGED_FILE: "Restore the file from a copy, together with its -wal file if it has one.",
    Fault.ALTERED_ROW: _RESTORE,
    Fault.MISSING_ROW: _RESTORE,
    Fault.EXTRA_ROW: _RESTORE,
    Fault.ROW_AFTER_SEAL: "Restore the file from a copy; a finished run has no later rows.",
    Fault.OLDER_COPY: "Put the newest copy back. If it is lost, start a new run: this one would "
    "use the tags of orders again that it does not know of.",
    Fault.WRONG_SEAL: "Restore the file from a copy; the seal does not belong to these rows.",
}


def from_os_error(path: Path, doing: str, error: OSError) -> JournalError:
    """What the operating system refused, in words. ``doing`` is "create", "read", ..."""
    match error.errno:
        case errno.ENOENT if doing == "create":
            return JournalError(
                path,
                f"Cannot create journal {path}: its folder does not exist.",
                "Create the folder first.",
            )
        case errno.ENOENT:
            return JournalError(path, f"There is no journal {path}.", "Check the path.")
        case errno.EEXIST:
            return JournalError(
                path,
                f"Cannot create journal {path}: the file exists.",
                "Choose another name; a journal is never overwritten.",
            )
        case errno.EISDIR:
            return JournalError(path, f"{path} is a folder, not a journal.", "Name a file in it.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            remedy = "Choose a folder you can write, or correct its permissions."
        case errno.ENOSPC | errno.EDQUOT:
            remedy = "Free some disk space."
        case _:
            remedy = "Check the disk and the path."
    reason = error.strerror or type(error).__name__
    return JournalError(path, f"Cannot {doing} journal {path}: {reason}.", remedy)


# What SQLite says when it could not make a file longer; a failed sync is not among them.
_NO_ROOM = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP)
_ROOM_BYTES = 1 << 20


def is_full(path: Path, error: sqlite3.Error) -> bool:
    """Whether SQLite found no room to write, in whichever of its words."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return True
    return code in _NO_ROOM and _free_bytes(path) < _ROOM_BYTES


def _free_bytes(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _ROOM_BYTES


def from_sqlite_error(path: Path, doing: str, error: sqlite3.Error) -> JournalError:
    """What SQLite reported, in words; damage becomes ``JournalCorrupt``."""
    if is_full(path, error):
        cause = f"Cannot {doing} journal {path}: the disk is full."
        return JournalError(path, cause, "Free some disk space; rows up to the last sync are safe.")
    # Extended codes keep the primary one in the low byte; Python's own errors carry none.
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return JournalCorrupt(path, Fault.NOT_A_JOURNAL, "the file is not an SQLite database.")
        case sqlite3.SQLITE_CORRUPT:
            return JournalCorrupt(path, Fault.DAMAGED_FILE, f"{error}.")
        case sqlite3.SQLITE_IOERR:
            remedy = "Check the disk; rows up to the last sync are safe."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            remedy = "Choose a folder you can write, or correct its permissions."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            remedy = "Close the other program that holds the file."
        case _ if doing == "read":
            return JournalCorrupt(path, Fault.DAMAGED_FILE, f"{error}.")
        case _:
            remedy = "Check the disk and the file."
    return JournalError(path, f"Cannot {doing} journal {path}: {error}.", remedy)
