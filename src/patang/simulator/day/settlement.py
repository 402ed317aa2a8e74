"""The end of an account's day: what is delivered, marked, expired and charged.

In this order: trades are posted; contracts that expire are settled (indices, currencies and
commodities in cash, single stocks in shares); positions left in MIS are taken over into CNC or
NRML; futures are marked to the close; contract notes, fees and interest are charged; shares are
delivered.

Simplifications: shares that were sold and cannot be delivered are closed out in cash at the close,
without an auction; a commodity option is settled in cash instead of becoming a future; settlement
in shares carries transaction tax but no brokerage. Source: india-market reference, margins,
square-off and P&L; NSE Clearing, settlement.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from patang.domain.enums import InstrumentType, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.domain.money import ZERO, to_paisa, to_rupee
from patang.rules.calendar import Calendar, OutsideCalendar
from patang.rules.charge_table import RateUnknown
from patang.rules.charges import Charges, exercise_tax, fee_with_gst, mtf_interest
from patang.rules.ist import at_ist
from patang.rules.margins import Kind, cash_rate, is_derivative, kind_of
from patang.simulator.accounts.account import Account
from patang.simulator.accounts.costs import Fee, contract_notes, delivery_tax, fees
from patang.simulator.accounts.holdings import Funded, Holding
from patang.simulator.accounts.ledger import Entry, EntryKind
from patang.simulator.accounts.marks import Marks
from patang.simulator.accounts.position import AccountPosition

DAY_ENDS_NS = 6 * 3_600 * NS_PER_SECOND
"""The broker's day ends at 06:00 IST of the next. Source: Kite Connect v3, sessions."""

_SATURDAY = 5

AUTHORISED_UNTIL = (17, 30)
"""An authorisation given after this time of day is for the next. Source: Kite, holdings."""

T = TypeVar("T")

ClosingPrice = Callable[[InstrumentId], Decimal]


def settle_day(
    account: Account,
    marks: Marks,
    closing_price: ClosingPrice,
    on: date,
    *,
    days: int,
    delivers: bool = True,
) -> dict[InstrumentId, int]:
    """Close the day ``on`` of an account, ``days`` calendar days after the one closed before.

    Returns the shares it owed and could not deliver.

    Afterwards its orders and trades are empty and its positions those carried over. The ledger
    says why the balance moved. ``delivers`` is false on a day without settlement of shares: what
    is on its way then stays so.
    """
    settlement = _Settlement(account, marks, closing_price, on, delivers=delivers)
    settlement.run(days)
    return settlement.lacking


def is_trading_day(on: date) -> bool:
    """Whether shares trade and settle on a day; weekdays do, where no calendar knows better."""
    try:
        return Calendar.load("NSE").session(on) is not None
    except OutsideCalendar:
        return on.weekday() < _SATURDAY


