"""What every broker must do, as tests: for Patang's own brokers and for yours.

Subclass ``BrokerConformance`` in a test module, say how a broker is opened, and run pytest with
pytest-asyncio in auto mode::

    class TestMyBroker(BrokerConformance):
        @asynccontextmanager
        async def trading(self):
            async with MyBroker(...) as broker:
                yield Trading(broker, instrument=..., buy_at=..., rest_at=..., product=...)

The account must be empty, the market open and liquid at ``buy_at``.
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Self, TypeVar

from patang.brokers.port import Broker
from patang.domain.enums import Mode, OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.messages import (
    BooksRead,
    BrokerEvent,
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    SubmitOrder,
)
from patang.domain.order import Order, OrderIntent, OrderStatus

_E = TypeVar("_E", bound=BrokerEvent)
_numbers = itertools.count(1)


class Trading:
    """An open broker, what it told, and prices at which something happens.

    A LIMIT buy at ``buy_at`` rupees trades at once, one at ``rest_at`` rests in the book;
    ``quantity`` is small enough for both. ``patience_s`` is real seconds.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        instrument: InstrumentId,
        buy_at: Decimal,
        rest_at: Decimal,
        quantity: int = 10,
        product: Product = Product.MIS,
        patience_s: float = 15.0,
        run: str = "conf",
    ) -> None:
        self.broker = broker
        self.told: list[BrokerEvent] = []
        self._instrument = instrument
        self._buy_at = buy_at
        self._rest_at = rest_at
        self._quantity = quantity
        self._product = product
        self._patience_s = patience_s
        self._run = run
        self._changed = asyncio.Condition()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        async for event in self.broker.events():
            async with self._changed:
                self.told.append(event)
                self._changed.notify_all()

    def of(self, kind: type[_E]) -> list[_E]:
        """The events of one kind, in order."""
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, claim: Callable[[], bool]) -> None:
        """Return once the claim holds of what was told; raises ``TimeoutError``."""
        async with asyncio.timeout(self._patience_s), self._changed:
            await self._changed.wait_for(claim)

    def intent(
        self,
        *,
        is_resting: bool = False,
        side: Side = Side.BUY,
        quantity: int | None = None,
        instrument: str | None = None,
        reduces: bool = False,
    ) -> OrderIntent:
        """A new intent with a tag of its own."""
        number = next(_numbers)
        return OrderIntent(
            intent_id=f"{self._run}-{number}",
            tag=f"{self._run}{number}",
            strategy="conformance",
            instrument=InstrumentId(instrument or self._instrument),
            side=side,
            quantity=self._quantity if quantity is None else quantity,
            order_type=OrderType.LIMIT,
            price=self._rest_at if is_resting else self._buy_at,
            product=self._product,
            created_ns=0,
            reduces=reduces,
        )

    async def submit(self, intent: OrderIntent) -> OrderIntent:
        """Submit an intent, and return it."""
        await self.broker.submit(SubmitOrder(intent=intent))
        return intent

    async def accepted(self, intent: OrderIntent) -> str:
        """Wait until the broker names the order."""
        await self.until(lambda: self._id_of(intent) is not None)
        order_id = self._id_of(intent)
        assert order_id is not None
        return order_id

    def _id_of(self, intent: OrderIntent) -> str | None:
        for event in self.of(OrderAccepted):
            if event.intent_id == intent.intent_id:
                return event.order_id
        return None

    def status_of(self, order_id: str) -> OrderStatus | None:
        """The newest status that was told of an order."""
        told = [x.status for x in self.of(OrderUpdated) if x.order_id == order_id]
        return told[-1] if told else None

    async def reached(self, order_id: str, status: OrderStatus) -> None:
        """Wait until the order is said to be there."""
        await self.until(lambda: self.status_of(order_id) is status)

    def filled(self, order_id: str) -> int:
        """Units of the trades that were told of an order; reading the books may repeat them."""
        trades = {x.fill.trade_id: x.fill for x in self.of(FillReceived)}
        return sum(fill.quantity for fill in trades.values() if fill.order_id == order_id)


