"""The account behind an order gateway, as a broker: one WebSocket, and what must hold without it.

An order is refused at once while there is no connection, unless it may wait (cancels, exits, or an
entry with a time to live whose risk is checked again). An order that was on the wire when the
connection broke is UNRESOLVED until the gateway has said what became of it: it keeps every
request under its key, and a key that it has never seen it can void, so the answer is evidence.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from decimal import Decimal
from typing import Self, assert_never

import msgspec

from patang.brokers import protocol as p
from patang.brokers.gateway_link import (
    Disconnected,
    GatewayAddress,
    GatewayLink,
    GatewayRefused,
    LinkState,
    LinkTimings,
)
from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.brokers.protocol_words import (
    booked_of,
    fill_of,
    order_updated_of,
    place_order_of,
    tick_of,
)
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, InvariantBroken, PatangError
from patang.domain.instrument import InstrumentId, instrument_id
from patang.domain.market import NS_PER_SECOND, Tick
from patang.domain.messages import (
    BooksRead,
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
from patang.domain.order import Order, OrderIntent, OrderStatus
from patang.kite.clock import Clock

_log = logging.getLogger("patang.brokers.websocket")

_MAX_EVENTS = 100_000
_ANSWER_WITHIN_S = 30.0

DISCONNECTED = "GATEWAY_DISCONNECTED"
"""Code of an order that was refused here because there was no connection: nothing was sent."""
HALTED = "HALTED"
"""Code of an order that was still here when the run was halted."""
EXPIRED = "GATEWAY_EXPIRED"
"""Code of an order that waited for a connection until its time to live was over."""
NOT_RECEIVED = "GATEWAY_NOT_RECEIVED"
"""Code of an order that the gateway never received and has promised never to place."""


class WaitPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What may wait for a connection, in seconds of the venue's clock.

    ``entries_s`` above 0 needs ``recheck``: it is asked just before an entry that waited is sent,
    and gives the reason why it must not be, or None.
    """

    cancels_s: float = 60.0
    exits_s: float = 30.0
    entries_s: float = 0.0
    recheck: Callable[[OrderIntent], str | None] | None = None

    def __post_init__(self) -> None:
        if self.entries_s > 0 and self.recheck is None:
            raise InvalidValue(
                "entries_s", "an entry that waits must be checked again.", "Give a recheck."
            )


class _Pending(msgspec.Struct, kw_only=True):
    """A request without an answer. ``expires_ns`` is when it may no longer be sent."""

    request_id: str
    message: p.PlaceOrder | p.CancelOrder
    intent_id: str
    expires_ns: int
    intent: OrderIntent | None = None
    is_sent: bool = False
    is_told_unresolved: bool = False
    has_waited: bool = False


