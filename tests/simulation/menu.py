"""What goes wrong in an episode: faults of the sandbox's menu, drawn from the seed."""

import random

from patang.sandbox.faults.menu import (
    CloseSockets,
    CutExchange,
    DelayReply,
    DelayRequest,
    DropRequest,
    DropUpdate,
    DuplicateReply,
    DuplicateUpdate,
    ErrorReply,
    Fault,
    FlushTokens,
    FlushTokensAt,
    HalfOpenSockets,
    HoldUpdate,
    LoseReply,
    MuteSockets,
    RefuseIp,
    RejectOrder,
    SkewClock,
    SlowReply,
    TimedOutReply,
    TruncateReply,
)

_ENDINGS = ("hang", "close", "reset")
_READS = (("orders",), ("trades",), ("reads",), ("positions",))
_REASONS = ("margin", "margin_row", "freeze_quantity_row", "circuit_limit", "circuit_limit_row")


def draw_faults(chance: random.Random, lasts_s: float) -> list[Fault]:
    """Four to nine faults, over an episode whose faults end after ``lasts_s`` market seconds."""
    return [chance.choice(_DRAWS)(chance, lasts_s) for _ in range(chance.randint(4, 9))]


def _some(chance: random.Random, lasts_s: float) -> dict[str, object]:
    """When and how often a request's fault strikes."""
    return {
        "probability": chance.choice((0.1, 0.3, 0.7, 1.0)),
        "count": chance.randint(1, 4),
        "from_s": round(chance.uniform(0, lasts_s * 0.6), 1),
        "until_s": lasts_s,
    }


def _routes(chance: random.Random) -> dict[str, object]:
    return {"routes": chance.choice((("order_requests",), ("order_requests",), *_READS))}


def _at(chance: random.Random, lasts_s: float) -> float:
    return round(chance.uniform(1, lasts_s * 0.7), 1)


_DRAWS = (
    lambda c, s: DropRequest(**_some(c, s), **_routes(c), ending=c.choice(_ENDINGS)),
    lambda c, s: LoseReply(**_some(c, s), **_routes(c), ending=c.choice(_ENDINGS)),
    lambda c, s: LoseReply(**_some(c, s), ending=c.choice(_ENDINGS)),
    lambda c, s: DelayRequest(**_some(c, s), seconds=c.choice((0.5, 3.0, 6.5, 9.0, 16.0))),
    lambda c, s: DelayRequest(
        probability=1.0, count=1, from_s=_at(c, s), seconds=c.choice((40.0, 90.0, 115.0))
    ),
    lambda c, s: DelayReply(**_some(c, s), **_routes(c), seconds=c.choice((0.5, 5.0, 8.0, 60.0))),
    lambda c, s: DuplicateReply(**_some(c, s)),
    lambda c, s: ErrorReply(
        **_some(c, s),
        **_routes(c),
        status=c.choice((500, 502, 503, 504)),
        body=c.choice(("json", "html", "empty")),
        carried_out=c.random() < 0.5,
    ),
    lambda c, s: ErrorReply(**_some(c, s), status=429),
    lambda c, s: TimedOutReply(**_some(c, s), carried_out=c.random() < 0.6),
    lambda c, s: TruncateReply(
        **_some(c, s),
        **_routes(c),
        keep=c.choice((0.0, 0.3, 0.9)),
        framing=c.choice(("short", "cut")),
    ),
    lambda c, s: SlowReply(**_some(c, s), seconds=c.choice((1.0, 6.0, 12.0))),
    lambda c, s: RefuseIp(**_some(c, s)),
    lambda c, s: FlushTokens(
        probability=1.0, count=1, from_s=_at(c, s), when=c.choice(("before", "after"))
    ),
    lambda c, s: FlushTokensAt(at_s=_at(c, s)),
    lambda c, s: RejectOrder(**_some(c, s), reason=c.choice(_REASONS)),
    lambda c, s: DropUpdate(**_some(c, s)),
    lambda c, s: DropUpdate(probability=1.0, from_s=_at(c, s), until_s=s, statuses=("COMPLETE",)),
    lambda c, s: DuplicateUpdate(**_some(c, s)),
    lambda c, s: HoldUpdate(**_some(c, s)),
    lambda c, s: CutExchange(at_s=_at(c, s), for_s=c.choice((3.0, 15.0, 40.0))),
    lambda c, s: SkewClock(at_s=_at(c, s), for_s=30.0, seconds=c.choice((-4.0, -1.0, 2.0, 5.0))),
    lambda c, s: MuteSockets(at_s=_at(c, s), for_s=c.choice((4.0, 12.0, 30.0))),
    lambda c, s: HalfOpenSockets(at_s=_at(c, s), for_s=c.choice((4.0, 12.0, 30.0))),
    lambda c, s: CloseSockets(at_s=_at(c, s), code=c.choice((1001, 1011)), reset=c.random() < 0.3),
)
