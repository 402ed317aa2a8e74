"""Small worlds for tests: instruments, runs, events, and a desk that drives an engine."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from patang.domain.enums import Exchange, InstrumentType, Mode, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND, Bar, Tick
from patang.domain.messages import (
    AlarmRaised,
    AnyCommand,
    AnyEvent,
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderDenied,
    OrderUpdated,
    RiskLimits,
    RunSpec,
    RunStarted,
    Signal,
    StrategySpec,
    SubmitOrder,
    TicksReceived,
    TimerFired,
)
from patang.domain.order import Fill, Order, OrderIntent, OrderStatus
from patang.engine.engine import Engine
from patang.engine.strategy import Signals, Strategy, View
from patang.rules.ist import at_ist

DAY = date(2026, 11, 20)
OPEN_NS = at_ist(DAY, 9, 15)
CLOSE_NS = at_ist(DAY, 15, 15)
SQUARE_OFF_NS = at_ist(DAY, 15, 5)
START_NS = at_ist(DAY, 10, 0)

INFY = Instrument(exchange=Exchange.NSE, symbol="INFY", token=408_065, tick_size=Decimal("0.10"))
TCS = Instrument(exchange=Exchange.NSE, symbol="TCS", token=2_953_217, tick_size=Decimal("0.10"))
FUTURE = Instrument(
    exchange=Exchange.NFO,
    symbol="NIFTY26NOVFUT",
    token=12_345_602,
    tick_size=Decimal("0.05"),
    lot_size=75,
    freeze_quantity=1_800,
    instrument_type=InstrumentType.FUT,
    name="NIFTY",
)
INDEX = Instrument(
    exchange=Exchange.NSE,
    symbol="NIFTY 50",
    token=256_265,
    tick_size=Decimal("0.05"),
    is_tradable=False,
)
INSTRUMENTS = (INFY, TCS, FUTURE, INDEX)

LIMITS = RiskLimits(
    max_order_value=Decimal(1_000_000),
    max_position_value=Decimal(2_000_000),
    max_daily_loss=Decimal(50_000),
)


class Told(Strategy):
    """Asks for whatever ``desk.say`` was given, at the next tick of the instrument."""

    def __init__(self) -> None:
        self.next: list[Signals] = []

    def on_tick(self, view: View, tick: Tick) -> Signals:
        return self.next.pop(0) if self.next else None


class PriceFollower(Strategy):
    """A pure function of the last price, so that every event sequence says what it wants."""

    def __init__(self, *, unit: int = 30, fails: bool = False) -> None:
        self.unit = unit
        self.fails = fails

    def on_tick(self, view: View, tick: Tick) -> Signal | None:
        step = int(tick.last_price * 20) % 7
        if self.fails and step == 5:
            raise RuntimeError(f"no idea, {self!r}")
        if step == 6:
            return None
        limit = None if step % 2 else tick.last_price
        return Signal(instrument=tick.instrument, target=(step - 2) * self.unit, limit_price=limit)

    def on_bar(self, view: View, bar: Bar) -> Signal:
        return Signal(instrument=bar.instrument, target=0, reason="bar")


def spec(**changes: object) -> RunSpec:
    """A paper run of one told strategy on everything there is, with any field changed."""
    fields: dict[str, object] = {
        "run_id": "run",
        "mode": Mode.PAPER,
        "account": "AB1234",
        "opening_cash": Decimal(1_000_000),
        "instruments": INSTRUMENTS,
        "strategies": (told("alpha"),),
        "limits": LIMITS,
        "open_ns": OPEN_NS,
        "close_ns": CLOSE_NS,
        "square_off_ns": SQUARE_OFF_NS,
    }
    return RunSpec(**{**fields, **changes})  # type: ignore[arg-type]


def told(name: str, *instruments: Instrument) -> StrategySpec:
    """A strategy that says what the desk tells it."""
    names = tuple(item.id for item in instruments or INSTRUMENTS)
    return StrategySpec(name=name, path="tests.builders:Told", instruments=names)


def tick(
    price: float,
    at_ns: int = START_NS,
    *,
    instrument: Instrument = INFY,
    volume: int = 0,
    traded_ns: int | None = None,
) -> Tick:
    """A full-mode tick that was made, received and (unless said otherwise) traded at one time."""
    return Tick(
        instrument=instrument.id,
        received_ns=at_ns,
        exchange_ns=at_ns,
        last_trade_ns=at_ns if traded_ns is None else traded_ns,
        last_price=price,
        volume=volume,
    )


def fill(
    quantity: int,
    price: str | Decimal = "100",
    *,
    side: Side = Side.BUY,
    trade_id: str = "t1",
    order_id: str = "o1",
    instrument: Instrument = INFY,
    product: Product = Product.MIS,
    at_ns: int = START_NS,
) -> Fill:
    """One trade."""
    return Fill(
        trade_id=trade_id,
        order_id=order_id,
        instrument=instrument.id,
        side=side,
        quantity=quantity,
        price=Decimal(price),
        product=product,
        time_ns=at_ns,
    )


class Desk:
    """An engine with its clock, and a broker's voice that says exactly what a test wants."""

    def __init__(self, run: RunSpec | None = None, **strategies: Strategy) -> None:
        self.spec = spec() if run is None else run
        self.strategies = strategies or {item.name: Told() for item in self.spec.strategies}
        self.engine = Engine(self.spec, self.strategies)
        self.now_ns = START_NS
        self.log: list[AnyCommand] = []
        self.trades = 0
        self.send(RunStarted(at_ns=self.now_ns, run=self.spec))

    # --- what happens ------------------------------------------------------

    def send(self, event: AnyEvent) -> tuple[AnyCommand, ...]:
        commands = self.engine.process(event)
        self.log += commands
        return commands

    def tick(
        self, price: float = 100.0, *, instrument: Instrument = INFY, volume: int = 0
    ) -> tuple[AnyCommand, ...]:
        seen = tick(price, self.now_ns, instrument=instrument, volume=volume)
        return self.send(TicksReceived(at_ns=self.now_ns, ticks=(seen,)))

    def say(
        self,
        target: int,
        *,
        price: float = 100.0,
        instrument: Instrument = INFY,
        limit: float | None = None,
        by: str = "alpha",
    ) -> tuple[AnyCommand, ...]:
        """The strategy wants ``target`` as of a tick at ``price``."""
        strategy = self.strategies[by]
        assert isinstance(strategy, Told)
        for name, other in self.strategies.items():
            if name != by and isinstance(other, Told):
                other.next.insert(0, None)
        strategy.next.insert(0, Signal(instrument=instrument.id, target=target, limit_price=limit))
        commands = self.tick(price, instrument=instrument)
        for other in self.strategies.values():
            if isinstance(other, Told):
                other.next.clear()
        return commands

    def wait(self, seconds: float = 1) -> tuple[AnyCommand, ...]:
        self.now_ns += int(seconds * NS_PER_SECOND)
        return self.send(TimerFired(at_ns=self.now_ns))

    def accept(self, order: Order, order_id: str) -> tuple[AnyCommand, ...]:
        return self.send(
            OrderAccepted(at_ns=self.now_ns, intent_id=order.intent.intent_id, order_id=order_id)
        )

    def update(
        self,
        order: Order | OrderIntent,
        order_id: str,
        status: OrderStatus,
        filled: int = 0,
        *,
        quantity: int | None = None,
        tag: bool = True,
    ) -> tuple[AnyCommand, ...]:
        intent = order.intent if isinstance(order, Order) else order
        return self.send(
            OrderUpdated(
                at_ns=self.now_ns,
                order_id=order_id,
                tag=intent.tag if tag else None,
                instrument=intent.instrument,
                side=intent.side,
                quantity=intent.quantity if quantity is None else quantity,
                filled_quantity=filled,
                status=status,
            )
        )

    def fill(
        self,
        order: Order,
        order_id: str,
        quantity: int,
        price: str = "100",
        *,
        tag: bool = True,
        trade_id: str | None = None,
    ) -> tuple[AnyCommand, ...]:
        self.trades += 1
        traded = Fill(
            trade_id=trade_id or f"trade-{self.trades}",
            order_id=order_id,
            instrument=order.intent.instrument,
            side=order.intent.side,
            quantity=quantity,
            price=Decimal(price),
            product=order.intent.product,
            time_ns=self.now_ns,
        )
        return self.send(
            FillReceived(at_ns=self.now_ns, fill=traded, tag=order.intent.tag if tag else None)
        )

    def refuse_cancel(self, order: Order, message: str = "too late") -> tuple[AnyCommand, ...]:
        return self.send(
            CancelRefused(at_ns=self.now_ns, intent_id=order.intent.intent_id, message=message)
        )

    def open(self, target: int, order_id: str = "o1", **wish: object) -> Order:
        """Want ``target`` and see the order rest at the broker."""
        self.say(target, **wish)  # type: ignore[arg-type]
        order = self.last_order
        self.accept(order, order_id)
        self.update(order, order_id, OrderStatus.OPEN)
        return order

    def hold(self, target: int, order_id: str = "o1", price: str = "100") -> Order:
        """Want ``target`` and get it, whole."""
        order = self.open(target, order_id)
        self.fill(order, order_id, order.intent.quantity, price)
        self.update(order, order_id, OrderStatus.FILLED, order.intent.quantity)
        return order

    # --- what is seen ------------------------------------------------------

    @property
    def last_order(self) -> Order:
        return list(self.engine.ledger.orders.values())[-1]

    @property
    def orders(self) -> list[Order]:
        return list(self.engine.ledger.orders.values())

    def owned(self, instrument: Instrument = INFY, by: str = "alpha") -> int:
        return self.engine.portfolio.owned(by, instrument.id)

    @property
    def denials(self) -> list[str]:
        return [c.code for c in self.log if isinstance(c, OrderDenied)]


def submitted(commands: Iterable[AnyCommand]) -> list[OrderIntent]:
    """The intents that the commands send."""
    return [c.intent for c in commands if isinstance(c, SubmitOrder)]


def cancelled(commands: Iterable[AnyCommand]) -> list[str]:
    """The order ids that the commands cancel."""
    return [c.order_id for c in commands if isinstance(c, CancelOrder)]


def alarms(commands: Iterable[AnyCommand]) -> list[str]:
    """The codes of the alarms among the commands."""
    return [c.code for c in commands if isinstance(c, AlarmRaised)]


def named(name: str) -> InstrumentId:
    """An instrument id from its text."""
    return InstrumentId(name)
