"""The demo: a simulated market in its own process, traded by two strategies over Kite's wire."""

import asyncio
import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import AlarmRaised, RiskLimits, RunSpec, StrategySpec
from patang.domain.money import to_paisa
from patang.engine.engine import Engine
from patang.kite import Kite, KiteFeed
from patang.rules.calendar import Calendar
from patang.rules.ist import ist_date
from patang.rules.session import Session
from patang.runtime.agreement import differences
from patang.runtime.clocks import sleep_until
from patang.runtime.market_feed import KiteMarketFeed
from patang.runtime.node import Feeder, Node
from patang.runtime.sandbox_client import SandboxClient
from patang.runtime.sandbox_process import SandboxGone, SandboxProcess, sandbox_process
from patang.runtime.scoreboard import Scoreboard
from patang.runtime.strategies import load_strategies
from patang.storage.journal import Head, Journal, JournalError
from patang.storage.writer import JournalWriter

EMA_CROSS = tuple(InstrumentId(f"NSE:{name}") for name in ("INFY", "RELIANCE", "SBIN", "ICICIBANK"))
MEAN_REVERSION = tuple(
    InstrumentId(f"NSE:{name}") for name in ("TCS", "HDFCBANK", "ITC", "AXISBANK")
)
INDEX = InstrumentId("NSE:NIFTY 50")

_MINUTE_NS = 60 * NS_PER_SECOND
_SQUARE_OFF_NS = 2 * _MINUTE_NS
_SETTLE_NS = 2 * _MINUTE_NS
_SETTLE_POLL_S = 0.05
_SETTLE_MACHINE_S = 10.0


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``minutes`` of market time, run at ``speed`` market seconds for each real one.

    ``strategies`` are ``module:Class``, each run on all shares; empty for the two examples.
    """

    seed: int
    speed: float
    minutes: int
    journal_folder: Path
    strategies: tuple[str, ...] = ()


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds; None where nothing was measured."""

    p50: float | None
    p99: float | None


class DemoPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position at the run's end, with its profit before charges."""

    instrument: InstrumentId
    quantity: int
    average_price: Decimal
    pnl: Decimal


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo did. Money in rupees; ``disagreements`` is empty when the books agree.

    ``succeeded`` says that it traded and that the account agrees with the sandbox's books.
    """

    succeeded: bool
    seed: int
    market_minutes: int
    elapsed_s: float
    ticks: int
    bars: int
    signals: int
    orders: int
    fills: int
    denied: int
    denied_by_code: dict[str, int]
    gross_pnl: Decimal
    charges: Decimal
    net_pnl: Decimal
    positions: list[DemoPosition]
    tick_to_order_ms: Percentiles
    dropped_ticks: int
    alarms: list[AlarmRaised]
    journal: str
    journal_head: str
    state_hash: str
    stop_reason: str
    disagreements: list[str]


Started = Callable[[Scoreboard, Node, int], Feeder | None]
"""Called as trading begins with the scoreboard, the node and the end (UTC ns); may give a view."""


async def run_demo(settings: DemoSettings, started: Started) -> DemoReport:
    """Start a sandbox, trade both example strategies against it, compare the books.

    Raises:
        SandboxFailed: the sandbox process did not start.
        SandboxGone: it ended in mid-run; the journal is intact and unsealed.
        JournalError: the journal cannot be created or written.
        PatangError: login refused, or the strategies need an extra that is not installed.
    """
    started_s = time.monotonic()
    chosen = _strategies(settings.strategies)
    strategies = load_strategies(chosen)
    journal_path = _journal_path(settings)
    options = ["--seed", str(settings.seed), "--speed", str(settings.speed)]
    async with (
        sandbox_process(options) as sandbox,
        SandboxClient(sandbox.ready) as world,
        Kite(sandbox.ready.api_key, root=sandbox.ready.root) as kite,
    ):
        ready = sandbox.ready
        session = await kite.generate_session(await world.request_token(), ready.api_secret)
        clock = await world.clock()
        cash = (await kite.margins("equity")).available.cash
        listed: dict[InstrumentId, Instrument] = {
            item.id: item for item in await kite.instruments("NSE")
        }
        now_ns = clock.now_ns()
        hours = _hours(now_ns)
        end_ns = min(now_ns + settings.minutes * _MINUTE_NS, hours.close_ns - _SETTLE_NS)
        square_off_ns = end_ns - min(_SQUARE_OFF_NS, (end_ns - now_ns) // 4)
        spec = _run_spec(
            journal_path.stem,
            session.user_id,
            cash,
            listed,
            hours,
            square_off_ns,
            chosen,
        )
        engine = Engine(spec, strategies)
        board = Scoreboard(spec)
        feed = KiteFeed(ready.api_key, session.access_token, ready.ws, clock=clock)
        async with (
            KiteBroker(kite, mode=Mode.SANDBOX, clock=clock) as broker,
            JournalWriter(Journal.create(journal_path)) as journal,
        ):
            market = KiteMarketFeed(
                feed,
                spec.instruments,
                broker.order_update_received,
                on_reconnect=broker.feed_reconnected,
            )
            node = Node(engine, broker, journal, clock, projections=[board])
            feeders: list[Feeder] = [
                market.run,
                lambda _: _watch(sandbox, journal_path),
                lambda _: world.follow(clock),
                lambda node: _stop_at(node, board, end_ns),
            ]
            view = started(board, node, end_ns)
            head = await node.run(feeders if view is None else [*feeders, view])
            elapsed_s = time.monotonic() - started_s
            disagreements = differences(engine, await broker.snapshot())
    return _report(settings, engine, board, node, journal_path, head, elapsed_s, disagreements)


async def _watch(sandbox: SandboxProcess, journal: Path) -> None:
    try:
        await sandbox.watch()
    except SandboxGone as gone:
        remedy = f"Everything until that moment is in {journal}; start the run again."
        raise SandboxGone(gone.cause, remedy) from gone


def _journal_path(settings: DemoSettings) -> Path:
    folder = settings.journal_folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            folder,
            f"Cannot make the journal folder {folder}: {error.strerror}.",
            "Name one that can be written with --journal-folder.",
        ) from error
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    name = f"demo-{stamp}-seed{settings.seed}-{os.getpid()}.journal"
    return folder / name


async def _stop_at(node: Node, board: Scoreboard, end_ns: int) -> None:
    """Stop at the end, once everything is flat and answered, or when waiting has no more point.

    Market minutes fly past at speed, and replies take machine time: both must have had a chance.
    """
    await sleep_until(node.clock, end_ns)
    machine_deadline_s = time.monotonic() + _SETTLE_MACHINE_S
    while board.live_orders or board.open_positions:
        has_market_time = node.clock.now_ns() < end_ns + _SETTLE_NS
        if not has_market_time and time.monotonic() > machine_deadline_s:
            break
        await asyncio.sleep(_SETTLE_POLL_S)
    node.stop("the demo reached its end")


def _hours(now_ns: int) -> Session:
    """The trading session of the world's day; raises ``InvalidValue`` on a holiday."""
    day = ist_date(now_ns)
    session = Calendar.load("NSE").session(day, closing_auction=True)
    if session is None:
        raise InvalidValue("date", f"{day} is no trading day at the NSE.")
    return session


