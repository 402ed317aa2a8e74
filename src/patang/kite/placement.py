"""Placing an order so that the caller always learns the truth, or learns that it is not known.

One tag, one request, and when its reply is lost, a search of the order book: see ``reconcile``.
"""

import secrets
from typing import Protocol

import msgspec

from patang.domain.errors import InvalidValue
from patang.kite.clock import Clock
from patang.kite.errors import NotSent, OrderOutcomeUnknown
from patang.kite.governor import Governor
from patang.kite.reconcile import Fate, Search, Searches, Sought, look_for
from patang.kite.windows import Lane
from patang.wire.errors import KiteError
from patang.wire.forms import TAG_MAX_CHARACTERS, PlaceForm
from patang.wire.order_rows import OrderRow

_RANDOM_CHARACTERS = 12
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TOO_MANY_REQUESTS = 429


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The order is at Kite: accepted for processing, nothing more.

    ``order_ids`` has more than one id when the order was sliced and its reply was lost. ``row`` is
    what the order book said, if it had to be asked; then ``was_reply_lost``.
    """

    tag: str
    order_id: str
    order_ids: tuple[str, ...]
    row: OrderRow | None = None

    @property
    def was_reply_lost(self) -> bool:
        """Whether the order was found in the book instead of by its reply."""
        return self.row is not None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The order was refused: at once, by ``error``, or in the order book, under ``order_id``."""

    tag: str
    reason: str
    order_id: str | None = None
    error: KiteError | None = None


class NotPlaced(msgspec.Struct, frozen=True, kw_only=True):
    """There is no order. ``reads`` 0: the request never left, or the rate limit refused it.

    Otherwise its reply was lost, and that many reads of the order book in a row, the last of them
    90 seconds later, did not show it. That is a presumption: the tag is watched on, and the client
    logs an error if the order turns up after all. It is never sent again by itself.
    """

    tag: str
    reason: str
    reads: int = 0

    @property
    def is_presumed(self) -> bool:
        """Whether only the silence of the order book speaks for it."""
        return self.reads > 0


Placement = Placed | Rejected | NotPlaced


class OrderDesk(Protocol):
    """What placing needs of a client; ``orders`` shows its rows to the client's searches."""

    @property
    def clock(self) -> Clock:
        """The venue's clock."""
        ...

    @property
    def governor(self) -> Governor:
        """The gate, which knows how far the server's clock is from ours."""
        ...

    async def place(self, form: PlaceForm, lane: Lane = Lane.ENTRY) -> str:
        """Send the order, once."""
        ...

    async def orders(self) -> list[OrderRow]:
        """Read the order book."""
        ...


def new_tag(prefix: str = "") -> str:
    """A tag that no other order has: ``prefix`` (at most 8 letters or digits) and chance.

    Raises:
        InvalidValue: the prefix is too long or holds other characters.
    """
    room = TAG_MAX_CHARACTERS - _RANDOM_CHARACTERS
    if len(prefix) > room or (prefix and not (prefix.isascii() and prefix.isalnum())):
        raise InvalidValue(
            "tag_prefix", f"{prefix!r} is not up to {room} letters and digits.", "Shorten it."
        )
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))


async def place_safely(
    desk: OrderDesk, form: PlaceForm, searches: Searches, *, lane: Lane = Lane.ENTRY
) -> Placement:
    """Send ``form``, once, and find out what came of it; a tag of its own must be in it.

    It takes up to 90 seconds, and only then when the reply is lost and the order does not appear.

    Raises:
        InvalidValue: a field holds what no order may hold; nothing was sent.
        OrderOutcomeUnknown: the book could not be read often enough, or several orders match. The
            order may be live; look for its tag by hand.
    """
    tag = form.tag
    if not tag:
        raise InvalidValue("tag", "is missing.", "new_tag() makes one.")
    sent_ns = desk.governor.server_clock.earliest_ns(desk.clock.now_ns())
    try:
        order_id = await desk.place(form, lane)
    except OrderOutcomeUnknown as error:
        search = searches.begin(Sought.from_form(form, sent_ns))
        return await _reconciled(desk, search, searches, error)
    except NotSent as error:
        return NotPlaced(tag=tag, reason=str(error))
    except KiteError as error:
        if error.status == _TOO_MANY_REQUESTS:
            return NotPlaced(tag=tag, reason=str(error))
        return Rejected(tag=tag, reason=error.message, error=error)
    return Placed(tag=tag, order_id=order_id, order_ids=(order_id,))


async def _reconciled(
    desk: OrderDesk, search: Search, searches: Searches, lost: OrderOutcomeUnknown
) -> Placement:
    last_failure: list[str] = []

    async def read_book() -> bool:
        try:
            await desk.orders()
        except KiteError as error:
            last_failure[:] = [str(error)]
            return False
        return True

    is_absent = False
    try:
        verdict = await look_for(search, read_book, desk.clock)
        is_absent = verdict.fate is Fate.ABSENT
    finally:
        searches.end(search, is_absent=is_absent)
    tag = search.sought.tag
    match verdict.fate:
        case Fate.FOUND:
            return _found(search)
        case Fate.ABSENT:
            return NotPlaced(tag=tag, reason=lost.reason, reads=verdict.reads)
        case Fate.AMBIGUOUS:
            reason = f"{lost.reason} Several orders match: {', '.join(search.found)}."
        case Fate.UNKNOWN:
            why = "".join(last_failure)
            reason = f"{lost.reason} And the order book cannot be read: {why}"
    raise OrderOutcomeUnknown(reason, tag=tag, status=lost.status) from lost


def _found(search: Search) -> Placed | Rejected:
    rows = list(search.found.values())
    tag = search.sought.tag
    live = [row for row in rows if row.status != "REJECTED"]
    if not live:
        reason = rows[0].status_message or rows[0].status_message_raw or "rejected without a word"
        return Rejected(tag=tag, reason=reason, order_id=rows[0].order_id)
    ids = tuple(row.order_id for row in live)
    return Placed(tag=tag, order_id=ids[0], order_ids=ids, row=live[0])
