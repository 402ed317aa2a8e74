"""The books: positions, cash, charges, trades and what they earned, from fills alone.

The identity that always holds, to the last decimal:
``equity = opening equity + sum of position profit - charges + dividends``, where the opening
equity is the cash the run began with and what was carried into it, at cost.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.messages import CarriedPosition, CorporateAction, PositionConverted, RunSpec
from patang.domain.money import ZERO
from patang.domain.order import Fill, OrderIntent
from patang.engine.book import BookPosition
from patang.engine.lots import LotBook, Trip
from patang.rules.charges import order_charges, round_to_paisa

EXTERNAL = "external"
"""Owner of what was placed elsewhere: by phone, on the web, by another program."""

Owned = tuple[str, InstrumentId]
Held = tuple[InstrumentId, Product]


class TradeBook(msgspec.Struct):
    """What has traded of one order so far, and the charges booked for it."""

    value: Decimal = ZERO
    charges: Decimal = ZERO


class BookedFill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A trade in the books: whose it is, and what it cost, rupees."""

    fill: Fill
    owner: str
    charges: Decimal


class CashEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of the cash ledger: rupees that came in, or (negative) went out."""

    at_ns: int
    kind: Literal["trade", "charges", "dividend"]
    amount: Decimal
    instrument: InstrumentId
    reference: str


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the account was worth at a time (UTC ns), rupees."""

    at_ns: int
    equity: Decimal


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The account on one screen; rupees, positions valued at their newest marks."""

    equity: Decimal
    cash: Decimal
    realised: Decimal
    unrealised: Decimal
    charges: Decimal
    net_pnl: Decimal
    gross_value: Decimal
    net_value: Decimal
    open_positions: int
    fills: int


class Portfolio:
    """Positions of the account and of each strategy, cash and charges.

    A trade is booked once: ``book`` ignores a trade id it has seen. Charges follow the order, not
    the trade (brokerage is capped for each executed order), so each fill books the growth of its
    order's charges. They are rounded to the paisa; the contract note's rounding of STT and stamp
    duty to whole rupees is a matter of the day's end. Source: Zerodha, list of charges.

    ``trips`` pairs entries with exits, first in first out; ``ledger`` lists every rupee that
    moved; ``curve`` is the equity as ``sample`` was asked to note it.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.opening_cash = spec.opening_cash
        self.opening_equity = spec.opening_cash
        self.cash = spec.opening_cash
        self.charges = ZERO
        self.dividends = ZERO
        self.fills = 0
        self.uncharged = 0
        self.trips: list[Trip] = []
        self.ledger: list[CashEntry] = []
        self.curve: list[EquityPoint] = []
        self._instruments = {item.id: item for item in spec.instruments}
        self._positions: dict[Held, BookPosition] = {}
        self._owned: dict[Owned, BookPosition] = {}
        self._lots: dict[Owned, LotBook] = {}
        self._owner_charges: dict[str, Decimal] = {}
        # Since an owner's position was flat: what it earned so far, net of charges.
        self._running: dict[Owned, Decimal] = {}
        self._results: list[tuple[str, Decimal]] = []
        self._trades: dict[tuple[str, str, str], None] = {}
        self._booked: list[BookedFill] = []
        self._foreign: list[BookedFill] = []
        self._orders: dict[str, TradeBook] = {}
        self._marks: dict[InstrumentId, Decimal] = {}
        names = {old: item.name for item in spec.strategies for old in item.former_names}
        for carried in spec.carried:
            self._carry(carried, names.get(carried.owner, carried.owner), spec.open_ns)

    # --- what happens ------------------------------------------------------------

    def book(self, fill: Fill, owner: str) -> bool:
        """Book a fill for ``owner``; False when it is in the books already, or is no trade."""
        instrument = self._instruments[fill.instrument]
        # Trade ids are the exchange's own: unique for an exchange and day, not across exchanges,
        # and the two sides of a trade share one, which may be two of our own orders.
        key = (instrument.exchange.value, fill.trade_id, fill.order_id)
        if key in self._trades or fill.fault is not None:
            return False
        self._trades[key] = None
        self._position(instrument, fill.product).apply(fill.side, fill.quantity, fill.price)
        charges = self._charges_of(fill, instrument)
        paid = fill.price * fill.quantity * instrument.multiplier * fill.side.sign
        self._enter(fill.time_ns, "trade", -paid, fill.instrument, fill.trade_id)
        if charges:
            self._enter(fill.time_ns, "charges", -charges, fill.instrument, fill.trade_id)
        self.charges += charges
        self.fills += 1
        self._marks.setdefault(fill.instrument, fill.price)
        booked = BookedFill(fill=fill, owner=owner, charges=charges)
        self._booked.append(booked)
        if owner == EXTERNAL:
            self._foreign.append(booked)
        self._apply_owned(booked, instrument)
        return True

    def claim(self, order_id: str, intent: OrderIntent) -> list[Fill]:
        """Give fills that were booked as external to the strategy whose order they turn out to be.

        The account's books stay as they are; returned are the fills that changed hands.
        """
        if not self._foreign:
            return []
        name = intent.instrument
        claimed = [
            booked
            for booked in self._foreign
            if (booked.fill.order_id, booked.fill.instrument, booked.fill.side)
            == (order_id, name, intent.side)
        ]
        if not claimed:
            return []
        instrument = self._instruments[name]
        self._foreign = [each for each in self._foreign if each not in claimed]
        self._forget_external(name)
        for booked in self._foreign:
            if booked.fill.instrument == name:
                self._apply_owned(booked, instrument)
        for booked in claimed:
            theirs = msgspec.structs.replace(booked, owner=intent.strategy)
            self._booked[self._booked.index(booked)] = theirs
            self._apply_owned(theirs, instrument)
        return [booked.fill for booked in claimed]

    def convert(self, event: PositionConverted) -> None:
        """Move units from one product's position to another's, at their cost; no cash moves.

        Raises:
            InvalidValue: so many units are not open there.
        """
        name = event.instrument
        instrument = self._known(name)
        source = self._positions.get((name, event.old_product))
        held = 0 if source is None else source.quantity * event.side.sign
        carried = 0 if source is None else source.overnight_quantity * event.side.sign
        overnight = min(max(carried, 0), max(held, 0))
        most = overnight if event.overnight else held - overnight
        if source is None or not 0 < event.quantity <= most:
            raise InvalidValue(
                "quantity",
                f"{event.quantity} of {name} cannot leave {event.old_product}, {max(most, 0)} can.",
                "Read the broker's positions.",
            )
        target = self._position(instrument, event.new_product)
        source.move(target, event.quantity, overnight=event.overnight)

    def rescale(self, action: CorporateAction) -> None:
        """Apply a split, bonus or dividend to everything held of an instrument.

        Raises:
            InvalidValue: somebody would be left with a fraction of a unit, which only the registrar
                knows how to pay out.
        """
        name = action.instrument
        instrument = self._known(name)
        new, old = action.new_units, action.old_units
        everyone = [p for (each, _), p in self._positions.items() if each == name]
        everyone += [p for (_, each), p in self._owned.items() if each == name]
        for position in everyone:
            if position.quantity * new % old:
                raise InvalidValue(
                    "new_units",
                    f"{position.quantity} of {name} do not become whole units at {new} for {old}.",
                    "Correct the position by hand.",
                )
        if action.dividend:
            paid = action.dividend * self.held(name) * instrument.multiplier
            self._enter(action.at_ns, "dividend", paid, name, "dividend")
            self.dividends += paid
        for position in everyone:
            position.rescale(new, old)
        for (_, each), lots in self._lots.items():
            if each == name:
                lots.rescale(new, old)
        if name in self._marks:
            self._marks[name] = instrument.round_price(self._marks[name] * old / new)

    def mark(self, instrument: InstrumentId, last_price: Decimal) -> None:
        """Value the instrument at ``last_price`` (rupees) from now on."""
        self._marks[instrument] = last_price

    def sample(self, at_ns: int) -> None:
        """Note what the account is worth now, for the equity curve."""
        self.curve.append(EquityPoint(at_ns=at_ns, equity=self.equity))

    def carry_forward(self) -> tuple[CarriedPosition, ...]:
        """What is open, as the next day's ``RunSpec.carried``: at its cost, with today's mark."""
        return tuple(
            CarriedPosition(
                owner=owner,
                instrument=name,
                product=position.product,
                quantity=position.quantity,
                average_price=position.average_price,
                close_price=self._marks[name],
            )
            for (owner, name), position in self._owned.items()
            if position.quantity
        )

    def take_results(self) -> list[tuple[str, Decimal]]:
        """Positions closed since the last call: whose, and the profit net of charges."""
        results, self._results = self._results, []
        return results

    # --- what is asked -------------------------------------------------------------

    def trades(self) -> list[tuple[str, str, str]]:
        """Every trade booked so far: exchange, trade id, order id."""
        return list(self._trades)

    def booked(
        self,
        *,
        owner: str | None = None,
        instrument: InstrumentId | None = None,
        since_ns: int = 0,
    ) -> Iterable[BookedFill]:
        """The trade history, oldest first; of one owner or instrument, or from a time on."""
        for each in self._booked:
            if owner is not None and each.owner != owner:
                continue
            if instrument is not None and each.fill.instrument != instrument:
                continue
            if each.fill.time_ns >= since_ns:
                yield each

    def knows(self, instrument: InstrumentId) -> bool:
        """Whether the instrument is part of the run."""
        return instrument in self._instruments

    def last_mark(self, instrument: InstrumentId) -> Decimal:
        """The price an instrument is valued at, rupees."""
        return self._marks[instrument]

    def marked(self, instrument: InstrumentId) -> Decimal | None:
        """The same; None when it never had a price."""
        return self._marks.get(instrument)

    def owned(self, owner: str, instrument: InstrumentId) -> int:
        """Signed units of ``instrument`` that fills of ``owner`` add up to."""
        position = self._owned.get((owner, instrument))
        return 0 if position is None else position.quantity

    def held(self, instrument: InstrumentId) -> int:
        """Signed units of ``instrument`` in the account, all products and owners."""
        return sum(p.quantity for (name, _), p in self._positions.items() if name == instrument)

    def position(self, instrument: InstrumentId, product: Product) -> BookPosition | None:
        """The account's position in an instrument and product, if it ever had one."""
        return self._positions.get((instrument, product))

    def positions(self) -> list[BookPosition]:
        """Every position of the account, flat ones included, in order of first trade."""
        return list(self._positions.values())

    def owners(self) -> dict[Owned, BookPosition]:
        """Positions by strategy and instrument."""
        return self._owned

    def fifo_realised(self, owner: str | None = None) -> Decimal:
        """Profit of what was closed, first in first out, before charges."""
        books = [book for (who, _), book in self._lots.items() if owner in (None, who)]
        return sum((book.realised for book in books), ZERO)

    def net_pnl_of(self, owner: str) -> Decimal:
        """One owner's profit after charges, realised and unrealised."""
        gross = sum(
            (
                p.pnl(self._marks[p.instrument])
                for (who, _), p in self._owned.items()
                if who == owner
            ),
            ZERO,
        )
        return gross - self.charges_of(owner)

    def charges_of(self, owner: str) -> Decimal:
        """What one owner's trades cost, rupees."""
        return self._owner_charges.get(owner, ZERO)

    def summary(self) -> Summary:
        """The account on one screen."""
        values = [p.quantity * self._marks[p.instrument] * p.multiplier for p in self.positions()]
        realised = self.realised
        return Summary(
            equity=self.equity,
            cash=self.cash,
            realised=realised,
            unrealised=self.gross_pnl - realised,
            charges=self.charges,
            net_pnl=self.net_pnl,
            gross_value=sum((abs(value) for value in values), ZERO),
            net_value=sum(values, ZERO),
            open_positions=sum(1 for p in self._positions.values() if p.quantity),
            fills=self.fills,
        )

    @property
    def gross_pnl(self) -> Decimal:
        """Realised and unrealised profit before charges, at the newest marks."""
        return sum((p.pnl(self._marks[p.instrument]) for p in self._positions.values()), ZERO)

    @property
    def net_pnl(self) -> Decimal:
        """Profit after charges, with dividends."""
        return self.gross_pnl - self.charges + self.dividends

    @property
    def realised(self) -> Decimal:
        """Profit of what was closed, by average cost, before charges."""
        return sum((p.realised for p in self._positions.values()), ZERO)

    @property
    def equity(self) -> Decimal:
        """Cash plus the market value of what is held."""
        return self.opening_equity + self.net_pnl

    # --- inside ----------------------------------------------------------------------

    def _carry(self, carried: CarriedPosition, owner: str, at_ns: int) -> None:
        """Begin with a position from an earlier day, at its cost, valued at the last close."""
        name, quantity, price = carried.instrument, carried.quantity, carried.average_price
        listed = self._known(name)
        if not quantity or not (price.is_finite() and price > 0):
            raise InvalidValue("carried", f"{quantity} of {name} at {price} is no position.")
        self._position(listed, carried.product).carry_in(quantity, price)
        self._owned_position(owner, listed, carried.product).carry_in(quantity, price)
        entry = Fill(
            trade_id="carried",
            order_id="carried",
            instrument=name,
            side=Side.BUY if quantity > 0 else Side.SELL,
            quantity=abs(quantity),
            price=price,
            product=carried.product,
            time_ns=at_ns,
        )
        self._lot_book(owner, listed).apply(entry, ZERO)
        self.opening_equity += price * quantity * listed.multiplier
        close = price if carried.close_price is None else carried.close_price
        self._marks.setdefault(name, close)

    def _known(self, name: InstrumentId) -> Instrument:
        instrument = self._instruments.get(name)
        if instrument is None:
            raise InvalidValue("instrument", f"{name} is not part of this run.")
        return instrument

    def _position(self, instrument: Instrument, product: Product) -> BookPosition:
        key = (instrument.id, product)
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = BookPosition(
                instrument=instrument.id, product=product, multiplier=instrument.multiplier
            )
        return position

    def _owned_position(self, owner: str, instrument: Instrument, product: Product) -> BookPosition:
        key = (owner, instrument.id)
        position = self._owned.get(key)
        if position is None:
            position = self._owned[key] = BookPosition(
                instrument=instrument.id, product=product, multiplier=instrument.multiplier
            )
        return position

    def _lot_book(self, owner: str, instrument: Instrument) -> LotBook:
        key = (owner, instrument.id)
        if key not in self._lots:
            self._lots[key] = LotBook(owner, instrument.multiplier)
        return self._lots[key]

    def _apply_owned(self, booked: BookedFill, instrument: Instrument) -> None:
        fill, owner, charges = booked.fill, booked.owner, booked.charges
        position = self._owned_position(owner, instrument, fill.product)
        held = position.quantity
        gained = position.apply(fill.side, fill.quantity, fill.price)
        self._owner_charges[owner] = self._owner_charges.get(owner, ZERO) + charges
        self.trips += self._lot_book(owner, instrument).apply(fill, charges)
        key = (owner, instrument.id)
        earned = self._running.get(key, ZERO) + gained - charges
        if held and held * position.quantity <= 0:
            self._results.append((owner, earned))
            earned = ZERO
        self._running[key] = earned

    def _forget_external(self, name: InstrumentId) -> None:
        """Take the external fills of an instrument out, to be booked anew."""
        key = (EXTERNAL, name)
        self._owned.pop(key, None)
        self._lots.pop(key, None)
        self._running.pop(key, None)
        self.trips = [t for t in self.trips if (t.owner, t.instrument) != key]
        self._owner_charges[EXTERNAL] = sum(
            (each.charges for each in self._foreign if each.fill.instrument != name), ZERO
        )

    def _enter(
        self,
        at_ns: int,
        kind: Literal["trade", "charges", "dividend"],
        amount: Decimal,
        instrument: InstrumentId,
        reference: str,
    ) -> None:
        self.cash += amount
        self.ledger.append(
            CashEntry(
                at_ns=at_ns, kind=kind, amount=amount, instrument=instrument, reference=reference
            )
        )

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
