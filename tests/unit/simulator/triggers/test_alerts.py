from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Side
from patang.domain.instrument import InstrumentId
from patang.simulator import Refused
from patang.simulator.triggers.alerts import AlertBook, AlertStatus
from patang.simulator.triggers.gtt import GttBook
from patang.simulator.triggers.watch import PriceWatch
from patang.wire.alert_forms import AlertForm, AlertOperator, AlertType, RhsType

SECOND = 1_000_000_000
NIFTY = InstrumentId("NSE:NIFTY 50")


def simple(operator="<=", constant="1490", **more) -> AlertForm:
    fields = {
        "name": "watch",
        "lhs_exchange": "NSE",
        "lhs_tradingsymbol": "INFY",
        "operator": AlertOperator(operator),
        "rhs_constant": None if constant is None else Decimal(constant),
    }
    return AlertForm(**(fields | more))


def against(symbol="LOTTED", exchange="NSE", operator=">", **more) -> AlertForm:
    return simple(
        operator,
        None,
        rhs_type=RhsType.INSTRUMENT,
        rhs_exchange=exchange,
        rhs_tradingsymbol=symbol,
        rhs_attribute="LastTradedPrice",
        **more,
    )


def item(**params) -> dict:
    asked = {
        "transaction_type": "BUY",
        "product": "MIS",
        "order_type": "LIMIT",
        "quantity": 2,
        "price": 1490.5,
    }
    return {"tradingsymbol": "INFY", "exchange": "NSE", "weight": 1, "params": asked | params}


def ato(*items, **more) -> AlertForm:
    basket = {"name": "b", "type": "alert", "tags": [], "items": list(items or (item(),))}
    return simple(type=AlertType.ATO, basket=basket, **more)


@pytest.fixture
def book(desk):
    watch = PriceWatch(desk.exchange)
    book = AlertBook(desk.exchange, watch, GttBook(desk.exchange, watch))
    desk.exchange.on_order = book.hear_order
    return book


def settle(desk) -> None:
    desk.now_ns += SECOND
    desk.exchange.pass_time(desk.now_ns)


def create(book, desk, form):
    alert = book.create("buyer", form, desk.now_ns, app_id=7)
    settle(desk)
    return alert


@pytest.mark.parametrize(
    ("operator", "constant", "misses", "hits"),
    [
        ("<=", "1490", "1490.10", "1490"),
        ("<", "1490", "1490", "1489.90"),
        (">=", "1510", "1509.90", "1510"),
        (">", "1510", "1510", "1510.10"),
        ("==", "1510", "1510.10", "1510"),
    ],
)
def test_each_operator_compares_the_last_price(desk, book, operator, constant, misses, hits):
    alert = create(book, desk, simple(operator, constant))
    desk.trade_at(misses)
    settle(desk)
    assert alert.status is AlertStatus.ENABLED

    desk.trade_at(hits)
    settle(desk)
    assert alert.status is AlertStatus.DISABLED
    [firing] = alert.history
    assert firing.condition == f'LastTradedPrice("NSE:INFY") {operator} {constant}'
    assert firing.quotes[0].last_price == Decimal(hits)
    assert firing.orders is None


def test_a_condition_that_holds_already_fires_at_once_and_only_once(desk, book):
    alert = create(book, desk, simple("<=", "1600"))
    desk.trade_at("1490")
    settle(desk)
    assert len(alert.history) == 1


def test_two_instruments_are_compared_whichever_of_them_moves(desk, book):
    first = create(book, desk, against())
    second = create(book, desk, against(operator="<"))
    desk.trade_at("1500.10")
    settle(desk)
    assert (len(first.history), len(second.history)) == (1, 0)
    assert len(first.history[0].quotes) == 2

    lotted = desk.exchange.venue(InstrumentId("NSE:LOTTED"))
    lotted.set_last(30_100, desk.now_ns)
    desk.exchange.floor.mark(lotted, desk.now_ns)
    settle(desk)
    assert len(second.history) == 1


def test_an_index_is_on_the_exchange_of_indices(desk, book):
    form = simple(">=", "1600", lhs_exchange="INDICES", lhs_tradingsymbol="NIFTY 50")
    alert = create(book, desk, form)
    desk.exchange.set_index(NIFTY, Decimal("1600.05"), desk.now_ns)
    settle(desk)
    assert alert.history[0].condition == 'LastTradedPrice("INDICES:NIFTY 50") >= 1600'


def test_a_basket_places_plain_orders_and_says_which_failed(desk, book):
    alert = create(book, desk, ato(item(), item(order_type="MARKET", price=0)))
    desk.trade_at("1490")
    settle(desk)

    placed, failed = alert.history[0].orders
    order = desk.exchange.order("buyer", placed.order_id)
    assert (order.side, order.quantity, order.price) == (Side.BUY, 2, Decimal("1490.5"))
    assert (order.meta, order.request.app_id) == ({"alert": alert.uuid}, 7)
    assert placed.reason == ""
    assert failed.order_id == ""
    assert "market protection" in failed.reason


def test_a_market_order_of_a_basket_goes_out_with_its_protection(desk, book):
    form = ato(item(order_type="MARKET", price=0, market_protection=1))
    alert = create(book, desk, form)
    desk.trade_at("1490")
    settle(desk)
    order = desk.exchange.order("buyer", alert.history[0].orders[0].order_id)
    assert order.order_type is OrderType.LIMIT
    assert order.price == Decimal("1504.90")


