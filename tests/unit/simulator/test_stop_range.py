"""How far a stop order's limit may lie from its trigger, and from the market."""

from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType, OrderType, Product, Side
from patang.domain.instrument import Instrument
from patang.rules.ist import at_ist
from patang.simulator import Exchange, OrderRequest, SimOrder

BEFORE, SINCE = date(2026, 2, 6), date(2026, 2, 9)


def trade_place(exchange_name: str, name: str, close: str, on: date):
    call = Instrument(
        exchange=ExchangeName(exchange_name),
        symbol=f"{name}CE",
        token=1,
        tick_size=Decimal("0.05"),
        instrument_type=InstrumentType.CE,
        name=name,
        strike=Decimal(80_000),
        expiry="2026-02-26",
    )
    exchange = Exchange([call], {call.id: Decimal(close)})
    for user in ("buyer", "seller"):
        exchange.open_account(user, Decimal(100_000_000))
    at_ns = at_ist(on, 11, 0)
    exchange.pass_time(at_ns)
    venue = exchange.venue(call.id)
    venue.lower_ticks, venue.upper_ticks = 1, 100_000

    def place(side: Side, price: str, trigger: str | None = None, user="buyer") -> SimOrder:
        request = OrderRequest(
            instrument=call.id,
            side=side,
            quantity=1,
            order_type=OrderType.LIMIT if trigger is None else OrderType.SL,
            product=Product.NRML,
            price=Decimal(price),
            trigger_price=None if trigger is None else Decimal(trigger),
        )
        return exchange.place(user, request, exchange.now_ns + 1_000_000)

    return exchange, place


@pytest.mark.parametrize(
    ("trigger", "price", "taken"),
    [
        ("45.00", "55.00", True),
        ("45.00", "55.05", False),
        ("100.00", "120.00", True),
        ("100.00", "120.05", False),
    ],
)
def test_bse_bounds_the_limit_of_a_stop_by_its_trigger(trigger, price, taken):
    _, place = trade_place("BFO", "SENSEX", "40", SINCE)
    order = place(Side.BUY, price, trigger)
    if taken:
        assert order.status.value == "TRIGGER PENDING"
    else:
        assert order.status.value == "REJECTED"
        assert order.status_message_raw == "Stop limit order price range check failed"
    _, before = trade_place("BFO", "SENSEX", "40", BEFORE)
    assert before(Side.BUY, price, trigger).status.value == "TRIGGER PENDING"


def test_a_stop_is_held_to_the_protection_range_only_when_it_is_released():
    exchange, place = trade_place("NFO", "NIFTY", "100", SINCE)
    far = place(Side.BUY, "150.00", "149.00")
    near = place(Side.BUY, "130.00", "120.00")
    assert [far.status.value, near.status.value] == ["TRIGGER PENDING"] * 2
    # What is no stop order may not be so far from the last price.
    assert place(Side.BUY, "150.00").status_message_raw.startswith("17070")
    place(Side.BUY, "125.00", user="seller")
    place(Side.SELL, "125.00")
    assert near.status.value == "OPEN"
    exchange.venue(near.instrument).protected_around_ticks = 2_000
    place(Side.SELL, "140.00", user="seller")
    exchange.modify("buyer", near.order_id, exchange.now_ns, price=Decimal("150.00"))
    assert [one.status.value for one in near.history][-2:] == ["NOT MODIFIED", "OPEN"]
