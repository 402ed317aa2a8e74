"""A day's instruments on disk: private files, written whole or not at all."""

import logging
import re
from datetime import date, timedelta
from pathlib import Path

import msgspec

from patang.storage.private_file import write_private
from patang.wire.errors import DataException
from patang.wire.instruments import decode_instruments_csv
from patang.wire.listed_instrument import ListedInstrument

_log = logging.getLogger("patang.kite.instruments")

_FORMAT = 2
_NAME = re.compile(r"instruments-[A-Z]+-(\d{4}-\d{2}-\d{2})\.csv")


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: of which day and server the list is, whatever the file is called."""

    format: int
    root: str
    day: str
    exchange: str
    size: int


class InstrumentFiles:
    """Files of one folder (0700), one for each exchange and trading date (0600).

    A file is one line of JSON and then the dump as the server sent it. One that cannot be read
    counts as absent: it is only a copy. Every method blocks.
    """

    def __init__(self, folder: Path, root: str, keep_days: int = 7) -> None:
        self._folder = folder
        self._root = root
        self._keep_days = keep_days

    def read(self, exchange: str, day: date) -> list[ListedInstrument] | None:
        """The instruments of that day and exchange, or None when there is no whole file."""
        path = self._path(exchange, day)
        try:
            first, _, body = path.read_bytes().partition(b"\n")
            head = msgspec.json.decode(first, type=_Head)
            if head != self._head(exchange, day, len(body)):
                _log.warning("instruments file %s is not what its name says", path)
                return None
            return decode_instruments_csv(body)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, DataException) as error:
            _log.warning("instruments file %s cannot be read: %s", path, error)
            return None

    def write(self, exchange: str, day: date, body: bytes) -> None:
        """Keep a dump, and remove files of days too old to be asked for.

        Raises:
            SecretStorageError: the folder cannot be written, or others may write into it.
        """
        head = msgspec.json.encode(self._head(exchange, day, len(body)))
        write_private(self._path(exchange, day), head + b"\n" + body)
        self._remove_before(day - timedelta(days=self._keep_days))

    def _head(self, exchange: str, day: date, size: int) -> _Head:
        return _Head(_FORMAT, self._root, day.isoformat(), exchange, size)

    def _remove_before(self, oldest: date) -> None:
        for path in self._folder.iterdir():
            named = _NAME.fullmatch(path.name)
            if named and named[1] < oldest.isoformat():
                path.unlink(missing_ok=True)

    def _path(self, exchange: str, day: date) -> Path:
        return self._folder / f"instruments-{exchange}-{day.isoformat()}.csv"
