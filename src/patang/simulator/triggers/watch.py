"""Who wants to know when an instrument's last price moves while its market trades."""

from collections.abc import Callable
from decimal import Decimal

from patang.domain.instrument import InstrumentId
from patang.rules.session import PhaseKind
from patang.simulator.exchange import Exchange
from patang.simulator.venue import Venue

Listener = Callable[[Decimal, int], None]
"""Called with (last price in rupees, UTC ns). It may use the exchange."""


class PriceWatch:
    """Tells listeners each last price of continuous trading, after the trades of the moment.

    A venue nobody listens to costs nothing. A listener hears the price that stands when it begins
    to listen, too, as soon as the market trades: what is already true needs no further move.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._watched: dict[InstrumentId, _Watched] = {}

    def add(self, instrument: InstrumentId, key: str, listener: Listener) -> None:
        """Let ``listener`` hear the prices of an instrument; ``key`` names it.

        Raises:
            Refused: the instrument is not listed.
        """
        watched = self._watched.get(instrument)
        if watched is None:
            watched = _Watched(self._exchange, self._exchange.venue(instrument))
            self._watched[instrument] = watched
        watched.add(key, listener)

    def remove(self, instrument: InstrumentId, key: str) -> None:
        """Let the listener of that key hear no more of an instrument; harmless when it does not."""
        watched = self._watched.get(instrument)
        if watched is not None and watched.remove(key):
            del self._watched[instrument]


class _Watched:
    """One venue with listeners: prices are noted as they come and told when the agenda runs."""

    def __init__(self, exchange: Exchange, venue: Venue) -> None:
        self._exchange = exchange
        self._venue = venue
        self._listeners: dict[str, Listener] = {}
        self._fresh: dict[str, None] = {}
        self._noted: list[int] = []
        self._seen_ticks = venue.last_ticks
        self._is_due = False
        venue.watcher = self._look

    def add(self, key: str, listener: Listener) -> None:
        self._listeners[key] = listener
        self._fresh[key] = None
        self._set_timer(self._exchange.now_ns)

    def remove(self, key: str) -> bool:
        """Forget a listener; True when it was the last one, and the venue is left alone."""
        self._listeners.pop(key, None)
        self._fresh.pop(key, None)
        if not self._listeners:
            self._venue.watcher = None
        return not self._listeners

    def _look(self, at_ns: int) -> None:
        ticks = self._venue.last_ticks
        if ticks == self._seen_ticks and not self._fresh:
            return
        if not is_trading(self._venue):
            return
        if ticks != self._seen_ticks:
            self._seen_ticks = ticks
            self._noted.append(ticks)
        self._set_timer(at_ns)

    def _set_timer(self, at_ns: int) -> None:
        if not self._is_due:
            self._is_due = True
            self._exchange.agenda.at(at_ns, self._tell)

    def _tell(self, at_ns: int) -> None:
        self._is_due = False
        noted, self._noted = self._noted, []
        if not is_trading(self._venue):
            return
        fresh, self._fresh = self._fresh, {}
        for ticks in noted:
            for key, listener in list(self._listeners.items()):
                if key not in fresh and key in self._listeners:
                    listener(self._venue.price(ticks), at_ns)
        for key in fresh:
            if key in self._listeners:
                self._listeners[key](self._venue.last_price, at_ns)


def is_trading(venue: Venue) -> bool:
    """Whether triggers are evaluated: in continuous trading alone.

    Source: Zerodha support, GTT and closing auction ("stop at 15:15" for its stocks).
    """
    return venue.phase is PhaseKind.CONTINUOUS
