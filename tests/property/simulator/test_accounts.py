"""Laws of accounts over several days: nothing is lost, and the running totals are right."""

from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal as D
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Product, Side
from patang.domain.money import to_paisa
from patang.rules.calendar import Calendar
from patang.rules.margins import is_derivative
from patang.simulator import Refused
from patang.simulator.accounts.conversion import Conversion
from tests.money_house import (
    CALL,
    CLOSES,
    FUTURE,
    GOLD,
    INFY,
    NEXT_FUTURE,
    NIFTY,
    PUT,
    SBIN,
    SHARE_CALL,
    SHARE_FUTURE,
    SHARE_PUT,
    THURSDAY,
    House,
)

USERS = ("buyer", "seller", "third")
OPENING = D(10_000_000)
SHARES = (INFY, SBIN)
CONTRACTS = (FUTURE, NEXT_FUTURE, CALL, PUT, SHARE_FUTURE, SHARE_CALL, SHARE_PUT, GOLD)
NAMES = (*SHARES, *CONTRACTS)
RATES = {Product.CNC: D(1), Product.MIS: D("0.2")}
# What moves between users; the rest leaves them (charges) or the clearing house settles.
BETWEEN_USERS = ("trades", "mark_to_market", "expiry")


def command_of(source: Random) -> dict:
    """One thing that a user, the market or the night does; trades are the most common."""
    kinds = ("trade", "order", "cancel", "modify", "mark", "convert", "night")
    buyer, seller = source.sample(USERS, 2)
    return {
        "do": source.choices(kinds, (12, 6, 2, 2, 4, 3, 2))[0],
        "user": buyer,
        "pair": (buyer, seller),
        "name": source.choice(NAMES),
        "marked": source.choice((*NAMES, NIFTY)),
        "side": source.choice(list(Side)),
        "lots": source.randint(1, 4),
        "ticks": source.randint(-6, 6),
        "permille": source.randint(-30, 30),
        "number": source.randint(0, 4),
        "intraday": (source.random() < 0.4, source.random() < 0.4),
    }


def script_of(seed: int, length: int) -> list[dict]:
    source = Random(seed)
    return [command_of(source) for _ in range(length)]


# Long scripts find more than short ones that shrink well.
scripts = st.builds(script_of, st.integers(0, 1 << 32), st.integers(10, 120))


class Days:
    """A house that several users trade in for some days."""

    def __init__(self) -> None:
        self.house = House()
        self.today = THURSDAY
        self.exchange = self.house.exchange
        self.exchange.open_account("third", OPENING)
        for user in USERS:
            self.exchange.seed_holding(user, SBIN, 300, D(800))

    def perform(self, command) -> None:
        with suppress(Refused):
            getattr(self, command["do"])(command)

    def trade(self, command) -> None:
        """One sells to the other, each under a product of its own."""
        buyer, seller = command["pair"]
        for_seller, for_buyer = command["intraday"]
        self.order({**command, "user": seller, "side": Side.SELL, "intraday": (for_seller,)})
        self.order({**command, "user": buyer, "side": Side.BUY, "intraday": (for_buyer,)})

    def order(self, command) -> None:
        instrument = self.exchange.instrument(command["name"])
        carried = Product.NRML if is_derivative(instrument) else Product.CNC
        price = D(CLOSES[command["name"]]) + command["ticks"] * instrument.tick_size * 10
        self.house.order(
            command["user"],
            command["side"],
            command["name"],
            command["lots"] * max(instrument.lot_size, 10 if carried is Product.CNC else 1),
            str(price),
            Product.MIS if command["intraday"][0] else carried,
        )

    def _working(self, command):
        working = [one for one in self.exchange.orders(command["user"]) if one.status.is_resting]
        return working[command["number"]] if command["number"] < len(working) else None

    def cancel(self, command) -> None:
        order = self._working(command)
        if order is not None:
            self.exchange.cancel(command["user"], order.order_id, self.house.now_ns)

    def modify(self, command) -> None:
        order = self._working(command)
        if order is not None:
            lot = self.exchange.instrument(order.instrument).lot_size
            self.exchange.modify(
                command["user"],
                order.order_id,
                self.house.now_ns,
                quantity=command["lots"] * lot,
            )

    def mark(self, command) -> None:
        name = command["marked"]
        price = D(CLOSES[name]) * (1 + D(command["permille"]) / 1000)
        self.house.mark(name, str(self.exchange.instrument(name).round_price(price)))

    def convert(self, command) -> None:
        positions = [one for one in self.exchange.positions(command["user"]) if one.quantity]
        if command["number"] >= len(positions):
            return
        one = positions[command["number"]]
        is_contract = is_derivative(self.exchange.instrument(one.instrument))
        carried = Product.NRML if is_contract else Product.CNC
        wanted = Conversion(
            instrument=one.instrument,
            side=Side.BUY if one.quantity > 0 else Side.SELL,
            quantity=abs(one.quantity),
            old_product=one.product,
            new_product=carried if one.product is Product.MIS else Product.MIS,
            overnight=one.overnight_quantity == one.quantity,
        )
        self.exchange.convert(command["user"], wanted, self.house.now_ns)

    def night(self, _command=None) -> None:
        for user in USERS:
            for order in self.exchange.orders(user):
                if order.status.is_resting:
                    self.exchange.cancel(user, order.order_id, self.house.now_ns)
        self.house.end_day(self.today)
        self.today = next_session(self.today)
        self.house.begin_day(self.today)


