"""Days that are over, of instruments without a book: their candles are kept, not the minutes."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import NS_PER_DAY, at_ist, ist_date
from patang.simulator.exchange import Exchange
from patang.simulator.shelf import Backdrop
from patang.simulator.tape.candles import TickCandle
from patang.simulator.tape.history import trading_hours
from patang.simulator.tape.past import minutes_inside
from patang.simulator.worlds.seeded import SeededSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAYS_KEPT = 100

_KEPT = ["last_price", "open", "high", "low", "volume", "oi"]


class BackdropDays:
    """Writes down, each morning before the new day begins, what every row has shown.

    The minutes of such a day are made up anew from the seed when they are asked for: they add up to
    the day, but are not those that were told while it lasted.
    """

    def __init__(self, exchange: Exchange, backdrop: Backdrop, seed: int) -> None:
        self._exchange = exchange
        self._backdrop = backdrop
        self._source = SeededSource(f"{seed}/backdrop-days")
        self._days: dict[date, NDArray[Any]] = {}
        self._closes: dict[date, NDArray[Any]] = {}
        first = ist_date(exchange.now_ns)
        exchange.agenda.at(_before_roll(first + timedelta(1)), self._keep)

    def minutes(self, instrument: Instrument, day: date) -> list[TickCandle]:
        """The minutes of a day that is over; none when it was not seen, or had no trade."""
        kept = self._days.get(day)
        row = self._backdrop.row(instrument.id)
        hours = trading_hours(instrument.exchange, day)
        if kept is None or row is None or hours is None or not kept[row]["open"]:
            return []
        one = kept[row]
        prices = (one["open"], one["high"], one["low"], one["last_price"])
        ticks = [instrument.to_ticks(instrument.from_wire(int(price))) for price in prices]
        open_, high, low, close = ticks
        volume, oi = int(one["volume"]), int(one["oi"])
        whole = TickCandle(hours.open_ns, open_, high, low, close, volume, oi)
        source = self._source.split(f"{instrument.id}/{day}")
        return minutes_inside(whole, hours, instrument.lot_size, source)

    def closing(self, instrument: InstrumentId, day: date) -> int | None:
        """The closing price of a day that is over, in ticks."""
        closes = self._closes.get(day)
        row = self._backdrop.row(instrument)
        return None if closes is None or row is None else int(closes[row])

    def _keep(self, at_ns: int) -> None:
        import numpy as np

        day = ist_date(at_ns) - timedelta(1)
        rows = np.arange(len(self._backdrop.instruments), dtype=np.int64)
        self._days[day] = self._backdrop.columns(rows, at_ns)[_KEPT].copy()
        if len(self._days) > DAYS_KEPT:
            del self._days[next(iter(self._days))]

        def keep_closes(_at_ns: int) -> None:
            self._closes[day] = self._backdrop.close_ticks
            if len(self._closes) > DAYS_KEPT:
                del self._closes[next(iter(self._closes))]

        agenda = self._exchange.agenda
        agenda.at(at_ns + 61 * NS_PER_SECOND, keep_closes)
        agenda.at(at_ns + NS_PER_DAY, self._keep)


def _before_roll(day: date) -> int:
    return at_ist(day, 5, 59)
