"""Whatever is asked, in whatever phase: an order or a refusal, and nothing is lost on the way."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType, OrderType, Product, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.rules.session import PhaseKind
from patang.simulator import Exchange, KiteStatus, OrderRequest, Refused
from patang.simulator.errors import Rejection

START = 1_795_156_200_000_000_000
SECOND = 1_000_000_000
CASH = Decimal(50_000_000)
USERS = ("one", "two", "three")
SHARE = Instrument(exchange=ExchangeName.NSE, symbol="SHARE", token=257, tick_size=Decimal("0.05"))
FUTURE = Instrument(
    exchange=ExchangeName.NFO,
    symbol="SHARE26NOVFUT",
    name="SHARE",
    token=514,
    tick_size=Decimal("0.05"),
    lot_size=5,
    freeze_quantity=100,
    instrument_type=InstrumentType.FUT,
    expiry="2026-11-24",
)
OPTION = Instrument(
    exchange=ExchangeName.NFO,
    symbol="SHARE26NOV100CE",
    name="SHARE",
    token=770,
    tick_size=Decimal("0.05"),
    lot_size=5,
    freeze_quantity=100,
    instrument_type=InstrumentType.CE,
    strike=Decimal(100),
    expiry="2026-11-24",
)
LISTED = (SHARE, FUTURE, OPTION)

near = st.sampled_from([Decimal(text) for text in ("99", "99.95", "100", "100.05", "101")])
amounts = near | st.sampled_from([Decimal(text) for text in ("100.03", "0", "-1", "1E+17")])
FORMS = {
    "limit": {"order_type": OrderType.LIMIT},
    "market": {"order_type": OrderType.MARKET, "price": None, "market_protection": Decimal(2)},
    "stop": {"order_type": OrderType.SL},
    "stop market": {
        "order_type": OrderType.SL_M,
        "price": None,
        "market_protection": Decimal(-1),
    },
    "immediate": {"order_type": OrderType.LIMIT, "validity": Validity.IOC},
    "minutes": {"order_type": OrderType.LIMIT, "validity": Validity.TTL, "validity_ttl": 1},
    "disclosed": {"order_type": OrderType.LIMIT, "disclosed_quantity": 20},
    "iceberg": {
        "order_type": OrderType.LIMIT,
        "variety": Variety.ICEBERG,
        "iceberg_legs": 4,
        "iceberg_quantity": 15,
    },
    "cover": {"order_type": OrderType.LIMIT, "variety": Variety.CO, "product": Product.MIS},
    "night": {"order_type": OrderType.LIMIT, "variety": Variety.AMO},
    "auction": {
        "order_type": OrderType.LIMIT,
        "variety": Variety.AUCTION,
        "auction_number": "7",
        "side": Side.SELL,
        "product": Product.CNC,
    },
}
spoilt = st.fixed_dictionaries(
    {},
    optional={
        "quantity": st.sampled_from([1, 105, 10**15, 0, -5]),
        "order_type": st.sampled_from(OrderType),
        "product": st.sampled_from(Product),
        "price": amounts,
        "trigger_price": amounts,
        "validity": st.sampled_from(Validity),
        "validity_ttl": st.sampled_from([1, 3, 0, -1, 10**12]),
        "variety": st.sampled_from(Variety),
        "market_protection": st.sampled_from([Decimal(100), Decimal(0)]),
        "disclosed_quantity": st.sampled_from([1, 10, 50, -3]),
        "iceberg_legs": st.sampled_from([2, 51, -1]),
        "iceberg_quantity": st.sampled_from([1, 30, 0]),
        "tag": st.text(max_size=25),
        "parent_order_id": st.just("1"),
    },
)


@st.composite
def requests(draw):
    """A request that could be good, but for what is spoilt in one of four."""
    instrument = draw(st.sampled_from([SHARE, SHARE, FUTURE, OPTION]))
    is_share = instrument is SHARE
    products = [Product.MIS, Product.CNC if is_share else Product.NRML]
    side, price = draw(st.sampled_from(Side)), draw(near)
    form = FORMS[draw(st.sampled_from(sorted(FORMS)))]
    away = side.sign * (-1 if form.get("variety") is Variety.CO else 1)
    fields = {
        "instrument": instrument.id,
        "side": side,
        "quantity": 60,
        "product": draw(st.sampled_from(products)),
        "price": price,
        "trigger_price": Decimal(100) + away * draw(st.sampled_from([1, 2])),
        "tag": "mine",
    }
    if form["order_type"] is OrderType.SL:
        fields["price"] = fields["trigger_price"] + side.sign
    fields |= form
    return fields | draw(spoilt) if draw(st.integers(0, 3)) == 0 else fields


places = st.tuples(st.just("place"), st.sampled_from(USERS), requests())
slices = st.tuples(st.just("slice"), st.sampled_from(USERS), requests())
changes = st.fixed_dictionaries(
    {},
    optional={
        "quantity": st.sampled_from([1, 5, 20, 0, -1]),
        "price": amounts,
        "trigger_price": amounts,
        "order_type": st.sampled_from(OrderType),
        "validity": st.sampled_from(Validity),
        "validity_ttl": st.sampled_from([1, 2]),
        "disclosed_quantity": st.sampled_from([1, 10]),
        "market_protection": st.sampled_from([Decimal(-1), Decimal(1)]),
    },
)
modifies = st.tuples(st.just("modify"), st.integers(0, 30), changes)
cancels = st.tuples(st.just("cancel"), st.integers(0, 30))
phases = st.tuples(
    st.just("phase"), st.sampled_from([None, *[PhaseKind.CONTINUOUS] * 8, *PhaseKind])
)
others = st.sampled_from([("cut",), ("mend",), ("wait",), ("refuse",), ("release",)])
scripts = st.lists(
    st.one_of(*[places] * 12, slices, modifies, modifies, cancels, phases, others),
    min_size=10,
    max_size=40,
)


class World:
    def __init__(self):
        self.now = START
        self.exchange = Exchange(LISTED, {one.id: Decimal(100) for one in LISTED})
        for user in USERS:
            self.exchange.open_account(user, CASH)
        for user in USERS[:2]:
            self.exchange.seed_holding(user, SHARE.id, 200, Decimal(90))

    def orders(self):
        return [order for user in USERS for order in self.exchange.orders(user)]

    def do(self, step):
        exchange = self.exchange
        self.now += SECOND
        match step:
            case ("place", user, fields):
                exchange.place(user, OrderRequest(**fields), self.now)
            case ("slice", user, fields):
                exchange.place_sliced(user, OrderRequest(autoslice=True, **fields), self.now)
            case ("modify", number, fields):
                order = self.pick(number)
                if order is not None:
                    exchange.modify(order.user_id, order.order_id, self.now, **fields)
            case ("cancel", number):
                order = self.pick(number)
                if order is not None:
                    exchange.cancel(order.user_id, order.order_id, self.now)
            case ("phase", kind):
                for one in LISTED:
                    venue = exchange.venue(one.id)
                    venue.closing_ticks = venue.last_ticks
                    if venue.collects and kind is PhaseKind.CONTINUOUS:
                        # No auction was held: everybody starts again.
                        exchange.expire_orders([one.id], self.now)
                    venue.phase = kind
            case ("cut",):
                exchange.cut(self.now)
            case ("mend",):
                exchange.mend(self.now)
            case ("wait",):
                self.now += 90 * SECOND
                exchange.pass_time(self.now)
            case ("refuse",):
                exchange.refuse_next(None, Rejection("No.", "RMS:No.", "broker"))
            case ("release",):
                exchange.release_amo(ExchangeName.NSE, self.now)

    def pick(self, number):
        orders = self.orders()
        return orders[number % len(orders)] if orders else None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts)
def test_any_requests_leave_orders_money_and_shares_whole(script):
    world = World()
    for step in script:
        with suppress(Refused, InvalidValue):
            world.do(step)
        check_orders(world)
    exchange = world.exchange
    exchange.mend(world.now + 1)
    exchange.expire_orders(None, world.now + 2)
    for order in world.orders():
        assert order.status.is_done or order.status is KiteStatus.AMO_REQ_RECEIVED
    for one in LISTED:
        venue = exchange.venue(one.id)
        assert len(venue.book) == 0
        assert venue.resting == {}
        assert sum(held(exchange, user, one.id) for user in USERS) == 0
    assert sum(exchange.funds(user).cash for user in USERS) == CASH * len(USERS)


def check_orders(world):
    for order in world.orders():
        parts = order.filled_quantity + order.pending_quantity + order.cancelled_quantity
        assert parts == (0 if order.status is KiteStatus.REJECTED else order.quantity)
        assert order.history[-1].status is order.status
        trades = world.exchange.trades(order.user_id, order.order_id)
        assert order.filled_quantity == sum(one.quantity for one in trades)
        assert order.filled_value == sum(one.price * one.quantity for one in trades)
        resting = world.exchange.venue(order.instrument).resting.get(order.order_id)
        if resting is not None:
            assert resting.left == order.pending_quantity
            assert not order.status.is_done


def held(exchange, user, instrument):
    return sum(one.quantity for one in exchange.positions(user) if one.instrument == instrument)
