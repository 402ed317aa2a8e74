"""A run as its file describes it: begun anew, or taken up where its journal ends.

The journal decides which: one that is there and not sealed is an interrupted run, and goes on with
the specification it holds. Anything else in the file would make it another run, so it is refused.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from patang.brokers.kite import KiteBroker
from patang.brokers.paper import PaperBroker
from patang.config.run_file import RunFile, name_of
from patang.domain.enums import Mode, Trust
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.instrument import Instrument, InstrumentId, parse_instrument_id
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    Effect,
    OperatorHalted,
    RiskLimits,
    RunSpec,
    StrategySpec,
    TicksReceived,
)
from patang.domain.money import to_paisa
from patang.domain.order import OrderStatus
from patang.engine.engine import Engine
from patang.engine.lots import Trip
from patang.kite import Kite, KiteFeed
from patang.kite.clock import Clock
from patang.rules.calendar import Calendar
from patang.rules.ist import at_ist, ist_date
from patang.rules.session import Session
from patang.runtime.agreement import differences
from patang.runtime.bands import PriceBands
from patang.runtime.clocks import sleep_until
from patang.runtime.market_feed import KiteMarketFeed
from patang.runtime.node import Feeder, Node, Projection
from patang.runtime.recovery import recover
from patang.runtime.strategies import load_strategies
from patang.simulator.exchange import Exchange
from patang.storage.journal import Head, Journal, JournalError
from patang.storage.writer import JournalWriter

INTERRUPTED = "interrupted"
CLOSED = "the session is over"

_SQUARE_OFF_NS = 15 * 60 * NS_PER_SECOND
_SETTLE_NS = 2 * 60 * NS_PER_SECOND
_WIND_DOWN_S = 10.0
_POLL_S = 0.05
_FIXED = tuple("mode account instruments strategies product interval limits square_off_ns".split())


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's prices, and with a real broker its orders, come from and go to.

    ``follow`` keeps the venue's clock true, where it needs that.
    """

    kite: Kite
    feed: KiteFeed
    clock: Clock
    follow: Callable[[], Awaitable[None]] | None = None


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. Money in rupees; ``disagreements`` is None when the broker did not answer.

    ``resumed_at`` is the journal's row at which an interrupted run was taken up, 0 for a new one.
    """

    run_id: str
    mode: Mode
    account: str
    stop_reason: str
    trust: Trust
    resumed_at: int
    orders: int
    fills: int
    net_pnl: Decimal
    charges: Decimal
    cash: Decimal
    positions: dict[InstrumentId, int]
    trades: list[Trip]
    alarms: list[AlarmRaised]
    journal: str
    journal_head: str
    state_hash: str
    elapsed_s: float
    disagreements: list[str] | None


class Controls:
    """How whoever started a run ends it: once in good order, twice at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def ask(self) -> None:
        """Take no new risk, wait for what is under way, and stop; asked again, stop now."""
        if self.asked.is_set():
            self.insisted.set()
        self.asked.set()


async def run_configured(
    file: RunFile,
    account: Account,
    controls: Controls,
    projections: Iterable[Projection] = (),
    on_start: Callable[[Node, RunSpec, int], None] | None = None,
) -> RunReport:
    """Trade until the session is over or ``controls`` ask for the end; returns the sealed run.

    Raises:
        InvalidValue: the file does not fit the account, the day or the journal.
        JournalLocked: another process trades this run.
        JournalError: the journal cannot be taken up or written.
        KiteError: the account cannot be read, or refuses the session.
    """
    started_s = time.monotonic()
    alarms = _Alarms()
    now_ns = account.clock.now_ns()
    path = Path(file.journal.replace("{date}", ist_date(now_ns).isoformat()))
    spec, closes = await _specify(file, account, path)
    async with (
        _opened(path, spec, file) as (engine, writer, resumed_at),
        _broker(file, account, engine.spec, closes) as (broker, market),
    ):
        node = Node(
            engine,
            broker,
            writer,
            account.clock,
            projections=[alarms, *projections],
            reconcile_first=True,
        )
        if on_start is not None:
            on_start(node, engine.spec, resumed_at)
        bands = PriceBands(account.kite, engine.spec.instruments, account.clock)
        feeders: list[Feeder] = [market, bands.run, lambda node: _stop(node, engine, controls)]
        follow = account.follow
        if follow is not None:
            feeders.append(lambda _: follow())
        head = await node.run(feeders)
        try:
            disagreements = differences(engine, await broker.snapshot())
        except PatangError:
            disagreements = None
    return _report(engine, alarms, path, head, resumed_at, started_s, disagreements)


