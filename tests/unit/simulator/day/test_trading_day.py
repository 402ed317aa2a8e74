"""A day at the exchange, hour by hour, with nobody but the users in it."""

from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Validity, Variety
from patang.domain.instrument import InstrumentId
from patang.rules.calendar import OutsideCalendar
from patang.rules.session import PhaseKind
from patang.simulator import Refused
from patang.simulator.day.trading_day import NOT_IN_AUCTION, UNMATCHED

INFY, SMALL = InstrumentId("NSE:INFY"), InstrumentId("NSE:SMALL")
FUTURE, OPTION = InstrumentId("NFO:INFY26NOVFUT"), InstrumentId("NFO:INFY26NOV1500CE")
GOLD, INDEX = InstrumentId("MCX:GOLD26DECFUT"), InstrumentId("NSE:NIFTY 50")
MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("clock", "share", "small", "future", "option", "gold"),
    [
        ((8, 55), None, None, None, None, None),
        ((9, 0), "pre_open_entry", "pre_open_entry", "pre_open_entry", None, "continuous"),
        ((9, 5), "pre_open_limit_only", "pre_open_limit_only", "pre_open_limit_only", None, "co"),
        ((9, 10), "pre_open_matching", "pre_open_matching", "pre_open_matching", None, "co"),
        ((9, 12), "buffer", "buffer", "buffer", None, "co"),
        ((9, 15), "continuous", "continuous", "continuous", "continuous", "co"),
        ((15, 15), "auction_reference", "continuous", "continuous", "continuous", "co"),
        ((15, 20), "auction_entry", "continuous", "continuous", "continuous", "co"),
        ((15, 25), "auction_limit_only", "continuous", "continuous", "continuous", "co"),
        ((15, 30), "auction_matching", None, "continuous", "continuous", "co"),
        ((15, 35), "buffer", None, "continuous", "continuous", "co"),
        ((15, 40), "buffer", None, None, None, "co"),
        ((15, 50), "post_close", "post_close", None, None, "co"),
        ((16, 0), None, None, None, None, "co"),
        ((23, 55), None, None, None, None, None),
    ],
)
def test_each_segment_goes_through_its_own_phases(
    make_day, clock, share, small, future, option, gold
):
    day = make_day().at(*clock)
    gold = "continuous" if gold == "co" else gold
    found = [day.venue(name).phase for name in (INFY, SMALL, FUTURE, OPTION, GOLD)]
    assert found == [
        None if one is None else PhaseKind(one) for one in (share, small, future, option, gold)
    ]


def test_a_day_can_be_joined_in_every_phase(make_day):
    through = make_day()
    for hour, minute in (
        (9, 2),
        (9, 7),
        (9, 11),
        (9, 13),
        (9, 15),
        (15, 17),
        (15, 22),
        (15, 27),
        (15, 32),
        (15, 37),
        (15, 52),
        (16, 30),
    ):
        through.at(hour, minute)
        joined = make_day(hour, minute)
        for name in (INFY, SMALL, FUTURE, OPTION, GOLD):
            assert joined.venue(name).phase is through.venue(name).phase, (hour, minute, name)


def test_before_the_changes_of_2026_the_day_had_other_hours(make_day):
    july = date(2026, 7, 31)
    day = make_day(on=july)
    assert day.at(9, 7).venue().phase is PhaseKind.PRE_OPEN_ENTRY
    assert day.at(15, 20).venue().phase is PhaseKind.CONTINUOUS
    assert day.at(15, 30).venue().phase is None
    assert day.at(15, 40).venue().phase is PhaseKind.POST_CLOSE


