"""What the broker does beside orders: conversions, authorisations, funds, charges, settlement."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from patang.domain.enums import Product
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.money import ZERO
from patang.rules.charges import Charges
from patang.rules.ist import ist_date
from patang.rules.margins import is_derivative
from patang.simulator.accounts import conversion, costs
from patang.simulator.accounts.account import Account
from patang.simulator.accounts.conversion import Conversion
from patang.simulator.accounts.holdings import Holding
from patang.simulator.accounts.ledger import Entry
from patang.simulator.accounts.marks import Marks
from patang.simulator.accounts.position import AccountPosition, pays_in_full
from patang.simulator.day.settlement import DAY_ENDS_NS, ClosingPrice, is_trading_day, settle_day
from patang.simulator.errors import Refused

FIRST_AUCTION = 2_001


class BackOffice:
    """Everything of the accounts that is no order. Times are UTC nanoseconds, money rupees."""

    def __init__(self, accounts: Mapping[str, Account], marks: Marks) -> None:
        self._accounts = accounts
        self._marks = marks
        self._auctions: dict[InstrumentId, str] = {}
        self._settled_on: date | None = None

    def account(self, user_id: str) -> Account:
        """A user's account; raises ``Refused`` when there is none."""
        account = self._accounts.get(user_id)
        if account is None:
            raise Refused("UserException", f"There is no account {user_id!r}.")
        return account

    def convert(self, user_id: str, wanted: Conversion) -> None:
        """Change a position's product; raises ``Refused`` as ``conversion.convert`` does."""
        listed = self._marks.find(wanted.instrument)
        if listed is None:
            raise Refused("InputException", "Invalid `tradingsymbol`.")
        conversion.convert(self.account(user_id), listed, wanted)

    @property
    def auctions(self) -> Mapping[InstrumentId, str]:
        """Auction numbers of the shares that somebody owed and did not deliver yesterday."""
        return self._auctions

    def hold_auctions(self, lacking: Iterable[InstrumentId]) -> None:
        """Announce today's auctions, in place of yesterday's."""
        names = sorted(set(lacking))
        self._auctions = {name: str(FIRST_AUCTION + at) for at, name in enumerate(names)}

    # --- what an account begins with --------------------------------------------------------------

    def give_holding(self, user_id: str, holding: Holding) -> None:
        """Let a user hold shares since before today, in place of what was held of them.

        Raises:
            InvalidValue: a quantity below zero, none at all, a negative price, or no share.
        """
        if min(holding.quantity, holding.t1_quantity) < 0 or holding.is_empty:
            raise InvalidValue(
                "quantity", f"{holding.total} is below 1.", "Hold at least one share."
            )
        if holding.average_price < 0:
            raise InvalidValue("average_price", f"{holding.average_price} is negative.")
        listed = self._marks.instrument(holding.instrument)
        if is_derivative(listed) or not listed.is_tradable:
            raise InvalidValue("instrument", f"{listed.id} is not held in a demat.", "Hold shares.")
        self.account(user_id).holdings[holding.instrument] = holding

    def give_position(
        self,
        user_id: str,
        instrument: InstrumentId,
        product: Product,
        quantity: int,
        price: Decimal,
    ) -> None:
        """Let a user have carried ``quantity`` (short negative) in from yesterday, at ``price``.

        Earlier days settled it as far as they do: a future to the previous close, an option's
        premium in full.

        Raises:
            InvalidValue: no quantity, part of a lot, a negative price, or a product that is not
                carried overnight there.
        """
        listed = self._marks.instrument(instrument)
        if not quantity or quantity % listed.lot_size:
            raise InvalidValue(
                "quantity", f"{quantity} is no number of lots.", f"A lot is {listed.lot_size}."
            )
        if price < 0:
            raise InvalidValue("price", f"{price} is negative.")
        if product is not Product.NRML:
            raise InvalidValue(
                "product", f"{product} is not carried as a position.", "Use NRML, or a holding."
            )
        cost = price * quantity * listed.multiplier
        position = AccountPosition(
            instrument=instrument,
            product=product,
            multiplier=listed.multiplier,
            open_cost=cost,
            in_full=pays_in_full(listed, product),
            buy_quantity=max(quantity, 0),
            sell_quantity=max(-quantity, 0),
            buy_value=max(cost, ZERO),
            sell_value=max(-cost, ZERO),
        )
        if position.in_full:
            settled = -cost
        else:
            close = self._marks.previous_close(instrument)
            settled = close * quantity * listed.multiplier - cost
        self.account(user_id).put_position(position.carry(settled))

    def pay_in(self, user_id: str, amount: Decimal) -> None:
        """Add funds during the day; raises ``InvalidValue`` unless above zero."""
        if not amount > 0:
            raise InvalidValue("amount", f"{amount} is not above zero.")
        self.account(user_id).payin += amount

    def pay_out(self, user_id: str, amount: Decimal) -> None:
        """Withdraw funds; raises ``Refused`` when so much is not free."""
        account = self.account(user_id)
        if not amount > 0:
            raise InvalidValue("amount", f"{amount} is not above zero.")
        if amount > account.available:
            raise Refused(
                "MarginException",
                f"Insufficient funds. Required margin is {amount:.2f} but available margin is "
                f"{account.available:.2f}.",
            )
        account.payout += amount

    def grant(self, user_id: str, amount: Decimal) -> None:
        """Let the user block so much more for the rest of the day; zero takes it back."""
        if not amount >= 0:
            raise InvalidValue("amount", f"{amount} is negative.")
        self.account(user_id).adhoc_margin = amount

    def pledge(self, user_id: str, instrument: InstrumentId, quantity: int) -> None:
        """Let ``quantity`` settled shares in all serve as collateral; fewer than before releases.

        They count at the previous close less a haircut, and cannot be sold meanwhile. Each request
        costs a fee at the day's end. Source: Zerodha, charges, pledging.

        Raises:
            Refused: more than is free, or shares whose collateral is in use.
        """
        account = self.account(user_id)
        holding = account.holdings.get(instrument)
        free = 0
        if holding is not None:
            free = account.deliverable(instrument) + holding.collateral_quantity
            free = min(free, holding.quantity)
        if holding is None or not 0 <= quantity <= free:
            raise Refused("HoldingException", f"{free} of {instrument} can be pledged.")
        before = account.available
        account.holdings[instrument] = msgspec.structs.replace(
            holding, collateral_quantity=quantity
        )
        account.value_collateral()
        if account.available < min(before, ZERO):
            account.holdings[instrument] = holding
            account.value_collateral()
            raise Refused("MarginException", f"The collateral of {instrument} is in use.")
        account.pledge_requests += 1

    # --- the depository ---------------------------------------------------------------------------

    def authorise(
        self, user_id: str, quantities: Mapping[InstrumentId, int] | None, at_ns: int
    ) -> None:
        """Let the depository allow sales out of holdings: of each as many, None for all there is.

        Raises:
            Refused: more than is held.
        """
        holdings = self.account(user_id).holdings
        if quantities is None:
            quantities = {name: one.total for name, one in holdings.items() if one.total}
        for name, quantity in quantities.items():
            holding = holdings.get(name)
            if holding is None or not 0 < quantity <= holding.total:
                raise Refused(
                    "HoldingException", f"Invalid `quantity` {quantity} for authorisation."
                )
        for name, quantity in quantities.items():
            holdings[name] = msgspec.structs.replace(
                holdings[name], authorised_quantity=quantity, authorised_ns=at_ns
            )

    # --- money ------------------------------------------------------------------------------------

    def charges(self, user_id: str, on: date) -> Charges:
        """The exact charges of today's executed orders, unrounded; see ``contract_notes``."""
        return costs.order_costs(self.account(user_id), self._marks, on)

    def contract_notes(self, user_id: str, on: date) -> dict[str, Charges]:
        """Today's contract notes so far by segment, as the day's end will charge them."""
        return costs.contract_notes(self.account(user_id), self._marks, on)

    def fees(self, user_id: str, on: date) -> list[costs.Fee]:
        """Today's charges outside the contract notes so far."""
        return costs.fees(self.account(user_id), on)

    def ledger(self, user_id: str) -> tuple[Entry, ...]:
        """Everything that ever moved the account's opening balance, oldest first."""
        return tuple(self.account(user_id).ledger)

    # --- the day's end ----------------------------------------------------------------------------

    def settle(self, at_ns: int, closing_price: ClosingPrice) -> None:
        """Close the accounts' day; ``at_ns`` is when the next one begins, as ``settle_day`` says.

        The last trading day before is closed, unless it has been.
        """
        on = self._last_day_of_trading(at_ns)
        before = self._settled_on or on - timedelta(days=1)
        if on <= before:
            # A commodity may end on a day without shares, and nobody need have traded it then.
            on = self._last_expiry(ist_date(at_ns))
        if on <= before:
            return
        lacking: list[InstrumentId] = []
        for account in self._accounts.values():
            lacking += settle_day(
                account,
                self._marks,
                closing_price,
                on,
                days=(on - before).days,
                delivers=is_trading_day(on),
            )
        self.hold_auctions(lacking)
        self._settled_on = on
        self._marks.forget_contracts()

    def _last_day_of_trading(self, rolls_ns: int) -> date:
        """The last day before a roll with trading: of shares, or of whatever a user traded."""
        on = ist_date(rolls_ns - DAY_ENDS_NS - 1)
        traded_ns = [one.trades[-1].time_ns for one in self._accounts.values() if one.trades]
        earliest = ist_date(max(traded_ns)) if traded_ns else on - timedelta(days=14)
        while on > earliest and not is_trading_day(on):
            on -= timedelta(days=1)
        return on

    def _last_expiry(self, before: date) -> date:
        """The last day before ``before`` on which a contract that somebody holds has ended.

        ``date.min`` where nobody holds such a contract.
        """
        ends = [
            self._marks.instrument(position.instrument).expiry
            for account in self._accounts.values()
            for position in account.positions.values()
            if position.quantity
        ]
        ended = [end for end in ends if end is not None and end < before.isoformat()]
        return date.fromisoformat(max(ended)) if ended else date.min