class _Alarms:
    """Keeps what a person should read, and why the run ended."""

    def __init__(self) -> None:
        self.raised: list[AlarmRaised] = []
        self.stop_reason = ""

    def on_turn(self, sequence: int, event: AnyEvent, commands: tuple[AnyCommand, ...]) -> None:
        self.raised += [one for one in commands if isinstance(one, AlarmRaised)]
        self.stop_reason = getattr(event, "reason", self.stop_reason)

    def on_send(self, effect: Effect, latency_ns: int) -> None:
        """Nothing to keep."""

    def on_alarm(self, alarm: AlarmRaised) -> None:
        self.raised.append(alarm)


async def _specify(
    file: RunFile, account: Account, path: Path
) -> tuple[RunSpec, dict[InstrumentId, Decimal]]:
    """The run that the file asks for on this day, and the last closes of its instruments."""
    kite = account.kite
    names = [parse_instrument_id(name) for name in file.instruments]
    exchanges = dict.fromkeys(name.partition(":")[0] for name in names)
    listed: dict[InstrumentId, Instrument] = {}
    for exchange in exchanges:
        listed |= {item.id: item for item in await kite.instruments(exchange)}
    missing = [name for name in names if name not in listed]
    if missing:
        raise InvalidValue("instruments", f"the exchange does not list {missing[0]}.")
    instruments = tuple(_plain(listed[name]) for name in names)
    session = _session(instruments, ist_date(account.clock.now_ns()))
    cash = (await kite.margins("equity")).available.cash
    if file.mode is Mode.PAPER and file.capital is not None:
        cash = file.capital
    closes = dict[InstrumentId, Decimal]()
    if file.mode is Mode.PAPER:
        quotes = await kite.ohlc(list(names))
        closes = {name: Decimal(str(quotes[name].ohlc.close)) for name in names}
    off = file.square_off_time
    off_ns = session.close_ns - _SQUARE_OFF_NS
    if off is not None:
        off_ns = at_ist(session.date, off.hour, off.minute, off.second)
    traded = tuple(item.id for item in instruments if item.is_tradable)
    spec = RunSpec(
        run_id=path.stem,
        mode=file.mode,
        account=(await kite.profile()).user_id,
        opening_cash=cash,
        instruments=instruments,
        strategies=tuple(
            StrategySpec(
                name=name_of(one),
                path=one.path,
                instruments=tuple(map(InstrumentId, one.instruments)) or traded,
                parameters=one.parameters,
                intervals=one.intervals,
            )
            for one in file.strategies
        ),
        limits=_limits(file, cash),
        open_ns=session.open_ns,
        close_ns=session.close_ns,
        square_off_ns=min(off_ns, session.close_ns),
        product=file.product,
        interval=file.interval,
    )
    return spec, closes


def _plain(listed: Instrument) -> Instrument:
    """Without the columns of the day's dump, which a journal does not keep."""
    fields = Instrument.__struct_fields__
    return Instrument(**{field: getattr(listed, field) for field in fields})


def _limits(file: RunFile, cash: Decimal) -> RiskLimits:
    capital = cash if file.capital is None else min(cash, file.capital)
    return file.limits.over(RiskLimits.of_capital(capital))


def _session(instruments: tuple[Instrument, ...], day: date) -> Session:
    exchanges = dict.fromkeys(item.exchange for item in instruments)
    held = [Calendar.load(one).session(day, closing_auction=True) for one in exchanges]
    sessions = [one for one in held if one is not None]
    if not sessions:
        raise InvalidValue("instruments", f"their exchanges are closed on {day}.", "Wait.")
    return min(sessions, key=lambda one: one.close_ns)


@asynccontextmanager
async def _opened(
    path: Path, spec: RunSpec, file: RunFile
) -> AsyncIterator[tuple[Engine, JournalWriter, int]]:
    """A new journal and engine, or those of the run that the journal holds."""
    if not await asyncio.to_thread(path.exists):
        engine = Engine(spec, load_strategies(spec.strategies))
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                path,
                f"Cannot make the journal's folder {path.parent}: {error.strerror}.",
                "Name one that can be written.",
            ) from error
        async with JournalWriter(Journal.create(path)) as writer:
            yield engine, writer, 0
        return
    recovered = await asyncio.to_thread(recover, path)
    async with JournalWriter(recovered.journal) as writer:
        _check_same(recovered.engine.spec, spec, file, path)
        yield recovered.engine, writer, recovered.journal.head.sequence


