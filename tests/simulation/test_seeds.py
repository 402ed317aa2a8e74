"""One seed, one run: the same journal to the last byte, in this process and in any other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from patang.domain.money import ZERO
from patang.domain.order import OrderStatus
from patang.runtime.agreement import differences
from patang.runtime.replay import replay
from patang.storage.journal import Journal
from tests.simulation.simulated_day import Outcome, books, restless, simulated

ROOT = Path(__file__).parents[2]
SEED = 7


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return simulated(SEED)


def test_the_same_seed_gives_the_same_head_in_one_process(outcome: Outcome):
    assert simulated(SEED)[:3] == outcome[:3]


def test_the_same_seed_gives_the_same_head_in_another_process(outcome: Outcome):
    for hash_seed in ("0", "4242"):
        ran = subprocess.run(
            [sys.executable, "-m", "tests.simulation.simulated_day", str(SEED)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert json.loads(ran.stdout) == list(outcome[:3])


def test_another_seed_gives_another_head(outcome: Outcome):
    assert simulated(SEED + 1).head != outcome.head


def test_both_strategies_traded_and_everything_was_squared_off(outcome: Outcome):
    orders = outcome.engine.ledger.orders.values()
    assert {order.intent.strategy for order in orders} == {"trend", "mean"}
    assert all(order.status.is_done for order in orders)
    assert all(position.quantity == 0 for position in outcome.engine.portfolio.positions())


def test_our_books_agree_with_the_exchange_s(outcome: Outcome):
    account = outcome.engine.spec.account
    assert differences(outcome.engine, books(outcome.exchange, account)) == []
    portfolio, funds = outcome.engine.portfolio, outcome.exchange.funds(account)
    assert portfolio.cash == funds.cash - portfolio.charges
    assert portfolio.realised == portfolio.gross_pnl == funds.realised
    assert portfolio.charges > 0
    filled = sum(
        (
            o.filled_value
            for o in outcome.engine.ledger.orders.values()
            if o.status is OrderStatus.FILLED
        ),
        ZERO,
    )
    assert filled == sum(p.buy_value + p.sell_value for p in portfolio.positions())


@pytest.mark.parametrize("seed", [11, 12])
def test_books_agree_when_orders_rest_and_are_cancelled_all_the_time(seed: int):
    outcome = simulated(seed, strategies=restless)
    engine = outcome.engine
    assert differences(engine, books(outcome.exchange, engine.spec.account)) == []
    ends = {order.status for order in engine.ledger.orders.values()}
    assert {OrderStatus.FILLED, OrderStatus.CANCELLED} <= ends
    assert any(
        0 < order.filled_quantity < order.intent.quantity for order in engine.ledger.orders.values()
    )
    assert engine.portfolio.cash == (
        outcome.exchange.funds(engine.spec.account).cash - engine.portfolio.charges
    )


def test_the_journal_of_a_simulation_replays_equal(tmp_path: Path, outcome: Outcome):
    path = tmp_path / "simulated.journal"
    with Journal.create(path) as journal:
        again = simulated(SEED, journal)
    report = replay(path)
    assert report.difference is None
    assert (report.head, report.state_hash, report.rows) == again[:3] == outcome[:3]