class _Settlement:
    def __init__(
        self,
        account: Account,
        marks: Marks,
        closing_price: ClosingPrice,
        on: date,
        *,
        delivers: bool,
    ) -> None:
        self._delivers = delivers
        self._account = account
        self._marks = marks
        self._closing_price = closing_price
        self._on = on
        self._next = max(on + timedelta(days=1), marks.today)
        """The day that begins: contracts that end before it are not listed any more."""
        self._evening_ns = at_ist(on, *AUTHORISED_UNTIL)
        self._carried: list[AccountPosition] = []
        self._tax = ZERO
        self.lacking: dict[InstrumentId, int] = {}
        self._bought: dict[InstrumentId, tuple[int, Decimal]] = {}
        """Shares to come and what was paid for them, rupees."""
        self._funded: dict[InstrumentId, tuple[int, Decimal]] = {}
        self._owed: dict[InstrumentId, int] = {}
        """Shares to go."""

    def run(self, days: int) -> None:
        account, on = self._account, self._on
        no_notes: dict[str, Charges] = {}
        no_fees: list[Fee] = []
        costs = self._known(lambda: contract_notes(account, self._marks, on), no_notes)
        charged = self._known(lambda: fees(account, on), no_fees)
        if account.payin:
            self._note(EntryKind.PAYIN, account.payin, "Funds added")
        if account.payout:
            self._note(EntryKind.PAYOUT, -account.payout, "Funds withdrawn")
        self._charge_interest(days)
        for position in account.positions.values():
            self._close(position)
        for name, note in costs.items():
            self._post(EntryKind.CONTRACT_NOTE, -note.total, f"Contract note, {name}")
        for fee in charged:
            self._post(EntryKind(fee.name), -fee.amount, fee.text)
        if self._tax:
            self._post(EntryKind.DELIVERY_TAX, -to_rupee(self._tax), "STT at expiry")
        self._deliver()
        account.begin_day(self._carried)
        account.value_collateral(self._closing_price)

    # --- positions --------------------------------------------------------------------------------

    def _close(self, position: AccountPosition) -> None:
        instrument = self._marks.instrument(position.instrument)
        if is_derivative(instrument):
            if instrument.expiry is not None and instrument.expiry < self._next.isoformat():
                self._expire(position, instrument)
            else:
                self._carry(position, instrument)
        elif position.product is Product.MTF:
            self._close_funded(position)
        else:
            self._close_shares(position)

    def _close_shares(self, position: AccountPosition) -> None:
        """Delivery; what is left in MIS is delivered too."""
        held, cost = position.quantity, position.open_cost
        name = position.instrument
        self._post(EntryKind.TRADES, position.realised - cost, f"{name} {position.product}")
        if held > 0:
            self._receive(name, held, cost)
        elif held < 0:
            self._owe(name, -held)

    def _close_funded(self, position: AccountPosition) -> None:
        held, cost, name = position.quantity, position.open_cost, position.instrument
        self._post(EntryKind.TRADES, position.realised, f"{name} MTF")
        if held > 0:
            margin = to_paisa(cost * cash_rate(Product.MTF, self._on))
            self._post(EntryKind.TRADES, -margin, f"{name} MTF margin")
            quantity, value = self._funded.get(name, (0, ZERO))
            self._funded[name] = (quantity + held, value + cost)
            self._post(EntryKind.PLEDGE, -self._fee("mtf_pledge"), f"Pledge of {name}")
        elif held < 0:
            holding = self._account.holdings[name]
            funded = holding.funded
            value = funded.value * -held / funded.quantity
            margin = funded.margin * -held / funded.quantity
            loan = value - margin
            self._post(EntryKind.TRADES, -cost - loan, f"{name} MTF sale less the loan")
            self._post(EntryKind.PLEDGE, -self._fee("mtf_pledge"), f"Unpledge of {name}")
            left = msgspec.structs.replace(
                funded,
                quantity=funded.quantity + held,
                value=funded.value - value,
                margin=funded.margin - margin,
            )
            self._account.holdings[name] = msgspec.structs.replace(holding, funded=left)

    def _carry(self, position: AccountPosition, instrument: Instrument) -> None:
        """A future is marked to the close, an option's premium is paid; MIS becomes NRML."""
        name = instrument.id
        self._post(EntryKind.TRADES, position.booked, f"{name} {position.product}")
        if position.in_full:
            settled = -position.open_cost
        else:
            settled = self._value(position, self._closing_price(name)) - position.open_cost
            self._post(EntryKind.MARK_TO_MARKET, settled - position.settled, f"{name} to the close")
        if position.quantity:
            carried = position.carry(settled)
            carried.product = Product.NRML
            before = next((one for one in self._carried if one.instrument == name), None)
            if before is None:
                self._carried.append(carried)
            else:
                carried.move(before, abs(carried.quantity), overnight=True)
                if not before.quantity:
                    self._carried.remove(before)

    def _expire(self, position: AccountPosition, instrument: Instrument) -> None:
        """The last settlement of a contract."""
        self._post(EntryKind.TRADES, position.booked, f"{instrument.id} {position.product}")
        if not position.quantity:
            return
        final = self._marks.underlying_price(instrument, self._closing_price)
        if kind_of(instrument) is Kind.STOCK:
            share = self._marks.underlying(instrument)
            if share is not None and not is_derivative(self._marks.instrument(share)):
                self._settle_in_shares(position, instrument, self._marks.instrument(share), final)
                return
        if instrument.instrument_type is InstrumentType.FUT:
            profit = self._value(position, final) - position.open_cost - position.settled
        else:
            intrinsic = _intrinsic(instrument, final)
            profit = self._value(position, intrinsic)
            if position.quantity > 0 and intrinsic:
                taxed = profit
                self._tax += self._known(lambda: exercise_tax(instrument, taxed, self._on), ZERO)
        self._post(EntryKind.EXPIRY, profit, f"{instrument.id} settled in cash at {final}")

    def _settle_in_shares(
        self, position: AccountPosition, contract: Instrument, share: Instrument, final: Decimal
    ) -> None:
        """Shares change hands: at the final price, or at the strike of an exercised option."""
        units = position.quantity * contract.multiplier
        price = final
        if contract.instrument_type is InstrumentType.FUT:
            profit = self._value(position, final) - position.open_cost - position.settled
            self._post(EntryKind.EXPIRY, profit, f"{contract.id} to the final price {final}")
        else:
            if not _intrinsic(contract, final):
                return
            price = contract.strike or ZERO
            if contract.instrument_type is InstrumentType.PE:
                units = -units
        side = Side.BUY if units > 0 else Side.SELL
        quantity, paid = abs(units), price
        self._tax += self._known(lambda: delivery_tax(share, side, quantity, paid, self._on), ZERO)
        self._post(EntryKind.EXPIRY, -units * price, f"{contract.id} settled in shares at {price}")
        if units > 0:
            self._receive(share.id, units, units * price)
        else:
            self._owe(share.id, -units)

    # --- shares -----------------------------------------------------------------------------------

    def _receive(self, name: InstrumentId, quantity: int, cost: Decimal) -> None:
        before, paid = self._bought.get(name, (0, ZERO))
        self._bought[name] = (before + quantity, paid + cost)

    def _owe(self, name: InstrumentId, quantity: int) -> None:
        self._owed[name] = self._owed.get(name, 0) + quantity

    def _hand_over(self, name: InstrumentId, quantity: int) -> None:
        """Give shares from the demat, then from what comes today; close out what is lacking."""
        holding = self._account.holdings.get(name)
        given = min(quantity, holding.total) if holding else 0
        if holding and given:
            self._account.holdings[name] = holding.sold(given)
        lacking = quantity - given
        coming, paid = self._bought.get(name, (0, ZERO))
        passed_on = min(lacking, coming)
        if passed_on:
            self._bought[name] = (coming - passed_on, paid - paid * passed_on / coming)
            lacking -= passed_on
        if lacking:
            self.lacking[name] = lacking
            price = self._closing_price(name)
            self._post(EntryKind.CLOSE_OUT, -price * lacking, f"{lacking} {name} not delivered")

    def _deliver(self) -> None:
        """What was on its way arrives, and what was bought today sets out."""
        for name, quantity in self._owed.items():
            self._hand_over(name, quantity)
        holdings = self._account.holdings
        for name, holding in list(holdings.items()) if self._delivers else ():
            holdings[name] = holding.arrived(self._evening_ns)
        for name, (quantity, cost) in self._bought.items():
            if quantity:
                holdings[name] = self._holding(name).bought(quantity, cost)
        for name, (quantity, value) in self._funded.items():
            holding = self._holding(name)
            before = holding.funded
            funded = Funded(
                quantity=before.quantity + quantity,
                value=before.value + value,
                margin=before.margin + to_paisa(value * cash_rate(Product.MTF, self._on)),
            )
            holdings[name] = msgspec.structs.replace(holding, funded=funded)
        for name in [name for name, one in holdings.items() if one.is_empty]:
            del holdings[name]

    def _holding(self, name: InstrumentId) -> Holding:
        known = self._account.holdings.get(name)
        return known or Holding(instrument=name, quantity=0, average_price=ZERO)

    # --- money ------------------------------------------------------------------------------------

    def _charge_interest(self, days: int) -> None:
        """Interest on what the broker lent before today. Source: Zerodha, MTF interest."""
        loans = sum((one.funded.loan for one in self._account.holdings.values()), ZERO)
        if loans and days > 0:
            interest = to_paisa(self._known(lambda: mtf_interest(loans, days, self._on), ZERO))
            self._post(EntryKind.INTEREST, -interest, f"MTF interest for {days} days")

    def _fee(self, name: str) -> Decimal:
        return to_paisa(self._known(lambda: fee_with_gst(name, self._on), ZERO))

    def _known(self, charge: Callable[[], T], nothing: T) -> T:
        """A charge; ``nothing``, and a row that says so, on a day before the rates are known."""
        try:
            return charge()
        except RateUnknown as unknown:
            text = f"Nothing charged: {unknown.cause}"
            self._note(EntryKind.CONTRACT_NOTE, ZERO, text)
            return nothing

    @staticmethod
    def _value(position: AccountPosition, price: Decimal) -> Decimal:
        return price * position.quantity * position.multiplier

    def _post(self, kind: EntryKind, amount: Decimal, text: str) -> None:
        if amount:
            self._note(kind, amount, text)

    def _note(self, kind: EntryKind, amount: Decimal, text: str) -> None:
        self._account.post(Entry(on=self._on, kind=kind, amount=amount, text=text))


def _intrinsic(option: Instrument, final: Decimal) -> Decimal:
    """Rupees a unit is worth when it is exercised."""
    gain = final - (option.strike or ZERO)
    return max(gain if option.instrument_type is InstrumentType.CE else -gain, ZERO)
