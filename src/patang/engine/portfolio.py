"""The books: positions, cash and charges, from fills alone.

The identity that always holds, to the last decimal:
``equity = opening cash + sum of position profit - charges``.
"""

from decimal import Decimal

import msgspec

from patang.domain.enums import Product
from patang.domain.errors import PatangError
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.messages import RunSpec
from patang.domain.money import ZERO
from patang.domain.order import Fill, OrderIntent
from patang.domain.position import Position
from patang.rules.charges import order_charges, round_to_paisa

EXTERNAL = "external"
"""Owner of what was placed elsewhere: by phone, on the web, by another program."""


class TradeBook(msgspec.Struct):
    """What has traded of one order so far, and the charges booked for it."""

    value: Decimal = ZERO
    charges: Decimal = ZERO


class Portfolio:
    """Positions of the account and of each strategy, cash and charges.

    A trade is booked once: ``book`` ignores a trade id it has seen. Charges follow the order, not
    the trade (brokerage is capped for each executed order), so each fill books the growth of its
    order's charges. They are rounded to the paisa; the contract note's rounding of STT and stamp
    duty to whole rupees is a matter of the day's end. Source: Zerodha, list of charges.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.opening_cash = spec.opening_cash
        self.cash = spec.opening_cash
        self.charges = ZERO
        self.fills = 0
        self._instruments = {item.id: item for item in spec.instruments}
        self._positions: dict[tuple[InstrumentId, Product], Position] = {}
        self._owned: dict[tuple[str, InstrumentId], Position] = {}
        self.uncharged = 0
        self._trades: dict[tuple[str, str, str], None] = {}
        self._foreign: list[Fill] = []
        self._orders: dict[str, TradeBook] = {}
        self._marks: dict[InstrumentId, Decimal] = {}

    def book(self, fill: Fill, owner: str) -> bool:
        """Book a fill for ``owner``; False when it is in the books already, or is no trade."""
        instrument = self._instruments[fill.instrument]
        # Trade ids are the exchange's own: unique for an exchange and day, not across exchanges,
        # and the two sides of a trade share one, which may be two of our own orders.
        key = (instrument.exchange.value, fill.trade_id, fill.order_id)
        if key in self._trades or fill.fault is not None:
            return False
        self._trades[key] = None
        if owner == EXTERNAL:
            self._foreign.append(fill)
        self._position(instrument, fill.product).apply(fill.side, fill.quantity, fill.price)
        self._apply_owned(owner, instrument, fill)
        self.cash -= fill.price * fill.quantity * instrument.multiplier * fill.side.sign
        charges = self._charges_of(fill, instrument)
        self.cash -= charges
        self.charges += charges
        self.fills += 1
        self._marks.setdefault(fill.instrument, fill.price)
        return True

    def claim(self, order_id: str, intent: OrderIntent) -> list[Fill]:
        """Give fills that were booked as external to the strategy whose order they turn out to be.

        The account's books stay as they are; returned are the fills that changed hands.
        """
        name = intent.instrument
        claimed = [
            fill
            for fill in self._foreign
            if (fill.order_id, fill.instrument, fill.side) == (order_id, name, intent.side)
        ]
        if not claimed:
            return []
        self._foreign = [fill for fill in self._foreign if fill not in claimed]
        instrument = self._instruments[name]
        del self._owned[(EXTERNAL, name)]
        for fill in self._foreign:
            if fill.instrument == name:
                self._apply_owned(EXTERNAL, instrument, fill)
        for fill in claimed:
            self._apply_owned(intent.strategy, instrument, fill)
        return claimed

    def trades(self) -> list[tuple[str, str, str]]:
        """Every trade booked so far: exchange, trade id, order id."""
        return list(self._trades)

    def last_mark(self, instrument: InstrumentId) -> Decimal:
        """The price an instrument is valued at, rupees."""
        return self._marks[instrument]

    def mark(self, instrument: InstrumentId, last_price: Decimal) -> None:
        """Value the instrument at ``last_price`` (rupees) from now on."""
        self._marks[instrument] = last_price

    def owned(self, owner: str, instrument: InstrumentId) -> int:
        """Signed units of ``instrument`` that fills of ``owner`` add up to."""
        position = self._owned.get((owner, instrument))
        return 0 if position is None else position.quantity

    def held(self, instrument: InstrumentId) -> int:
        """Signed units of ``instrument`` in the account, all products and owners."""
        return sum(p.quantity for (name, _), p in self._positions.items() if name == instrument)

    def positions(self) -> list[Position]:
        """Every position of the account, flat ones included, in order of first trade."""
        return list(self._positions.values())

    def owners(self) -> dict[tuple[str, InstrumentId], Position]:
        """Positions by strategy and instrument."""
        return self._owned

    @property
    def gross_pnl(self) -> Decimal:
        """Realised and unrealised profit before charges, at the newest marks."""
        return sum((p.pnl(self._marks[p.instrument]) for p in self._positions.values()), ZERO)

    @property
    def net_pnl(self) -> Decimal:
        """Profit after charges."""
        return self.gross_pnl - self.charges

    @property
    def realised(self) -> Decimal:
        """Profit of what was closed, by average cost, before charges."""
        return sum((p.realised for p in self._positions.values()), ZERO)

    @property
    def equity(self) -> Decimal:
        """Cash plus the market value of what is held."""
        return self.opening_cash + self.net_pnl

    def _position(self, instrument: Instrument, product: Product) -> Position:
        key = (instrument.id, product)
        if key not in self._positions:
            self._positions[key] = Position(
                instrument=instrument.id, product=product, multiplier=instrument.multiplier
            )
        return self._positions[key]

    def _apply_owned(self, owner: str, instrument: Instrument, fill: Fill) -> None:
        key = (owner, instrument.id)
        if key not in self._owned:
            self._owned[key] = Position(
                instrument=instrument.id, product=fill.product, multiplier=instrument.multiplier
            )
        self._owned[key].apply(fill.side, fill.quantity, fill.price)

    def _charges_of(self, fill: Fill, instrument: Instrument) -> Decimal:
        book = self._orders.setdefault(fill.order_id, TradeBook())
        book.value += fill.value
        try:
            exact = order_charges(
                instrument,
                fill.product,
                fill.side,
                1,  # one unit at the whole value: exact, where an average price would be rounded
                book.value,
                fill.time_ns,
            )
        except PatangError:
            # Placed elsewhere under rules we have no rates for: the trade is real all the same.
            self.uncharged += 1
            return ZERO
        total = round_to_paisa(exact).total
        growth = total - book.charges
        book.charges = total
        return growth
