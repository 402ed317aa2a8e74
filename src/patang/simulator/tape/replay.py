"""A market that a recording makes: its events are played, and users' orders meet them."""

from collections.abc import Iterator

from patang.rules.calendar import Calendar, OutsideCalendar
from patang.rules.ist import ist_date
from patang.rules.session import PhaseKind
from patang.simulator.agenda import FOREVER_NS
from patang.simulator.day.trading_day import TradingDay
from patang.simulator.exchange import Exchange
from patang.simulator.tape.fill_models import FillModel, FillModelName, fill_model
from patang.simulator.tape.recording import Recording, TapeEvent
from patang.simulator.venue import Venue
from patang.simulator.worlds.market import Market
from patang.simulator.worlds.seeded import SeededSource


class TapePlayer:
    """Plays one instrument's events, each at its own time."""

    acts_in = stays_in = frozenset(PhaseKind)

    def __init__(self, venue: Venue, events: tuple[TapeEvent, ...], model: FillModel) -> None:
        self.venue = venue
        self._model = model
        self._events: Iterator[TapeEvent] = iter(events)
        self._next = next(self._events, None)

    def act(self, at_ns: int) -> int:
        """Play what is due; return when the next event is."""
        while self._next is not None and self._next.time_ns <= at_ns:
            self._model.play(self.venue, self._next)
            self._next = next(self._events, None)
        return FOREVER_NS if self._next is None else self._next.time_ns

    def leave(self, at_ns: int) -> None:
        """The tape knows by itself when trading is over."""


class IndexLevels:
    """Publishes the levels of a recorded index, which has no book."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def play(self, venue: Venue, event: TapeEvent) -> None:
        """Take over the level."""
        if event.last_ticks:
            level = venue.price(event.last_ticks)
            self._exchange.set_index(venue.instrument.id, level, event.time_ns)


def replay_market(recording: Recording, model: FillModelName, *, seed: int = 1) -> Market:
    """A market that begins with the first event of a recording.

    The venues go through the trading days of the calendar where it knows the recorded days;
    otherwise they are always open. After the last event nothing moves any more. ``seed`` decides
    what chance there is in a trading day.
    """
    exchange = Exchange(recording.instruments, recording.previous_closes)
    traded, levels = fill_model(model, exchange.floor), IndexLevels(exchange)
    players = [
        TapePlayer(
            exchange.venue(one.id),
            recording.events[one.id],
            traded if one.is_tradable else levels,
        )
        for one in recording.instruments
        if one.id in recording.events
    ]
    day = None
    if _is_known(recording):
        day = TradingDay(exchange, SeededSource(seed).split)
    market = Market(exchange, players, recording.start_ns, day)
    market.advance(recording.start_ns)
    return market


def _is_known(recording: Recording) -> bool:
    """Whether the calendars of all instruments know the first and the last day."""
    try:
        for instrument in recording.instruments:
            calendar = Calendar.load(instrument.exchange)
            for at_ns in (recording.start_ns, recording.end_ns):
                calendar.session(ist_date(at_ns))
    except OutsideCalendar:
        return False
    return True
