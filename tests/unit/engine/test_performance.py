"""The metrics of a run, held against numbers worked out by hand."""

import math
from decimal import Decimal

import pytest

from patang.domain.enums import Product, Side
from patang.engine.lots import Trip
from patang.engine.performance import TRADING_DAYS, drawdown, performance
from patang.engine.portfolio import EquityPoint
from tests.builders import INFY, START_NS

DAY_NS = 86_400_000_000_000


def curve(*equities: int, step_ns: int = DAY_NS) -> list[EquityPoint]:
    return [
        EquityPoint(at_ns=START_NS + number * step_ns, equity=Decimal(equity))
        for number, equity in enumerate(equities)
    ]


def trip(gross: int, charges: int = 1, seconds: int = 60) -> Trip:
    return Trip(
        owner="a",
        instrument=INFY.id,
        product=Product.MIS,
        side=Side.BUY,
        quantity=1,
        entry_price=Decimal(100),
        exit_price=Decimal(100 + gross),
        entry_ns=START_NS,
        exit_ns=START_NS + seconds * 1_000_000_000,
        entry_order_id="o1",
        exit_order_id="o2",
        gross=Decimal(gross),
        charges=Decimal(charges),
    )


def test_returns_and_ratios_of_three_days():
    found = performance(Decimal(100), curve(110, 99, 108), [])
    returns = [0.1, -0.1, 108 / 99 - 1]
    mean = sum(returns) / 3
    deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / 2)
    assert (found.net_profit, found.days) == (8, 3)
    assert found.return_percent == pytest.approx(8)
    assert found.annual_return_percent == pytest.approx((1.08 ** (TRADING_DAYS / 3) - 1) * 100)
    assert found.annual_volatility_percent == pytest.approx(deviation * math.sqrt(250) * 100)
    assert found.sharpe == pytest.approx(mean / deviation * math.sqrt(250))
    assert found.sortino == pytest.approx(mean / math.sqrt(0.01 / 3) * math.sqrt(250))
    assert found.drawdown.amount == 11
    assert found.calmar == pytest.approx(found.annual_return_percent / 10)


def test_the_day_s_last_equity_counts_for_its_return():
    found = performance(Decimal(100), curve(90, 95, 110, step_ns=60_000_000_000), [])
    assert found.days == 1
    assert found.return_percent == pytest.approx(10)
    assert (found.sharpe, found.annual_return_percent) == (None, None)


def test_the_deepest_fall_its_times_and_its_recovery():
    points = curve(100, 120, 90, 119, 120, 60, 61)
    found = drawdown(Decimal(100), points)
    assert (found.amount, found.percent) == (60, 50.0)
    assert (found.peak_ns, found.trough_ns) == (points[4].at_ns, points[5].at_ns)
    assert found.recovered_ns is None
    earlier = drawdown(Decimal(100), points[:5])
    assert (earlier.amount, earlier.recovered_ns) == (30, points[4].at_ns)
    assert drawdown(Decimal(100), []).amount == 0
    assert drawdown(Decimal(100), curve(80)).amount == 20  # from the start, if never above it


def test_wins_and_losses_are_counted_after_charges():
    found = performance(
        Decimal(1_000), [], [trip(10), trip(5), trip(1), trip(-5), trip(-3), trip(20, seconds=120)]
    )
    assert (found.trades, found.wins, found.losses) == (6, 3, 2)
    assert found.win_rate == 0.5
    assert (found.gross_wins, found.gross_losses) == (9 + 4 + 19, 6 + 4)
    assert found.profit_factor == pytest.approx(3.2)
    assert found.expectancy == Decimal(22) / 6
    assert (found.average_loss, found.largest_win, found.largest_loss) == (5, 19, 6)
    assert found.payoff == pytest.approx(32 / 3 / 5)
    assert (found.longest_win_streak, found.longest_loss_streak) == (2, 2)
    assert (found.charges, found.average_holding_s) == (6, 70)


def test_a_run_without_trades_has_no_ratios_and_no_errors():
    found = performance(Decimal(1_000), [], [])
    assert (found.net_profit, found.trades, found.days) == (0, 0, 0)
    missing = (found.sharpe, found.sortino, found.calmar, found.win_rate, found.profit_factor)
    assert missing == (None,) * 5


def test_a_flat_curve_has_no_sharpe_and_a_lost_account_no_growth():
    assert performance(Decimal(100), curve(100, 100, 100), []).sharpe is None
    gone = performance(Decimal(100), curve(50, 0, -10), [])
    assert gone.annual_return_percent is None
    assert gone.drawdown.percent == pytest.approx(110)
    assert performance(Decimal(0), curve(1), []).return_percent == 0
