"""Everything that enters the engine (events) and everything that leaves it (commands).

Both are one tagged union of frozen structs, so a journal row says by itself what it is. An event
is a fact with a time; a command is a decision of the engine. Some commands ask for an effect
(``SubmitOrder``, ``CancelOrder``); the others report what the engine decided, so that metrics,
alerts and screens follow the stream and never read the engine's own objects.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from patang.domain.enums import Interval, Mode, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.intents import Plan
from patang.domain.limits import RiskLimits as RiskLimits
from patang.domain.limits import check_names
from patang.domain.market import Bar, Tick
from patang.domain.money import ZERO
from patang.domain.order import Fill, OrderIntent, OrderStatus

Parameter = int | float | str | bool


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a strategy wants: a target position in units, short negative. Repeating it is harmless.

    ``limit_price`` (rupees, rounded to the tick later) asks for a LIMIT order; without it a
    protected MARKET order is sent. ``rests`` leaves a LIMIT order in the book until it fills, where
    others are cancelled and planned anew after ``RunSpec.max_working_ns``.
    """

    instrument: InstrumentId
    target: int
    limit_price: float | None = None
    reason: str = ""
    rests: bool = False


class StrategySpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which strategy runs: ``path`` is ``module:Class``; ``name`` owns its orders and positions.

    ``intervals`` are the bars it is shown, the run's own interval when empty. ``former_names`` are
    names it had before: positions carried over under one of them are its own.
    """

    name: str
    path: str
    instruments: tuple[InstrumentId, ...]
    parameters: dict[str, Parameter] = {}
    intervals: tuple[Interval, ...] = ()
    former_names: tuple[str, ...] = ()


class CarriedPosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position brought into the run: signed units of a strategy, bought at ``average_price``.

    ``owner`` is the strategy's name, or one of its former ones; ``close_price`` is the previous
    session's close, from which the day's profit counts. Rupees.
    """

    owner: str
    instrument: InstrumentId
    product: Product
    quantity: int
    average_price: Decimal
    close_price: Decimal | None = None


class RunSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a run is built from; journaled first, so the journal alone can rebuild it.

    ``open_ns`` and ``close_ns`` bound the session; after ``square_off_ns`` every position is
    closed and no new exposure is taken. A working order older than ``max_working_ns`` is
    cancelled and planned anew. A callback of a strategy may take ``strategy_budget_ns``; one that
    takes longer ``max_strategy_overruns`` times, each within 100 calls of the one before, disables
    it. ``on_timer`` is called every ``strategy_timer_ns``. ``carried`` are the positions the run
    begins with.
    """

    run_id: str
    mode: Mode
    account: str
    opening_cash: Decimal
    instruments: tuple[Instrument, ...]
    strategies: tuple[StrategySpec, ...]
    limits: RiskLimits
    open_ns: int
    close_ns: int
    square_off_ns: int
    product: Product = Product.MIS
    interval: Interval = Interval.MINUTE
    bar_grace_ns: int = 2_000_000_000
    max_working_ns: int = 60_000_000_000
    max_strategy_errors: int = 3
    strategy_budget_ns: int = 500_000_000
    max_strategy_overruns: int = 3
    strategy_timer_ns: int = 5_000_000_000
    carried: tuple[CarriedPosition, ...] = ()

    def __post_init__(self) -> None:
        if not self.opening_cash.is_finite():
            raise InvalidValue("opening_cash", f"{self.opening_cash} is not an amount of rupees.")
        if not self.open_ns < self.close_ns:
            raise InvalidValue("close_ns", "the session closes before it opens.")
        if len({item.id for item in self.instruments}) < len(self.instruments):
            raise InvalidValue("instruments", "one of them stands twice.")
        for field in ("strategy_budget_ns", "max_strategy_overruns", "strategy_timer_ns"):
            if getattr(self, field) < 1:
                raise InvalidValue(field, f"{getattr(self, field)} is below 1.")
        _check_former_names(self.strategies)
        check_names(
            self.limits,
            instruments=[item.id for item in self.instruments],
            underlyings=[item.underlying for item in self.instruments],
            traded={item.name: item.instruments for item in self.strategies},
            product=self.product,
        )


def _check_former_names(strategies: tuple[StrategySpec, ...]) -> None:
    """What was carried over under a name has one owner."""
    owners = {item.name: item.name for item in strategies}
    for item in strategies:
        for former in item.former_names:
            if owners.setdefault(former, item.name) != item.name:
                raise InvalidValue(
                    f"strategies.{item.name}.former_names",
                    f"{former!r} is {owners[former]}'s.",
                    "A name that was carried over belongs to one strategy.",
                )


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """A fact. ``at_ns`` is when it reached us, UTC nanoseconds of the venue's clock."""

    at_ns: int


