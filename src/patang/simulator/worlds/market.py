"""Time for the pretend exchange: everything that is due happens, in order, exactly once."""

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import Protocol

from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules.session import PhaseKind
from patang.simulator.agenda import FOREVER_NS
from patang.simulator.day.trading_day import TradingDay
from patang.simulator.exchange import Exchange
from patang.simulator.venue import Venue


class Actor(Protocol):
    """Something that does a thing now and then, in some phases of its venue's day."""

    venue: Venue
    acts_in: frozenset[PhaseKind]
    """Phases in which it acts; it wakes when one begins."""
    stays_in: frozenset[PhaseKind]
    """Phases in which its orders may stand; it leaves when another begins."""

    def act(self, at_ns: int) -> int:
        """Do what is due at ``at_ns``; return when to be called again (UTC ns, later)."""

    def leave(self, at_ns: int) -> None:
        """Trading is over for now."""


class IndexFollower:
    """Publishes an index each second: its members' moves since the last close, weighted.

    ``weights`` need not sum to one. It follows the day of its first member.
    """

    acts_in = stays_in = frozenset(
        {
            PhaseKind.CONTINUOUS,
            PhaseKind.AUCTION_REFERENCE,
            PhaseKind.AUCTION_ENTRY,
            PhaseKind.AUCTION_LIMIT_ONLY,
            PhaseKind.AUCTION_MATCHING,
        }
    )

    def __init__(
        self, exchange: Exchange, index: InstrumentId, weights: Sequence[tuple[InstrumentId, float]]
    ) -> None:
        self._exchange = exchange
        self._index = index
        total = sum(weight for _, weight in weights)
        self._weights = [(exchange.venue(member), weight / total) for member, weight in weights]
        self.venue = self._weights[0][0]
        self._base = 0
        self._members: list[tuple[Venue, float]] = []
        self.start_day()

    def start_day(self) -> None:
        """Measure moves from the members' last closes, and the index's own, from here on."""
        self._base = self._exchange.venue(self._index).close_ticks
        self._members = [(venue, weight / venue.close_ticks) for venue, weight in self._weights]

    def act(self, at_ns: int) -> int:
        """Compute and publish the value; the next one is due on the next whole second."""
        move = sum(venue.last_ticks * share for venue, share in self._members)
        index = self._exchange.venue(self._index).instrument
        level = index.from_ticks(round(self._base * move))
        self._exchange.set_index(self._index, level, at_ns)
        return (at_ns // NS_PER_SECOND + 1) * NS_PER_SECOND

    def leave(self, at_ns: int) -> None:
        """Publish the closing value."""
        self.act(at_ns)


class Market:
    """An exchange with people in it. ``advance`` lets everything happen that is due.

    However the time is cut into calls, the same things happen. A command to the exchange first
    advances the market to the command's own time, so trades stand in the order of their times.
    With a ``day`` the venues go through the phases of their days; without, they are always open.
    """

    def __init__(
        self,
        exchange: Exchange,
        actors: Iterable[Actor],
        start_ns: int,
        day: TradingDay | None = None,
    ) -> None:
        self.exchange = exchange
        self.day = day
        self.now_ns = start_ns
        self.actions = 0
        """How many actions have happened, for measuring."""
        self.on_new_day: list[Callable[[int], None]] = []
        """Called with each new day (UTC ns) once its venues are ready."""
        self._is_advancing = False
        self._due: list[tuple[int, int, Actor]] = []
        self._asleep: dict[int, Actor] = {}
        self._at_venue: dict[InstrumentId, list[tuple[int, Actor]]] = {}
        self._count = 0
        exchange.pass_time(start_ns)
        if day is not None:
            day.begin(start_ns)
            day.on_phase = self._change_phase
            day.on_new_day = self._start_day
        for actor in actors:
            self._enrol(actor, start_ns)
        heapify(self._due)
        exchange.on_time = self.advance

    def add(self, actors: Sequence[Actor], at_ns: int) -> None:
        """Let more people in; they act from ``at_ns`` on, after those who are due then."""
        for actor in actors:
            self._enrol(actor, at_ns)
        heapify(self._due)

    def advance(self, to_ns: int) -> None:
        """Let everything happen that is due up to and at ``to_ns``; an older time does nothing."""
        if self._is_advancing or to_ns < self.now_ns:
            return
        self._is_advancing = True
        exchange, due_list, agenda = self.exchange, self._due, self.exchange.agenda
        try:
            while True:
                due_ns = due_list[0][0] if due_list else FOREVER_NS
                timer_ns = agenda.next_ns
                if min(due_ns, timer_ns) > to_ns:
                    break
                # At one time, timers run first, then the actors in the order given.
                if timer_ns <= due_ns:
                    self.now_ns = max(self.now_ns, timer_ns)
                    exchange.run_agenda(timer_ns)
                    continue
                at_ns, number, actor = due_list[0]
                if actor.venue.phase not in actor.acts_in:
                    heappop(due_list)
                    self._asleep[number] = actor
                    continue
                self.now_ns = exchange.now_ns = at_ns
                heapreplace(due_list, (actor.act(at_ns), number, actor))
                self.actions += 1
        finally:
            self._is_advancing = False
        self.now_ns = exchange.now_ns = to_ns

    def _enrol(self, actor: Actor, at_ns: int) -> None:
        self._count += 1
        self._at_venue.setdefault(actor.venue.instrument.id, []).append((self._count, actor))
        self._due.append((at_ns, self._count, actor))

    def _change_phase(self, venue: Venue, at_ns: int) -> None:
        """Send home who may not stay, and wake who acts in the phase that has begun."""
        phase = venue.phase
        for number, actor in self._at_venue.get(venue.instrument.id, ()):
            if phase not in actor.stays_in:
                actor.leave(at_ns)
            if phase in actor.acts_in and self._asleep.pop(number, None) is not None:
                heappush(self._due, (at_ns, number, actor))

    def _start_day(self, at_ns: int) -> None:
        for hook in self.on_new_day:
            hook(at_ns)
        for actors in self._at_venue.values():
            for _, actor in actors:
                if isinstance(actor, IndexFollower):
                    actor.start_day()
