"""What strategies look at: the market as of this turn, and the read-only window of each."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal

import msgspec

from patang.domain.enums import Interval
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.intents import Plan
from patang.domain.market import Bar
from patang.domain.messages import RunSpec, StrategySpec
from patang.domain.money import ZERO
from patang.domain.order import Order
from patang.domain.position import Position
from patang.engine.indicators import Indicator
from patang.engine.orders import OrderLedger
from patang.engine.plans import PlanBook
from patang.engine.portfolio import Portfolio
from patang.engine.strategy import SessionFacts
from patang.rules.calendar import Calendar
from patang.rules.ist import ist_date, ist_time

BAR_HISTORY = 500


class MarketState:
    """The newest price and the recent bars of every instrument; what views read from."""

    def __init__(self, spec: RunSpec) -> None:
        self.now_ns = 0
        self.interval = spec.interval
        self.instruments: dict[InstrumentId, Instrument] = {i.id: i for i in spec.instruments}
        self.last_prices: dict[InstrumentId, float] = {}
        self.session = SessionFacts(
            open_ns=spec.open_ns,
            close_ns=spec.close_ns,
            square_off_ns=spec.square_off_ns,
        )
        self.bars: dict[InstrumentId, deque[Bar]] = {
            name: deque(maxlen=BAR_HISTORY) for name in self.instruments
        }
        self._longer: dict[tuple[InstrumentId, Interval], deque[Bar]] = {}
        self._fed: dict[tuple[InstrumentId, Interval], list[Indicator]] = {}

    def series(self, instrument: InstrumentId, interval: Interval | None) -> deque[Bar]:
        """The finished bars of an instrument, of the run's own interval when None."""
        if interval is None or interval is self.interval:
            return self.bars[instrument]
        if instrument not in self.instruments:
            raise KeyError(instrument)
        return self._longer.setdefault((instrument, interval), deque(maxlen=BAR_HISTORY))

    def keep(self, bar: Bar) -> bool:
        """Add a finished bar; False when a bar of its time or later is there."""
        if bar.interval is self.interval:
            bars = self.bars[bar.instrument]
        else:
            bars = self.series(bar.instrument, bar.interval)
        if bars and bar.start_ns <= bars[-1].start_ns:
            return False
        bars.append(bar)
        if self._fed:
            for indicator in self._fed.get((bar.instrument, bar.interval), ()):
                indicator.take(bar)
        return True

    def feed(self, indicator: Indicator, instrument: InstrumentId, interval: Interval) -> None:
        """Feed an indicator with the bars there are, and with every later one."""
        for bar in self.series(instrument, interval):
            indicator.take(bar)
        self._fed.setdefault((instrument, interval), []).append(indicator)

    def price(self, position: Position) -> Decimal | None:
        """The newest price of what a position is of, rupees on the tick."""
        last = self.last_prices.get(position.instrument)
        if last is None:
            return None
        return self.instruments[position.instrument].price_from_float(last)


class StrategyView:
    """The read-only window of one strategy; see ``patang.engine.strategy.View``."""

    def __init__(
        self,
        spec: StrategySpec,
        market: MarketState,
        portfolio: Portfolio,
        ledger: OrderLedger,
        plans: PlanBook,
    ) -> None:
        self._name = spec.name
        self._watched = dict.fromkeys(spec.instruments)
        self._market = market
        self._portfolio = portfolio
        self._ledger = ledger
        self._plans = plans
        self._intervals = (market.interval, *spec.intervals)
        self._indicators: dict[tuple[object, ...], Indicator] = {}

    @property
    def now_ns(self) -> int:
        """The time of the event being processed, UTC nanoseconds."""
        return self._market.now_ns

    @property
    def today(self) -> date:
        """The calendar day in India."""
        return ist_date(self._market.now_ns)

    @property
    def clock(self) -> time:
        """The wall-clock time in India, whole seconds."""
        return ist_time(self._market.now_ns)

    @property
    def session(self) -> SessionFacts:
        """The day's opening, close and square-off."""
        return self._market.session

    @property
    def is_open(self) -> bool:
        """Whether continuous trading is on."""
        return self.session.open_ns <= self._market.now_ns < self.session.close_ns

    def trading_days(self, first: date, last: date) -> int:
        """Days on which NSE trades from ``first`` to ``last``, both included."""
        return len(Calendar.load("NSE").trading_days(first, last))

    @property
    def instruments(self) -> Sequence[InstrumentId]:
        """The instruments this strategy sees."""
        return tuple(self._watched)

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """The contract: lot, tick, multiplier."""
        return self._market.instruments[instrument]

    def last_price(self, instrument: InstrumentId) -> float | None:
        """The newest traded price in rupees; None before the first tick."""
        return self._market.last_prices.get(instrument)

    def position(self, instrument: InstrumentId) -> int:
        """Units this strategy holds, short negative, fills booked so far."""
        return self._portfolio.owned(self._name, instrument)

    def average_price(self, instrument: InstrumentId) -> Decimal:
        """Average cost of what the strategy holds, rupees; zero when flat."""
        position = self._portfolio.owners().get((self._name, instrument))
        return ZERO if position is None else position.average_price

    def profit(self, instrument: InstrumentId) -> Decimal:
        """Realised and unrealised profit of this strategy in an instrument, before charges."""
        position = self._portfolio.owners().get((self._name, instrument))
        if position is None:
            return ZERO
        mark = self._market.price(position)
        return position.realised if mark is None else position.pnl(mark)

    def working(self, instrument: InstrumentId) -> int:
        """Signed units of this strategy's orders that may still fill."""
        return self._ledger.working((self._name, instrument))

    def orders(self, instrument: InstrumentId | None = None) -> Sequence[Order]:
        """Copies of this strategy's orders that may still fill, oldest first."""
        mine = [
            msgspec.structs.replace(order)
            for order in self._ledger.live_orders()
            if order.intent.strategy == self._name and instrument in (None, order.intent.instrument)
        ]
        return sorted(mine, key=lambda order: order.intent.created_ns)

    def plan(self, instrument: InstrumentId) -> Plan | None:
        """The explicit intent that stands for an instrument."""
        return self._plans.standing((self._name, instrument))

    def bars(
        self, instrument: InstrumentId, count: int, interval: Interval | None = None
    ) -> Sequence[Bar]:
        """Up to ``count`` newest finished bars, oldest first; of the run's interval when None."""
        bars = self._market.series(instrument, interval)
        return list(bars)[-count:] if count > 0 else []

    def indicator(
        self,
        name: str,
        instrument: InstrumentId,
        interval: Interval | None = None,
        **parameters: float,
    ) -> Indicator:
        """A TA-Lib indicator that the engine feeds with every finished bar."""
        interval = self._market.interval if interval is None else interval
        key = (name, instrument, interval, *sorted(parameters.items()))
        known = self._indicators.get(key)
        if known is not None:
            return known
        if interval not in self._intervals:
            raise InvalidValue(
                f"indicator {name}",
                f"there are no {interval} bars.",
                "Name the interval among those of the strategy.",
            )
        indicator = Indicator(name, **parameters)
        indicator.check_bars()
        self._market.feed(indicator, instrument, interval)
        self._indicators[key] = indicator
        return indicator

    # --- for the host alone --------------------------------------------------

    def watch(self, instruments: Iterable[InstrumentId]) -> None:
        """See exactly these instruments from now on."""
        self._watched = dict.fromkeys(instruments)