class RunStarted(Event, frozen=True, tag="run_started"):
    """The first event of every run."""

    run: RunSpec


class RunStopped(Event, frozen=True, tag="run_stopped"):
    """The last event of every run that ended on purpose."""

    reason: str


class TicksReceived(Event, frozen=True, tag="ticks_received"):
    """The ticks of one frame, in wire order."""

    ticks: tuple[Tick, ...]


class TicksConflated(Event, frozen=True, tag="ticks_conflated"):
    """The inbox was full: ``dropped`` ticks of these instruments were replaced by newer ones."""

    instruments: tuple[InstrumentId, ...]
    dropped: int


class FeedGap(Event, frozen=True, tag="feed_gap"):
    """Ticks and order updates between these times (UTC ns) were missed."""

    from_ns: int
    to_ns: int


class TimerFired(Event, frozen=True, tag="timer_fired"):
    """Time passed: lets bars of silent instruments close and old orders be looked at."""


class BarsReceived(Event, frozen=True, tag="bars_received"):
    """Finished bars of the run's interval, oldest first: a market that is told in bars."""

    bars: tuple[Bar, ...]


class HistoryLoaded(Event, frozen=True, tag="history_loaded"):
    """Finished bars from before the run, oldest first, of any interval: they warm indicators up.

    No strategy is asked what to do about them.
    """

    bars: tuple[Bar, ...]


class StrategyOverran(Event, frozen=True, tag="strategy_overran"):
    """A callback took longer than the run allows: measured outside, so that a replay repeats it."""

    strategy: str
    callback: str
    took_ns: int


class StrategySwitched(Event, frozen=True, tag="strategy_switched"):
    """A person enables or disables a strategy. What it holds and its exits stay under watch."""

    strategy: str
    is_enabled: bool
    by: str
    reason: str = ""


class ParametersChanged(Event, frozen=True, tag="parameters_changed"):
    """A person gives a strategy other parameters; those not named keep their values."""

    strategy: str
    parameters: dict[str, Parameter]
    by: str
    reason: str = ""


class OrderAccepted(Event, frozen=True, tag="order_accepted"):
    """The broker took the order for processing and named it; nothing more."""

    intent_id: str
    order_id: str


class OrderRefused(Event, frozen=True, tag="order_refused"):
    """The broker definitely refused the request. ``code`` is Kite's ``error_type``."""

    intent_id: str
    code: str
    message: str


class OrderUnresolved(Event, frozen=True, tag="order_unresolved"):
    """The outcome of the request is not known; the order may be live."""

    intent_id: str
    reason: str


class OrderNotPlaced(Event, frozen=True, tag="order_not_placed"):
    """After the whole window ``reads`` fresh order books in a row did not hold the tag."""

    intent_id: str
    reads: int


class OrderUpdated(Event, frozen=True, tag="order_updated"):
    """The broker's view of one order. ``tag`` is absent on orders that were placed elsewhere."""

    order_id: str
    tag: str | None
    instrument: InstrumentId
    side: Side
    quantity: int
    filled_quantity: int
    status: OrderStatus
    exchange_ns: int | None = None
    message: str = ""


class FillReceived(Event, frozen=True, tag="fill_received"):
    """One trade of this account, once per ``trade_id``."""

    fill: Fill
    tag: str | None = None


