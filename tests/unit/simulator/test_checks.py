from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Validity, Variety
from patang.domain.instrument import InstrumentId
from patang.rules.session import PhaseKind
from patang.simulator import Refused

UNPROTECTED = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)


@pytest.mark.parametrize("order_type", [OrderType.MARKET, OrderType.SL_M])
@pytest.mark.parametrize("protection", [None, "0"])
def test_unprotected_market_orders_are_refused(desk, order_type, protection):
    assert desk.refusal(
        price=None, order_type=order_type, trigger_price="1510", market_protection=protection
    ) == ("InputException", UNPROTECTED)


def test_limit_orders_may_carry_a_zero_protection(desk):
    order = desk.buy(1, "1490", market_protection="0.0")
    assert order.market_protection == 0


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            {"price": "1500.05"},
            "Tick size for this script is 0.10. Kindly enter price in the multiple of tick size "
            "for this script",
        ),
        (
            {"order_type": OrderType.SL, "price": "1520", "trigger_price": "1510.05"},
            "Tick size for this script is 0.10. Kindly enter trigger price in the multiple of "
            "tick size for this script",
        ),
        (
            {"price": "1349.90"},
            "Your order price is lower than the current lower circuit limit of 1350.00. "
            "Place an order within the daily range.",
        ),
        (
            {"price": "1650.10"},
            "Your order price is higher than the current upper circuit limit of 1650.00. "
            "Place an order within the daily range.",
        ),
        (
            {"instrument": InstrumentId("NSE:NOSUCH")},
            "The instrument you are placing an order for has either expired or does not exist.",
        ),
        ({"price": None}, "Invalid `price` 0: LIMIT and SL orders need one above 0."),
        ({"quantity": 0}, "Invalid `quantity` 0: a whole number above 0."),
        ({"quantity": -5}, "Invalid `quantity` -5: a whole number above 0."),
        (
            {"instrument": InstrumentId("NSE:LOTTED"), "quantity": 7},
            "Invalid `quantity` 7: a multiple of lot size 5.",
        ),
        (
            {"instrument": InstrumentId("NSE:LOTTED"), "quantity": 105},
            "Quantity 105 is above the freeze quantity 100 of LOTTED. Place it in several orders.",
        ),
        ({"product": Product.NRML}, "Invalid `product` NRML: NSE takes CNC, MIS, MTF."),
        (
            {"instrument": InstrumentId("NFO:X26NOVFUT"), "product": Product.CNC},
            "Invalid `product` CNC: NFO takes NRML, MIS.",
        ),
        (
            {"instrument": InstrumentId("NSE:NIFTY 50")},
            "NSE:NIFTY 50 is an index and cannot be traded.",
        ),
        (
            {"instrument": InstrumentId("NFO:X26NOVFUT"), "variety": Variety.AUCTION},
            "Invalid `variety` auction: NFO takes regular, amo, co, iceberg.",
        ),
        ({"validity": Validity.TTL}, "Invalid `validity_ttl` 0: minutes, 1 to 1440."),
        ({"tag": "x" * 21}, f"Invalid `tag` {'x' * 21}: at most 20 characters."),
        (
            {"disclosed_quantity": 11},
            "Invalid `disclosed_quantity` 11: at most the quantity.",
        ),
        (
            {"order_type": OrderType.MARKET, "market_protection": "101"},
            "Invalid `market_protection` 101: -1, or percent above 0 up to 100.",
        ),
        (
            {"order_type": OrderType.SL, "price": "1500", "trigger_price": "1500"},
            "Trigger price for stoploss buy orders should be higher than the last traded price "
            "(1500.00).",
        ),
        (
            {"order_type": OrderType.SL, "price": "1505", "trigger_price": "1510"},
            "Trigger price for stoploss buy orders cannot be higher than the limit price.",
        ),
        (
            {"order_type": OrderType.SL, "price": "1505"},
            "Invalid `trigger_price` 0: SL and SL-M orders need one above 0.",
        ),
    ],
)
def test_bad_request_is_refused_and_leaves_no_order(desk, wrong, text):
    assert desk.refusal(**wrong) == ("InputException", text)
    assert desk.exchange.orders("buyer") == []


@pytest.mark.parametrize("absurd", ["NaN", "sNaN", "Infinity", "-2", "1E+400"])
@pytest.mark.parametrize("field", ["price", "trigger_price", "market_protection"])
def test_absurd_numbers_are_refused_as_any_other(desk, field, absurd):
    order_type = OrderType.MARKET if field == "market_protection" else OrderType.SL
    fields = {"price": "1520", "trigger_price": "1510", "market_protection": "2"}
    fields[field] = absurd
    assert desk.refusal(order_type=order_type, **fields)[0] == "InputException"


def test_trigger_outside_the_band_is_refused(desk):
    assert desk.refusal(
        order_type=OrderType.SL_M, price=None, trigger_price="1650.10", market_protection="1"
    )[1].startswith("Your trigger price is higher than the current upper circuit limit of 1650.00.")


def test_outside_the_session_the_refusal_hints_at_amo(desk):
    desk.exchange.venue(desk.instrument).phase = None
    assert desk.refusal() == (
        "InputException",
        "MIS (intraday) are blocked as the markets are not open for trading today. "
        "Try placing an AMO order.",
    )
    assert "AMO" in desk.refusal(product=Product.CNC)[1]
    desk.exchange.venue(desk.instrument).phase = PhaseKind.CONTINUOUS
    assert desk.buy().status.value == "OPEN"


@pytest.mark.parametrize(
    ("last", "percent"), [("99.95", "2"), ("100", "1"), ("500", "1"), ("500.05", "0.5")]
)
def test_automatic_band_depends_on_the_last_price(last, percent):
    from patang.domain.enums import Exchange as ExchangeName
    from patang.domain.instrument import Instrument
    from patang.simulator.checks import protection_percent
    from patang.simulator.venue import Venue

    instrument = Instrument(
        exchange=ExchangeName.NSE, symbol="X", token=1, tick_size=Decimal("0.05")
    )
    assert protection_percent(Venue(instrument, Decimal(last)), Decimal(-1)) == Decimal(percent)


def test_unknown_user_is_refused(desk):
    with pytest.raises(Refused, match="no account 'nobody'"):
        desk.exchange.funds("nobody")
