"""An account over several days: what is delivered, marked, expired and charged, to the paisa."""

from datetime import date
from decimal import Decimal as D

import pytest

from patang.domain.enums import OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.simulator import OrderRequest, Refused
from patang.simulator.day.settlement import settle_day
from tests.money_house import (
    CALL,
    FRIDAY,
    FUTURE,
    GOLD,
    INFY,
    MONDAY,
    NIFTY,
    SBIN,
    SHARE_CALL,
    SHARE_FUTURE,
    SHARE_PUT,
    THURSDAY,
    WEDNESDAY,
    House,
)

OPENING = D(10_000_000)


def holding(house: House, user: str = "buyer"):
    (one,) = house.exchange.holdings(user)
    return one


def test_a_delivery_is_paid_comes_on_its_way_and_arrives(house):
    house.exchange.seed_holding("seller", INFY, 250, D(1000))
    house.trade(INFY, 100, "1500", Product.CNC)
    assert house.funds().available == OPENING - 150_000
    house.end_day(THURSDAY)
    # Tax 150, exchange fee 4.61, SEBI 0.15, GST 0.86, stamp duty 23: nothing else for a purchase.
    assert house.funds().opening == OPENING - 150_000 - D("178.62")
    assert house.exchange.positions("buyer") == []
    assert house.exchange.orders("buyer") == house.exchange.trades("buyer") == []
    one = holding(house)
    assert (one.quantity, one.t1_quantity, one.average_price) == (0, 100, 1500)
    # The seller's proceeds are there in full, less charges: 150 + 4.61 + 0.15 + 0.86 + 15.34.
    assert house.funds("seller").opening == OPENING + 150_000 - D("170.96")
    assert holding(house, "seller").quantity == 150
    house.begin_day(FRIDAY)
    house.end_day(FRIDAY)
    assert (holding(house).quantity, holding(house).t1_quantity) == (100, 0)


def test_four_fifths_of_a_sale_out_of_holdings_are_free_at_once(house):
    house.exchange.seed_holding("seller", INFY, 250, D(1000))
    house.trade(INFY, 100, "1500", Product.CNC)
    funds = house.funds("seller")
    assert (funds.holding_sales, funds.delivery) == (150_000, 30_000)
    assert funds.available == OPENING + 120_000
    assert funds.margin_used == 0


def test_what_was_bought_yesterday_may_be_sold_before_it_arrives(house):
    house.exchange.seed_holding("seller", INFY, 250, D(1000))
    house.trade(INFY, 100, "1500", Product.CNC)
    house.end_day(THURSDAY)
    house.begin_day(FRIDAY)
    house.trade(INFY, 60, "1510", Product.CNC, buyer="seller", seller="buyer")
    with pytest.raises(Refused, match="available quantity is 40"):
        house.order("buyer", Side.SELL, INFY, 41, "1510", Product.CNC)
    house.end_day(FRIDAY)
    assert (holding(house).quantity, holding(house).average_price) == (40, 1500)
    assert D("-15.34") in house.ledger("buyer", "depository")


def test_an_average_price_is_of_all_that_is_held(house):
    house.exchange.seed_holding("buyer", INFY, 50, D(1200))
    house.exchange.seed_holding("seller", INFY, 50, D(1200))
    house.trade(INFY, 50, "1500", Product.CNC)
    house.end_day(THURSDAY)
    assert (holding(house).total, holding(house).average_price) == (100, 1350)


def test_a_day_trade_leaves_its_profit_and_nothing_else(house):
    house.trade(INFY, 100, "1500", Product.MIS)
    house.trade(INFY, 100, "1512", Product.MIS, buyer="seller", seller="buyer")
    assert house.funds().available == OPENING + 1_200
    house.end_day(THURSDAY)
    assert house.funds().opening == OPENING + 1_200 - house.charged("buyer")
    assert house.exchange.holdings("buyer") == []


def test_intraday_shares_left_over_are_delivered_or_closed_out(house):
    house.trade(INFY, 100, "1500", Product.MIS)
    house.mark(INFY, "1530")
    house.end_day(THURSDAY)
    assert holding(house).t1_quantity == 100
    assert house.funds().opening == OPENING - 150_000 - house.charged("buyer")
    # The seller had none to deliver: what they fetched, less the close.
    assert house.ledger("seller", "close_out") == [D(-153_000)]
    assert house.funds("seller").opening == OPENING - 3_000 - house.charged("seller")


