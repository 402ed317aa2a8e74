"""What a screen or a report shows of a run, rebuilt from its stream of events and commands."""

from decimal import Decimal
from typing import assert_never

import msgspec

from patang.domain.instrument import InstrumentId
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    BarClosed,
    CancelOrder,
    Effect,
    FillReceived,
    OrderAccepted,
    OrderDenied,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    ParametersApplied,
    PlanChanged,
    PlanRaised,
    RunSpec,
    RunStarted,
    RunStopped,
    SignalRaised,
    StrategyDisabled,
    StrategyEnabled,
    SubmitOrder,
    SubscriptionChanged,
    TicksReceived,
)
from patang.domain.order import DONE, OrderIntent, OrderStatus
from patang.engine.engine import EXTERNAL
from patang.engine.portfolio import Portfolio


class PriceRow(msgspec.Struct):
    """The newest price of an instrument, the one before it, and the previous session's close."""

    last: float
    before: float
    close: float


class OrderLine(msgspec.Struct):
    """One order as a person follows it."""

    intent: OrderIntent
    status: OrderStatus
    filled: int = 0
    booked: int = 0


class Scoreboard:
    """A projection: counts, prices, orders and the books of one run."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.now_ns = spec.open_ns
        self.started_ns: int | None = None
        self.stop_reason = ""
        self.ticks = self.bars = self.signals = self.fills = 0
        self.denied_by_code: dict[str, int] = {}
        self.prices: dict[InstrumentId, PriceRow] = {}
        self.orders: dict[str, OrderLine] = {}
        self.alarms: list[AlarmRaised] = []
        self.portfolio = Portfolio(spec)
        self.latencies_ns: list[int] = []
        self._instruments = {item.id: item for item in spec.instruments}
        self._by_tag: dict[str, OrderLine] = {}

    @property
    def denied(self) -> int:
        """Orders the risk gate refused."""
        return sum(self.denied_by_code.values())

    @property
    def live_orders(self) -> int:
        """Orders that may still fill, or whose fills have not all arrived."""
        return sum(
            line.status not in DONE or line.booked < line.filled for line in self.orders.values()
        )

    @property
    def open_positions(self) -> int:
        """Positions that are not flat."""
        return sum(position.quantity != 0 for position in self.portfolio.positions())

    def net_pnl(self) -> Decimal:
        """Profit after charges at the newest prices."""
        for position in self.portfolio.positions():
            row = self.prices.get(position.instrument)
            if row is not None:
                instrument = self._instruments[position.instrument]
                self.portfolio.mark(position.instrument, instrument.price_from_float(row.last))
        return self.portfolio.net_pnl

    def latency_ms(self, share: float) -> float | None:
        """The tick-to-order time that ``share`` (0 to 1) of the orders did not exceed."""
        if not self.latencies_ns:
            return None
        ordered = sorted(self.latencies_ns)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] / 1e6

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        """An order left for the broker."""
        if isinstance(effect, SubmitOrder):
            self.latencies_ns.append(latency_ns)

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        """Follow one turn."""
        self.now_ns = max(self.now_ns, event.at_ns)
        self._on_event(event)
        for command in commands:
            self._on_command(command)

    def _on_event(self, event: AnyEvent) -> None:
        match event:
            case TicksReceived():
                self.ticks += len(event.ticks)
                for tick in event.ticks:
                    row = self.prices.get(tick.instrument)
                    before = tick.last_price if row is None else row.last
                    self.prices[tick.instrument] = PriceRow(tick.last_price, before, tick.close)
            case FillReceived():
                line = self._by_tag.get(event.tag or "")
                owner = EXTERNAL if line is None else line.intent.strategy
                known = event.fill.instrument in self._instruments
                if known and self.portfolio.book(event.fill, owner):
                    self.fills += 1
                    if line is not None:
                        line.booked += event.fill.quantity
            case OrderUpdated():
                line = self._by_tag.get(event.tag or "")
                if line is not None and line.status not in DONE - {OrderStatus.NOT_PLACED}:
                    line.status = event.status
                    line.filled = max(line.filled, event.filled_quantity)
            case OrderAccepted():
                self._answer(event.intent_id, OrderStatus.ACCEPTED)
            case OrderRefused():
                self._answer(event.intent_id, OrderStatus.REJECTED)
            case OrderUnresolved():
                self._answer(event.intent_id, OrderStatus.UNRESOLVED)
            case OrderNotPlaced():
                self._answer(event.intent_id, OrderStatus.NOT_PLACED)
            case RunStarted():
                self.started_ns = event.at_ns
            case RunStopped():
                self.stop_reason = event.reason
            case _:
                pass

    def _answer(self, intent_id: str, status: OrderStatus) -> None:
        line = self.orders.get(intent_id)
        if line is not None and line.status in (OrderStatus.SUBMITTED, OrderStatus.UNRESOLVED):
            line.status = status

    def _on_command(self, command: AnyCommand) -> None:
        match command:
            case SubmitOrder():
                line = OrderLine(command.intent, OrderStatus.SUBMITTED)
                self.orders[command.intent.intent_id] = line
                self._by_tag[command.intent.tag] = line
            case OrderDenied():
                self.denied_by_code[command.code] = self.denied_by_code.get(command.code, 0) + 1
            case SignalRaised():
                self.signals += 1
            case BarClosed():
                self.bars += 1
            case AlarmRaised():
                self.alarms.append(command)
            case SubscriptionChanged() | ParametersApplied() | PlanRaised() | PlanChanged():
                pass
            case CancelOrder() | StrategyDisabled() | StrategyEnabled():
                pass
            case _:
                assert_never(command)
