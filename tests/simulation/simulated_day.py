"""Ten simulated minutes of both examples; run as a script it prints the journal's head."""

import json
import sys
from collections.abc import Callable
from typing import NamedTuple

from patang.brokers.port import AccountSnapshot, BrokerPosition
from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import OrderUpdated, StrategySpec
from patang.domain.order import Fill
from patang.engine.engine import Engine
from patang.rules.ist import at_ist
from patang.runtime.simulation import simulate
from patang.runtime.strategies import load_strategies
from patang.simulator.exchange import Exchange
from patang.simulator.worlds.universe import default_market
from patang.storage.journal import Journal
from patang.wire.translate import status_of
from tests.builders import DAY, spec

FROM_NS = at_ist(DAY, 10, 0)
MINUTES = 10


class Outcome(NamedTuple):
    """What two runs must share, and what one must show."""

    head: str
    state_hash: str
    rows: int
    engine: Engine
    exchange: Exchange


Names = tuple[InstrumentId, ...]


def examples(names: Names) -> tuple[StrategySpec, ...]:
    """Both example strategies, on overlapping shares."""
    return (
        StrategySpec(
            name="trend",
            path="patang.examples.ema_cross:EmaCross",
            instruments=names[:8],
            parameters={"fast": 2, "slow": 4},
        ),
        StrategySpec(
            name="mean",
            path="patang.examples.mean_reversion:MeanReversion",
            instruments=names[5:12],
            parameters={"window": 60},
        ),
    )


def restless(names: Names) -> tuple[StrategySpec, ...]:
    """Two strategies that change their minds with every tick and mostly bid limits."""
    path = "tests.builders:PriceFollower"
    return (
        StrategySpec(name="one", path=path, instruments=names[:4]),
        StrategySpec(name="two", path=path, instruments=names[2:6], parameters={"unit": 400}),
    )


def simulated(
    seed: int,
    journal: Journal | None = None,
    strategies: Callable[[Names], tuple[StrategySpec, ...]] = examples,
) -> Outcome:
    """Run the day from ``seed``, squared off a minute before its end."""
    market = default_market(seed, FROM_NS)
    listed = market.exchange.instruments
    run = spec(
        run_id="simulated",
        instruments=listed,
        strategies=strategies(tuple(item.id for item in listed if item.is_tradable)),
        square_off_ns=FROM_NS + (MINUTES - 1) * 60 * NS_PER_SECOND,
    )
    journal = Journal.in_memory() if journal is None else journal
    engine = simulate(
        run,
        load_strategies(run.strategies),
        market,
        journal,
        until_ns=FROM_NS + MINUTES * 60 * NS_PER_SECOND,
    )
    head = journal.head
    return Outcome(head.hash.hex(), engine.state_hash(), head.sequence, engine, market.exchange)


def books(exchange: Exchange, account: str) -> AccountSnapshot:
    """The account as the exchange has it, read without the broker that traded it."""
    orders = tuple(
        OrderUpdated(
            at_ns=exchange.now_ns,
            order_id=order.order_id,
            tag=order.tag,
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            status=status_of(order.status),
        )
        for order in exchange.orders(account)
    )
    trades = tuple(
        Fill(
            trade_id=trade.trade_id,
            order_id=trade.order_id,
            instrument=trade.instrument,
            side=trade.side,
            quantity=trade.quantity,
            price=trade.price,
            product=trade.product,
            time_ns=trade.time_ns,
        )
        for trade in exchange.trades(account)
    )
    positions = tuple(
        BrokerPosition(
            instrument=row.instrument,
            product=row.product,
            quantity=row.quantity,
            buy_value=row.buy_value,
            sell_value=row.sell_value,
        )
        for row in exchange.positions(account)
    )
    return AccountSnapshot(
        at_ns=exchange.now_ns,
        orders=orders,
        trades=trades,
        positions=positions,
        available_cash=exchange.funds(account).available,
    )


if __name__ == "__main__":
    outcome = simulated(int(sys.argv[1]))
    sys.stdout.write(json.dumps([outcome.head, outcome.state_hash, outcome.rows]))
