"""A trading day at the exchange: its phases, as UTC instants."""

from datetime import date
from enum import StrEnum

import msgspec


class PhaseKind(StrEnum):
    """What can be done with orders while a phase lasts.

    Source: NSE market timings; NSE/CMTR/73362 and 74466 (closing auction), both dated.
    """

    PRE_OPEN_ENTRY = "pre_open_entry"
    """Limit and market orders are collected for the opening auction."""
    PRE_OPEN_LIMIT_ONLY = "pre_open_limit_only"
    """As before, but market orders can neither be entered nor changed."""
    PRE_OPEN_MATCHING = "pre_open_matching"
    CONTINUOUS = "continuous"
    AUCTION_REFERENCE = "auction_reference"
    """The closing auction's reference price is worked out; no orders are taken."""
    AUCTION_ENTRY = "auction_entry"
    AUCTION_LIMIT_ONLY = "auction_limit_only"
    AUCTION_MATCHING = "auction_matching"
    BUFFER = "buffer"
    POST_CLOSE = "post_close"
    """Trading at the closing price."""


class Phase(msgspec.Struct, frozen=True):
    """``[start_ns, end_ns)`` UTC. A random close falls in ``[random_end_ns, end_ns)``."""

    kind: PhaseKind
    start_ns: int
    end_ns: int
    random_end_ns: int | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One day's trading. ``open_ns`` to ``close_ns`` is continuous trading, UTC, end excluded.

    ``date`` is the day in India; ``name`` says why a special session is held ("" on others).
    """

    date: date
    open_ns: int
    close_ns: int
    phases: tuple[Phase, ...]
    name: str = ""

    @property
    def starts_ns(self) -> int:
        """When the first phase begins (the pre-open, where there is one)."""
        return self.phases[0].start_ns

    @property
    def ends_ns(self) -> int:
        """When the last phase ends (the post-close session, where there is one)."""
        return self.phases[-1].end_ns

    def phase_at(self, at_ns: int) -> Phase | None:
        """The phase under way, or None outside all of them."""
        for phase in self.phases:
            if phase.start_ns <= at_ns < phase.end_ns:
                return phase
        return None

    def is_open(self, at_ns: int) -> bool:
        """Whether orders trade continuously at this instant."""
        return self.open_ns <= at_ns < self.close_ns