def test_a_future_is_marked_to_the_close_each_day(house):
    house.trade(FUTURE, 65, "26050")
    house.mark(FUTURE, "26100")
    house.end_day(THURSDAY)
    assert house.ledger("buyer", "mark_to_market") == [D(3_250)]
    assert house.ledger("seller", "mark_to_market") == [D(-3_250)]
    house.begin_day(FRIDAY)
    (position,) = house.exchange.positions("buyer")
    assert (position.quantity, position.overnight_quantity) == (65, 65)
    assert position.average_price == 26_050
    funds = house.funds()
    assert funds.available == funds.opening - funds.margin_used
    assert funds.opening == OPENING + 3_250 - house.charged("buyer")
    house.trade(FUTURE, 65, "26120", buyer="seller", seller="buyer")
    assert house.funds().realised == 20 * 65
    house.end_day(FRIDAY)
    assert house.funds().opening == OPENING + 70 * 65 - house.charged("buyer")
    assert house.funds("seller").opening == OPENING - 70 * 65 - house.charged("seller")
    assert house.exchange.positions("buyer") == []


def test_closing_part_of_a_marked_future_pays_that_parts_profit_since_the_close(house):
    house.trade(FUTURE, 195, "26050")
    house.mark(FUTURE, "26100")
    house.end_day(THURSDAY)
    house.begin_day(FRIDAY)
    house.trade(FUTURE, 65, "26110", buyer="seller", seller="buyer")
    assert house.funds().realised == 10 * 65
    house.mark(FUTURE, "26000")
    house.end_day(FRIDAY)
    total = 60 * 65 - 50 * 130
    assert house.funds().opening == OPENING + total - house.charged("buyer")


def test_an_option_is_paid_once_and_gives_back_what_it_is_sold_for(house):
    house.trade(CALL, 65, "150")
    assert house.funds().option_premium == 9_750
    assert house.funds().available == OPENING - 9_750
    house.end_day(THURSDAY)
    assert house.funds().opening == OPENING - 9_750 - house.charged("buyer")
    house.begin_day(FRIDAY)
    assert house.funds().option_premium == 0
    assert house.funds().available == house.funds().opening
    house.trade(CALL, 65, "160", buyer="seller", seller="buyer")
    assert house.funds().option_premium == -9_750
    assert house.funds().available == house.funds().opening + 10_400
    house.end_day(FRIDAY)
    assert house.funds().opening == OPENING + 650 - house.charged("buyer")
    assert house.funds("seller").opening == OPENING - 650 - house.charged("seller")


def test_index_contracts_end_in_cash_at_the_index(house):
    house.trade(FUTURE, 65, "26050")
    house.trade(CALL, 65, "150")
    for day in (THURSDAY, FRIDAY):
        house.end_day(day)
    house.begin_day(MONDAY)
    house.mark(NIFTY, "26080")
    house.end_day(MONDAY)
    assert house.exchange.positions("buyer") == []
    profit = 30 * 65 + (80 - 150) * 65
    assert house.funds().opening == OPENING + profit - house.charged("buyer")
    assert house.funds("seller").opening == OPENING - profit - house.charged("seller")
    # 0.15 % of the intrinsic value, to the rupee, from the buyer of the option alone.
    assert house.ledger("buyer", "delivery_tax") == [D(-8)]
    assert house.ledger("seller", "delivery_tax") == []


def test_an_option_out_of_the_money_ends_worthless(house):
    house.trade(CALL, 65, "150")
    for day in (THURSDAY, FRIDAY):
        house.end_day(day)
    house.begin_day(MONDAY)
    house.mark(NIFTY, "25900")
    house.end_day(MONDAY)
    assert house.funds().opening == OPENING - 9_750 - house.charged("buyer")
    assert house.exchange.positions("seller") == []


def test_share_contracts_end_in_shares(house):
    house.exchange.seed_holding("seller", INFY, 800, D(1400))
    house.trade(SHARE_FUTURE, 400, "1505")
    house.trade(SHARE_CALL, 400, "30")
    house.begin_day(MONDAY)
    house.mark(INFY, "1530")
    house.end_day(MONDAY)
    one = holding(house)
    # 400 for the future at the final price, 400 for the call at its strike.
    assert (one.t1_quantity, one.average_price) == (800, 1515)
    paid = 400 * 1505 + 400 * (1500 + 30)
    assert house.funds().opening == OPENING - paid - house.charged("buyer")
    assert house.funds("seller").opening == OPENING + paid - house.charged("seller")
    assert house.exchange.holdings("seller") == []
    assert house.ledger("buyer", "delivery_tax") == [D(-1_212)]  # 0.1 % of 12.12 lakh


def test_a_put_without_the_shares_is_closed_out_for_its_intrinsic_value(house):
    house.trade(SHARE_PUT, 400, "105")
    house.begin_day(MONDAY)
    house.mark(INFY, "1530")
    house.end_day(MONDAY)
    assert house.ledger("buyer", "close_out") == [D(-400 * 1530)]
    assert house.funds().opening == OPENING + 400 * (70 - 105) - house.charged("buyer")
    assert holding(house, "seller").t1_quantity == 400


