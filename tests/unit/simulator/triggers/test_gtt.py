from decimal import Decimal

import pytest

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType, OrderType, Product, Side
from patang.domain.instrument import Instrument
from patang.rules.ist import NS_PER_DAY
from patang.rules.session import PhaseKind
from patang.simulator import Exchange, Refused
from patang.simulator.triggers.gtt import GttBook, GttStatus
from patang.simulator.triggers.watch import PriceWatch
from patang.wire.gtt_forms import GttForm, GttLeg, GttType
from patang.wire.times import parse_ist

SECOND = 1_000_000_000


def leg(side=Side.BUY, price="1450", **more) -> GttLeg:
    fields = {
        "transaction_type": side,
        "quantity": 1,
        "product": Product.CNC,
        "price": None if price is None else Decimal(price),
    }
    return GttLeg(**(fields | more))


def single(trigger="1450", order=None, **more) -> GttForm:
    fields = {
        "type": GttType.SINGLE,
        "exchange": ExchangeName.NSE,
        "tradingsymbol": "INFY",
        "trigger_values": (Decimal(trigger),),
        "last_price": Decimal(1500),
        "orders": (order or leg(),),
    }
    return GttForm(**(fields | more))


def two_leg(lower="1450", upper="1550", side=Side.SELL, **more) -> GttForm:
    return single(
        type=GttType.TWO_LEG,
        trigger_values=(Decimal(lower), Decimal(upper)),
        orders=(leg(side, lower, **more), leg(side, upper, **more)),
    )


@pytest.fixture
def book(desk):
    return GttBook(desk.exchange, PriceWatch(desk.exchange))


def settle(desk) -> None:
    """Let what is due happen."""
    desk.now_ns += SECOND
    desk.exchange.pass_time(desk.now_ns)


def place(book, desk, form, user="buyer"):
    gtt = book.place(user, form, desk.now_ns, app_id=7)
    settle(desk)
    return gtt


def gtt_orders(desk, user="buyer"):
    return [order for order in desk.exchange.orders(user) if order.meta.get("gtt")]


@pytest.mark.parametrize("price", ["1450", "1449.90", "1360"], ids=["reached", "crossed", "gap"])
def test_a_buy_below_fires_at_its_price_and_beyond_it(desk, book, price):
    gtt = place(book, desk, single())
    assert gtt.status is GttStatus.ACTIVE

    desk.trade_at(price)
    settle(desk)

    [order] = gtt_orders(desk)
    assert gtt.status is GttStatus.TRIGGERED
    assert (order.side, order.quantity, order.price) == (Side.BUY, 1, Decimal(1450))
    assert (order.product, order.order_type) == (Product.CNC, OrderType.LIMIT)
    assert order.meta == {"gtt": gtt.trigger_id}
    assert order.request.app_id == 7
    result = gtt.results[0]
    assert (result.order_id, result.reason) == (order.order_id, "")
    assert result.triggered_at == Decimal(price)


def test_a_price_that_stays_away_fires_nothing(desk, book):
    gtt = place(book, desk, single())
    desk.trade_at("1450.10")
    settle(desk)
    assert gtt.status is GttStatus.ACTIVE
    assert gtt_orders(desk) == []


def test_a_price_that_comes_and_goes_within_one_moment_fires(desk, book):
    gtt = place(book, desk, single())
    before_ns = desk.now_ns
    desk.trade_at("1450")
    desk.trade_at("1500")
    settle(desk)
    assert gtt.status is GttStatus.TRIGGERED
    assert gtt.results[0].triggered_at == Decimal(1450)
    assert before_ns < gtt.results[0].at_ns < desk.now_ns


def test_a_trigger_fires_once(desk, book):
    place(book, desk, single())
    for price in ("1450", "1470", "1450", "1440"):
        desk.trade_at(price)
        settle(desk)
    assert len(gtt_orders(desk)) == 1


