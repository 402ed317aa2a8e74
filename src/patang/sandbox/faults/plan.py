"""Which faults befall what, by seed: the same seed and requests meet the same faults."""

from collections.abc import Iterator

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.faults.menu import (
    ChanceFault,
    FailSlices,
    Fault,
    RejectOrder,
    RequestFault,
    UpdateFault,
)
from patang.sandbox.faults.routes import covers
from patang.simulator.worlds.seeded import SeededSource

PLACE = "place_order"


class Planned(msgspec.Struct, kw_only=True):
    """A fault that was ordered at ``since_ns`` (virtual), and how it has fared.

    ``seen`` is how many it could have befallen in its time, ``fired`` how many it did.
    """

    id: int
    since_ns: int
    seen: int = 0
    fired: int = 0
    fault: Fault


class FaultPlan:
    """All faults in force. Each draws from a stream of its own, in the order of what it sees."""

    def __init__(self, seed: int) -> None:
        self._chance = SeededSource(seed).split("faults")
        self._planned: dict[int, Planned] = {}
        self._streams: dict[int, SeededSource] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Planned]:
        return iter(tuple(self._planned.values()))

    def __len__(self) -> int:
        return len(self._planned)

    def add(self, fault: Fault, now_ns: int) -> Planned:
        """Put a fault in force."""
        self._count += 1
        planned = Planned(id=self._count, since_ns=now_ns, fault=fault)
        self._planned[planned.id] = planned
        self._streams[planned.id] = self._chance.split(str(planned.id))
        return planned

    def take(self, fault_id: int) -> Planned:
        """Take a fault out of force; raises ``InvalidValue`` for a number that has none."""
        planned = self._planned.pop(fault_id, None)
        if planned is None:
            raise InvalidValue("id", f"there is no fault {fault_id}.", "GET /faults lists them.")
        return planned

    def for_request(self, route: str, user_id: str, now_ns: int) -> list[Fault]:
        """The faults that befall this request, in the order in which they were ordered."""
        return [
            one.fault
            for one in self._planned.values()
            if _meets_request(one.fault, route) and self._strikes(one, user_id, now_ns)
        ]

    def for_update(self, user_id: str, status: str, now_ns: int) -> list[UpdateFault]:
        """The faults that befall this order update."""
        return [
            one.fault
            for one in self._planned.values()
            if isinstance(one.fault, UpdateFault)
            and (not one.fault.statuses or status in one.fault.statuses)
            and self._strikes(one, user_id, now_ns)
        ]

    def _strikes(self, planned: Planned, user_id: str, now_ns: int) -> bool:
        fault = planned.fault
        if not isinstance(fault, ChanceFault) or (fault.users and user_id not in fault.users):
            return False
        since_ns = now_ns - planned.since_ns
        if since_ns < _ns(fault.from_s):
            return False
        if fault.until_s is not None and since_ns >= _ns(fault.until_s):
            return False
        planned.seen += 1
        # Drawn for each that is seen, so that what one fault does never depends on its limits.
        is_drawn = fault.probability == 1 or self._streams[planned.id].random() < fault.probability
        if fault.nth and planned.seen not in fault.nth:
            return False
        if fault.count is not None and planned.fired >= fault.count:
            return False
        planned.fired += is_drawn
        return is_drawn


def _meets_request(fault: Fault, route: str) -> bool:
    if isinstance(fault, RequestFault):
        return covers(fault.routes, route)
    return isinstance(fault, RejectOrder | FailSlices) and route == PLACE


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_SECOND)
