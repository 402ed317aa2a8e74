"""What a run achieved, from its equity curve and its list of closed trades: nothing is looked up.

Money is exact rupees. Ratios are floats: they are estimates, from samples taken at any interval
and annualised by the number of trading days. Where a ratio has no meaning it is None.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from patang.domain.money import ZERO
from patang.engine.lots import Trip
from patang.engine.portfolio import EquityPoint
from patang.rules.ist import ist_date

TRADING_DAYS = 250
"""Trading days of a year. Source: NSE calendars of recent years have 246 to 250."""


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall from a peak: rupees, percent of the peak, and when (UTC ns).

    ``recovered_ns`` is when the peak was reached again; None when it never was.
    """

    amount: Decimal = ZERO
    percent: float = 0.0
    peak_ns: int = 0
    trough_ns: int = 0
    recovered_ns: int | None = None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of a run. ``trades`` are entry and exit pairs, profits net of charges."""

    start_equity: Decimal
    end_equity: Decimal
    net_profit: Decimal
    return_percent: float
    days: int
    annual_return_percent: float | None
    annual_volatility_percent: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown: Drawdown
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    gross_wins: Decimal
    gross_losses: Decimal
    profit_factor: float | None
    expectancy: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    payoff: float | None
    largest_win: Decimal
    largest_loss: Decimal
    longest_win_streak: int
    longest_loss_streak: int
    charges: Decimal
    average_holding_s: float | None


def performance(
    start_equity: Decimal, curve: Sequence[EquityPoint], trips: Sequence[Trip]
) -> Performance:
    """Work the metrics out; ``curve`` is in order of time and may be empty.

    Volatility and the ratios made of it come from the equity at the end of each day (India), so
    they need at least three days.
    """
    end = curve[-1].equity if curve else start_equity
    daily = _daily(start_equity, curve)
    returns = [float(b / a - 1) for a, b in pairwise(daily) if a > 0]
    days = len(daily) - 1
    growth = float(end / start_equity) if start_equity > 0 else 0.0
    annual = (growth ** (TRADING_DAYS / days) - 1) * 100 if days > 1 and growth > 0 else None
    deepest = drawdown(start_equity, curve)
    nets = [trip.net for trip in trips]
    wins, losses = [n for n in nets if n > 0], [n for n in nets if n < 0]
    won, lost = sum(wins, ZERO), -sum(losses, ZERO)
    average_win = won / len(wins) if wins else None
    average_loss = lost / len(losses) if losses else None
    held = [(trip.exit_ns - trip.entry_ns) / 1e9 for trip in trips]
    return Performance(
        start_equity=start_equity,
        end_equity=end,
        net_profit=end - start_equity,
        return_percent=(growth - 1) * 100 if start_equity > 0 else 0.0,
        days=days,
        annual_return_percent=annual,
        annual_volatility_percent=_annual(_deviation(returns)),
        sharpe=_ratio(returns, _deviation(returns)),
        sortino=_ratio(returns, _downside(returns)),
        calmar=annual / deepest.percent if annual is not None and deepest.percent else None,
        drawdown=deepest,
        trades=len(nets),
        wins=len(wins),
        losses=len(losses),
        win_rate=len(wins) / len(nets) if nets else None,
        gross_wins=won,
        gross_losses=lost,
        profit_factor=float(won / lost) if lost else None,
        expectancy=sum(nets, ZERO) / len(nets) if nets else None,
        average_win=average_win,
        average_loss=average_loss,
        payoff=float(average_win / average_loss) if average_win and average_loss else None,
        largest_win=max(wins, default=ZERO),
        largest_loss=-min(losses, default=ZERO),
        longest_win_streak=_longest([n > 0 for n in nets]),
        longest_loss_streak=_longest([n < 0 for n in nets]),
        charges=sum((trip.charges for trip in trips), ZERO),
        average_holding_s=sum(held) / len(held) if held else None,
    )


def drawdown(start_equity: Decimal, curve: Sequence[EquityPoint]) -> Drawdown:
    """The deepest fall of the curve in rupees; the first of equals."""
    peak, peak_ns = start_equity, curve[0].at_ns if curve else 0
    deepest = Drawdown()
    deepest_peak = start_equity
    for point in curve:
        if point.equity >= peak:
            peak, peak_ns = point.equity, point.at_ns
        elif peak - point.equity > deepest.amount:
            fall = peak - point.equity
            deepest_peak = peak
            deepest = Drawdown(
                amount=fall,
                percent=float(fall / peak) * 100 if peak > 0 else 0.0,
                peak_ns=peak_ns,
                trough_ns=point.at_ns,
            )
    again = [
        point.at_ns
        for point in curve
        if deepest.amount and point.at_ns > deepest.trough_ns and point.equity >= deepest_peak
    ]
    return msgspec.structs.replace(deepest, recovered_ns=again[0]) if again else deepest


def _daily(start_equity: Decimal, curve: Sequence[EquityPoint]) -> list[Decimal]:
    """The equity at the beginning, and at the end of each day that has points."""
    closes = {ist_date(point.at_ns): point.equity for point in curve}
    return [start_equity, *closes.values()]


def _deviation(returns: Sequence[float]) -> float | None:
    if len(returns) < 2:
        return None
    mean = sum(returns) / len(returns)
    return math.sqrt(sum((each - mean) ** 2 for each in returns) / (len(returns) - 1))


def _downside(returns: Sequence[float]) -> float | None:
    """Root mean square of the losing days, over all days."""
    if len(returns) < 2:
        return None
    return math.sqrt(sum(min(each, 0.0) ** 2 for each in returns) / len(returns))


def _annual(deviation: float | None) -> float | None:
    return None if deviation is None else deviation * math.sqrt(TRADING_DAYS) * 100


def _ratio(returns: Sequence[float], deviation: float | None) -> float | None:
    """Mean over deviation, annualised; no interest is taken off."""
    if not deviation or deviation < 1e-15:
        return None
    return sum(returns) / len(returns) / deviation * math.sqrt(TRADING_DAYS)


def _longest(claims: Sequence[bool]) -> int:
    longest = running = 0
    for claim in claims:
        running = running + 1 if claim else 0
        longest = max(longest, running)
    return longest
