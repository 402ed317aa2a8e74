"""The audit of a run: every order with who wanted it, why, what was decided and what became of it.

Built from the journal alone, without the engine or the strategies, so it can be drawn up on any
machine and by any later release. Orders of other hands (phone, web) and orders that the risk gate
refused stand in it, too.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from patang.domain.messages import (
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderDenied,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    ReservationReleased,
    RunStarted,
    SubmitOrder,
)
from patang.domain.money import ZERO
from patang.domain.order import REPORTED, Fill, OrderIntent, OrderStatus, can_move
from patang.runtime.journal_entries import Entry

Source = Literal["patang", "external"]


class AuditedOrder(msgspec.Struct, kw_only=True):
    """One order. Prices and values in rupees, times UTC ns, ``None`` where nothing was said.

    ``reason`` is the strategy's own, ``verdict`` the risk gate's (``APPROVED``, or the code of its
    refusal); ``order_ids`` are the broker's; ``rows`` are the journal rows that speak of it.
    """

    source: Source
    run_id: str
    account: str
    mode: str
    intent_id: str | None = None
    tag: str | None = None
    order_ids: list[str] = []
    strategy: str | None = None
    instrument: str
    side: str
    quantity: int
    order_type: str | None = None
    product: str | None = None
    variety: str | None = None
    validity: str | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    market_protection: Decimal | None = None
    reduces: bool | None = None
    reason: str = ""
    verdict: str | None = None
    verdict_message: str = ""
    decided_ns: int | None = None
    first_ns: int | None = None
    status: OrderStatus
    filled_quantity: int = 0
    average_price: Decimal | None = None
    trade_ids: list[str] = []
    cancel_reason: str = ""
    messages: list[str] = []
    last_ns: int | None = None
    rows: list[int] = []


def audit_orders(entries: Iterable[Entry]) -> list[AuditedOrder]:
    """Every order the entries speak of, in the order they first do."""
    audit = _Audit()
    for entry in entries:
        audit.take(entry)
    return audit.orders


class _Audit:
    def __init__(self) -> None:
        self.orders: list[AuditedOrder] = []
        self._by_name: dict[str, AuditedOrder] = {}
        self._fills: dict[str, list[Fill]] = {}  # by order id
        self._run_id = self._account = self._mode = ""

    def take(self, entry: Entry) -> None:
        match entry.message:
            case RunStarted(run=run):
                self._run_id, self._account = run.run_id, run.account
                self._mode = run.mode.value
            case SubmitOrder(intent=intent):
                self._decide(entry, intent, OrderStatus.SUBMITTED, "APPROVED", "")
            case OrderDenied(intent=intent, code=code, message=message):
                self._decide(entry, intent, OrderStatus.DENIED, code, message)
            case CancelOrder(intent_id=name, reason=reason):
                order = self._note(entry, name)
                if order is not None:
                    order.cancel_reason = reason
                    self._move(order, OrderStatus.CANCEL_PENDING)
            case OrderAccepted(intent_id=name, order_id=order_id):
                order = self._note(entry, name)
                if order is not None:
                    self._name(order, order_id)
                    self._move(order, OrderStatus.ACCEPTED)
            case OrderRefused(intent_id=name, code=code, message=message):
                self._end(entry, name, OrderStatus.REJECTED, f"{code}: {message}")
            case OrderUnresolved(intent_id=name, reason=reason):
                self._end(entry, name, OrderStatus.UNRESOLVED, reason)
            case OrderNotPlaced(intent_id=name, reads=reads):
                told = f"absent from {reads} order books in a row"
                self._end(entry, name, OrderStatus.NOT_PLACED, told)
            case ReservationReleased(intent_id=name, by=by, reason=reason):
                self._note(entry, name, f"released by {by}: {reason}")
            case CancelRefused(intent_id=name, message=message):
                order = self._note(entry, name, f"cancel refused: {message}")
                if order is not None:
                    self._move(order, OrderStatus.OPEN)
            case OrderUpdated() as update:
                self._update(entry, update)
            case FillReceived() as received:
                self._fill(entry, received)
            case _:  # ticks, timers, bars, alarms: nothing that becomes of an order
                return

    def _decide(
        self, entry: Entry, intent: OrderIntent, status: OrderStatus, verdict: str, message: str
    ) -> None:
        order = AuditedOrder(
            run_id=self._run_id,
            account=self._account,
            mode=self._mode,
            source="patang",
            intent_id=intent.intent_id,
            tag=intent.tag,
            strategy=intent.strategy,
            instrument=intent.instrument,
            side=intent.side.value,
            quantity=intent.quantity,
            order_type=intent.order_type.value,
            product=intent.product.value,
            variety=intent.variety.value,
            validity=intent.validity.value,
            price=intent.price,
            trigger_price=intent.trigger_price,
            market_protection=intent.market_protection,
            reduces=intent.reduces,
            reason=intent.reason,
            verdict=verdict,
            verdict_message=message,
            decided_ns=intent.created_ns,
            status=status,
            first_ns=entry.at_ns,
            last_ns=entry.at_ns,
            rows=[entry.sequence],
        )
        self.orders.append(order)
        if status is OrderStatus.SUBMITTED:
            self._by_name[intent.intent_id] = self._by_name[intent.tag] = order

    def _update(self, entry: Entry, update: OrderUpdated) -> None:
        order = self._find(update.order_id, update.tag, update.instrument, update.side.value)
        if order is None:
            order = self._adopt(update.order_id, update.tag, update.instrument, update.side.value)
            order.quantity, order.status = update.quantity, update.status
        self._say(order, entry, update.message)
        self._name(order, update.order_id)
        if update.status in REPORTED:
            self._move(order, update.status)

    def _fill(self, entry: Entry, received: FillReceived) -> None:
        fill = received.fill
        order = self._find(fill.order_id, received.tag, fill.instrument, fill.side.value)
        if order is None:
            order = self._adopt(fill.order_id, received.tag, fill.instrument, fill.side.value)
        self._say(order, entry)
        self._name(order, fill.order_id)
        if fill.trade_id not in order.trade_ids and fill.fault is None:
            self._fills.setdefault(fill.order_id, []).append(fill)
            self._count(order)

    def _count(self, order: AuditedOrder) -> None:
        fills = [fill for name in order.order_ids for fill in self._fills.get(name, ())]
        order.trade_ids = [fill.trade_id for fill in fills]
        order.filled_quantity = sum(fill.quantity for fill in fills)
        if order.source == "external":
            order.quantity = max(order.quantity, order.filled_quantity)
        if fills:
            value = sum((fill.value for fill in fills), ZERO)
            order.average_price = value / order.filled_quantity

    def _adopt(self, order_id: str, tag: str | None, instrument: str, side: str) -> AuditedOrder:
        order = AuditedOrder(
            run_id=self._run_id,
            account=self._account,
            mode=self._mode,
            source="external",
            tag=tag,
            instrument=instrument,
            side=side,
            quantity=0,
            status=OrderStatus.ACCEPTED,
        )
        self.orders.append(order)
        self._name(order, order_id)
        return order

    def _find(
        self, order_id: str, tag: str | None, instrument: str, side: str
    ) -> AuditedOrder | None:
        order = self._by_name.get(order_id)
        if order is None and tag is not None:
            order = self._by_name.get(tag)
        # As the engine has it: a tag on another instrument or side is not our doing.
        if order is None or (order.instrument, order.side) != (instrument, side):
            return None
        return order

    def _note(self, entry: Entry, name: str, message: str = "") -> AuditedOrder | None:
        order = self._by_name.get(name)
        if order is not None:
            self._say(order, entry, message)
        return order

    def _end(self, entry: Entry, name: str, status: OrderStatus, message: str) -> None:
        order = self._note(entry, name, message)
        if order is not None and not (status is OrderStatus.REJECTED and order.order_ids):
            self._move(order, status)

    def _name(self, order: AuditedOrder, order_id: str) -> None:
        if order_id in order.order_ids:
            return
        order.order_ids.append(order_id)
        taken = self._by_name.get(order_id)
        self._by_name[order_id] = order
        if taken is not None and taken is not order and taken.source == "external":
            # News that came before the reply which names the order: it was ours all along.
            self.orders.remove(taken)
            order.rows = sorted({*order.rows, *taken.rows})
            self._move(order, OrderStatus.ACCEPTED)
            self._move(order, taken.status)
            self._count(order)

    @staticmethod
    def _say(order: AuditedOrder, entry: Entry, message: str = "") -> None:
        if message and message not in order.messages:
            order.messages.append(message)
        order.first_ns = entry.at_ns if order.first_ns is None else order.first_ns
        order.last_ns = entry.at_ns
        if entry.sequence not in order.rows:
            order.rows.append(entry.sequence)

    @staticmethod
    def _move(order: AuditedOrder, status: OrderStatus) -> None:
        if can_move(order.status, status):
            order.status = status
