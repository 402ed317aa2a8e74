"""The analytics on rows: sums by the broker's formulas, exact to the paisa."""

import json
import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from patang.domain.errors import InvalidValue
from patang.domain.order import OrderStatus
from patang.kite import analytics
from patang.wire.errors import DataException
from patang.wire.rows import HoldingRow, OrderRow, PositionRow, Positions, QuoteRow, TradeRow

D = Decimal

SAMPLES = os.environ.get("PATANG_KITE_SAMPLES", "")


def holding(symbol="INFY", **fields) -> HoldingRow:
    return HoldingRow(**{"tradingsymbol": symbol, "exchange": "NSE", "quantity": 10} | fields)


def position(symbol="INFY", **fields) -> PositionRow:
    base = {"tradingsymbol": symbol, "exchange": "NSE", "product": "MIS", "quantity": 0}
    return PositionRow(**base | fields)


def trade(side: str, quantity: int, price: str, at="10:00:00", **fields) -> TradeRow:
    base = {
        "trade_id": f"{side}{quantity}{price}",
        "order_id": "1",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": "MIS",
        "transaction_type": side,
        "average_price": D(price),
        "quantity": quantity,
        "fill_timestamp": f"2026-11-20 {at}",
    }
    return TradeRow(**base | fields)


def order(status: str, symbol="INFY") -> OrderRow:
    return OrderRow(
        order_id=status,
        status=status,
        exchange="NSE",
        tradingsymbol=symbol,
        transaction_type="BUY",
        quantity=1,
    )


def test_holdings_add_up_with_shares_in_transit():
    summary = analytics.holdings_summary(
        [
            holding(average_price=D(100), last_price=D(110), close_price=D(105), t1_quantity=5),
            holding("TCS", average_price=D(50), last_price=D(40), close_price=D(50)),
        ]
    )
    assert summary.invested_amount == 2000
    assert summary.current_value == 2050
    assert summary.total_pnl == 50
    assert summary.total_pnl_percent == D("2.5")
    assert summary.today_pnl == 15 * 5 - 10 * 10
    assert summary.today_pnl_percent == D(-25) / D(2075) * 100
    assert (summary.holdings_count, summary.uncertain) == (2, 0)


def test_no_holdings_are_zero_percent_of_nothing():
    summary = analytics.holdings_summary([])
    assert (summary.total_pnl_percent, summary.today_pnl_percent, summary.holdings_count) == (
        0,
    ) * 3


def test_newer_prices_replace_the_brokers_copies():
    rows = [holding(average_price=D(100), last_price=D(110))]
    summary = analytics.holdings_summary(rows, {"NSE:INFY": D(120), "BSE:INFY": D(1)})
    assert summary.total_pnl == 200
    (told,) = analytics.positions_with_pnl(
        [position(quantity=-5, sell_value=D(500), average_price=D(100), last_price=D(90))],
        {"NSE:INFY": D(80)},
    )
    assert (told.pnl, told.unrealised, told.realised) == (100, 100, 0)


def test_unknown_buy_prices_are_counted_and_funded_shares_kept_apart():
    rows = [holding(discrepancy=True), holding("TCS", mtf={"quantity": 3}, last_price=D(7))]
    rows = msgspec.convert([row.to_dict() for row in rows], list[HoldingRow])
    summary = analytics.holdings_summary(rows)
    assert summary.uncertain == 1
    assert summary.funded_value == 21
    assert summary.current_value == 70


def test_holdings_are_found_by_exchange():
    rows = [holding(), holding("TCS", exchange="BSE")]
    assert analytics.holdings_by_exchange(rows, "BSE") == rows[1:]
    with pytest.raises(InvalidValue, match="exchange"):
        analytics.holdings_by_exchange(rows, "LSE")


def test_a_position_splits_into_realised_and_open_profit():
    # Bought 10 at 100, sold 4 at 110; six are left at 105.
    row = position(
        quantity=6,
        buy_value=D(1000),
        sell_value=D(440),
        average_price=D(100),
        last_price=D(105),
        buy_m2m=D(1000),
        sell_m2m=D(440),
    )
    (told,) = analytics.positions_with_pnl(Positions(net=[row], day=[]))
    assert (told.pnl, told.realised, told.unrealised, told.m2m) == (70, 40, 30, 70)
    assert told.is_open
    summary = analytics.positions_summary([told, *analytics.positions_with_pnl([position()])])
    assert (summary.positions_count, summary.open_positions) == (2, 1)
    assert (summary.profitable_positions, summary.loss_positions) == (1, 0)
    assert summary.total_pnl == summary.total_realised + summary.total_unrealised == 70