class CancelRefused(Event, frozen=True, tag="cancel_refused"):
    """A cancel was refused, or its outcome is not known: the order is taken to be still live."""

    intent_id: str
    message: str


class BookedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Units that the broker says were added today; short negative."""

    instrument: InstrumentId
    product: Product
    quantity: int


class ReconcileStarted(Event, frozen=True, tag="reconcile_started"):
    """From here on the books are in doubt, until the broker's have been read.

    With ``is_restart`` the process is a new one: of what was under way nothing is known, and
    whatever happened after ``since_ns`` (UTC) was missed.
    """

    since_ns: int
    is_restart: bool = False


class BooksRead(Event, frozen=True, tag="books_read"):
    """The broker's orders, trades and positions have been read; the first two were told before."""

    positions: tuple[BookedPosition, ...]


class OperatorHalted(Event, frozen=True, tag="operator_halted"):
    """A person stops new exposure; cancels and reducing orders still leave.

    ``cancel_all`` also cancels every order of the run, exits too. ``flatten`` also closes what the
    run's strategies hold, at the market. Both are asked for until the broker has shown them done.
    """

    by: str
    reason: str
    cancel_all: bool = False
    flatten: bool = False


class OperatorResumed(Event, frozen=True, tag="operator_resumed"):
    """A person ends a halt, or reducing; the reason has to be given."""

    by: str
    reason: str


class ReservationReleased(Event, frozen=True, tag="reservation_released"):
    """A person has made sure that an order which is NOT_PLACED does not exist."""

    by: str
    reason: str
    intent_id: str


class PositionConverted(Event, frozen=True, tag="position_converted"):
    """The broker converted ``quantity`` units of a long (BUY) or short (SELL) position.

    ``overnight`` took them from what was carried into the day, otherwise from what was opened in
    it. Source: Kite Connect v3, portfolio, position conversion.
    """

    instrument: InstrumentId
    side: Side
    quantity: int
    old_product: Product
    new_product: Product
    overnight: bool = False


class CorporateAction(Event, frozen=True, tag="corporate_action"):
    """From ``at_ns`` on, ``old_units`` of an instrument are ``new_units``, at the same total cost.

    A bonus of 1:1 and a split in two are both 2 for 1. ``dividend`` is paid for each old unit, in
    rupees. Fractions of a unit are the registrar's to pay out and are not kept.
    """

    instrument: InstrumentId
    new_units: int = 1
    old_units: int = 1
    dividend: Decimal = ZERO

    def __post_init__(self) -> None:
        for field in ("new_units", "old_units"):
            if getattr(self, field) < 1:
                raise InvalidValue(field, f"{getattr(self, field)} is below 1.")
        if not (self.dividend.is_finite() and self.dividend >= 0):
            raise InvalidValue("dividend", f"{self.dividend} is not an amount of rupees.")


class PriceBand(msgspec.Struct, frozen=True, kw_only=True):
    """The circuit limits of an instrument for the day, rupees. Source: Kite Connect v3, quotes."""

    instrument: InstrumentId
    lower: Decimal
    upper: Decimal


class BandsRead(Event, frozen=True, tag="bands_read"):
    """The exchange's price bands as the broker quotes them; they may change within a day."""

    bands: tuple[PriceBand, ...]


class PositionFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A position as a broker reports it; rupees. What it does not tell is absent.

    Source: Kite Connect v3, portfolio, positions (net).
    """

    instrument: InstrumentId
    product: Product
    quantity: int
    buy_value: Decimal
    sell_value: Decimal
    buy_quantity: int | None = None
    sell_quantity: int | None = None
    last_price: Decimal | None = None
    pnl: Decimal | None = None


class AccountRead(Event, frozen=True, tag="account_read"):
    """The broker's own figures, to be held against ours; ``charges`` is what it billed so far."""

    positions: tuple[PositionFigures, ...]
    charges: Decimal | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """A decision of the engine."""


class SubmitOrder(Command, frozen=True, tag="submit_order"):
    """Send this order, once."""

    intent: OrderIntent