def test_the_entry_of_an_auction_closes_at_a_random_second_that_the_seed_decides(make_day):
    def closes(seed):
        day = make_day(9, 5, seed=seed)
        for second in range(300):
            day.at(9, 5 + second // 60, second % 60)
            if day.venue().phase is PhaseKind.PRE_OPEN_MATCHING:
                return second
        raise AssertionError("the entry never closed")

    found = [closes(seed) for seed in (1, 2, 3, 1)]
    assert found[0] == found[3]
    assert len(set(found)) > 1
    assert all(180 <= second < 300 for second in found)


def test_the_opening_auction_finds_one_price_for_all(make_day):
    day = make_day().at(9, 1)
    first = day.buy(100, "1510")
    second = day.buy(50, "1505")
    seller = day.sell(120, "1503")
    late = day.buy(30, "1490")
    assert not day.exchange.trades("buyer")
    day.at(9, 10)
    prices = {trade.price for trade in day.exchange.trades("seller")}
    # At 1503 as at 1505 all 120 trade and 30 are left; 1503 is nearer the previous close.
    assert prices == {Decimal("1503.00")}
    assert (first.filled_quantity, second.filled_quantity, seller.filled_quantity) == (100, 20, 120)
    day.at(9, 15)
    assert late.status.value == second.status.value == "OPEN"
    quote = day.exchange.quote(INFY)
    assert quote.open == quote.last_price == Decimal("1503.00")
    # They keep the time they were entered at: the older order at a price trades first.
    newer = day.buy(10, "1505")
    day.sell(35, "1505")
    assert (second.filled_quantity, newer.filled_quantity) == (50, 5)


def test_market_orders_come_first_and_move_on_at_the_discovered_price(make_day):
    day = make_day().at(9, 1)
    limit = day.buy(100, "1510")
    market = day.buy(100, None)
    day.sell(150, "1495", user="third")
    day.at(9, 15)
    assert (market.filled_quantity, limit.filled_quantity) == (100, 50)
    more = make_day().at(9, 1)
    lonely = more.buy(40, None)
    more.sell(10, "1495")
    more.at(9, 15)
    assert lonely.filled_quantity == 10
    assert (lonely.order_type, lonely.price) == (OrderType.LIMIT, Decimal("1495.00"))
    untouched = make_day().at(9, 1)
    order = untouched.buy(40, None)
    untouched.at(9, 15)
    assert (order.status.value, order.price) == ("OPEN", Decimal(1500))


def test_market_orders_came_last_before_september_2026(make_day):
    day = make_day(on=date(2026, 8, 28)).at(9, 1)
    market = day.buy(100, None)
    limit = day.buy(100, "1510")
    day.sell(150, "1495", user="third")
    day.at(9, 15)
    assert (market.filled_quantity, limit.filled_quantity) == (50, 100)


def test_ones_own_orders_do_not_meet_in_an_auction(make_day):
    day = make_day().at(9, 1)
    bought = day.buy(100, "1510")
    sold = day.sell(100, "1500", user="buyer")
    day.at(9, 15)
    assert (bought.status.value, sold.status.value) == ("OPEN", "CANCELLED")
    assert "your own order" in sold.status_message
    assert day.venue().volume == 0


def test_the_closing_auctions_reference_is_the_last_quarter_hours_average(make_day):
    day = make_day().at(14, 30)
    day.trade(100, "1400")
    day.at(15, 5)
    day.trade(100, "1500")
    day.trade(300, "1510")
    day.at(15, 15)
    quote = day.exchange.quote(INFY)
    # (100 x 1500 + 300 x 1510) / 400 = 1507.50, to the tick; three percent about it.
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal("1462.30"), Decimal("1552.70"))


def test_without_trades_the_last_price_or_the_previous_close_is_the_reference(make_day):
    day = make_day().at(10, 0)
    day.trade(100, "1450")
    day.at(15, 15)
    assert day.exchange.quote(INFY).upper_circuit == Decimal("1493.50")
    assert make_day().at(15, 16).exchange.quote(INFY).upper_circuit == Decimal("1545.00")


def test_only_plain_orders_inside_the_band_stay_for_the_closing_auction(make_day):
    day = make_day().at(15, 0)
    near, far = day.buy(10, "1495"), day.buy(10, "1440")
    stop = day.sell(10, None, order_type=OrderType.SL_M, trigger_price=Decimal(1480))
    hidden = day.buy(100, "1494", disclosed_quantity=10)
    day.at(15, 15)
    assert near.status.value == "OPEN"
    assert {far.status.value, stop.status.value, hidden.status.value} == {"CANCELLED"}
    assert stop.status_message == hidden.status_message == NOT_IN_AUCTION
    assert "outside" in far.status_message


def test_the_closing_auction_makes_the_closing_price_and_cancels_the_rest(make_day):
    day = make_day().at(15, 0)
    carried = day.buy(10, "1512")
    day.at(15, 21)
    market = day.buy(20, None)
    seller = day.sell(25, "1511", user="third")
    idle = day.buy(5, "1490")
    day.at(15, 30)
    assert (market.filled_quantity, carried.filled_quantity, seller.filled_quantity) == (20, 5, 25)
    assert {trade.price for trade in day.exchange.trades("third")} == {Decimal("1511.00")}
    assert day.venue().closing_ticks == 15110
    assert (carried.status.value, idle.status.value) == ("CANCELLED", "CANCELLED")
    assert idle.status_message == UNMATCHED
    assert len(day.venue().book) == 0


