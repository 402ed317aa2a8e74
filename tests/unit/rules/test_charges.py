"""Charges against published figures, Kite's own responses, and worked contract notes."""

from datetime import date
from decimal import Decimal as D

import msgspec
import pytest

from patang.domain.enums import Exchange, InstrumentType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.domain.money import to_paisa
from patang.rules.charge_table import RateUnknown
from patang.rules.charges import (
    Charges,
    api_form,
    depository_charge,
    exercise_tax,
    fee_with_gst,
    mtf_interest,
    order_charges,
    round_to_paisa,
)
from patang.rules.contract_note import ExecutedOrder, contract_note
from patang.rules.ist import at_ist

NOW = date(2026, 11, 20)
MOCKS = date(2023, 7, 10)


def contract(
    exchange: str, kind: str = "EQ", *, symbol: str = "X", name: str = "", multiplier: int = 1
) -> Instrument:
    return Instrument(
        exchange=Exchange(exchange),
        symbol=symbol,
        token=1,
        tick_size=D("0.05"),
        instrument_type=InstrumentType(kind),
        name=name,
        multiplier=multiplier,
    )


SHARE = contract("NSE")
OPTION = contract("NFO", "CE")
FUTURE = contract("NFO", "FUT")


def trade(
    instrument: Instrument, product: str, side: str, quantity: int, price: str, group: str = ""
) -> ExecutedOrder:
    return ExecutedOrder(
        instrument=instrument,
        product=Product(product),
        side=Side(side),
        quantity=quantity,
        price=D(price),
        group=group,
    )


# Kite's own answers: kiteconnect-mocks, order margins and charges of July 2023.
@pytest.mark.parametrize(
    ("instrument", "product", "side", "quantity", "price", "expected", "total"),
    [
        (
            SHARE, Product.CNC, Side.BUY, 1, "560",
            ("0", "0.56", "0.01876", "0.00056", "0", "0.0033768"), "0.5826968",
        ),
        (
            contract("MCX", "FUT"), Product.NRML, Side.SELL, 1, "5862",
            ("1.7586", "0.5862", "0.152412", "0.005862", "0", "0.34503732"), "2.84811132",
        ),
        (
            contract("NFO", "PE"), Product.NRML, Side.BUY, 100, "1.5",
            ("20", "0", "0.07575", "0.00015", "0", "3.613527"), "23.689427",
        ),
    ],
    ids=["M1", "M2", "M3"],
)  # fmt: skip
def test_the_api_form_equals_kites_answers(
    instrument: Instrument,
    product: Product,
    side: Side,
    quantity: int,
    price: str,
    expected: tuple[str, ...],
    total: str,
) -> None:
    charges = api_form(order_charges(instrument, product, side, quantity, D(price), MOCKS))
    assert msgspec.structs.astuple(charges) == tuple(map(D, expected))
    assert charges.total == D(total)


def test_a_published_delivery_round_trip_costs_what_the_calculator_says() -> None:
    # Zerodha's brokerage calculator: 1000 shares at 100, bought and sold for delivery: 222.48.
    notes = [
        contract_note([trade(SHARE, "CNC", side, 1000, "100")], day)
        for side, day in (("BUY", date(2026, 11, 19)), ("SELL", NOW))
    ]
    both = notes[0] + notes[1]
    assert msgspec.structs.astuple(both) == (0, 200, D("6.14"), D("0.20"), 15, D("1.14"))
    assert both.total == D("222.48")
    for day in (date(2024, 10, 1), date(2026, 2, 28), date(2026, 3, 1), NOW):
        orders = [trade(SHARE, "CNC", side, 1000, "100") for side in ("BUY", "SELL")]
        assert contract_note(orders, day, nets_intraday=False).total == D("222.48")


def test_intraday_tax_is_on_the_average_price_of_the_day() -> None:
    orders = [trade(SHARE, "MIS", "BUY", 500, "100"), trade(SHARE, "MIS", "SELL", 500, "105")]
    assert contract_note(orders, NOW).transaction_tax == 13  # 500 x 102.50 x 0.025 % = 12.81


def test_delivery_tax_is_rounded_half_up_to_the_rupee() -> None:
    bought = contract_note([trade(SHARE, "CNC", "BUY", 500, "100")], NOW)
    sold = contract_note([trade(SHARE, "CNC", "SELL", 500, "105")], NOW)
    assert (bought.transaction_tax, sold.transaction_tax) == (50, 53)