class CancelOrder(Command, frozen=True, tag="cancel_order"):
    """Cancel this order at the broker."""

    intent_id: str
    order_id: str
    reason: str


class OrderDenied(Command, frozen=True, tag="order_denied"):
    """The risk gate refused; no byte leaves. ``code`` is one of the documented refusals."""

    intent: OrderIntent
    code: str
    message: str


class SignalRaised(Command, frozen=True, tag="signal_raised"):
    """A strategy changed its mind about a target."""

    strategy: str
    signal: Signal


class BarClosed(Command, frozen=True, tag="bar_closed"):
    """The bar builder finished a bar."""

    bar: Bar


class StrategyDisabled(Command, frozen=True, tag="strategy_disabled"):
    """A strategy failed repeatedly and no longer runs; the others do."""

    strategy: str
    reason: str


class StrategyEnabled(Command, frozen=True, tag="strategy_enabled"):
    """A strategy runs again, its count of errors started anew."""

    strategy: str
    reason: str


class ParametersApplied(Command, frozen=True, tag="parameters_applied"):
    """All parameters of a strategy, as they are from now on."""

    strategy: str
    parameters: dict[str, Parameter]


class PlanRaised(Command, frozen=True, tag="plan_raised"):
    """A strategy gave an explicit intent; ``number`` names it in this run."""

    strategy: str
    number: int
    plan: Plan


class PlanChanged(Command, frozen=True, tag="plan_changed"):
    """An explicit intent took a step: it armed, filled, fired, ended or was refused."""

    strategy: str
    number: int
    phase: str
    reason: str = ""


class SubscriptionChanged(Command, frozen=True, tag="subscription_changed"):
    """The instruments a strategy sees from now on."""

    strategy: str
    instruments: tuple[InstrumentId, ...]


class AlarmRaised(Command, frozen=True, tag="alarm_raised"):
    """Something a person should know."""

    severity: Literal["info", "warning", "critical"]
    code: str
    message: str


BrokerEvent = (
    OrderAccepted
    | OrderRefused
    | OrderUnresolved
    | OrderNotPlaced
    | OrderUpdated
    | FillReceived
    | CancelRefused
    | BooksRead
)
AnyEvent = (
    RunStarted
    | RunStopped
    | TicksReceived
    | TicksConflated
    | FeedGap
    | BarsReceived
    | HistoryLoaded
    | TimerFired
    | ReconcileStarted
    | BrokerEvent
    | OperatorHalted
    | OperatorResumed
    | StrategyOverran
    | StrategySwitched
    | ParametersChanged
    | ReservationReleased
    | PositionConverted
    | CorporateAction
    | BandsRead
    | AccountRead
)
Effect = SubmitOrder | CancelOrder
AnyCommand = (
    Effect
    | OrderDenied
    | SignalRaised
    | BarClosed
    | StrategyDisabled
    | StrategyEnabled
    | ParametersApplied
    | PlanRaised
    | PlanChanged
    | SubscriptionChanged
    | AlarmRaised
)
Message = AnyEvent | AnyCommand

_encoder = msgspec.json.Encoder(decimal_format="string")
_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_commands_decoder: msgspec.json.Decoder[tuple[AnyCommand, ...]] = msgspec.json.Decoder(
    tuple[AnyCommand, ...]
)


def encode_event(event: AnyEvent) -> bytes:
    """The event as journaled: JSON, money as strings."""
    return _encoder.encode(event)


def decode_event(payload: bytes) -> AnyEvent:
    """Inverse of ``encode_event``; raises ``msgspec.ValidationError`` or ``DecodeError``."""
    try:
        return _event_decoder.decode(payload)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8: {error.reason}") from error


def encode_commands(commands: tuple[AnyCommand, ...]) -> bytes:
    """One turn's commands as journaled."""
    return _encoder.encode(commands)


def decode_commands(payload: bytes) -> tuple[AnyCommand, ...]:
    """Inverse of ``encode_commands``; raises ``msgspec.ValidationError`` or ``DecodeError``."""
    try:
        return _commands_decoder.decode(payload)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8: {error.reason}") from error
