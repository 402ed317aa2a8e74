"""A day's instruments on disk: private files, written whole or not at all."""

import logging
import re
from datetime import date, timedelta
from pathlib import Path

import msgspec

from patang.storage.private_file import write_private
from patang.wire.listed_instrument import ListedInstrument

_log = logging.getLogger("patang.kite.instruments")

_FORMAT = 2
_NAME = re.compile(r"instruments-[A-Z]+-(\d{4}-\d{2}-\d{2})\.msgpack")


class _Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds; the head says of which day and server, whatever its name says."""

    format: int
    root: str
    day: str
    exchange: str
    instruments: list[ListedInstrument]


class InstrumentFiles:
    """Files of one folder (0700), one for each exchange and trading date (0600).

    A file that cannot be read counts as absent: it is only a copy. Every method blocks.
    """

    def __init__(self, folder: Path, root: str, keep_days: int = 7) -> None:
        self._folder = folder
        self._root = root
        self._keep_days = keep_days

    def read(self, exchange: str, day: date) -> list[ListedInstrument] | None:
        """The instruments of that day and exchange, or None when there is no whole file."""
        path = self._path(exchange, day)
        try:
            contents = msgspec.msgpack.decode(path.read_bytes(), type=_Contents)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, ValueError) as error:
            _log.warning("instruments file %s cannot be read: %s", path, error)
            return None
        head = (contents.format, contents.root, contents.day, contents.exchange)
        if head != (_FORMAT, self._root, day.isoformat(), exchange):
            return None
        return contents.instruments

    def write(self, exchange: str, day: date, instruments: list[ListedInstrument]) -> None:
        """Keep them, and remove files of days too old to be asked for.

        Raises:
            SecretStorageError: the folder cannot be written, or others may write into it.
        """
        contents = _Contents(_FORMAT, self._root, day.isoformat(), exchange, instruments)
        write_private(self._path(exchange, day), msgspec.msgpack.encode(contents))
        self._remove_before(day - timedelta(days=self._keep_days))

    def _remove_before(self, oldest: date) -> None:
        for path in self._folder.iterdir():
            named = _NAME.fullmatch(path.name)
            if named and named[1] < oldest.isoformat():
                path.unlink(missing_ok=True)

    def _path(self, exchange: str, day: date) -> Path:
        return self._folder / f"instruments-{exchange}-{day.isoformat()}.msgpack"