class WebSocketBroker:
    """``Broker`` over the gateway's protocol. Enter it as an async context manager.

    ``clock`` is the venue's. Callbacks besides the port: ``on_ticks`` for quotes, ``on_gtt`` for
    triggers that fired, ``on_problem`` for what could not be understood.
    """

    def __init__(
        self,
        address: GatewayAddress,
        *,
        mode: Mode,
        clock: Clock,
        wait: WaitPolicy | None = None,
        timings: LinkTimings | None = None,
        on_ticks: Callable[[list[Tick]], None] | None = None,
        on_gtt: Callable[[p.GttTriggered], None] | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare; nothing is dialled before ``async with``.

        Raises:
            InvalidValue: a mode that trades nowhere.
        """
        if mode not in (Mode.LIVE, Mode.SANDBOX, Mode.PAPER):
            raise InvalidValue("mode", f"{mode} does not trade through a gateway.")
        self.mode = mode
        self._clock = clock
        self._wait = wait or WaitPolicy()
        self._on_ticks = on_ticks
        self._on_gtt = on_gtt
        self._on_problem = on_problem or (lambda problem: _log.warning("%s", problem))
        self._link = GatewayLink(
            address,
            mode=mode,
            on_message=self._take,
            on_up=self._went_up,
            on_down=self._went_down,
            on_problem=self._on_problem,
            timings=timings,
        )
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._events: asyncio.Queue[BrokerEvent | None] = asyncio.Queue(_MAX_EVENTS)
        self._pending: dict[str, _Pending] = {}
        self._are_entries_allowed = True
        self._asked: dict[str, asyncio.Future[p.Response]] = {}
        self._intents: dict[str, OrderIntent] = {}
        self._cancels: dict[str, str] = {}
        self._orders: dict[str, OrderUpdated] = {}
        self._fills: set[str] = set()
        self._watched: dict[str, None] = {}
        self._up = asyncio.Event()
        self._refusal: GatewayRefused | None = None
        self._is_stale = False
        self._reading: asyncio.Task[None] | None = None
        self._numbers = 0

    # Life

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise InvariantBroken("this WebSocketBroker is already running.")
        self._group = group = await asyncio.TaskGroup().__aenter__()
        self._tasks = [
            group.create_task(self._keep_link(), name="gateway-link"),
            group.create_task(self._expire_regularly(), name="gateway-expiry"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        for asked in self._asked.values():
            asked.cancel()
        try:
            await group.__aexit__(None, None, None)
        finally:
            self._events.put_nowait(None)

    @property
    def state(self) -> LinkState:
        """Where the connection is."""
        return self._link.state

    @property
    def waiting(self) -> tuple[str, ...]:
        """Intents that wait for a connection."""
        return tuple(x.intent_id for x in self._pending.values() if not x.is_sent)

    @property
    def connections(self) -> int:
        """How often a connection was made; more than one means that it was lost."""
        return self._link.connections

    async def connected(self) -> None:
        """Return once the gateway has let us in; raises ``GatewayRefused``."""
        await self._up.wait()
        if self._refusal is not None:
            raise self._refusal

    async def _keep_link(self) -> None:
        try:
            await self._link.run()
        except GatewayRefused as refusal:
            _log.error("%s", refusal)
            self._refusal = refusal
            self._on_problem(str(refusal))
            self._up.set()
            self._went_down(str(refusal))

    # The port

    async def submit(self, command: Effect) -> None:
        """Send one command, at most once; its outcome arrives as an event.

        Raises:
            InvariantBroken: the broker is not running, or the intent was submitted before.
        """
        if self._group is None:
            raise InvariantBroken("this WebSocketBroker is not running; enter it first.")
        match command:
            case SubmitOrder(intent=intent):
                self._submit(intent)
            case CancelOrder():
                self._cancel(command)
            case _:
                assert_never(command)

    def _submit(self, intent: OrderIntent) -> None:
        if intent.tag in self._intents:
            raise InvariantBroken(f"intent {intent.intent_id} was submitted before.")
        self._intents[intent.tag] = intent
        try:
            message = place_order_of(intent, request_id=intent.tag)
        except InvalidValue as error:
            self._refuse(intent.intent_id, "InputException", str(error))
            return
        wait_s = self._wait.exits_s if intent.reduces else self._wait.entries_s
        self._dispatch(
            _Pending(
                request_id=intent.tag,
                message=message,
                intent_id=intent.intent_id,
                intent=intent,
                expires_ns=self._now() + round(wait_s * NS_PER_SECOND),
            )
        )

    def _cancel(self, command: CancelOrder) -> None:
        self._numbers += 1
        request_id = f"c-{command.order_id}-{self._now()}-{self._numbers}"[:64]
        self._cancels[request_id] = command.intent_id
        self._dispatch(
            _Pending(
                request_id=request_id,
                message=p.CancelOrder(
                    request_id=request_id,
                    order_id=command.order_id,
                    reason=command.reason,
                ),
                intent_id=command.intent_id,
                expires_ns=self._now() + round(self._wait.cancels_s * NS_PER_SECOND),
            )
        )

    def allow_entries(self, are_allowed: bool) -> None:
        """Whether what opens a position may still leave; see ``Broker.allow_entries``."""
        self._are_entries_allowed = are_allowed
        for pending in [x for x in self._pending.values() if not x.is_sent and self._is_held(x)]:
            self._give_up(pending, HALTED, "halted before it was sent.")

    def _is_held(self, pending: _Pending) -> bool:
        intent = pending.intent
        return not self._are_entries_allowed and intent is not None and not intent.reduces

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """What happens to the account's orders, in the order it was learnt; ends on close."""
        while (event := await self._events.get()) is not None:
            yield event

    async def snapshot(self) -> AccountSnapshot:
        """Read orders, trades, positions and cash afresh; raises ``Disconnected``."""
        books = p.read_result((await self._ask(p.GetBooks)).result, p.Books)
        positions = p.read_result(
            (await self._ask(p.GetPositions)).result, tuple[p.PositionFields, ...]
        )
        funds = p.read_result((await self._ask(p.GetFunds)).result, dict[str, Decimal])
        at_ns = self._now()
        return AccountSnapshot(
            at_ns=at_ns,
            orders=tuple(order_updated_of(each, at_ns) for each in books.orders),
            trades=tuple(fill_of(each) for each in books.trades),
            positions=tuple(
                BrokerPosition(
                    instrument=instrument_id(each.exchange, each.symbol),
                    product=each.product,
                    quantity=each.quantity,
                    buy_value=each.buy_value,
                    sell_value=each.sell_value,
                )
                for each in positions
            ),
            available_cash=funds["available_cash"],
        )

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        """Tell the account's books whole; see ``Broker.reconcile``."""
        try:
            for order in orders:
                await self._take_up(order)
            await self._read_books()
        except (PatangError, TimeoutError) as error:
            _log.warning("the books could not be read: %s", error)
            return False
        return True

    async def _take_up(self, order: Order) -> None:
        """Ask what became of an order that another process sent."""
        intent = order.intent
        if intent.tag in self._intents or order.status is OrderStatus.DENIED:
            return
        if order.order_id is None and order.status is OrderStatus.UNRESOLVED:
            response = await self._ask(p.GetRequest, of=intent.tag, void=True)
            pending = _Pending(
                request_id=intent.tag,
                message=place_order_of(intent, request_id=intent.tag),
                intent_id=intent.intent_id,
                intent=intent,
                expires_ns=0,
                is_sent=True,
                is_told_unresolved=True,
            )
            self._pending[intent.tag] = pending
            self._take_fate(pending, response)
        self._intents[intent.tag] = intent

    # What else a client may want

    def adopt(self, snapshot: AccountSnapshot) -> None:
        """Take the snapshot as told: its fills and order states are not told again."""
        self._fills |= {fill.trade_id for fill in snapshot.trades}
        self._orders |= {order.order_id: order for order in snapshot.orders}

    async def subscribe(self, instruments: Iterable[InstrumentId]) -> tuple[str, ...]:
        """Hear quotes of these too, after every reconnect as well; returns those not listed."""
        wanted = tuple(instruments)
        response = await self._ask(p.Subscribe, instruments=wanted)
        unknown = tuple(p.read_result(response.result, dict[str, tuple[str, ...]])["unknown"])
        self._watched |= dict.fromkeys(each for each in wanted if each not in unknown)
        return unknown

    async def unsubscribe(self, instruments: Iterable[InstrumentId]) -> None:
        """Hear quotes of these no longer."""
        gone = tuple(instruments)
        for each in gone:
            self._watched.pop(each, None)
        await self._ask(p.Unsubscribe, instruments=gone)

    async def request(self, kind: type[p.Request], **fields: object) -> p.Response:
        """Ask anything of the protocol that has no method here: GTTs, holdings, modifications.

        Raises:
            Disconnected: there is no connection, or it broke before the answer: ask with
                GET_REQUEST what became of ``request_id``, which may be given as a field.
            GatewayError: the gateway did not do it.
        """
        return await self._ask(kind, **fields)

    async def _ask(self, kind: type[p.Request], **fields: object) -> p.Response:
        self._numbers += 1
        request_id = str(fields.pop("request_id", f"q-{self._now()}-{self._numbers}"))
        asked: asyncio.Future[p.Response] = asyncio.get_running_loop().create_future()
        message = msgspec.convert({"request_id": request_id, **fields}, type=kind, strict=False)
        self._link.send(message)  # type: ignore[arg-type]  # every concrete Request is one
        self._asked[request_id] = asked
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                return await asked
        except TimeoutError:
            raise Disconnected("the gateway does not answer.") from None
        finally:
            self._asked.pop(request_id, None)

    # Sending

    def _dispatch(self, pending: _Pending) -> None:
        self._pending[pending.request_id] = pending
        if self._link.state is LinkState.UP:
            self._send(pending)
        elif pending.expires_ns <= self._now():
            self._give_up(pending, DISCONNECTED, "there is no connection to the gateway.")
        else:
            pending.has_waited = True

    def _send(self, pending: _Pending) -> None:
        if self._is_held(pending):
            self._give_up(pending, HALTED, "halted before it was sent.")
            return
        intent, recheck = pending.intent, self._wait.recheck
        if pending.has_waited and intent is not None and not intent.reduces and recheck is not None:
            reason = recheck(intent)
            if reason is not None:
                self._give_up(pending, EXPIRED, reason)
                return
        pending.is_sent = True
        self._link.send(pending.message)

    def _give_up(self, pending: _Pending, code: str, reason: str) -> None:
        """End a request of which not a byte has left."""
        del self._pending[pending.request_id]
        if pending.intent is None:
            self._cancel_refused(pending.intent_id, reason)
        else:
            self._refuse(pending.intent_id, code, reason)

    async def _expire_regularly(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            now_ns = self._now()
            for pending in [x for x in self._pending.values() if not x.is_sent]:
                if pending.expires_ns <= now_ns:
                    self._give_up(pending, EXPIRED, "no connection came in time.")

    # The link

    def _went_up(self, known: p.Authenticated) -> None:
        self._up.set()
        self._is_stale = not known.resumed and self._link.connections > 1
        for pending in list(self._pending.values()):
            if not pending.is_sent:
                self._send(pending)
            else:
                self._start(self._ask_again(pending), f"fate-{pending.request_id}")
        if self._watched:
            self._start(self._watch_again(), "watch-again")
        if self._is_stale:
            self._start(self._catch_up(), "catch-up")

    def _went_down(self, reason: str) -> None:
        if self._refusal is None:
            self._up.clear()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(Disconnected(reason))
        for pending in list(self._pending.values()):
            if pending.is_sent and pending.intent is not None:
                self._tell_unresolved(pending, reason)

    async def _ask_again(self, pending: _Pending) -> None:
        """The connection broke before the answer: the gateway says what it knows of the key."""
        may_resend = pending.expires_ns > self._now()
        try:
            response = await self._ask(p.GetRequest, of=pending.request_id, void=not may_resend)
        except (PatangError, TimeoutError):
            return  # asked again at the next connection
        if pending.request_id not in self._pending:
            return
        fate = p.read_result(response.result, p.RequestFate)
        if fate.fate == "UNKNOWN":
            # It never arrived, and may still go: an exit or a cancel, under the same key.
            if self._link.state is LinkState.UP:
                self._link.send(pending.message)
            return
        if pending.intent is not None:
            self._take_fate(pending, response)
        elif fate.fate != "PENDING":
            del self._pending[pending.request_id]
            if fate.fate == "VOIDED":
                self._cancel_refused(pending.intent_id, "the gateway did not receive it.")

    def _take_fate(self, pending: _Pending, response: p.Response) -> None:
        fate = p.read_result(response.result, p.RequestFate)
        match fate.fate:
            case "VOIDED":
                self._pending.pop(pending.request_id, None)
                self._refuse(pending.intent_id, NOT_RECEIVED, "the gateway never received it.")
            case "ANSWERED" if fate.response is not None:
                self._take_outcome(pending, fate.response)
            case _:
                pass  # under way: its answer comes by itself

    async def _watch_again(self) -> None:
        try:
            await self._ask(p.Subscribe, instruments=tuple(self._watched))
        except (PatangError, TimeoutError) as error:
            self._on_problem(f"quotes are not heard: {error}")

    async def _catch_up(self) -> None:
        """The stream could not be resumed: what was missed is in the books."""
        while self._is_stale:
            try:
                await self._read_books()
            except Disconnected:
                return
            except (PatangError, TimeoutError) as error:
                self._on_problem(f"the books could not be read: {error}")
                await asyncio.sleep(1.0)
            else:
                self._is_stale = False

    async def _read_books(self) -> None:
        books = p.read_result((await self._ask(p.GetBooks)).result, p.Books)
        for trade in books.trades:
            self._take(trade)
        for update in books.orders:
            self._take(update)
        positions = tuple(booked_of(each) for each in books.added_today)
        self._emit(BooksRead(at_ns=self._now(), positions=positions))

    # What the gateway tells

    def _take(self, message: p.GatewayMessage) -> None:
        try:
            self._route(message)
        except InvalidValue as error:
            self._on_problem(f"{type(message).__name__}: {error}")

    def _route(self, message: p.GatewayMessage) -> None:
        match message:
            case p.Response():
                self._take_response(message)
            case p.Error():
                self._take_error(message)
            case p.OrderUpdate():
                self._take_update(message)
            case p.Trade():
                fill = fill_of(message)
                if fill.trade_id not in self._fills:
                    self._fills.add(fill.trade_id)
                    self._emit(FillReceived(at_ns=self._now(), fill=fill, tag=message.tag))
            case p.CancelRefused():
                intent_id = self._cancels.get(message.request_id)
                if intent_id is not None:
                    self._cancel_refused(intent_id, message.message)
            case p.GttTriggered():
                if self._on_gtt is not None:
                    self._on_gtt(message)
            case p.Quote():
                if self._on_ticks is not None:
                    self._on_ticks([tick_of(message, self._now())])
            case p.Hello() | p.Authenticated() | p.Heartbeat():
                pass
            case _:
                assert_never(message)

    def _take_response(self, response: p.Response) -> None:
        asked = self._asked.get(response.request_id)
        if asked is not None and not asked.done():
            asked.set_result(response)
            return
        pending = self._pending.get(response.request_id)
        if pending is None:
            return  # learnt in another way before
        if pending.intent is None:
            del self._pending[response.request_id]
        else:
            self._take_outcome(pending, response)

    def _take_outcome(self, pending: _Pending, response: p.Response) -> None:
        now_ns, intent_id = self._now(), pending.intent_id
        if response.status == "UNRESOLVED":
            # Kept: should the gateway end before it knows, its successor is asked.
            self._tell_unresolved(pending, response.message)
            return
        self._pending.pop(pending.request_id, None)
        match response.status:
            case "ACCEPTED" if response.order_id is not None:
                self._emit(
                    OrderAccepted(at_ns=now_ns, intent_id=intent_id, order_id=response.order_id)
                )
            case "REJECTED":
                self._refuse(intent_id, response.code, response.message)
            case "NOT_PLACED":
                self._emit(OrderNotPlaced(at_ns=now_ns, intent_id=intent_id, reads=0))
            case _:
                self._on_problem(f"{intent_id}: {response.status} is no outcome of an order.")

    def _tell_unresolved(self, pending: _Pending, reason: str) -> None:
        if not pending.is_told_unresolved:
            pending.is_told_unresolved = True
            self._emit(
                OrderUnresolved(at_ns=self._now(), intent_id=pending.intent_id, reason=reason)
            )

    def _take_error(self, error: p.Error) -> None:
        request_id = error.request_id or ""
        asked = self._asked.get(request_id)
        if asked is not None and not asked.done():
            asked.set_exception(GatewayError(error))
            return
        pending = self._pending.pop(request_id, None)
        if pending is None:
            self._on_problem(f"{error.code}: {error.message}")
        elif pending.intent is None:
            self._cancel_refused(pending.intent_id, f"{error.code}: {error.message}")
        else:
            self._refuse(pending.intent_id, error.code, error.message)

    def _take_update(self, update: p.OrderUpdate) -> None:
        intent = self._intents.get(update.tag or "")
        if update.request_id is not None and intent is not None:
            self._take_late_outcome(intent, update)
            return
        if update.order_id is None:
            return
        event = order_updated_of(update, self._now())
        known = self._orders.get(event.order_id)
        if known is not None and msgspec.structs.replace(known, at_ns=event.at_ns) == event:
            return
        self._orders[event.order_id] = event
        self._emit(event)

    def _take_late_outcome(self, intent: OrderIntent, update: p.OrderUpdate) -> None:
        self._pending.pop(update.request_id or "", None)
        now_ns, intent_id = self._now(), intent.intent_id
        if update.status is OrderStatus.NOT_PLACED:
            self._emit(OrderNotPlaced(at_ns=now_ns, intent_id=intent_id, reads=update.reads or 0))
        elif update.status is OrderStatus.REJECTED:
            self._refuse(intent_id, update.code, update.message)
        elif update.order_id is not None:
            self._emit(OrderAccepted(at_ns=now_ns, intent_id=intent_id, order_id=update.order_id))

    # Small change

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        if self._group is None:
            work.close()
            return
        task = self._group.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            self._tasks.remove(task)

    def _refuse(self, intent_id: str, code: str, message: str) -> None:
        self._emit(OrderRefused(at_ns=self._now(), intent_id=intent_id, code=code, message=message))

    def _cancel_refused(self, intent_id: str, message: str) -> None:
        self._emit(CancelRefused(at_ns=self._now(), intent_id=intent_id, message=message))

    def _emit(self, event: BrokerEvent) -> None:
        self._events.put_nowait(event)

    def _now(self) -> int:
        return self._clock.now_ns()


class GatewayError(PatangError):
    """The gateway answered a request with ERROR: nothing was done. ``code`` says why."""

    def __init__(self, error: p.Error) -> None:
        self.code = error.code
        self.field = error.field
        super().__init__(f"{error.code}: {error.message}")
