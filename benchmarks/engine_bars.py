"""Bars through the whole engine, without a journal and with one in memory.

Ten shares and one strategy; one bar in a hundred leads to an order that is judged by the risk gate,
accepted, filled and booked with its charges. Both make the same fills and end with the same cash.
The journal of the second takes every event and every decision, hashed in a chain, unsynced.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from benchmarks.harness import Measurement, interleave
from patang.domain.enums import Exchange, Interval, Mode
from patang.domain.instrument import Instrument
from patang.domain.limits import RiskLimits
from patang.domain.market import NS_PER_SECOND, Bar
from patang.domain.messages import (
    AnyCommand,
    AnyEvent,
    BarsReceived,
    FillReceived,
    OrderAccepted,
    OrderUpdated,
    RunSpec,
    RunStarted,
    Signal,
    StrategySpec,
    SubmitOrder,
)
from patang.domain.order import Fill, OrderIntent, OrderStatus
from patang.engine.engine import Engine
from patang.engine.strategy import Strategy, View
from patang.runtime.turns import take_turn
from patang.storage.journal import Journal

NAME = "engine-bars"
PEER = "the same engine with its journal in memory"

BARS = 100_000
SHARES = 10
BARS_PER_ORDER = 100
TARGET_PER_SECOND = 500_000
TARGET_JOURNALED_PER_SECOND = 150_000

_OPEN_NS = 1_795_146_300_000_000_000
_CLOSE_NS = _OPEN_NS + 6 * 3_600 * NS_PER_SECOND
_STEP_NS = 2 * NS_PER_SECOND
_LISTED = tuple(
    Instrument(
        exchange=Exchange.NSE, symbol=f"SHARE{number}", token=number, tick_size=Decimal("0.05")
    )
    for number in range(SHARES)
)

Turn = Callable[[AnyEvent], tuple[AnyCommand, ...]]


class Alternates(Strategy):
    """Buys and sells in turn, once in so many bars."""

    def on_start(self, view: View) -> None:
        """Nothing counted yet."""
        self.seen = 0

    def on_bar(self, view: View, bar: Bar) -> Signal | None:
        """Now and then the other way round."""
        self.seen += 1
        if self.seen % BARS_PER_ORDER:
            return None
        held = view.position(bar.instrument)
        return Signal(instrument=bar.instrument, target=0 if held else 10)


class Result(msgspec.Struct, frozen=True):
    """What both must end with."""

    fills: int
    cash: Decimal
    charges: Decimal


def measure(rounds: int) -> Measurement:
    """Run the same bars both ways, ``rounds`` times."""
    events = frames()
    plain, journaled = run(events, None), run(events, Journal.in_memory())
    if plain != journaled or plain.fills != BARS // BARS_PER_ORDER:
        raise AssertionError(f"not the same fills: {plain}, {journaled}")
    mine, peers = interleave(
        lambda: run(events, None), lambda: run(events, Journal.in_memory()), rounds
    )
    work = (
        f"{BARS} bars, {plain.fills} orders filled (targets {TARGET_PER_SECOND}/s, "
        f"journaled {TARGET_JOURNALED_PER_SECOND}/s)"
    )
    return Measurement(NAME, PEER, mine, peers, work)


def frames() -> list[BarsReceived]:
    """One event for each step of time, with a bar of every share."""
    events = []
    for step in range(BARS // SHARES):
        start_ns = _OPEN_NS + step * _STEP_NS
        price = 100.0 + step % 7
        bars = tuple(
            Bar(
                instrument=listed.id,
                interval=Interval.MINUTE,
                start_ns=start_ns,
                end_ns=start_ns + _STEP_NS,
                open=price,
                high=price + 1,
                low=price - 1,
                close=price + 0.5,
                volume=1_000,
            )
            for listed in _LISTED
        )
        events.append(BarsReceived(at_ns=start_ns + _STEP_NS, bars=bars))
    return events


def run(events: list[BarsReceived], journal: Journal | None) -> Result:
    """Feed one engine; every order is accepted and filled at once."""
    spec = RunSpec(
        run_id="bench",
        mode=Mode.BACKTEST,
        account="AB1234",
        opening_cash=Decimal(10_000_000),
        instruments=_LISTED,
        strategies=(
            StrategySpec(
                name="alternates",
                path="benchmarks.engine_bars:Alternates",
                instruments=tuple(listed.id for listed in _LISTED),
            ),
        ),
        limits=RiskLimits(
            max_order_value=Decimal(1_000_000),
            max_position_value=Decimal(10_000_000),
            max_daily_loss=Decimal(5_000_000),
        ),
        open_ns=_OPEN_NS,
        close_ns=_CLOSE_NS,
        square_off_ns=_CLOSE_NS,
    )
    engine = Engine(spec, {"alternates": Alternates()})

    def journaled(event: AnyEvent) -> tuple[AnyCommand, ...]:
        assert journal is not None
        return take_turn(engine, journal.append, event)

    turn: Turn = engine.process if journal is None else journaled
    turn(RunStarted(at_ns=_OPEN_NS, run=spec))
    orders = 0
    for event in events:
        for command in turn(event):
            if isinstance(command, SubmitOrder):
                orders += 1
                _fill(turn, command.intent, f"o{orders}", event.at_ns)
    return Result(engine.portfolio.fills, engine.portfolio.cash, engine.portfolio.charges)


def _fill(turn: Turn, intent: OrderIntent, order_id: str, at_ns: int) -> None:
    turn(OrderAccepted(at_ns=at_ns, intent_id=intent.intent_id, order_id=order_id))
    fill = Fill(
        trade_id=order_id,
        order_id=order_id,
        instrument=intent.instrument,
        side=intent.side,
        quantity=intent.quantity,
        price=Decimal("100.50"),
        product=intent.product,
        time_ns=at_ns,
    )
    turn(FillReceived(at_ns=at_ns, fill=fill, tag=intent.tag))
    turn(
        OrderUpdated(
            at_ns=at_ns,
            order_id=order_id,
            tag=intent.tag,
            instrument=intent.instrument,
            side=intent.side,
            quantity=intent.quantity,
            filled_quantity=intent.quantity,
            status=OrderStatus.FILLED,
        )
    )
