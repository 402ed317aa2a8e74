"""The promises, held against the exchange's own books once an episode has come to rest."""

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from patang.domain.money import ZERO
from patang.domain.order import OrderStatus
from patang.runtime.recovery import recovered
from patang.storage.chain import SEAL, Seal
from patang.storage.journal import Journal
from tests.simulation.simulated_day import books

if TYPE_CHECKING:
    from tests.simulation.episode import World

_PER_SECOND = 10
_PER_MINUTE = 400


def check_books(world: "World") -> None:
    """At most one order for an intent; orders, trades, positions and cash are the exchange's."""
    process = world.process
    assert process is not None
    engine, exchange = process.engine, world.market.exchange
    truth = books(exchange, engine.spec.account)
    tags = Counter(order.tag for order in truth.orders if order.tag)
    for tag, count in tags.items():
        if count > 1:
            world.violate("at most one", f"tag {tag} has {count} orders")
    untagged = sum(order.tag is None for order in truth.orders)
    if untagged != world.happened["order_by_hand"]:
        by_hand = world.happened["order_by_hand"]
        world.violate("at most one", f"{untagged} orders of no intent, {by_hand} placed by hand")
    theirs = {order.order_id: order for order in truth.orders}
    by_tag = {order.tag: order for order in truth.orders if order.tag}
    for order in engine.ledger.orders.values():
        name, status = order.intent.intent_id, order.status
        placed = by_tag.get(order.intent.tag)
        if order.order_id is None:
            if placed is not None:
                world.violate("no invented outcome", f"{name} is {status}, yet {placed.order_id}")
            elif status not in (OrderStatus.REJECTED, OrderStatus.NOT_PLACED):
                world.violate("no invented outcome", f"{name} ends {status} without an order")
            continue
        if placed is None or placed.order_id != order.order_id:
            world.violate("convergence", f"{name} is {order.order_id}, the exchange has {placed}")
        elif (placed.status, placed.filled_quantity) != (status, order.filled_quantity):
            world.violate(
                "convergence",
                f"{name} {order.order_id}: {status} {order.filled_quantity} with us, "
                f"{placed.status} {placed.filled_quantity} there",
            )
    ours = {order.intent.tag for order in engine.ledger.orders.values()}
    for order in theirs.values():
        if order.tag is not None and order.tag not in ours:
            world.violate("durable before wire", f"{order.order_id} {order.tag} is of no intent")
    portfolio = engine.portfolio
    if portfolio.fills != len(truth.trades):
        world.violate("convergence", f"{portfolio.fills} trades with us, {len(truth.trades)} there")
    mine = {
        (p.instrument, p.product): (p.quantity, p.buy_value, p.sell_value)
        for p in portfolio.positions()
    }
    there = {
        (p.instrument, p.product): (p.quantity, p.buy_value, p.sell_value) for p in truth.positions
    }
    for key in sorted({**mine, **there}):
        if mine.get(key) != there.get(key):
            world.violate("convergence", f"{key}: {mine.get(key)} with us, {there.get(key)} there")
    cash = exchange.funds(engine.spec.account).cash - portfolio.charges
    if portfolio.cash != cash:
        world.violate("the books balance", f"cash {portfolio.cash} with us, {cash} there")
    worth = portfolio.opening_cash + sum((p.realised for p in portfolio.positions()), ZERO)
    flat = all(p.quantity == 0 for p in portfolio.positions())
    if flat and portfolio.cash != worth - portfolio.charges:
        world.violate("the books balance", f"flat with {portfolio.cash}, not {worth} less charges")


def check_network(world: "World") -> None:
    """The governor held, and no byte went anywhere else."""
    sent = world.network.sent
    for length_s, most in ((1, _PER_SECOND), (60, _PER_MINUTE)):
        windows = Counter(one.arrived_ns // (length_s * 1_000_000_000) for one in sent)
        for window, count in windows.items():
            if count > most:
                world.violate("the governor holds", f"{count} in {length_s} s from {window}")
    if world.network.hosts - {"sandbox.test"}:
        world.violate("mode is a type", f"bytes went to {sorted(world.network.hosts)}")


def check_replay(world: "World") -> None:
    """The journal alone gives the state, and every gap stands in it."""
    process = world.process
    assert process is not None
    rows = world.disk.rows()
    seal = rows[-1]
    if seal.kind != SEAL:
        world.violate("replay", "the run ended without a seal")
        return
    rebuilt = recovered(rows, Journal.in_memory()).engine
    state_hash = rebuilt.state_hash()
    sealed = msgspec.json.decode(seal.payload, type=Seal).state_hash
    if state_hash != process.engine.state_hash() or state_hash != sealed:
        world.violate("replay", f"{state_hash} from the journal, {sealed} sealed")
    # The rows of the last life: it tells of its own start and of each of its gaps.
    mine = [row for row in rows if row.sequence > process.first_row and row.kind == "event"]
    if process.first_row and b'"reconcile_started"' not in mine[0].payload:
        world.violate("no silent gap", "a restart is not told in the journal")
    gaps = sum(row.payload.startswith(b'{"kind":"feed_gap"') for row in mine)
    feed = process.feed
    missed = process.dialler.opened - 1 + (feed is not None and feed.counters.stale > 0)
    if missed > gaps:
        world.violate("no silent gap", f"{missed} gaps seen, {gaps} told")
