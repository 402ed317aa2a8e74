from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity
from patang.domain.instrument import Instrument
from patang.sandbox.apps import App
from patang.sandbox.rows.margins import margins_row
from patang.sandbox.rows.numbers import json_number
from patang.sandbox.rows.orders import history_rows, order_row, postback, trade_row
from patang.sandbox.rows.portfolio import day_row, net_row
from patang.sandbox.rows.quotes import packet, quote_row
from patang.simulator.accounts.account import Funds
from patang.simulator.accounts.position import AccountPosition
from patang.simulator.exchange import Exchange as SimExchange
from patang.simulator.orders import OrderRequest
from patang.wire.checksums import postback_checksum
from patang.wire.rows import encode_row
from patang.wire.ticks import PacketKind, TickMode, decode_frame, encode_frame
from patang.wire.times import parse_ist

INFY = Instrument(
    exchange=Exchange.NSE, symbol="INFY", token=408065, tick_size=Decimal("0.10"), segment="NSE"
)
APP = App(app_id=7, api_key="key", api_secret="sec", redirect_url="http://127.0.0.1/")
START = parse_ist("2026-11-19 10:00:00")
SECOND = 1_000_000_000


class Desk:
    """A bare exchange with three users, recording the postbacks of the first."""

    def __init__(self) -> None:
        self.exchange = SimExchange([INFY], {INFY.id: Decimal(1500)})
        for user_id in ("AB1234", "CD5678", "EF0001"):
            self.exchange.open_account(user_id, Decimal(10_000_000))
        self.updates: list[str] = []
        self.exchange.on_order = self.note
        self.clock_ns = START

    def note(self, order) -> None:
        update = postback(order, INFY, APP) if order.user_id == "AB1234" else None
        if update is not None:
            self.updates.append(update.status)

    def place(self, user_id: str = "AB1234", side: Side = Side.BUY, price: str = "1500", **more):
        self.clock_ns += SECOND
        values = {"quantity": 10, "order_type": OrderType.LIMIT, "product": Product.MIS} | more
        request = OrderRequest(instrument=INFY.id, side=side, price=Decimal(price), **values)
        return self.exchange.place(user_id, request, self.clock_ns)

    def trade_at(self, price: str, quantity: int = 10) -> None:
        """Let the second user trade with whoever stands there."""
        self.place("CD5678", Side.SELL, price, quantity=quantity)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("72.00", "72"),
        ("109.40", "109.4"),
        ("0", "0"),
        ("0.00", "0"),
        ("1000000", "1000000"),
        ("1E+3", "1000"),
        ("-0.05", "-0.05"),
        ("801.781250000", "801.78125"),
        ("1533.333333333333333333333333", "1533.333333"),
    ],
)
def test_money_is_written_in_its_shortest_form(value, text):
    assert encode_row(json_number(Decimal(value))).decode() == text


# --- orders ----------------------------------------------------------------------------------


def test_a_mere_placement_sends_no_update(desk):
    desk.place()
    assert desk.updates == []


def test_partial_fills_and_modifications_are_updates_and_the_end_says_so(desk):
    order = desk.place()
    desk.trade_at("1500", 4)
    assert desk.updates == ["UPDATE"]
    desk.exchange.modify("AB1234", order.order_id, desk.clock_ns, price=Decimal("1499.9"))
    assert desk.updates == ["UPDATE", "UPDATE"]
    desk.trade_at("1499.9", 6)
    assert desk.updates == ["UPDATE", "UPDATE", "COMPLETE"]


def test_an_aggressive_order_that_fills_in_part_sends_one_update(desk):
    desk.place("CD5678", Side.SELL, "1500", quantity=4)
    desk.place()
    assert desk.updates == ["UPDATE"]


def test_a_released_trigger_is_told_before_what_comes_of_it(desk):
    desk.place(order_type=OrderType.SL, trigger_price=Decimal(1510), price="1511")
    desk.place("EF0001", Side.BUY, "1510", quantity=1)
    assert desk.updates == []
    desk.trade_at("1510", 1)
    assert desk.updates == ["OPEN"]


def test_a_cancel_is_told(desk):
    resting = desk.place(price="1400")
    desk.exchange.cancel("AB1234", resting.order_id, desk.clock_ns)
    assert desk.updates == ["CANCELLED"]