# Round trips at the rates of 2026-11, each order taxed on its own value: brokerage, tax,
# exchange fee, SEBI fee, GST, stamp duty, total, net profit.
@pytest.mark.parametrize(
    ("instrument", "product", "buy", "sell", "quantity", "expected"),
    [
        (SHARE, "CNC", "100", "100", 1000, "0 200 6.14 0.20 1.14 15 222.48 -222.48"),
        (SHARE, "CNC", "1000", "1100", 100, "0 210 6.45 0.21 1.20 15 232.86 9767.14"),
        (SHARE, "MIS", "1000", "1100", 400, "40 110 25.79 0.84 11.99 12 200.62 39799.38"),
        (OPTION, "NRML", "100", "110", 400, "40 66 29.85 0.08 12.59 1 149.52 3850.48"),
        (
            contract("MCX", "FUT", multiplier=100), "NRML", "6000", "6050", 1,
            "40 61 25.31 1.21 11.97 12 151.49 4848.51",
        ),
        (
            contract("CDS", "CE", multiplier=1000), "NRML", "0.25", "0.3", 1,
            "40 0 0.17 0.00 7.23 0 47.40 2.60",
        ),
    ],
    ids=["delivery flat", "delivery", "intraday", "options", "commodity", "currency"],
)  # fmt: skip
def test_a_round_trip_costs_what_the_calculator_says(
    instrument: Instrument, product: str, buy: str, sell: str, quantity: int, expected: str
) -> None:
    orders = [
        trade(instrument, product, "BUY", quantity, buy),
        trade(instrument, product, "SELL", quantity, sell),
    ]
    note = contract_note(orders, NOW, nets_intraday=False)
    net = orders[1].value - orders[0].value - note.total
    found = (
        note.brokerage,
        note.transaction_tax,
        note.exchange_fee,
        note.sebi_fee,
        note.gst,
        note.stamp_duty,
        note.total,
        net,
    )
    assert found == tuple(map(D, expected.split()))


@pytest.mark.parametrize(
    ("instrument", "before", "rate_before", "rate_after"),
    [
        (FUTURE, date(2024, 9, 30), None, "0.0002"),
        (FUTURE, date(2026, 3, 31), "0.0002", "0.0005"),
        (OPTION, date(2024, 9, 30), "0.000625", "0.001"),
        (OPTION, date(2026, 3, 31), "0.001", "0.0015"),
    ],
)
def test_transaction_tax_changes_on_its_day(
    instrument: Instrument, before: date, rate_before: str | None, rate_after: str
) -> None:
    after = date.fromordinal(before.toordinal() + 1)

    def tax(day: date) -> D:
        charges = order_charges(instrument, Product.NRML, Side.SELL, 1, D(100000), day)
        return charges.transaction_tax / 100000

    assert tax(after) == D(rate_after)
    if rate_before is None:  # no exchange fee is known for futures before that day
        with pytest.raises(RateUnknown, match="begins on 2024-10-01"):
            tax(before)
    else:
        assert tax(before) == D(rate_before)


@pytest.mark.parametrize(
    ("instrument", "day", "fee", "ipft"),
    [
        (SHARE, date(2024, 9, 30), "0.0000325", "0.000001"),
        (SHARE, date(2024, 10, 1), "0.0000297", "0.000001"),
        (SHARE, date(2026, 3, 1), "0.000030699", "0.000000001"),
        (FUTURE, date(2026, 2, 28), "0.0000173", "0.000001"),
        (FUTURE, date(2026, 3, 1), "0.000018299", "0.000000001"),
        (OPTION, date(2024, 9, 30), "0.0005", "0.000005"),
        (OPTION, date(2026, 2, 28), "0.0003503", "0.000005"),
        (OPTION, date(2026, 3, 1), "0.0003552", "0.0000001"),
        (contract("MCX", "FUT"), date(2024, 9, 30), "0.000026", "0"),
        (contract("MCX", "FUT"), date(2024, 10, 1), "0.000021", "0"),
        (contract("MCX", "CE"), NOW, "0.000418", "0"),
        (contract("NCO", "FUT"), NOW, "0.000001", "0"),
        (contract("NCO", "PE"), NOW, "0.00001", "0"),
        (contract("BSE"), NOW, "0.0000375", "0"),
        (contract("BFO", "FUT"), NOW, "0", "0"),
        (contract("BFO", "CE", name="SENSEX"), NOW, "0.000325", "0"),
        (contract("BFO", "CE", name="RELIANCE"), NOW, "0.00005", "0"),
        (contract("CDS", "FUT"), NOW, "0.0000035", "0"),
        (contract("BCD", "FUT"), NOW, "0.0000045", "0"),
        (contract("BCD", "CE"), NOW, "0.00001", "0"),
    ],
)
def test_exchange_fees_are_those_of_the_day(
    instrument: Instrument, day: date, fee: str, ipft: str
) -> None:
    product = Product.MIS
    charges = order_charges(instrument, product, Side.BUY, 10, D(100), day)
    assert charges.exchange_fee == 1000 * (D(fee) + D(ipft))
    taxed = charges.brokerage + 1000 * D(fee) + charges.sebi_fee
    assert charges.gst == taxed * D("0.18")