def test_a_trigger_above_fires_on_the_way_up_only(desk, book):
    gtt = place(book, desk, single("1550", leg(price="1551")))
    desk.trade_at("1400")
    settle(desk)
    assert gtt.status is GttStatus.ACTIVE
    desk.trade_at("1560")
    settle(desk)
    assert gtt.status is GttStatus.TRIGGERED


@pytest.mark.parametrize(("price", "fired"), [("1449", 0), ("1551", 1)])
def test_of_two_legs_the_first_to_fire_drops_the_other(desk, book, price, fired):
    desk.exchange.seed_holding("buyer", desk.instrument, 1, Decimal(1000))
    gtt = place(book, desk, two_leg())

    desk.trade_at(price)
    settle(desk)
    desk.trade_at("1400" if fired else "1600")
    settle(desk)

    assert len(gtt_orders(desk)) == 1
    assert gtt.results[fired].order_id == gtt_orders(desk)[0].order_id
    assert gtt.results[1 - fired] is None


def test_an_order_that_is_refused_fails_and_the_trigger_has_fired_all_the_same(desk, book):
    gtt = place(book, desk, two_leg())  # Nothing is held that could be sold.
    desk.trade_at("1449")
    settle(desk)
    result = gtt.results[0]
    assert gtt.status is GttStatus.TRIGGERED
    assert result.order_id == ""
    assert "holding" in result.reason.lower()
    assert gtt_orders(desk) == []


def test_a_market_leg_is_placed_with_its_protection(desk, book):
    order = leg(price=None, order_type=OrderType.MARKET, market_protection=Decimal(1))
    place(book, desk, single(order=order))
    desk.trade_at("1450")
    settle(desk)
    [order] = gtt_orders(desk)
    assert (order.order_type, order.price) == (OrderType.LIMIT, Decimal("1464.50"))


def test_nothing_fires_outside_continuous_trading(desk, book):
    gtt = place(book, desk, single())
    venue = desk.exchange.venue(desk.instrument)
    venue.phase = PhaseKind.AUCTION_ENTRY
    venue.set_last(14400, desk.now_ns)
    desk.exchange.floor.mark(venue, desk.now_ns)
    settle(desk)
    assert gtt.status is GttStatus.ACTIVE

    venue.phase = PhaseKind.CONTINUOUS
    desk.exchange.floor.mark(venue, desk.now_ns)
    settle(desk)
    assert gtt.status is GttStatus.TRIGGERED


def test_the_price_of_an_outside_market_fires_too(desk, book):
    gtt = place(book, desk, single())
    desk.now_ns += SECOND
    desk.exchange.mirror(desk.instrument, desk.now_ns, last_price=Decimal(1449))
    settle(desk)
    assert gtt.status is GttStatus.TRIGGERED
    assert gtt.results[0].triggered_at == 1449


def test_a_contracts_trigger_ends_with_the_contract(desk, book):
    future = Instrument(
        exchange=ExchangeName.NFO,
        symbol="INFY26NOVFUT",
        name="INFY",
        token=770,
        tick_size=Decimal("0.1"),
        instrument_type=InstrumentType.FUT,
        expiry="2026-11-24",
    )
    exchange = Exchange([future], {future.id: Decimal(1500)})
    exchange.open_account("buyer", Decimal(1_000_000))
    exchange.pass_time(desk.now_ns)
    book = GttBook(exchange, PriceWatch(exchange))
    form = single(
        exchange=ExchangeName.NFO,
        tradingsymbol=future.symbol,
        order=leg(product=Product.NRML),
    )
    gtt = book.place("buyer", form, desk.now_ns)
    exchange.pass_time(parse_ist("2026-11-24 23:59:58"))
    assert gtt.status is GttStatus.ACTIVE
    exchange.pass_time(parse_ist("2026-11-25 00:00:00"))
    assert gtt.status is GttStatus.EXPIRED