def test_a_postback_is_signed_and_has_kites_fields(desk):
    order = desk.place(tag="mine")
    desk.trade_at("1500", 4)
    update = postback(order, INFY, APP)
    assert update is not None
    fields = update.to_dict()
    assert fields["user_id"] == "AB1234"
    assert fields["app_id"] == 7
    assert fields["unfilled_quantity"] == 6
    assert fields["checksum"] == postback_checksum(order.order_id, fields["order_timestamp"], "sec")
    assert "tags" not in fields
    assert "modified" not in fields


def test_history_keeps_the_time_of_each_request(desk):
    order = desk.place()
    later_ns = desk.clock_ns + 60 * SECOND
    desk.exchange.modify("AB1234", order.order_id, later_ns, quantity=5)
    rows = history_rows(order, INFY)
    assert [(row.status, row.order_timestamp, row.quantity) for row in rows] == [
        ("PUT ORDER REQ RECEIVED", "2026-11-19 10:00:01", 10),
        ("VALIDATION PENDING", "2026-11-19 10:00:01", 10),
        ("OPEN PENDING", "2026-11-19 10:00:01", 10),
        ("OPEN", "2026-11-19 10:00:01", 10),
        ("MODIFY VALIDATION PENDING", "2026-11-19 10:01:01", 10),
        ("MODIFY PENDING", "2026-11-19 10:01:01", 10),
        ("MODIFIED", "2026-11-19 10:01:01", 5),
        ("OPEN", "2026-11-19 10:01:01", 5),
    ]
    assert msgspec.to_builtins(order_row(order, INFY)) == msgspec.to_builtins(rows[-1])


def test_a_protected_market_order_carries_its_tags(desk):
    desk.place("CD5678", Side.SELL, "1500")
    order = desk.place(
        order_type=OrderType.MARKET, price="0", market_protection=Decimal(2), tag="mine"
    )
    row = order_row(order, INFY)
    assert (row.order_type, row.tag, row.tags) == ("LIMIT", "mine", ["mine", "mktp", "mktp:2.00"])


def test_an_order_without_tags_has_no_such_field(desk):
    order = desk.place(validity=Validity.IOC)
    assert "tags" not in order_row(order, INFY).to_dict()
    assert order_row(order, INFY).tag is None


def test_a_trade_shows_the_time_of_its_order_without_the_date(desk):
    order = desk.place()
    desk.trade_at("1500")
    (trade,) = desk.exchange.trades("AB1234")
    row = trade_row(trade, order, INFY)
    assert row.order_timestamp == "10:00:01"
    assert row.fill_timestamp == row.exchange_timestamp == "2026-11-19 10:00:02"
    assert encode_row(row.average_price) == b"1500"


# --- quotes ----------------------------------------------------------------------------------


def test_packet_and_quote_show_the_same_market(desk):
    desk.place(price="1499.5", quantity=7)
    desk.place("CD5678", Side.SELL, "1500.1", quantity=9)
    desk.place(price="1500.1", quantity=4)
    quote = desk.exchange.quote(INFY.id)
    row = quote_row(quote, INFY)
    full = packet(quote, INFY, TickMode.FULL)
    assert decode_frame(encode_frame([full])).packets[0].last_price == full.last_price == 150_010
    assert Decimal(full.last_price) / 100 == row.last_price
    assert full.volume == row.volume == 4
    assert [(level.price, level.quantity) for level in full.bids] == [(149_950, 7)]
    assert [(level.price, level.quantity) for level in full.offers] == [(150_010, 5)]
    assert (row.depth.buy[0].price, row.depth.buy[0].quantity) == (Decimal("1499.5"), 7)
    assert row.depth.buy[1].quantity == 0
    assert len(row.depth.sell) == 5
    assert full.exchange_timestamp == desk.clock_ns // SECOND
    assert packet(quote, INFY, TickMode.QUOTE).kind is PacketKind.QUOTE
    assert packet(quote, INFY, TickMode.QUOTE).exchange_timestamp == 0
    assert packet(quote, INFY, TickMode.LTP).volume == 0


def test_an_instrument_that_has_not_traded_has_no_trade_time(desk):
    quote = desk.exchange.quote(INFY.id)
    assert quote_row(quote, INFY).last_trade_time is None
    assert packet(quote, INFY, TickMode.FULL).last_trade_time == 0


