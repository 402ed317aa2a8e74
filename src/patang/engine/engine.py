"""The engine: ``process(event) -> commands``, and nothing else decides anything.

Synchronous, single-threaded and without clock, I/O or randomness: the same events always give the
same commands and the same state, in backtest, paper, live and replay alike.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, assert_never

import msgspec

from patang.domain.enums import Side, Trust
from patang.domain.errors import InvariantBroken
from patang.domain.instrument import InstrumentId
from patang.domain.market import Bar
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    BarClosed,
    BooksRead,
    CancelRefused,
    FeedGap,
    FillReceived,
    OperatorHalted,
    OperatorResumed,
    OrderAccepted,
    OrderDenied,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    ReconcileStarted,
    RunSpec,
    RunStarted,
    RunStopped,
    Signal,
    SignalRaised,
    StrategyDisabled,
    SubmitOrder,
    TicksConflated,
    TicksReceived,
    TimerFired,
)
from patang.domain.order import Fill, Order, OrderIntent, OrderStatus
from patang.domain.position import Position
from patang.engine.bars import BarBuilder
from patang.engine.host import Heard, MarketState, StrategyHost
from patang.engine.orders import Key, OrderLedger
from patang.engine.portfolio import EXTERNAL as EXTERNAL
from patang.engine.portfolio import Portfolio
from patang.engine.risk import Approved, Denied, Exposure, Refusal, RiskGate, TradingState
from patang.engine.strategy import Strategy

_RESTARTED = "the run was interrupted; whether it was sent is not known."

Severity = Literal["info", "warning", "critical"]


class EngineState(msgspec.Struct, frozen=True):
    """All that decides what the engine does next, as plain values in a fixed order."""

    now_ns: int
    orders: list[Order]
    waiting: list[tuple[str, int]]
    targets: list[tuple[str, Signal]]
    positions: list[Position]
    owned: list[tuple[str, Position]]
    cash: Decimal
    charges: Decimal
    trades: list[tuple[str, str, str]]
    open_bars: list[Bar]
    bar_progress: list[tuple[InstrumentId, int, int, int]]
    last_prices: dict[InstrumentId, float]
    trading: TradingState
    halt_reason: str
    placed_recently: list[int]
    has_squared_off: bool
    strategies: list[tuple[str, int, int, int, bool]]
    trust: Trust = Trust.TRUSTED


class Engine:
    """The state of one run and the single function that moves it."""

    def __init__(self, spec: RunSpec, strategies: Mapping[str, Strategy]) -> None:
        self.spec = spec
        self.portfolio = Portfolio(spec)
        self.ledger = OrderLedger(spec)
        self.risk = RiskGate(spec)
        self._market = MarketState(spec.instruments)
        self._bars = BarBuilder(spec.interval, spec.open_ns, spec.close_ns, spec.bar_grace_ns)
        self.host = StrategyHost(spec, strategies, self._market, self.portfolio, self.ledger)
        self.trust = Trust.TRUSTED
        self._has_started = False
        self._has_stopped = False
        self._has_squared_off = False
        self._commands: list[AnyCommand] = []

    @property
    def has_started(self) -> bool:
        """Whether the run's first event has been processed, by this process or before it."""
        return self._has_started

    @property
    def now_ns(self) -> int:
        """The time of the newest event, UTC nanoseconds."""
        return self._market.now_ns

    def process(self, event: AnyEvent) -> tuple[AnyCommand, ...]:
        """Take one event; return what to do and what was decided, in order.

        Raises:
            InvariantBroken: the run has not started, starts twice, is another one, or has ended.
        """
        if isinstance(event, RunStarted) == self._has_started or self._has_stopped:
            raise InvariantBroken(f"{type(event).__name__} cannot come at this point of a run.")
        if isinstance(event, RunStarted) and event.run != self.spec:
            raise InvariantBroken("the run that starts is not the run the engine was built for.")
        # Sources stamp on their own; the engine's time never runs backwards.
        self._market.now_ns = max(self._market.now_ns, event.at_ns)
        self._commands = []
        self._apply(event)
        self._note_failures()
        return tuple(self._commands)

    def state(self) -> EngineState:
        """A picture of the whole state; shares mutable parts, so encode it before the next turn."""
        return EngineState(
            now_ns=self._market.now_ns,
            orders=list(self.ledger.orders.values()),
            waiting=self.ledger.waiting(),
            targets=[(f"{owner}/{name}", s) for (owner, name), s in self.ledger.targets.items()],
            positions=self.portfolio.positions(),
            owned=[(owner, position) for (owner, _), position in self.portfolio.owners().items()],
            cash=self.portfolio.cash,
            charges=self.portfolio.charges,
            trades=self.portfolio.trades(),
            open_bars=self._bars.open_bars(),
            bar_progress=self._bars.progress(),
            last_prices=self._market.last_prices,
            trading=self.risk.state,
            halt_reason=self.risk.halt_reason,
            placed_recently=self.risk.placed_recently(),
            has_squared_off=self._has_squared_off,
            strategies=[
                (name, one.signals, one.errors, one.consecutive_errors, one.is_enabled)
                for name, one in self.host.hosted.items()
            ],
            trust=self.trust,
        )

    def state_hash(self) -> str:
        """SHA-256 of ``state`` as canonical JSON, lower-case hex."""
        encoded = msgspec.json.encode(self.state(), order="deterministic")
        return hashlib.sha256(encoded).hexdigest()

    # --- events --------------------------------------------------------------

    def _apply(self, event: AnyEvent) -> None:
        match event:
            case RunStarted():
                self._has_started = True
                self._hear(self.host.start())
            case TicksReceived():
                self._on_ticks(event)
            case TimerFired():
                self._on_timer()
            case TicksConflated():
                self._bars.mark_partial(event.instruments, 0, event.at_ns)
            case FeedGap():
                self._bars.mark_partial(None, event.from_ns, event.to_ns)
                self._alarm("warning", "FEED_GAP", "ticks were missed; open bars are partial.")
            case OrderUpdated():
                self._on_update(event)
            case FillReceived():
                self._on_fill(event.fill, event.tag)
            case ReconcileStarted():
                self._on_doubt(event)
            case BooksRead():
                self._on_books(event)
            case OperatorHalted():
                self._halt(f"{event.reason} ({event.by})")
            case OperatorResumed():
                self.risk.resume()
                self._alarm("info", "RESUMED", f"{event.reason} ({event.by})")
            case RunStopped():
                self._has_stopped = True
                self.host.stop()
            case (
                OrderAccepted()
                | OrderRefused()
                | OrderUnresolved()
                | OrderNotPlaced()
                | CancelRefused()
            ):
                self._on_answer(event)
            case _:
                assert_never(event)

    def _on_ticks(self, event: TicksReceived) -> None:
        market = self._market
        for tick in event.ticks:
            instrument = market.instruments.get(tick.instrument)
            if instrument is None or not tick.has_price:
                continue
            market.last_prices[tick.instrument] = tick.last_price
            bar = self._bars.add(tick)
            if bar is not None:
                self._on_bar(bar)
            self._hear(self.host.tick(tick))

    def _on_bar(self, bar: Bar) -> None:
        self._market.bars[bar.instrument].append(bar)
        self._commands.append(BarClosed(bar=bar))
        self._hear(self.host.bar(bar))

    def _on_timer(self) -> None:
        now_ns = self._market.now_ns
        for bar in self._bars.advance(now_ns):
            self._on_bar(bar)
        if now_ns >= self.spec.square_off_ns:
            self._square_off()
        self._mark()
        if self.risk.state is TradingState.HALTED:
            self._withdraw_entries()
        if self.risk.state is TradingState.ACTIVE:
            net_pnl = self.portfolio.net_pnl
            if self.risk.loss_limit_hit(net_pnl):
                self._halt(f"daily loss limit reached: net profit {net_pnl}")
        self._commands += self.ledger.cancel_stale(now_ns)
        for key in list(self.ledger.targets):
            self._plan(key)

    def _on_answer(
        self,
        event: OrderAccepted | OrderRefused | OrderUnresolved | OrderNotPlaced | CancelRefused,
    ) -> None:
        order = self.ledger.orders.get(event.intent_id)
        if order is None:
            self._alarm("critical", "UNKNOWN_INTENT", f"an answer names {event.intent_id}.")
            return
        now_ns, intent = self._market.now_ns, order.intent
        key = (intent.strategy, intent.instrument)
        match event:
            case OrderAccepted():
                self._note_late(order)
                if self._identify(order, event.order_id):
                    self.ledger.move(order, OrderStatus.ACCEPTED, now_ns)
            case OrderRefused():
                message = f"{event.code}: {event.message}"
                if order.order_id is not None and not order.status.is_done:
                    # The broker has shown it to us alive: a refusal cannot bury it.
                    self._alarm("critical", "REFUSED_BUT_LIVE", f"{intent.intent_id}: {message}")
                elif self.ledger.move(order, OrderStatus.REJECTED, now_ns, message):
                    self.ledger.abandon(key, now_ns)
                    self._alarm("warning", "ORDER_REFUSED", f"{intent.intent_id}: {message}")
            case OrderUnresolved():
                if self.ledger.move(order, OrderStatus.UNRESOLVED, now_ns, event.reason):
                    self._alarm(
                        "critical", "ORDER_UNRESOLVED", f"{intent.intent_id}: {event.reason}"
                    )
            case OrderNotPlaced():
                if self.ledger.move(order, OrderStatus.NOT_PLACED, now_ns):
                    self.ledger.abandon(key, now_ns)
                    self._alarm(
                        "critical",
                        "ORDER_NOT_PLACED",
                        f"{intent.intent_id}: absent from {event.reads} order books in a row; "
                        "its reservation stays and it is not replaced.",
                    )
            case CancelRefused():
                self.ledger.refuse_cancel(order, now_ns)
            case _:
                assert_never(event)
        self._plan(key)

    def _on_update(self, event: OrderUpdated) -> None:
        order = self._find(event.order_id, event.tag, event.instrument, event.side)
        if order is None:
            self._alarm(
                "info",
                "EXTERNAL_ORDER",
                f"{event.order_id} {event.side} {event.quantity} {event.instrument} {event.status}",
            )
            return
        before = order.status
        self._note_late(order)
        if before is OrderStatus.REJECTED and order.order_id is None and _is_alive(event):
            self._halt(f"{order.intent.intent_id} was refused, but the broker lists it alive")
        if not self._identify(order, event.order_id):
            return
        self.ledger.report(order, event, self._market.now_ns)
        key = (order.intent.strategy, order.intent.instrument)
        if order.status is before:
            pass
        elif order.status is OrderStatus.CANCELLED and not order.is_cancel_asked:
            # Somebody else's decision: a person, or the exchange. Not ours to undo.
            self.ledger.abandon(key, self._market.now_ns)
            self._alarm("warning", "ORDER_CANCELLED", f"{order.intent.intent_id}: {event.message}")
        elif order.status is OrderStatus.REJECTED:
            self.ledger.abandon(key, self._market.now_ns)
            self._alarm("warning", "ORDER_REJECTED", f"{order.intent.intent_id}: {event.message}")
        self._plan(key)

    def _on_fill(self, fill: Fill, tag: str | None) -> None:
        if fill.instrument not in self._market.instruments:
            self._alarm("warning", "EXTERNAL_FILL", f"{fill.instrument} is not part of this run.")
            return
        if fill.fault is not None:
            self._alarm("critical", "BAD_FILL", f"trade {fill.trade_id}: {fill.fault}")
            return
        order = self._find(fill.order_id, tag, fill.instrument, fill.side)
        owner = EXTERNAL if order is None else order.intent.strategy
        uncharged = self.portfolio.uncharged
        if not self.portfolio.book(fill, owner):
            return
        if self.portfolio.uncharged > uncharged:
            self._alarm("warning", "NO_CHARGES", f"trade {fill.trade_id}: no rates are known.")
        if order is None:
            self._alarm("info", "EXTERNAL_FILL", f"{fill.side} {fill.quantity} {fill.instrument}")
            return
        self._note_late(order)
        if self._identify(order, fill.order_id):
            self.ledger.book(order, fill.quantity, fill.value, self._market.now_ns)
        self._hear(self.host.fill(owner, fill))
        self._plan((owner, fill.instrument))

    def _on_doubt(self, event: ReconcileStarted) -> None:
        self.trust = Trust.RECONCILING
        if not event.is_restart:
            return
        self._bars.mark_partial(None, event.since_ns, event.at_ns)
        self._alarm("warning", "RESTARTED", f"nothing was seen from {event.since_ns} ns on.")
        for order in self.ledger.doubt(self._market.now_ns):
            self._alarm("critical", "ORDER_UNRESOLVED", f"{order.intent.intent_id}: {_RESTARTED}")

    def _on_books(self, event: BooksRead) -> None:
        """The gate opens when what the broker counts is what we count."""
        known = self._market.instruments
        theirs = {
            (p.instrument, p.product): p.quantity
            for p in event.positions
            if p.instrument in known and p.quantity
        }
        ours = {
            (p.instrument, p.product): p.quantity for p in self.portfolio.positions() if p.quantity
        }
        before = self.trust
        self.trust = Trust.TRUSTED if ours == theirs else Trust.DEGRADED
        for name, product in [k for k in {**ours, **theirs} if ours.get(k) != theirs.get(k)]:
            mine, other = ours.get((name, product), 0), theirs.get((name, product), 0)
            self._alarm(
                "critical", "BOOKS_DIFFER", f"{name} {product}: {mine} with us, {other} there."
            )
        if self.trust is Trust.TRUSTED and before is not Trust.TRUSTED:
            self._alarm("info", "BOOKS_TRUSTED", "our books are the broker's.")
        for key in list(self.ledger.targets):
            self._plan(key)

    # --- decisions -----------------------------------------------------------

    def _hear(self, heard: list[Heard]) -> None:
        if self._has_squared_off or self._has_stopped:
            return
        for owner, signal in heard:
            key = (owner, signal.instrument)
            if self.ledger.aim(key, signal, self._market.now_ns):
                self._commands.append(SignalRaised(strategy=owner, signal=signal))
            self._plan(key)

    def _plan(self, key: Key) -> None:
        owner, name = key
        now_ns = self._market.now_ns
        if self._has_stopped or self.trust is Trust.RECONCILING:
            return
        step = self.ledger.plan(
            key, self.portfolio.owned(owner, name), self._market.instruments[name], now_ns
        )
        if isinstance(step, OrderIntent):
            self._judge(step, key)
        else:
            self._commands += step

    def _judge(self, intent: OrderIntent, key: Key) -> None:
        now_ns, name = self._market.now_ns, intent.instrument
        self._mark()
        buys, sells = self.ledger.working_sides(name)
        instrument = self._market.instruments[name]
        last = self._market.last_prices.get(name)
        exposure = Exposure(
            instrument=instrument,
            held=self.portfolio.held(name),
            working_buys=buys,
            working_sells=sells,
            last_price=None if last is None else instrument.price_from_float(last),
        )
        verdict: Approved | Denied
        if self.trust is not Trust.TRUSTED and not intent.reduces:
            verdict = Denied(intent, Refusal.NOT_TRUSTED, "our books and the broker's differ.")
        else:
            verdict = self.risk.check(intent, exposure, self.portfolio.net_pnl, now_ns)
        if isinstance(verdict, Approved):
            self.ledger.submit(verdict, now_ns)
            self._commands.append(SubmitOrder(intent=intent))
        else:
            self.ledger.abandon(key, now_ns)
            self._commands.append(
                OrderDenied(intent=intent, code=verdict.code, message=verdict.message)
            )

    def _square_off(self) -> None:
        self._has_squared_off = True
        now_ns = self._market.now_ns
        # An exit that waits for its price has waited long enough.
        self._commands += self.ledger.withdraw(_has_limit, "square-off", now_ns)
        for owner, name in dict.fromkeys([*self.portfolio.owners(), *self.ledger.targets]):
            if owner != EXTERNAL:
                flat = Signal(instrument=name, target=0, reason="square-off")
                # Asked again at every timer: a refused exit is tried again after its cool-down.
                if self.ledger.aim((owner, name), flat, now_ns):
                    self._commands.append(SignalRaised(strategy=owner, signal=flat))

    def _halt(self, reason: str) -> None:
        self.risk.halt(reason)
        self._alarm("critical", "HALTED", reason)
        self._withdraw_entries()

    def _withdraw_entries(self) -> None:
        """In a halt nothing may open a position any more, nor what already rests in the book."""
        now_ns = self._market.now_ns
        self._commands += self.ledger.withdraw(lambda intent: not intent.reduces, "halted", now_ns)

    def _find(
        self, order_id: str, tag: str | None, instrument: InstrumentId, side: Side
    ) -> Order | None:
        """Our order behind a report; a tag on another instrument or side is not our doing."""
        order = self.ledger.find(order_id, tag)
        if order is None or (order.intent.instrument, order.intent.side) != (instrument, side):
            return None
        return order

    def _identify(self, order: Order, order_id: str) -> bool:
        """Learn an order's name at the broker; what it filled before that becomes its own."""
        if not self.ledger.identify(order, order_id):
            tag = order.intent.tag
            self._halt(
                f"order {order_id} is another intent's, and the broker names it for tag {tag}"
                if order.order_id is None
                else f"tag {tag} stands on two orders: {order.order_id} and {order_id}"
            )
            return False
        for fill in self.portfolio.claim(order_id, order.intent):
            self.ledger.book(order, fill.quantity, fill.value, self._market.now_ns)
            self._hear(self.host.fill(order.intent.strategy, fill))
        return True

    def _note_late(self, order: Order) -> None:
        if order.status is OrderStatus.NOT_PLACED:
            self._alarm("critical", "LATE_ORDER", f"{order.intent.intent_id} turned up after all.")

    def _mark(self) -> None:
        for position in self.portfolio.positions():
            last = self._market.last_prices.get(position.instrument)
            if last is not None:
                instrument = self._market.instruments[position.instrument]
                self.portfolio.mark(position.instrument, instrument.price_from_float(last))

    def _note_failures(self) -> None:
        for failure in self.host.take_failures():
            name, message = failure.strategy, failure.message
            self._alarm("warning", "STRATEGY_ERROR", f"{name}: {message}")
            if failure.is_last:
                self._commands.append(StrategyDisabled(strategy=name, reason=message))

    def _alarm(self, severity: Severity, code: str, message: str) -> None:
        self._commands.append(AlarmRaised(severity=severity, code=code, message=message))


def _has_limit(intent: OrderIntent) -> bool:
    return intent.price is not None


def _is_alive(event: OrderUpdated) -> bool:
    return not event.status.is_done or event.filled_quantity > 0
