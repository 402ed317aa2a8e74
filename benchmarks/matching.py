"""Order requests through the exchange in process, against a book that searches plain lists.

Ours is the whole of it: request checks, margins, price-time priority, the states that an order goes
through, trades and positions. The peer only matches: it keeps all orders in one list and looks
through it for the best price, for an order to change, and for an order to cancel. Both make the
same trades.
"""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from random import Random

import msgspec

from benchmarks.harness import Measurement, interleave
from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import Instrument
from patang.simulator import Exchange, OrderRequest, Refused

NAME = "matching"
PEER = "a book in one plain list, matching alone"

REQUESTS = 10_000
USERS = ("AA0001", "BB0002", "CC0003", "DD0004")
TARGET_PER_SECOND = 10_000

_START_NS = 1_795_156_200_000_000_000
_STEP_NS = 1_000_000
_TICK = Decimal("0.05")
_MIDDLE = 30_000
_SHARE = Instrument(exchange=ExchangeName.NSE, symbol="SHARE", token=257, tick_size=_TICK)

Trade = tuple[int, int]
"""(ticks, quantity)."""


class Command(msgspec.Struct, frozen=True):
    """One request; ``number`` is the placement that a change or cancel means."""

    kind: str
    user: str = ""
    is_buy: bool = True
    ticks: int = 0
    quantity: int = 0
    number: int = 0


def measure(rounds: int) -> Measurement:
    """Run the same requests through both, ``rounds`` times."""
    script = commands(REQUESTS)
    if run_ours(script) != run_theirs(script):
        raise AssertionError("the two books do not make the same trades")
    mine, peers = interleave(lambda: run_ours(script), lambda: run_theirs(script), rounds)
    work = f"{REQUESTS} requests to place, modify and cancel (target {TARGET_PER_SECOND}/s)"
    return Measurement(NAME, PEER, mine, peers, work)


def commands(count: int, seed: int = 7) -> list[Command]:
    """Half placements, the rest changes and cancels of orders that may still stand."""
    rng = Random(seed)
    script: list[Command] = []
    placed: list[Command] = []
    while len(script) < count:
        kind = rng.random()
        if kind < 0.5 or not placed:
            is_buy = rng.random() < 0.5
            away = rng.randrange(-3, 40)
            command = Command(
                "place",
                rng.choice(USERS),
                is_buy,
                _MIDDLE - away if is_buy else _MIDDLE + away,
                rng.randrange(1, 50),
            )
            placed.append(command)
        else:
            number = max(0, len(placed) - 1 - rng.randrange(400))
            is_buy = placed[number].is_buy
            away = rng.randrange(1, 40)
            ticks = _MIDDLE - away if is_buy else _MIDDLE + away
            command = Command("modify" if kind < 0.75 else "cancel", number=number, ticks=ticks)
        script.append(command)
    return script


def run_ours(script: Sequence[Command]) -> list[Trade]:
    """All trades that the exchange makes of the script."""
    exchange = Exchange([_SHARE], {_SHARE.id: _TICK * _MIDDLE})
    for user in USERS:
        exchange.open_account(user, Decimal(10) ** 12)
    trades: list[Trade] = []
    exchange.on_trade = lambda trade: trades.append((int(trade.price / _TICK), trade.quantity))
    orders: list[str] = []
    owners: list[str] = []
    at_ns = _START_NS
    for command in script:
        at_ns += _STEP_NS
        if command.kind == "place":
            request = OrderRequest(
                instrument=_SHARE.id,
                side=Side.BUY if command.is_buy else Side.SELL,
                quantity=command.quantity,
                order_type=OrderType.LIMIT,
                product=Product.MIS,
                price=command.ticks * _TICK,
            )
            orders.append(exchange.place(command.user, request, at_ns).order_id)
            owners.append(command.user)
            continue
        user, order_id = owners[command.number], orders[command.number]
        # A request for an order that has traded meanwhile is refused, and is work as well.
        with suppress(Refused):
            if command.kind == "modify":
                exchange.modify(user, order_id, at_ns, price=command.ticks * _TICK)
            else:
                exchange.cancel(user, order_id, at_ns)
    # Each trade is told to both of its sides.
    return trades[::2]


class _Listed(msgspec.Struct):
    number: int
    owner: str
    is_buy: bool
    ticks: int
    quantity: int


def run_theirs(script: Sequence[Command]) -> list[Trade]:
    """All trades that the plain list makes of the script."""
    book: list[_Listed] = []
    trades: list[Trade] = []
    count = 0
    for command in script:
        if command.kind == "place":
            order = _Listed(count, command.user, command.is_buy, command.ticks, command.quantity)
            count += 1
            _match(book, order, trades)
            continue
        found = [order for order in book if order.number == command.number]
        for order in found:
            if command.kind == "cancel":
                book.remove(order)
            elif order.ticks != command.ticks:
                book.remove(order)
                order.ticks = command.ticks
                _match(book, order, trades)
    return trades


def _match(book: list[_Listed], order: _Listed, trades: list[Trade]) -> None:
    sign = 1 if order.is_buy else -1
    while order.quantity:
        crossing = [
            one
            for one in book
            if one.is_buy != order.is_buy and (order.ticks - one.ticks) * sign >= 0
        ]
        if not crossing:
            book.append(order)
            return
        best = min(crossing, key=lambda one: one.ticks * sign)
        if best.owner == order.owner:
            return
        quantity = min(order.quantity, best.quantity)
        trades.append((best.ticks, quantity))
        order.quantity -= quantity
        best.quantity -= quantity
        if not best.quantity:
            book.remove(best)