def test_shares_that_come_today_may_go_today(house):
    house.trade(INFY, 400, "1500", Product.MIS)
    house.trade(SHARE_PUT, 400, "105")
    house.begin_day(MONDAY)
    house.end_day(MONDAY)
    assert house.ledger("buyer", "close_out") == []
    assert house.exchange.holdings("buyer") == []


def test_an_intraday_contract_left_over_is_carried_in_its_multiple(house):
    house.trade(GOLD, 2, "120000", Product.MIS)
    house.mark(GOLD, "120500")
    house.end_day(THURSDAY)
    (position,) = house.exchange.positions("buyer")
    assert (position.product, position.quantity) == (Product.NRML, 2)
    assert house.ledger("buyer", "mark_to_market") == [D(10_000)]
    assert position.overnight_value == 2 * 10 * 120_000


def test_funded_shares_cost_their_margin_the_loan_bears_interest_and_is_repaid(house):
    house.exchange.seed_holding("seller", INFY, 100, D(1000))
    house.trade(INFY, 100, "1500", Product.MTF, sold_as=Product.CNC)
    assert house.funds().margin_used == 30_000
    house.end_day(THURSDAY)
    assert house.funds().opening == OPENING - 30_000 - house.charged("buyer")
    funded = holding(house).funded
    assert (funded.quantity, funded.average_price, funded.loan) == (100, 1500, 120_000)
    for day in (FRIDAY, MONDAY):
        house.begin_day(day)
        house.end_day(day)
    # 0.04 % a day from the day after: one day to Friday, three to Monday.
    assert house.ledger("buyer", "interest") == [D("-48.00"), D("-144.00")]
    house.begin_day(WEDNESDAY)
    with pytest.raises(Refused, match="available quantity is 100"):
        house.order("buyer", Side.SELL, INFY, 101, "1550", Product.MTF)
    house.trade(INFY, 100, "1550", Product.CNC, buyer="seller", seller="buyer",
                sold_as=Product.MTF)  # fmt: skip
    house.end_day(WEDNESDAY)
    assert house.exchange.holdings("buyer") == []
    assert house.funds().opening == OPENING + 5_000 - house.charged("buyer")
    assert house.ledger("buyer", "pledge") == [D("-17.70"), D("-17.70")]


def test_nothing_settles_on_days_without_trading(house):
    house.exchange.seed_holding("seller", INFY, 100, D(1000))
    house.begin_day(FRIDAY)
    house.trade(INFY, 100, "1500", Product.CNC)
    saturday, sunday = FRIDAY.replace(day=21), FRIDAY.replace(day=22)
    for day in (FRIDAY, FRIDAY, saturday, sunday):
        house.end_day(day)
        assert holding(house).t1_quantity == 100
    house.end_day(MONDAY)
    assert holding(house).quantity == 100


def test_a_roll_before_the_next_trading_day_closes_the_last_one(house):
    house.exchange.seed_holding("seller", INFY, 100, D(1000))
    house.begin_day(FRIDAY)
    house.trade(INFY, 100, "1500", Product.CNC)
    house.end_day(FRIDAY.replace(day=22))  # in the night to Monday
    assert {one.on for one in house.exchange.back_office.ledger("buyer")} == {FRIDAY}
    house.end_day(MONDAY)
    assert holding(house).quantity == 100


def test_the_ledger_explains_every_opening_balance(house):
    house.exchange.seed_holding("seller", SBIN, 500, D(800))
    house.exchange.back_office.pay_in("buyer", D(25_000))
    house.trade(SBIN, 300, "905", Product.CNC)
    house.trade(FUTURE, 130, "26060")
    house.trade(CALL, 130, "151")
    for day in (THURSDAY, FRIDAY, MONDAY):
        house.begin_day(day)
        house.end_day(day)
        for user in ("buyer", "seller"):
            assert house.funds(user).opening == OPENING + sum(house.ledger(user))
    assert house.ledger("buyer", "payin") == [25_000]


def test_a_seeded_position_was_settled_up_to_the_previous_close(house):
    house.exchange.seed_position("buyer", FUTURE, Product.NRML, 65, D(26_000))
    house.exchange.seed_position("seller", CALL, Product.NRML, -65, D(100))
    assert house.funds().realised == house.funds("seller").realised == 0
    house.trade(FUTURE, 65, "26070", buyer="seller", seller="buyer")
    assert house.funds().realised == 20 * 65  # since the close of 26050
    (position,) = [one for one in house.exchange.positions("buyer") if one.instrument == FUTURE]
    assert position.realised == 70 * 65
    house.trade(CALL, 65, "140", buyer="seller", seller="buyer")
    house.end_day(THURSDAY)
    assert house.funds().opening == OPENING + 1_300 + 9_100 - house.charged("buyer")


