"""What a trader writes: a plain class with synchronous callbacks that return what they want.

    class BuyAndHold(Strategy):
        quantity = whole(10, low=1)

        def on_bar(self, view, bar):
            return Signal(instrument=bar.instrument, target=self.quantity)

A callback may return nothing, one ``Signal`` (a target) or explicit ``Intent``, or several. It
sees the world through a read-only ``View``; it has no clock, no network and no broker, so the same
class runs in every mode.
"""

from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Protocol

import msgspec

from patang.domain.enums import Interval
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.intents import Intent, Plan
from patang.domain.market import Bar, Tick
from patang.domain.messages import Signal
from patang.domain.order import Fill, Order
from patang.engine.indicators import Indicator
from patang.engine.parameters import Declared, Value, checked_parameters, declared_in
from patang.rules.ist import ist_date

Signals = Signal | Intent | Iterable[Signal | Intent] | None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Market data was missed between two times (UTC ns); of every instrument when None.

    ``dropped`` counts ticks that the run itself skipped because it fell behind.
    """

    from_ns: int
    to_ns: int
    instruments: tuple[InstrumentId, ...] | None = None
    dropped: int = 0


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The day of the run: continuous trading in ``[open_ns, close_ns)``, UTC ns.

    From ``square_off_ns`` on every position is closed and nothing new is opened.
    """

    open_ns: int
    close_ns: int
    square_off_ns: int

    @property
    def day(self) -> date:
        """The calendar day in India."""
        return ist_date(self.open_ns)


class View(Protocol):
    """What a strategy may look at: its own instruments and positions, as of this turn."""

    @property
    def now_ns(self) -> int:
        """The time of the event being processed, UTC nanoseconds."""
        ...

    @property
    def today(self) -> date:
        """The calendar day in India."""
        ...

    @property
    def clock(self) -> time:
        """The wall-clock time in India, whole seconds."""
        ...

    @property
    def session(self) -> SessionFacts:
        """The day's opening, close and square-off."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether continuous trading is on."""
        ...

    def trading_days(self, first: date, last: date) -> int:
        """Days on which NSE trades from ``first`` to ``last``, both included.

        Raises ``OutsideCalendar`` beyond the years whose holidays are known.
        """
        ...

    @property
    def instruments(self) -> Sequence[InstrumentId]:
        """The instruments this strategy sees."""
        ...

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """The contract: lot, tick, multiplier. Any of the run's, seen or not."""
        ...

    def last_price(self, instrument: InstrumentId) -> float | None:
        """The newest traded price in rupees; None before the first tick."""
        ...

    def position(self, instrument: InstrumentId) -> int:
        """Units this strategy holds, short negative, fills booked so far."""
        ...

    def average_price(self, instrument: InstrumentId) -> Decimal:
        """Average cost of what the strategy holds, rupees; zero when flat."""
        ...

    def profit(self, instrument: InstrumentId) -> Decimal:
        """Realised and unrealised profit of this strategy in an instrument, before charges."""
        ...

    def working(self, instrument: InstrumentId) -> int:
        """Signed units of this strategy's orders that may still fill."""
        ...

    def orders(self, instrument: InstrumentId | None = None) -> Sequence[Order]:
        """Copies of this strategy's orders that may still fill, oldest first."""
        ...

    def plan(self, instrument: InstrumentId) -> Plan | None:
        """The explicit intent that stands for an instrument."""
        ...

    def bars(
        self, instrument: InstrumentId, count: int, interval: Interval | None = None
    ) -> Sequence[Bar]:
        """Up to ``count`` newest finished bars, oldest first; of the run's interval when None."""
        ...

    def indicator(
        self,
        name: str,
        instrument: InstrumentId,
        interval: Interval | None = None,
        **parameters: float,
    ) -> Indicator:
        """A TA-Lib indicator that the engine feeds with every finished bar.

        Asked for once (in ``on_start``), it is warmed with the bars there are and with history;
        asked for again, it is the same one. Read ``value`` and ``outputs``; do not update it.

        Raises:
            MissingExtra: TA-Lib is not installed.
            InvalidValue: TA-Lib has no such function or refuses a parameter.
        """
        ...


class Strategy:
    """Base of every strategy. Override the callbacks you need; parameters arrive as keywords.

    Raises:
        InvalidValue: a parameter is not declared or does not fit; ``field`` names it.
    """

    def __init__(self, **parameters: Value) -> None:
        self.change_parameters(parameters)

    @classmethod
    def declared(cls) -> dict[str, Declared]:
        """The parameters there are to set, by name."""
        return declared_in(cls)

    @property
    def parameters(self) -> dict[str, Value]:
        """The declared parameters as they are now."""
        return {name: getattr(self, name) for name in self.declared()}

    def change_parameters(self, given: "dict[str, Value]") -> None:
        """Take other values for some parameters; all of them are taken, or none.

        Raises:
            InvalidValue: a parameter is not declared or does not fit; nothing has changed.
        """
        before = dict(self.__dict__)
        present = {name: self.__dict__[name] for name in self.declared() if name in self.__dict__}
        self.__dict__.update(checked_parameters(self.declared(), {**present, **given}))
        try:
            self.check()
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def check(self) -> None:
        """Raise ``InvalidValue`` when parameters do not fit each other."""

    def on_start(self, view: View) -> Signals:
        """The run begins; nothing has been seen yet."""
        return None

    def on_history(self, view: View, bar: Bar) -> None:
        """A finished bar from before the run, oldest first: to warm up by, not to trade on."""

    def on_bar(self, view: View, bar: Bar) -> Signals:
        """One of this strategy's instruments finished a bar."""
        return None

    def on_tick(self, view: View, tick: Tick) -> Signals:
        """One of this strategy's instruments ticked."""
        return None

    def on_fill(self, view: View, fill: Fill) -> Signals:
        """An order of this strategy traded; ``view.position`` already includes it."""
        return None

    def on_order(self, view: View, order: Order) -> Signals:
        """An order of this strategy was sent, denied, moved or filled; ``order`` is a copy."""
        return None

    def on_timer(self, view: View) -> Signals:
        """Time for housekeeping: every 5 s of the run's clock, unless the run says otherwise."""
        return None

    def on_gap(self, view: View, gap: Gap) -> Signals:
        """Market data was missed; bars over the gap are partial."""
        return None

    def on_parameters(self, view: View) -> Signals:
        """A person changed the parameters: rebuild what depends on them."""
        return None

    def on_stop(self, view: View) -> None:
        """The run ends; signals are no longer taken."""
