"""The exchange against the reference engine: the same books, trades and cash after any commands."""

import importlib.util
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import OrderType, Product, Side, Validity, Variety
from patang.domain.instrument import Instrument
from patang.simulator import Exchange, OrderRequest

_SPEC = importlib.util.spec_from_file_location(
    "reference", Path(__file__).with_name("reference.py")
)
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)

USERS = ("one", "two", "three")
CASH = Decimal(10) ** 9
TICK = Decimal("0.05")
MIDDLE, LOWER, UPPER = 2_000, 1_800, 2_200
SHARE = Instrument(exchange=ExchangeName.NSE, symbol="SHARE", token=257, tick_size=TICK)
START = 1_795_156_200_000_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND

users = st.sampled_from(USERS)
sides = st.booleans()
quantities = st.integers(1, 40)
prices = st.integers(MIDDLE - 12, MIDDLE + 12)
protections = st.sampled_from([Decimal("0.1"), Decimal("0.25"), Decimal(1)])
minutes = st.none() | st.integers(1, 3)
shares_shown = st.none() | st.integers(10, 100)
legs = st.integers(1, 4)


class Machine(RuleBasedStateMachine):
    @initialize()
    def open(self):
        self.exchange = Exchange([SHARE], {SHARE.id: TICK * MIDDLE})
        self.model = reference.Reference(MIDDLE, LOWER, UPPER)
        self.now = START
        self.trades = []
        self.exchange.on_trade = self.trades.append
        for user in USERS:
            self.exchange.open_account(user, CASH)

    # --- both sides of every command ---

    def tick(self, nanoseconds=SECOND):
        self.now += nanoseconds
        self.exchange.pass_time(self.now)
        self.model.pass_time(self.now)

    def place(self, user, is_buy, sizes, *, ticks=None, **how):
        """``sizes`` are the legs; a plain order has one."""
        self.tick()
        ttl = how.get("ttl")
        trigger, protection = how.get("trigger"), how.get("protection")
        if trigger is None:
            kind = OrderType.LIMIT if ticks is not None else OrderType.MARKET
        else:
            kind = OrderType.SL if ticks is not None else OrderType.SL_M
        validity = Validity.TTL if ttl else Validity.IOC if how.get("ioc") else Validity.DAY
        is_iceberg = len(sizes) > 1
        self.exchange.place(
            user,
            OrderRequest(
                instrument=SHARE.id,
                side=Side.BUY if is_buy else Side.SELL,
                quantity=sum(sizes),
                order_type=kind,
                product=Product.MIS,
                price=None if ticks is None else TICK * ticks,
                trigger_price=None if trigger is None else TICK * trigger,
                market_protection=protection,
                validity=validity,
                validity_ttl=ttl,
                disclosed_quantity=how.get("tranche", 0),
                variety=Variety.ICEBERG if is_iceberg else Variety.REGULAR,
                iceberg_legs=len(sizes) if is_iceberg else None,
                iceberg_quantity=sizes[0] if is_iceberg else None,
            ),
            self.now,
        )
        self.model.place(
            reference.Order(
                user,
                is_buy,
                sizes[0],
                ticks,
                trigger=trigger,
                protection=protection,
                ioc=validity is Validity.IOC,
                until=self.now + ttl * MINUTE if ttl else None,
                tranche=how.get("tranche", 0),
                legs=sizes[1:],
            )
        )

    def standing(self, number):
        """The same order on both sides, of those that still stand; None without any."""
        alive = [
            place
            for place, one in enumerate(self.model.orders)
            if one.status not in reference.ENDED
        ]
        if not alive:
            return None
        place = alive[number % len(alive)]
        return self.model.orders[place], self.orders()[place]

    def orders(self):
        """All orders in the order in which they came."""
        every = [order for user in USERS for order in self.exchange.orders(user)]
        return sorted(every, key=lambda order: int(order.order_id))

    # --- commands ---

    @rule(user=users, is_buy=sides, quantity=quantities, ticks=prices, ttl=minutes)
    def limit(self, user, is_buy, quantity, ticks, ttl):
        self.place(user, is_buy, [quantity], ticks=ticks, ttl=ttl)

    @rule(user=users, is_buy=sides, quantity=quantities, ticks=prices)
    def immediate(self, user, is_buy, quantity, ticks):
        self.place(user, is_buy, [quantity], ticks=ticks, ioc=True)

    @rule(user=users, is_buy=sides, quantity=quantities, protection=protections)
    def market(self, user, is_buy, quantity, protection):
        self.place(user, is_buy, [quantity], protection=protection)

    @rule(user=users, is_buy=sides, quantity=quantities, ticks=prices, percent=st.integers(10, 100))
    def disclosed(self, user, is_buy, quantity, ticks, percent):
        tranche = -(-quantity * percent // 100)
        self.place(user, is_buy, [quantity], ticks=ticks, tranche=tranche)

    @rule(
        user=users,
        is_buy=sides,
        size=st.integers(1, 12),
        more=st.integers(1, 3),
        last=st.integers(1, 12),
        ticks=st.none() | prices,
        ttl=minutes,
    )
    def iceberg(self, user, is_buy, size, more, last, ticks, ttl):
        sizes = [size] * more + [min(size, last)]
        protection = Decimal("0.25") if ticks is None else None
        self.place(user, is_buy, sizes, ticks=ticks, protection=protection, ttl=ttl)

    @rule(
        user=users,
        is_buy=sides,
        quantity=quantities,
        away=st.integers(1, 8),
        beyond=st.none() | st.integers(0, 5),
        more=st.integers(0, 2),
    )
    def stop(self, user, is_buy, quantity, away, beyond, more):
        sign = 1 if is_buy else -1
        trigger = self.model.last + sign * away
        if beyond is None:
            self.place(user, is_buy, [quantity], trigger=trigger, protection=Decimal("0.25"))
        else:
            sizes = [quantity] * (1 + more)
            self.place(user, is_buy, sizes, ticks=trigger + sign * beyond, trigger=trigger)

    @precondition(lambda self: self.model.orders)
    @rule(number=st.integers(0, 50))
    def cancel(self, number):
        self.tick()
        found = self.standing(number)
        if found is not None:
            model, real = found
            self.exchange.cancel(real.user_id, real.order_id, self.now)
            self.model.cancel(model)

    @precondition(lambda self: self.model.orders)
    @rule(number=st.integers(0, 50), more=st.integers(-20, 20), ticks=st.none() | prices)
    def modify(self, number, more, ticks):
        self.tick()
        found = self.standing(number)
        if found is None:
            return
        model, real = found
        quantity = max(model.quantity + more, model.quantity - model.left, 1)
        if model.tranche and model.tranche * 10 < quantity:
            return  # less than the exchange lets an order disclose
        if model in self.model.stops:
            if model.ticks is None:
                ticks = None
            elif ticks is None or (ticks - model.trigger) * (1 if model.is_buy else -1) < 0:
                ticks = model.ticks
        elif ticks is None:
            ticks = model.ticks
        self.exchange.modify(
            real.user_id,
            real.order_id,
            self.now,
            quantity=quantity,
            price=None if ticks is None else TICK * ticks,
        )
        self.model.modify(model, quantity, ticks)

    @rule(seconds=st.integers(1, 150))
    def wait(self, seconds):
        self.tick(seconds * SECOND)

    # --- what must agree ---

    @invariant()
    def books_agree(self):
        if not hasattr(self, "model"):
            return
        bids, asks = self.exchange.venue(SHARE.id).book.depth(10_000)
        assert bids == depth(self.model, is_buy=True)
        assert asks == depth(self.model, is_buy=False)
        if bids and asks:
            assert bids[0][0] < asks[0][0]
        assert self.exchange.last_price(SHARE.id) == TICK * self.model.last

    @invariant()
    def orders_agree(self):
        if not hasattr(self, "model"):
            return
        for one, order in zip(self.model.orders, self.orders(), strict=True):
            assert (order.user_id, order.side is Side.BUY) == (one.user, one.is_buy)
            assert order.status.value == one.status
            assert order.quantity == one.quantity
            assert order.filled_quantity == one.quantity - one.left
            left = one.left if one.status in ("OPEN", "TRIGGER PENDING") else 0
            assert order.pending_quantity == left

    @invariant()
    def trades_and_cash_agree(self):
        if not hasattr(self, "model"):
            return
        real = [
            (
                taker.user_id,
                maker.user_id,
                taker.side is Side.BUY,
                taker.price / TICK,
                taker.quantity,
            )
            for taker, maker in zip(self.trades[::2], self.trades[1::2], strict=True)
        ]
        assert real == self.model.trades
        for user in USERS:
            cash = self.model.cash.get(user, 0)
            assert self.exchange.funds(user).cash == CASH + TICK * cash
            held = sum(one.quantity for one in self.exchange.positions(user))
            assert held == self.model.shares.get(user, 0)
        assert sum(self.exchange.funds(user).cash for user in USERS) == CASH * len(USERS)


def depth(model, *, is_buy):
    levels = {}
    for one in model.book:
        if one.is_buy == is_buy:
            shown, count = levels.get(one.ticks, (0, 0))
            levels[one.ticks] = (shown + one.shown, count + 1)
    ordered = sorted(levels.items(), reverse=is_buy)
    return tuple((ticks, shown, count) for ticks, (shown, count) in ordered)


Machine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAgainstReference = Machine.TestCase
