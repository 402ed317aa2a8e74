"""Good-till-triggered orders: whose they are, and when they fire."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from patang.brokers import protocol as p
from patang.brokers.protocol_words import iso_of
from patang.gateway.ledger import Entry, Ledger
from patang.gateway.seat import Seat
from patang.gateway.session import Session
from patang.wire.errors import KiteError
from patang.wire.gtt_rows import GttRow

_log = logging.getLogger("patang.gateway")

_GTT_POLL_S = 5.0


class Triggers:
    """The account's triggers; ``follow`` must run meanwhile."""

    def __init__(self, session: Session, ledger: Ledger, seats: Mapping[str, Seat]) -> None:
        self._session = session
        self._clock = session.clock
        self._ledger = ledger
        self._seats = seats
        self._states: dict[int, str] = {}
        self._are_known = False
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Something happened that a trigger may have caused: look soon."""
        self._wanted.set()

    def placed(self, trigger_id: int) -> None:
        """A trigger was placed here."""
        self._states[trigger_id] = "active"

    def deleted(self, trigger_id: int) -> None:
        """A trigger was deleted here: its end is no news."""
        self._states[trigger_id] = "deleted"

    async def follow(self) -> None:
        """Kite tells nobody that a trigger fired, so the list is read now and then."""
        while True:
            self._wanted.clear()
            try:
                for row in await self._session.gtts():
                    self._take(row)
                self._are_known = True
            except KiteError as error:
                _log.warning("the triggers could not be read: %s", error)
            await self._clock.sleep(_GTT_POLL_S)
            while not self._are_watched and not self._wanted.is_set():
                await self._clock.sleep(_GTT_POLL_S)

    @property
    def _are_watched(self) -> bool:
        return not self._are_known or "active" in self._states.values()

    def _take(self, row: GttRow) -> None:
        before = self._states.get(row.id)
        if before == "deleted":
            return
        self._states[row.id] = row.status
        entry = self.entry_of(row.id)
        is_new_end = before == "active" or (before is None and entry is not None)
        if row.status == "active" or not is_new_end:
            return
        results = [o.result.order_result for o in row.orders if o.result is not None]
        for seat in self._seats.values():
            marker = f"fired:{row.id}"
            if not seat.may_see(entry) or self._ledger.find(seat.client.client_id, marker):
                continue
            # Kept, so that a trigger that has been told of is not told of after a restart.
            self._ledger.begin(
                Entry(
                    client=seat.client.client_id,
                    request_id=marker,
                    kind="GTT_TRIGGERED",
                    digest=b"",
                    body=b"",
                    received_ns=self._clock.now_ns(),
                )
            )
            stream = seat.stream
            stream.publish(
                p.GttTriggered(
                    seq=stream.next_seq,
                    timestamp=iso_of(self._clock.now_ns()),
                    trigger_id=row.id,
                    exchange=row.condition.exchange,
                    symbol=row.condition.tradingsymbol,
                    status=row.status,
                    order_ids=tuple(r.order_id for r in results if r is not None and r.order_id),
                    message="; ".join(
                        r.rejection_reason for r in results if r is not None and r.rejection_reason
                    ),
                )
            )

    def entry_of(self, trigger_id: int) -> Entry | None:
        """The request that placed a trigger, if a client did."""
        for entry in self._ledger:
            if entry.kind == "PLACE_GTT" and _trigger_of(entry) == trigger_id:
                return entry
        return None

    def may_see(self, seat: Seat, trigger_id: int) -> bool:
        """Whether a trigger is a client's business."""
        return seat.may_see(self.entry_of(trigger_id))


def _trigger_of(entry: Entry) -> int | None:
    if entry.answer is None:
        return None
    return msgspec.json.decode(entry.answer, type=p.Response).trigger_id
