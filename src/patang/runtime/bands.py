"""The day's price bands into the node: what the risk gate holds limits and triggers against."""

import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from patang.domain.errors import PatangError
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.messages import BandsRead, PriceBand
from patang.kite.clock import Clock
from patang.runtime.node import Node
from patang.wire.quote_rows import QuoteRow

EVERY_S = 300.0
"""Bands of derivatives are moved within a day, so they are read again."""
_AGAIN_S = 30.0

_log = logging.getLogger(__name__)


class Quotes(Protocol):
    """Whoever answers full quotes; ``Kite`` does."""

    async def quote(self, *instruments: InstrumentId) -> Mapping[str, QuoteRow]:
        """Quotes by ``EXCHANGE:SYMBOL``; what is not listed is left out."""
        ...


class PriceBands:
    """Reads the circuit limits of a run's instruments at its start and every five minutes.

    Source: Kite Connect v3, market quotes, ``lower_circuit_limit`` and ``upper_circuit_limit``.
    """

    def __init__(self, quotes: Quotes, instruments: Iterable[Instrument], clock: Clock) -> None:
        self._quotes = quotes
        self._names = [item.id for item in instruments if item.is_tradable]
        self._clock = clock
        self._known: dict[InstrumentId, PriceBand] = {}

    async def run(self, node: Node) -> None:
        """Post until cancelled; only bands that are new or have moved. A failed read is repeated.

        Without a band the gate has the exchange refuse what lies outside it.
        """
        while self._names:
            try:
                rows = await self._quotes.quote(*self._names)
            except PatangError as error:
                _log.warning("price bands could not be read: %s", error)
                await self._clock.sleep(_AGAIN_S)
                continue
            moved = tuple(band for band in self._bands(rows) if self._is_news(band))
            if moved:
                node.post(BandsRead(at_ns=self._clock.now_ns(), bands=moved))
            await self._clock.sleep(EVERY_S)

    def _bands(self, rows: Mapping[str, QuoteRow]) -> Iterable[PriceBand]:
        for name in self._names:
            row = rows.get(name)
            # Zero stands for none: an index, or a contract before its first session.
            if row is not None and 0 < row.lower_circuit_limit < row.upper_circuit_limit:
                yield PriceBand(
                    instrument=name,
                    lower=row.lower_circuit_limit,
                    upper=row.upper_circuit_limit,
                )

    def _is_news(self, band: PriceBand) -> bool:
        is_news = self._known.get(band.instrument) != band
        self._known[band.instrument] = band
        return is_news