def test_without_an_equilibrium_the_reference_is_the_close(make_day):
    day = make_day().at(15, 5)
    day.trade(10, "1507")
    day.at(15, 31)
    assert day.venue().closing_ticks == 15070


def test_no_market_orders_after_five_minutes_of_the_closing_auction(make_day):
    day = make_day().at(15, 26)
    refused = day.buy(10, None)
    assert refused.status.value == "REJECTED"
    assert refused.status_message == "Market orders are currently not allowed."
    assert day.buy(10, "1500").status.value == "OPEN"


def test_other_shares_close_at_the_average_of_the_last_half_hour(make_day):
    day = make_day().at(14, 0)
    day.trade(100, "1600", name=SMALL)
    day.at(15, 10)
    day.trade(100, "1500", name=SMALL)
    day.trade(100, "1520", name=SMALL)
    left = day.buy(10, "1400", name=SMALL)
    day.at(15, 30)
    assert day.venue(SMALL).closing_ticks == 15100
    assert left.status.value == "CANCELLED"


def test_after_the_close_shares_trade_at_the_closing_price(make_day):
    day = make_day().at(15, 10)
    day.trade(100, "1500", name=SMALL)
    day.trade(100, "1520", name=SMALL)
    day.at(15, 51)
    bought = day.buy(10, None, name=SMALL)
    sold = day.sell(4, "1510", name=SMALL)
    assert sold.average_price == bought.average_price == Decimal("1510.00")
    assert day.sell(4, "1511", name=SMALL).status.value == "REJECTED"
    day.at(16, 0)
    assert (bought.status.value, bought.filled_quantity) == ("CANCELLED", 4)


def test_futures_take_the_closing_auctions_band(make_day):
    day = make_day().at(15, 5)
    day.trade(10, "1510", name=FUTURE)
    far = day.buy(10, "1455", name=FUTURE)
    day.at(15, 15)
    quote = day.exchange.quote(FUTURE)
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal("1464.70"), Decimal("1555.30"))
    assert far.status.value == "CANCELLED"
    assert day.exchange.quote(OPTION).upper_circuit == Decimal("210.00")


def test_after_market_orders_go_to_the_opening_auction(make_day):
    day = make_day()
    waiting = day.buy(10, "1510", variety=Variety.AMO)
    stop = day.sell(
        10,
        "1480",
        order_type=OrderType.SL,
        trigger_price=Decimal(1485),
        variety=Variety.AMO,
        user="buyer",
    )
    assert waiting.status.value == "AMO REQ RECEIVED"
    day.at(9, 0)
    assert waiting.status.value == "OPEN"
    day.sell(10, "1500", user="third")
    day.at(9, 10)
    assert waiting.status.value == "COMPLETE"
    assert stop.status.value == "AMO REQ RECEIVED"
    day.at(9, 15)
    assert stop.status.value == "TRIGGER PENDING"


def test_on_a_holiday_after_market_orders_are_taken_all_day_and_sent_the_next(make_day):
    day = make_day(11, 0, on=date(2026, 11, 24))
    with pytest.raises(Refused, match="AMO"):
        day.buy(10, "1510")
    waiting = day.buy(10, "1510", variety=Variety.AMO)
    day.at(23, 0)
    assert waiting.status.value == "AMO REQ RECEIVED"
    day.at(9, 0, on=date(2026, 11, 25))
    assert waiting.status.value == "OPEN"


def test_in_trading_hours_after_market_orders_are_refused(make_day):
    with pytest.raises(Refused):
        make_day(11, 0).buy(10, "1510", variety=Variety.AMO)


def test_stops_that_the_opening_price_reached_are_released_when_trading_begins(make_day):
    day = make_day(9, 20)
    stop = day.sell(10, "1480", order_type=OrderType.SL, trigger_price=Decimal(1485))
    day.trade(5, "1484")
    assert stop.status.value == "OPEN"


def test_orders_end_with_their_segments_day(make_day):
    day = make_day().at(15, 0)
    option = day.buy(10, "50", name=OPTION)
    gold = day.buy(1, "1490", name=GOLD)
    day.at(15, 39, 59)
    assert option.status.value == "OPEN"
    day.at(15, 40)
    assert (option.status.value, gold.status.value) == ("CANCELLED", "OPEN")
    day.at(23, 55)
    assert gold.status.value == "CANCELLED"