def _check_same(before: RunSpec, now: RunSpec, file: RunFile, path: Path) -> None:
    """Whether the journal's run is the one the file asks for, on the same day."""
    if before.mode is Mode.PAPER:
        raise InvalidValue(
            "journal",
            f"{path} is of a paper run, whose exchange ended with its process.",
            "Name another journal.",
        )
    # Limits follow from the cash that the run began with; today's trades have changed it since.
    limits = _limits(file, before.opening_cash)
    now = msgspec.structs.replace(now, limits=limits)
    for field in _FIXED:
        if getattr(before, field) != getattr(now, field):
            raise InvalidValue(
                field,
                f"the interrupted run of {path} has another one.",
                "Undo the change to take that run up, or name another journal.",
            )
    if before.open_ns != now.open_ns:
        raise InvalidValue(
            "journal",
            f"{path} is of a run of {ist_date(before.open_ns)}.",
            "Name another journal, perhaps with {date} in it.",
        )


@asynccontextmanager
async def _broker(
    file: RunFile, account: Account, spec: RunSpec, closes: dict[InstrumentId, Decimal]
) -> AsyncIterator[tuple[KiteBroker | PaperBroker, Feeder]]:
    """The broker of the file, and what feeds the node with prices."""
    if file.mode is Mode.PAPER:
        exchange = Exchange(spec.instruments, closes)
        exchange.pass_time(account.clock.now_ns())
        paper = PaperBroker(exchange, spec.account, spec.opening_cash, account.clock.now_ns)
        feed = KiteMarketFeed(account.feed, spec.instruments, lambda _: None)
        yield paper, lambda node: feed.run(_Mirroring(node, paper))  # type: ignore[arg-type]
        return
    async with KiteBroker(account.kite, mode=spec.mode, clock=account.clock) as broker:
        market = KiteMarketFeed(
            account.feed,
            spec.instruments,
            broker.order_update_received,
            on_reconnect=broker.feed_reconnected,
        )
        yield broker, market.run


class _Mirroring:
    """Shows every tick to the paper exchange before the engine sees it."""

    def __init__(self, node: Node, broker: PaperBroker) -> None:
        self._node = node
        self._broker = broker

    def post(self, event: AnyEvent, arrived_ns: int | None = None) -> None:
        if isinstance(event, TicksReceived):
            for tick in event.ticks:
                self._broker.follow(tick)
        self._node.post(event, arrived_ns)


async def _stop(node: Node, engine: Engine, controls: Controls) -> None:
    """End the run after its session, or in good order when that is asked for."""
    end_ns = engine.spec.close_ns + _SETTLE_NS
    closing = asyncio.create_task(sleep_until(node.clock, end_ns))
    asking = asyncio.create_task(controls.asked.wait())
    try:
        await asyncio.wait([closing, asking], return_when=asyncio.FIRST_COMPLETED)
    finally:
        closing.cancel()
        asking.cancel()
    if not controls.asked.is_set():
        node.stop(CLOSED)
        return
    halt = OperatorHalted(at_ns=node.clock.now_ns(), by="patang", reason="the run is being ended")
    node.post(halt)
    deadline_s = time.monotonic() + _WIND_DOWN_S
    while not controls.insisted.is_set() and time.monotonic() < deadline_s:
        await asyncio.sleep(_POLL_S)
        if _is_quiet(node, engine):
            break
    node.stop(INTERRUPTED)


def _is_quiet(node: Node, engine: Engine) -> bool:
    """Nothing is under way, and the books are as good as they get."""
    is_known = engine.trust is not Trust.RECONCILING
    # What is presumed not placed stays under watch all day; nothing more is expected of it.
    awaited = [
        one for one in engine.ledger.live_orders() if one.status is not OrderStatus.NOT_PLACED
    ]
    return is_known and not len(node.inbox) and not awaited


def _report(
    engine: Engine,
    alarms: _Alarms,
    path: Path,
    head: Head,
    resumed_at: int,
    started_s: float,
    disagreements: list[str] | None,
) -> RunReport:
    books, spec = engine.portfolio, engine.spec
    return RunReport(
        run_id=spec.run_id,
        mode=spec.mode,
        account=spec.account,
        stop_reason=alarms.stop_reason,
        trust=engine.trust,
        resumed_at=resumed_at,
        orders=len(engine.ledger.orders),
        fills=books.fills,
        net_pnl=to_paisa(books.net_pnl),
        charges=to_paisa(books.charges),
        cash=to_paisa(books.cash),
        positions={p.instrument: p.quantity for p in books.positions() if p.quantity},
        trades=books.trips,
        alarms=alarms.raised,
        journal=str(path),
        journal_head=head.hash.hex(),
        state_hash=engine.state_hash(),
        elapsed_s=time.monotonic() - started_s,
        disagreements=disagreements,
    )
