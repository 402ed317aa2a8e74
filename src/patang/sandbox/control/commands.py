"""What the control port is told: the bodies of its requests."""

import math

import msgspec

from patang.domain.errors import InvalidValue
from patang.rules.ist import NS_PER_DAY

LONGEST_STEP_NS = 31 * NS_PER_DAY
"""What one request may step: a market of a month takes a while to compute."""


class ClockCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move the virtual clock: by a span, or to a moment (UTC), both nanoseconds; change its speed.

    ``speed`` is virtual seconds per real second, 0 freezes the clock; it holds from before the
    step on.
    """

    advance_ns: int | None = None
    to_ns: int | None = None
    speed: float | None = None

    def __post_init__(self) -> None:
        if self.advance_ns is not None and self.to_ns is not None:
            raise InvalidValue("to_ns", "advance_ns says where to go, too.", "Give one of them.")
        if self.advance_ns is None and self.to_ns is None and self.speed is None:
            raise InvalidValue("body", "is empty.", "Give advance_ns, to_ns or speed.")
        if self.speed is not None and not (math.isfinite(self.speed) and self.speed >= 0):
            raise InvalidValue(
                "speed", f"{self.speed} is not a speed.", "Use 0 (frozen) or a positive number."
            )
        for name in ("advance_ns", "to_ns"):
            span = getattr(self, name)
            if span is not None and not 0 <= span < 1 << 62:
                raise InvalidValue(name, f"{span} is out of range.", "Time runs forward only.")
        if self.advance_ns is not None and self.advance_ns > LONGEST_STEP_NS:
            raise InvalidValue("advance_ns", "is more than 31 days.", "Take several steps.")


class FlushCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kill access tokens: of these users, or of everybody."""

    users: tuple[str, ...] = ()


class LimitsCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Switch Kite's rate limits on or off."""

    rate_limits: bool
