"""The desk: takes what clients ask, does it once, and tells everybody what came of it.

It knows no sockets. A request that may move money is in the ledger, on disk, before the broker
hears of it; a second one under the same key gets the answer of the first. What the broker tells
goes, numbered, into the stream of every client that may see it.
"""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TypeVar, assert_never

import msgspec

from patang.brokers import protocol as p
from patang.brokers.protocol import Codes
from patang.brokers.protocol_words import (
    booked_fields,
    intent_of,
    iso_of,
    ns_of,
)
from patang.domain.errors import InvalidValue, InvariantBroken, PatangError
from patang.domain.messages import (
    BooksRead,
    BrokerEvent,
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import Order, OrderIntent, OrderStatus
from patang.gateway.account_books import AccountBooks
from patang.gateway.clients import Client, Refused, Scope
from patang.gateway.fan_out import FanOut
from patang.gateway.ledger import VOID, Entry, Ledger, LedgerFailed
from patang.gateway.permits import MoneyRequest, ReadRequest, check_instruments, permit
from patang.gateway.seat import Seat
from patang.gateway.session import Session
from patang.gateway.triggers import Triggers
from patang.kite.errors import OrderOutcomeUnknown
from patang.kite.outcome import is_ambiguous
from patang.rules.ist import at_ist, ist_date
from patang.wire.errors import KiteError
from patang.wire.forms import TAG_MAX_CHARACTERS, ModifyForm
from patang.wire.gtt_forms import GttForm, GttLeg

_log = logging.getLogger("patang.gateway")

_IN_FLIGHT_MAX = 64
_READY_RETRY_S = 1.0
_BOOKS_WITHIN_S = 30.0
_OPEN_OUTCOMES = ("UNRESOLVED", "NOT_PLACED")

_Answer = TypeVar("_Answer")
Reply = p.Response | p.Error


class _Names(msgspec.Struct):
    """What a request is about, or what it made."""

    order_id: str | None = None
    trigger_id: int | None = None


class Desk:
    """Serves every client of one account; ``run`` must run meanwhile."""

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        clients: Iterable[Client],
        *,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.session = session
        self._ledger = ledger
        self._clock = session.clock
        self._seats = {client.client_id: Seat(client, steady_ns) for client in clients}
        self._group: asyncio.TaskGroup | None = None
        self._is_ready = asyncio.Event()
        self._intents: dict[str, tuple[Entry, OrderIntent]] = {}
        self._cancels: dict[str, tuple[str, str, str]] = {}
        self._owners: dict[str, Entry] = {}
        self._books = AccountBooks(ledger, self._seats, session.clock)
        self._books_waiters: list[asyncio.Future[None]] = []
        self._one_reading = asyncio.Lock()
        self._triggers = Triggers(session, ledger, self._seats)
        self.quotes = FanOut(session, self._seats)
        """Who hears which quotes."""
        self.handled = 0
        """How many messages of clients have been acted on or answered."""

    @property
    def is_ready(self) -> bool:
        """Whether the books have been read since the start, so that orders are taken."""
        return self._is_ready.is_set()

    async def ready(self) -> None:
        """Return once orders are taken."""
        await self._is_ready.wait()

    def seat(self, client_id: str) -> Seat:
        """The seat of a client that has been let in."""
        return self._seats[client_id]

    async def run(self) -> None:
        """Recover what an earlier process left open, then serve until cancelled.

        Raises:
            PatangError: the session is over, or the ledger cannot be written.
        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                group.create_task(self._follow(), name="gateway-events")
                group.create_task(self.session.run(self.quotes.on_ticks), name="gateway-feed")
                group.create_task(self._settle_regularly(), name="gateway-ledger")
                await self._recover()
                group.create_task(self._triggers.follow(), name="gateway-gtts")
                self._is_ready.set()
                await asyncio.Event().wait()
            finally:
                self._group = None

    # Recovery

    async def _recover(self) -> None:
        left_open: list[Order] = []
        for entry in self._ledger:
            if entry.kind != "PLACE_ORDER":
                continue
            message = msgspec.json.decode(entry.body, type=p.PlaceOrder)
            intent = self._remember(entry, message)
            status = _status_of(entry)
            if (order_id := _order_id_of(entry)) is not None:
                self._owners[order_id] = entry
            if status is None or status in _OPEN_OUTCOMES:
                order = Order(intent=intent, status=OrderStatus.UNRESOLVED)
                left_open.append(order)
        if left_open:
            _log.warning("%d requests of an earlier run have no outcome yet", len(left_open))
        while not await self.session.broker.reconcile(left_open):
            _log.warning("the books cannot be read; orders are not taken yet")
            await asyncio.sleep(_READY_RETRY_S)

    def _remember(self, entry: Entry, message: p.PlaceOrder) -> OrderIntent:
        intent = intent_of(
            message,
            intent_id=f"{entry.client}:{entry.request_id}",
            tag=entry.tag or "",
            at_ns=entry.received_ns,
        )
        self._intents[intent.intent_id] = (entry, intent)
        self._books.prices[intent.tag] = intent.price
        return intent

    # What clients ask

    def handle(self, seat: Seat, message: MoneyRequest | ReadRequest) -> None:
        """Take one request of a client. Its answer goes to the connection the client then has."""
        self.handled += 1
        try:
            if self._group is None:
                raise Refused(Codes.NOT_READY, "the gateway is not running.")
            permit(seat.client, message)
            if isinstance(message, MoneyRequest):
                self._begin(seat, message)
            else:
                self._start(seat, message, self._read(seat, message))
        except (Refused, InvalidValue) as error:
            self._reply(seat, self._error(message.request_id, error))

    def _begin(self, seat: Seat, message: MoneyRequest) -> None:
        """Note the request and start it, unless its key was used before."""
        client_id, now_ns = seat.client.client_id, self._clock.now_ns()
        body = p.encode(message)
        digest = hashlib.sha256(body).digest()
        known = self._ledger.find(client_id, message.request_id)
        if known is not None:
            self._answer_again(seat, known, digest)
            return
        if not self.is_ready and not isinstance(message, p.CancelOrder):
            raise Refused(Codes.NOT_READY, "the account's books are still being read.")
        self._check_rates(seat, message, now_ns)
        entry = Entry(
            client=client_id,
            request_id=message.request_id,
            kind=_type_of(message),
            digest=digest,
            body=body,
            received_ns=now_ns,
        )
        match message:
            case p.PlaceOrder():
                entry.tag = self._tag_for(message)
                intent = self._remember(entry, message)
                work = self._place(seat, entry, intent)
            case p.CancelOrder():
                self._check_owner(seat, message.order_id)
                work = self._cancel(seat, entry, message)
            case p.ModifyOrder():
                self._check_owner(seat, message.order_id)
                work = self._change(
                    seat, entry, self._modify(message), _Names(order_id=message.order_id)
                )
            case p.PlaceGtt():
                work = self._place_gtt(seat, entry, _gtt_form(message))
            case p.ModifyGtt():
                self._check_gtt_owner(seat, message.trigger_id)
                action = self.session.modify_gtt(message.trigger_id, _gtt_form(message))
                work = self._change(seat, entry, action, _Names(trigger_id=message.trigger_id))
            case p.CancelGtt():
                self._check_gtt_owner(seat, message.trigger_id)
                action = self._delete_gtt(message.trigger_id)
                work = self._change(seat, entry, action, _Names(trigger_id=message.trigger_id))
            case _:
                assert_never(message)
        self._ledger.begin(entry)
        self._start(seat, message, work)

    def _answer_again(self, seat: Seat, known: Entry, digest: bytes) -> None:
        if known.kind == VOID:
            raise Refused(Codes.VOIDED, "this request was voided before it arrived.")
        if known.digest != digest:
            raise Refused(Codes.KEY_REUSED, "this key belongs to another request.", "request_id")
        if known.answer is not None and seat.stream.link is not None:
            seat.stream.link.send(known.answer)
        # Else it is under way, and its answer goes to the connection that is open by then.

    def _check_rates(self, seat: Seat, message: MoneyRequest, now_ns: int) -> None:
        if isinstance(message, p.CancelOrder | p.CancelGtt):
            return  # what ends risk is never held up here
        client = seat.client
        if isinstance(message, p.PlaceOrder):
            if message.valid_until is not None and ns_of(message.valid_until, "valid_until") <= (
                now_ns
            ):
                raise Refused(Codes.EXPIRED, "valid_until has passed.", "valid_until")
            since_ns = at_ist(ist_date(now_ns), 0, 0)
            placed = self._ledger.count_since(client.client_id, "PLACE_ORDER", since_ns)
            if placed >= client.orders_per_day and not message.reduces:
                cause = f"{client.orders_per_day} orders were placed today."
                raise Refused(Codes.LIMIT_EXCEEDED, cause)
        if not seat.orders.take():
            cause = f"more than {client.orders_per_second} orders in a second."
            raise Refused(Codes.RATE_LIMITED, cause)

    def _tag_for(self, message: p.PlaceOrder) -> str:
        tag = message.tag
        if tag is None:
            return secrets.token_hex(TAG_MAX_CHARACTERS // 2)
        if not (1 <= len(tag) <= TAG_MAX_CHARACTERS and tag.isascii() and tag.isalnum()):
            cause = f"at most {TAG_MAX_CHARACTERS} letters and digits."
            raise InvalidValue("tag", cause)
        if self._ledger.of_tag(tag) is not None or tag in self._books.tags:
            raise Refused(Codes.TAG_IN_USE, "another order carries this tag.", "tag")
        return tag

    def _check_owner(self, seat: Seat, order_id: str) -> None:
        order = self._books.orders.get(order_id)
        entry = self._owners.get(order_id)
        if order is not None and entry is None:
            entry = self._ledger.of_tag(order.tag or "")
        is_known = order is not None or entry is not None
        if not is_known and seat.client.scope is Scope.ACCOUNT:
            return  # the broker knows more orders than we have seen
        if not is_known or not seat.may_see(entry):
            raise Refused(Codes.NOT_FOUND, "no such order of this client.", "order_id")

    def _check_gtt_owner(self, seat: Seat, trigger_id: int) -> None:
        if seat.client.scope is Scope.ACCOUNT:
            return
        entry = self._triggers.entry_of(trigger_id)
        if entry is None or not seat.may_see(entry):
            raise Refused(Codes.NOT_FOUND, "no such trigger of this client.", "trigger_id")

    # Doing it

    def _start(
        self,
        seat: Seat,
        message: MoneyRequest | ReadRequest,
        work: Coroutine[None, None, None],
    ) -> None:
        is_read = not isinstance(message, MoneyRequest)
        if self._group is None or (is_read and seat.in_flight >= _IN_FLIGHT_MAX):
            work.close()
            if self._group is None:
                raise Refused(Codes.NOT_READY, "the gateway is not running.")
            raise Refused(Codes.RATE_LIMITED, f"{_IN_FLIGHT_MAX} requests are under way.")
        seat.in_flight += 1
        task = self._group.create_task(
            self._guarded(seat, message.request_id, work), name=_type_of(message)
        )
        task.add_done_callback(lambda _: _leave(seat))

    async def _guarded(
        self, seat: Seat, request_id: str, work: Coroutine[None, None, None]
    ) -> None:
        try:
            await work
        except InvariantBroken:
            raise
        except PatangError as error:
            self._reply(seat, self._error(request_id, error))

    async def _sync(self, entry: Entry) -> None:
        """Put the request on disk; if that fails, it was never made."""
        try:
            await self._ledger.sync()
        except LedgerFailed:
            self._ledger.forget(entry)
            self._intents.pop(f"{entry.client}:{entry.request_id}", None)
            raise

    async def _place(self, seat: Seat, entry: Entry, intent: OrderIntent) -> None:
        await self._sync(entry)
        await self.session.broker.submit(SubmitOrder(intent=intent))

    async def _cancel(self, seat: Seat, entry: Entry, message: p.CancelOrder) -> None:
        # Not waiting for the disk: a cancel that is repeated does no harm, one that is late does.
        intent_id = f"{entry.client}:{entry.request_id}"
        self._cancels[intent_id] = (entry.client, entry.request_id, message.order_id)
        command = CancelOrder(intent_id=intent_id, order_id=message.order_id, reason=message.reason)
        await self.session.broker.submit(command)
        self._settle(seat, entry, status="CANCEL_PENDING", order_id=message.order_id)

    async def _modify(self, message: p.ModifyOrder) -> None:
        form = ModifyForm(
            order_id=message.order_id,
            quantity=message.quantity,
            price=message.price,
            trigger_price=message.trigger_price,
            order_type=message.order_type,
            validity=message.validity,
        )
        await self.session.modify(form)
        order = self._books.orders.get(message.order_id)
        if order is not None and order.tag is not None and message.price is not None:
            self._books.prices[order.tag] = message.price

    async def _delete_gtt(self, trigger_id: int) -> None:
        await self.session.delete_gtt(trigger_id)
        self._triggers.deleted(trigger_id)

    async def _place_gtt(self, seat: Seat, entry: Entry, form: GttForm) -> None:
        async def act() -> None:
            names.trigger_id = trigger_id = await self.session.place_gtt(form)
            self._triggers.placed(trigger_id)

        names = _Names()
        await self._change(seat, entry, act(), names)

    async def _change(
        self, seat: Seat, entry: Entry, action: Awaitable[None], names: _Names
    ) -> None:
        """Do something once that has no order of its own to be found by."""
        try:
            await self._sync(entry)
        except LedgerFailed:
            if isinstance(action, Coroutine):
                action.close()
            raise
        code, text = "", ""
        try:
            await action
            status = "OK"
        except OrderOutcomeUnknown as error:
            status, code, text = "UNRESOLVED", "OrderOutcomeUnknown", error.reason
        except KiteError as error:
            status = "UNRESOLVED" if is_ambiguous(error) else "REJECTED"
            code, text = error.error_type, error.message
        except InvalidValue as error:
            status, code, text = "REJECTED", "InputException", str(error)
        self._settle(
            seat,
            entry,
            status=status,
            code=code,
            message=text,
            order_id=names.order_id,
            trigger_id=names.trigger_id,
        )

    def _settle(
        self,
        seat: Seat,
        entry: Entry,
        *,
        status: str,
        order_id: str | None = None,
        trigger_id: int | None = None,
        code: str = "",
        message: str = "",
        is_later: bool = False,
    ) -> None:
        """Note what became of a request and answer it, unless it has been answered before."""
        held = self._intents.get(f"{entry.client}:{entry.request_id}")
        intent = held[1] if held is not None else None
        exchange, _, symbol = intent.instrument.partition(":") if intent else ("", "", "")
        response = p.Response(
            request_id=entry.request_id,
            answers=entry.kind,
            timestamp=self._now_text(),
            status=status,
            order_id=order_id,
            exchange=exchange or None,
            symbol=symbol or None,
            side=None if intent is None else intent.side,
            quantity=None if intent is None else intent.quantity,
            price=None if intent is None else intent.price,
            tag=entry.tag,
            trigger_id=trigger_id,
            code=code,
            message=message,
        )
        self._ledger.settle(entry, p.encode(response))
        if not is_later:
            self._reply(seat, response)

    # What the broker tells

    async def _follow(self) -> None:
        async for event in self.session.broker.events():
            self._take(event)

    def _take(self, event: BrokerEvent) -> None:
        match event:
            case OrderAccepted():
                self._outcome(event.intent_id, "ACCEPTED", order_id=event.order_id)
            case OrderRefused():
                self._outcome(event.intent_id, "REJECTED", code=event.code, message=event.message)
            case OrderUnresolved():
                self._outcome(event.intent_id, "UNRESOLVED", message=event.reason)
            case OrderNotPlaced():
                self._outcome(event.intent_id, "NOT_PLACED", reads=event.reads)
            case OrderUpdated():
                self._books.take_update(event)
                if self._ledger.of_tag(event.tag or "") is None:
                    self._triggers.want()  # nobody here placed it: a trigger may have fired
            case FillReceived(fill=fill, tag=tag):
                self._books.take_fill(fill, tag)
            case CancelRefused():
                self._take_cancel_refused(event)
            case BooksRead(positions=positions):
                self._books.added = positions
                waiters, self._books_waiters = self._books_waiters, []
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(None)
            case _:
                assert_never(event)

    def _outcome(
        self,
        intent_id: str,
        status: str,
        *,
        order_id: str | None = None,
        code: str = "",
        message: str = "",
        reads: int | None = None,
    ) -> None:
        held = self._intents.get(intent_id)
        if held is None:
            _log.error("the broker tells of %s, which nobody asked for", intent_id)
            return
        entry, intent = held
        seat = self._seats.get(entry.client)
        before = _status_of(entry)
        if before == status or (before == "ACCEPTED" and status == "UNRESOLVED"):
            return
        if order_id is not None:
            self._owners[order_id] = entry
        is_later = before is not None
        home = seat if seat is not None else Seat(Client(client_id=entry.client), time.monotonic_ns)
        self._settle(
            home,
            entry,
            status=status,
            order_id=order_id,
            code=code,
            message=message,
            is_later=is_later,
        )
        if not is_later:
            return
        exchange, _, symbol = intent.instrument.partition(":")
        stream = home.stream
        stream.publish(
            p.OrderUpdate(
                seq=stream.next_seq,
                timestamp=self._now_text(),
                order_id=order_id,
                exchange=exchange,
                symbol=symbol,
                side=intent.side,
                quantity=intent.quantity,
                filled_quantity=0,
                price=intent.price,
                status=OrderStatus(status),
                tag=intent.tag,
                request_id=entry.request_id,
                code=code,
                message=message,
                reads=reads,
            )
        )

    def _take_cancel_refused(self, event: CancelRefused) -> None:
        asked = self._cancels.pop(event.intent_id, None)
        if asked is None:
            return
        client, request_id, order_id = asked
        if (seat := self._seats.get(client)) is not None:
            stream = seat.stream
            stream.publish(
                p.CancelRefused(
                    seq=stream.next_seq,
                    timestamp=self._now_text(),
                    request_id=request_id,
                    order_id=order_id,
                    message=event.message,
                )
            )

    # Reading

    async def _read(self, seat: Seat, message: ReadRequest) -> None:
        result = await self._result_of(seat, message)
        self._reply(
            seat,
            p.Response(
                request_id=message.request_id,
                answers=_type_of(message),
                timestamp=self._now_text(),
                result=result,
            ),
        )

    async def _result_of(self, seat: Seat, message: ReadRequest) -> msgspec.Raw:
        match message:
            case p.GetOrders():
                return _raw(self._books.orders_for(seat))
            case p.GetTrades():
                return _raw(self._books.trades_for(seat))
            case p.GetBooks():
                return _raw(await self._books_for(seat))
            case p.GetRequest():
                return _raw(await self._fate_of(seat, message))
            case p.GetPositions():
                snapshot = await self._asked(self.session.broker.snapshot())
                return _raw(
                    [
                        p.PositionFields(
                            exchange=each.instrument.partition(":")[0],
                            symbol=each.instrument.partition(":")[2],
                            product=each.product,
                            quantity=each.quantity,
                            buy_value=each.buy_value,
                            sell_value=each.sell_value,
                        )
                        for each in snapshot.positions
                    ]
                )
            case p.GetFunds():
                snapshot = await self._asked(self.session.broker.snapshot())
                return _raw({"available_cash": snapshot.available_cash})
            case p.GetHoldings():
                return await self._asked(self.session.holdings())
            case p.GetQuotes(instruments=instruments):
                check_instruments(instruments)
                return await self._asked(self.session.quotes(instruments))
            case p.GetGtts():
                rows = await self._asked(self.session.gtts())
                return _raw([row for row in rows if self._triggers.may_see(seat, row.id)])
            case p.Subscribe() | p.Unsubscribe():
                return _raw({"unknown": await self._asked(self.quotes.watch(seat, message))})
            case _:
                assert_never(message)

    async def _asked(self, answer: Awaitable[_Answer]) -> _Answer:
        try:
            return await answer
        except KiteError as error:
            raise Refused(Codes.SESSION_FAILED, f"{error.error_type}: {error.message}") from error

    async def _books_for(self, seat: Seat) -> p.Books:
        async with self._one_reading:
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._books_waiters.append(told)
            if not await self.session.broker.reconcile(()):
                raise Refused(Codes.SESSION_FAILED, "the books could not be read; ask again.")
            async with asyncio.timeout(_BOOKS_WITHIN_S):
                await told
        return p.Books(
            seq=seat.stream.seq,
            orders=self._books.orders_for(seat),
            trades=self._books.trades_for(seat),
            added_today=tuple(booked_fields(each) for each in self._books.added),
        )

    async def _fate_of(self, seat: Seat, message: p.GetRequest) -> p.RequestFate:
        entry = self._ledger.find(seat.client.client_id, message.of)
        if entry is None and not message.void:
            return p.RequestFate(fate="UNKNOWN")
        if entry is None:
            entry = Entry(
                client=seat.client.client_id,
                request_id=message.of,
                kind=VOID,
                digest=b"",
                body=b"",
                received_ns=self._clock.now_ns(),
            )
            self._ledger.begin(entry)
            await self._sync(entry)  # only then is it certain that it will never be done
        if entry.kind == VOID:
            return p.RequestFate(fate="VOIDED")
        if entry.answer is None:
            return p.RequestFate(fate="PENDING")
        return p.RequestFate(
            fate="ANSWERED", response=msgspec.json.decode(entry.answer, type=p.Response)
        )

    # Small change

    async def _settle_regularly(self) -> None:
        """Answers may be written a little late: what is lost of them is looked for again."""
        while True:
            await asyncio.sleep(0.2)
            try:
                await self._ledger.sync()
            except LedgerFailed as error:
                _log.error("%s", error)

    def _reply(self, seat: Seat, reply: Reply) -> None:
        if seat.stream.link is not None:
            seat.stream.link.send(p.encode(reply))

    def _error(self, request_id: str | None, error: PatangError) -> p.Error:
        code, field = Codes.SESSION_FAILED, None
        match error:
            case Refused():
                code, field = error.code, error.field
            case InvalidValue():
                code, field = Codes.INVALID_FIELD, error.field
            case LedgerFailed():
                code = Codes.LEDGER_FAILED
            case _:
                pass
        return p.Error(
            code=code,
            message=str(error),
            timestamp=self._now_text(),
            request_id=request_id,
            field=field,
        )

    def _now_text(self) -> str:
        return iso_of(self._clock.now_ns())


def _leave(seat: Seat) -> None:
    seat.in_flight -= 1


def _type_of(message: p.Message) -> str:
    return str(message.__struct_config__.tag)


def _status_of(entry: Entry) -> str | None:
    if entry.answer is None:
        return None
    return msgspec.json.decode(entry.answer, type=p.Response).status


def _order_id_of(entry: Entry) -> str | None:
    if entry.answer is None:
        return None
    return msgspec.json.decode(entry.answer, type=p.Response).order_id


def _raw(result: object) -> msgspec.Raw:
    return msgspec.Raw(p.encode(result))


def _gtt_form(message: p.GttFields) -> GttForm:
    return GttForm(
        type=message.trigger_type,
        exchange=message.exchange,
        tradingsymbol=message.symbol,
        trigger_values=message.trigger_prices,
        last_price=message.last_price,
        orders=tuple(
            GttLeg(
                transaction_type=leg.side,
                quantity=leg.quantity,
                product=leg.product,
                order_type=leg.order_type,
                price=leg.price,
                market_protection=leg.market_protection,
            )
            for leg in message.orders
        ),
    )
