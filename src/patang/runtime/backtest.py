"""A backtest: stored bars or ticks are played into the simulator's books, day by day.

Each trading day is a run of its own: the engine, the risk gate and the ledger of every other mode,
against a market that shows what the tape shows, with the charges of that day. Intraday positions
are closed before the day's end; what the day earned is the next day's capital, and its bars warm
the next day's strategies up. Orders reach the exchange at the instant of the decision that made
them, and a decision on a bar is made when the bar is over: nothing looks ahead.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from patang.brokers.paper import PaperBroker
from patang.domain.enums import Exchange, Mode
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND, Bar
from patang.domain.messages import (
    AlarmRaised,
    AnyEvent,
    BarClosed,
    CancelOrder,
    FillReceived,
    HistoryLoaded,
    OrderDenied,
    RiskLimits,
    RunSpec,
    RunStarted,
    RunStopped,
    SignalRaised,
    StrategySpec,
    SubmitOrder,
    TicksReceived,
    TimerFired,
)
from patang.domain.money import ZERO, to_paisa
from patang.engine.engine import Engine
from patang.engine.lots import Trip
from patang.engine.performance import Performance, performance
from patang.engine.portfolio import EquityPoint
from patang.engine.strategy import Strategy
from patang.rules.calendar import Calendar, OutsideCalendar
from patang.rules.ist import ist_date
from patang.rules.session import Session
from patang.runtime.simulation import tick_of
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import take_turn
from patang.simulator.tape.fill_models import FillModelName
from patang.simulator.tape.recording import Recording
from patang.simulator.tape.replay import replay_market
from patang.simulator.worlds.market import Market
from patang.storage.journal import Journal

ACCOUNT = "BT0001"
LATENCY = "none: an order reaches the exchange at the instant it is decided"

_BARS_KEPT = 400
_WITH_AUCTION = (Exchange.NSE, Exchange.BSE)
_SQUARE_OFF_NS = 15 * 60 * NS_PER_SECOND
_MARGIN_NS = 60 * NS_PER_SECOND


class BacktestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``strategies`` are ``module:Class``, each run on all instruments of the recording.

    ``capital`` is in rupees; the risk limits follow from it. With ``journal_folder`` every day
    leaves its journal there, named by the date.
    """

    strategies: tuple[str, ...]
    capital: Decimal
    fill_model: FillModelName = FillModelName.QUOTE_BASED
    seed: int = 1
    journal_folder: Path | None = None


class BacktestDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day: rupees after charges, and what is left open because nothing could close it."""

    date: date
    net_pnl: Decimal
    charges: Decimal
    orders: int
    fills: int
    left_open: dict[InstrumentId, int]
    state_hash: str


class BacktestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a backtest did. Money in rupees; ``trades`` are pairs of an entry and its exit."""

    first_day: date
    last_day: date
    strategies: tuple[str, ...]
    instruments: tuple[InstrumentId, ...]
    fill_model: FillModelName
    latency: str
    capital: Decimal
    end_capital: Decimal
    net_pnl: Decimal
    charges: Decimal
    events: int
    bars: int
    signals: int
    orders: int
    fills: int
    denied_by_code: dict[str, int]
    alarms: list[AlarmRaised]
    performance: Performance
    trades: list[Trip]
    days: list[BacktestDay]
    elapsed_s: float


Progress = Callable[[int, int], None]
"""Called after each day with the days done and the days there are."""


def run_backtest(
    settings: BacktestSettings, recording: Recording, progress: Progress | None = None
) -> BacktestReport:
    """Play the whole recording, one trading day after the other.

    Raises:
        InvalidValue: a strategy or a parameter does not fit, or the recording holds no trading.
        OutsideCalendar: the calendars do not know a day of it.
        MissingExtra: a strategy needs an optional dependency.
        JournalError: a journal cannot be written.
    """
    started_s = time.monotonic()
    days = list(_days_of(recording))
    if not days:
        raise InvalidValue(
            "data", "it holds nothing inside a trading session.", "Times are UTC, or IST with none."
        )
    capital, totals = settings.capital, _Totals()
    for number, (session, part) in enumerate(days, 1):
        one = _Day(settings, session, part, capital, totals)
        one.run()
        capital = one.end_capital
        if progress is not None:
            progress(number, len(days))
    return BacktestReport(
        first_day=days[0][0].date,
        last_day=days[-1][0].date,
        strategies=settings.strategies,
        instruments=tuple(item.id for item in recording.instruments),
        fill_model=settings.fill_model,
        latency=LATENCY,
        capital=settings.capital,
        end_capital=to_paisa(capital),
        net_pnl=to_paisa(capital - settings.capital),
        charges=to_paisa(totals.charges),
        events=totals.events,
        bars=totals.bars,
        signals=totals.signals,
        orders=totals.orders,
        fills=totals.fills,
        denied_by_code=totals.denied_by_code,
        alarms=totals.alarms,
        performance=performance(settings.capital, totals.curve, totals.trips),
        trades=totals.trips,
        days=totals.days,
        elapsed_s=time.monotonic() - started_s,
    )


