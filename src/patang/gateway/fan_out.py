"""Quotes for those who asked: one subscription at the broker, many clients."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from patang.brokers import protocol as p
from patang.brokers.protocol import Codes
from patang.brokers.protocol_words import quote_of
from patang.domain.errors import PatangError
from patang.domain.market import Tick
from patang.gateway.clients import Refused
from patang.gateway.permits import check_allowed, check_instruments
from patang.gateway.seat import Seat
from patang.gateway.session import Session

_log = logging.getLogger("patang.gateway")


class FanOut:
    """Hears what any client wants, and tells each what it wants."""

    def __init__(self, session: Session, seats: Mapping[str, Seat]) -> None:
        self._session = session
        self._seats = seats
        self._one_watch = asyncio.Lock()

    async def watch(self, seat: Seat, message: p.Subscribe | p.Unsubscribe) -> list[str]:
        """Do what a client asked; returns those that are not listed."""
        check_instruments(message.instruments)
        if isinstance(message, p.Unsubscribe):
            for each in message.instruments:
                seat.watched.pop(each, None)
        else:
            check_allowed(seat.client, message.instruments, "instruments")
            wanted = seat.watched | dict.fromkeys(message.instruments)
            if len(wanted) > seat.client.max_subscriptions:
                cause = f"at most {seat.client.max_subscriptions} instruments are fanned out."
                raise Refused(Codes.LIMIT_EXCEEDED, cause, "instruments")
            seat.watched = wanted
        unknown = await self._watch_all()
        for each in unknown:
            seat.watched.pop(each, None)
        return [each for each in message.instruments if each in unknown]

    async def unwatch(self, seat: Seat) -> None:
        """A client is gone: hear only what the others want."""
        seat.watched = {}
        try:
            await self._watch_all()
        except PatangError as error:  # they are heard on, and sent to nobody
            _log.warning("quotes that nobody wants could not be ended: %s", error)

    async def _watch_all(self) -> tuple[str, ...]:
        async with self._one_watch:
            wanted: dict[str, None] = {}
            for seat in self._seats.values():
                wanted |= seat.watched
            return await self._session.watch(wanted)

    def on_ticks(self, ticks: Sequence[Tick]) -> None:
        """Send each tick to those who asked for its instrument."""
        for tick in ticks:
            payload: bytes | None = None
            for seat in self._seats.values():
                if tick.instrument in seat.watched and seat.stream.link is not None:
                    payload = payload or p.encode(quote_of(tick))
                    seat.stream.link.quote(tick.instrument, payload)
