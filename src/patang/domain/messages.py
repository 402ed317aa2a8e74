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
from patang.domain.market import Bar, Tick
from patang.domain.order import Fill, OrderIntent, OrderStatus

Parameter = int | float | str | bool


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a strategy wants: a target position in units, short negative. Repeating it is harmless.

    ``limit_price`` (rupees, rounded to the tick later) asks for a LIMIT order; without it a
    protected MARKET order is sent.
    """

    instrument: InstrumentId
    target: int
    limit_price: float | None = None
    reason: str = ""


class StrategySpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which strategy runs: ``path`` is ``module:Class``; ``name`` owns its orders and positions."""

    name: str
    path: str
    instruments: tuple[InstrumentId, ...]
    parameters: dict[str, Parameter] = {}


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The risk gate's limits. Money in rupees; rates count order placements."""

    max_order_value: Decimal
    max_position_value: Decimal
    max_daily_loss: Decimal
    max_orders_per_second: int = 9
    max_orders_per_minute: int = 200

    def __post_init__(self) -> None:
        for field in ("max_order_value", "max_position_value", "max_daily_loss"):
            amount: Decimal = getattr(self, field)
            if not (amount.is_finite() and amount > 0):
                raise InvalidValue(field, f"{amount} is not a positive amount of rupees.")
        for field in ("max_orders_per_second", "max_orders_per_minute"):
            if getattr(self, field) < 1:
                raise InvalidValue(field, f"{getattr(self, field)} is below 1.")


class RunSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a run is built from; journaled first, so the journal alone can rebuild it.

    ``open_ns`` and ``close_ns`` bound the session; after ``square_off_ns`` every position is
    closed and no new exposure is taken. A working order older than ``max_working_ns`` is
    cancelled and planned anew.
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

    def __post_init__(self) -> None:
        if not self.opening_cash.is_finite():
            raise InvalidValue("opening_cash", f"{self.opening_cash} is not an amount of rupees.")
        if not self.open_ns < self.close_ns:
            raise InvalidValue("close_ns", "the session closes before it opens.")
        if len({item.id for item in self.instruments}) < len(self.instruments):
            raise InvalidValue("instruments", "one of them stands twice.")


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
    """A person stops new exposure; cancels and reducing orders still leave."""

    by: str
    reason: str


class OperatorResumed(Event, frozen=True, tag="operator_resumed"):
    """A person ends a halt."""

    by: str
    reason: str


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
    | TimerFired
    | ReconcileStarted
    | BrokerEvent
    | OperatorHalted
    | OperatorResumed
)
Effect = SubmitOrder | CancelOrder
AnyCommand = Effect | OrderDenied | SignalRaised | BarClosed | StrategyDisabled | AlarmRaised
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
