"""The engine: ``process(event) -> commands``, and nothing else decides anything.

Synchronous, single-threaded and without clock, I/O or randomness: the same events always give the
same commands and the same state, in backtest, paper, live and replay alike.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, assert_never

import msgspec

from patang.domain.enums import Side, Trust
from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.instrument import InstrumentId
from patang.domain.intents import BasketIntent, Plan, Watch, Withdraw
from patang.domain.market import NS_PER_SECOND, Bar
from patang.domain.messages import (
    AccountRead,
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    BandsRead,
    BarClosed,
    BarsReceived,
    BooksRead,
    CancelRefused,
    CorporateAction,
    FeedGap,
    FillReceived,
    HistoryLoaded,
    OperatorHalted,
    OperatorResumed,
    OrderAccepted,
    OrderDenied,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    ParametersApplied,
    ParametersChanged,
    PlanChanged,
    PlanRaised,
    PositionConverted,
    PriceBand,
    ReconcileStarted,
    ReservationReleased,
    RunSpec,
    RunStarted,
    RunStopped,
    Signal,
    SignalRaised,
    StrategyDisabled,
    StrategyEnabled,
    StrategyOverran,
    StrategySwitched,
    SubmitOrder,
    SubscriptionChanged,
    TicksConflated,
    TicksReceived,
    TimerFired,
)
from patang.domain.money import ZERO
from patang.domain.order import Fill, Order, OrderIntent, OrderStatus
from patang.domain.position import Position
from patang.engine.bars import BarBuilder
from patang.engine.comparison import compare
from patang.engine.day_watch import DayTally, Restraint, TradingState
from patang.engine.higher_bars import HigherBars
from patang.engine.host import Heard, StrategyHost
from patang.engine.orders import Key, OrderLedger
from patang.engine.plans import Changed, Drop, Facts, Phase, PlanBook, Standing, Step, Wish
from patang.engine.portfolio import EXTERNAL as EXTERNAL
from patang.engine.portfolio import Portfolio
from patang.engine.refusals import Refusal
from patang.engine.risk import Approved, Denied, RiskGate
from patang.engine.stop import EmergencyStop
from patang.engine.strategy import Gap, Strategy
from patang.engine.view import MarketState
from patang.engine.witness import Witness

_SAMPLE_NS = 60 * NS_PER_SECOND
"""How often the equity is noted for its curve."""
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
    trust: Trust | msgspec.UnsetType = msgspec.UNSET
    # Absent while there are none, so that older journals keep the state hash they were sealed with.
    plans: list[Standing] | msgspec.UnsetType = msgspec.UNSET
    longer_bars: list[Bar] | msgspec.UnsetType = msgspec.UNSET
    overruns: list[tuple[str, int, int]] | msgspec.UnsetType = msgspec.UNSET
    tally: DayTally | msgspec.UnsetType = msgspec.UNSET
    stop: EmergencyStop | msgspec.UnsetType = msgspec.UNSET
    bands: list[PriceBand] | msgspec.UnsetType = msgspec.UNSET


class Engine:
    """The state of one run and the single function that moves it."""

    def __init__(self, spec: RunSpec, strategies: Mapping[str, Strategy]) -> None:
        self.spec = spec
        self.portfolio = Portfolio(spec)
        self.ledger = OrderLedger(spec)
        self.risk = RiskGate(spec)
        self._market = MarketState(spec)
        self._bars = BarBuilder(spec.interval, spec.open_ns, spec.close_ns, spec.bar_grace_ns)
        self.plans = PlanBook()
        self.host = StrategyHost(
            spec, strategies, self._market, self.portfolio, self.ledger, self.plans
        )
        self._longer = [
            HigherBars(
                interval,
                names,
                base=spec.interval,
                open_ns=spec.open_ns,
                close_ns=spec.close_ns,
                grace_ns=spec.bar_grace_ns,
            )
            for interval, names in self.host.wanted_intervals().items()
        ]
        self._next_timer_ns = 0
        # What has become of orders since their strategies were told, by intent.
        self._touched: dict[str, Order] = {}
        self._told: dict[str, tuple[OrderStatus, int]] = {}
        self.trust = Trust.TRUSTED
        self.stop: EmergencyStop | None = None
        self._witness = Witness(
            self._market.instruments,
            self._market.last_prices,
            self.portfolio,
            self.ledger,
            self.risk,
        )
        self._sampled_ns = 0
        if spec.carried:
            owners = {item.name: self.portfolio.net_pnl_of(item.name) for item in spec.strategies}
            self.risk.day.begin(self.portfolio.net_pnl, owners)
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
        if self._touched:
            self._tell_orders()
        self._note_failures()
        return tuple(self._commands)

    def state(self) -> EngineState:
        """A picture of the whole state; shares mutable parts, so encode it before the next turn."""
        return EngineState(
            now_ns=self._market.now_ns,
            orders=list(self.ledger.orders.values()),
            waiting=self.ledger.waiting(),
            targets=[(f"{owner}/{name}", s) for (owner, name), s in self.ledger.targets.items()],
            positions=[p.plain() for p in self.portfolio.positions()],
            owned=[(owner, p.plain()) for (owner, _), p in self.portfolio.owners().items()],
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
            trust=msgspec.UNSET if self.trust is Trust.TRUSTED else self.trust,
            plans=self.plans.all_standing() or msgspec.UNSET,
            longer_bars=[bar for each in self._longer for bar in each.open_bars()] or msgspec.UNSET,
            overruns=[
                (name, one.overruns, one.close_overruns)
                for name, one in self.host.hosted.items()
                if one.overruns
            ]
            or msgspec.UNSET,
            tally=self.risk.counted(),
            stop=msgspec.UNSET if self.stop is None else self.stop,
            bands=list(self.risk.bands.values()) or msgspec.UNSET,
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
            case BarsReceived():
                for bar in event.bars:
                    self._on_given_bar(bar)
            case HistoryLoaded():
                self._on_history(event)
            case TimerFired():
                self._on_timer()
            case TicksConflated():
                self._on_gap(
                    Gap(
                        from_ns=event.at_ns,
                        to_ns=event.at_ns,
                        instruments=event.instruments,
                        dropped=event.dropped,
                    ),
                    from_ns=0,
                )
            case FeedGap():
                self._alarm("warning", "FEED_GAP", "ticks were missed; open bars are partial.")
                gap = Gap(from_ns=event.from_ns, to_ns=event.to_ns)
                self._on_gap(gap, from_ns=event.from_ns)
            case StrategyOverran() | StrategySwitched() | ParametersChanged():
                self._on_strategy(event)
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
                if event.cancel_all or event.flatten:
                    self._begin_stop(event)
            case OperatorResumed():
                self._on_resume(event)
            case ReservationReleased():
                self._on_release(event)
            case PositionConverted() | CorporateAction():
                self._on_change_of_books(event)
            case BandsRead():
                self.risk.bands.update((band.instrument, band) for band in event.bands)
            case AccountRead():
                self._compare(event)
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
            if self.plans.by_key:
                self._step_instrument(tick.instrument)
            self._hear(self.host.tick(tick))

    def _on_bar(self, bar: Bar) -> None:
        if self._market.keep(bar):
            self._commands.append(BarClosed(bar=bar))
            self._show(bar)

    def _show(self, bar: Bar) -> None:
        heard = self.host.bar(bar)
        if heard:
            self._hear(heard)
        for each in self._longer:
            for done in each.add(bar):
                self._on_longer_bar(done)

    def _on_longer_bar(self, bar: Bar) -> None:
        if self._market.keep(bar):
            self._commands.append(BarClosed(bar=bar))
            self._hear(self.host.bar(bar))

    def _on_given_bar(self, bar: Bar) -> None:
        """A market told in bars: the close is the newest price there is."""
        if bar.instrument not in self._market.instruments or bar.interval is not self.spec.interval:
            self._alarm("warning", "UNKNOWN_BAR", f"{bar.interval} of {bar.instrument}")
            return
        if not self._market.keep(bar):
            return
        self._market.last_prices[bar.instrument] = bar.close
        if self.plans.by_key:
            self._step_instrument(bar.instrument)
        self._show(bar)  # the event tells of it: a command that repeats it would only cost

    def _on_history(self, event: HistoryLoaded) -> None:
        """Bars from before: they are kept, feed indicators and longer bars, and decide nothing."""
        for bar in event.bars:
            if bar.instrument in self._market.instruments and self._market.keep(bar):
                self.host.history(bar)
                if bar.interval is self.spec.interval:
                    for done in [done for each in self._longer for done in each.add(bar)]:
                        if self._market.keep(done):
                            self.host.history(done)

    def _on_gap(self, gap: Gap, from_ns: int) -> None:
        self._bars.mark_partial(gap.instruments, from_ns, gap.to_ns)
        for each in self._longer:
            each.mark_partial(gap.instruments, from_ns, gap.to_ns)
        self._hear(self.host.gap(gap))

    def _on_strategy(self, event: StrategyOverran | StrategySwitched | ParametersChanged) -> None:
        name = event.strategy
        try:
            match event:
                case StrategyOverran():
                    self.host.overran(name, event.callback, event.took_ns)
                case StrategySwitched():
                    self.host.switch(name, is_enabled=event.is_enabled)
                    reason = f"{event.reason} ({event.by})"
                    if event.is_enabled:
                        self._commands.append(StrategyEnabled(strategy=name, reason=reason))
                    else:
                        self._commands.append(StrategyDisabled(strategy=name, reason=reason))
                        self._withdraw_wishes(name)
                case ParametersChanged():
                    heard = self.host.change(name, event.parameters)
                    self._commands.append(
                        ParametersApplied(
                            strategy=name,
                            parameters=self.host.hosted[name].strategy.parameters,
                        )
                    )
                    self._hear(heard)
        except InvalidValue as error:
            self._alarm("warning", "STRATEGY_CHANGE_REFUSED", str(error))

    def _withdraw_wishes(self, owner: str) -> None:
        """A strategy was switched off: what would open more is dropped, exits stay wanted."""
        for key in [key for key in self.ledger.targets if key[0] == owner]:
            wanted, held = self.ledger.targets[key].target, self.portfolio.owned(*key)
            shrinks = abs(wanted) < abs(held) and wanted * held >= 0
            if not shrinks and self.plans.standing(key) is None:
                self._drop(key, "strategy disabled")

    def _on_timer(self) -> None:
        now_ns = self._market.now_ns
        for bar in self._bars.advance(now_ns):
            self._on_bar(bar)
        for bar in [bar for each in self._longer for bar in each.advance(now_ns)]:
            self._on_longer_bar(bar)
        if now_ns >= self._next_timer_ns:
            every_ns = self.spec.strategy_timer_ns
            self._next_timer_ns = (now_ns // every_ns + 1) * every_ns
            self._hear(self.host.timer())
        if now_ns >= self.spec.square_off_ns:
            self._square_off()
        self._mark()
        if self.stop is not None:
            self._pursue_stop()
        if self.risk.is_restrained:
            self._withdraw_entries()
        self._watch()
        if now_ns >= self._sampled_ns + _SAMPLE_NS:
            self._sampled_ns = now_ns
            self.portfolio.sample(now_ns)
        self._commands += self.ledger.cancel_stale(now_ns)
        for key in list(self.ledger.targets):
            self._plan(key)
        if self.plans:
            self._take_steps(self.plans.advance_all(self._facts, now_ns))

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
        self._touch(order)

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
        self._touch(order)

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
        self._note_results()
        self._hear(self.host.fill(owner, fill))
        self._plan((owner, fill.instrument))
        self._touch(order)

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
        # What was carried into the day is no trade of it, with us as with the broker.
        today = ((p, p.quantity - p.overnight_quantity) for p in self.portfolio.positions())
        ours = {(p.instrument, p.product): quantity for p, quantity in today if quantity}
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

    def _hear(self, heard: Sequence[Heard]) -> None:
        if self._has_squared_off or self._has_stopped or self._is_flattening:
            return
        for owner, answer in heard:
            match answer:
                case Signal():
                    key = (owner, answer.instrument)
                    if self.plans:
                        reason = "a target took its place"
                        self._take_steps(self.plans.end(key, Phase.REPLACED, reason))
                    self._aim(key, answer)
                case Watch():
                    self._change_watch(owner, answer)
                case Withdraw():
                    key = (owner, answer.instrument)
                    self._take_steps(self.plans.end(key, Phase.REPLACED, "withdrawn"))
                    self._drop(key, answer.reason or "withdrawn")
                case _:
                    now_ns = self._market.now_ns
                    number = self.plans.next_number
                    self._commands.append(PlanRaised(strategy=owner, number=number, plan=answer))
                    why = self._lacks_margin(answer)
                    if why is None:
                        self._take_steps(self.plans.adopt(owner, answer, self._facts, now_ns))
                    else:
                        self._take_steps(iter([self.plans.refuse(owner, answer, why)]))

    def _lacks_margin(self, plan: Plan) -> str | None:
        """Why a basket's legs, all together, need more than may be used."""
        if not (isinstance(plan, BasketIntent) and self.risk.needs_margin):
            return None
        self._mark()
        now_ns = self._market.now_ns
        margin = self._witness.basket_margin(plan.legs, self.spec.product, now_ns)
        return self.risk.lacks_margin(margin, self.portfolio.equity)

    def _aim(self, key: Key, signal: Signal) -> None:
        if self.ledger.aim(key, signal, self._market.now_ns):
            self._commands.append(SignalRaised(strategy=key[0], signal=signal))
        self._plan(key)

    def _drop(self, key: Key, reason: str) -> None:
        """Stop wanting anything of a key; what rests is cancelled, what is held stays."""
        self.ledger.targets.pop(key, None)
        self._commands += self.ledger.withdraw(
            lambda intent: (intent.strategy, intent.instrument) == key, reason, self._market.now_ns
        )

    def _change_watch(self, owner: str, watch: Watch) -> None:
        def is_bound(name: InstrumentId) -> bool:
            key = (owner, name)
            return bool(self.portfolio.owned(owner, name) or self.ledger.working(key))

        if self.host.watch(owner, watch, is_bound):
            names = tuple(self.host.hosted[owner].view.instruments)
            for each in self._longer:
                each.watch(names)
            self._commands.append(SubscriptionChanged(strategy=owner, instruments=names))

    def _take_steps(self, steps: Iterator[Step]) -> None:
        for step in steps:
            match step:
                case Wish():
                    if step.is_urgent:
                        self._withdraw_priced(step)
                    self._aim(step.key, step.signal)
                case Drop():
                    self._drop(step.key, step.reason)
                case Changed():
                    self._commands.append(
                        PlanChanged(
                            strategy=step.owner,
                            number=step.number,
                            phase=step.phase.value,
                            reason=step.reason,
                        )
                    )
                    if step.is_alarm or step.phase is Phase.HELD:
                        self._alarm("critical", "BASKET_PARTIAL", f"{step.owner}: {step.reason}")
                case _:
                    assert_never(step)

    def _withdraw_priced(self, wish: Wish) -> None:
        """An exit at the market is wanted: what still waits for its price makes room."""

        def is_waiting(intent: OrderIntent) -> bool:
            return (intent.strategy, intent.instrument) == wish.key and intent.price is not None

        now_ns = self._market.now_ns
        self._commands += self.ledger.withdraw(is_waiting, wish.signal.reason, now_ns)

    def _step_instrument(self, name: InstrumentId) -> None:
        now_ns = self._market.now_ns
        self._take_steps(self.plans.advance_instrument(name, self._facts, now_ns))

    def _facts(self, key: Key) -> Facts:
        target = self.ledger.targets.get(key)
        return Facts(
            held=self.portfolio.owned(*key),
            working=self.ledger.working(key),
            wanted=None if target is None else target.target,
            price=self._market.last_prices.get(key[1]),
        )

    def _touch(self, order: Order) -> None:
        """Something happened to an order: its intent is looked at again, its strategy told."""
        intent = order.intent
        self._touched[intent.intent_id] = order
        if self.plans:
            key = (intent.strategy, intent.instrument)
            self._take_steps(self.plans.advance(key, self._facts, self._market.now_ns))

    def _tell_orders(self) -> None:
        """Tell strategies what became of their orders; what they answer to is told next turn."""
        touched, self._touched = self._touched, {}
        for intent_id, order in touched.items():
            news = (order.status, order.filled_quantity)
            if self._told.get(intent_id) != news:
                self._told[intent_id] = news
                self._hear(self.host.order(msgspec.structs.replace(order)))

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
        now_ns = self._market.now_ns
        self._mark()
        verdict: Approved | Denied
        if self.trust is not Trust.TRUSTED and not intent.reduces:
            verdict = Denied(intent, Refusal.NOT_TRUSTED, "our books and the broker's differ.")
        else:
            verdict = self.risk.check(intent, self._witness.exposure(intent, now_ns), now_ns)
        if isinstance(verdict, Approved):
            order = self.ledger.submit(verdict, now_ns)
            self._touched[intent.intent_id] = order
            self._commands.append(SubmitOrder(intent=intent))
        else:
            self.ledger.abandon(key, now_ns)
            self._commands.append(
                OrderDenied(intent=intent, code=verdict.code, message=verdict.message)
            )
            self._touched[intent.intent_id] = Order(
                intent=intent,
                status=OrderStatus.DENIED,
                message=f"{verdict.code}: {verdict.message}",
                updated_ns=now_ns,
            )

    def _square_off(self) -> None:
        self._has_squared_off = True
        now_ns = self._market.now_ns
        self._take_steps(self.plans.end_all("square-off"))
        # An exit that waits for its price has waited long enough.
        self._commands += self.ledger.withdraw(_has_limit, "square-off", now_ns)
        self._go_flat("square-off")

    def _go_flat(self, reason: str) -> None:
        now_ns = self._market.now_ns
        for owner, name in dict.fromkeys([*self.portfolio.owners(), *self.ledger.targets]):
            if owner != EXTERNAL:
                flat = Signal(instrument=name, target=0, reason=reason)
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
        reason = "halted" if self.risk.state is TradingState.HALTED else "only reducing"
        self._commands += self.ledger.withdraw(self.risk.is_unwanted, reason, now_ns)

    def _begin_stop(self, event: OperatorHalted) -> None:
        self.stop = EmergencyStop(
            by=event.by,
            cancel_all=event.cancel_all,
            flatten=event.flatten,
            orders=tuple(order.intent.intent_id for order in self.ledger.live_orders()),
        )
        if not event.flatten:
            # An exit that was cancelled is not planned anew before its strategy asks again.
            self.ledger.targets.clear()
        self._pursue_stop()
        for key in list(self.ledger.targets):
            self._plan(key)

    @property
    def _is_flattening(self) -> bool:
        """Whether a stop closes everything: until it is ended, nobody's wishes count."""
        return self.stop is not None and self.stop.flatten

    def _pursue_stop(self) -> None:
        """Ask for what a stop still lacks, and tell of it until the broker has shown it done."""
        stop, now_ns = self.stop, self._market.now_ns
        if stop is None:
            return
        self._commands += self.ledger.withdraw(
            lambda intent: stop.is_cancelled(intent.intent_id), "emergency stop", now_ns
        )
        if stop.flatten:
            self._commands += self.ledger.withdraw(_has_limit, "emergency stop", now_ns)
            self._go_flat("emergency stop")
        positions = [(o, p) for (o, _), p in self.portfolio.owners().items() if o != EXTERNAL]
        if not stop.look(self.ledger.live_orders(), positions, now_ns):
            return
        if stop.left:
            self._alarm("critical", "STOP_PENDING", f"still there: {stop.left}")
            return
        done = "flat and without orders" if stop.flatten else "the orders are gone"
        self._alarm("info", "STOP_CONFIRMED", done)

    def _on_resume(self, event: OperatorResumed) -> None:
        if not event.reason.strip():
            self._alarm("critical", "RESUME_REFUSED", f"{event.by} gave no reason.")
            return
        given_up = "" if self.stop is None or not self.stop.left else f"; left: {self.stop.left}"
        self.risk.resume()
        self.stop = None
        self._alarm("info", "RESUMED", f"{event.reason} ({event.by}){given_up}")

    def _on_release(self, event: ReservationReleased) -> None:
        order = self.ledger.orders.get(event.intent_id)
        if order is None or not event.reason.strip() or not self.ledger.release(order):
            why = "no reason was given" if not event.reason.strip() else "it is not NOT_PLACED"
            self._alarm("warning", "RELEASE_REFUSED", f"{event.intent_id}: {why}.")
            return
        self._alarm(
            "info", "RESERVATION_RELEASED", f"{event.intent_id}: {event.reason} ({event.by})"
        )
        self._plan((order.intent.strategy, order.intent.instrument))

    def _on_change_of_books(self, event: PositionConverted | CorporateAction) -> None:
        try:
            if isinstance(event, PositionConverted):
                self.portfolio.convert(event)
            else:
                self.portfolio.rescale(event)
                # Yesterday's price is in other units: nothing is valued by it any more.
                self._market.last_prices.pop(event.instrument, None)
        except InvalidValue as error:
            self._alarm("critical", "BOOKS_NOT_CHANGED", f"{type(event).__name__}: {error}")

    def _compare(self, event: AccountRead) -> None:
        for difference in compare(self.portfolio, event):
            if difference.explanation:
                self._alarm("info", "BOOKS_EXPLAINED", str(difference))
            else:
                self._alarm("critical", "BOOKS_DIFFER", str(difference))

    def _watch(self) -> None:
        books, gate = self.portfolio, self.risk
        strategies = {}
        if gate.needs_strategies:
            strategies = {name: books.net_pnl_of(name) for name in self.spec.limits.strategies}
        reached = gate.watch(
            books.net_pnl,
            self._market.now_ns,
            equity=books.equity if gate.needs_equity else ZERO,
            strategies=strategies,
        )
        for restraint in reached:
            self._restrain(restraint)

    def _restrain(self, restraint: Restraint) -> None:
        if restraint.state is TradingState.HALTED:
            self._halt(restraint.reason)
            return
        if restraint.strategy is None:
            self.risk.reduce(restraint.reason)
        self._alarm("critical", "REDUCING", restraint.reason)
        self._withdraw_entries()

    def _note_results(self) -> None:
        for owner, profit in self.portfolio.take_results():
            self.risk.day.note_result(owner, profit)

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
