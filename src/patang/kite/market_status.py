"""Whether an exchange trades, worked out from the calendar: Kite has no such call."""

from enum import StrEnum

import msgspec

from patang.domain.enums import Exchange
from patang.kite.parameters import word
from patang.rules.calendar import Calendar, OutsideCalendar
from patang.rules.ist import ist_date
from patang.rules.session import PhaseKind, Session


class MarketState(StrEnum):
    """What an exchange does at a moment."""

    OPEN = "OPEN"
    """Orders trade continuously."""
    PRE_OPEN = "PRE_OPEN"
    POST_CLOSE = "POST_CLOSE"
    CLOSED = "CLOSED"
    UNKNOWN = "UNKNOWN"
    """Patang has no calendar of this day."""


class MarketStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange at one moment; times are UTC nanoseconds.

    ``changes_ns`` is when ``state`` ends, as far as the day's calendar tells; ``reason`` says why
    it is closed or not known.
    """

    exchange: Exchange
    at_ns: int
    state: MarketState
    reason: str = ""
    changes_ns: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether orders trade continuously."""
        return self.state is MarketState.OPEN


def market_status(exchange: Exchange | str, at_ns: int) -> MarketStatus:
    """What an exchange does at a UTC instant.

    Raises:
        InvalidValue: the exchange is not one of Kite's.
    """
    exchange = word(Exchange, "exchange", exchange)
    calendar = Calendar.load(exchange)
    day = ist_date(at_ns)
    try:
        session = calendar.session(day)
    except OutsideCalendar as error:
        return _unknown(exchange, at_ns, str(error))
    if day in calendar.hours_unknown:
        return _unknown(exchange, at_ns, "a session is held, and its hours are not known.")
    if session is None:
        why = calendar.holidays.get(day, "weekend")
        return MarketStatus(exchange=exchange, at_ns=at_ns, state=MarketState.CLOSED, reason=why)
    spans = _spans(session)
    for start_ns, end_ns, state in spans:
        if at_ns < start_ns:
            return _closed(exchange, at_ns, session.name, changes_ns=start_ns)
        if at_ns < end_ns:
            return MarketStatus(
                exchange=exchange,
                at_ns=at_ns,
                state=state,
                reason=session.name,
                changes_ns=end_ns,
            )
    return _closed(exchange, at_ns, session.name)


def market_status_all(at_ns: int) -> list[MarketStatus]:
    """What every exchange does at a UTC instant."""
    return [market_status(exchange, at_ns) for exchange in Exchange]


def _spans(session: Session) -> list[tuple[int, int, MarketState]]:
    """The day's phases, neighbours of one state joined."""
    spans: list[tuple[int, int, MarketState]] = []
    for phase in session.phases:
        state = _STATES.get(phase.kind, MarketState.PRE_OPEN)
        if state is MarketState.PRE_OPEN and phase.start_ns >= session.close_ns:
            state = MarketState.CLOSED  # the buffer before the post-close session
        if spans and spans[-1][1:] == (phase.start_ns, state):
            spans[-1] = (spans[-1][0], phase.end_ns, state)
        else:
            spans.append((phase.start_ns, phase.end_ns, state))
    return spans


_STATES = {
    PhaseKind.CONTINUOUS: MarketState.OPEN,
    PhaseKind.POST_CLOSE: MarketState.POST_CLOSE,
}


def _closed(
    exchange: Exchange, at_ns: int, name: str, changes_ns: int | None = None
) -> MarketStatus:
    return MarketStatus(
        exchange=exchange,
        at_ns=at_ns,
        state=MarketState.CLOSED,
        reason=name or "outside trading hours",
        changes_ns=changes_ns,
    )


def _unknown(exchange: Exchange, at_ns: int, reason: str) -> MarketStatus:
    return MarketStatus(exchange=exchange, at_ns=at_ns, state=MarketState.UNKNOWN, reason=reason)
