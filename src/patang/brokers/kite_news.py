"""What the books and updates of an account at Kite say: each thing once, and fills first.

The order book, the trade book and the socket tell the same story at different speeds, twice and
out of order. Here it becomes one stream: an update is told when it moves its order on, and only
after the fills that it reports.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from patang.brokers.port import AccountSnapshot
from patang.domain.enums import Variety
from patang.domain.messages import BrokerEvent, FillReceived, OrderUpdated
from patang.domain.order import Fill
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.fill_tracker import FillTracker
from patang.wire.errors import DataException, KiteError
from patang.wire.rows import OrderRow
from patang.wire.translate import order_updated

_log = logging.getLogger("patang.brokers.kite")

_STEP_S = 30.0
# Five reads of the trade book a second and two of the order book: all reads may be ten together.
_TRADES_PACE_S = 0.2
_BOOK_PACE_S = 0.5
_SLOWEST_PACE_S = 5.0
_PATIENCE = 5


class AccountNews:
    """Follows one account and hands what is new to ``tell``; ``tasks`` must run meanwhile.

    ``on_sight`` is shown every row before it is told or passed over: an order whose reply was
    lost may stand in a row that is no news. ``is_order_missing`` says that some order of ours is
    awaited that no row has shown yet.
    """

    def __init__(
        self,
        kite: Kite,
        clock: Clock,
        *,
        tell: Callable[[BrokerEvent], None],
        on_sight: Callable[[OrderRow], None],
        is_order_missing: Callable[[], bool],
    ) -> None:
        self._kite = kite
        self._clock = clock
        self._tell = tell
        self._on_sight = on_sight
        self._is_order_missing = is_order_missing
        self._tracker = FillTracker()
        self._tags: dict[str, str | None] = {}
        self._varieties: dict[str, str] = {}
        self._newest: dict[str, OrderUpdated] = {}
        self._unseen: set[str] = set()
        self._waiting: list[_WaitingUpdate] = []
        self._trades_wanted = asyncio.Event()
        self._book_wanted = asyncio.Event()
        self._one_reader = asyncio.Lock()
        self._reads_begun = 0
        self._is_read_good = False
        self.fills_told = 0
        """How many fills have been told, to see whether some came meanwhile."""
        self.tasks = {
            "trade-follower": self._follow_trades,
            "book-follower": self._follow_book,
            "book-timer": self._ask_for_book,
        }

    def variety_of(self, order_id: str) -> str:
        """The variety under which an order was placed, as far as it is known."""
        return self._varieties.get(order_id, Variety.REGULAR)

    def tag_of(self, order_id: str) -> str | None:
        """The tag that an order is known by; None when it has none, or is not known."""
        return self._tags.get(order_id)

    def want_book(self) -> None:
        """Something may have been missed: read the order book soon."""
        self._book_wanted.set()

    def adopt(self, snapshot: AccountSnapshot) -> None:
        """Take the snapshot as told; fills that its trades lack are told when they appear."""
        self._tracker.adopt(snapshot.trades)
        for order in snapshot.orders:
            self._newest[order.order_id] = order
            self._tags[order.order_id] = order.tag
            if not self._tracker.report(order):
                self._trades_wanted.set()

    def accepted(self, order_id: str, tag: str, variety: str) -> None:
        """An order of ours has this id: tell the fills that waited for that."""
        self._varieties.setdefault(order_id, variety)
        self._tags[order_id] = tag
        if order_id not in self._newest:
            # Kite sends no update for a mere placement, so silence proves nothing.
            self._unseen.add(order_id)
        self._tell_fills(self._tracker.learn(order_id))

    def take_row(self, row: OrderRow) -> None:
        """An order as the book or an update shows it, possibly old."""
        try:
            update = order_updated(row, self._clock.now_ns())
        except DataException as error:
            _log.error("an order row could not be understood: %s", error)
            return
        self._on_sight(row)
        order_id = update.order_id
        if not _is_news(update, self._newest.get(order_id)):
            return
        self._newest[order_id] = update
        self._unseen.discard(order_id)
        self._varieties[order_id] = row.variety
        self._tags.setdefault(order_id, update.tag)
        self._tell_fills(self._tracker.learn(order_id))
        is_covered = self._tracker.report(update)
        if is_covered and not any(w.update.order_id == order_id for w in self._waiting):
            self._tell(update)
        else:
            self._waiting.append(_WaitingUpdate(update))
            self._trades_wanted.set()

    async def read_book(self) -> bool:
        """Take every row of the order book; return whether it could be read.

        Whoever asks while others wait shares the read that begins after all of them have asked:
        many lost replies at once must not exhaust the rate limit that their rescue needs.
        """
        begun_before = self._reads_begun
        async with self._one_reader:
            if self._reads_begun == begun_before:
                self._reads_begun += 1
                self._is_read_good = False
                self._is_read_good = await self._read_book()
            return self._is_read_good

    async def read_trades(self) -> bool:
        """Take every row of the trade book; return whether it could be read."""
        try:
            self._tell_fills(self._tracker.take(await self._kite.trades()))
        except KiteError as error:
            _log.warning("the trade book could not be read: %s", error)
            return False
        finally:
            self._release_updates()
        return True

    async def _read_book(self) -> bool:
        try:
            rows = await self._kite.orders()
        except KiteError as error:
            _log.warning("the order book could not be read: %s", error)
            return False
        for row in rows:
            self.take_row(row)
        return True

    async def _follow_book(self) -> None:
        while True:
            await self._book_wanted.wait()
            self._book_wanted.clear()
            pace_s = _BOOK_PACE_S
            while not await self.read_book():
                await self._clock.sleep(pace_s)
                pace_s = min(pace_s * 2, _STEP_S)
            await self._clock.sleep(_BOOK_PACE_S)

    async def _ask_for_book(self) -> None:
        """A safety net under the socket: while an order works, the book is read now and then."""
        while True:
            await self._clock.sleep(_STEP_S)
            is_any_working = any(not o.status.is_done for o in self._newest.values())
            if self._unseen or is_any_working or self._is_order_missing():
                self._book_wanted.set()

    async def _follow_trades(self) -> None:
        """Read the trade book when some order reports fills, one read at a time."""
        pace_s = _TRADES_PACE_S
        while True:
            await self._trades_wanted.wait()
            self._trades_wanted.clear()
            await self.read_trades()
            if self._tracker.has_held:
                # An order that nothing has told us of: the book says whose it is.
                self._book_wanted.set()
            if self._waiting or self._tracker.is_behind:
                self._trades_wanted.set()
            await self._clock.sleep(pace_s)
            is_lagging = not self._waiting and self._tracker.is_behind
            pace_s = min(pace_s * 2, _SLOWEST_PACE_S) if is_lagging else _TRADES_PACE_S

    def _release_updates(self) -> None:
        """Tell the updates whose fills are told; after some patience also the others."""
        waiting, self._waiting = self._waiting, []
        held: set[str] = set()
        for entry in waiting:
            entry.reads += 1
            is_ready = self._tracker.covers(entry.update) or entry.reads >= _PATIENCE
            if is_ready and entry.update.order_id not in held:
                self._tell(entry.update)
            else:
                held.add(entry.update.order_id)
                self._waiting.append(entry)

    def _tell_fills(self, fills: list[Fill]) -> None:
        self.fills_told += len(fills)
        for fill in fills:
            tag = self._tags.get(fill.order_id)
            self._tell(FillReceived(at_ns=self._clock.now_ns(), fill=fill, tag=tag))


class _WaitingUpdate(msgspec.Struct):
    """An update that may be told only after the fills it reports."""

    update: OrderUpdated
    reads: int = 0


def _is_news(update: OrderUpdated, known: OrderUpdated | None) -> bool:
    """Whether an update moves an order on: the socket repeats itself and is overtaken."""
    if known is None:
        return True
    if update.filled_quantity != known.filled_quantity:
        return update.filled_quantity > known.filled_quantity
    if known.status.is_done:
        return False
    if update.status.is_done:
        return True
    if (update.exchange_ns or 0) < (known.exchange_ns or 0):
        return False
    return (update.status, update.quantity, update.message) != (
        known.status,
        known.quantity,
        known.message,
    )