def test_the_next_day_begins_with_new_books_bands_and_closes(make_day):
    day = make_day().at(15, 10)
    day.trade(100, "1450")
    day.at(5, 59, on=MONDAY)
    assert day.exchange.orders("buyer")
    day.at(6, 0, on=MONDAY)
    assert not day.exchange.orders("buyer")
    quote = day.exchange.quote(INFY)
    assert (quote.close, quote.volume, quote.open) == (Decimal("1450.00"), 0, 0)
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal("1305.00"), Decimal("1595.00"))
    day.at(9, 15, on=MONDAY)
    assert day.venue().phase is PhaseKind.CONTINUOUS


def test_a_holiday_of_shares_leaves_their_day_as_it_was(make_day):
    day = make_day(15, 0, on=MONDAY)
    day.trade(100, "1450")
    tuesday = date(2026, 11, 24)
    day.at(17, 0, on=tuesday)
    assert day.venue(GOLD).phase is PhaseKind.CONTINUOUS
    assert day.venue().phase is None
    assert day.exchange.quote(INFY).volume == 100
    day.at(9, 15, on=date(2026, 11, 25))
    assert day.exchange.quote(INFY).close == Decimal(1450)


def test_after_the_last_known_day_the_market_stays_closed(make_day):
    day = make_day(15, 50, on=date(2026, 12, 31))
    day.at(12, 0, on=date(2027, 1, 6))
    assert day.venue().phase is None
    assert day.exchange.agenda.next_ns > day.now_ns
    with pytest.raises(Refused, match="AMO"):
        day.buy(1, "1500")
    with pytest.raises(OutsideCalendar):
        make_day(on=date(2027, 1, 6))


def test_special_sessions_are_held(make_day):
    muhurat = make_day(13, 0, on=date(2025, 10, 21))
    assert muhurat.at(13, 35).venue().phase is PhaseKind.PRE_OPEN_ENTRY
    muhurat.trade(10, "1510")
    assert muhurat.at(13, 40).venue().volume == 10
    assert muhurat.at(13, 45).venue().phase is PhaseKind.CONTINUOUS
    assert muhurat.at(14, 45).venue().phase is None
    budget = make_day(on=date(2026, 2, 1))
    assert budget.at(12, 0).venue().phase is PhaseKind.CONTINUOUS


def test_limit_price_protection_follows_the_trades_of_each_half_minute(make_day):
    day = make_day().at(10, 0, 1)
    # About the previous close of 60: 40 percent each side.
    assert day.buy(10, "84", name=OPTION).status.value == "OPEN"
    refused = day.buy(10, "84.05", name=OPTION)
    assert refused.status.value == "REJECTED"
    assert refused.status_message_raw == "17070 : The Price is out of the LPP range"
    day.sell(10, "80", name=OPTION)
    # The trade at 84 counts from the next half minute on.
    assert day.buy(10, "100", name=OPTION).status.value == "REJECTED"
    day.at(10, 0, 31)
    assert day.buy(10, "100", name=OPTION).status.value == "OPEN"
    assert day.sell(10, "50.30", name=OPTION, user="third").status.value == "REJECTED"
    day.at(11, 0)
    assert day.buy(10, "117.60", name=OPTION).status.value == "OPEN"


def test_an_expired_contract_trades_no_more(make_day):
    day = make_day(15, 0, on=MONDAY)
    day.trade(10, "1500", name=FUTURE)
    day.at(15, 40)
    assert day.venue(FUTURE).closing_ticks == 15000
    day.at(10, 0, on=date(2026, 11, 25))
    with pytest.raises(Refused, match="expired or does not exist"):
        day.buy(10, "1500", name=FUTURE)
    assert day.venue().phase is PhaseKind.CONTINUOUS


# --- circuit breakers -----------------------------------------------------------------------------


def crash(day, percent):
    level = Decimal(1500) * (100 - Decimal(percent)) / 100
    day.exchange.set_index(INDEX, level, day.now_ns)
    day.exchange.run_agenda(day.now_ns)