class _Totals:
    """What is added up over the days."""

    def __init__(self) -> None:
        self.charges = ZERO
        self.events = self.bars = self.signals = self.orders = self.fills = 0
        self.denied_by_code: dict[str, int] = {}
        self.alarms: list[AlarmRaised] = []
        self.curve: list[EquityPoint] = []
        self.trips: list[Trip] = []
        self.days: list[BacktestDay] = []
        self.warm: dict[InstrumentId, deque[Bar]] = {}


class _Day:
    """One run: the market of a day, an account with the capital so far, and an engine."""

    def __init__(
        self,
        settings: BacktestSettings,
        session: Session,
        recording: Recording,
        capital: Decimal,
        totals: _Totals,
    ) -> None:
        self._session, self._totals = session, totals
        self._recording = recording
        self._market: Market = replay_market(recording, settings.fill_model, seed=settings.seed)
        self._market.exchange.take_changed()
        spec = _spec_of(settings, session, recording.instruments, capital)
        self.engine = Engine(spec, _fresh(spec))
        self._broker = PaperBroker(
            self._market.exchange, ACCOUNT, capital, lambda: self._market.now_ns
        )
        self._known = {item.id for item in recording.instruments}
        self._journal = _journal(settings.journal_folder, session.date)
        self._orders = self._fills = 0
        self.end_capital = capital

    def run(self) -> None:
        try:
            self._play()
            if self._journal is not None:
                self._journal.seal(self.engine.state_hash())
                self._journal.sync()
        finally:
            if self._journal is not None:
                self._journal.close()
        self._add_up()

    def _play(self) -> None:
        engine, market = self.engine, self._market
        begin_ns = last_ns = market.now_ns
        self._take(RunStarted(at_ns=begin_ns, run=engine.spec))
        warm = [bar for bars in self._totals.warm.values() for bar in bars]
        if warm:
            self._take(HistoryLoaded(at_ns=begin_ns, bars=tuple(warm)))
        self._tick(begin_ns)
        for at_ns in _moments(self._recording, begin_ns, self._session.close_ns):
            self._advance(at_ns)
            self._tick(at_ns)
            last_ns = at_ns
        # Bars end and exits fill a little after the last thing the tape shows.
        second_ns = last_ns - last_ns % NS_PER_SECOND
        for at_ns in range(second_ns + NS_PER_SECOND, second_ns + _MARGIN_NS, NS_PER_SECOND):
            self._advance(at_ns)
            self._take(TimerFired(at_ns=at_ns))
        self._take(RunStopped(at_ns=market.now_ns, reason="the day is over"))

    def _tick(self, at_ns: int) -> None:
        exchange = self._market.exchange
        names = [name for name in exchange.take_changed() if name in self._known]
        if names:
            ticks = tuple(tick_of(exchange.quote(name), at_ns) for name in names)
            self._take(TicksReceived(at_ns=at_ns, ticks=ticks))
        if at_ns % NS_PER_SECOND == 0:
            self._take(TimerFired(at_ns=at_ns))

    def _advance(self, at_ns: int) -> None:
        self._market.advance(at_ns)
        for event in self._broker.take_events():
            self._take(event)

    def _take(self, event: AnyEvent) -> None:
        """One turn, and every turn that the orders of this one lead to."""
        waiting: deque[AnyEvent] = deque([event])
        while waiting:
            now = waiting.popleft()
            self._totals.events += 1
            if isinstance(now, FillReceived):
                self._fills += 1
            if self._journal is None:
                commands = self.engine.process(now)
            else:
                commands = take_turn(self.engine, self._journal.append, now)
            is_sent = False
            for command in commands:
                match command:
                    case SubmitOrder() | CancelOrder():
                        if self._journal is not None and not is_sent:
                            self._journal.sync()
                        is_sent = True
                        self._orders += isinstance(command, SubmitOrder)
                        self._broker.execute(command, self._market.now_ns)
                    case BarClosed(bar=bar):
                        self._keep(bar)
                    case OrderDenied(code=code):
                        known = self._totals.denied_by_code
                        known[code] = known.get(code, 0) + 1
                    case SignalRaised():
                        self._totals.signals += 1
                    case AlarmRaised():
                        self._totals.alarms.append(command)
                    case _:
                        pass
            waiting.extend(self._broker.take_events())

    def _keep(self, bar: Bar) -> None:
        self._totals.bars += 1
        if bar.interval is self.engine.spec.interval:
            kept = self._totals.warm.setdefault(bar.instrument, deque(maxlen=_BARS_KEPT))
            kept.append(bar)

    def _add_up(self) -> None:
        totals, books = self._totals, self.engine.portfolio
        books.sample(self.engine.now_ns)
        totals.curve += books.curve
        totals.trips += books.trips
        totals.charges += books.charges
        totals.orders += self._orders
        totals.fills += self._fills
        self.end_capital += books.net_pnl
        totals.days.append(
            BacktestDay(
                date=self._session.date,
                net_pnl=to_paisa(books.net_pnl),
                charges=to_paisa(books.charges),
                orders=self._orders,
                fills=self._fills,
                left_open={p.instrument: p.quantity for p in books.positions() if p.quantity},
                state_hash=self.engine.state_hash(),
            )
        )


