"""The account at Zerodha, or at a sandbox that speaks the same protocol, behind the broker port."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Self, assert_never

from patang.brokers.kite_news import AccountNews
from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.domain.enums import Mode, Product
from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.instrument import instrument_id
from patang.domain.messages import (
    BookedPosition,
    BooksRead,
    BrokerEvent,
    CancelOrder,
    CancelRefused,
    Effect,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    SubmitOrder,
)
from patang.domain.order import Order, OrderIntent, OrderStatus
from patang.kite.addresses import is_broker_root
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.errors import OrderOutcomeUnknown, Withdrawn
from patang.kite.feed_events import OrderUpdate
from patang.kite.reconcile import LATER_READS_S, Fate, Search, Searches, Sought, look_for
from patang.kite.windows import Lane
from patang.wire.errors import DataException, KiteError
from patang.wire.rows import OrderRow, PositionRow
from patang.wire.translate import fill_of, order_updated, place_form

_log = logging.getLogger("patang.brokers.kite")

# More than a day's worth: a consumer that far behind is broken, and that must be loud.
_MAX_EVENTS = 100_000
_CLOSE_WITHIN_S = 15.0
# How often the books are read anew because a trade came between two reads.
_CALM_READS = 5


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
    ) -> None:
        """Bind a client to a mode; the client goes by ``clock`` from now on, its limits as well.

        Raises:
            InvalidValue: the mode and the client's root contradict each other.
        """
        if mode not in (Mode.LIVE, Mode.SANDBOX):
            raise InvalidValue("mode", f"{mode} does not trade through Kite.")
        if is_broker_root(kite.root) is not (mode is Mode.LIVE):
            raise InvalidValue(
                "mode", f"{mode} cannot trade at {kite.root}.", "Only live reaches the broker."
            )
        if mode is Mode.LIVE and not kite.governor.is_shared:
            raise InvalidValue(
                "governor",
                "live orders need limits that all processes of the account share.",
                "Give the client a Governor with a path, or none.",
            )
        self._kite = kite
        self._mode = mode
        self._clock = clock
        kite.keep_time(clock)
        self._events: asyncio.Queue[BrokerEvent | None] = asyncio.Queue(_MAX_EVENTS)
        self._group: asyncio.TaskGroup | None = None
        self._background: list[asyncio.Task[None]] = []
        self._in_flight: set[asyncio.Task[None]] = set()
        self._are_entries_allowed = True
        self._intents: dict[str, OrderIntent] = {}
        self._searches = Searches()
        self._news = AccountNews(
            kite,
            clock,
            tell=self._emit,
            on_sight=self._recognise,
            is_order_missing=lambda: self._searches.is_any_absent,
        )

    @property
    def mode(self) -> Mode:
        """LIVE at the broker, SANDBOX anywhere else."""
        return self._mode

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise InvariantBroken("this KiteBroker is already running.")
        self._group = group = await asyncio.TaskGroup().__aenter__()
        self._background = [
            group.create_task(task(), name=name) for name, task in self._news.tasks.items()
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        try:
            if self._in_flight:
                # A request on the wire is awaited, so that its outcome is not thrown away.
                await asyncio.wait(self._in_flight, timeout=_CLOSE_WITHIN_S)
        finally:
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

    def allow_entries(self, are_allowed: bool) -> None:
        """Whether what opens a position may still leave; see ``Broker.allow_entries``."""
        self._are_entries_allowed = are_allowed

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

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        """Read the books whole and tell them; see ``Broker.reconcile``."""
        for order in orders:
            self._take_up(order)
        try:
            for _ in range(_CALM_READS):
                if not (await self._news.read_book() and await self._news.read_trades()):
                    return False
                fills = self._news.fills_told
                positions = [_booked(row) for row in (await self._kite.positions()).day]
                if not await self._news.read_trades():
                    return False
                if self._news.fills_told == fills:
                    # No trade came between: both say what was at one moment.
                    self._emit(BooksRead(at_ns=self._now(), positions=tuple(positions)))
                    return True
        except KiteError as error:
            _log.warning("the positions could not be read: %s", error)
        return False

    def _take_up(self, order: Order) -> None:
        """Follow an order that another process placed, as if this one had."""
        intent = order.intent
        if intent.tag in self._intents or order.status is OrderStatus.DENIED:
            return
        self._intents[intent.tag] = intent
        if order.order_id is not None:
            if not order.status.is_done:
                self._news.accepted(order.order_id, intent.tag, intent.variety)
            return
        search = self._searches.begin(Sought.from_intent(intent, intent.created_ns))
        if order.status is OrderStatus.UNRESOLVED:
            self._start(self._resolve(intent, search), f"resolve-{intent.tag}", None)
        else:
            self._searches.end(search, is_absent=order.status is OrderStatus.NOT_PLACED)

    # What the feed tells

    def adopt(self, snapshot: AccountSnapshot) -> None:
        """Take the snapshot as told: its fills and order states are not told again."""
        self._news.adopt(snapshot)

    def order_update_received(self, update: OrderUpdate) -> None:
        """An order update came over the socket or as a postback: a hint, possibly old."""
        self._news.take_row(update.order)

    def feed_reconnected(self) -> None:
        """Updates may have been missed: read the book."""
        self._news.want_book()

    # Commands

    async def _place(self, intent: OrderIntent) -> None:
        lane = Lane.EXIT if intent.reduces else Lane.ENTRY
        sent_ns = self._kite.governor.server_clock.earliest_ns(self._now())
        try:
            form = place_form(intent)
            order_id = await self._kite.place(form, lane, is_wanted=self._wanted(intent))
        except Withdrawn:
            self._refused(intent, "HALTED", "halted while it waited for its turn; nothing left.")
        except InvalidValue as error:
            self._refused(intent, "InputException", str(error))
        except OrderOutcomeUnknown as error:
            self._search(intent, sent_ns, error.reason)
        except KiteError as error:
            self._refused(intent, error.error_type, error.message)
        else:
            if self._news.tag_of(order_id) in (None, intent.tag):
                self._accepted(intent, order_id)
            else:
                # The answer to another request: of this one nothing is known.
                self._search(intent, sent_ns, f"the reply names {order_id}, another order.")

    def _search(self, intent: OrderIntent, sent_ns: int, reason: str) -> None:
        search = self._searches.begin(Sought.from_intent(intent, sent_ns))
        self._emit(OrderUnresolved(at_ns=self._now(), intent_id=intent.intent_id, reason=reason))
        self._start(self._resolve(intent, search), f"resolve-{intent.tag}", None)

    def _wanted(self, intent: OrderIntent) -> Callable[[], bool] | None:
        return None if intent.reduces else lambda: self._are_entries_allowed

    def _refused(self, intent: OrderIntent, code: str, message: str) -> None:
        self._emit(
            OrderRefused(at_ns=self._now(), intent_id=intent.intent_id, code=code, message=message)
        )

    def _accepted(self, intent: OrderIntent, order_id: str) -> None:
        self._emit(OrderAccepted(at_ns=self._now(), intent_id=intent.intent_id, order_id=order_id))
        self._news.accepted(order_id, intent.tag, intent.variety)

    async def _cancel(self, command: CancelOrder) -> None:
        variety = self._news.variety_of(command.order_id)
        try:
            await self._kite.cancel_order(variety, command.order_id)
        except (KiteError, InvalidValue) as error:
            self._emit(
                CancelRefused(at_ns=self._now(), intent_id=command.intent_id, message=str(error))
            )
            # Mostly the order is done already, or the cancel worked and its reply was lost.
            self._news.want_book()

    async def _resolve(self, intent: OrderIntent, search: Search) -> None:
        """Look for an order whose reply was lost, until it is found or is presumed not placed."""
        verdict = await look_for(search, self._news.read_book, self._clock, later_s=LATER_READS_S)
        # Watched to the end of the day: an order that turns up late is told like any other.
        self._searches.end(search, is_absent=verdict.fate is Fate.ABSENT)
        if verdict.fate is Fate.ABSENT:
            self._emit(
                OrderNotPlaced(at_ns=self._now(), intent_id=intent.intent_id, reads=verdict.reads)
            )
        elif verdict.fate is Fate.AMBIGUOUS:
            _log.error("several orders carry the tag %s: %s", intent.tag, ", ".join(search.found))

    def _recognise(self, row: OrderRow) -> None:
        """Is this an order whose reply was lost? Asked of every row, old and new."""
        if (search := self._searches.see(row)) is not None:
            self._accepted(self._intents[search.sought.tag], row.order_id)

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


def _broker_position(row: PositionRow) -> BrokerPosition:
    try:
        return BrokerPosition(
            instrument=instrument_id(row.exchange, row.tradingsymbol),
            product=Product(row.product),
            quantity=row.quantity,
            buy_value=row.buy_value,
            sell_value=row.sell_value,
            buy_quantity=row.buy_quantity,
            sell_quantity=row.sell_quantity,
            last_price=row.last_price,
            pnl=row.pnl,
        )
    except ValueError as error:
        raise DataException(f"position {row.tradingsymbol}: {error}") from error


def _booked(row: PositionRow) -> BookedPosition:
    try:
        return BookedPosition(
            instrument=instrument_id(row.exchange, row.tradingsymbol),
            product=Product(row.product),
            quantity=row.quantity,
        )
    except ValueError as error:
        raise DataException(f"position {row.tradingsymbol}: {error}") from error
