"""The paper broker: orders trade in the simulator's books, and no byte leaves the process.

The exchange it is given decides what those books are: agents' orders in a simulated market, or a
live market's depth that ``follow`` mirrors tick by tick. Product rules, rejects, margins and the
life of an order are the simulator's in both.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal

from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.domain.enums import Mode
from patang.domain.instrument import InstrumentId
from patang.domain.market import Tick
from patang.domain.messages import (
    BookedPosition,
    BooksRead,
    BrokerEvent,
    CancelOrder,
    CancelRefused,
    Effect,
    FillReceived,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUpdated,
)
from patang.domain.order import Fill, Order, OrderIntent, OrderStatus
from patang.simulator.errors import Refused
from patang.simulator.exchange import Exchange
from patang.simulator.orders import OrderRequest, SimOrder, SimTrade
from patang.wire.translate import status_of


class PaperBroker:
    """One account of a simulated exchange. ``now_ns`` is the venue's clock, UTC nanoseconds.

    ``execute`` and ``take_events`` are the synchronous core, for simulations that keep their own
    time; ``submit`` and ``events`` are the same behind the port.
    """

    mode = Mode.PAPER

    def __init__(
        self, exchange: Exchange, account: str, cash: Decimal, now_ns: Callable[[], int]
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._now_ns = now_ns
        self._events: deque[BrokerEvent] = deque()
        self._arrived = asyncio.Event()
        exchange.open_account(account, cash)
        # Several brokers may trade one exchange: whoever listened before is still told.
        self._told_order_before = exchange.on_order
        self._told_trade_before = exchange.on_trade
        exchange.on_order = self._on_order
        exchange.on_trade = self._on_trade

    def follow(self, tick: Tick) -> None:
        """Let the instrument's book stand where a live market's does."""
        instrument = self._exchange.venue(tick.instrument).instrument
        self._exchange.mirror(
            tick.instrument,
            self._now_ns(),
            last_price=instrument.price_from_float(tick.last_price),
            bids=[(instrument.price_from_float(b.price), b.quantity) for b in tick.bids],
            asks=[(instrument.price_from_float(a.price), a.quantity) for a in tick.asks],
        )

    def execute(self, command: Effect, at_ns: int) -> None:
        """Do what the command says at ``at_ns``; what comes of it waits in ``take_events``."""
        if isinstance(command, CancelOrder):
            try:
                self._exchange.cancel(self._account, command.order_id, at_ns)
            except Refused as refused:
                self._post(
                    CancelRefused(at_ns=at_ns, intent_id=command.intent_id, message=refused.message)
                )
            return
        intent = command.intent
        try:
            order = self._exchange.place(self._account, _request(intent), at_ns)
        except Refused as refused:
            self._post(
                OrderRefused(
                    at_ns=at_ns,
                    intent_id=intent.intent_id,
                    code=refused.error_type,
                    message=refused.message,
                )
            )
        else:
            self._post(
                OrderAccepted(at_ns=at_ns, intent_id=intent.intent_id, order_id=order.order_id)
            )

    def take_events(self) -> list[BrokerEvent]:
        """Everything that happened since the last call, oldest first."""
        events = list(self._events)
        self._events.clear()
        return events

    async def submit(self, command: Effect) -> None:
        """Send one command; see ``Broker.submit``."""
        self.execute(command, self._now_ns())

    def allow_entries(self, are_allowed: bool) -> None:
        """Orders never wait here: what was submitted has left."""

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """What happens to this account's orders; see ``Broker.events``."""
        while True:
            while self._events:
                yield self._events.popleft()
            self._arrived.clear()
            await self._arrived.wait()

    async def snapshot(self) -> AccountSnapshot:
        """The account's books at this moment."""
        at_ns, exchange, user = self._now_ns(), self._exchange, self._account
        return AccountSnapshot(
            at_ns=at_ns,
            orders=tuple(_updated(order, at_ns) for order in exchange.orders(user)),
            trades=tuple(_fill(trade) for trade in exchange.trades(user)),
            positions=tuple(
                BrokerPosition(
                    instrument=p.instrument,
                    product=p.product,
                    quantity=p.quantity,
                    buy_value=p.buy_value,
                    sell_value=p.sell_value,
                    buy_quantity=p.buy_quantity,
                    sell_quantity=p.sell_quantity,
                )
                for p in exchange.positions(user)
            ),
            available_cash=exchange.funds(user).available,
        )

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        """Tell the account's books anew; see ``Broker.reconcile``."""
        at_ns, exchange, user = self._now_ns(), self._exchange, self._account
        for trade in exchange.trades(user):
            tag = exchange.order(user, trade.order_id).tag
            self._post(FillReceived(at_ns=at_ns, fill=_fill(trade), tag=tag))
        for order in exchange.orders(user):
            self._post(_updated(order, at_ns))
        placed = {order.tag for order in exchange.orders(user)}
        for known in orders:
            if known.status is OrderStatus.UNRESOLVED and known.intent.tag not in placed:
                # No request travels here: what is not in the books was never placed.
                intent_id = known.intent.intent_id
                self._post(OrderNotPlaced(at_ns=at_ns, intent_id=intent_id, reads=1))
        positions = tuple(
            BookedPosition(instrument=p.instrument, product=p.product, quantity=p.quantity)
            for p in exchange.positions(user)
        )
        self._post(BooksRead(at_ns=at_ns, positions=positions))
        return True

    def _post(self, event: BrokerEvent) -> None:
        self._events.append(event)
        self._arrived.set()

    def _on_order(self, order: SimOrder) -> None:
        self._told_order_before(order)
        if order.user_id == self._account:
            self._post(_updated(order, self._exchange.now_ns))

    def _on_trade(self, trade: SimTrade) -> None:
        self._told_trade_before(trade)
        if trade.user_id == self._account:
            order = self._exchange.order(self._account, trade.order_id)
            self._post(FillReceived(at_ns=trade.time_ns, fill=_fill(trade), tag=order.tag))


def _request(intent: OrderIntent) -> OrderRequest:
    return OrderRequest(
        instrument=intent.instrument,
        side=intent.side,
        quantity=intent.quantity,
        order_type=intent.order_type,
        product=intent.product,
        price=intent.price,
        trigger_price=intent.trigger_price,
        validity=intent.validity,
        variety=intent.variety,
        market_protection=intent.market_protection,
        tag=intent.tag,
    )


def _updated(order: SimOrder, at_ns: int) -> OrderUpdated:
    return OrderUpdated(
        at_ns=at_ns,
        order_id=order.order_id,
        tag=order.tag,
        instrument=InstrumentId(order.instrument),
        side=order.side,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        status=OrderStatus(status_of(order.status)),
        exchange_ns=order.update_ns,
        message=order.status_message or "",
    )


def _fill(trade: SimTrade) -> Fill:
    return Fill(
        trade_id=trade.trade_id,
        order_id=trade.order_id,
        instrument=trade.instrument,
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        product=trade.product,
        time_ns=trade.time_ns,
    )
