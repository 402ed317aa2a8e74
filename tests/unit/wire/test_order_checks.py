from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.wire.forms import ModifyForm, PlaceForm
from patang.wire.order_checks import check_modification, check_placement

D = Decimal
LIMIT = PlaceForm(
    exchange=Exchange.NFO,
    tradingsymbol="NIFTY26JANFUT",
    transaction_type=Side.BUY,
    order_type=OrderType.LIMIT,
    quantity=75,
    product=Product.NRML,
    price=D("24400.05"),
)
NIFTY = Instrument(
    exchange=Exchange.NFO,
    symbol="NIFTY26JANFUT",
    token=258,
    tick_size=D("0.05"),
    lot_size=75,
    freeze_quantity=1800,
)
STOP = {"order_type": OrderType.SL, "trigger_price": D(24400)}


def changed(**changes):
    return msgspec.structs.replace(LIMIT, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"order_type": OrderType.MARKET, "price": None, "market_protection": D(-1)},
        {**STOP, "price": D(24401)},
        {**STOP, "transaction_type": Side.SELL, "price": D(24399)},
        {"order_type": OrderType.SL_M, "price": None, "trigger_price": D(1),
         "market_protection": D("3.5")},
        {"validity": Validity.TTL, "validity_ttl": 5},
        {"variety": Variety.ICEBERG, "quantity": 150, "iceberg_legs": 2, "iceberg_quantity": 75},
        {"variety": Variety.CO, "trigger_price": D(24000)},
        {"variety": Variety.AUCTION, "auction_number": "22"},
        {"quantity": 18000, "autoslice": True},
        {"quantity": 3600, "variety": Variety.ICEBERG, "iceberg_legs": 2,
         "iceberg_quantity": 1800},
        {"market_protection": D(2)},
    ],
)  # fmt: skip
def test_a_sound_order_passes_with_and_without_its_instrument(changes):
    check_placement(changed(**changes))
    check_placement(changed(**changes), NIFTY)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("price", {"price": None}),
        ("price", {"price": D(-1)}),
        ("price", {"order_type": OrderType.MARKET, "market_protection": D(-1)}),
        ("market_protection", {"order_type": OrderType.MARKET, "price": None}),
        ("market_protection", {"order_type": OrderType.SL_M, "price": None,
                               "trigger_price": D(1)}),
        ("trigger_price", {"order_type": OrderType.SL}),
        ("trigger_price", {"trigger_price": D(24000)}),
        ("trigger_price", {"variety": Variety.CO}),
        ("price", {**STOP, "price": D(24399)}),
        ("price", {**STOP, "transaction_type": Side.SELL, "price": D(24401)}),
        ("validity_ttl", {"validity": Validity.TTL}),
        ("validity_ttl", {"validity": Validity.DAY, "validity_ttl": 5}),
        ("iceberg_legs", {"variety": Variety.ICEBERG, "iceberg_quantity": 75}),
        ("iceberg_legs", {"variety": Variety.ICEBERG, "iceberg_legs": 51,
                          "iceberg_quantity": 2}),
        ("iceberg_quantity", {"variety": Variety.ICEBERG, "iceberg_legs": 2}),
        ("iceberg_quantity", {"variety": Variety.ICEBERG, "iceberg_legs": 2,
                              "iceberg_quantity": 75}),
        ("iceberg_legs", {"iceberg_legs": 2, "iceberg_quantity": 75}),
        ("iceberg_quantity", {"iceberg_quantity": 75}),
        ("auction_number", {"variety": Variety.AUCTION}),
        ("disclosed_quantity", {"disclosed_quantity": 76}),
    ],
)  # fmt: skip
def test_the_wrong_field_is_named(field, changes):
    with pytest.raises(InvalidValue) as failure:
        check_placement(changed(**changes))
    assert failure.value.field == field


@pytest.mark.parametrize(
    ("field", "remedy", "changes"),
    [
        ("price", "24400.05", {"price": D("24400.07")}),
        ("trigger_price", "24400.00", {**STOP, "trigger_price": D("24400.01"),
                                       "price": D(24401)}),
        ("quantity", "75", {"quantity": 76}),
        ("quantity", "autoslice", {"quantity": 1875}),
        ("quantity", "", {"quantity": 18075, "autoslice": True}),
        ("iceberg_quantity", "smaller", {"quantity": 3750, "variety": Variety.ICEBERG,
                                         "iceberg_legs": 2, "iceberg_quantity": 1875}),
        ("tradingsymbol", "", {"tradingsymbol": "BANKNIFTY26JANFUT"}),
    ],
)  # fmt: skip
def test_the_instrument_says_more(field, remedy, changes):
    with pytest.raises(InvalidValue) as failure:
        check_placement(changed(**changes), NIFTY)
    assert failure.value.field == field
    assert remedy in failure.value.remedy


def test_an_index_cannot_be_traded():
    index = msgspec.structs.replace(NIFTY, is_tradable=False)
    with pytest.raises(InvalidValue, match="index"):
        check_placement(LIMIT, index)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("market_protection", {"order_type": OrderType.MARKET}),
        ("price", {"price": D(0)}),
        ("trigger_price", {"trigger_price": D(-5)}),
        ("quantity", {"variety": Variety.CO, "quantity": 75}),
        ("price", {"price": D("1.01")}),
        ("quantity", {"quantity": 76}),
    ],
)
def test_a_wrong_change_names_its_field(field, changes):
    with pytest.raises(InvalidValue) as failure:
        check_modification(ModifyForm(order_id="1", **changes), NIFTY)
    assert failure.value.field == field


def test_a_sound_change_passes():
    check_modification(ModifyForm(order_id="1", price=D("1.05"), quantity=150), NIFTY)
    check_modification(ModifyForm(order_id="1", variety=Variety.CO, trigger_price=D(5)))
