"""Runs the strategies: shows each its view, takes its signals, and contains its failures."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from patang.domain.errors import InvalidValue, MissingExtra
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import HIGHEST_PRICE, Bar, Tick
from patang.domain.messages import RunSpec, Signal, StrategySpec
from patang.domain.order import Fill
from patang.engine.orders import OrderLedger
from patang.engine.portfolio import EXTERNAL, Portfolio
from patang.engine.strategy import Signals, Strategy

BAR_HISTORY = 500
_LARGEST_TARGET = 1_000_000_000
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")


class MarketState:
    """The newest price and the recent bars of every instrument; what views read from."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.now_ns = 0
        self.instruments: dict[InstrumentId, Instrument] = {i.id: i for i in instruments}
        self.last_prices: dict[InstrumentId, float] = {}
        self.bars: dict[InstrumentId, deque[Bar]] = {
            name: deque(maxlen=BAR_HISTORY) for name in self.instruments
        }


class StrategyView:
    """The read-only window of one strategy; see ``patang.engine.strategy.View``."""

    def __init__(
        self, spec: StrategySpec, market: MarketState, portfolio: Portfolio, ledger: OrderLedger
    ) -> None:
        self._spec = spec
        self._market = market
        self._portfolio = portfolio
        self._ledger = ledger

    @property
    def now_ns(self) -> int:
        """The time of the event being processed, UTC nanoseconds."""
        return self._market.now_ns

    @property
    def instruments(self) -> Sequence[InstrumentId]:
        """The instruments this strategy runs on."""
        return self._spec.instruments

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """The contract: lot, tick, multiplier."""
        return self._market.instruments[instrument]

    def last_price(self, instrument: InstrumentId) -> float | None:
        """The newest traded price in rupees; None before the first tick."""
        return self._market.last_prices.get(instrument)

    def position(self, instrument: InstrumentId) -> int:
        """Units this strategy holds, short negative, fills booked so far."""
        return self._portfolio.owned(self._spec.name, instrument)

    def working(self, instrument: InstrumentId) -> int:
        """Signed units of this strategy's orders that may still fill."""
        return self._ledger.working((self._spec.name, instrument))

    def bars(self, instrument: InstrumentId, count: int) -> Sequence[Bar]:
        """Up to ``count`` newest finished bars, oldest first."""
        bars = self._market.bars[instrument]
        return list(bars)[-count:] if count > 0 else []


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


class Failure(msgspec.Struct, frozen=True):
    """One failure of a strategy; ``is_last`` says that it was disabled for it."""

    strategy: str
    message: str
    is_last: bool


Heard = tuple[str, Signal]


class StrategyHost:
    """Dispatches market data and fills to the strategies that asked for the instrument.

    A strategy that raises or returns nonsense is counted; after ``max_strategy_errors`` in a row
    it is disabled, alone. ``take_failures`` tells what happened since it was last asked.
    """

    def __init__(
        self,
        spec: RunSpec,
        strategies: Mapping[str, Strategy],
        market: MarketState,
        portfolio: Portfolio,
        ledger: OrderLedger,
    ) -> None:
        self.hosted: dict[str, Hosted] = {}
        self._max_errors = spec.max_strategy_errors
        self._failures: list[Failure] = []
        self._instruments = market.instruments
        self._by_instrument: dict[InstrumentId, list[Hosted]] = {}
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
            view = StrategyView(item, market, portfolio, ledger)
            hosted = Hosted(item, strategies[item.name], view)
            self.hosted[item.name] = hosted
            for name in item.instruments:
                self._by_instrument.setdefault(name, []).append(hosted)

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
        for hosted in self._by_instrument.get(tick.instrument, ()):
            heard += self._call(hosted, hosted.strategy.on_tick, tick)
        return heard

    def bar(self, bar: Bar) -> list[Heard]:
        """Show a finished bar to the strategies of its instrument."""
        heard: list[Heard] = []
        for hosted in self._by_instrument.get(bar.instrument, ()):
            heard += self._call(hosted, hosted.strategy.on_bar, bar)
        return heard

    def fill(self, owner: str, fill: Fill) -> list[Heard]:
        """Show a fill to the strategy that owns it."""
        hosted = self.hosted.get(owner)
        return [] if hosted is None else self._call(hosted, hosted.strategy.on_fill, fill)

    def take_failures(self) -> list[Failure]:
        """What failed since the last call, oldest first."""
        failures, self._failures = self._failures, []
        return failures

    def _call(
        self, hosted: Hosted, callback: Callable[..., Signals], *facts: object
    ) -> list[Heard]:
        if not hosted.is_enabled:
            return []
        try:
            signals = self._checked(hosted, callback(hosted.view, *facts))
        except MissingExtra:
            raise  # the installation's fault, not the strategy's: no run should go on without it
        except Exception as error:  # noqa: BLE001 - a strategy's failure stays its own
            hosted.errors += 1
            hosted.consecutive_errors += 1
            where = _line_in(type(hosted.strategy).__module__, error)
            hosted.last_error = f"{callback.__name__}{where}: {_described(error)}"
            hosted.is_enabled = hosted.consecutive_errors < self._max_errors
            self._failures.append(
                Failure(hosted.spec.name, hosted.last_error, not hosted.is_enabled)
            )
            return []
        hosted.consecutive_errors = 0
        hosted.signals += len(signals)
        return [(hosted.spec.name, signal) for signal in signals]

    def _checked(self, hosted: Hosted, answer: Signals) -> list[Signal]:
        if answer is None:
            return []
        if not isinstance(answer, Signal | Iterable):
            raise InvalidValue(
                "answer",
                f"a {type(answer).__name__} is neither a Signal nor several.",
                "Return a Signal, a list of them, or None.",
            )
        signals = [answer] if isinstance(answer, Signal) else list(answer)
        return [self._checked_signal(hosted.spec, signal) for signal in signals]

    def _checked_signal(self, spec: StrategySpec, signal: object) -> Signal:
        """A signal that can be planned and journaled; annotations do not hold at run time."""
        if not isinstance(signal, Signal):
            raise InvalidValue("signal", f"a {type(signal).__name__} is not a Signal.")
        if signal.instrument not in spec.instruments:
            raise InvalidValue("signal.instrument", f"{signal.instrument} is not subscribed.")
        if type(signal.target) is not int or abs(signal.target) > _LARGEST_TARGET:
            raise InvalidValue("signal.target", f"{signal.target!r} is not a number of units.")
        if not _is_text(signal.reason):
            raise InvalidValue("signal.reason", "it is not a text.")
        if signal.limit_price is None:
            return signal
        price = float(signal.limit_price)  # NumPy's floats come in, plain ones go on
        tick = float(self._instruments[signal.instrument].tick_size)
        if not tick <= price < HIGHEST_PRICE:
            raise InvalidValue("signal.limit_price", f"{price!r} is not a price.")
        return msgspec.structs.replace(signal, limit_price=price)


def _is_text(text: object) -> bool:
    return isinstance(text, str) and text.encode("utf-8", "replace").decode() == text


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
