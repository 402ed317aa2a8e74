"""Where faults are ordered and taken back, and those that begin by themselves are carried out."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.faults.menu import (
    CloseSockets,
    CutExchange,
    DropUpdate,
    DuplicateUpdate,
    Fault,
    FlushTokensAt,
    HalfOpenSockets,
    LastingFault,
    MuteSockets,
    SkewClock,
    TimedFault,
)
from patang.sandbox.faults.plan import FaultPlan, Planned
from patang.sandbox.outgoing import Silence, UpdateFate
from patang.sandbox.subscriber import Subscriber
from patang.simulator.agenda import Entry

if TYPE_CHECKING:
    from patang.sandbox.world import World


_TimedAction = Callable[[Planned, int], None]


class _UpdateFields(msgspec.Struct):
    status: str = ""


class _Update(msgspec.Struct):
    data: _UpdateFields


class FaultDesk:
    """The faults of a world: those of the plan, and what the timed ones have changed."""

    def __init__(self, world: "World") -> None:
        self.plan = FaultPlan(world.settings.seed)
        self._world = world
        self._timers: dict[int, list[Entry]] = {}
        self._running: dict[int, LastingFault] = {}
        self._silenced: dict[int, list[Subscriber]] = {}
        world.ticker.outgoing.decide = self._decide

    # --- orders for faults ----------------------------------------------------------------------

    def order(self, faults: Iterable[Fault]) -> list[Planned]:
        """Put faults in force from now on.

        Raises:
            InvalidValue: one of them names a user that the world does not have; none is in force
                then.
        """
        faults = tuple(faults)
        known = self._world.exchange.user_ids()
        for fault in faults:
            stranger = next((user for user in fault.users if user not in known), None)
            if stranger is not None:
                raise InvalidValue(
                    "users", f"there is no user {stranger!r}.", f"Known: {', '.join(known)}."
                )
        now_ns = self._world.advance()
        planned = [self.plan.add(fault, now_ns) for fault in faults]
        for one in planned:
            if isinstance(one.fault, TimedFault):
                self._set_timer(one, one.since_ns + _ns(one.fault.at_s), self._begin)
        self._world.advance()
        return planned

    def take_back(self, fault_id: int) -> Planned:
        """End a fault and what it did; raises ``InvalidValue`` for a number that has none."""
        planned = self.plan.take(fault_id)
        for entry in self._timers.pop(fault_id, ()):
            entry.cancel()
        if fault_id in self._running:
            self._end(planned, self._world.advance())
        self._release_updates()
        return planned

    def clear(self) -> None:
        """End every fault."""
        for planned in self.plan:
            self.take_back(planned.id)

    # --- timed faults ---------------------------------------------------------------------------

    def _set_timer(self, planned: Planned, due_ns: int, action: _TimedAction) -> None:
        entry = self._world.exchange.agenda.at(due_ns, lambda at_ns: action(planned, at_ns))
        self._timers.setdefault(planned.id, []).append(entry)

    def _begin(self, planned: Planned, at_ns: int) -> None:
        world, fault = self._world, planned.fault
        planned.seen += 1
        planned.fired += 1
        match fault:
            case FlushTokensAt():
                world.sessions.flush(fault.users)
            case CloseSockets():
                for subscriber in self._sockets(fault):
                    self._close(subscriber, fault)
            case CutExchange():
                world.exchange.cut(at_ns)
            case SkewClock():
                world.date_skew_ns += _ns(fault.seconds)
            case MuteSockets():
                self._silence(planned, Silence.MUTE)
            case HalfOpenSockets():
                self._silence(planned, Silence.HALF_OPEN)
        if isinstance(fault, LastingFault):
            self._running[planned.id] = fault
            if fault.for_s is not None:
                self._set_timer(planned, at_ns + _ns(fault.for_s), self._end)

    def _end(self, planned: Planned, at_ns: int) -> None:
        fault = self._running.pop(planned.id)
        match fault:
            case CutExchange():
                # Two cuts may overlap: the line is whole again when the last one ends.
                if not any(isinstance(one, CutExchange) for one in self._running.values()):
                    self._world.exchange.mend(at_ns)
            case SkewClock():
                self._world.date_skew_ns -= _ns(fault.seconds)
            case _:
                for subscriber in self._silenced.pop(planned.id, ()):
                    subscriber.silence = Silence.NONE

    # --- sockets --------------------------------------------------------------------------------

    def _sockets(self, fault: TimedFault) -> list[Subscriber]:
        return [
            one
            for one in self._world.ticker.connections()
            if not fault.users or one.user_id in fault.users
        ]

    def _silence(self, planned: Planned, silence: Silence) -> None:
        assert isinstance(planned.fault, TimedFault)  # noqa: S101 - for the type checker
        sockets = self._sockets(planned.fault)
        for subscriber in sockets:
            subscriber.silence = silence
        self._silenced[planned.id] = sockets

    def _close(self, subscriber: Subscriber, fault: CloseSockets) -> None:
        peer = subscriber.peer
        if fault.reset and peer is not None and self._world.wires.reset(peer):
            return
        subscriber.close(fault.code)

    # --- order updates --------------------------------------------------------------------------

    def _decide(self, user_id: str, text: str) -> UpdateFate:
        if not len(self.plan):
            return UpdateFate.PASS
        status = msgspec.json.decode(text, type=_Update).data.status
        faults = self.plan.for_update(user_id, status, self._world.now_ns)
        if not faults:
            return UpdateFate.PASS
        # Where several would befall one update, the one that was ordered first does.
        match faults[0]:
            case DropUpdate():
                return UpdateFate.DROP
            case DuplicateUpdate():
                return UpdateFate.DUPLICATE
            case _:
                return UpdateFate.HOLD

    def _release_updates(self) -> None:
        ticker = self._world.ticker
        for user_id in self._world.exchange.user_ids():
            for text in ticker.outgoing.release(user_id):
                ticker.let_out(user_id, text)


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_SECOND)
