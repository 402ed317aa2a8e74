"""Requests of triggers, alerts, conversions, calculations and funds: built, sent, read back."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.enums import Exchange, OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.wire.alert_forms import (
    AlertForm,
    AlertOperator,
    AlertType,
    RhsType,
    alert_to_form,
    parse_alert,
)
from patang.wire.errors import InputException
from patang.wire.form_fields import encode_json
from patang.wire.gtt_forms import GttForm, GttLeg, GttType, check_gtt, gtt_to_form, parse_gtt
from patang.wire.margin_forms import (
    ChargeOrder,
    MarginOrder,
    calculation_orders,
    parse_calculation,
)
from patang.wire.mf_forms import MfOrderForm, MfSipChange, MfSipForm, SipFrequency, mf_to_form
from patang.wire.portfolio_forms import (
    AuthorisationForm,
    ConversionForm,
    PositionType,
    authorisation_to_form,
    conversion_to_form,
    parse_conversion,
)

D = Decimal
LEG = GttLeg(transaction_type=Side.SELL, quantity=2, product=Product.CNC, price=D("1399.5"))
MARKET_LEG = GttLeg(
    transaction_type=Side.SELL,
    quantity=2,
    product=Product.CNC,
    order_type=OrderType.MARKET,
    market_protection=D(-1),
)
TWO_LEG = {
    "type": GttType.TWO_LEG,
    "exchange": Exchange.NSE,
    "tradingsymbol": "M&M",
    "trigger_values": (D(1400), D("1600.05")),
    "last_price": D("1500.1"),
    "orders": (LEG, MARKET_LEG),
}
ALERT = {
    "name": "gold & silver",
    "lhs_exchange": "INDICES",
    "lhs_tradingsymbol": "NIFTY 50",
    "operator": AlertOperator.AT_LEAST,
    "rhs_constant": D("27000.5"),
}
ITEM = {"type": "insert", "exchange": "NSE", "tradingsymbol": "GOLDBEES", "params": {"quantity": 1}}
ATO = ALERT | {"type": AlertType.ATO, "basket": {"name": "b", "items": [ITEM]}}
RATIO = ALERT | {
    "rhs_type": RhsType.INSTRUMENT,
    "rhs_constant": None,
    "rhs_exchange": "NSE",
    "rhs_tradingsymbol": "INFY",
    "rhs_attribute": "LastTradedPrice",
}
MOVE = {
    "exchange": Exchange.NSE,
    "tradingsymbol": "INFY",
    "transaction_type": Side.BUY,
    "position_type": PositionType.DAY,
    "quantity": 5,
    "old_product": Product.MIS,
    "new_product": Product.CNC,
}
MARGIN = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "variety": "regular",
    "product": "CNC",
    "order_type": "LIMIT",
    "quantity": 1,
    "price": 1500.5,
}
FUND = {"tradingsymbol": "INF1", "transaction_type": Side.BUY, "amount": D(1000)}
SIP = {
    "tradingsymbol": "INF1",
    "amount": D(1000),
    "instalments": -1,
    "frequency": SipFrequency.MONTHLY,
}


def test_a_trigger_travels_as_json_inside_a_form():
    form = gtt_to_form(GttForm(**TWO_LEG, expires_at="2026-12-31 00:00:00"))
    assert form["type"] == "two-leg"
    assert form["expires_at"] == "2026-12-31 00:00:00"
    assert json.loads(form["condition"]) == {
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "trigger_values": [1400, 1600.05],
        "last_price": 1500.1,
    }
    limit, market = json.loads(form["orders"])
    assert limit == {
        "exchange": "NSE",
        "tradingsymbol": "M&M",
        "transaction_type": "SELL",
        "quantity": 2,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": 1399.5,
    }
    assert (market["order_type"], market["price"], market["market_protection"]) == ("MARKET", 0, -1)


def test_a_trigger_is_read_back_whatever_other_clients_add():
    form = gtt_to_form(GttForm(**TWO_LEG))
    assert parse_gtt(form) == GttForm(**TWO_LEG)
    condition = json.loads(form["condition"]) | {"instrument_token": 0}
    orders = [one | {"guid": "", "price": str(one["price"])} for one in json.loads(form["orders"])]
    sent = form | {"condition": json.dumps(condition), "orders": json.dumps(orders), "x": "y"}
    assert parse_gtt(sent) == GttForm(**TWO_LEG)


@pytest.mark.parametrize(("name", "other"), [("tradingsymbol", "TCS"), ("exchange", "BSE")])
def test_a_trigger_orders_nothing_but_what_it_watches(name, other):
    form = gtt_to_form(GttForm(**TWO_LEG))
    first, second = json.loads(form["orders"])
    sent = form | {"orders": json.dumps([first, second | {name: other}])}
    with pytest.raises(InputException, match=rf"orders\[1\].{name}"):
        parse_gtt(sent)


def test_zeros_of_a_whole_order_inside_a_trigger_mean_not_used():
    plain = GttForm(**TWO_LEG | {"orders": (LEG, LEG)})
    form = gtt_to_form(plain)
    legs = json.loads(form["orders"])
    unused = {"trigger_price": 0, "validity": "", "tags": None, "market_protection": 0.0}
    sent = form | {"orders": json.dumps([leg | unused for leg in legs])}
    assert parse_gtt(sent) == plain
    market = {"order_type": "MARKET", "price": 0}
    sent = form | {"orders": json.dumps([leg | unused | market for leg in legs])}
    with pytest.raises(InputException, match=r"orders\[0\].market_protection"):
        parse_gtt(sent)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("tradingsymbol", {"tradingsymbol": " "}),
        ("trigger_values", {"trigger_values": (D(1400),)}),
        ("trigger_values", {"trigger_values": (D(1600), D(1400))}),
        ("trigger_values", {"last_price": D(1399)}),
        ("trigger_values[0]", {"trigger_values": (D(-1), D(1600))}),
        ("last_price", {"last_price": D(0)}),
        ("orders", {"orders": (LEG,)}),
        ("orders[0].quantity", {"orders": (msgspec.structs.replace(LEG, quantity=0), LEG)}),
        ("orders[1].price", {"orders": (LEG, msgspec.structs.replace(LEG, price=None))}),
        ("orders[0].product",
         {"orders": (msgspec.structs.replace(LEG, product=Product.MIS), LEG)}),
        ("orders[0].order_type",
         {"orders": (msgspec.structs.replace(LEG, order_type=OrderType.SL), LEG)}),
        ("orders[1].price", {"orders": (LEG, msgspec.structs.replace(MARKET_LEG, price=D(1)))}),
        ("orders[1].market_protection",
         {"orders": (LEG, msgspec.structs.replace(MARKET_LEG, market_protection=None))}),
        ("orders[1].market_protection",
         {"orders": (LEG, msgspec.structs.replace(MARKET_LEG, market_protection=D(101)))}),
        ("expires_at", {"expires_at": "tomorrow"}),
    ],
)  # fmt: skip
def test_a_wrong_trigger_names_its_field(field, changes):
    with pytest.raises(InvalidValue) as failure:
        GttForm(**TWO_LEG | changes)
    assert failure.value.field == field


def test_the_instrument_says_more_of_a_trigger():
    coarse = Instrument(
        exchange=Exchange.NSE, symbol="M&M", token=257, tick_size=D("0.1"), lot_size=2
    )
    with pytest.raises(InvalidValue, match=r"trigger_values\[1\].*1600\.05"):
        check_gtt(GttForm(**TWO_LEG), coarse)
    odd = msgspec.structs.replace(LEG, quantity=3, price=D("1399.1"))
    on_tick = GttForm(**TWO_LEG | {"trigger_values": (D(1400), D(1600)), "orders": (LEG, odd)})
    with pytest.raises(InvalidValue, match=r"orders\[1\].quantity.*lots of 2"):
        check_gtt(on_tick, coarse)


@pytest.mark.parametrize("fields", [ALERT, ATO, RATIO])
def test_an_alert_is_read_back(fields):
    form = AlertForm(**fields)
    sent = alert_to_form(form)
    assert all(isinstance(text, str) and text for text in sent.values())
    assert parse_alert(sent) == form


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("name", ALERT | {"name": ""}),
        ("lhs_tradingsymbol", ALERT | {"lhs_tradingsymbol": None}),
        ("rhs_constant", ALERT | {"rhs_constant": None}),
        ("rhs_constant", RATIO | {"rhs_constant": D(1)}),
        ("rhs_exchange", ALERT | {"rhs_exchange": "NSE"}),
        ("rhs_tradingsymbol", RATIO | {"rhs_tradingsymbol": None}),
        ("basket", ALERT | {"basket": {"items": [ITEM]}}),
        ("basket", ATO | {"basket": None}),
        ("basket.items", ATO | {"basket": {"items": []}}),
        ("basket.items[0].params", ATO | {"basket": {"items": [ITEM | {"params": None}]}}),
    ],
)
def test_a_wrong_alert_names_its_field(field, fields):
    with pytest.raises(InvalidValue) as failure:
        AlertForm(**fields)
    assert failure.value.field == field


def test_a_conversion_is_read_back():
    form = ConversionForm(**MOVE)
    assert parse_conversion(conversion_to_form(form)) == form
    with pytest.raises(InvalidValue, match="new_product"):
        ConversionForm(**MOVE | {"new_product": Product.MIS})
    with pytest.raises(InvalidValue, match="quantity"):
        ConversionForm(**MOVE | {"quantity": 0})
    for name in MOVE:
        sent = conversion_to_form(form)
        del sent[name]
        with pytest.raises(InputException, match=name):
            parse_conversion(sent)


def test_holdings_to_authorise_repeat_their_names_in_step():
    form = AuthorisationForm(holdings=(("INE1", 5), ("INE2", 6)), type="equity")
    assert authorisation_to_form(form) == [
        ("isin", "INE1"), ("quantity", "5"), ("isin", "INE2"), ("quantity", "6"),
        ("type", "equity"),
    ]  # fmt: skip
    assert authorisation_to_form(AuthorisationForm()) == []
    with pytest.raises(InvalidValue, match=r"holdings\[1\].quantity"):
        AuthorisationForm(holdings=(("INE1", 5), ("INE2", 0)))


def test_orders_to_calculate_may_be_dicts_or_structs():
    struct = msgspec.convert(MARGIN, MarginOrder, strict=False)
    (from_dict,) = calculation_orders([MARGIN | {"trigger_price": 0}], MarginOrder)
    (from_struct,) = calculation_orders([struct], MarginOrder)
    assert json.loads(encode_json([from_dict])) == json.loads(encode_json([from_struct]))
    assert parse_calculation(encode_json([from_struct]), MarginOrder) == [struct]
    (with_more,) = calculation_orders([MARGIN | {"squareoff": 1}], MarginOrder)
    assert with_more["squareoff"] == 1


@pytest.mark.parametrize(
    ("field", "params"),
    [
        ("params", []),
        ("params", MARGIN),
        ("params[0]", ["INFY"]),
        ("params[1].exchange", [MARGIN, MARGIN | {"exchange": "NASDAQ"}]),
        ("params[0].quantity", [MARGIN | {"quantity": 0}]),
        ("params[0].price", [MARGIN | {"price": float("nan")}]),
        ("params[0].product", [{k: v for k, v in MARGIN.items() if k != "product"}]),
    ],
)
def test_a_wrong_order_to_calculate_is_named(field, params):
    with pytest.raises(InvalidValue) as failure:
        calculation_orders(params, MarginOrder)
    assert failure.value.field == field


def test_charges_need_the_average_price():
    with pytest.raises(InvalidValue, match=r"params\[0\].order_id"):
        calculation_orders([MARGIN], ChargeOrder)


def test_fund_requests_name_amount_or_quantity():
    assert mf_to_form(MfOrderForm(**FUND)) == {
        "tradingsymbol": "INF1", "transaction_type": "BUY", "amount": "1000"
    }  # fmt: skip
    assert mf_to_form(MfSipForm(**SIP, instalment_day=5))["instalments"] == "-1"
    assert mf_to_form(MfSipChange(amount=D(5))) == {"amount": "5"}


@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("amount", lambda: MfOrderForm(**FUND | {"amount": None})),
        ("quantity", lambda: MfOrderForm(**FUND, quantity=D(1))),
        ("quantity", lambda: MfOrderForm(**FUND | {"transaction_type": Side.SELL})),
        ("tag", lambda: MfOrderForm(**FUND, tag="much too long")),
        ("instalments", lambda: MfSipForm(**SIP | {"instalments": 0})),
        ("instalment_day", lambda: MfSipForm(**SIP, instalment_day=31)),
        ("initial_amount", lambda: MfSipForm(**SIP, initial_amount=D(-1))),
        ("amount", lambda: MfSipChange()),
    ],
)
def test_a_wrong_fund_request_names_its_field(field, build):
    with pytest.raises(InvalidValue) as failure:
        build()
    assert failure.value.field == field


HOSTILE = st.dictionaries(
    st.sampled_from([*TWO_LEG, "condition", *ALERT, "rhs_type", "lhs_attribute", "basket", *MOVE]),
    st.text(max_size=12)
    | st.sampled_from(['{"a":1}', "[[]]", "null", "1e999", "[" * 500, '{"items":[1]}'])
    | st.sampled_from([*gtt_to_form(GttForm(**TWO_LEG)).values()])
    | st.sampled_from([*alert_to_form(AlertForm(**ATO)).values()]),
)


@given(HOSTILE, st.sampled_from([parse_gtt, parse_alert, parse_conversion]))
def test_any_form_is_read_or_an_input_exception(form, parse):
    try:
        parse(form)
    except InputException as error:
        assert error.message  # noqa: PT017


ARRAYS = st.lists(st.dictionaries(st.sampled_from([*MARGIN]), st.integers()))


@given(st.binary(max_size=80) | ARRAYS.map(lambda value: json.dumps(value).encode()))
def test_any_array_to_calculate_is_read_or_an_input_exception(body):
    try:
        parse_calculation(body, MarginOrder)
    except InputException as error:
        assert error.message  # noqa: PT017
