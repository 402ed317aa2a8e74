"""The menu of faults: what can go wrong between a client and the exchange, as typed values.

Source: what users of such systems met (timeouts after acceptance, HTML from the edge, mute sockets,
lost order updates, orders stuck in OPEN PENDING), and kite-protocol reference, error model.
"""

import math
from typing import ClassVar, Literal

import msgspec

from patang.domain.errors import InvalidValue
from patang.sandbox.faults.reasons import REASONS
from patang.sandbox.faults.routes import check_routes
from patang.simulator.errors import ErrorType

LONGEST_S = 86_400.0

Ending = Literal["hang", "close", "reset"]
"""How a connection ends without an answer: kept open until the client gives up, closed, or reset
so that the client sees an error at once."""

ClockName = Literal["real", "virtual"]
"""Whether a delay is seconds of the machine or of the market; a frozen market waits for steps."""


class BaseFault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """What every fault has: ``users`` whom it befalls, everybody where none is named."""

    spans: ClassVar[tuple[str, ...]] = ()
    """Fields that are seconds, from 0 to a day."""

    users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.spans:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= LONGEST_S:
                raise InvalidValue(name, f"{value} is not in 0..{LONGEST_S:.0f} seconds.")


class ChanceFault(BaseFault, frozen=True, kw_only=True):
    """Which of the things that a fault could befall it does befall.

    From ``from_s`` until before ``until_s`` (market seconds after the fault was ordered) they are
    counted from 1. Of those, it takes the ones in ``nth`` (all, where none is named), each with
    ``probability``, and ``count`` of them at most.
    """

    spans: ClassVar[tuple[str, ...]] = ("from_s", "until_s")

    probability: float = 1.0
    nth: tuple[int, ...] = ()
    count: int | None = None
    from_s: float = 0.0
    until_s: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.probability <= 1:
            raise InvalidValue("probability", f"{self.probability} is not in (0, 1].")
        if any(number < 1 for number in self.nth):
            raise InvalidValue("nth", "counts from 1.")
        if self.count is not None and self.count < 1:
            raise InvalidValue("count", f"{self.count} is below 1.", "Leave it out for no limit.")
        if self.until_s is not None and self.until_s <= self.from_s:
            raise InvalidValue("until_s", "is not after from_s.")


class RequestFault(ChanceFault, frozen=True, kw_only=True):
    """A fault of requests on ``routes``.

    These are names of the endpoint table, ``ticker`` for the WebSocket handshake, or the groups
    ``order_requests``, ``reads`` and ``everything``.
    """

    routes: tuple[str, ...] = ("order_requests",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_routes(self.routes)


class DropRequest(RequestFault, frozen=True, kw_only=True, tag="drop_request"):
    """The request is lost on its way: nothing happens, nothing is answered."""

    ending: Ending = "hang"


class LoseReply(RequestFault, frozen=True, kw_only=True, tag="lose_reply"):
    """The request is carried out and its answer is lost: accept, then time out."""

    ending: Ending = "hang"


class DelayRequest(RequestFault, frozen=True, kw_only=True, tag="delay_request"):
    """The request arrives late by ``seconds``."""

    spans: ClassVar[tuple[str, ...]] = ("from_s", "until_s", "seconds")

    seconds: float
    clock: ClockName = "real"


class DelayReply(RequestFault, frozen=True, kw_only=True, tag="delay_reply"):
    """The request is carried out at once and answered ``seconds`` later."""

    spans: ClassVar[tuple[str, ...]] = ("from_s", "until_s", "seconds")

    seconds: float
    clock: ClockName = "real"


class DuplicateRequest(RequestFault, frozen=True, kw_only=True, tag="duplicate_request"):
    """The request is carried out twice, as when something between sends it again.

    The client gets the second answer.
    """


class DuplicateReply(RequestFault, frozen=True, kw_only=True, tag="duplicate_reply"):
    """The answer is sent twice on the connection."""


class ErrorReply(RequestFault, frozen=True, kw_only=True, tag="error_reply"):
    """The answer is an error of this HTTP ``status``.

    Unless it is ``carried_out``, the request never reaches the exchange. ``body`` is Kite's JSON
    envelope, an HTML page of the edge, or nothing; ``error_type`` and ``message`` are for the
    envelope, by default those that go with the status.
    """

    status: int
    body: Literal["json", "html", "empty"] = "json"
    error_type: str | None = None
    message: str | None = None
    carried_out: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 200 <= self.status <= 599:
            raise InvalidValue("status", f"{self.status} is no HTTP status from 200 to 599.")


class TimedOutReply(RequestFault, frozen=True, kw_only=True, tag="timed_out_reply"):
    """The answer is 400, "Order request timed out"; the order goes through if ``carried_out``."""

    carried_out: bool = True


class TruncateReply(RequestFault, frozen=True, kw_only=True, tag="truncate_reply"):
    """The answer breaks off after ``keep`` of its bytes (a share from 0 to 1).

    With ``framing`` "short" it is a whole HTTP answer with broken JSON, with "cut" the connection
    ends before the announced length.
    """

    keep: float = 0.5
    framing: Literal["short", "cut"] = "short"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.keep < 1:
            raise InvalidValue("keep", f"{self.keep} is not in [0, 1).")


class SlowReply(RequestFault, frozen=True, kw_only=True, tag="slow_reply"):
    """The body of the answer trickles in over ``seconds`` of real time."""

    spans: ClassVar[tuple[str, ...]] = ("from_s", "until_s", "seconds")

    seconds: float


class RefuseIp(RequestFault, frozen=True, kw_only=True, tag="refuse_ip"):
    """403: ``address`` may not place orders for this app."""

    address: str = "203.0.113.7"


class FlushTokens(RequestFault, frozen=True, kw_only=True, tag="flush_tokens"):
    """The caller's access tokens die just ``before`` or ``after`` the request is carried out."""

    when: Literal["before", "after"] = "before"


class RejectOrder(ChanceFault, frozen=True, kw_only=True, tag="reject_order"):
    """A placement is refused: for a ``reason`` of Kite's, or in words of one's own.

    ``stage`` says where: "request" is an HTTP error without an order row; "broker" and "exchange"
    leave a row that ends REJECTED with ``message`` and ``raw``. ``error_type`` and ``status`` are
    for the HTTP error.
    """

    reason: str | None = None
    stage: Literal["request", "broker", "exchange"] | None = None
    message: str | None = None
    raw: str = ""
    error_type: ErrorType = "InputException"
    status: int = 400

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.reason is None) == (self.message is None):
            raise InvalidValue(
                "reason", "give a reason or a message of your own.", f"Known: {', '.join(REASONS)}."
            )
        if self.reason is not None and self.reason not in REASONS:
            raise InvalidValue(
                "reason", f"{self.reason!r} is not known.", f"Known: {', '.join(REASONS)}."
            )
        if not 400 <= self.status <= 599:
            raise InvalidValue("status", f"{self.status} is no HTTP error status.")


