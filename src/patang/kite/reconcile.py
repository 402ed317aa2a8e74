"""What became of an order whose reply was lost: the order book is read until it says.

The order is never sent again. The book is read at fixed moments, updates of the socket count as
well, and a row is recognised by tag, symbol, side, quantity and time, never by its order type: a
protected MARKET order is echoed as LIMIT. A row can appear more than a minute late, so only the
whole window without a match, ending in enough successful reads, is taken for absence, and even
then the tag is watched on. Source: Kite Connect v3, orders; Zerodha's forum (rows 83 s late).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec

from patang.domain.enums import Variety
from patang.domain.errors import PatangError
from patang.domain.market import NS_PER_SECOND
from patang.domain.order import OrderIntent
from patang.kite.clock import Clock, sleep_or_event
from patang.wire.forms import PlaceForm
from patang.wire.order_rows import OrderRow
from patang.wire.times import parse_ist
from patang.wire.translate import tag_of

_log = logging.getLogger("patang.kite.orders")

RESOLVE_AT_S = (0.3, 1.0, 3.0, 10.0, 30.0, 90.0)
"""When the order book is read after a lost reply, in seconds of the venue since the loss."""

ENOUGH_READS = 3
"""How many reads in a row must have succeeded before silence is taken for absence."""

LATER_READS_S = 30.0
"""How far apart later reads are, for who may wait on."""

# How much earlier than we sent it an order may be stamped. It is generous: a clock that is wrong
# must not hide an order that is live, and the tag is its own.
_CLOCKS_WITHIN_NS = 300 * NS_PER_SECOND


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """How an order is recognised. The parts of a sliced one are smaller.

    ``sent_ns`` is UTC by the server's clock, as early as it may have been.
    """

    tag: str
    exchange: str
    tradingsymbol: str
    side: str
    quantity: int
    is_sliced: bool
    sent_ns: int

    @classmethod
    def from_form(cls, form: PlaceForm, sent_ns: int) -> "Sought":
        """What to look for after ``form`` was sent; it must have a tag."""
        return cls(
            tag=form.tag or "",
            exchange=form.exchange.value,
            tradingsymbol=form.tradingsymbol,
            side=form.transaction_type.value,
            quantity=form.quantity,
            is_sliced=bool(form.autoslice) or form.variety is Variety.ICEBERG,
            sent_ns=sent_ns,
        )

    @classmethod
    def from_intent(cls, intent: OrderIntent, sent_ns: int) -> "Sought":
        """What to look for after an intent was sent."""
        exchange, _, symbol = intent.instrument.partition(":")
        return cls(
            tag=intent.tag,
            exchange=exchange,
            tradingsymbol=symbol,
            side=intent.side.value,
            quantity=intent.quantity,
            is_sliced=intent.variety is Variety.ICEBERG,
            sent_ns=sent_ns,
        )

    def matches(self, row: OrderRow) -> bool:
        """Whether a row is this order, or a part of it when it is sliced."""
        if (tag_of(row), row.exchange, row.tradingsymbol, row.transaction_type) != (
            self.tag,
            self.exchange,
            self.tradingsymbol,
            self.side,
        ):
            return False
        is_part = self.is_sliced and row.quantity <= self.quantity
        return (is_part or row.quantity == self.quantity) and not self._is_older(row)

    def _is_older(self, row: OrderRow) -> bool:
        if not row.order_timestamp:
            return False
        try:
            return parse_ist(row.order_timestamp) < self.sent_ns - _CLOCKS_WITHIN_NS
        except PatangError:
            return False


class Search:
    """One order that is looked for; ``found`` holds the rows that are it, by order id."""

    def __init__(self, sought: Sought) -> None:
        self.sought = sought
        self.found: dict[str, OrderRow] = {}
        self.seen = asyncio.Event()

    @property
    def is_ambiguous(self) -> bool:
        """Whether more orders match than one, or more quantity than was sent in parts."""
        total = sum(row.quantity for row in self.found.values())
        return total > self.sought.quantity

    def see(self, row: OrderRow) -> bool:
        """Look at a row of the book or an update; return whether it is the first that matches."""
        if not self.sought.matches(row):
            return False
        is_first = not self.found
        self.found[row.order_id] = row
        self.seen.set()
        return is_first


class Searches:
    """The searches of one account, asked of every row that comes by, and what they missed."""

    def __init__(self) -> None:
        self._open: dict[str, Search] = {}
        self._absent: dict[str, Search] = {}

    @property
    def is_any_absent(self) -> bool:
        """Whether an order that is presumed not placed is still watched for."""
        return bool(self._absent)

    def begin(self, sought: Sought) -> Search:
        """Look for an order from now on."""
        search = self._open[sought.tag] = Search(sought)
        return search

    def see(self, row: OrderRow) -> Search | None:
        """Show a row to the searches; return the one that it ends, if any.

        An order that was presumed not placed and turns up is logged as an error: it is live.
        """
        if not self._open and not self._absent:
            return None
        tag = tag_of(row) or ""
        if (search := self._open.get(tag)) is not None and search.see(row):
            return search
        if (late := self._absent.get(tag)) is not None and late.see(row):
            del self._absent[tag]
            _log.error(
                "order %s (tag %s) was presumed not placed and has turned up: %s",
                row.order_id,
                tag,
                row.status,
            )
        return None

    def end(self, search: Search, *, is_absent: bool = False) -> None:
        """Stop looking; an order presumed absent is watched for as long as this object lives."""
        tag = search.sought.tag
        self._open.pop(tag, None)
        if is_absent:
            self._absent[tag] = search


class Fate(StrEnum):
    """How a search ended."""

    FOUND = "found"
    AMBIGUOUS = "several orders match"
    ABSENT = "presumed not placed"
    UNKNOWN = "too few reads of the order book succeeded"


class Verdict(msgspec.Struct, frozen=True):
    """How a search ended, and how many reads in a row had succeeded by then."""

    fate: Fate
    reads: int


async def look_for(
    search: Search,
    read_book: Callable[[], Awaitable[bool]],
    clock: Clock,
    *,
    later_s: float | None = None,
) -> Verdict:
    """Read the order book at ``RESOLVE_AT_S`` from now until ``search`` has found its order.

    ``read_book`` shows every row to the search and says whether the book could be read. With
    ``later_s`` a window that ends with too few good reads goes on, that many seconds apart;
    without it, the verdict is UNKNOWN.
    """
    lost_ns = clock.now_ns()
    reads = 0
    due_s = 0.0
    schedule = iter(RESOLVE_AT_S)
    while not search.found:
        last_due_s, due_s = due_s, next(schedule, due_s + (later_s or 0.0))
        if last_due_s >= RESOLVE_AT_S[-1]:
            if reads >= ENOUGH_READS:
                return Verdict(Fate.ABSENT, reads)
            if later_s is None:
                return Verdict(Fate.UNKNOWN, reads)
        wait_s = due_s - (clock.now_ns() - lost_ns) / NS_PER_SECOND
        await sleep_or_event(clock, max(wait_s, 0.0), search.seen)
        if search.found and not search.sought.is_sliced:
            break
        # A part of a sliced order does not come alone: the book shows the others.
        reads = reads + 1 if await read_book() else 0
    return Verdict(Fate.AMBIGUOUS if search.is_ambiguous else Fate.FOUND, reads)
