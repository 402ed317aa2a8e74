"""Laws of the exchange that hold after any commands whatever."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import OrderType, Product, Side, Validity, Variety
from patang.domain.instrument import InstrumentId
from patang.simulator import KiteStatus, OrderRequest, Refused, default_market

SECOND = 1_000_000_000
START = int(datetime(2026, 11, 20, 4, 0, tzinfo=UTC).timestamp()) * SECOND
INFY, SBIN = InstrumentId("NSE:INFY"), InstrumentId("NSE:SBIN")
USERS = ("one", "two")
CASH = Decimal(20_000_000)

places = st.fixed_dictionaries(
    {
        "do": st.just("place"),
        "user": st.sampled_from(USERS),
        "instrument": st.sampled_from([INFY, SBIN]),
        "side": st.sampled_from(Side),
        "quantity": st.integers(1, 3_000),
        "offset": st.integers(-40, 40),
        "order_type": st.sampled_from(OrderType),
        "product": st.sampled_from([Product.MIS, Product.CNC]),
        "shape": st.sampled_from(["day", "ioc", "minute", "iceberg", "disclosed", "cover"]),
    }
)
modifies = st.fixed_dictionaries(
    {
        "do": st.just("modify"),
        "user": st.sampled_from(USERS),
        "number": st.integers(0, 10),
        "quantity": st.none() | st.integers(1, 3_000),
        "offset": st.none() | st.integers(-40, 40),
    }
)
cancels = st.fixed_dictionaries(
    {"do": st.just("cancel"), "user": st.sampled_from(USERS), "number": st.integers(0, 10)}
)
waits = st.fixed_dictionaries({"do": st.just("wait"), "millis": st.integers(1, 5_000)})
commands = st.lists(st.one_of(places, places, modifies, cancels, waits), max_size=25)


def near(exchange, instrument, offset):
    venue = exchange.venue(instrument)
    return venue.price(venue.clamp(venue.last_ticks + offset))


def shaped(shape, quantity):
    """What makes an order of ``quantity`` units one of a special kind."""
    match shape:
        case "ioc":
            return {"validity": Validity.IOC}
        case "minute":
            return {"validity": Validity.TTL, "validity_ttl": 1}
        case "iceberg":
            size = -(-quantity // 3)
            return {"variety": Variety.ICEBERG, "iceberg_legs": 3, "iceberg_quantity": size}
        case "disclosed":
            return {"disclosed_quantity": -(-quantity // 5)}
        case "cover":
            return {"variety": Variety.CO}
        case _:
            return {}


def perform(exchange, command, at_ns):
    user = command["user"]
    if command["do"] == "place":
        instrument, offset = command["instrument"], command["offset"]
        exchange.place(
            user,
            OrderRequest(
                instrument=instrument,
                side=command["side"],
                quantity=command["quantity"],
                order_type=command["order_type"],
                product=command["product"] if command["shape"] != "cover" else Product.MIS,
                price=near(exchange, instrument, offset + 2 * command["side"].sign),
                trigger_price=near(exchange, instrument, offset),
                market_protection=Decimal(-1),
                **shaped(command["shape"], command["quantity"]),
            ),
            at_ns,
        )
        return
    orders = exchange.orders(user)
    if command["number"] >= len(orders):
        return
    order = orders[command["number"]]
    if command["do"] == "cancel":
        exchange.cancel(user, order.order_id, at_ns)
        return
    offset = command["offset"]
    price = None if offset is None else near(exchange, order.instrument, offset)
    exchange.modify(user, order.order_id, at_ns, quantity=command["quantity"], price=price)


def run(script, seed=11):
    market = default_market(seed, START)
    exchange = market.exchange
    for user in USERS:
        exchange.open_account(user, CASH)
    exchange.seed_holding("one", SBIN, 500, Decimal(700))
    at_ns = START
    for command in script:
        if command["do"] == "wait":
            at_ns += command["millis"] * 1_000_000
            market.advance(at_ns)
            continue
        at_ns += 50_000_000
        with suppress(Refused):
            perform(exchange, command, at_ns)
    market.advance(at_ns + 2 * SECOND)
    return market


@settings(max_examples=50, deadline=None)
@given(commands)
def test_shares_and_cash_are_conserved_over_users_and_agents(script):
    exchange = run(script).exchange
    floor = exchange.floor
    total_cash = sum((exchange.funds(user).cash for user in USERS), Decimal(0))
    for name, venue in floor.venues.items():
        agents = [floor.agents[one] for one, at in floor.agent_instruments.items() if at == name]
        held = sum(
            one.quantity
            for user in USERS
            for one in exchange.positions(user)
            if one.instrument == name
        )
        assert held + sum(one.shares for one in agents) == 0
        total_cash += venue.price(1) * sum(one.cash_ticks for one in agents)
    assert total_cash == CASH * len(USERS)


@settings(max_examples=50, deadline=None)
@given(commands)
def test_orders_trades_and_books_agree(script):
    exchange = run(script).exchange
    for user in USERS:
        for order in exchange.orders(user):
            trades = exchange.trades(user, order.order_id)
            filled = sum(one.quantity for one in trades)
            assert order.filled_quantity == filled
            assert order.filled_value == sum(
                (one.price * one.quantity for one in trades), Decimal(0)
            )
            parts = order.filled_quantity + order.pending_quantity + order.cancelled_quantity
            assert order.quantity == parts
            assert order.status.is_done or order.status.is_resting
            assert (order.pending_quantity > 0) == order.status.is_resting
            assert order.history[-1].status is order.status
            resting = exchange.venue(order.instrument).resting.get(order.order_id)
            if order.status is KiteStatus.OPEN:
                assert resting is not None
                assert resting.left == order.pending_quantity
            else:
                assert resting is None
            if order.order_type in (OrderType.LIMIT, OrderType.SL):
                assert all(
                    (one.price - order.price) * order.side.sign <= 0
                    for one in trades
                    if not order.is_modified
                )
    for venue in exchange.floor.venues.values():
        bid, ask = venue.book.best_bid, venue.book.best_ask
        assert bid is None or ask is None or bid < ask


@settings(max_examples=50, deadline=None)
@given(commands)
def test_without_working_orders_only_open_positions_block_margin(script):
    market = run(script)
    exchange = market.exchange
    for user in USERS:
        for order in exchange.orders(user):
            if order.status.is_resting:
                exchange.cancel(user, order.order_id, market.now_ns)
        blocked = Decimal(0)
        for one in exchange.positions(user):
            if one.product is Product.MIS:
                blocked += abs(one.open_cost) / 5
            elif one.quantity > 0:
                blocked += one.open_cost
        funds = exchange.funds(user)
        assert abs(funds.margin_used - blocked) <= Decimal("0.01")
        assert funds.cash - CASH == sum(
            (one.sell_value - one.buy_value for one in exchange.positions(user)), Decimal(0)
        )
