"""Limits of a day's result: losses, drawdown, locked profit and streaks, and what they count."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.limits import RiskLimits, ScopeLimits
from patang.domain.money import ZERO
from patang.rules.ist import ist_date


class TradingState(StrEnum):
    """What the gate lets out: everything, or only what shrinks positions.

    REDUCING is the work of a limit that protects a day's result; it ends with the day. HALTED ends
    only when a person resumes.
    """

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Restraint(msgspec.Struct, frozen=True, kw_only=True):
    """A limit was reached: from now on the account, or one strategy of it, only reduces."""

    state: TradingState
    reason: str
    strategy: str | None = None


class DayTally(msgspec.Struct, kw_only=True):
    """What the gate counts; of limits that are not set nothing is counted.

    ``base`` is the net profit with which the day began, ``peak`` the highest of the run's equity,
    ``day_peak`` the highest net profit of the day. Streaks and orders are counted by scope: a
    strategy, ``NSE:INFY``, an underlying, or the account ("").
    """

    day: int = 0
    base: Decimal = ZERO
    strategy_bases: dict[str, Decimal] = {}
    peak: Decimal | None = None
    day_peak: Decimal = ZERO
    orders: dict[str, int] = {}
    streaks: dict[str, int] = {}
    restrained: dict[str, str] = {}
    recent: dict[str, int] = {}


class DayWatch:
    """Looks at an account's profit and equity, and says which limits they have reached."""

    def __init__(self, limits: RiskLimits) -> None:
        self.tally = DayTally()
        self._limits = limits

    def begin(self, net_pnl: Decimal, strategies: Mapping[str, Decimal]) -> None:
        """The run begins with positions that have earned this already: no profit of today."""
        self.tally.base, self.tally.strategy_bases = net_pnl, dict(strategies)

    def begin_day(self, net_pnl: Decimal, now_ns: int, strategies: Mapping[str, Decimal]) -> bool:
        """Losses, streaks and orders are a day's; True when one begins behind another.

        Days change at midnight in India.
        """
        tally, day = self.tally, ist_date(now_ns).toordinal()
        if day == tally.day:
            return False
        is_next, tally.day = tally.day != 0, day
        if is_next:
            tally.base, tally.day_peak = net_pnl, ZERO
            tally.strategy_bases = dict(strategies)
            for counted in (tally.orders, tally.streaks, tally.restrained):
                counted.clear()
        return is_next

    def forgive(self) -> None:
        """Streaks, drawdown and the locked profit count from here; the day's loss stays."""
        self.tally.streaks.clear()
        self.tally.restrained.clear()
        self.tally.peak = None
        self.tally.day_peak = ZERO

    def note_result(self, owner: str, profit: Decimal) -> None:
        """A position was closed with this profit, net of charges: a streak goes on or ends."""
        scope = self._limits.strategies.get(owner)
        if scope is not None and scope.max_loss_streak is not None:
            self._streak(owner, profit)
        if self._limits.max_loss_streak is not None:
            self._streak("", profit)

    def loss_limit_hit(self, net_pnl: Decimal) -> bool:
        """Whether the day's loss, net of charges, has reached the limit."""
        return net_pnl - self.tally.base <= -self._limits.max_daily_loss

    def halting(self, net_pnl: Decimal, equity: Decimal) -> str | None:
        """Why everything has to stop, or None."""
        if self.loss_limit_hit(net_pnl):
            return f"daily loss limit reached: net profit {net_pnl - self.tally.base}"
        return self.drawdown(equity)

    def drawdown(self, equity: Decimal) -> str | None:
        """Whether the equity has fallen too far from the highest it was, in words."""
        limit = self._limits.max_drawdown
        if limit is None:
            return None
        peak = self.tally.peak
        if peak is None or equity > peak:
            peak = self.tally.peak = equity
        if peak - equity < limit:
            return None
        return f"drawdown limit reached: equity {equity}, {peak - equity} below its peak {peak}"

    def locking(self, net_pnl: Decimal) -> str | None:
        """Why no new exposure is to be taken for the rest of the day, or None."""
        limits, tally = self._limits, self.tally
        if limits.profit_lock_from is not None and limits.profit_lock_give_back is not None:
            profit = net_pnl - tally.base
            tally.day_peak = max(tally.day_peak, profit)
            floor = tally.day_peak - limits.profit_lock_give_back
            if tally.day_peak >= limits.profit_lock_from and profit <= floor:
                return f"profit locked: {profit} left of {tally.day_peak}"
        streak = tally.streaks.get("", 0)
        if limits.max_loss_streak is not None and streak >= limits.max_loss_streak:
            return f"{streak} positions in a row closed at a loss"
        return None

    def strategy_loss(self, name: str, scope: ScopeLimits, profit: Decimal) -> str | None:
        """The same for one strategy and its own limits; ``profit`` is the run's, net."""
        day = profit - self.tally.strategy_bases.get(name, ZERO)
        if scope.max_daily_loss is not None and day <= -scope.max_daily_loss:
            return f"strategy {name}: net profit {day}, daily loss limit {scope.max_daily_loss}"
        streak = self.tally.streaks.get(name, 0)
        if scope.max_loss_streak is not None and streak >= scope.max_loss_streak:
            return f"strategy {name}: {streak} positions in a row closed at a loss"
        return None

    def _streak(self, scope: str, profit: Decimal) -> None:
        streaks = self.tally.streaks
        streaks[scope] = streaks.get(scope, 0) + 1 if profit < 0 else 0