@pytest.mark.parametrize(
    ("gtt", "values"),
    [
        ({"target": 2, "stoploss": 1}, ["1475.60", "1520.30"]),
        ({"target": 2, "stoploss": 0}, ["1520.30"]),
        ({"stoploss": 1}, ["1475.60"]),
    ],
)
@pytest.mark.parametrize("fills_at_once", [True, False])
def test_a_filled_order_of_a_basket_is_protected_by_a_trigger(
    desk, book, gtt, values, fills_at_once
):
    if fills_at_once:
        desk.sell(2, "1490.50", user="seller")
    alert = create(book, desk, ato(item(product="CNC", gtt=gtt), constant="1490.50"))
    desk.trade_at("1490.50")
    settle(desk)
    if not fills_at_once:
        assert alert.history[0].orders[0].trigger_id is None
        desk.sell(2, "1490.50", user="seller")
        settle(desk)

    placed = alert.history[0].orders[0]
    trigger = book._gtts.find("buyer", placed.trigger_id)
    assert [str(value) for value in trigger.form.trigger_values] == values
    assert {leg.transaction_type for leg in trigger.form.orders} == {Side.SELL}
    assert {leg.quantity for leg in trigger.form.orders} == {2}
    assert trigger.app_id == 7


def test_an_order_that_is_cancelled_unfilled_gets_no_protection(desk, book):
    alert = create(book, desk, ato(item(product="CNC", price=1400, gtt={"stoploss": 1})))
    desk.trade_at("1490")
    settle(desk)
    placed = alert.history[0].orders[0]
    desk.exchange.cancel("buyer", placed.order_id, desk.now_ns)
    settle(desk)
    assert (placed.trigger_id, placed.trigger_reason) == (None, "")


def test_protection_that_cannot_be_placed_says_why(desk, book):
    near = {"target": 0.1}
    desk.sell(2, "1490.50", user="seller")
    alert = create(book, desk, ato(item(product="CNC", gtt=near), constant="1490.50"))
    desk.trade_at("1490.50")
    settle(desk)
    placed = alert.history[0].orders[0]
    assert placed.trigger_id is None
    assert "0.25%" in placed.trigger_reason


def test_a_modification_enables_what_has_fired(desk, book):
    alert = create(book, desk, simple("<=", "1490"))
    desk.trade_at("1490")
    settle(desk)
    book.modify(alert, simple("<=", "1480"), desk.now_ns)
    settle(desk)
    assert alert.status is AlertStatus.ENABLED
    assert len(alert.history) == 1
    desk.trade_at("1480")
    settle(desk)
    assert len(alert.history) == 2


def test_a_deleted_alert_is_deaf_and_stays_listed(desk, book):
    alert = create(book, desk, simple())
    book.delete(alert, desk.now_ns)
    desk.trade_at("1480")
    settle(desk)
    assert alert.history == []
    assert book.listed("buyer") == [alert]
    assert book.listed("buyer", AlertStatus.ENABLED) == []
    with pytest.raises(Refused, match="deleted"):
        book.modify(alert, simple(), desk.now_ns)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (simple(lhs_exchange="NOWHERE"), "`lhs_exchange`"),
        (simple(lhs_tradingsymbol="NOSUCH"), "does not exist"),
        (simple(lhs_tradingsymbol=" INFY"), "`lhs_tradingsymbol`"),
        (simple(lhs_tradingsymbol="NIFTY 50"), "INDICES"),
        (simple(lhs_exchange="INDICES"), "`lhs_tradingsymbol`"),
        (simple(lhs_attribute="Volume"), "`lhs_attribute`"),
        (against("INFY"), "`rhs_tradingsymbol`"),
        (against("NOSUCH"), "does not exist"),
        (ato(item(quantity=0)), "`basket.items[0].params.quantity`"),
        (ato(item(), item(product="X")), "`basket.items[1].params.product`"),
        (ato(item(variety="co")), "variety"),
        (ato(item(squareoff=1)), "squareoff"),
        (ato(item(quantity="many")), "`basket`"),
        (ato(item(gtt={"target": 1})), "`basket.items[0].params.gtt`"),
        (ato(item(product="CNC", gtt={"stoploss": 100})), "`basket.items[0].params.gtt`"),
        (ato(item() | {"exchange": "NOWHERE"}), "`basket.items[0].exchange`"),
        (ato(*[item()] * 21), "`basket.items`"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(desk, book, form, text):
    with pytest.raises(Refused) as caught:
        book.create("buyer", form, desk.now_ns)
    assert caught.value.error_type == "InputException"
    assert text in caught.value.message
    assert book.listed("buyer") == []


def test_five_hundred_alerts_are_the_most(desk, book):
    alerts = [book.create("buyer", simple(), desk.now_ns) for _ in range(500)]
    assert len({one.uuid for one in alerts}) == 500
    with pytest.raises(Refused, match="500 active"):
        book.create("buyer", simple(), desk.now_ns)
    book.delete(alerts[0], desk.now_ns)
    assert book.create("buyer", simple(), desk.now_ns).status is AlertStatus.ENABLED
