from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.wire.errors import InputException
from patang.wire.forms import (
    CancelForm,
    ModifyForm,
    PlaceForm,
    parse_cancel,
    parse_modify,
    parse_place,
    to_form,
)

BASE = {
    "exchange": "NSE",
    "tradingsymbol": "M&M",
    "transaction_type": "BUY",
    "order_type": "LIMIT",
    "quantity": "5",
    "product": "MIS",
    "price": "1512.35",
}


def place(**changes):
    fields = {
        "exchange": Exchange.NSE,
        "tradingsymbol": "M&M",
        "transaction_type": Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity": 5,
        "product": Product.MIS,
        "price": Decimal("1512.35"),
    }
    return PlaceForm(**(fields | changes))


def test_a_form_leaves_out_the_path_and_what_is_absent():
    assert to_form(place()) == BASE


def test_every_parameter_travels_as_text():
    form = place(
        order_type=OrderType.SL_M,
        price=None,
        trigger_price=Decimal("1E+3"),
        validity=Validity.TTL,
        validity_ttl=5,
        disclosed_quantity=1,
        tag="abc123",
        market_protection=Decimal(-1),
        autoslice=True,
        algo_id="7",
    )
    text = to_form(form)
    assert text["order_type"] == "SL-M"
    assert text["trigger_price"] == "1000"
    assert text["validity_ttl"] == "5"
    assert text["market_protection"] == "-1"
    assert text["autoslice"] == "true"
    assert parse_place("regular", text) == form


def test_a_tiny_price_has_no_exponent():
    assert to_form(place(price=Decimal("1E-7")))["price"] == "0.0000001"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 0),
        ("quantity", -1),
        ("quantity", True),
        ("quantity", 1.0),
        ("disclosed_quantity", 0),
        ("price", 1512.35),
        ("price", Decimal("NaN")),
        ("tradingsymbol", ""),
        ("tag", "x" * 21),
        ("market_protection", Decimal(0)),
        ("market_protection", Decimal(-2)),
        ("market_protection", Decimal("100.1")),
        ("market_protection", Decimal("NaN")),
        ("market_protection", 2.5),
        ("iceberg_quantity", 0),
    ],
)
def test_building_names_the_wrong_field(field, value):
    with pytest.raises(InvalidValue) as caught:
        place(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("tag", ["a-b", "a b", "é"])
def test_a_tag_of_other_characters_is_refused_when_sent_and_taken_when_parsed(tag):
    with pytest.raises(InvalidValue, match="tag"):
        to_form(place(tag=tag))
    assert parse_place("regular", BASE | {"tag": tag}).tag == tag


@pytest.mark.parametrize("name", [*BASE])
@pytest.mark.parametrize("empty", [None, "", " "])
def test_a_missing_parameter_is_named(name, empty):
    form = {key: value for key, value in BASE.items() if key != name}
    if empty is not None:
        form[name] = empty
    with pytest.raises(InputException) as caught:
        parse_place("regular", form)
    assert caught.value.message == f"Missing or empty field `{name}`"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"order_type": "SL"}, "trigger_price"),
        ({"order_type": "SL-M"}, "trigger_price"),
        ({"validity": "TTL"}, "validity_ttl"),
    ],
)
def test_parameters_that_others_call_for_are_required(changes, name):
    with pytest.raises(InputException, match=f"Missing or empty field `{name}`"):
        parse_place("regular", BASE | changes)


@pytest.mark.parametrize(
    ("variety", "name"), [("iceberg", "iceberg_legs"), ("auction", "auction_number")]
)
def test_parameters_of_a_variety_are_required(variety, name):
    with pytest.raises(InputException, match=f"Missing or empty field `{name}`"):
        parse_place(variety, BASE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("quantity", "five"),
        ("quantity", "0"),
        ("quantity", "-5"),
        ("quantity", "1.5"),
        ("quantity", "1e99999999"),
        ("quantity", "1_0"),
        ("price", "1_500"),
        ("quantity", "\u0665"),
        ("price", "cheap"),
        ("price", "nan"),
        ("price", "inf"),
        ("price", "0"),
        ("exchange", "NYSE"),
        ("transaction_type", "HOLD"),
        ("order_type", "limit"),
        ("product", "BO"),
        ("validity", "GTC"),
        ("market_protection", "101"),
        ("autoslice", "perhaps"),
        ("tag", "x" * 21),
    ],
)
def test_a_wrong_parameter_is_named(name, text):
    with pytest.raises(InputException, match=f"`{name}`"):
        parse_place("regular", BASE | {name: text})


def test_an_unknown_variety_is_an_input_exception():
    with pytest.raises(InputException, match="variety"):
        parse_place("bo", BASE)


def test_what_official_clients_add_is_accepted():
    python = BASE | {"variety": "regular", "order_id": "1", "guid": "x", "squareoff": "0"}
    assert parse_place("regular", python) == place()
    java = BASE | {"market_protection": "0.0", "autoslice": "false", "trigger_price": "0"}
    assert parse_place("regular", java) == place(autoslice=False)


def test_decimal_quantities_are_whole():
    assert parse_place("regular", BASE | {"quantity": "5.0"}).quantity == 5


def test_python_spells_booleans_with_a_capital():
    assert parse_place("regular", BASE | {"autoslice": "True"}).autoslice is True


def test_a_market_order_needs_no_price():
    form = BASE | {"order_type": "MARKET", "price": "0", "market_protection": "3.5"}
    parsed = parse_place("regular", form)
    assert parsed.price is None
    assert parsed.market_protection == Decimal("3.5")


def test_modify_carries_only_what_changes():
    form = ModifyForm(order_id="1", quantity=7, price=Decimal("10.5"))
    assert to_form(form) == {"quantity": "7", "price": "10.5"}
    sent = to_form(form) | {"variety": "regular", "order_id": "1"}
    assert parse_modify("regular", "1", sent) == form


def test_modify_names_what_is_wrong():
    with pytest.raises(InputException, match="quantity"):
        parse_modify("regular", "1", {"quantity": "-1"})
    with pytest.raises(InvalidValue, match="order_id"):
        ModifyForm(order_id="")


def test_cancel_has_its_parent_in_the_query():
    form = CancelForm(variety=Variety.CO, order_id="2", parent_order_id="1")
    assert to_form(form) == {"parent_order_id": "1"}
    assert parse_cancel("co", "2", {"parent_order_id": "1", "variety": "co"}) == form
    assert to_form(CancelForm(order_id="2")) == {}
