"""Dynamic price bands: they grow when a share with derivatives trades at their edge.

Simplified: trades at the edge are counted, not the clients behind them, and the band grows for the
share, its futures and its listing on the other exchange as far as their books are open.
Source: SEBI/HO/MRD/TPD-1/P/CIR/2024/58; NSE/FAOP/64995 (sliding since 2024-11-18).
"""

from collections.abc import Callable
from decimal import Decimal

from patang.domain.enums import InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import ist_date
from patang.rules.order_rules import band_around, flexing, price_band
from patang.rules.price_limits import Range, inside
from patang.simulator.exchange import Exchange
from patang.simulator.venue import NO_EDGE, Venue

OUTSIDE = "The order was cancelled by the exchange: its price is outside the new price band."

_LATE_NS = 30 * 60 * NS_PER_SECOND
_NS_PER_MINUTE = 60 * NS_PER_SECOND


class Bands:
    """Sets the bands of the day, and lets those flex that may.

    ``closes_ns`` says when a venue's continuous trading ends today.
    """

    def __init__(
        self,
        exchange: Exchange,
        has_derivatives: Callable[[Instrument], bool],
        closes_ns: Callable[[Venue], int],
    ) -> None:
        self._exchange = exchange
        self._has_derivatives = has_derivatives
        self._closes_ns = closes_ns
        self._trades: dict[InstrumentId, int] = {}
        self._flexes: dict[InstrumentId, int] = {}
        self._waiting: dict[InstrumentId, bool] = {}
        exchange.floor.on_edge = self._at_edge

    def open_day(self, venue: Venue, at_ns: int) -> None:
        """The band of a new day, about the previous close."""
        instrument = venue.instrument
        if not instrument.is_tradable:
            return
        for counts in (self._trades, self._flexes, self._waiting):
            counts.pop(instrument.id, None)
        is_dynamic = self._is_dynamic(instrument)
        close = venue.price(venue.close_ticks)
        self._set(venue, price_band(instrument, close, ist_date(at_ns), is_dynamic))
        self._set_edges(venue)

    def narrow(self, venue: Venue, reference: Decimal, percent: Decimal, at_ns: int) -> None:
        """A fixed band about ``reference``; orders outside it are cancelled."""
        self._set(venue, band_around(venue.instrument, reference, percent))
        venue.low_edge, venue.high_edge = -NO_EDGE, NO_EDGE
        self._clear_outside(venue, at_ns)

    def _is_dynamic(self, instrument: Instrument) -> bool:
        return instrument.instrument_type is InstrumentType.FUT or self._has_derivatives(instrument)

    def _set(self, venue: Venue, band: Range) -> None:
        venue.lower_ticks = venue.instrument.to_ticks(band[0])
        venue.upper_ticks = venue.instrument.to_ticks(band[1])

    def _set_edges(self, venue: Venue) -> None:
        """From where on a trade counts as one at the edge: 9.90 percent of 10, and so on."""
        venue.low_edge, venue.high_edge = -NO_EDGE, NO_EDGE
        instrument = venue.instrument
        if instrument.instrument_type is InstrumentType.EQ and self._has_derivatives(instrument):
            near = int(venue.close_ticks * flexing().near_percent / 100)
            venue.low_edge = venue.lower_ticks + near
            venue.high_edge = venue.upper_ticks - near

    def _at_edge(self, venue: Venue, at_ns: int) -> None:
        """A trade at the edge of the band; enough of them start the cooling-off."""
        name = venue.instrument.id
        if self._waiting.get(name):
            return
        self._trades[name] = self._trades.get(name, 0) + 1
        if self._trades[name] < flexing().least_trades:
            return
        self._waiting[name] = True
        step = flexing().step(self._flexes.get(name, 0))
        is_late = at_ns >= self._closes_ns(venue) - _LATE_NS
        minutes = step.late_minutes if is_late else step.minutes
        is_up = venue.last_ticks >= venue.high_edge
        due_ns = at_ns + minutes * _NS_PER_MINUTE
        self._exchange.agenda.at(due_ns, lambda now_ns: self._flex(venue, is_up, now_ns))

    def _flex(self, venue: Venue, is_up: bool, at_ns: int) -> None:
        name = venue.instrument.id
        self._waiting[name] = False
        self._trades[name] = 0
        if venue.high_edge == NO_EDGE or at_ns >= self._closes_ns(venue):
            return  # The day's continuous trading, or the day itself, is over.
        percent = flexing().step(self._flexes.get(name, 0)).percent
        self._flexes[name] = self._flexes.get(name, 0) + 1
        slides = ist_date(at_ns) >= flexing().slides_from
        for one in self._exchange.floor.venues.values():
            if self._moves_with(one.instrument, venue.instrument):
                self._shift(one, percent if is_up else -percent, slides=slides)
                self._clear_outside(one, at_ns)
                self._exchange.floor.mark(one, at_ns)

    def _moves_with(self, instrument: Instrument, share: Instrument) -> bool:
        if instrument.instrument_type is InstrumentType.FUT:
            return instrument.name == share.symbol
        is_share = instrument.instrument_type is InstrumentType.EQ and instrument.is_tradable
        return is_share and instrument.symbol == share.symbol

    def _shift(self, venue: Venue, percent: Decimal, *, slides: bool) -> None:
        lower, upper = venue.price(venue.lower_ticks), venue.price(venue.upper_ticks)
        by = venue.price(venue.close_ticks) * percent / 100
        if slides or percent < 0:
            lower += by
        if slides or percent > 0:
            upper += by
        self._set(venue, inside(venue.instrument, lower, upper))
        self._set_edges(venue)

    def _clear_outside(self, venue: Venue, at_ns: int) -> None:
        lower, upper = venue.lower_ticks, venue.upper_ticks
        for is_buy in (True, False):
            for order in list(venue.book.orders(is_buy)):
                if not order.is_market and not lower <= order.ticks <= upper:
                    self._exchange.drop(venue, order, at_ns, OUTSIDE)
