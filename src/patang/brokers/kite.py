"""The account at Zerodha, or at a sandbox that speaks the same protocol, behind the broker port."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Self, assert_never

from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.domain.enums import Mode, Product, Variety
from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.instrument import instrument_id
from patang.domain.messages import (
    BrokerEvent,
    CancelOrder,
    CancelRefused,
    Effect,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import Fill, OrderIntent
from patang.kite.addresses import is_broker_root
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.errors import OrderOutcomeUnknown
from patang.kite.feed_events import OrderUpdate
from patang.kite.fill_tracker import FillTracker
from patang.kite.governor import Lane, OrderGovernor
from patang.wire.errors import DataException, KiteError
from patang.wire.rows import OrderRow, PositionRow
from patang.wire.translate import fill_of, order_updated, place_form

_log = logging.getLogger("patang.brokers.kite")

RESOLVE_AT_S = (0.3, 1.0, 3.0, 10.0, 30.0, 90.0)
"""When the order book is read after a lost reply, in venue seconds since the loss."""

ENOUGH_READS = 3
_LATER_READS_S = 30.0
_STEP_S = 30.0
# Five reads of the trade book a second and two of the order book: all reads may be ten together.
_TRADES_PACE_S = 0.2
_BOOK_PACE_S = 0.5
_SLOWEST_PACE_S = 5.0
_PATIENCE = 5
# More than a day's worth: a consumer that far behind is broken, and that must be loud.
_MAX_EVENTS = 100_000
_CLOSE_WITHIN_S = 15.0


class KiteBroker:
    """Commands become REST requests, each sent once; what comes of them becomes events.

    Enter it as an async context manager. The feed's order updates are handed to
    ``order_update_received``, its reconnections to ``feed_reconnected``. ``clock`` is the
    venue's. Trades are read before an update that reports them is told, so that fills come first.
    """

    def __init__(
        self,
        kite: Kite,
        *,
        mode: Mode,
        clock: Clock,
        governor: OrderGovernor | None = None,
    ) -> None:
        """Bind a client to a mode.

        Raises:
            InvalidValue: the mode and the client's root contradict each other.
        """
        if mode not in (Mode.LIVE, Mode.SANDBOX):
            raise InvalidValue("mode", f"{mode} does not trade through Kite.")
        if is_broker_root(kite.root) is not (mode is Mode.LIVE):
            raise InvalidValue(
                "mode", f"{mode} cannot trade at {kite.root}.", "Only live reaches the broker."
            )
        self._kite = kite
        self._mode = mode
        self._clock = clock
        self._governor = governor or OrderGovernor(clock)
        self._events: asyncio.Queue[BrokerEvent | None] = asyncio.Queue(_MAX_EVENTS)
        self._group: asyncio.TaskGroup | None = None
        self._background: list[asyncio.Task[None]] = []
        self._in_flight: set[asyncio.Task[None]] = set()
        self._tracker = FillTracker()
        self._intents: dict[str, OrderIntent] = {}
        self._unresolved: dict[str, OrderIntent] = {}
        self._tags: dict[str, str | None] = {}
        self._varieties: dict[str, str] = {}
        self._newest: dict[str, OrderUpdated] = {}
        self._unseen: set[str] = set()
        self._waiting: list[_WaitingUpdate] = []
        self._trades_wanted = asyncio.Event()
        self._sync_wanted = asyncio.Event()

    @property
    def mode(self) -> Mode:
        """LIVE at the broker, SANDBOX anywhere else."""
        return self._mode

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise InvariantBroken("this KiteBroker is already running.")
        self._group = group = await asyncio.TaskGroup().__aenter__()
        self._background = [
            group.create_task(self._governor.run(), name="order-governor"),
            group.create_task(self._follow_trades(), name="trade-follower"),
            group.create_task(self._follow_book(), name="book-follower"),
            group.create_task(self._ask_for_book(), name="book-timer"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        if self._in_flight:
            # A request on the wire is awaited, so that its outcome is not thrown away.
            await asyncio.wait(self._in_flight, timeout=_CLOSE_WITHIN_S)
        for task in [*self._background, *self._in_flight]:
            task.cancel()
        self._background = []
        try:
            await group.__aexit__(None, None, None)
        finally:
            self._events.put_nowait(None)

    # The port

    async def submit(self, command: Effect) -> None:
        """Start sending one command, at most once, and return; its outcome arrives as an event.

        Raises:
            InvariantBroken: the broker is not running, or the intent was submitted before.
        """
        if self._group is None:
            raise InvariantBroken("this KiteBroker is not running; enter it first.")
        match command:
            case SubmitOrder(intent=intent):
                if intent.tag in self._intents:
                    raise InvariantBroken(f"intent {intent.intent_id} was submitted before.")
                self._intents[intent.tag] = intent
                self._start(self._place(intent), f"place-{intent.tag}", self._in_flight)
            case CancelOrder():
                self._start(self._cancel(command), f"cancel-{command.order_id}", self._in_flight)
            case _:
                assert_never(command)

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """What happens to this account's orders, in the order it was learnt; ends on close."""
        while (event := await self._events.get()) is not None:
            yield event

    async def snapshot(self) -> AccountSnapshot:
        """Read orders, trades, positions and cash afresh; raises ``KiteError``."""
        orders = await self._kite.orders()
        trades = await self._kite.trades()
        positions = await self._kite.positions()
        margins = await self._kite.margins()
        at_ns = self._clock.now_ns()
        return AccountSnapshot(
            at_ns=at_ns,
            orders=tuple(order_updated(row, at_ns) for row in orders),
            trades=tuple(fill_of(row) for row in trades),
            positions=tuple(_broker_position(row) for row in positions.net),
            available_cash=margins.equity.net,
        )

    # What the feed tells

    def adopt(self, snapshot: AccountSnapshot) -> None:
        """Take the snapshot as told: its fills and order states are not told again."""
        self._tracker.adopt(snapshot.trades)
        for order in snapshot.orders:
            self._newest[order.order_id] = order
            self._tags[order.order_id] = order.tag

    def order_update_received(self, update: OrderUpdate) -> None:
        """An order update came over the socket or as a postback: a hint, possibly old."""
        self._take_row(update.order)

    def feed_reconnected(self) -> None:
        """Updates may have been missed: read the book."""
        self._sync_wanted.set()

    # Commands

    async def _place(self, intent: OrderIntent) -> None:
        lane = Lane.EXIT if intent.reduces else Lane.ENTRY
        try:
            form = place_form(intent)
            async with self._governor.slot(lane):
                order_id = await self._kite.place(form)
        except InvalidValue as error:
            self._refused(intent, "InputException", str(error))
        except OrderOutcomeUnknown as error:
            self._unresolved[intent.tag] = intent
            self._emit(
                OrderUnresolved(at_ns=self._now(), intent_id=intent.intent_id, reason=error.reason)
            )
            self._start(self._resolve(intent), f"resolve-{intent.tag}", None)
        except KiteError as error:
            self._refused(intent, error.error_type, error.message)
        else:
            self._accepted(intent, order_id)

    def _refused(self, intent: OrderIntent, code: str, message: str) -> None:
        self._emit(
            OrderRefused(at_ns=self._now(), intent_id=intent.intent_id, code=code, message=message)
        )

    def _accepted(self, intent: OrderIntent, order_id: str) -> None:
        self._unresolved.pop(intent.tag, None)
        self._varieties.setdefault(order_id, intent.variety)
        self._tags[order_id] = intent.tag
        if order_id not in self._newest:
            # Kite sends no update for a mere placement, so silence proves nothing.
            self._unseen.add(order_id)
        self._emit(OrderAccepted(at_ns=self._now(), intent_id=intent.intent_id, order_id=order_id))
        self._tell_fills(self._tracker.learn(order_id))

    async def _cancel(self, command: CancelOrder) -> None:
        variety = self._varieties.get(command.order_id, Variety.REGULAR)
        try:
            async with self._governor.slot(Lane.CANCEL):
                await self._kite.cancel_order(variety, command.order_id)
        except (KiteError, InvalidValue) as error:
            self._emit(
                CancelRefused(at_ns=self._now(), intent_id=command.intent_id, message=str(error))
            )
            # Mostly the order is done already, or the cancel worked and its reply was lost.
            self._sync_wanted.set()

    async def _resolve(self, intent: OrderIntent) -> None:
        """Look for an order whose reply was lost, until it is found or is presumed not placed."""
        lost_at_ns = self._now()
        reads = 0
        due_s = 0.0
        schedule = iter(RESOLVE_AT_S)
        while intent.tag in self._unresolved:
            last_due_s, due_s = due_s, next(schedule, due_s + _LATER_READS_S)
            if last_due_s >= RESOLVE_AT_S[-1] and reads >= ENOUGH_READS:
                del self._unresolved[intent.tag]
                self._emit(
                    OrderNotPlaced(at_ns=self._now(), intent_id=intent.intent_id, reads=reads)
                )
                return
            wait_s = due_s - (self._now() - lost_at_ns) / 1e9
            await self._clock.sleep(max(wait_s, 0.0))
            reads = reads + 1 if await self._read_book() else 0

    # The order book

    async def _follow_book(self) -> None:
        while True:
            await self._sync_wanted.wait()
            self._sync_wanted.clear()
            pace_s = _BOOK_PACE_S
            while not await self._read_book():
                await self._clock.sleep(pace_s)
                pace_s = min(pace_s * 2, _STEP_S)
            await self._clock.sleep(_BOOK_PACE_S)

    async def _ask_for_book(self) -> None:
        """A safety net under the socket: while an order works, the book is read now and then."""
        while True:
            await self._clock.sleep(_STEP_S)
            if self._unseen or any(not o.status.is_done for o in self._newest.values()):
                self._sync_wanted.set()

    async def _read_book(self) -> bool:
        """Take every row of the order book; return whether it could be read."""
        try:
            rows = await self._kite.orders()
        except KiteError as error:
            _log.warning("the order book could not be read: %s", error)
            return False
        for row in rows:
            self._take_row(row)
        return True

    def _take_row(self, row: OrderRow) -> None:
        try:
            update = order_updated(row, self._now())
        except DataException as error:
            _log.error("an order row could not be understood: %s", error)
            return
        # Before the test for news: the socket may have told of the order before its reply was lost.
        intent = self._unresolved.get(row.tag) if row.tag else None
        if intent is not None and _is_of(update, intent):
            self._accepted(intent, row.order_id)
        if not _is_news(update, self._newest.get(row.order_id)):
            return
        self._newest[row.order_id] = update
        self._unseen.discard(row.order_id)
        self._varieties[row.order_id] = row.variety
        self._tags.setdefault(row.order_id, row.tag)
        self._tell_fills(self._tracker.learn(row.order_id))
        is_covered = self._tracker.report(row)
        if is_covered and not any(w.row.order_id == row.order_id for w in self._waiting):
            self._emit(update)
        else:
            self._waiting.append(_WaitingUpdate(row, update))
            self._trades_wanted.set()

    # The trade book

    async def _follow_trades(self) -> None:
        """Read the trade book when some order reports fills, one read at a time."""
        pace_s = _TRADES_PACE_S
        while True:
            await self._trades_wanted.wait()
            self._trades_wanted.clear()
            try:
                self._tell_fills(self._tracker.take(await self._kite.trades()))
            except KiteError as error:
                _log.warning("the trade book could not be read: %s", error)
            self._release_updates()
            if self._tracker.has_held:
                # An order that nothing has told us of: the book says whose it is.
                self._sync_wanted.set()
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
            is_ready = self._tracker.covers(entry.row) or entry.reads >= _PATIENCE
            if is_ready and entry.row.order_id not in held:
                self._emit(entry.update)
            else:
                held.add(entry.row.order_id)
                self._waiting.append(entry)

    def _tell_fills(self, fills: list[Fill]) -> None:
        for fill in fills:
            self._emit(
                FillReceived(at_ns=self._now(), fill=fill, tag=self._tags.get(fill.order_id))
            )

    # Small change

    def _start(
        self,
        work: Coroutine[None, None, None],
        name: str,
        tracked: set[asyncio.Task[None]] | None,
    ) -> None:
        if self._group is None:
            # Closing: the journal knows the order, and recovery at the next start looks for it.
            work.close()
            return
        task = self._group.create_task(work, name=name)
        if tracked is None:
            self._background.append(task)
        else:
            tracked.add(task)
            task.add_done_callback(tracked.discard)

    def _emit(self, event: BrokerEvent) -> None:
        self._events.put_nowait(event)

    def _now(self) -> int:
        return self._clock.now_ns()


class _WaitingUpdate:
    """An update that may be told only after the fills it reports."""

    __slots__ = ("reads", "row", "update")

    def __init__(self, row: OrderRow, update: OrderUpdated) -> None:
        self.row = row
        self.update = update
        self.reads = 0


def _is_of(update: OrderUpdated, intent: OrderIntent) -> bool:
    """Whether an order is the intent's. The type is no sign: MARKET is echoed as LIMIT."""
    return (
        update.tag == intent.tag
        and update.instrument == intent.instrument
        and update.side is intent.side
    )


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


def _broker_position(row: PositionRow) -> BrokerPosition:
    try:
        return BrokerPosition(
            instrument=instrument_id(row.exchange, row.tradingsymbol),
            product=Product(row.product),
            quantity=row.quantity,
            buy_value=row.buy_value,
            sell_value=row.sell_value,
        )
    except ValueError as error:
        raise DataException(f"position {row.tradingsymbol}: {error}") from error
