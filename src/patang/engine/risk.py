"""The risk gate: nothing is sent that it has not approved, and the approval is a type.

It keeps no copy of the books. Each check sees the position plus every order still working, so an
order approved a moment ago already counts, and two orders can never share one allowance.
Reducing orders pass every limit of exposure: an exit is never blocked.
"""

from collections import deque
from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.enums import Side
from patang.domain.instrument import Instrument
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import RiskLimits, RunSpec
from patang.domain.order import OrderIntent


class TradingState(StrEnum):
    """What the gate lets out: everything, or only what shrinks positions."""

    ACTIVE = "ACTIVE"
    HALTED = "HALTED"


class Refusal(StrEnum):
    """Why an order was denied. Documented in docs/risk.md."""

    HALTED = "HALTED"
    NOT_TRUSTED = "NOT_TRUSTED"
    MARKET_CLOSED = "MARKET_CLOSED"
    SQUARE_OFF = "SQUARE_OFF"
    NOT_TRADABLE = "NOT_TRADABLE"
    NO_PRICE = "NO_PRICE"
    MAX_ORDER_VALUE = "MAX_ORDER_VALUE"
    MAX_POSITION_VALUE = "MAX_POSITION_VALUE"
    MAX_DAILY_LOSS = "MAX_DAILY_LOSS"
    RATE_SECOND = "RATE_SECOND"
    RATE_MINUTE = "RATE_MINUTE"


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate must know of an instrument: units held, and units that may yet be added."""

    instrument: Instrument
    held: int
    working_buys: int
    working_sells: int
    last_price: Decimal | None


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
        self._limits: RiskLimits = spec.limits
        self._open_ns = spec.open_ns
        self._close_ns = spec.close_ns
        self._square_off_ns = spec.square_off_ns
        self._placed_ns: deque[int] = deque()

    def halt(self, reason: str) -> None:
        """Only reducing orders leave from now on, until ``resume``."""
        self.state = TradingState.HALTED
        self.halt_reason = reason

    def resume(self) -> None:
        """A person ends the halt."""
        self.state = TradingState.ACTIVE
        self.halt_reason = ""

    def loss_limit_hit(self, net_pnl: Decimal) -> bool:
        """Whether the day's loss, net of charges, has reached the limit."""
        return net_pnl <= -self._limits.max_daily_loss

    def check(
        self, intent: OrderIntent, exposure: Exposure, net_pnl: Decimal, now_ns: int
    ) -> Approved | Denied:
        """Judge one order; an approved one is counted against the rates at once."""
        refusal = self._refusal(intent, exposure, net_pnl, now_ns)
        if refusal is not None:
            return Denied(intent, *refusal)
        self._placed_ns.append(now_ns)
        return Approved(intent)

    def placed_recently(self) -> list[int]:
        """Times of the approvals that still count against a rate, for the state hash."""
        return list(self._placed_ns)

    def _refusal(
        self, intent: OrderIntent, exposure: Exposure, net_pnl: Decimal, now_ns: int
    ) -> tuple[Refusal, str] | None:
        if not exposure.instrument.is_tradable:
            return Refusal.NOT_TRADABLE, f"{intent.instrument} is an index."
        if not self._open_ns <= now_ns < self._close_ns:
            return Refusal.MARKET_CLOSED, "outside the session."
        if intent.reduces:
            return None
        if self.state is TradingState.HALTED:
            return Refusal.HALTED, f"halted: {self.halt_reason}"
        if now_ns >= self._square_off_ns:
            return Refusal.SQUARE_OFF, "past the square-off time; only exits are sent."
        if self.loss_limit_hit(net_pnl):
            limit = self._limits.max_daily_loss
            return Refusal.MAX_DAILY_LOSS, f"net profit {net_pnl}, daily loss limit {limit}."
        return self._value_refusal(intent, exposure) or self._rate_refusal(now_ns)

    def _value_refusal(self, intent: OrderIntent, exposure: Exposure) -> tuple[Refusal, str] | None:
        prices = [p for p in (intent.price, exposure.last_price) if p is not None]
        # A purchase costs its limit at most; a sale may trade anywhere above its own.
        if not prices or (intent.side is Side.SELL and exposure.last_price is None):
            return Refusal.NO_PRICE, f"{intent.instrument} has not traded yet."
        unit = max(prices) * exposure.instrument.multiplier
        value, limit = unit * intent.quantity, self._limits.max_order_value
        if value > limit:
            return Refusal.MAX_ORDER_VALUE, f"order value {value}, limit {limit}."
        if intent.side.sign > 0:
            worst = exposure.held + exposure.working_buys + intent.quantity
        else:
            worst = exposure.held - exposure.working_sells - intent.quantity
        value, limit = abs(worst) * unit, self._limits.max_position_value
        if value > limit:
            return Refusal.MAX_POSITION_VALUE, f"position value {value}, limit {limit}."
        return None

    def _rate_refusal(self, now_ns: int) -> tuple[Refusal, str] | None:
        placed = self._placed_ns
        while placed and placed[0] <= now_ns - 60 * NS_PER_SECOND:
            placed.popleft()
        if len(placed) >= self._limits.max_orders_per_minute:
            return Refusal.RATE_MINUTE, f"{len(placed)} orders in the last minute."
        second = sum(1 for at_ns in placed if at_ns > now_ns - NS_PER_SECOND)
        if second >= self._limits.max_orders_per_second:
            return Refusal.RATE_SECOND, f"{second} orders in the last second."
        return None