class FailSlices(ChanceFault, frozen=True, kw_only=True, tag="fail_slices"):
    """Of an autosliced order, the children with these numbers (from 1) fail for a ``reason``."""

    slices: tuple[int, ...] = (2,)
    reason: str = "margin"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.slices or any(number < 1 for number in self.slices):
            raise InvalidValue("slices", "counts from 1.", "Name at least one child.")
        if self.reason not in REASONS:
            raise InvalidValue(
                "reason", f"{self.reason!r} is not known.", f"Known: {', '.join(REASONS)}."
            )


class UpdateFault(ChanceFault, frozen=True, kw_only=True):
    """A fault of order updates over the socket; ``statuses`` picks those of some states only."""

    statuses: tuple[str, ...] = ()


class DropUpdate(UpdateFault, frozen=True, kw_only=True, tag="drop_update"):
    """An order update is not sent."""


class DuplicateUpdate(UpdateFault, frozen=True, kw_only=True, tag="duplicate_update"):
    """An order update is sent twice."""


class HoldUpdate(UpdateFault, frozen=True, kw_only=True, tag="hold_update"):
    """An order update is sent after the user's next one: the two change places."""


class TimedFault(BaseFault, frozen=True, kw_only=True):
    """A fault that begins ``at_s`` market seconds after it was ordered."""

    spans: ClassVar[tuple[str, ...]] = ("at_s",)

    at_s: float = 0.0


class LastingFault(TimedFault, frozen=True, kw_only=True):
    """A fault that lasts ``for_s`` market seconds, until it is taken back where none is given."""

    spans: ClassVar[tuple[str, ...]] = ("at_s", "for_s")

    for_s: float | None = None


class FlushTokensAt(TimedFault, frozen=True, kw_only=True, tag="flush_tokens_at"):
    """The users' access tokens die."""


class CutExchange(LastingFault, frozen=True, kw_only=True, tag="cut_exchange"):
    """The broker's line to the exchange is cut: new orders stay OPEN PENDING until it is mended.

    It befalls everybody; ``users`` must be left out.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.users:
            raise InvalidValue("users", "the line is everybody's.", "Leave it out.")


class SkewClock(LastingFault, frozen=True, kw_only=True, tag="skew_clock"):
    """The ``Date`` of every answer is off by ``seconds`` (negative: behind)."""

    seconds: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.users:
            raise InvalidValue("users", "the clock is everybody's.", "Leave it out.")
        if not (math.isfinite(self.seconds) and abs(self.seconds) <= LONGEST_S):
            raise InvalidValue("seconds", f"{self.seconds} is more than a day.")


class MuteSockets(LastingFault, frozen=True, kw_only=True, tag="mute_sockets"):
    """The sockets that are open then get heartbeats, but neither ticks nor order updates."""


class HalfOpenSockets(LastingFault, frozen=True, kw_only=True, tag="half_open_sockets"):
    """The sockets that are open then stay open, and nothing is sent, read or answered."""


class CloseSockets(TimedFault, frozen=True, kw_only=True, tag="close_sockets"):
    """The sockets that are open then end: with a close frame of ``code``, or ``reset``."""

    code: int = 1011
    reset: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1000 <= self.code <= 1014 or 3000 <= self.code <= 4999):
            raise InvalidValue("code", f"{self.code} is no close code.", "Use 1000 to 1014.")


Fault = (
    DropRequest
    | LoseReply
    | DelayRequest
    | DelayReply
    | DuplicateRequest
    | DuplicateReply
    | ErrorReply
    | TimedOutReply
    | TruncateReply
    | SlowReply
    | RefuseIp
    | FlushTokens
    | RejectOrder
    | FailSlices
    | DropUpdate
    | DuplicateUpdate
    | HoldUpdate
    | FlushTokensAt
    | CutExchange
    | SkewClock
    | MuteSockets
    | HalfOpenSockets
    | CloseSockets
)
"""Every fault there is, told apart by ``kind``."""


def kind_of(fault: BaseFault) -> str:
    """The fault's name on the menu."""
    return str(fault.__struct_config__.tag)


KINDS: tuple[str, ...] = tuple(str(one.__struct_config__.tag) for one in Fault.__args__)
"""The names of all kinds."""
