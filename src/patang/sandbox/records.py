"""What happened in a world, kept so that a client's view can be compared with the truth."""

from collections import deque
from collections.abc import Iterator

import msgspec

from patang.simulator.orders import SimOrder, SimTrade
from patang.wire.endpoints import Endpoint, RateClass

READS_MAX = 100_000
"""Requests that are no order requests: the newest so many are kept."""

FRAME_BYTES_MAX = 64 << 20
"""Bytes of ticker frames: the newest so many are kept."""


class RequestRecord(msgspec.Struct, kw_only=True):
    """One request as it arrived and what became of it.

    ``number`` counts every request of the world from 1. ``time_ns`` is the virtual moment of its
    arrival, UTC. ``user_id`` is empty where the credentials are nobody's. ``faults`` names the
    faults that befell it, in order. ``status`` is what it was answered with, None for no answer;
    ``order_id`` and ``message`` are out of the exchange's answer, even where the client never got
    it. ``carried_out`` is how often the exchange acted on it.
    """

    number: int
    time_ns: int
    user_id: str
    route: str
    method: str
    path: str
    tag: str | None = None
    parameters: dict[str, str] = {}
    faults: list[str] = []
    carried_out: int = 0
    status: int | None = None
    error_type: str | None = None
    message: str | None = None
    order_id: str | None = None


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One WebSocket frame that was sent; ``payload`` is text, or base64 for ``binary``."""

    time_ns: int
    user_id: str
    connection: int
    kind: str
    payload: str | bytes


class OrderRecord(msgspec.Struct, frozen=True):
    """A state of an order: the order, and the index of its history row."""

    order: SimOrder
    index: int


class Records:
    """Append-only lists of requests, order states, trades and frames.

    Order requests, order states and trades are kept for the whole run; other requests and frames
    are bounded, and the oldest give way.
    """

    def __init__(self) -> None:
        self.order_requests: list[RequestRecord] = []
        self.states: list[OrderRecord] = []
        self.trades: list[tuple[SimTrade, SimOrder]] = []
        self.frames_dropped = 0
        self._reads: deque[RequestRecord] = deque(maxlen=READS_MAX)
        self._frames: deque[FrameRecord] = deque()
        self._frame_bytes = 0
        self._count = 0
        self._recorded: dict[str, int] = {}

    def request(
        self, endpoint: Endpoint, *, time_ns: int, user_id: str, path: str
    ) -> RequestRecord:
        """A new record of a request that has just arrived."""
        self._count += 1
        record = RequestRecord(
            number=self._count,
            time_ns=time_ns,
            user_id=user_id,
            route=endpoint.name,
            method=endpoint.method,
            path=path,
            faults=[],
        )
        if endpoint.rate is RateClass.ORDER:
            self.order_requests.append(record)
        else:
            self._reads.append(record)
        return record

    def note_order(self, order: SimOrder) -> bool:
        """Record every state of an order since the last time; return whether it is a new one."""
        first = self._recorded.get(order.order_id, 0)
        last = len(order.history)
        self.states += [OrderRecord(order, index) for index in range(first, last)]
        self._recorded[order.order_id] = last
        return not first

    def note_trade(self, trade: SimTrade, order: SimOrder) -> None:
        """Record a fill of a user's order."""
        self.trades.append((trade, order))

    def note_frame(self, frame: FrameRecord) -> None:
        """Record a frame; the oldest give way when there are too many bytes."""
        self._frames.append(frame)
        self._frame_bytes += len(frame.payload)
        while self._frame_bytes > FRAME_BYTES_MAX:
            self._frame_bytes -= len(self._frames.popleft().payload)
            self.frames_dropped += 1

    def requests(self) -> list[RequestRecord]:
        """Every request that is still kept, in order of arrival."""
        return sorted((*self.order_requests, *self._reads), key=_number)

    def requests_of(self, user_id: str) -> list[RequestRecord]:
        """Every order request of a user, in order of arrival."""
        return [one for one in self.order_requests if one.user_id == user_id]

    def frames(self) -> Iterator[FrameRecord]:
        """Every frame that is still kept, in order."""
        return iter(tuple(self._frames))


def _number(record: RequestRecord) -> int:
    return record.number


def parameters_of(pairs: dict[str, str]) -> dict[str, str]:
    """Parameters without those that are secret."""
    return {name: value for name, value in pairs.items() if name not in _SECRET}


_SECRET = ("access_token", "refresh_token", "request_token", "checksum")
