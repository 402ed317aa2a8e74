"""Each example trades a simulated morning, leaves nothing behind, and replays to the same state."""

from pathlib import Path

import pytest

from patang.domain.enums import InstrumentType
from patang.domain.instrument import Instrument
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import AlarmRaised, Parameter, StrategySpec, decode_commands
from patang.engine.engine import Engine
from patang.runtime.agreement import differences
from patang.runtime.replay import replay
from patang.runtime.simulation import simulate
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS
from patang.simulator.worlds.market import Market
from patang.simulator.worlds.spec import WorldSpec, build_market
from patang.storage.journal import Journal, read_journal
from tests.builders import spec
from tests.simulation.simulated_day import FROM_NS, books

MINUTES = 12


def shares(market: Market) -> tuple[Instrument, ...]:
    return tuple(item for item in market.exchange.instruments if item.is_tradable)[:8]


def nearest_calls(market: Market) -> tuple[Instrument, ...]:
    """The index and its calls of the nearest expiry."""
    listed = market.exchange.instruments
    calls = [
        item
        for item in listed
        if item.instrument_type is InstrumentType.CE and item.name == "NIFTY"
    ]
    nearest = min(item.expiry or "" for item in calls)
    index = [item for item in listed if item.id == "NSE:NIFTY 50"]
    return (*index, *(item for item in calls if item.expiry == nearest))


EXAMPLES: dict[str, dict[str, Parameter]] = {
    "ema_cross:EmaCross": {"fast": 2, "slow": 4},
    "mean_reversion:MeanReversion": {"window": 60},
    "momentum:Momentum": {"window": 3, "enter": 0.02, "both_ways": True, "rest_minutes": 2},
    "opening_range:OpeningRange": {"minutes": 3, "reward": 1.0},
    "call_spread:CallSpread": {"after_minutes": 1, "leave_minutes": 3, "width": 1},
}


def simulated_example(name: str, path: Path, seed: int = 7) -> tuple[Engine, Market]:
    has_options = name.startswith("call_spread")
    universe = 700 if has_options else 20
    market = build_market(WorldSpec(seed=seed, start_ns=FROM_NS, universe=universe))
    traded = nearest_calls(market) if has_options else shares(market)
    run = spec(
        run_id="example",
        instruments=traded,
        strategies=(
            StrategySpec(
                name="example",
                path=f"patang.examples.{name}",
                instruments=tuple(item.id for item in traded),
                parameters=EXAMPLES[name],
            ),
        ),
        square_off_ns=FROM_NS + (MINUTES - 1) * 60 * NS_PER_SECOND,
    )
    engine = simulate(
        run,
        load_strategies(run.strategies),
        market,
        Journal.create(path),
        until_ns=FROM_NS + MINUTES * 60 * NS_PER_SECOND,
    )
    return engine, market


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_trades_goes_home_flat_and_replays(name: str, tmp_path: Path):
    path = tmp_path / "run.journal"
    engine, market = simulated_example(name, path)
    (stats,) = engine.host.stats()
    assert stats.fills >= 2
    assert (stats.errors, stats.is_enabled) == (0, True), stats.last_error
    assert all(position.quantity == 0 for position in engine.portfolio.positions())
    assert all(order.status.is_done for order in engine.ledger.orders.values())
    assert differences(engine, books(market.exchange, engine.spec.account)) == []
    assert stats.unrealised == 0
    assert stats.realised == engine.portfolio.gross_pnl
    report = replay(path)
    assert report.difference is None
    assert report.state_hash == engine.state_hash()
    said = [
        c
        for row in read_journal(path)
        if row.kind == COMMANDS
        for c in decode_commands(row.payload)
    ]
    assert [c for c in said if isinstance(c, AlarmRaised) and c.severity == "critical"] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_it_takes_and_refuses_the_rest(name: str):
    told = StrategySpec(
        name="mine", path=f"patang.examples.{name}", instruments=(), parameters={"nonsense": 1}
    )
    with pytest.raises(ValueError, match=r"^strategies\.mine\.parameters\.nonsense: .*Has: "):
        load_strategies([told])