def _days_of(recording: Recording) -> Iterator[tuple[Session, Recording]]:
    """The recording cut into trading days; a day's closes before it are the last prices seen."""
    closes = dict(recording.previous_closes)
    by_id = {item.id: item for item in recording.instruments}
    dates = sorted(
        {ist_date(event.time_ns) for events in recording.events.values() for event in events}
    )
    for day in dates:
        session = _session(recording.instruments, day)
        events = {
            name: tuple(one for one in some if ist_date(one.time_ns) == day)
            for name, some in recording.events.items()
        }
        inside = {
            name: tuple(
                one
                for one in some
                if session is not None and session.open_ns <= one.time_ns < session.close_ns
            )
            for name, some in events.items()
        }
        shown = {name: some for name, some in inside.items() if some}
        if session is not None and shown:
            part = msgspec.structs.replace(recording, previous_closes=dict(closes), events=shown)
            yield session, part
        for name, some in events.items():
            last = next((one.last_ticks for one in reversed(some) if one.last_ticks), 0)
            if last:
                closes[name] = by_id[name].from_ticks(last)


def _session(instruments: Sequence[Instrument], day: date) -> Session | None:
    """The hours in which all exchanges of the instruments trade; None where none of them does."""
    exchanges = sorted({item.exchange for item in instruments})
    try:
        sessions = [
            Calendar.load(one).session(day, closing_auction=one in _WITH_AUCTION)
            for one in exchanges
        ]
    except OutsideCalendar as error:
        raise InvalidValue("--from", str(error), "Take days that the calendar knows.") from error
    held = [one for one in sessions if one is not None]
    return min(held, key=lambda one: one.close_ns) if held else None


def _moments(recording: Recording, after_ns: int, until_ns: int) -> Iterator[int]:
    """Every moment at which the tape shows something, and every whole second, in order."""
    shown = sorted(
        {
            event.time_ns
            for events in recording.events.values()
            for event in events
            if after_ns < event.time_ns < until_ns
        }
    )
    second_ns = after_ns
    for at_ns in shown:
        while (second_ns := (second_ns // NS_PER_SECOND + 1) * NS_PER_SECOND) < at_ns:
            yield second_ns
        yield at_ns
        second_ns = at_ns


def _spec_of(
    settings: BacktestSettings,
    session: Session,
    instruments: tuple[Instrument, ...],
    capital: Decimal,
) -> RunSpec:
    traded = tuple(item.id for item in instruments if item.is_tradable)
    names = [path.partition(":")[2] or path for path in settings.strategies]
    if capital <= 0:
        raise InvalidValue(
            "capital", f"nothing is left of it on {session.date}.", "Begin with more, or risk less."
        )
    return RunSpec(
        run_id=f"backtest-{session.date}",
        mode=Mode.BACKTEST,
        account=ACCOUNT,
        opening_cash=capital,
        instruments=instruments,
        strategies=tuple(
            StrategySpec(name=name, path=path, instruments=traded)
            for name, path in zip(names, settings.strategies, strict=True)
        ),
        limits=RiskLimits.of_capital(capital),
        open_ns=session.open_ns,
        close_ns=session.close_ns,
        square_off_ns=session.close_ns - _SQUARE_OFF_NS,
    )


def _fresh(spec: RunSpec) -> dict[str, Strategy]:
    return load_strategies(spec.strategies)


def _journal(folder: Path | None, day: date) -> Journal | None:
    return None if folder is None else Journal.create(folder / f"backtest-{day}.journal")
