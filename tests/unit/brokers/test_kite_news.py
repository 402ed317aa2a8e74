"""Books and updates of an account become one stream: each thing once, and fills first."""

from decimal import Decimal

import pytest

from patang.domain.messages import FillReceived, SubmitOrder
from patang.domain.order import OrderStatus
from patang.kite import ReplyLost
from tests.lossy_exchange import HTML, an_intent, kinds, order_form, success


async def test_a_fill_is_told_before_the_update_that_reports_it(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    for quantity in (4, 6):
        exchange.fill("1", quantity)
        broker.order_update_received(exchange.update("1"))
        await clock.run_for(1)
    assert kinds(told) == [
        "OrderAccepted",
        "FillReceived",
        "OrderUpdated",
        "FillReceived",
        "OrderUpdated",
    ]
    assert [e.fill.quantity for e in told if isinstance(e, FillReceived)] == [4, 6]
    assert {e.tag for e in told if isinstance(e, FillReceived)} == {"tag1"}
    assert told[1].fill.price == Decimal("1500.05")
    assert told[-1].status is OrderStatus.FILLED


async def test_repeated_and_late_updates_change_nothing(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 4)
    partial = exchange.update("1")
    exchange.fill("1", 6)
    complete = exchange.update("1")
    for update in (complete, complete, partial, complete, partial):
        broker.order_update_received(update)
        await clock.run_for(1)
    broker.feed_reconnected()
    await clock.run_for(1)
    assert kinds(told) == ["OrderAccepted", "FillReceived", "FillReceived", "OrderUpdated"]


async def test_many_updates_share_one_read_of_the_trade_book(broker, told, exchange, clock):
    for n in range(5):
        await broker.submit(SubmitOrder(intent=an_intent(f"tag{n}")))
    await clock.run_for(0.1)
    for order_id in exchange.orders:
        exchange.fill(order_id, 10)
        broker.order_update_received(exchange.update(order_id))
    await clock.run_for(3)
    assert exchange.count("GET /trades") == 1
    assert kinds(told).count("FillReceived") == kinds(told).count("OrderUpdated") == 5


async def test_a_lagging_trade_book_delays_the_update_but_not_for_ever(
    broker, told, exchange, clock
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    exchange.hidden.add("T1")
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(0.5)
    assert kinds(told) == ["OrderAccepted"]
    await clock.run_for(2)
    assert kinds(told) == ["OrderAccepted", "OrderUpdated"]
    exchange.hidden.clear()
    await clock.run_for(10)
    assert kinds(told) == ["OrderAccepted", "OrderUpdated", "FillReceived"]


async def test_a_trade_book_that_cannot_be_read_is_read_again(broker, told, exchange, clock):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    exchange.faults["GET"] = [HTML, ReplyLost("x")]
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(2)
    assert kinds(told) == ["OrderAccepted", "FillReceived", "OrderUpdated"]


async def test_a_fill_that_the_socket_never_told_of_is_found_in_the_book(
    broker, told, exchange, clock
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.fill("1", 10)
    await clock.run_for(31)
    assert kinds(told) == ["OrderAccepted", "FillReceived", "OrderUpdated"]
    reads = len(exchange.requests)
    await clock.run_for(600)
    assert len(exchange.requests) == reads


async def test_orders_placed_by_hand_are_told_without_a_tag(broker, told, exchange, clock):
    exchange.carry_out("POST", "/orders/regular", order_form("x"))
    exchange.orders["1"]["tag"] = None
    exchange.fill("1", 10)
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(1)
    fill, update = told
    assert (fill.tag, update.tag) == (None, None)


async def test_trades_of_an_order_nobody_told_of_wait_for_the_order_book(
    broker, told, exchange, clock
):
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.carry_out("POST", "/orders/regular", order_form("elsewhere"))
    exchange.fill("1", 10)
    exchange.fill("2", 10)
    broker.order_update_received(exchange.update("1"))
    await clock.run_for(3)
    tags = [event.tag for event in told if isinstance(event, FillReceived)]
    assert tags == ["tag1", "elsewhere"]


async def test_a_snapshot_is_the_brokers_books_and_adopting_it_repeats_nothing(
    exchange, clock, broker, told
):
    exchange.carry_out("POST", "/orders/regular", order_form("earlier"))
    exchange.fill("1", 10)
    segment = {"net": 99.5, "available": {}, "utilised": {}}
    position = {
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "product": "MIS",
        "quantity": 10,
        "buy_value": 15000.5,
    }
    exchange.faults["GET"] = [
        None,
        None,
        success({"net": [position], "day": []}),
        success({"equity": segment, "commodity": segment}),
    ]
    snapshot = await broker.snapshot()
    assert [order.tag for order in snapshot.orders] == ["earlier"]
    assert [fill.trade_id for fill in snapshot.trades] == ["T1"]
    assert snapshot.positions[0].buy_value == Decimal("15000.5")
    assert snapshot.available_cash == Decimal("99.5")
    broker.adopt(snapshot)
    broker.feed_reconnected()
    await clock.run_for(60)
    assert told == []


@pytest.mark.parametrize("marks", [["mktp", "mktp:2.00"], ["autoslice", "autoslice:9"]])
async def test_an_order_is_ours_though_kites_own_marks_come_first(
    broker, told, exchange, clock, marks
):
    exchange.faults["POST"] = [ReplyLost("reset")]
    await broker.submit(SubmitOrder(intent=an_intent()))
    await clock.run_for(0.1)
    exchange.orders["1"] |= {"tag": marks[0], "tags": [*marks, "tag1"]}
    exchange.fill("1", 10)
    await clock.run_for(2)
    assert kinds(told) == ["OrderUnresolved", "OrderAccepted", "FillReceived", "OrderUpdated"]
    assert [event.tag for event in told[2:]] == ["tag1", "tag1"]


async def test_a_fill_that_a_snapshot_lacks_is_told_when_the_trade_book_has_it(
    broker, told, exchange, clock
):
    exchange.carry_out("POST", "/orders/regular", order_form("earlier"))
    exchange.fill("1", 10)
    exchange.hidden.add("T1")
    segment = {"net": 99.5, "available": {}, "utilised": {}}
    exchange.faults["GET"] = [
        None,
        None,
        success({"net": [], "day": []}),
        success({"equity": segment, "commodity": segment}),
    ]
    broker.adopt(await broker.snapshot())
    await clock.run_for(1)
    assert told == []
    exchange.hidden.clear()
    await clock.run_for(10)
    assert [(e.fill.trade_id, e.tag) for e in told] == [("T1", "earlier")]
