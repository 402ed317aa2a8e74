"""The day's instruments, fetched once: in memory, on disk, and from Kite only when both lack them.

Kite makes the list anew each morning; from 08:30 IST on the new one is asked for. Source: Kite
Connect v3, instruments.
"""

import asyncio
import logging
from datetime import date
from decimal import Decimal
from pathlib import Path

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.kite.addresses import is_broker_root
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.directory import Directory, OptionChain
from patang.kite.instrument_files import InstrumentFiles
from patang.kite.lru import ByteCache, CacheCounters, Kept
from patang.kite.parameters import optional_word
from patang.kite.search import Match
from patang.rules.ist import ist_date
from patang.storage.private_file import SecretStorageError
from patang.wire.instruments import decode_instruments_csv

_log = logging.getLogger("patang.kite.instruments")

REFRESH_NS = (8 * 60 + 30) * 60 * NS_PER_SECOND
"""How long after midnight in India the day's list is trusted to be there."""

BUDGET_BYTES = 512 * 1024 * 1024
# One instrument with its share of every index; tests/unit/kite/test_instruments.py measures it.
_BYTES_EACH = 1_500
_ALL = "ALL"


def dump_date(at_ns: int) -> date:
    """Whose day's list Kite has at a UTC instant: until 08:30 in India still yesterday's."""
    return ist_date(at_ns - REFRESH_NS)


class KiteInstruments:
    """Symbols to tokens and back, search, chains: from a list that is fetched once a day.

    However many ask at once, one request is made for an exchange. With ``folder`` (by default the
    user's cache folder; nothing for a server that is not the broker's, where a list is soon
    another's) the list is kept on disk for other processes and the next start.
    """

    def __init__(
        self,
        kite: Kite,
        folder: Path | None = None,
        *,
        clock: Clock | None = None,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        self._kite = kite
        self._clock = clock or kite.clock
        self._cache: ByteCache[Directory] = ByteCache(
            budget_bytes, lambda directory: len(directory) * _BYTES_EACH
        )
        if folder is None and is_broker_root(kite.root):
            from platformdirs import user_cache_path

            folder = user_cache_path("patang") / "instruments"
        self._files = None if folder is None else InstrumentFiles(folder, kite.root)

    @property
    def counters(self) -> CacheCounters:
        """How often the list was at hand."""
        return self._cache.counters

    async def load(self, exchange: Exchange | str | None = None) -> Directory:
        """The day's instruments of one exchange, or of all.

        Raises:
            KiteError: the list is not at hand and Kite does not give it.
        """
        wanted = optional_word(Exchange, "exchange", exchange)
        name = _ALL if wanted is None else wanted.value
        day = dump_date(self._clock.now_ns())
        self._cache.drop(lambda key: key[2] == day)
        return await self._cache.get(
            (Kept.INSTRUMENTS, name, day), lambda: self._fetch(wanted, name, day)
        )

    async def instrument(self, instrument: str) -> Instrument:
        """The instrument ``EXCHANGE:SYMBOL``; raises ``InvalidValue`` naming the closest ones."""
        return (await self._listed_with(instrument))[instrument]

    async def token(self, instrument: str) -> int:
        """The token of the day of ``EXCHANGE:SYMBOL``; raises as ``instrument`` does."""
        return (await self.instrument(instrument)).token

    async def symbol(self, token: int, exchange: Exchange | str | None = None) -> InstrumentId:
        """``EXCHANGE:SYMBOL`` of a token; raises ``InvalidValue`` when no instrument has it."""
        return (await self.load(exchange)).symbol(token)

    async def check_orders(self, exchange: Exchange | str | None = None) -> None:
        """Have the client check its orders against this day's list before they are sent.

        An order whose price is off the tick, or whose quantity is no whole number of lots, is then
        refused with the field's name. The list is the day's: call this again each morning.
        """
        self._kite.instrument_of = (await self.load(exchange)).get

    async def search_instruments(
        self,
        query: str,
        exchange: Exchange | str | None = None,
        *,
        kind: InstrumentType | str | None = None,
        limit: int = 20,
    ) -> list[Match]:
        """Instruments that a query means, the best first: by symbol, name or contract terms."""
        directory = await self.load(exchange)
        # The first search of a day builds an index, which would hold up the loop.
        return await asyncio.to_thread(
            directory.search, query, exchange=exchange, kind=kind, limit=limit
        )

    async def expiries(self, name: str, exchange: Exchange | str = Exchange.NFO) -> list[str]:
        """Expiry days of an underlying's contracts that are not over, the next one first."""
        directory = await self.load(exchange)
        today = ist_date(self._clock.now_ns())
        return directory.expiries(name, exchange=exchange, on_or_after=today)

    async def option_chain(
        self,
        name: str,
        expiry: str | date | None = None,
        exchange: Exchange | str = Exchange.NFO,
    ) -> OptionChain:
        """The options of an underlying at one expiry, by default the next that is not over.

        Raises:
            InvalidValue: the underlying has no options, or none at that expiry.
        """
        directory = await self.load(exchange)
        if expiry is None:
            today = ist_date(self._clock.now_ns())
            days = directory.expiries(
                name, exchange=exchange, kind=InstrumentType.CE, on_or_after=today
            )
            expiry = days[0] if days else None
        return directory.option_chain(name, expiry, exchange=exchange)

    async def nearest_strike(
        self, name: str, price: Decimal, exchange: Exchange | str = Exchange.NFO
    ) -> Decimal:
        """The strike of the next expiry that is closest to a price of the underlying."""
        return (await self.option_chain(name, exchange=exchange)).nearest(price).strike

    async def _listed_with(self, instrument: str) -> Directory:
        exchange = instrument.partition(":")[0]
        return await self.load(exchange if exchange in Exchange.__members__ else None)

    async def _fetch(self, exchange: Exchange | None, name: str, day: date) -> Directory:
        # File work has no place in the loop.
        files = self._files
        if files is not None:
            kept = await asyncio.to_thread(files.read, name, day)
            if kept is not None:
                return Directory(kept)
        body = await self._kite.instruments_csv(exchange)
        instruments = await asyncio.to_thread(decode_instruments_csv, body)
        if files is not None:
            try:
                await asyncio.to_thread(files.write, name, day, body)
            except (OSError, SecretStorageError) as error:
                _log.warning("the instruments cannot be kept on disk: %s", error)
        return Directory(instruments)