# --- portfolio -------------------------------------------------------------------------------


def position(*fills: tuple[Side, int, str]) -> AccountPosition:
    held = AccountPosition(instrument=INFY.id, product=Product.MIS)
    for side, quantity, price in fills:
        held.apply(side, quantity, Decimal(price))
    return held


def test_a_position_row_follows_kites_formulas():
    held = position((Side.BUY, 10, "1500"), (Side.BUY, 5, "1503"), (Side.SELL, 4, "1510"))
    row = net_row(held, INFY, Decimal("1520"), Decimal(1500))
    assert row.quantity == 11
    assert row.buy_value == 10 * 1500 + 5 * 1503
    assert row.buy_price == row.average_price == Decimal(1501)
    assert row.sell_price == 1510
    assert row.value == row.sell_value - row.buy_value
    assert row.pnl == row.m2m == row.value + 11 * 1520


def test_a_short_position_averages_its_sales_and_a_flat_one_nothing():
    short = net_row(position((Side.SELL, 3, "1500")), INFY, Decimal(1490), Decimal(1500))
    assert (short.quantity, short.average_price, short.pnl) == (-3, 1500, 30)
    flat = day_row(
        position((Side.SELL, 3, "1500"), (Side.BUY, 3, "1490")), INFY, Decimal(1600), Decimal(1500)
    )
    assert (flat.quantity, flat.average_price, flat.pnl) == (0, 0, 30)


def test_a_carried_position_gives_the_figures_of_kites_own_sample():
    # Three carried at 23057 from a close of 23232; one bought, four sold; the last price 23355.
    carried = AccountPosition(
        instrument=INFY.id,
        product=Product.NRML,
        buy_quantity=3,
        buy_value=Decimal(69_171),
        open_cost=Decimal(69_171),
        overnight_quantity=3,
        overnight_value=Decimal(69_171),
    )
    carried.apply(Side.BUY, 1, Decimal(23_388))
    carried.apply(Side.SELL, 4, Decimal(23_340))
    net = net_row(carried, INFY, Decimal(23_355), Decimal(23_232))
    assert (net.quantity, net.overnight_quantity, net.average_price) == (0, 3, 0)
    assert (net.buy_quantity, net.buy_value, net.buy_price) == (4, 92_559, Decimal("23139.75"))
    assert (net.sell_quantity, net.sell_value, net.sell_price) == (4, 93_360, 23_340)
    assert (net.buy_m2m, net.sell_m2m) == (93_084, 93_360)
    assert (net.value, net.pnl, net.m2m, net.unrealised, net.realised) == (801, 801, 276, 801, 0)
    assert (net.day_buy_quantity, net.day_buy_price, net.day_buy_value) == (1, 23_388, 23_388)
    assert (net.close_price, net.last_price, net.multiplier) == (23_232, 23_355, 1)
    day = day_row(carried, INFY, Decimal(23_355), Decimal(23_232))
    assert (day.quantity, day.overnight_quantity, day.average_price) == (-3, 0, 23_340)
    assert (day.value, day.pnl, day.m2m) == (69_972, -93, -93)
    assert (day.buy_m2m, day.sell_m2m, day.close_price) == (23_388, 93_360, 23_232)


def test_a_multiplier_stands_in_values_and_not_in_prices():
    # One lot of 1000 units bought at 161.05, as in Kite's sample.
    held = AccountPosition(instrument=INFY.id, product=Product.NRML, multiplier=1_000)
    held.apply(Side.BUY, 1, Decimal("161.05"))
    row = net_row(held, INFY, Decimal("161.05"), Decimal(160))
    assert (row.buy_value, row.buy_price, row.value) == (161_050, Decimal("161.05"), -161_050)
    assert (row.pnl, row.m2m, row.close_price, row.multiplier) == (0, 0, 0, 1_000)


def test_all_funds_stand_under_equity():
    funds = Funds(
        opening=Decimal(1000),
        available=Decimal("750.50"),
        margin_used=Decimal("259.50"),
        realised=Decimal(10),
        unrealised=Decimal(-3),
        cash=Decimal(1010),
    )
    row = margins_row(funds)
    assert row.equity.net == row.equity.available.live_balance == Decimal("750.5")
    assert row.equity.available.cash - row.equity.utilised.debits == row.equity.net
    assert row.commodity.net == 0