def test_a_ten_percent_fall_stops_shares_and_derivatives_then_reopens_with_an_auction(make_day):
    day = make_day().at(11, 0)
    resting = day.buy(10, "1400")
    crash(day, 10)
    assert day.day.halt is not None
    halted = [day.venue(name).phase for name in (INFY, SMALL, FUTURE, OPTION)]
    assert set(halted) == {PhaseKind.BUFFER}
    assert day.venue(GOLD).phase is PhaseKind.CONTINUOUS
    assert day.buy(10, "1400").status.value == "REJECTED"
    assert day.at(11, 44).venue().phase is PhaseKind.BUFFER
    assert day.at(11, 46).venue().phase is PhaseKind.PRE_OPEN_ENTRY
    assert day.venue(OPTION).phase is PhaseKind.BUFFER
    day.buy(10, "1420")
    day.sell(10, "1410")
    day.at(11, 55, 1)
    assert day.venue().volume == 10
    day.at(12, 0, 1)
    assert {day.venue(name).phase for name in (INFY, OPTION)} == {PhaseKind.CONTINUOUS}
    assert day.day.halt is None
    assert resting.status.value == "OPEN"
    # The same level does not stop the day twice; the next one does.
    crash(day, 12)
    assert day.venue().phase is PhaseKind.CONTINUOUS
    crash(day, 15)
    assert day.venue().phase is PhaseKind.BUFFER
    # The day still ends as every day.
    assert day.at(15, 15).venue().phase is PhaseKind.AUCTION_REFERENCE


def test_a_twenty_percent_fall_ends_the_day(make_day):
    day = make_day().at(10, 0)
    day.trade(10, "1400")
    order = day.buy(10, "1390")
    position = day.buy(10, "1400", product=Product.MIS)
    crash(day, 20)
    assert {day.venue(name).phase for name in (INFY, SMALL, FUTURE, OPTION)} == {None}
    assert (order.status.value, position.status.value) == ("CANCELLED", "CANCELLED")
    assert day.venue().closing_ticks == 14000
    assert day.at(15, 21).venue().phase is None
    day.at(9, 15, on=MONDAY)
    assert day.venue().phase is PhaseKind.CONTINUOUS


def test_a_ten_percent_fall_late_in_the_day_stops_nothing(make_day):
    day = make_day().at(14, 30)
    crash(day, 11)
    assert day.venue().phase is PhaseKind.CONTINUOUS
    crash(day, -15)
    assert day.venue().phase is None


# --- bands ----------------------------------------------------------------------------------------


def test_a_band_grows_when_enough_trades_touch_its_edge(make_day):
    day = make_day().at(10, 0)
    low = day.buy(10, "1360")
    for _ in range(49):
        day.trade(1, "1649")
    assert day.at(10, 30).exchange.quote(INFY).upper_circuit == Decimal(1650)
    day.trade(1, "1649")
    day.at(10, 44, 59)
    assert day.exchange.quote(INFY).upper_circuit == Decimal(1650)
    day.at(10, 45, 1)
    quote = day.exchange.quote(INFY)
    # Five percent up, and the lower edge slides along.
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal(1425), Decimal(1725))
    assert low.status.value == "CANCELLED"
    assert day.exchange.quote(FUTURE).upper_circuit == Decimal(1725)
    assert day.exchange.quote(SMALL).upper_circuit == Decimal(1800)


def touch_low(day):
    low = day.exchange.quote(INFY).lower_circuit
    for _ in range(50):
        day.trade(1, low)


def limits(day):
    quote = day.exchange.quote(INFY)
    return int(quote.lower_circuit), int(quote.upper_circuit)


def test_bands_slide_down_too_and_by_smaller_steps_after_longer_waits(make_day):
    day = make_day().at(9, 30)
    touch_low(day)
    assert limits(day.at(9, 45, 1)) == (1275, 1575)
    touch_low(day)
    assert limits(day.at(10, 0, 2)) == (1200, 1500)
    touch_low(day)
    assert limits(day.at(10, 29, 59)) == (1200, 1500)
    # The third time by three percent, after half an hour.
    assert limits(day.at(10, 30, 3)) == (1155, 1455)


def test_in_the_last_half_hour_bands_wait_five_minutes(make_day):
    day = make_day().at(14, 46)
    touch_low(day)
    assert limits(day.at(14, 50, 59)) == (1350, 1650)
    assert limits(day.at(14, 51, 1)) == (1275, 1575)


def test_a_band_does_not_grow_once_the_closing_auction_has_begun(make_day):
    day = make_day().at(15, 11)
    touch_low(day)
    assert limits(day.at(15, 29)) == (1309, 1390)


