"""Do our books agree with the broker's? Orders, trades and positions, compared one by one."""

from patang.brokers.port import AccountSnapshot
from patang.domain.order import OrderStatus
from patang.engine.engine import Engine

_NEVER_THERE = (OrderStatus.REJECTED, OrderStatus.NOT_PLACED)


def differences(engine: Engine, snapshot: AccountSnapshot) -> list[str]:
    """Every disagreement between the engine's books and the broker's, in words; empty when none.

    Orders must stand on both sides with the same status and filled quantity, but for those that the
    broker never took; our filled quantities must be the sum of the broker's trades, and positions
    must agree in quantity and in the value bought and sold, to the paisa.
    """
    return [*_orders(engine, snapshot), *_trades(engine, snapshot), *_positions(engine, snapshot)]


def _orders(engine: Engine, snapshot: AccountSnapshot) -> list[str]:
    found = []
    ours = {o.order_id: o for o in engine.ledger.orders.values() if o.order_id is not None}
    theirs = {o.order_id: o for o in snapshot.orders}
    for order in engine.ledger.orders.values():
        if order.order_id is None and order.status not in _NEVER_THERE:
            found.append(f"order {order.intent.intent_id} is {order.status} and has no order id.")
    for order_id in ours.keys() | theirs.keys():
        mine, other = ours.get(order_id), theirs.get(order_id)
        if mine is None:
            found.append(f"order {order_id} is at the broker and not with us.")
        elif other is None:
            found.append(f"order {order_id} is with us and not at the broker.")
        elif (mine.status, mine.filled_quantity) != (other.status, other.filled_quantity):
            found.append(
                f"order {order_id}: {mine.status} filled {mine.filled_quantity} with us, "
                f"{other.status} filled {other.filled_quantity} at the broker."
            )
    return sorted(found)


def _trades(engine: Engine, snapshot: AccountSnapshot) -> list[str]:
    if engine.portfolio.fills != len(snapshot.trades):
        return [f"{engine.portfolio.fills} trades with us, {len(snapshot.trades)} at the broker."]
    return []


def _positions(engine: Engine, snapshot: AccountSnapshot) -> list[str]:
    ours = {
        (p.instrument, p.product): (p.quantity, p.buy_value, p.sell_value)
        for p in engine.portfolio.positions()
    }
    theirs = {
        (p.instrument, p.product): (p.quantity, p.buy_value, p.sell_value)
        for p in snapshot.positions
    }
    return [
        f"position {key[0]} {key[1]}: (quantity, bought, sold) "
        f"{ours.get(key)} with us, {theirs.get(key)} at the broker."
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]
