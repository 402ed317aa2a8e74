"""Candles of days that are over, fetched once a day: they do not change while it lasts.

Overnight they may: corporate actions rewrite the past, and tokens are reused. So what is kept is
kept until the morning's refresh, like the instruments.
"""

from datetime import date, datetime

from patang.domain.enums import Interval
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.instruments import dump_date
from patang.kite.lru import ByteCache, CacheCounters, Kept
from patang.kite.parameters import candle_time
from patang.rules.ist import ist_date
from patang.wire.candle_rows import Candles

BUDGET_BYTES = 64 * 1024 * 1024
# One candle with its text and its share of the answer; tests/unit/kite/test_candles.py measures it.
_BYTES_EACH = 700


class KiteCandles:
    """``historical_data`` with a memory, bounded by ``budget_bytes``.

    Only spans that end before today (in India) are kept; what reaches into today is asked for each
    time. However many ask for one span at once, one request is made.
    """

    def __init__(
        self, kite: Kite, *, clock: Clock | None = None, budget_bytes: int = BUDGET_BYTES
    ) -> None:
        self._kite = kite
        self._clock = clock or kite.clock
        self._cache: ByteCache[Candles] = ByteCache(
            budget_bytes, lambda candles: (len(candles) + 1) * _BYTES_EACH
        )

    @property
    def counters(self) -> CacheCounters:
        """How often a span was at hand."""
        return self._cache.counters

    async def historical_data(
        self,
        instrument_token: int,
        from_date: str | date | datetime,
        to_date: str | date | datetime,
        interval: Interval | str,
        continuous: bool = False,
        oi: bool = False,
    ) -> Candles:
        """As ``Kite.historical_data``; the list is the caller's own."""
        start, end = candle_time("from_date", from_date), candle_time("to_date", to_date)

        async def ask() -> Candles:
            return await self._kite.historical_data(
                instrument_token, start, end, interval, continuous, oi
            )

        now_ns = self._clock.now_ns()
        if end[:10] >= ist_date(now_ns).isoformat():
            return await ask()
        day = dump_date(now_ns)
        self._cache.drop(lambda key: key[1] == day)
        span = (str(instrument_token), start, end, str(interval), continuous, oi)
        kept = await self._cache.get((Kept.CANDLES, day, *span), ask)
        return kept.copy()