@pytest.mark.parametrize(
    ("group", "fee"), [("", "3.75"), ("A", "3.75"), ("X", "100"), ("ST", "1000"), ("MT", "2.75")]
)
def test_the_group_of_a_bse_share_decides_its_fee(group: str, fee: str) -> None:
    bse = contract("BSE")
    charges = order_charges(bse, Product.CNC, Side.BUY, 1000, D(100), NOW, group=group)
    assert charges.exchange_fee == D(fee)


@pytest.mark.parametrize(
    ("instrument", "product", "value", "brokerage"),
    [
        (SHARE, Product.CNC, 1_000_000, "0"),
        (SHARE, Product.MIS, 10_000, "3"),
        (SHARE, Product.MIS, 66_666, "19.9998"),
        (SHARE, Product.MIS, 1_000_000, "20"),
        (SHARE, Product.MTF, 1_000, "3"),
        (SHARE, Product.MTF, 100_000, "20"),
        (FUTURE, Product.NRML, 10_000, "3"),
        (OPTION, Product.MIS, 1, "20"),
    ],
)
def test_brokerage_is_per_order_and_capped(
    instrument: Instrument, product: Product, value: int, brokerage: str
) -> None:
    charges = order_charges(instrument, product, Side.BUY, 1, D(value), NOW)
    assert charges.brokerage == D(brokerage)


def test_stamp_duty_is_paid_by_the_buyer_only() -> None:
    bought = order_charges(SHARE, Product.MIS, Side.BUY, 10, D(1000), NOW)
    sold = order_charges(SHARE, Product.MIS, Side.SELL, 10, D(1000), NOW)
    assert (bought.stamp_duty, sold.stamp_duty) == (D("0.3"), 0)
    assert (bought.transaction_tax, sold.transaction_tax) == (0, D("2.5"))


def test_the_multiplier_counts() -> None:
    lot = contract("MCX", "FUT", multiplier=100)
    unit = contract("MCX", "FUT")
    assert order_charges(lot, Product.NRML, Side.SELL, 2, D(6000), NOW) == order_charges(
        unit, Product.NRML, Side.SELL, 200, D(6000), NOW
    )


def test_a_day_may_be_given_as_an_instant() -> None:
    last_ns = at_ist(date(2026, 4, 1), 0, 0) - 1
    for at_ns, tax in ((last_ns, "0.0002"), (last_ns + 1, "0.0005")):
        charges = order_charges(FUTURE, Product.NRML, Side.SELL, 1, D(1), at_ns)
        assert charges.transaction_tax == D(tax)


def test_charges_of_fills_add_up_to_the_charges_of_the_order() -> None:
    booked = Charges()
    for filled in (10, 25, 60, 100):
        so_far = order_charges(SHARE, Product.MIS, Side.BUY, filled, D("1432.35"), NOW)
        booked += so_far - booked
    assert booked == order_charges(SHARE, Product.MIS, Side.BUY, 100, D("1432.35"), NOW)
    assert order_charges(OPTION, Product.MIS, Side.BUY, 0, D(5), NOW) == Charges()


def test_paisa_rounding_keeps_every_part_and_the_total() -> None:
    exact = order_charges(SHARE, Product.MIS, Side.SELL, 7, D("1432.35"), NOW)
    rounded = round_to_paisa(exact)
    pairs = zip(msgspec.structs.astuple(exact), msgspec.structs.astuple(rounded), strict=True)
    assert all(to_paisa(part) == shown for part, shown in pairs)
    assert abs(rounded.total - exact.total) < D("0.03")