def test_a_fixed_band_never_grows(make_day):
    day = make_day().at(10, 0)
    for _ in range(60):
        day.trade(1, "1799", name=SMALL)
    assert day.at(11, 30).exchange.quote(SMALL).upper_circuit == Decimal(1800)


# --- square-off -----------------------------------------------------------------------------------


def test_intraday_positions_are_squared_off_in_the_order_book(make_day):
    day = make_day().at(15, 0)
    day.sell(30, "1500", user="third")
    held = day.buy(30, "1500", product=Product.MIS)
    waiting = day.buy(5, "1450", product=Product.MIS)
    stop = day.sell(
        5,
        "1470",
        order_type=OrderType.SL,
        trigger_price=Decimal(1480),
        product=Product.MIS,
        user="buyer",
    )
    kept = day.buy(5, "1450")
    bid = day.buy(100, "1499", user="third")
    day.at(15, 11, 59)
    assert held.status.value == "COMPLETE"
    assert waiting.status.value == "OPEN"
    day.at(15, 12)
    assert {waiting.status.value, stop.status.value} == {"CANCELLED"}
    assert kept.status.value == "OPEN"
    exit_order = day.exchange.orders("buyer")[-1]
    assert (exit_order.placed_by, exit_order.product, exit_order.filled_quantity) == (
        "RMS",
        Product.MIS,
        30,
    )
    assert [
        one.quantity for one in day.exchange.positions("buyer") if one.product is Product.MIS
    ] == [0]
    assert bid.filled_quantity == 30


def test_after_the_square_off_no_intraday_orders_are_taken(make_day):
    day = make_day().at(15, 13)
    with pytest.raises(Refused, match="square-off"):
        day.buy(5, "1450", product=Product.MIS)
    assert day.buy(5, "1450").status.value == "OPEN"
    # Other shares are squared off at 15:20, derivatives at 15:35.
    assert day.buy(5, "1450", name=SMALL, product=Product.MIS).status.value == "OPEN"
    assert day.buy(10, "1480", name=FUTURE, product=Product.MIS).status.value == "OPEN"
    day.at(15, 20)
    with pytest.raises(Refused, match="square-off"):
        day.buy(5, "1450", name=SMALL, product=Product.MIS)
    day.at(9, 20, on=MONDAY)
    assert day.buy(5, "1450", product=Product.MIS).status.value == "OPEN"


def test_what_nobody_takes_stays_open(make_day):
    day = make_day().at(15, 0)
    day.sell(30, "1500", user="third")
    day.buy(30, "1500", product=Product.MIS)
    day.at(15, 12)
    exit_order = day.exchange.orders("buyer")[-1]
    assert (exit_order.placed_by, exit_order.status.value) == ("RMS", "OPEN")
    day.at(15, 35)
    assert exit_order.status.value == "CANCELLED"


def test_validity_ioc_has_no_part_in_auctions(make_day):
    day = make_day().at(9, 1)
    assert day.buy(5, "1500", validity=Validity.IOC).status.value == "REJECTED"


def test_a_session_of_other_hours_takes_plain_orders_first_and_the_rest_when_it_trades(make_day):
    eve, muhurat = date(2025, 10, 20), date(2025, 10, 21)
    day = make_day(on=eve).at(16, 30)
    plain = day.buy(10, "1490", variety=Variety.AMO)
    stop = day.buy(
        10,
        "1510",
        variety=Variety.AMO,
        order_type=OrderType.SL,
        trigger_price=Decimal("1505"),
    )
    day.at(13, 30, on=muhurat)
    assert [plain.status.value, stop.status.value] == ["OPEN", "AMO REQ RECEIVED"]
    day.at(13, 45, on=muhurat)
    assert [plain.status.value, stop.status.value] == ["OPEN", "TRIGGER PENDING"]


def test_intraday_orders_on_a_cut_line_do_not_outlive_the_square_off(make_day):
    day = make_day(15, 0)
    standing = day.buy(10, "1490", product=Product.MIS)
    day.exchange.cut(day.now_ns)
    pending = day.buy(10, "1500", product=Product.MIS)
    day.exchange.modify("buyer", standing.order_id, day.now_ns, price=Decimal("1495"))
    day.at(15, 12)
    day.exchange.mend(day.now_ns)
    assert [one.status.value for one in (standing, pending)] == ["CANCELLED"] * 2
    assert day.exchange.quote(INFY).buy_quantity == 0
