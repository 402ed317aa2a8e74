"""Many orders in one call, with one result for each: nothing collapses into the first error.

Every request is sent once. A result that is not known stays ``UNKNOWN``, and after a cancellation
the order book itself says what is left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.order import OrderStatus
from patang.kite.analytics import working_orders
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.errors import OrderOutcomeUnknown
from patang.kite.governor import Lane
from patang.kite.order_calls import place_form
from patang.wire.errors import KiteError, TokenException
from patang.wire.forms import PlaceForm
from patang.wire.rows import OrderRow
from patang.wire.translate import status_of

LOOKS_S = (0.3, 1.0, 3.0)
"""When the order book is read again after the cancels, in venue seconds after the last read."""


class Outcome(StrEnum):
    """What became of one request of many."""

    ACCEPTED = "ACCEPTED"
    """Kite took it: an order id, or a cancel under way."""
    REFUSED = "REFUSED"
    """It did not happen; ``error`` says why."""
    UNKNOWN = "UNKNOWN"
    """It may have happened: look in the order book, do not send it again."""
    NOT_SENT = "NOT_SENT"
    """An earlier item showed that the session is dead, so this one was kept."""


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """One item's result; ``index`` is its place in the request.

    ``order`` is what was asked: the form or keywords to place, or the row to cancel. ``order_id``
    is the id that Kite gave, when it took the request.
    """

    index: int
    outcome: Outcome
    order: Any
    order_id: str | None = None
    error: KiteError | InvalidValue | None = None


class CancelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``cancel_all_orders`` did, and what is still working at its last look.

    ``error`` is set when that look failed; ``leftovers`` then holds the look before.
    """

    results: tuple[BulkResult, ...]
    leftovers: tuple[OrderRow, ...]
    error: KiteError | None = None

    @property
    def is_clean(self) -> bool:
        """Whether the order book shows that nothing is left."""
        return not self.leftovers and self.error is None


async def place_orders_bulk(
    kite: Kite,
    orders: Sequence[PlaceForm | Mapping[str, Any]],
    *,
    lane: Lane = Lane.ENTRY,
    on_result: Callable[[BulkResult], None] | None = None,
) -> list[BulkResult]:
    """Place orders one after another, in their order; return one result for each.

    An order is a ``PlaceForm`` or the keywords of ``place_order``. An error ends nothing but its
    own item, except that after a dead session the rest is not sent. The client's governor paces
    them, in ``lane``. ``on_result`` hears every result at once, so that an interruption loses none.
    """
    _refuse_blocking(kite)

    async def place(index: int, order: PlaceForm | Mapping[str, Any]) -> str:
        return await kite.place(_form(index, order), lane)

    results: list[BulkResult] = []
    dead: TokenException | None = None
    for index, order in enumerate(orders):
        if dead is not None:
            result = BulkResult(index=index, outcome=Outcome.NOT_SENT, order=order, error=dead)
        else:
            result = await _one(index, order, partial(place, index, order))
        if isinstance(result.error, TokenException):
            dead = result.error
        results.append(result)
        if on_result is not None:
            on_result(result)
    return results


def _form(index: int, order: PlaceForm | Mapping[str, Any]) -> PlaceForm:
    if isinstance(order, PlaceForm):
        return order
    try:
        return place_form(**order)
    except TypeError as mistake:  # keywords that place_order does not have, or lacks
        raise InvalidValue(f"orders[{index}]", f"{mistake}.") from mistake


def _refuse_blocking(kite: Kite) -> None:
    if not isinstance(kite, Kite):
        raise InvalidValue(
            "kite",
            f"a {type(kite).__module__}.{type(kite).__qualname__} cannot be awaited.",
            "Pass patang.kite.Kite, or use patang.kite.sync.KiteAnalytics in a script.",
        )


async def cancel_all_orders(
    kite: Kite,
    symbol: str | None = None,
    *,
    clock: Clock | None = None,
    at_once: int = 5,
    looks_s: Sequence[float] = LOOKS_S,
) -> CancelReport:
    """Ask to cancel every order that is not at its end, then look what is left.

    Open orders, stops that wait for their trigger, after-market orders and every interim state
    are cancelled; one whose cancel is already under way is only watched. ``symbol`` (a trading
    symbol or ``EXCHANGE:SYMBOL``) limits it to one instrument.

    Raises:
        KiteError: the order book could not be read at the start; nothing was sent.
        InvalidValue: no order of the day is for ``symbol``: a misspelling must not look like
            "all clean". Nothing was sent.
    """
    _refuse_blocking(kite)
    if at_once < 1:
        raise InvalidValue("at_once", f"{at_once} is below 1.")
    clock = clock or kite.clock
    book = await kite.orders()
    _check_symbol(book, symbol)
    working = working_orders(book, symbol)
    asked = [row for row in working if status_of(row.status) is not OrderStatus.CANCEL_PENDING]
    results = await _cancel_each(kite, asked, at_once)
    error: KiteError | None = None
    for wait_s in looks_s if working else ():
        await clock.sleep(wait_s)
        try:
            working = working_orders(await kite.orders(), symbol)
        except KiteError as failure:
            error = failure
            continue
        error = None
        if not working:
            break
    return CancelReport(results=tuple(results), leftovers=tuple(working), error=error)


def _check_symbol(book: Sequence[OrderRow], symbol: str | None) -> None:
    known = {f"{row.exchange}:{row.tradingsymbol}" for row in book}
    if symbol is None or symbol in known | {row.tradingsymbol for row in book}:
        return
    listed = ", ".join(sorted(known)) or "none"
    raise InvalidValue(
        "symbol", f"no order of today is for {symbol!r}.", f"Today's orders are for: {listed}."
    )


async def _cancel_each(kite: Kite, rows: list[OrderRow], at_once: int) -> list[BulkResult]:
    turn = asyncio.Semaphore(at_once)

    async def cancel(index: int, row: OrderRow) -> BulkResult:
        async with turn:
            return await _one(
                index,
                row,
                lambda: kite.cancel_order(row.variety, row.order_id, row.parent_order_id or None),
            )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cancel(index, row)) for index, row in enumerate(rows)]
    return [task.result() for task in tasks]


async def _one(index: int, order: Any, send: Callable[[], Awaitable[str]]) -> BulkResult:
    error: KiteError | InvalidValue
    outcome = Outcome.REFUSED
    try:
        order_id = await send()
    except OrderOutcomeUnknown as unknown:
        outcome, error = Outcome.UNKNOWN, unknown
    except (KiteError, InvalidValue) as refusal:
        error = refusal
    else:
        return BulkResult(index=index, outcome=Outcome.ACCEPTED, order=order, order_id=order_id)
    return BulkResult(index=index, outcome=outcome, order=order, error=error)