# ruff: noqa: S101, D102 - these are tests, and their names are what they claim
class BrokerConformance(ABC):
    """The suite. ``trading`` opens a broker before an empty account."""

    mode: Mode = Mode.SANDBOX

    @abstractmethod
    def trading(self) -> AbstractAsyncContextManager[Trading]: ...

    async def test_mode_is_the_one_it_is_for(self) -> None:
        async with self.trading() as trading:
            assert trading.broker.mode is self.mode

    async def test_order_that_crosses_is_accepted_then_filled_whole(self) -> None:
        async with self.trading() as trading:
            intent = await trading.submit(trading.intent())
            order_id = await trading.accepted(intent)
            await trading.reached(order_id, OrderStatus.FILLED)
            assert trading.filled(order_id) == intent.quantity
            assert all(x.fill.price <= (intent.price or 0) for x in trading.of(FillReceived))
            assert {x.tag for x in trading.of(FillReceived)} == {intent.tag}
            assert len(trading.of(OrderAccepted)) == 1

    async def test_no_trade_is_told_twice(self) -> None:
        async with self.trading() as trading:
            for _ in range(3):
                order_id = await trading.accepted(await trading.submit(trading.intent()))
                await trading.reached(order_id, OrderStatus.FILLED)
            told = [x.fill.trade_id for x in trading.of(FillReceived)]
            assert len(told) == len(set(told))
            snapshot = await trading.broker.snapshot()
            assert set(told) == {fill.trade_id for fill in snapshot.trades}

    async def test_resting_order_is_open_until_it_is_cancelled(self) -> None:
        async with self.trading() as trading:
            intent = await trading.submit(trading.intent(is_resting=True))
            order_id = await trading.accepted(intent)
            await trading.broker.submit(
                CancelOrder(intent_id=intent.intent_id, order_id=order_id, reason="test")
            )
            await trading.reached(order_id, OrderStatus.CANCELLED)
            assert trading.filled(order_id) == 0
            assert trading.of(CancelRefused) == []

    async def test_cancel_of_a_filled_order_is_refused_and_changes_nothing(self) -> None:
        async with self.trading() as trading:
            intent = await trading.submit(trading.intent())
            order_id = await trading.accepted(intent)
            await trading.reached(order_id, OrderStatus.FILLED)
            await trading.broker.submit(
                CancelOrder(intent_id=intent.intent_id, order_id=order_id, reason="late")
            )
            await trading.until(lambda: bool(trading.of(CancelRefused)))
            assert trading.of(CancelRefused)[0].intent_id == intent.intent_id
            assert trading.status_of(order_id) is OrderStatus.FILLED

    async def test_what_cannot_be_traded_is_refused_and_leaves_no_order(self) -> None:
        async with self.trading() as trading:
            intent = await trading.submit(trading.intent(instrument="NSE:NOSUCHSHARE"))
            await trading.until(lambda: bool(trading.of(OrderRefused)))
            (refused,) = trading.of(OrderRefused)
            assert refused.intent_id == intent.intent_id
            assert refused.code
            assert refused.message
            assert trading.of(OrderAccepted) == []
            assert (await trading.broker.snapshot()).orders == ()

    async def test_snapshot_agrees_with_what_was_told(self) -> None:
        async with self.trading() as trading:
            bought = await trading.accepted(await trading.submit(trading.intent()))
            await trading.reached(bought, OrderStatus.FILLED)
            resting = await trading.accepted(await trading.submit(trading.intent(is_resting=True)))
            snapshot = await trading.broker.snapshot()
            states = {x.order_id: (x.status, x.filled_quantity) for x in snapshot.orders}
            assert states[bought] == (OrderStatus.FILLED, trading.filled(bought))
            assert not states[resting][0].is_done
            (position,) = snapshot.positions
            assert position.quantity == trading.filled(bought)
            value = sum((x.fill.value for x in trading.of(FillReceived)), Decimal(0))
            assert position.buy_value == value

    async def test_reconciling_tells_the_books_last(self) -> None:
        async with self.trading() as trading:
            order_id = await trading.accepted(await trading.submit(trading.intent()))
            await trading.reached(order_id, OrderStatus.FILLED)
            assert await trading.broker.reconcile(())
            await trading.until(lambda: bool(trading.of(BooksRead)))
            (books,) = trading.of(BooksRead)
            assert [x.quantity for x in books.positions] == [trading.filled(order_id)]
            assert trading.told.index(books) > trading.told.index(trading.of(FillReceived)[-1])

    async def test_order_of_a_process_that_is_gone_is_never_called_accepted(self) -> None:
        async with self.trading() as trading:
            lost = trading.intent()
            unknown = Order(intent=lost, status=OrderStatus.UNRESOLVED)
            assert await trading.broker.reconcile([unknown])
            await trading.until(lambda: bool(trading.of(BooksRead)))
            ids = {x.intent_id for x in trading.of(OrderAccepted)}
            assert lost.intent_id not in ids
            assert trading.of(OrderUnresolved) == []

    async def test_selling_what_was_bought_leaves_nothing(self) -> None:
        async with self.trading() as trading:
            first = await trading.accepted(await trading.submit(trading.intent()))
            await trading.reached(first, OrderStatus.FILLED)
            exit_intent = trading.intent(side=Side.SELL, reduces=True, is_resting=True)
            second = await trading.accepted(await trading.submit(exit_intent))
            await trading.reached(second, OrderStatus.FILLED)
            snapshot = await trading.broker.snapshot()
            assert sum(x.quantity for x in snapshot.positions) == 0
