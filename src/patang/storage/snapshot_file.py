"""The newest snapshot of a run, in one file beside its journal: a short cut, never the truth.

It is replaced whole, so it is there or it is not. Whatever is wrong with it, the journal's rows
rebuild the same state; only a snapshot of rows that the journal does not have is a finding.
"""

import contextlib
import os
from hashlib import sha256
from pathlib import Path

import msgspec

from patang.storage.chain import Head
from patang.storage.faults import JournalError, from_os_error

_MAGIC = b"PtSnap1\n"
_DIGEST_BYTES = 32


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A state after the row ``sequence``, whose chain hash is ``head``.

    ``code`` is the fingerprint of the program that can read ``payload``, ``state_hash`` what the
    state must hash to once it has been read.
    """

    sequence: int
    head: bytes
    code: str
    state_hash: str
    payload: bytes


class SnapshotUnusable(JournalError):
    """A snapshot cannot be read. Nothing is lost: the journal's rows say the same."""


def snapshot_path(journal: Path) -> Path:
    """Where the snapshot of a journal stands."""
    return journal.with_name(journal.name + ".snapshot")


def write_snapshot(journal: Path, snapshot: Snapshot) -> None:
    """Replace the snapshot beside a journal, mode 0600, durable on return.

    The rows it stands for must be durable already.

    Raises:
        JournalError: the system refuses; the snapshot before it stays.
    """
    path = snapshot_path(journal)
    draft = path.with_name(path.name + ".draft")
    body = msgspec.msgpack.encode(snapshot)
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + sha256(body).digest() + body)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(path, "snapshot to", error) from error


def read_snapshot(journal: Path) -> Snapshot | None:
    """The snapshot beside a journal, None where there is none.

    Raises:
        SnapshotUnusable: it is cut off, altered, or of another release.
    """
    path = snapshot_path(journal)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnapshotUnusable(
            path, f"snapshot {path} cannot be read: {error.strerror}."
        ) from error
    digest = content[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]
    body = content[len(_MAGIC) + _DIGEST_BYTES :]
    if not content.startswith(_MAGIC) or sha256(body).digest() != digest:
        raise SnapshotUnusable(path, f"snapshot {path} is not what was written.")
    try:
        return msgspec.msgpack.decode(body, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise SnapshotUnusable(path, f"snapshot {path} is of another form: {error}") from error


def remove_snapshot(journal: Path) -> None:
    """Remove it where there is one; raises ``JournalError``."""
    path = snapshot_path(journal)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(path, "remove snapshot of", error) from error


def head_of(snapshot: Snapshot) -> Head:
    """The place in the chain that the snapshot stands for."""
    return Head(snapshot.sequence, snapshot.head)
