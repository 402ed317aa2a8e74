"""The books from fills alone: what a trade costs, once, for the account and its owner."""

from decimal import Decimal

from patang.domain.enums import Product, Side
from patang.engine.portfolio import EXTERNAL, Portfolio
from tests.builders import FUTURE, INFY, START_NS, TCS, Desk, fill, spec


def books() -> Portfolio:
    return Portfolio(spec())


def test_brokerage_is_charged_for_the_order_and_not_for_each_fill():
    whole, parts = books(), books()
    whole.book(fill(3_000, "1500"), "a")
    for number in range(30):
        parts.book(fill(100, "1500", trade_id=f"t{number}"), "a")
    assert whole.charges == parts.charges > 20
    assert whole.cash == parts.cash == Decimal(1_000_000) - 4_500_000 - whole.charges


def test_charges_are_whole_paise():
    one = books()
    for number in range(7):
        one.book(fill(number + 1, "1234.10", trade_id=f"t{number}"), "a")
        assert one.charges == round(one.charges, 2)


def test_the_equity_is_cash_and_what_is_held():
    one = books()
    one.book(fill(100, "1500"), "a")
    one.book(fill(75, "25000.05", trade_id="t2", instrument=FUTURE, product=Product.NRML), "b")
    one.mark(INFY.id, Decimal("1510.10"))
    held = 100 * Decimal("1510.10") + 75 * Decimal("25000.05")
    assert one.equity == one.cash + held
    assert one.net_pnl == one.gross_pnl - one.charges


def test_owners_share_the_account_and_keep_their_own():
    one = books()
    one.book(fill(10), "a")
    one.book(fill(4, side=Side.SELL, trade_id="t2", order_id="o2"), "b")
    assert (one.owned("a", INFY.id), one.owned("b", INFY.id), one.held(INFY.id)) == (10, -4, 6)


def test_what_was_taken_for_external_changes_hands_without_moving_the_account():
    desk = Desk()
    desk.say(10)
    intent = desk.last_order.intent
    one = books()
    one.book(fill(3, "99", order_id="o1", trade_id="t1"), EXTERNAL)
    one.book(fill(5, "98", order_id="phone", trade_id="t2"), EXTERNAL)
    one.book(fill(2, "97", order_id="o1", trade_id="t3"), EXTERNAL)
    cash = one.cash
    assert [f.trade_id for f in one.claim("o1", intent)] == ["t1", "t3"]
    assert (one.owned("alpha", INFY.id), one.owned(EXTERNAL, INFY.id)) == (5, 5)
    assert one.owners()[(EXTERNAL, INFY.id)].buy_value == 490
    assert (one.cash, one.held(INFY.id), one.fills) == (cash, 10, 3)
    assert one.claim("o1", intent) == []


def test_the_same_trade_id_on_two_exchanges_is_two_trades():
    one = books()
    assert one.book(fill(1), "a")
    assert one.book(fill(75, instrument=FUTURE, product=Product.NRML), "a")
    assert not one.book(fill(1), "a")


def test_an_instrument_never_marked_is_valued_at_its_first_trade():
    one = books()
    one.book(fill(10, "100", instrument=TCS, at_ns=START_NS), "a")
    assert one.gross_pnl == 0
