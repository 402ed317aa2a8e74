"""Protections, one by one replaced by nothing: what the simulation must then notice.

The product knows none of this: a broken part stands in the real one's place from outside.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

import patang.brokers.kite
import patang.brokers.kite_news
from patang.domain.messages import OrderUpdated
from patang.domain.order import Order, OrderStatus
from patang.engine.engine import Engine
from patang.engine.orders import OrderLedger
from patang.kite.governor import Governor
from patang.storage.journal import Journal
from patang.storage.writer import JournalWriter
from patang.wire.translate import place_form


class Broken:
    """Nothing is broken; subclasses put one broken part in."""

    name = ""

    def __init__(self) -> None:
        self._put_back: list[tuple[Any, str, Any]] = []

    def new_governor(self, clock: Any) -> Governor:
        """The gate that a client of the episode passes."""
        return Governor(clock)

    def new_writer(self, journal: Journal) -> JournalWriter:
        """The journal as the node sees it."""
        return JournalWriter(journal)

    def enter(self) -> None:
        """Put the broken part in."""

    def leave(self) -> None:
        """Put the real one back."""
        while self._put_back:
            owner, name, real = self._put_back.pop()
            setattr(owner, name, real)

    def replace(self, owner: Any, name: str, part: Any) -> None:
        """Let ``part`` stand in for ``owner.name`` until ``leave``."""
        self._put_back.append((owner, name, getattr(owner, name)))
        setattr(owner, name, part)


class _HastyWriter(JournalWriter):
    """Says that rows are durable as soon as the disk has been asked."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._asked: set[asyncio.Task[None]] = set()

    async def sync(self) -> None:
        task = asyncio.ensure_future(super().sync())
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)


class NoSync(Broken):
    """Orders leave before their intents are on disk."""

    name = "sync"

    def new_writer(self, journal: Journal) -> JournalWriter:
        return _HastyWriter(journal)


class NoTags(Broken):
    """Orders leave without the mark by which they are found again."""

    name = "tags"

    def enter(self) -> None:
        def untagged(intent: Any) -> Any:
            return msgspec.structs.replace(place_form(intent), tag=None)

        self.replace(patang.brokers.kite, "place_form", untagged)


class NoConfluence(Broken):
    """Whatever was heard last is believed, however old it is."""

    name = "confluence"

    def enter(self) -> None:
        def move(
            ledger: OrderLedger, order: Order, status: OrderStatus, now_ns: int, message: str = ""
        ) -> bool:
            is_new = order.status is not status
            order.status, order.updated_ns = status, now_ns
            ledger._settle(order)
            return is_new

        def is_news(update: OrderUpdated, known: OrderUpdated | None) -> bool:
            return True

        self.replace(OrderLedger, "move", move)
        self.replace(patang.brokers.kite_news, "_is_news", is_news)


class NoHalt(Broken):
    """A halt is noted and nothing comes of it."""

    name = "halt"

    def enter(self) -> None:
        self.replace(Engine, "_halt", lambda _engine, _reason: None)


class _OpenGate(Governor):
    @asynccontextmanager
    async def slot(self, *_: Any, **__: Any) -> AsyncIterator[None]:
        yield


class NoGovernor(Broken):
    """Every request leaves at once."""

    name = "governor"

    def new_governor(self, clock: Any) -> Governor:
        return _OpenGate(clock)


BREAKS: dict[str, type[Broken]] = {
    one.name: one for one in (NoSync, NoTags, NoConfluence, NoHalt, NoGovernor)
}
"""What ``--break`` can switch off."""