def test_performance_is_holdings_and_positions_together():
    row = position(quantity=1, buy_value=D(90), buy_m2m=D(95), last_price=D(100))
    told = analytics.portfolio_performance(
        [holding(average_price=D(1), last_price=D(2), close_price=D("1.5"))],
        Positions(net=[row], day=[]),
    )
    assert told.total_pnl == 10 + 10
    assert told.today_pnl == 5 + 5


def test_trades_realise_at_average_cost_in_the_order_of_their_fills():
    history = analytics.trades_with_pnl(
        [
            trade("SELL", 15, "120", at="10:02:00"),
            trade("BUY", 10, "100", at="10:00:00"),
            trade("BUY", 10, "110", at="10:01:00"),
        ]
    )
    assert [told.realised for told in history.trades] == [0, 0, 15 * (120 - 105)]
    last = history.trades[-1]
    assert (last.quantity_after, last.average_after) == (5, 105)
    assert history.realised == 225
    assert (history.buy_value, history.sell_value, history.turnover) == (2100, 1800, 3900)


def test_trades_know_what_was_carried_and_what_a_contract_stands_for():
    opening = position(
        "GOLD", overnight_quantity=2, close_price=D(50), multiplier=D(100), product="NRML"
    )
    row = trade("SELL", 1, "60", tradingsymbol="GOLD", product="NRML")
    history = analytics.trades_with_pnl([row], [opening])
    assert history.realised == 1000
    assert history.trades[0].quantity_after == 1


def test_products_do_not_mix_and_old_ones_are_understood():
    rows = [trade("BUY", 1, "100"), trade("SELL", 1, "110", product="CO", at="10:05:00")]
    assert [told.quantity_after for told in analytics.trades_with_pnl(rows).trades] == [1, -1]
    with pytest.raises(DataException, match="transaction_type"):
        analytics.trades_with_pnl([trade("HOLD", 1, "1")])


def test_depth_leaves_out_empty_levels_and_knows_the_spread():
    empty = {"price": 0, "quantity": 0, "orders": 0}
    raw = {
        "instrument_token": 1,
        "last_price": 100.5,
        "ohlc": {},
        "depth": {
            "buy": [{"price": 100, "quantity": 7, "orders": 2}, empty],
            "sell": [
                {"price": 101, "quantity": 3, "orders": 1},
                {"price": 101.5, "quantity": 4, "orders": 1},
            ],
        },
    }
    index = {"instrument_token": 2, "last_price": 1, "ohlc": {}}
    quotes = msgspec.json.decode(
        json.dumps({"NSE:INFY": raw, "NSE:NIFTY 50": index}), type=dict[str, QuoteRow]
    )
    depth = analytics.market_depth(quotes)
    infy = depth["NSE:INFY"]
    assert (infy.best_bid, infy.best_ask, infy.spread, infy.mid_price) == (100, 101, 1, D("100.5"))
    assert (infy.bid_quantity, infy.ask_quantity) == (7, 7)
    assert depth["NSE:NIFTY 50"].spread is depth["NSE:NIFTY 50"].mid_price is None


def test_orders_are_found_by_kites_word_or_the_domains():
    rows = [order("OPEN"), order("TRIGGER PENDING"), order("CANCELLED AMO"), order("COMPLETE")]
    assert analytics.orders_by_status(rows, "trigger pending") == rows[1:2]
    assert analytics.orders_by_status(rows, OrderStatus.CANCELLED) == rows[2:3]
    with pytest.raises(InvalidValue, match="status"):
        analytics.orders_by_status(rows, " ")


def test_every_order_that_is_not_at_its_end_is_working():
    done = ["COMPLETE", "CANCELLED", "REJECTED", "LAPSED", "CANCELLED AMO"]
    alive = ["OPEN", "TRIGGER PENDING", "AMO REQ RECEIVED", "MODIFY PENDING", "SOMETHING NEW"]
    rows = [order(status) for status in done + alive]
    assert [row.status for row in analytics.working_orders(rows)] == alive
    assert analytics.working_orders(rows, "TCS") == []
    assert len(analytics.working_orders(rows, "NSE:INFY")) == len(alive)


if SAMPLES:  # a folder of official sample answers, where the caller has one

    def test_the_official_samples_add_up_to_the_brokers_own_figures():
        def read(name: str, kind):
            return msgspec.convert(
                msgspec.json.decode((Path(SAMPLES) / name).read_bytes())["data"], kind, strict=False
            )

        holdings = read("holdings.json", list[HoldingRow])
        listed = sum(row.pnl for row in holdings)
        assert abs(analytics.holdings_summary(holdings).total_pnl - listed) < D("0.01")
        for told in analytics.positions_with_pnl(read("positions.json", Positions)):
            assert abs(told.pnl - told.row.pnl) < D("0.01")
            assert abs(told.m2m - told.row.m2m) < D("0.01")
