from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Variety
from patang.simulator import KiteStatus, Refused


def cover(desk, quantity=10, price="1500", trigger="1480", **more):
    return desk.buy(quantity, price, variety=Variety.CO, trigger_price=trigger, **more)


def legs(desk):
    return [one for one in desk.exchange.orders("buyer") if one.parent_order_id]


def statuses(order):
    return [state.status.value for state in order.history]


def test_stop_leg_appears_when_the_entry_trades(desk):
    entry = cover(desk)
    assert legs(desk) == []
    assert (entry.trigger_price, entry.order_type) == (1480, OrderType.LIMIT)
    desk.sell(10)
    (leg,) = legs(desk)
    assert leg.parent_order_id == entry.order_id
    assert (leg.variety, leg.product, leg.side.value) == (Variety.CO, Product.MIS, "SELL")
    assert (leg.order_type, leg.trigger_price, leg.quantity) == (OrderType.SL_M, 1480, 10)
    assert statuses(leg) == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "TRIGGER PENDING"]


def test_stop_leg_grows_with_the_entry(desk):
    entry = cover(desk)
    desk.sell(4)
    (leg,) = legs(desk)
    assert leg.quantity == 4
    desk.sell(6)
    assert (entry.status, leg.quantity, leg.pending_quantity) == (KiteStatus.COMPLETE, 10, 10)
    assert len(legs(desk)) == 1


def test_trigger_closes_the_position_and_calls_off_the_rest_of_the_entry(desk):
    entry = cover(desk)
    desk.sell(4)
    desk.buy(20, "1479", user="seller")
    (leg,) = legs(desk)
    # The market falls through the entry's rest to the trigger.
    desk.exchange.open_account("big", Decimal(10_000_000))
    desk.sell(16, "1479", user="big")
    assert leg.status is KiteStatus.COMPLETE
    assert desk.exchange.positions("buyer")[0].quantity == 0
    assert entry.status.is_done


def test_exit_is_the_cancel_of_the_stop_leg(desk):
    entry = cover(desk)
    desk.sell(10)
    desk.buy(10, "1499", user="seller")
    (leg,) = legs(desk)
    answered = desk.exchange.cancel(
        "buyer", leg.order_id, desk.now_ns, parent_order_id=entry.order_id
    )
    assert answered is leg
    assert (leg.status, leg.average_price) == (KiteStatus.COMPLETE, 1499)
    assert desk.exchange.positions("buyer")[0].quantity == 0


def test_wrong_parent_is_refused(desk):
    cover(desk)
    desk.sell(10)
    (leg,) = legs(desk)
    with pytest.raises(Refused, match="parent_order_id"):
        desk.exchange.cancel("buyer", leg.order_id, desk.now_ns, parent_order_id="1")
    assert leg.status is KiteStatus.TRIGGER_PENDING


def test_cancelled_entry_leaves_no_leg(desk):
    entry = cover(desk)
    desk.exchange.cancel("buyer", entry.order_id, desk.now_ns)
    desk.sell(10)
    assert (entry.status, legs(desk)) == (KiteStatus.CANCELLED, [])


def test_cancelled_rest_of_an_entry_leaves_the_stop_of_what_traded(desk):
    entry = cover(desk)
    desk.sell(4)
    desk.exchange.cancel("buyer", entry.order_id, desk.now_ns)
    (leg,) = legs(desk)
    assert (leg.status, leg.quantity) == (KiteStatus.TRIGGER_PENDING, 4)


def test_trigger_and_price_may_change_and_nothing_else(desk):
    entry = cover(desk, price="1490")
    desk.exchange.modify(
        "buyer", entry.order_id, desk.now_ns, price=Decimal(1495), trigger_price=Decimal(1470)
    )
    assert (entry.price, entry.trigger_price) == (1495, 1470)
    with pytest.raises(Refused, match="`quantity`"):
        desk.exchange.modify("buyer", entry.order_id, desk.now_ns, quantity=5)
    desk.sell(10, "1495")
    (leg,) = legs(desk)
    assert leg.trigger_price == 1470
    desk.exchange.modify(
        "buyer",
        leg.order_id,
        desk.now_ns,
        trigger_price=Decimal(1475),
        parent_order_id=entry.order_id,
    )
    assert (leg.trigger_price, leg.status) == (1475, KiteStatus.TRIGGER_PENDING)
    with pytest.raises(Refused, match="`order_type`"):
        desk.exchange.modify("buyer", leg.order_id, desk.now_ns, order_type=OrderType.LIMIT)


def test_market_entry_is_protected_as_any_market_order(desk):
    desk.sell(10, "1500")
    entry = cover(desk, price=None, order_type=OrderType.MARKET, market_protection="2")
    assert (entry.status, entry.order_type) == (KiteStatus.COMPLETE, OrderType.LIMIT)
    assert len(legs(desk)) == 1


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"trigger_price": "1500"}, "Trigger price of a cover buy order should be lower than"),
        ({"trigger_price": None}, "`trigger_price`"),
        ({"trigger_price": "1480.05"}, "Tick size for this script is 0.10"),
        ({"trigger_price": "1300"}, "lower circuit limit"),
        ({"product": Product.CNC}, "`product`"),
        ({"order_type": OrderType.SL}, "`order_type`"),
    ],
)
def test_bad_cover_orders_are_refused(desk, wrong, text):
    fields = {"variety": Variety.CO, "trigger_price": "1480"} | wrong
    error, said = desk.refusal(**fields)
    assert error == "InputException"
    assert text in said
    assert desk.exchange.orders("buyer") == []


def test_stop_of_a_sale_is_above_it(desk):
    entry = desk.sell(5, "1500", variety=Variety.CO, trigger_price="1520")
    desk.buy(5)
    leg = desk.exchange.orders("seller")[-1]
    assert (leg.parent_order_id, leg.side.value) == (entry.order_id, "BUY")
    desk.trade_at("1520")
    assert leg.status is KiteStatus.OPEN


def test_released_stop_does_not_meet_the_rest_of_its_own_entry(desk):
    entry = cover(desk, trigger="1490")
    desk.sell(4)
    (leg,) = legs(desk)
    # The entry is moved below the stop, so the market reaches the stop first.
    desk.exchange.modify(
        "buyer",
        entry.order_id,
        desk.now_ns,
        price=Decimal("1485.00"),
        trigger_price=Decimal("1480.00"),
    )
    desk.trade_at("1489")
    desk.buy(4, "1483", user="outsider-a")
    assert (entry.status, entry.cancelled_quantity) == (KiteStatus.CANCELLED, 6)
    assert leg.status is KiteStatus.COMPLETE
    assert desk.exchange.positions("buyer")[0].quantity == 0


def test_fills_on_a_cut_line_are_covered_once(desk):
    cover(desk)
    desk.sell(1)
    exchange = desk.exchange
    exchange.floor.enrol("agent", desk.instrument)
    exchange.cut(desk.now_ns)
    for quantity in (2, 3):
        venue = exchange.venue(desk.instrument)
        exchange.floor.submit("agent", venue, False, 15_000, quantity, desk.now_ns)
        desk.now_ns += 1_000_000
        exchange.pass_time(desk.now_ns)
    exchange.mend(desk.now_ns)
    assert exchange.positions("buyer")[0].quantity == 6
    assert [(leg.status.value, leg.quantity) for leg in legs(desk)] == [
        ("TRIGGER PENDING", 3),
        ("TRIGGER PENDING", 3),
    ]
