"""Time for the pretend exchange: everything that is due happens, in order, exactly once."""

from collections.abc import Sequence
from heapq import heapify, heapreplace
from typing import Protocol

from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.simulator.agenda import FOREVER_NS
from patang.simulator.exchange import Exchange, Session


class Actor(Protocol):
    """Something that does a thing now and then."""

    def act(self, at_ns: int) -> int:
        """Do what is due at ``at_ns``; return when to be called again (UTC ns, later)."""

    def leave(self, at_ns: int) -> None:
        """The session is over."""


class IndexFollower:
    """Publishes an index each second: its members' moves since the last close, weighted.

    ``weights`` need not sum to one.
    """

    def __init__(
        self, exchange: Exchange, index: InstrumentId, weights: Sequence[tuple[InstrumentId, float]]
    ) -> None:
        self._exchange = exchange
        self._index = index
        self._base = exchange.venue(index).close_ticks
        total = sum(weight for _, weight in weights)
        members = [(exchange.venue(member), weight / total) for member, weight in weights]
        self._members = [(venue, weight / venue.close_ticks) for venue, weight in members]

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


class _ClosingBell:
    """Ends each session: users' orders are cancelled, everybody else goes home."""

    def __init__(self, exchange: Exchange, actors: Sequence[Actor]) -> None:
        self._exchange = exchange
        self._actors = actors

    def next_due(self, after_ns: int) -> int:
        closes = (close for _, close in self._exchange.sessions if close > after_ns)
        return next(closes, FOREVER_NS)

    def act(self, at_ns: int) -> int:
        self._exchange.end_session(at_ns)
        for actor in self._actors:
            actor.leave(at_ns)
        return self.next_due(at_ns)

    def leave(self, at_ns: int) -> None:
        pass


class Market:
    """An exchange with people in it. ``advance`` lets everything happen that is due.

    However the time is cut into calls, the same things happen. A command to the exchange first
    advances the market to the command's own time, so trades stand in the order of their times.
    """

    def __init__(self, exchange: Exchange, actors: Sequence[Actor], start_ns: int) -> None:
        self.exchange = exchange
        self.now_ns = start_ns
        self.actions = 0
        """How many actions have happened, for measuring."""
        self._is_advancing = False
        bell = _ClosingBell(exchange, actors)
        first = self._in_session(start_ns)
        # At one time, the bell acts before anyone else, and the others in the order given.
        self._due: list[tuple[int, int, Actor]] = [(bell.next_due(start_ns - 1), 0, bell)]
        self._due += [(first, number, actor) for number, actor in enumerate(actors, 1)]
        heapify(self._due)
        exchange.pass_time(start_ns)
        exchange.on_time = self.advance

    def advance(self, to_ns: int) -> None:
        """Let everything happen that is due up to and at ``to_ns``; an older time does nothing."""
        if self._is_advancing or to_ns < self.now_ns:
            return
        self._is_advancing = True
        exchange, due_list = self.exchange, self._due
        try:
            while due_list[0][0] <= to_ns:
                at_ns, number, actor = due_list[0]
                exchange.run_agenda(at_ns)
                self.now_ns = exchange.now_ns = at_ns
                due_ns = actor.act(at_ns)
                if number:
                    due_ns = self._in_session(due_ns)
                heapreplace(due_list, (due_ns, number, actor))
                self.actions += 1
            exchange.run_agenda(to_ns)
        finally:
            self._is_advancing = False
        self.now_ns = exchange.now_ns = to_ns

    def _in_session(self, due_ns: int) -> int:
        """``due_ns``, or the next opening when nobody trades then."""
        sessions: tuple[Session, ...] = self.exchange.sessions
        if not sessions:
            return due_ns
        for start, end in sessions:
            if due_ns < end:
                return max(due_ns, start)
        return FOREVER_NS
