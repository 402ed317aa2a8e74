"""Rows of a journal and the hash chain that ties each to all before it.

``hash = sha256(previous hash || sequence, 8 bytes big-endian || length of the kind in UTF-8,
2 bytes big-endian || kind || payload)``; the first row follows ``GENESIS``. The chain makes an
edit visible to anyone who kept the head; it does not stop someone who rewrites all that follows.
"""

from hashlib import sha256
from typing import NamedTuple

import msgspec

from patang.domain.errors import InvalidValue

GENESIS = sha256(b"patang journal, format 1").digest()
SEAL = "seal"
_KIND_BYTES_MAX = 0xFFFF


class Row(msgspec.Struct, frozen=True, gc=False):
    """One journaled fact; ``sequence`` counts from 1, ``hash`` is the chain's head after it."""

    sequence: int
    kind: str
    payload: bytes
    hash: bytes


class Head(NamedTuple):
    """Where a chain ends: the last row's sequence (0 for none) and hash."""

    sequence: int
    hash: bytes


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payload of a finished run's last row: rows before it, and the hash of the final state."""

    rows: int
    state_hash: str


START = Head(0, GENESIS)


def kind_prefix(kind: str) -> bytes:
    """The length and bytes of a kind as the hash covers them; raises ``InvalidValue``."""
    try:
        encoded = kind.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue("kind", f"{kind!r} cannot be written as UTF-8.") from error
    if not 0 < len(encoded) <= _KIND_BYTES_MAX:
        raise InvalidValue("kind", f"{len(encoded)} bytes; it must have 1 to {_KIND_BYTES_MAX}.")
    return len(encoded).to_bytes(2) + encoded


def chain_hash(previous: bytes, sequence: int, prefix: bytes, payload: bytes) -> bytes:
    """The hash of a row whose kind has ``prefix`` (see ``kind_prefix``)."""
    return sha256(b"".join((previous, sequence.to_bytes(8), prefix, payload))).digest()