def test_a_trigger_expires_a_year_on_and_a_stated_time_is_kept(desk, book):
    placed_ns = desk.now_ns
    whole_year = place(book, desk, single())
    stated = place(book, desk, single(expires_at="2026-12-01 12:00:00"))
    assert whole_year.expires_ns == placed_ns + 365 * NS_PER_DAY

    desk.exchange.pass_time(stated.expires_ns - 1)
    assert stated.status is GttStatus.ACTIVE
    desk.exchange.pass_time(stated.expires_ns)
    assert stated.status is GttStatus.EXPIRED
    assert whole_year.status is GttStatus.ACTIVE

    desk.now_ns = stated.expires_ns
    desk.trade_at("1450")
    settle(desk)
    assert [order.meta["gtt"] for order in gtt_orders(desk)] == [whole_year.trigger_id]


def test_a_deleted_trigger_is_deaf_and_cannot_be_changed(desk, book):
    gtt = place(book, desk, single())
    book.delete(gtt, desk.now_ns)
    desk.trade_at("1440")
    settle(desk)
    assert gtt.status is GttStatus.DELETED
    assert gtt_orders(desk) == []
    assert desk.exchange.venue(desk.instrument).watcher is None
    for change in (
        lambda: book.delete(gtt, desk.now_ns),
        lambda: book.modify(gtt, single("1440"), desk.now_ns),
    ):
        with pytest.raises(Refused, match="deleted"):
            change()


def test_a_modified_trigger_obeys_its_new_terms_alone(desk, book):
    gtt = place(book, desk, single())
    book.modify(gtt, single("1400", leg(price="1401")), desk.now_ns)
    settle(desk)
    desk.trade_at("1450")
    settle(desk)
    assert gtt.status is GttStatus.ACTIVE
    desk.trade_at("1400")
    settle(desk)
    assert gtt_orders(desk)[0].price == Decimal(1401)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (single(tradingsymbol="NOSUCH"), "does not exist"),
        (single(tradingsymbol="NIFTY 50"), "index"),
        (single("1450.03"), "Tick size for this script is 0.10"),
        (single(order=leg(price="1450.03")), "Kindly enter price"),
        (single("1497"), "0.25%"),
        (single("1450", last_price=Decimal(1400)), "already met"),
        (single(tradingsymbol="LOTTED", order=leg(quantity=3)), "lot size 5"),
        (single(order=leg(product=Product.NRML)), "`product` NRML"),
        (two_leg(side=Side.BUY), "derivatives only"),
        (single(expires_at="2025-01-01 00:00:00"), "expires_at"),
        (single(expires_at="2030-01-01 00:00:00"), "expires_at"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(desk, book, form, text):
    with pytest.raises(Refused) as caught:
        book.place("buyer", form, desk.now_ns)
    assert caught.value.error_type == "InputException"
    assert text in caught.value.message
    assert book.listed("buyer", desk.now_ns) == []


def test_two_legs_must_lie_on_both_sides_of_the_real_last_price(desk, book):
    desk.trade_at("1600")
    with pytest.raises(Refused, match="below and above"):
        book.place("buyer", two_leg(), desk.now_ns)


def test_five_hundred_triggers_are_the_most_and_a_deleted_one_makes_room(desk, book):
    placed = [book.place("buyer", single(), desk.now_ns) for _ in range(500)]
    with pytest.raises(Refused, match="500 active"):
        book.place("buyer", single(), desk.now_ns)
    assert book.place("seller", single(), desk.now_ns).user_id == "seller"
    book.delete(placed[0], desk.now_ns)
    assert book.place("buyer", single(), desk.now_ns).status is GttStatus.ACTIVE


def test_the_list_has_active_ones_and_a_week_of_the_others(desk, book):
    old = place(book, desk, single())
    waiting = place(book, desk, single("1400", leg(price="1400")))
    book.delete(old, desk.now_ns)
    assert book.listed("buyer", desk.now_ns) == [waiting, old]
    assert book.listed("seller", desk.now_ns) == []

    desk.exchange.pass_time(desk.now_ns + 8 * NS_PER_DAY)
    assert book.listed("buyer", desk.exchange.now_ns) == [waiting]
    assert book.find("buyer", old.trigger_id) is old
    assert book.find("seller", old.trigger_id) is None