def next_session(day: date) -> date:
    calendar = Calendar.load("NSE")
    day += timedelta(days=1)
    while calendar.session(day) is None:
        day += timedelta(days=1)
    return day


def run(script) -> Days:
    days = Days()
    for command in script:
        days.perform(command)
    return days


def blocked_by_shares(days: Days, user: str) -> D:
    """The obvious sum over all positions and working orders, first placed first served."""
    blocked = D(0)
    closable = {}
    for one in days.exchange.positions(user):
        if is_derivative(days.exchange.instrument(one.instrument)):
            continue
        closable[one.instrument, one.product] = one.quantity
        if one.product is Product.MIS:
            blocked += abs(one.open_cost) * RATES[Product.MIS]
        else:
            blocked += max(one.open_cost, D(0))
    left = {key: abs(quantity) for key, quantity in closable.items()}
    for order in days.exchange.orders(user):
        key = (order.instrument, order.product)
        if order.status.is_done or is_derivative(days.exchange.instrument(order.instrument)):
            continue
        opening = order.pending_quantity
        if closable.get(key, 0) * order.side.sign < 0:
            closing = min(left[key], opening)
            left[key] -= closing
            opening -= closing
        if order.side is Side.SELL and order.product is Product.CNC:
            continue
        account = days.exchange.back_office.account(user)
        pledges = account.slot(*key).side(order.side)
        blocked += opening * pledges.by_order[order.order_id].price * RATES[order.product]
    return blocked


@settings(max_examples=40, deadline=None)
@given(scripts)
def test_the_running_totals_are_those_of_an_obvious_sum(script):
    days = run(script)
    for user in USERS:
        account = days.exchange.back_office.account(user)
        funds = days.exchange.funds(user)
        contract_orders = sum(
            (
                slot.buys.blocked + slot.sells.blocked
                for key in {(one.instrument, one.product) for one in days.exchange.orders(user)}
                if (slot := account.slot(*key)).rate is None
            ),
            D(0),
        )
        premiums = sum(
            (
                one.open_cost + one.settled_before
                for one in days.exchange.positions(user)
                if one.in_full and is_derivative(days.exchange.instrument(one.instrument))
            ),
            D(0),
        )
        blocked = blocked_by_shares(days, user) + contract_orders + premiums
        # Span and exposure were scanned at the prices of their last trade; the rest is exact.
        assert abs(funds.margin_used - funds.span - funds.exposure - blocked) <= D("0.01")
        if not account.all_legs():
            assert funds.span == funds.exposure == 0
        parts = funds.opening + funds.realised + funds.holding_sales - funds.delivery
        assert abs(funds.available - (parts - funds.margin_used)) <= D("0.02")


@settings(max_examples=40, deadline=None)
@given(scripts)
def test_money_only_moves_between_users_or_leaves_as_a_charge(script):
    days = run(script)
    for _ in range(4):  # past the expiry of November and the settlement of what it delivered
        days.night()
    moved = charged = closed_out = D(0)
    for user in USERS:
        entries = days.exchange.back_office.ledger(user)
        assert days.exchange.funds(user).opening == to_paisa(
            OPENING + sum((one.amount for one in entries), D(0))
        )
        for entry in entries:
            if entry.kind in BETWEEN_USERS:
                moved += entry.amount
            elif entry.kind == "close_out":
                closed_out += entry.amount
            else:
                charged += entry.amount
                assert entry.amount == to_paisa(entry.amount) <= 0
    assert abs(moved) < D("0.000001")
    assert closed_out <= 0


@settings(max_examples=40, deadline=None)
@given(scripts)
def test_shares_are_neither_made_nor_lost(script):
    days = run(script)
    for _ in range(4):
        days.night()
    for share in SHARES:
        held = sum(
            one.total
            for user in USERS
            for one in days.exchange.holdings(user)
            if one.instrument == share
        )
        closed_out = sum(
            int(entry.text.split()[0])
            for user in USERS
            for entry in days.exchange.back_office.ledger(user)
            if entry.kind == "close_out" and str(share) in entry.text
        )
        seeded = 900 if share == SBIN else 0
        # What was not delivered the clearing house bought elsewhere.
        assert held == seeded + closed_out
    for user in USERS:
        assert all(
            one.product is Product.NRML and one.quantity for one in days.exchange.positions(user)
        )
