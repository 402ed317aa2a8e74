"""Beside an unfinished journal stands its head, so that an older copy put in its place is noticed.

An old copy is a sound chain in itself. Continued, it would use the tags of orders again that it
does not know of. The witness is written after each sync and not synced itself: after a power cut it
may be behind the journal or unreadable, which proves nothing, but it is never ahead of it.
"""

import os
from hashlib import sha256
from pathlib import Path

from patang.storage.chain import Head

_SEQUENCE_BYTES = 8
_HASH_BYTES = 32
_BYTES = _SEQUENCE_BYTES + 2 * _HASH_BYTES


def witness_path(journal: Path) -> Path:
    """Where the witness of a journal stands."""
    return journal.with_name(journal.name + ".head")


class Witness:
    """Notes the head of a journal that is being written; raises ``OSError``."""

    def __init__(self, journal: Path) -> None:
        self._path = witness_path(journal)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def note(self, head: Head) -> None:
        """The rows up to ``head`` are durable."""
        body = head.sequence.to_bytes(_SEQUENCE_BYTES) + head.hash
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, body + sha256(body).digest())

    def close(self) -> None:
        """Leave the file where it is: the journal can be continued."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """The journal is sealed; nobody may continue it, so nothing needs to be proved."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


def read_witness(journal: Path) -> Head | None:
    """The newest head that is known to have been durable; None where nothing readable says so."""
    try:
        content = witness_path(journal).read_bytes()
    except OSError:
        return None
    body, digest = content[:-_HASH_BYTES], content[-_HASH_BYTES:]
    if len(content) != _BYTES or sha256(body).digest() != digest:
        return None
    return Head(int.from_bytes(body[:_SEQUENCE_BYTES]), body[_SEQUENCE_BYTES:])
