"""The exchange and the broker before it: accounts, checks, books, and the life of every order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import OrderType, Product, Validity
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.charges import Charges
from patang.rules.ist import ist_date
from patang.simulator import checks
from patang.simulator.accounts.account import Account, Funds, Holding
from patang.simulator.accounts.back_office import BackOffice
from patang.simulator.accounts.conversion import Conversion
from patang.simulator.accounts.marks import Marks
from patang.simulator.accounts.position import AccountPosition
from patang.simulator.agenda import Agenda
from patang.simulator.book import Resting
from patang.simulator.desk import OrderDesk
from patang.simulator.errors import Refused, Rejection
from patang.simulator.identifiers import OrderIds
from patang.simulator.lifecycle import EXPIRED, Lifecycle
from patang.simulator.orders import OrderRequest, SimOrder, SimTrade
from patang.simulator.past_orders import PastOrder
from patang.simulator.quote import Quote
from patang.simulator.shelf import Backdrop, Venues
from patang.simulator.tape.mirror import Mirror
from patang.simulator.terms import Change
from patang.simulator.varieties.slicing import SlicedOrder
from patang.simulator.venue import Venue


class Exchange:
    """Books, accounts and orders behind one synchronous door. Times are UTC nanoseconds.

    Time never runs backwards: a command with an older time takes the newest one seen.
    ``on_order`` is called at every state that outlasts a command and ``on_trade`` at every fill of
    a user; they must not call back into the exchange.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        previous_closes: Mapping[InstrumentId, Decimal],
        *,
        worker: int = 1,
        backdrop: Backdrop | None = None,
    ) -> None:
        self.backdrop = backdrop
        """Prices of what is listed without a book, in a world that has such."""
        self.on_order: Callable[[SimOrder], None] = _ignore
        self.on_trade: Callable[[SimTrade], None] = _ignore
        self.on_time: Callable[[int], None] = _ignore
        self.on_index: Callable[[Venue, int], None] = _ignore_index
        """Called with (index, UTC ns) at each value published; it may only set timers."""
        self.now_ns = 0
        self.agenda = Agenda()
        """Timers of the exchange; each runs at its own time, before anything later happens."""
        self._is_running = False
        self._accounts: dict[str, Account] = {}
        self.marks = Marks(
            self._find,
            self.last_price,
            self.previous_close,
            lambda: self.instruments,
            lambda: self.now_ns,
        )
        """Prices and contracts, as accounts see them."""
        self.back_office = BackOffice(self._accounts, self.marks)
        """Everything of the accounts that is no order: conversions, charges, ledgers."""
        self._lifecycle = Lifecycle(
            Venues(
                (Venue(one, _previous_close(one, previous_closes)) for one in instruments),
                backdrop,
                lambda: self.now_ns,
            ),
            self._accounts,
            on_order=lambda order: self.on_order(order),
            on_trade=lambda trade: self.on_trade(trade),
        )
        self.floor = self._lifecycle.floor
        self._desk = OrderDesk(
            self._lifecycle, self._accounts, self.venue, OrderIds(worker), self.agenda
        )
        self._mirror = Mirror(self.floor)

    # --- the market -----------------------------------------------------------------------------

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Everything listed, indices too."""
        if self.backdrop is not None:
            return self.backdrop.instruments
        return tuple(venue.instrument for venue in self.floor.venues.values())

    def lists(self, instrument: InstrumentId) -> bool:
        """Whether an instrument is listed: contracts that have ended are not."""
        return self._find(instrument) is not None

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """What is listed under a name, without opening a book; raises ``Refused``."""
        found = self._find(instrument)
        if found is None:
            raise Refused("InputException", checks.UNKNOWN_INSTRUMENT)
        return found

    def venue(self, instrument: InstrumentId) -> Venue:
        """The floor's place of one instrument; its book opens now if it had none.

        Raises:
            Refused: the instrument is not listed.
        """
        try:
            return self.floor.venues[instrument]
        except KeyError:
            raise Refused("InputException", checks.UNKNOWN_INSTRUMENT) from None

    def quote(self, instrument: InstrumentId) -> Quote:
        """The full quote, stamped with the instrument's last change; raises ``Refused``."""
        backdrop = self._backdrop_of(instrument)
        if backdrop is not None:
            return backdrop.quote(instrument, self.now_ns)
        venue = self.venue(instrument)
        return venue.quote(venue.changed_ns or self.now_ns)

    def last_price(self, instrument: InstrumentId) -> Decimal:
        """Rupees; the previous close before the first trade."""
        backdrop = self._backdrop_of(instrument)
        if backdrop is not None:
            return backdrop.last_price(instrument, self.now_ns)
        return self.venue(instrument).last_price

    def previous_close(self, instrument: InstrumentId) -> Decimal:
        """The last session's close, rupees; raises ``Refused``."""
        backdrop = self._backdrop_of(instrument)
        if backdrop is not None:
            return backdrop.previous_close(instrument)
        return self.quote(instrument).close

    def closing_price(self, instrument: InstrumentId) -> Decimal:
        """Today's closing price where there is one already, else the last price; rupees."""
        backdrop = self._backdrop_of(instrument)
        if backdrop is not None:
            return backdrop.last_price(instrument, self.now_ns)
        venue = self.venue(instrument)
        return venue.price(venue.closing_ticks or venue.last_ticks)

    def take_changed(self) -> list[InstrumentId]:
        """Instruments whose quote changed since the last call, in the order they first did."""
        return self.floor.take_changed()

    @staticmethod
    def today(at_ns: int) -> date:
        """The day in India at an instant: the one whose rules hold."""
        return ist_date(at_ns)

    def pass_time(self, at_ns: int) -> int:
        """Move the clock to ``at_ns`` if that is later; return what it shows.

        Whatever is due before then, as the agenda and ``on_time`` know it, happens first.
        """
        if at_ns > self.now_ns:
            self.on_time(at_ns)
            self.run_agenda(at_ns)
            self.now_ns = max(self.now_ns, at_ns)
        return self.now_ns

    def run_agenda(self, until_ns: int) -> None:
        """Run the timers due up to and at ``until_ns``, each at its own time."""
        was_running, self._is_running = self._is_running, True
        try:
            while (entry := self.agenda.take_due(until_ns)) is not None:
                self.now_ns = max(self.now_ns, entry.due_ns)
                if entry.action is not None:
                    entry.action(self.now_ns)
        finally:
            self._is_running = was_running

    def set_index(self, instrument: InstrumentId, level: Decimal, at_ns: int) -> None:
        """Publish an index's value, in rupees (points)."""
        venue = self.venue(instrument)
        ticks = venue.instrument.to_ticks(venue.instrument.round_price(level))
        if ticks != venue.last_ticks or not venue.open_ticks:
            venue.set_last(ticks, at_ns)
            self.floor.mark(venue, at_ns)
            self.on_index(venue, at_ns)

    def mirror(
        self,
        instrument: InstrumentId,
        at_ns: int,
        *,
        last_price: Decimal | None = None,
        bids: Sequence[tuple[Decimal, int]] = (),
        asks: Sequence[tuple[Decimal, int]] = (),
    ) -> None:
        """Let the book follow an outside market: its last price, and depth as (rupees, units).

        The depth stands in the book under an agent's name, so users trade with it and with each
        other; each call replaces the one before.
        """
        at_ns = self.pass_time(at_ns)
        venue = self.venue(instrument)
        self._mirror.show(venue, at_ns, last_price=last_price, bids=bids, asks=asks)
        self._finish()

    # --- accounts -------------------------------------------------------------------------------

    def open_account(self, user_id: str, cash: Decimal, *, sells_freely: bool = True) -> None:
        """A new account with ``cash`` rupees.

        Without ``sells_freely`` a sale out of holdings needs the depository's authorisation first.

        Raises:
            InvalidValue: the id is taken or the cash negative.
        """
        if not user_id or user_id in self._accounts or user_id in self.floor.agents:
            raise InvalidValue("user_id", f"{user_id!r} is empty or taken.", "Choose another.")
        if cash < 0:
            raise InvalidValue("cash", f"{cash} is negative.", "Give zero or more.")
        self._accounts[user_id] = Account(user_id, cash, self.marks, sells_freely=sells_freely)

    def seed_holding(
        self,
        user_id: str,
        instrument: InstrumentId,
        quantity: int,
        average_price: Decimal,
        t1_quantity: int = 0,
    ) -> None:
        """Give a user shares held since before today, ``t1_quantity`` more still on their way.

        Raises:
            InvalidValue: no shares at all, or a negative number or price.
            Refused: unknown names.
        """
        self.instrument(instrument)
        holding = Holding(
            instrument=instrument,
            quantity=quantity,
            average_price=average_price,
            t1_quantity=t1_quantity,
        )
        self.back_office.give_holding(user_id, holding)

    def seed_position(
        self,
        user_id: str,
        instrument: InstrumentId,
        product: Product,
        quantity: int,
        price: Decimal,
    ) -> None:
        """Give a user a position carried in from yesterday; ``quantity`` is signed, short negative.

        Raises:
            InvalidValue: no whole lots, a negative price, or another product than NRML.
            Refused: unknown names.
        """
        self.instrument(instrument)
        self.back_office.give_position(user_id, instrument, product, quantity, price)

    def seed_order(self, user_id: str, past: PastOrder) -> tuple[SimOrder, SimTrade | None]:
        """Give a user an order of the day that is done, and its fill; nobody is told of it.

        Raises:
            Refused: unknown names.
        """
        self.instrument(past.request.instrument)
        return self._desk.past.enter(self.back_office.account(user_id), past)

    def convert(self, user_id: str, wanted: Conversion, at_ns: int) -> None:
        """Change the product of a position; raises ``Refused``."""
        at_ns = self.pass_time(at_ns)
        listed = self.instrument(wanted.instrument)
        venue = self.floor.venues.get(listed.id)
        if wanted.new_product is Product.MIS and venue is not None and venue.is_intraday_over:
            raise Refused(
                "InputException",
                "MIS (intraday) are blocked as the square-off time has passed. "
                "The position stays in its product.",
            )
        self.back_office.convert(user_id, wanted)

    def charges(self, user_id: str) -> Charges:
        """The exact charges of today's executed orders so far, unrounded, in rupees."""
        return self.back_office.charges(user_id, self.today(self.now_ns))

    def settle_accounts(self, at_ns: int) -> None:
        """Close the accounts' day: deliver, mark to the close, settle what expired, charge.

        ``at_ns`` is when the day rolls over (06:00 IST by the broker): the last trading day before
        it is closed, unless it has been. Orders and trades of the day are gone afterwards. Days
        without trading close nothing; their interest comes with the next one.
        """
        self.back_office.settle(at_ns, self.closing_price)

    def orders(self, user_id: str) -> list[SimOrder]:
        """All orders of the day, oldest first."""
        return list(self.back_office.account(user_id).orders.values())

    def order(self, user_id: str, order_id: str) -> SimOrder:
        """One order; raises ``Refused`` when the user has none of that id."""
        order = self.back_office.account(user_id).orders.get(order_id)
        if order is None:
            raise Refused("OrderException", "Couldn't find that `order_id`.")
        return order

    def trades(self, user_id: str, order_id: str | None = None) -> list[SimTrade]:
        """All fills of the day, or one order's, oldest first."""
        trades = self.back_office.account(user_id).trades
        return [one for one in trades if order_id is None or one.order_id == order_id]

    def positions(self, user_id: str) -> list[AccountPosition]:
        """One for each instrument and product traded today or carried in, flat ones too."""
        return list(self.back_office.account(user_id).positions.values())

    def holdings(self, user_id: str) -> list[Holding]:
        """Shares held since before today."""
        return self.back_office.account(user_id).holding_rows()

    def funds(self, user_id: str) -> Funds:
        """The user's money at this moment."""
        return self.back_office.account(user_id).funds()

    def user_ids(self) -> tuple[str, ...]:
        """Everyone who has an account, oldest first."""
        return tuple(self._accounts)

    # --- commands -------------------------------------------------------------------------------

    def place(self, user_id: str, request: OrderRequest, at_ns: int) -> SimOrder:
        """Check a request, make the order and trade it as far as it goes.

        Of an iceberg it is the first leg, of a cover order the entry. An order that the exchange
        or the risk desk refuses after it was taken comes back REJECTED.

        Raises:
            Refused: what Kite refuses at once; there is no order row then. Short funds and short
                holdings are refused so as well.
        """
        at_ns = self._start(user_id, at_ns)
        order = self._desk.place(user_id, request, at_ns)
        self._finish()
        return order

    def place_sliced(self, user_id: str, request: OrderRequest, at_ns: int) -> SlicedOrder:
        """Place a request in slices of at most the freeze quantity, as Kite's autoslice does.

        Raises:
            Refused: nothing of it can be placed: no such instrument, too many slices, or a single
                order was enough and is refused.
        """
        at_ns = self._start(user_id, at_ns)
        sliced = self._desk.place_sliced(user_id, request, at_ns)
        self._finish()
        return sliced

    def modify(
        self,
        user_id: str,
        order_id: str,
        at_ns: int,
        *,
        quantity: int | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        order_type: OrderType | None = None,
        validity: Validity | None = None,
        disclosed_quantity: int | None = None,
        market_protection: Decimal | None = None,
        validity_ttl: int | None = None,
        parent_order_id: str | None = None,
    ) -> SimOrder:
        """Change a resting order; what is None stays. ``quantity`` is the new total.

        A new price, type, disclosed or larger quantity loses the order's time priority, a smaller
        quantity keeps it. ``validity_ttl`` is minutes from now. ``parent_order_id`` may name the
        parent of a second leg.

        Raises:
            Refused: no such order, not resting, changed too often, or bad new terms.
        """
        order = self.order(user_id, order_id)
        at_ns = self._start(user_id, at_ns)
        change = Change(
            quantity=quantity,
            price=price,
            trigger_price=trigger_price,
            order_type=order_type,
            validity=validity,
            disclosed_quantity=disclosed_quantity,
            market_protection=market_protection,
            validity_ttl=validity_ttl,
        )
        self._desk.modify(order, change, at_ns, parent_order_id)
        self._finish()
        return order

    def cancel(
        self, user_id: str, order_id: str, at_ns: int, *, parent_order_id: str | None = None
    ) -> SimOrder:
        """Cancel what is left of an order; the stop leg of a cover order exits at the market.

        Raises:
            Refused: no such order, it is not resting, or its parent is another one.
        """
        at_ns = self.pass_time(at_ns)
        order = self.order(user_id, order_id)
        self._desk.cancel(order, at_ns, parent_order_id)
        self._finish()
        return order

    # --- what the day, the broker and the exchange do -------------------------------------------

    def expire_orders(
        self,
        instruments: Iterable[InstrumentId] | None,
        at_ns: int,
        message: str | None = EXPIRED,
    ) -> None:
        """Cancel, at nobody's request, what rests in these instruments (in all, for None).

        A DAY order ends so with its session.
        After-market orders that wait for their market stay.
        """
        at_ns = self.pass_time(at_ns)
        meant = None if instruments is None else frozenset(instruments)
        for account in self._accounts.values():
            self._desk.expire_all(list(account.working.values()), meant, at_ns, message)
        self._finish()

    def expire_order(self, order: SimOrder, at_ns: int, message: str | None = EXPIRED) -> None:
        """Cancel one working order at nobody's request; one that is done stays as it is."""
        self._desk.expire(order, self.pass_time(at_ns), message)
        self._finish()

    def release_amo(self, segment: ExchangeName, at_ns: int) -> None:
        """Send a segment's after-market orders to the exchange, oldest first.

        Where a call auction collects orders only plain ones go; the rest wait for continuous
        trading. What the day's prices or the account's funds do not allow ends REJECTED.
        """
        self._desk.release_after_market(segment, self.pass_time(at_ns))
        self._finish()

    def drop(self, venue: Venue, resting: Resting, at_ns: int, message: str | None) -> None:
        """Take any resting order out of a book at the exchange's own wish, a user's or an agent's.

        ``message`` tells a user why.
        """
        if resting.owner in self._accounts:
            order = self._accounts[resting.owner].orders[resting.order_id]
            self._desk.expire(order, at_ns, message)
        else:
            self.floor.withdraw(venue, resting, at_ns)

    def price_market_orders(self, venue: Venue, ticks: int, at_ns: int) -> None:
        """Turn what a call auction left of orders without a price into limits that keep their time.

        Source: NSE pre-open rules (unmatched market orders move on at the discovered price).
        """
        for is_buy in (True, False):
            for resting in [one for one in venue.book.orders(is_buy) if one.is_market]:
                if resting.owner in self._accounts:
                    self._lifecycle.give_price(venue, resting, ticks, at_ns)
                else:
                    venue.book.give_price(resting, ticks)
        self.floor.mark(venue, at_ns)

    def cut(self, at_ns: int) -> None:
        """Cut the broker's line to the exchange: requests are taken and stay pending.

        Orders that stand at the exchange still trade, and their fills are reported.
        """
        self.pass_time(at_ns)
        self._lifecycle.line.is_cut = True

    def mend(self, at_ns: int) -> None:
        """Mend the line: what is pending reaches the exchange now, in the order it was sent."""
        self._lifecycle.line.mend(self.pass_time(at_ns))
        self._finish()

    @property
    def is_cut(self) -> bool:
        """Whether the line to the exchange is cut."""
        return self._lifecycle.line.is_cut

    def refuse_next(
        self, user_id: str | None, error: Refused | Rejection, *, skip: int = 0
    ) -> None:
        """Let the next placement of a user (of anyone, for None) fail, after ``skip`` that do not.

        A ``Refused`` is answered at once and leaves no row; a ``Rejection`` ends the order's row.
        Each slice of a sliced order is a placement.
        """
        self._desk.refusals.add(user_id, error, skip)

    def clear_refusals(self) -> None:
        """Forget the refusals that no placement has met yet."""
        self._desk.refusals.clear()

    def roll_day(self, at_ns: int) -> None:
        """Begin a new day: the accounts are settled, and the old day's orders and trades are gone.

        Orders that still stand are cancelled; after-market orders go on waiting, unless their
        contract has ended.
        """
        today = self.today(at_ns).isoformat()
        self.expire_orders(None, at_ns)
        waiting = [
            [order for order in account.working.values() if self._desk.is_after_market(order)]
            for account in self._accounts.values()
        ]
        self._desk.begin_day()
        self.settle_accounts(at_ns)
        for order in (one for orders in waiting for one in orders):
            if (self.instrument(order.instrument).expiry or today) < today:
                self._desk.expire(order, at_ns, checks.UNKNOWN_INSTRUMENT)
        self.floor.venues.retire(self.today(at_ns))
        for account, orders in zip(self._accounts.values(), waiting, strict=True):
            kept = {order.order_id: order for order in orders if not order.status.is_done}
            account.orders.clear()
            account.trades.clear()
            account.orders.update(kept)
            for order in kept.values():
                if order.order_id not in account.working:
                    account.add_working(order)

    def _start(self, user_id: str, at_ns: int) -> int:
        """What every request begins with; return the time it happens at."""
        at_ns = self.pass_time(at_ns)
        self.back_office.account(user_id)
        return at_ns

    def _finish(self) -> None:
        """What follows at once from a command happens before the next one.

        A command that a timer gives is followed by the timers that were set before it.
        """
        if not self._is_running and self.agenda.next_ns <= self.now_ns:
            self.run_agenda(self.now_ns)

    def _find(self, instrument: InstrumentId) -> Instrument | None:
        venue = self.floor.venues.peek(instrument)
        if venue is not None:
            return venue.instrument
        return None if self.backdrop is None else self.backdrop.find(instrument)

    def _backdrop_of(self, instrument: InstrumentId) -> Backdrop | None:
        """The backdrop, where it prices this instrument now."""
        backdrop = self.backdrop
        if backdrop is None or self.floor.venues.peek(instrument) is not None:
            return None
        return None if backdrop.find(instrument) is None else backdrop


def _ignore(_: object) -> None:
    """Nobody listens."""


def _ignore_index(_index: Venue, _at_ns: int) -> None:
    """Nobody listens."""


def _previous_close(
    instrument: Instrument, previous_closes: Mapping[InstrumentId, Decimal]
) -> Decimal:
    close = previous_closes.get(instrument.id)
    if close is None or close <= 0:
        raise InvalidValue(
            "previous_closes", f"no positive close for {instrument.id}.", "Give one in rupees."
        )
    return close