@pytest.mark.parametrize(
    ("product", "quantity", "price", "field"),
    [
        (Product.NRML, 0, "1", "quantity"),
        (Product.NRML, 64, "1", "quantity"),
        (Product.NRML, 65, "-1", "price"),
        (Product.MIS, 65, "1", "product"),
    ],
)
def test_a_seed_that_cannot_be_is_refused(house, product, quantity, price, field):
    with pytest.raises(InvalidValue, match=field):
        house.exchange.seed_position("buyer", FUTURE, product, quantity, D(price))
    with pytest.raises(Refused, match="does not exist"):
        house.exchange.seed_position("buyer", InstrumentId("NFO:NONE"), product, 1, D(1))
    with pytest.raises(InvalidValue, match="quantity"):
        house.exchange.seed_holding("buyer", INFY, 0, D(1))


def test_withdrawals_leave_what_is_blocked(house):
    house.trade(INFY, 100, "1500", Product.MIS)
    office = house.exchange.back_office
    with pytest.raises(Refused, match=r"available margin is 9970000\.00"):
        office.pay_out("buyer", D(9_970_001))
    office.pay_out("buyer", D(9_970_000))
    assert house.funds().available == 0
    with pytest.raises(InvalidValue, match="amount"):
        office.pay_in("buyer", D(0))


def test_an_order_that_the_broker_placed_costs_its_fee(house):
    house.trade(INFY, 10, "1500", Product.MIS)
    house.order("seller", Side.BUY, INFY, 10, "1500", Product.MIS)
    request = OrderRequest(
        instrument=INFY,
        side=Side.SELL,
        quantity=10,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        price=D(1500),
        placed_by="RMS",
    )
    house.exchange.place("buyer", request, house.now_ns)
    (fee,) = house.exchange.back_office.fees("buyer", THURSDAY)
    assert (fee.name, fee.amount) == ("square_off", D("59.00"))
    house.end_day(THURSDAY)
    assert house.ledger("buyer", "square_off") == [D("-59.00")]


def test_a_carried_futures_open_profit_is_that_of_the_day(house):
    house.trade(FUTURE, 65, "26050")
    house.mark(FUTURE, "26100")
    assert house.funds().unrealised == 50 * 65
    house.end_day(THURSDAY)
    house.begin_day(FRIDAY)
    house.mark(FUTURE, "26080")
    assert house.funds().unrealised == -20 * 65


def test_charges_of_the_day_add_up_order_by_order(house):
    house.exchange.seed_holding("seller", INFY, 250, D(1000))
    house.trade(INFY, 100, "1500", Product.CNC)
    house.trade(CALL, 65, "150")
    charges = house.exchange.charges("buyer")
    # 150000 of shares and 9750 of premium: brokerage only for the option, stamp duty for both.
    assert charges.brokerage == 20
    assert charges.transaction_tax == 150
    assert charges.stamp_duty == D("22.5") + D("0.2925")
    notes = house.exchange.back_office.contract_notes("buyer", THURSDAY)
    assert set(notes) == {"equity", "equity derivatives"}
    assert notes["equity"].total == D("178.62")
    house.end_day(THURSDAY)
    assert house.exchange.charges("buyer").total == 0
    assert sum(house.ledger("buyer", "contract_note")) == -sum(one.total for one in notes.values())


@pytest.mark.parametrize("name", [FUTURE, NIFTY])
def test_only_shares_are_held(house, name):
    with pytest.raises(InvalidValue, match="is not held in a demat"):
        house.exchange.seed_holding("buyer", name, 65, D(1))


def test_a_day_before_the_rates_are_known_is_settled_without_charges(house):
    """A recorded day may be older than the charges table."""
    house.exchange.seed_holding("seller", INFY, 100, D(1000))
    house.trade(INFY, 100, "1500", Product.CNC)
    for user in ("buyer", "seller"):
        account = house.exchange.back_office.account(user)
        settle_day(
            account, house.exchange.marks, house.exchange.closing_price, date(2020, 6, 1), days=1
        )
    assert house.funds().opening == OPENING - 150_000
    assert house.funds("seller").opening == OPENING + 150_000
    texts = [one.text for one in house.exchange.back_office.ledger("seller") if not one.amount]
    assert len(texts) == 2  # the contract note, and the depository's charge
    assert all(text.startswith("Nothing charged: There is no rate for") for text in texts)