def test_shares_bought_and_sold_on_one_day_are_taxed_as_intraday_whatever_their_product() -> None:
    # 300 bought, 100 of them sold: 100 intraday and 200 delivery at the day's average of 102.50.
    orders = [trade(SHARE, "CNC", "BUY", 300, "100"), trade(SHARE, "CNC", "SELL", 100, "110")]
    note = contract_note(orders, NOW)
    assert note.transaction_tax == 23  # 100 x 102.5 x 0.025 % + 200 x 102.5 x 0.1 % = 23.06
    assert note.stamp_duty == 3  # 10,000 x 0.003 % + 20,000 x 0.015 % = 3.30
    assert note.brokerage == 0


def test_shares_are_netted_each_on_its_own() -> None:
    other = contract("NSE", symbol="Y")
    orders = [trade(SHARE, "CNC", "BUY", 100, "1000"), trade(other, "CNC", "SELL", 100, "1000")]
    assert contract_note(orders, NOW).transaction_tax == 200


def test_margin_funded_shares_are_never_netted() -> None:
    orders = [trade(SHARE, "MTF", "BUY", 100, "1000"), trade(SHARE, "MTF", "SELL", 100, "1000")]
    assert contract_note(orders, NOW).transaction_tax == 200


def test_one_note_rounds_tax_once() -> None:
    orders = [trade(SHARE, "MIS", side, 10, "100") for side in ("BUY", "SELL") * 5]
    # Ten orders of 0.25 rupees tax on the sell side each: 1.25 in all.
    assert contract_note(orders, NOW).transaction_tax == 1
    assert contract_note([], NOW) == Charges()


def test_a_note_of_two_segments_is_refused() -> None:
    orders = [trade(SHARE, "MIS", "BUY", 1, "1"), trade(OPTION, "MIS", "BUY", 1, "1")]
    with pytest.raises(InvalidValue, match="equity, equity derivatives"):
        contract_note(orders, NOW)


def test_charges_outside_the_note() -> None:
    assert depository_charge(NOW) == D("15.34")
    assert depository_charge(NOW, first_holder_is_woman=True) == D("15.045")
    assert fee_with_gst("square_off", NOW) == 59
    assert mtf_interest(D(40_000), 20, NOW) == 320
    assert exercise_tax(OPTION, D(10_000), NOW) == 15
    assert exercise_tax(OPTION, D(10_000), date(2026, 3, 31)) == D("12.5")
    with pytest.raises(InvalidValue, match="Known: depository, depository_woman"):
        fee_with_gst("coffee", NOW)


@pytest.mark.parametrize(
    ("instrument", "product", "quantity", "price", "field"),
    [
        (SHARE, Product.NRML, 1, "1", "product"),
        (FUTURE, Product.CNC, 1, "1", "product"),
        (OPTION, Product.MTF, 1, "1", "product"),
        (contract("NFO"), Product.NRML, 1, "1", "instrument_type"),
        (SHARE, Product.MIS, -1, "1", "quantity"),
        (SHARE, Product.MIS, 1, "-1", "price"),
    ],
)
def test_what_cannot_be_charged_is_refused_by_name(
    instrument: Instrument, product: Product, quantity: int, price: str, field: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        order_charges(instrument, product, Side.BUY, quantity, D(price), NOW)
    assert caught.value.field == field


def test_a_day_before_the_table_has_no_rate() -> None:
    with pytest.raises(RateUnknown, match=r"2023-03-31.*begins on 2023-04-01"):
        order_charges(SHARE, Product.CNC, Side.BUY, 1, D(1), date(2023, 3, 31))


def test_agricultural_contracts_pay_no_tax_and_a_tenth_of_the_sebi_fee() -> None:
    cotton = contract("MCX", "FUT", name="COTTONCNDY", multiplier=48)
    gold = contract("MCX", "FUT", name="GOLD", multiplier=48)
    taxed = order_charges(gold, Product.NRML, Side.SELL, 1, D(1000), NOW)
    free = order_charges(cotton, Product.NRML, Side.SELL, 1, D(1000), NOW)
    assert (taxed.transaction_tax, free.transaction_tax) == (D("4.8"), 0)
    assert free.sebi_fee == taxed.sebi_fee / 10
    assert free.exchange_fee == taxed.exchange_fee


def test_the_average_of_several_fills_costs_what_the_fills_cost() -> None:
    # 1 at 1833.30 and 2 at 1833.35 are 5500.00, whose tax of 5.50 is rounded up.
    average = (D("1833.30") + 2 * D("1833.35")) / 3
    assert average * 3 < 5500
    order = ExecutedOrder(
        instrument=SHARE, product=Product.MTF, side=Side.BUY, quantity=3, price=average
    )
    assert contract_note([order], NOW).transaction_tax == 6
