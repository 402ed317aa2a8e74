"""Where one instrument trades: its book, its stop orders, and the tape of its day."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from patang.domain.enums import Side
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO, to_paisa
from patang.rules.session import PhaseKind
from patang.simulator.book import Depth, OrderBook, Resting
from patang.simulator.quote import Quote, QuoteLevel
from patang.simulator.tape.candles import MinuteTape

BAND = Decimal("0.10")
"""Opening price band each side of the previous close. Source: SEBI, dynamic bands of F&O stocks."""

_PAISA_DIVISOR = 100
_FINE = Decimal("0.0001")

NO_EDGE = 1 << 62
"""Ticks that no price reaches."""

_NEVER_BUY = 1 << 62
_NEVER_SELL = -1

COLLECTING = frozenset(
    {
        PhaseKind.PRE_OPEN_ENTRY,
        PhaseKind.PRE_OPEN_LIMIT_ONLY,
        PhaseKind.AUCTION_ENTRY,
        PhaseKind.AUCTION_LIMIT_ONLY,
    }
)
"""Phases in which a call auction collects orders."""


class Venue:
    """One instrument's book and tape, in ticks. ``quote`` gives the rupees."""

    __slots__ = (
        "_highest_sell",
        "_lowest_buy",
        "_prices",
        "_stops",
        "book",
        "changed_ns",
        "close_ticks",
        "closing_ticks",
        "high_edge",
        "high_ticks",
        "id",
        "instrument",
        "is_intraday_over",
        "last_quantity",
        "last_ticks",
        "last_trade_ns",
        "low_edge",
        "low_ticks",
        "lower_ticks",
        "minutes",
        "oi",
        "oi_high",
        "oi_low",
        "open_ticks",
        "phase",
        "protected_around_ticks",
        "resting",
        "turnover_ticks",
        "upper_ticks",
        "volume",
        "watcher",
    )

    def __init__(self, instrument: Instrument, previous_close: Decimal) -> None:
        self.instrument = instrument
        self.id = instrument.id
        self.phase: PhaseKind | None = PhaseKind.CONTINUOUS
        """What can be done with orders now; None while the market is closed."""
        self.book = OrderBook()
        self.resting: dict[str, Resting] = {}
        self._stops: dict[str, tuple[bool, int]] = {}
        # The nearest triggers, or nearer: between them no order is to be looked at.
        self._lowest_buy = _NEVER_BUY
        self._highest_sell = _NEVER_SELL
        self._prices: dict[int, Decimal] = {}
        self.close_ticks = instrument.to_ticks(instrument.round_price(previous_close))
        self.closing_ticks = 0
        """Today's closing price once it is known; post-close orders trade at it."""
        self.low_edge, self.high_edge = -NO_EDGE, NO_EDGE
        """A trade at these prices or beyond them is one at the edge of the band."""
        self.protected_around_ticks = 0
        """What limit price protection is measured from; 0 means the last price."""
        self.is_intraday_over = False
        """Whether the broker has squared off the day's intraday positions."""
        self.lower_ticks = self._to_ticks_up(previous_close * (1 - BAND))
        self.upper_ticks = self._to_ticks_down(previous_close * (1 + BAND))
        self.last_ticks = self.close_ticks
        self.last_quantity = 0
        self.last_trade_ns: int | None = None
        self.changed_ns = 0
        self.open_ticks = self.high_ticks = self.low_ticks = 0
        self.volume = 0
        self.turnover_ticks = 0
        self.oi = self.oi_high = self.oi_low = 0
        """Open interest in units, now and the day's extremes; zeros for what has none."""
        self.minutes = MinuteTape()
        self.watcher: Callable[[int], None] | None = None
        """Called with each change (UTC ns) while set; it must not call back into the exchange."""

    def _to_ticks_up(self, price: Decimal) -> int:
        return self.instrument.to_ticks(self.instrument.round_price(price, "up"))

    def _to_ticks_down(self, price: Decimal) -> int:
        return self.instrument.to_ticks(self.instrument.round_price(price, "down"))

    def price(self, ticks: int) -> Decimal:
        """Rupees of a price in ticks."""
        price = self._prices.get(ticks)
        if price is None:
            price = self._prices[ticks] = self.instrument.from_ticks(ticks)
        return price

    @property
    def collects(self) -> bool:
        """Whether orders are taken without trading, for a call auction."""
        return self.phase in COLLECTING

    @property
    def last_price(self) -> Decimal:
        """Last traded price in rupees; the previous close before the first trade."""
        return self.price(self.last_ticks)

    def clamp(self, ticks: int) -> int:
        """The nearest price inside the day's band."""
        return min(max(ticks, self.lower_ticks), self.upper_ticks)

    def protected_ticks(self, side: Side, percent: Decimal) -> int:
        """Where a MARKET order with this protection becomes a LIMIT: last price -/+ percent."""
        price = self.last_price * (1 + side.sign * percent / 100)
        return self.clamp(self.instrument.to_ticks(self.instrument.round_price(price)))

    def print_trade(self, ticks: int, quantity: int, at_ns: int) -> None:
        """Put a trade on the tape."""
        if not self.open_ticks:
            self.open_ticks = self.high_ticks = self.low_ticks = ticks
        elif ticks > self.high_ticks:
            self.high_ticks = ticks
        elif ticks < self.low_ticks:
            self.low_ticks = ticks
        self.last_ticks = ticks
        self.last_quantity = quantity
        self.last_trade_ns = at_ns
        self.volume += quantity
        self.turnover_ticks += ticks * quantity
        self.minutes.add(ticks, quantity, at_ns, self.oi)

    def set_last(self, ticks: int, at_ns: int) -> None:
        """Take over a last price that was made elsewhere: an index's, or an outside market's."""
        quantity = self.last_quantity
        self.print_trade(ticks, 0, at_ns)
        self.last_quantity = quantity

    def set_oi(self, oi: int) -> None:
        """Take over the open interest, in units; the day's extremes follow."""
        self.oi_high = max(self.oi_high, oi) if self.oi_high else oi
        self.oi_low = min(self.oi_low, oi) if self.oi_low else oi
        self.oi = oi

    def start_day(self) -> None:
        """Begin a new day: its previous close is the last one's close, its tape is empty."""
        self.close_ticks = self.last_ticks = self.closing_ticks or self.last_ticks
        self.minutes.end_day(self.close_ticks)
        self.oi_high = self.oi_low = self.oi
        self.closing_ticks = 0
        self.last_quantity = 0
        self.open_ticks = self.high_ticks = self.low_ticks = 0
        self.volume = 0
        self.turnover_ticks = 0
        self.protected_around_ticks = 0
        self.is_intraday_over = False

    def add_stop(self, order_id: str, is_buy: bool, trigger_ticks: int) -> None:
        """Hold an order until the last price reaches its trigger."""
        if is_buy:
            self._lowest_buy = min(self._lowest_buy, trigger_ticks)
        else:
            self._highest_sell = max(self._highest_sell, trigger_ticks)
        self._stops[order_id] = (is_buy, trigger_ticks)

    def remove_stop(self, order_id: str) -> None:
        """Forget a stop order."""
        del self._stops[order_id]

    def take_triggered(self) -> list[str]:
        """Ids of the stop orders that the last price reached, oldest first; they are let go."""
        last = self.last_ticks
        if not self._stops or self._highest_sell < last < self._lowest_buy:
            return []
        triggered = [
            order_id
            for order_id, (is_buy, ticks) in self._stops.items()
            if (last >= ticks if is_buy else last <= ticks)
        ]
        for order_id in triggered:
            del self._stops[order_id]
        stops = self._stops.values()
        self._lowest_buy = min((ticks for is_buy, ticks in stops if is_buy), default=_NEVER_BUY)
        self._highest_sell = max(
            (ticks for is_buy, ticks in stops if not is_buy), default=_NEVER_SELL
        )
        return triggered

    def quote(self, at_ns: int) -> Quote:
        """The instrument as the exchange shows it at ``at_ns``."""
        bids, asks = self.book.depth()
        is_banded = self.instrument.is_tradable
        average = self.price(1) * self.turnover_ticks / self.volume if self.volume else ZERO
        return Quote(
            instrument=self.instrument.id,
            exchange_ns=at_ns,
            last_price=self.last_price,
            last_quantity=self.last_quantity,
            average_price=self._rounded(average),
            volume=self.volume,
            buy_quantity=self.book.buy_quantity,
            sell_quantity=self.book.sell_quantity,
            open=self.price(self.open_ticks),
            high=self.price(self.high_ticks),
            low=self.price(self.low_ticks),
            close=self.price(self.close_ticks),
            last_trade_ns=self.last_trade_ns,
            bids=self._levels(bids),
            asks=self._levels(asks),
            lower_circuit=self.price(self.lower_ticks) if is_banded else ZERO,
            upper_circuit=self.price(self.upper_ticks) if is_banded else ZERO,
            oi=self.oi,
            oi_day_high=self.oi_high,
            oi_day_low=self.oi_low,
        )

    def _rounded(self, average: Decimal) -> Decimal:
        """An average to the paisa; to four places where prices have as many."""
        if self.instrument.price_divisor == _PAISA_DIVISOR:
            return to_paisa(average)
        return average.quantize(_FINE, rounding=ROUND_HALF_UP)

    def _levels(self, depth: Depth) -> tuple[QuoteLevel, ...]:
        return tuple(
            QuoteLevel(self.price(ticks), quantity, orders) for ticks, quantity, orders in depth
        )
