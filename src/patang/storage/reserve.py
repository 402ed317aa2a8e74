"""Room kept free on the disk, so that a run can still journal its own halt when the rest is full.

The file stands beside a journal while it is written. When SQLite finds the disk full, it is given
up once, and the rows that end the exposure (fills, cancels, exits, the halt) go where it stood.
"""

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 8 << 20
"""Some 2,000 group commits, the write-ahead log included."""
_BLOCK = bytes(1 << 16)


class Reserve:
    """Holds the room from ``take`` until ``give_up``."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".reserve")
        self.is_held = False

    def take(self, size: int = RESERVE_BYTES) -> None:
        """Claim the room; raises ``OSError`` where there is none, and leaves nothing behind."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _fill(descriptor, size)
            self.is_held = True
        finally:
            os.close(descriptor)
            if not self.is_held:
                self.give_up()

    def give_up(self) -> None:
        """Free the room; harmless when repeated."""
        self.is_held = False
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _fill(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    for _ in range(0, size, len(_BLOCK)):
        os.write(descriptor, _BLOCK)