def _run_spec(
    run_id: str,
    account: str,
    cash: Decimal,
    listed: dict[InstrumentId, Instrument],
    hours: Session,
    square_off_ns: int,
    strategies: tuple[StrategySpec, ...],
) -> RunSpec:
    wanted = [*EMA_CROSS, *MEAN_REVERSION, INDEX]
    missing = [name for name in wanted if name not in listed]
    if missing:
        raise InvalidValue("instruments", f"the exchange does not list {missing[0]}.")
    return RunSpec(
        run_id=run_id,
        mode=Mode.SANDBOX,
        account=account,
        opening_cash=cash,
        instruments=tuple(listed[name] for name in wanted),
        strategies=strategies,
        limits=RiskLimits(
            max_order_value=Decimal(300_000),
            max_position_value=Decimal(300_000),
            max_daily_loss=Decimal(25_000),
        ),
        open_ns=hours.open_ns,
        close_ns=hours.close_ns,
        square_off_ns=square_off_ns,
    )


def _strategies(paths: tuple[str, ...]) -> tuple[StrategySpec, ...]:
    if paths:
        shares = (*EMA_CROSS, *MEAN_REVERSION)
        return tuple(
            StrategySpec(name=path.partition(":")[2] or path, path=path, instruments=shares)
            for path in paths
        )
    return (
        StrategySpec(
            name="ema-cross", path="patang.examples.ema_cross:EmaCross", instruments=EMA_CROSS
        ),
        StrategySpec(
            name="mean-reversion",
            path="patang.examples.mean_reversion:MeanReversion",
            instruments=MEAN_REVERSION,
        ),
    )


def _report(
    settings: DemoSettings,
    engine: Engine,
    board: Scoreboard,
    node: Node,
    journal: Path,
    head: Head,
    elapsed_s: float,
    disagreements: list[str],
) -> DemoReport:
    net_pnl = board.net_pnl()
    books = board.portfolio
    return DemoReport(
        succeeded=board.fills > 0 and not disagreements,
        elapsed_s=elapsed_s,
        seed=settings.seed,
        market_minutes=settings.minutes,
        ticks=board.ticks,
        bars=board.bars,
        signals=board.signals,
        orders=len(board.orders),
        fills=board.fills,
        denied=board.denied,
        denied_by_code=board.denied_by_code,
        gross_pnl=to_paisa(net_pnl + books.charges),
        charges=to_paisa(books.charges),
        net_pnl=to_paisa(net_pnl),
        positions=[
            DemoPosition(
                instrument=p.instrument,
                quantity=p.quantity,
                average_price=to_paisa(p.average_price),
                pnl=to_paisa(p.pnl(books.last_mark(p.instrument))),
            )
            for p in books.positions()
        ],
        tick_to_order_ms=Percentiles(board.latency_ms(0.5), board.latency_ms(0.99)),
        dropped_ticks=node.inbox.dropped_ticks,
        alarms=board.alarms,
        journal=str(journal),
        journal_head=head.hash.hex(),
        state_hash=engine.state_hash(),
        stop_reason=board.stop_reason,
        disagreements=disagreements,
    )
