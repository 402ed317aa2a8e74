"""The risk gate: nothing is sent that it has not approved, and the approval is a type.

It keeps no copy of the books. Each check sees the position plus every order still working, so an
order approved a moment ago already counts, and two orders can never share one allowance.
Reducing orders pass every limit of exposure: an exit is never blocked.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from patang.domain.enums import Side
from patang.domain.instrument import InstrumentId
from patang.domain.limits import RiskLimits, ScopeLimits
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import PriceBand, RunSpec
from patang.domain.money import ZERO
from patang.domain.order import OrderIntent
from patang.engine.day_watch import DayTally, DayWatch, Restraint, TradingState
from patang.engine.exposure import Exposure, Line
from patang.engine.refusals import Found, Refusal
from patang.engine.sizes import group_found, order_found, sums_found, with_line

_HUNDRED = Decimal(100)


class Approved(msgspec.Struct, frozen=True):
    """An intent the gate let through. Only the gate makes these; only these can be sent."""

    intent: OrderIntent


class Denied(msgspec.Struct, frozen=True):
    """An intent the gate refused, with the documented code and the numbers that decided."""

    intent: OrderIntent
    code: Refusal
    message: str


class RiskGate:
    """Checks every order of a run against its limits, in one place and one order of tests."""

    def __init__(self, spec: RunSpec) -> None:
        self.state = TradingState.ACTIVE
        self.halt_reason = ""
        self.day = DayWatch(spec.limits)
        self.bands: dict[InstrumentId, PriceBand] = {}
        limits = spec.limits
        scopes = [*limits.strategies.values(), *limits.instruments.values()]
        scopes += limits.underlyings.values()
        self.needs_lines = bool(
            limits.max_gross_value
            or limits.max_net_value
            or limits.max_open_positions
            or limits.underlyings
            or any(scope.max_gross_value or scope.max_open_positions for scope in scopes)
        )
        self.needs_margin = limits.margin_use is not None
        self.needs_strategies = any(
            scope.max_daily_loss or scope.max_loss_streak for scope in limits.strategies.values()
        )
        self.needs_results = self.needs_strategies or limits.max_loss_streak is not None
        self.needs_equity = self.needs_margin or limits.max_drawdown is not None
        self._counts_orders = limits.max_orders_per_day is not None or any(
            scope.max_orders_per_day for scope in scopes
        )
        self._limits: RiskLimits = limits
        self._open_ns = spec.open_ns
        self._close_ns = spec.close_ns
        self._square_off_ns = spec.square_off_ns
        self._placed_ns: deque[int] = deque()

    def halt(self, reason: str) -> None:
        """Only reducing orders leave from now on, until ``resume``."""
        self.state = TradingState.HALTED
        self.halt_reason = reason

    def reduce(self, reason: str) -> None:
        """Only reducing orders leave for the rest of the day; a halt stays a halt."""
        if self.state is TradingState.ACTIVE:
            self.state = TradingState.REDUCING
            self.halt_reason = reason

    def resume(self) -> None:
        """A person ends the halt: streaks, drawdown and the locked profit count from here."""
        self.state = TradingState.ACTIVE
        self.halt_reason = ""
        self.day.forgive()

    @property
    def tally(self) -> DayTally:
        """What the gate counts."""
        return self.day.tally

    @property
    def is_restrained(self) -> bool:
        """Whether the account, or a strategy of it, may only reduce."""
        return self.state is not TradingState.ACTIVE or bool(self.tally.restrained)

    def counted(self) -> DayTally | msgspec.UnsetType:
        """What was counted, for the state hash; unset when the limits count nothing."""
        is_empty = msgspec.structs.replace(self.tally, day=0) == DayTally()
        return msgspec.UNSET if is_empty else self.tally

    def is_unwanted(self, intent: OrderIntent) -> bool:
        """Whether an order may not go on working: it opens, and only reducing is allowed."""
        if intent.reduces:
            return False
        return self.state is not TradingState.ACTIVE or intent.strategy in self.tally.restrained

    def watch(
        self,
        net_pnl: Decimal,
        now_ns: int,
        *,
        equity: Decimal = ZERO,
        strategies: Mapping[str, Decimal] = {},
    ) -> list[Restraint]:
        """Look at the account as it stands; return the limits that were reached just now."""
        self._begin_day(net_pnl, now_ns, strategies)
        found: list[Restraint] = []
        if self.state is not TradingState.HALTED:
            reason = self.day.halting(net_pnl, equity)
            if reason is not None:
                return [Restraint(state=TradingState.HALTED, reason=reason)]
        if self.state is TradingState.ACTIVE:
            reason = self.day.locking(net_pnl)
            if reason is not None:
                found.append(Restraint(state=TradingState.REDUCING, reason=reason))
        for name, scope in self._limits.strategies.items():
            if name in self.tally.restrained:
                continue
            reason = self.day.strategy_loss(name, scope, strategies.get(name, ZERO))
            if reason is not None:
                self.tally.restrained[name] = reason
                found.append(Restraint(state=TradingState.REDUCING, reason=reason, strategy=name))
        return found

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Approved | Denied:
        """Judge one order; an approved one is counted against the rates at once."""
        refusal = self._refusal(intent, exposure, now_ns)
        if refusal is not None:
            return Denied(intent, *refusal)
        self._placed_ns.append(now_ns)
        self._count(intent, exposure, now_ns)
        return Approved(intent)

    def lacks_margin(self, margin: Decimal | None, equity: Decimal) -> str | None:
        """Why ``margin`` (rupees, of all that is held and asked for) may not be taken, or None."""
        use = self._limits.margin_use
        if use is None:
            return None
        if margin is None:
            return "what it needs cannot be estimated: no rates are known."
        available = equity * use / _HUNDRED
        if margin <= available:
            return None
        return f"margin {margin:.2f} with this order, {available:.2f} may be used."

    def placed_recently(self) -> list[int]:
        """Times of the approvals that still count against a rate, for the state hash."""
        return list(self._placed_ns)

    # --- one order -----------------------------------------------------------

    def _refusal(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Found:
        if not exposure.line.instrument.is_tradable:
            return Refusal.NOT_TRADABLE, f"{intent.instrument} is an index."
        if not self._open_ns <= now_ns < self._close_ns:
            return Refusal.MARKET_CLOSED, "outside the session."
        if intent.reduces:
            return None
        return (
            self._state_refusal(intent, exposure, now_ns)
            or self._list_refusal(intent, exposure, now_ns)
            or self._price_refusal(intent, exposure)
            or self._value_refusal(intent, exposure)
            or self._margin_refusal(exposure)
            or self._rate_refusal(now_ns)
            or self._day_refusal(intent, exposure)
        )

    def _state_refusal(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Found:
        self._begin_day(exposure.net_pnl, now_ns, {intent.strategy: exposure.strategy_pnl})
        if self.state is TradingState.HALTED:
            return Refusal.HALTED, f"halted: {self.halt_reason}"
        if self.state is TradingState.REDUCING:
            return Refusal.REDUCING, f"only exits are sent: {self.halt_reason}"
        if intent.strategy in self.tally.restrained:
            return Refusal.REDUCING, self.tally.restrained[intent.strategy]
        if now_ns >= self._square_off_ns:
            return Refusal.SQUARE_OFF, "past the square-off time; only exits are sent."
        if self.day.loss_limit_hit(exposure.net_pnl):
            limit, profit = self._limits.max_daily_loss, exposure.net_pnl - self.tally.base
            return (
                Refusal.MAX_DAILY_LOSS,
                f"net profit {profit}, daily loss limit {limit}.",
            )
        scope = self._limits.strategies.get(intent.strategy)
        reason = scope and self.day.strategy_loss(intent.strategy, scope, exposure.strategy_pnl)
        if reason:
            return Refusal.MAX_DAILY_LOSS, reason
        if self.needs_equity and self.day.drawdown(exposure.equity) is not None:
            return Refusal.MAX_DRAWDOWN, f"{self.day.drawdown(exposure.equity)}"
        return None

    def _list_refusal(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Found:
        limits = self._limits
        if limits.allowed_instruments and intent.instrument not in limits.allowed_instruments:
            return Refusal.INSTRUMENT_NOT_ALLOWED, f"{intent.instrument} is not on the list."
        if limits.allowed_products and intent.product not in limits.allowed_products:
            return Refusal.PRODUCT_NOT_ALLOWED, f"{intent.product} is not on the list."
        if limits.duplicate_window_ns is not None:
            before = self.tally.recent.get(_likeness(intent, exposure))
            if before is not None and now_ns - before < limits.duplicate_window_ns:
                seconds = (now_ns - before) / NS_PER_SECOND
                return Refusal.DUPLICATE, f"the same order was sent {seconds:.3f} s ago."
        return None

    def _price_refusal(self, intent: OrderIntent, exposure: Exposure) -> Found:
        last = exposure.line.price
        # A purchase costs its limit at most; a sale may trade anywhere above its own.
        if last is None and (intent.price is None or intent.side is Side.SELL):
            return Refusal.NO_PRICE, f"{intent.instrument} has not traded yet."
        band, collar = self.bands.get(intent.instrument), self._limits.price_collar
        for price in (intent.price, intent.trigger_price):
            if price is None:
                continue
            if band is not None and not band.lower <= price <= band.upper:
                circuit = f"{band.lower} to {band.upper}"
                return Refusal.CIRCUIT_LIMIT, f"{price} is outside the day's band {circuit}."
            if collar is not None and last is not None and abs(price - last) > last * collar / 100:
                return (
                    Refusal.PRICE_COLLAR,
                    f"{price} is more than {collar} % from the last price {last}.",
                )
        return None

    def _value_refusal(self, intent: OrderIntent, exposure: Exposure) -> Found:
        price = max(p for p in (intent.price, exposure.line.price) if p is not None)
        unit = price * exposure.line.instrument.multiplier
        limits, name = self._limits, exposure.line.instrument.underlying
        one = exposure.line.with_order(intent, price)
        found = order_found(limits, "", intent, one, unit)
        scope = limits.instruments.get(intent.instrument)
        if found is None and scope is not None:
            found = order_found(scope, f"{intent.instrument}: ", intent, one, unit)
        scope = limits.strategies.get(intent.strategy)
        if found is None and scope is not None:
            own = exposure.own.with_order(intent, price)
            found = order_found(scope, f"strategy {intent.strategy}: ", intent, own, unit)
        if found is not None or not self.needs_lines:
            return found
        account = with_line(exposure.account, one)
        found = sums_found(limits, "", account) or self._net_refusal(account)
        if found is None and scope is not None:
            own = exposure.own.with_order(intent, price)
            lines = with_line(exposure.strategy, own)
            found = sums_found(scope, f"strategy {intent.strategy}: ", lines)
        scope = limits.instruments.get(intent.instrument)
        if found is None and scope is not None:
            found = sums_found(scope, f"{intent.instrument}: ", (one,))
        scope = limits.underlyings.get(name)
        if found is None and scope is not None:
            lines = tuple(line for line in account if line.instrument.underlying == name)
            found = group_found(scope, f"{name}: ", intent, lines, unit)
        return found

    def _net_refusal(self, lines: tuple[Line, ...]) -> Found:
        limit = self._limits.max_net_value
        if limit is None:
            return None
        most = sum(((line.held + line.buys) * line.unit_value for line in lines), ZERO)
        least = sum(((line.held - line.sells) * line.unit_value for line in lines), ZERO)
        net = max(abs(most), abs(least))
        return (Refusal.MAX_NET_VALUE, f"net value {net}, limit {limit}.") if net > limit else None

    def _margin_refusal(self, exposure: Exposure) -> Found:
        why = self.lacks_margin(exposure.margin, exposure.equity)
        return None if why is None else (Refusal.MARGIN, why)

    def _rate_refusal(self, now_ns: int) -> Found:
        placed = self._placed_ns
        while placed and placed[0] <= now_ns - 60 * NS_PER_SECOND:
            placed.popleft()
        if len(placed) >= self._limits.max_orders_per_minute:
            return Refusal.RATE_MINUTE, f"{len(placed)} orders in the last minute."
        second = sum(1 for at_ns in placed if at_ns > now_ns - NS_PER_SECOND)
        if second >= self._limits.max_orders_per_second:
            return Refusal.RATE_SECOND, f"{second} orders in the last second."
        return None

    def _day_refusal(self, intent: OrderIntent, exposure: Exposure) -> Found:
        for name, scope in self._scopes(intent, exposure):
            limit, placed = scope.max_orders_per_day, self.tally.orders.get(name, 0)
            if limit is not None and placed >= limit:
                where = f"{name}: " if name else ""
                return Refusal.MAX_ORDERS_PER_DAY, f"{where}{placed} orders today, limit {limit}."
        return None

    def _scopes(
        self, intent: OrderIntent, exposure: Exposure
    ) -> Iterator[tuple[str, RiskLimits | ScopeLimits]]:
        limits, name = self._limits, exposure.line.instrument.underlying
        yield "", limits
        if intent.strategy in limits.strategies:
            yield f"strategy {intent.strategy}", limits.strategies[intent.strategy]
        if intent.instrument in limits.instruments:
            yield intent.instrument, limits.instruments[intent.instrument]
        if name in limits.underlyings:
            yield f"underlying {name}", limits.underlyings[name]

    def _count(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> None:
        if self._counts_orders:
            for name, _ in self._scopes(intent, exposure):
                self.tally.orders[name] = self.tally.orders.get(name, 0) + 1
        window = self._limits.duplicate_window_ns
        if window is None or intent.reduces:
            return
        recent = self.tally.recent
        for like in [like for like, at_ns in recent.items() if now_ns - at_ns >= window]:
            del recent[like]
        recent[_likeness(intent, exposure)] = now_ns

    def _begin_day(self, net_pnl: Decimal, now_ns: int, strategies: Mapping[str, Decimal]) -> None:
        if self.day.begin_day(net_pnl, now_ns, strategies) and self.state is TradingState.REDUCING:
            self.state, self.halt_reason = TradingState.ACTIVE, ""


def _likeness(intent: OrderIntent, exposure: Exposure) -> str:
    """The same for orders that would do the same to the same position."""
    return (
        f"{intent.strategy} {intent.instrument} {intent.side} {intent.quantity} {intent.price} "
        f"{intent.trigger_price} {intent.product} {exposure.own.held}"
    )
