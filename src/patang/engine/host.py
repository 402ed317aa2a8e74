"""Runs the strategies: shows each its view, takes its answers, and contains its failures."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from patang.domain.enums import Interval
from patang.domain.errors import InvalidValue, MissingExtra
from patang.domain.instrument import InstrumentId
from patang.domain.intents import Watch
from patang.domain.market import Bar, Tick
from patang.domain.messages import RunSpec, StrategySpec
from patang.domain.money import ZERO
from patang.domain.order import Fill, Order, OrderStatus
from patang.engine.answers import Answer, checked_answers
from patang.engine.orders import OrderLedger
from patang.engine.parameters import Value
from patang.engine.plans import PlanBook
from patang.engine.portfolio import EXTERNAL, Portfolio
from patang.engine.strategy import Gap, Signals, Strategy
from patang.engine.view import MarketState, StrategyView

_GOOD_CALLS = 100
"""Callbacks in time after which an overrun is forgiven."""
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")

Meter = Callable[[], int]
"""Nanoseconds of a clock that only measures; what it says decides nothing in the engine."""


class Hosted(msgspec.Struct):
    """One strategy and how it has fared."""

    spec: StrategySpec
    strategy: Strategy
    view: StrategyView
    signals: int = 0
    errors: int = 0
    consecutive_errors: int = 0
    last_error: str = ""
    is_enabled: bool = True
    calls: int = 0
    overruns: int = 0
    close_overruns: int = 0
    last_overrun_call: int = 0
    orders: int = 0
    denied: int = 0
    fills: int = 0
    wins: int = 0
    losses: int = 0
    realised: dict[InstrumentId, Decimal] = {}


class Failure(msgspec.Struct, frozen=True):
    """One failure of a strategy; ``is_last`` says that it was disabled for it."""

    strategy: str
    message: str
    is_last: bool


class Overrun(msgspec.Struct, frozen=True):
    """A callback that took longer than the budget, as measured outside the engine."""

    strategy: str
    callback: str
    took_ns: int


class StrategyStats(msgspec.Struct, frozen=True, kw_only=True):
    """How a strategy has fared, money in rupees before charges.

    ``wins`` and ``losses`` count fills that closed something with a profit or a loss.
    """

    name: str
    is_enabled: bool
    signals: int
    orders: int
    denied: int
    fills: int
    wins: int
    losses: int
    errors: int
    overruns: int
    last_error: str
    realised: Decimal
    unrealised: Decimal

    @property
    def pnl(self) -> Decimal:
        """Realised and unrealised profit."""
        return self.realised + self.unrealised


Heard = tuple[str, Answer]


class StrategyHost:
    """Dispatches what happens to the strategies that asked for it.

    A strategy that raises or returns nonsense is counted; after ``max_strategy_errors`` in a row
    it is disabled, alone. ``take_failures`` tells what happened since it was last asked. With a
    ``meter`` callbacks are timed; ``take_overruns`` tells the runtime, and only the event that it
    makes of it counts, so a replay comes to the same end.
    """

    def __init__(
        self,
        spec: RunSpec,
        strategies: Mapping[str, Strategy],
        market: MarketState,
        portfolio: Portfolio,
        ledger: OrderLedger,
        plans: PlanBook,
    ) -> None:
        self.hosted: dict[str, Hosted] = {}
        self.meter: Meter | None = None
        self._max_errors = spec.max_strategy_errors
        self._max_overruns = spec.max_strategy_overruns
        self._budget_ns = spec.strategy_budget_ns
        self._failures: list[Failure] = []
        self._overruns: list[Overrun] = []
        self._market = market
        self._portfolio = portfolio
        self._ticked: dict[InstrumentId, list[Hosted]] = {}
        self._barred: dict[tuple[InstrumentId, Interval], list[Hosted]] = {}
        for item in spec.strategies:
            unknown = [name for name in item.instruments if name not in market.instruments]
            if unknown:
                raise InvalidValue(
                    f"strategies.{item.name}.instruments",
                    f"{unknown[0]} is not among the run's instruments.",
                    "Add it to the run or take it from the strategy.",
                )
            if item.name in self.hosted or item.name == EXTERNAL:
                raise InvalidValue("strategies.name", f"{item.name!r} is taken.", "Choose another.")
            view = StrategyView(item, market, portfolio, ledger, plans)
            self.hosted[item.name] = Hosted(item, strategies[item.name], view)
        self._index()

    # --- what happens ----------------------------------------------------------

    def start(self) -> list[Heard]:
        """Tell every strategy that the run begins."""
        return [s for h in self.hosted.values() for s in self._call(h, h.strategy.on_start)]

    def stop(self) -> None:
        """Tell every strategy that the run ends."""
        for hosted in self.hosted.values():
            self._call(hosted, hosted.strategy.on_stop)

    def tick(self, tick: Tick) -> list[Heard]:
        """Show a tick to the strategies of its instrument."""
        heard: list[Heard] = []
        for hosted in self._ticked.get(tick.instrument, ()):
            heard += self._call(hosted, hosted.strategy.on_tick, tick)
        return heard

    def bar(self, bar: Bar) -> list[Heard]:
        """Show a finished bar to the strategies of its instrument and interval."""
        heard: list[Heard] = []
        for hosted in self._barred.get((bar.instrument, bar.interval), ()):
            heard += self._call(hosted, hosted.strategy.on_bar, bar)
        return heard

    def history(self, bar: Bar) -> None:
        """Show a bar from before the run; what is said about it is not heard."""
        for hosted in self.hosted.values():
            if bar.instrument in hosted.view.instruments and self._overrides(hosted, "on_history"):
                self._call(hosted, hosted.strategy.on_history, bar)

    def fill(self, owner: str, fill: Fill) -> Sequence[Heard]:
        """Show a fill to the strategy that owns it."""
        hosted = self.hosted.get(owner)
        if hosted is None:
            return []
        hosted.fills += 1
        position = self._portfolio.owners().get((owner, fill.instrument))
        if position is not None:
            gained = position.realised - hosted.realised.get(fill.instrument, ZERO)
            hosted.realised[fill.instrument] = position.realised
            hosted.wins += gained > 0
            hosted.losses += gained < 0
        return self._call(hosted, hosted.strategy.on_fill, fill)

    def order(self, order: Order) -> Sequence[Heard]:
        """Show an order, as it is now, to the strategy that owns it."""
        hosted = self.hosted.get(order.intent.strategy)
        if hosted is None:
            return []
        hosted.orders += order.status is OrderStatus.SUBMITTED
        hosted.denied += order.status is OrderStatus.DENIED
        if not self._overrides(hosted, "on_order"):
            return []
        return self._call(hosted, hosted.strategy.on_order, order)

    def timer(self) -> list[Heard]:
        """Tell every strategy that it is time for housekeeping."""
        return self._tell("on_timer")

    def gap(self, gap: Gap) -> list[Heard]:
        """Tell the strategies concerned that market data was missed."""
        names = gap.instruments
        heard: list[Heard] = []
        for hosted in self.hosted.values():
            seen = hosted.view.instruments
            if self._overrides(hosted, "on_gap") and (
                names is None or any(name in seen for name in names)
            ):
                heard += self._call(hosted, hosted.strategy.on_gap, gap)
        return heard

    # --- what a person decides ---------------------------------------------------

    def switch(self, name: str, *, is_enabled: bool) -> None:
        """Enable or disable a strategy; its counts of failures start anew."""
        hosted = self._named(name)
        hosted.is_enabled = is_enabled
        hosted.consecutive_errors = hosted.close_overruns = 0

    def change(self, name: str, parameters: Mapping[str, Value]) -> Sequence[Heard]:
        """Give a strategy other parameters, all or none, and let it rebuild what depends on them.

        Raises:
            InvalidValue: there is no such strategy or parameter, or a value does not fit.
        """
        hosted = self._named(name)
        try:
            hosted.strategy.change_parameters(dict(parameters))
        except InvalidValue as error:
            raise InvalidValue(
                f"strategies.{name}.{error.field}",
                error.cause.removeprefix(f"{error.field}: "),
                error.remedy,
            ) from error
        except Exception as error:
            raise InvalidValue(f"strategies.{name}.parameters", _described(error)) from error
        return self._call(hosted, hosted.strategy.on_parameters)

    def overran(self, name: str, callback: str, took_ns: int) -> None:
        """Count an overrun that was measured outside; too many close together disable."""
        hosted = self._named(name)
        if hosted.calls > hosted.last_overrun_call + _GOOD_CALLS:
            hosted.close_overruns = 0
        hosted.last_overrun_call = hosted.calls
        hosted.overruns += 1
        hosted.close_overruns += 1
        budget_ms = self._budget_ns // 1_000_000
        hosted.last_error = f"{callback}: took {took_ns // 1_000_000} ms, allowed {budget_ms} ms."
        is_last = hosted.is_enabled and hosted.close_overruns >= self._max_overruns
        if is_last:
            hosted.is_enabled = False
        self._failures.append(Failure(name, hosted.last_error, is_last))

    def watch(self, name: str, watch: Watch, is_bound: Callable[[InstrumentId], bool]) -> bool:
        """Change what a strategy sees; whether that changed anything.

        What ``is_bound`` (a position, an order) stays.
        """
        hosted = self.hosted[name]
        before = hosted.view.instruments
        kept = [each for each in before if each not in watch.drop or is_bound(each)]
        hosted.view.watch([*kept, *watch.add])
        if hosted.view.instruments == before:
            return False
        self._index()
        return True

    # --- what there is to tell -----------------------------------------------------

    def take_failures(self) -> list[Failure]:
        """What failed since the last call, oldest first."""
        if not self._failures:
            return []
        failures, self._failures = self._failures, []
        return failures

    def take_overruns(self) -> list[Overrun]:
        """The callbacks that took too long since the last call, oldest first."""
        overruns, self._overruns = self._overruns, []
        return overruns

    def wanted_intervals(self) -> dict[Interval, list[InstrumentId]]:
        """The intervals strategies asked for, other than the run's own, with their instruments."""
        wanted: dict[Interval, list[InstrumentId]] = {}
        for hosted in self.hosted.values():
            for interval in hosted.spec.intervals:
                if interval is not self._market.interval:
                    wanted.setdefault(interval, []).extend(hosted.view.instruments)
        return wanted

    def stats(self) -> list[StrategyStats]:
        """How every strategy has fared so far."""
        return [self._stats(hosted) for hosted in self.hosted.values()]

    # --- inside ------------------------------------------------------------------

    def _stats(self, hosted: Hosted) -> StrategyStats:
        realised = unrealised = ZERO
        for (owner, _), position in self._portfolio.owners().items():
            if owner == hosted.spec.name:
                realised += position.realised
                mark = self._market.price(position)
                if mark is not None:
                    unrealised += position.pnl(mark) - position.realised
        return StrategyStats(
            name=hosted.spec.name,
            is_enabled=hosted.is_enabled,
            signals=hosted.signals,
            orders=hosted.orders,
            denied=hosted.denied,
            fills=hosted.fills,
            wins=hosted.wins,
            losses=hosted.losses,
            errors=hosted.errors,
            overruns=hosted.overruns,
            last_error=hosted.last_error,
            realised=realised,
            unrealised=unrealised,
        )

    def _named(self, name: str) -> Hosted:
        hosted = self.hosted.get(name)
        if hosted is None:
            known = ", ".join(self.hosted) or "none"
            raise InvalidValue(f"strategies.{name}", "there is no such strategy.", f"Has: {known}.")
        return hosted

    def _index(self) -> None:
        """Who is shown which tick and which bar; callbacks that are not overridden cost nothing."""
        self._ticked, self._barred = {}, {}
        for hosted in self.hosted.values():
            intervals: Sequence[Interval] = hosted.spec.intervals or (self._market.interval,)
            for name in hosted.view.instruments:
                if self._overrides(hosted, "on_tick"):
                    self._ticked.setdefault(name, []).append(hosted)
                if self._overrides(hosted, "on_bar"):
                    for interval in dict.fromkeys(intervals):
                        self._barred.setdefault((name, interval), []).append(hosted)

    @staticmethod
    def _overrides(hosted: Hosted, callback: str) -> bool:
        return getattr(type(hosted.strategy), callback) is not getattr(Strategy, callback)

    def _tell(self, callback: str) -> list[Heard]:
        heard: list[Heard] = []
        for hosted in self.hosted.values():
            if self._overrides(hosted, callback):
                heard += self._call(hosted, getattr(hosted.strategy, callback))
        return heard

    def _call(
        self, hosted: Hosted, callback: Callable[..., Signals], *facts: object
    ) -> Sequence[Heard]:
        if not hosted.is_enabled:
            return ()
        hosted.calls += 1
        meter = self.meter
        began_ns = 0 if meter is None else meter()
        answers: list[Answer] | None = None
        try:
            answer = callback(hosted.view, *facts)
            if answer is not None:
                answers = checked_answers(answer, hosted.view.instruments, self._market.instruments)
        except MissingExtra:
            raise  # the installation's fault, not the strategy's: no run should go on without it
        except Exception as error:  # noqa: BLE001 - a strategy's failure stays its own
            self._note_error(hosted, callback, error)
        else:
            hosted.consecutive_errors = 0
        if meter is not None:
            took_ns = meter() - began_ns
            if took_ns > self._budget_ns:
                self._overruns.append(Overrun(hosted.spec.name, callback.__name__, took_ns))
        if not answers:
            return ()
        hosted.signals += len(answers)
        return [(hosted.spec.name, answer) for answer in answers]

    def _note_error(
        self, hosted: Hosted, callback: Callable[..., Signals], error: Exception
    ) -> None:
        hosted.errors += 1
        hosted.consecutive_errors += 1
        where = _line_in(type(hosted.strategy).__module__, error)
        hosted.last_error = f"{callback.__name__}{where}: {_described(error)}"
        hosted.is_enabled = hosted.consecutive_errors < self._max_errors
        self._failures.append(Failure(hosted.spec.name, hosted.last_error, not hosted.is_enabled))


def _line_in(module: str, error: Exception) -> str:
    """Where in the strategy's own module the error came from; empty when it came from elsewhere."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == module:
            where = f" (line {trace.tb_lineno} of {module})"
        trace = trace.tb_next
    return where


def _described(error: Exception) -> str:
    """The error in words that a replay repeats: without addresses, and whatever its text does."""
    name = type(error).__name__
    try:
        text = f"{name}: {error}"
    except Exception:  # noqa: BLE001 - even the text of a strategy's error may fail
        return name
    return _ADDRESS.sub("0x...", text).encode("utf-8", "backslashreplace").decode()
