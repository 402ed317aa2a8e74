"""Each fill once, whatever the trade book repeats, hides or garbles."""

from decimal import Decimal

from patang.kite.fill_tracker import FillTracker
from patang.wire.rows import OrderRow, TradeRow
from patang.wire.translate import fill_of


def trade(trade_id: str, order_id: str = "1", quantity: int = 5, **changes) -> TradeRow:
    fields = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": "MIS",
        "transaction_type": "BUY",
        "average_price": Decimal("10.05"),
        "fill_timestamp": "2026-01-05 10:30:15",
    }
    return TradeRow(trade_id=trade_id, order_id=order_id, quantity=quantity, **fields | changes)


def order(order_id: str = "1", filled: int = 0) -> OrderRow:
    return OrderRow(
        order_id=order_id,
        status="OPEN",
        exchange="NSE",
        tradingsymbol="INFY",
        transaction_type="BUY",
        quantity=10,
        filled_quantity=filled,
    )


def test_a_repeated_trade_book_gives_each_fill_once():
    tracker = FillTracker()
    assert not tracker.report(order(filled=10))
    book = [trade("T1"), trade("T2")]
    assert [fill.trade_id for fill in tracker.take(book)] == ["T1", "T2"]
    assert tracker.take(book) == []
    assert tracker.covers(order(filled=10))
    assert not tracker.is_behind


def test_the_same_number_on_two_exchanges_or_two_orders_is_two_fills():
    tracker = FillTracker()
    tracker.learn("1")
    tracker.learn("2")
    book = [trade("7"), trade("7", exchange="BSE"), trade("7", "2", transaction_type="SELL")]
    assert len(tracker.take(book)) == 3


def test_trades_of_an_unknown_order_wait_until_it_is_known():
    tracker = FillTracker()
    assert tracker.take([trade("T1", "9")]) == []
    assert tracker.has_held
    assert [fill.trade_id for fill in tracker.learn("9")] == ["T1"]
    assert not tracker.has_held
    assert tracker.take([trade("T1", "9")]) == []


def test_an_older_report_does_not_lower_what_is_awaited():
    tracker = FillTracker()
    tracker.report(order(filled=10))
    tracker.report(order(filled=5))
    tracker.take([trade("T1")])
    assert tracker.is_behind


def test_a_garbled_trade_costs_only_itself(caplog):
    tracker = FillTracker()
    tracker.learn("1")
    book = [trade("T1"), trade("T2", product="XX"), trade("T3")]
    assert [fill.trade_id for fill in tracker.take(book)] == ["T1", "T3"]
    assert tracker.take(book) == []
    assert len(caplog.records) == 1


def test_adopted_fills_are_not_told_again():
    tracker = FillTracker()
    tracker.adopt((fill_of(trade("T1")),))
    assert [fill.trade_id for fill in tracker.take([trade("T1"), trade("T2")])] == ["T2"]
