"""The port every broker implements, and nothing else: submit, events, snapshot."""

from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Protocol

import msgspec

from patang.domain.enums import Mode, Product
from patang.domain.instrument import InstrumentId
from patang.domain.messages import BrokerEvent, Effect, OrderUpdated
from patang.domain.order import Fill, Order


class BrokerPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One net position in the broker's books. Values in rupees; ``quantity`` short negative.

    The last four are absent where the broker does not tell them.
    """

    instrument: InstrumentId
    product: Product
    quantity: int
    buy_value: Decimal
    sell_value: Decimal
    buy_quantity: int | None = None
    sell_quantity: int | None = None
    last_price: Decimal | None = None
    pnl: Decimal | None = None


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's books at one moment, for start-up, reconciliation and the end-of-run check."""

    at_ns: int
    orders: tuple[OrderUpdated, ...]
    trades: tuple[Fill, ...]
    positions: tuple[BrokerPosition, ...]
    available_cash: Decimal


class Broker(Protocol):
    """Where orders go. One instance trades one account."""

    @property
    def mode(self) -> Mode:
        """The mode this broker may be used in; a node of another mode refuses it."""
        ...

    async def submit(self, command: Effect) -> None:
        """Send one command, at most once. Its outcome arrives through ``events``.

        Never raises for what the broker or the network does: refusals and unknown outcomes are
        events.
        """
        ...

    def allow_entries(self, are_allowed: bool) -> None:
        """Say from now on whether orders that open or add to a position may leave.

        Where not, those that still wait for their turn are refused with the code HALTED.
        """
        ...

    def events(self) -> AsyncIterator[BrokerEvent]:
        """What happens to this account's orders, in the order it was learnt."""
        ...

    async def snapshot(self) -> AccountSnapshot:
        """Read the account's orders, trades, positions and cash afresh."""
        ...

    async def reconcile(self, orders: Iterable[Order]) -> bool:
        """Read the books whole; what they hold comes through ``events``, ``BooksRead`` last.

        ``orders`` are those of the run so far, perhaps placed by a process that is gone: any whose
        outcome is unknown is looked for. Returns whether everything could be read; if not, no
        ``BooksRead`` comes. May be called again.
        """
        ...
