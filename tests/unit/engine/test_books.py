"""The trade list, the ledger, what is carried, converted and split; and the broker's figures."""

from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, InstrumentType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.domain.messages import (
    AccountRead,
    AlarmRaised,
    CarriedPosition,
    CorporateAction,
    PositionConverted,
    PositionFigures,
)
from patang.engine.book import BookPosition
from patang.engine.comparison import compare
from patang.engine.portfolio import EXTERNAL, Portfolio
from tests.builders import (
    FUTURE,
    INFY,
    START_NS,
    TCS,
    Desk,
    alarms,
    fill,
    named,
    spec,
    submitted,
    told,
)

SELL = Side.SELL
GOLDGUINEA = Instrument(
    exchange=Exchange.MCX,
    symbol="GOLDGUINEA17DECFUT",
    token=53505799,
    tick_size=Decimal(1),
    instrument_type=InstrumentType.FUT,
)


def carried(quantity: int, price: int, close: int, owner: str = "alpha") -> CarriedPosition:
    return CarriedPosition(
        owner=owner,
        instrument=INFY.id,
        product=Product.NRML,
        quantity=quantity,
        average_price=Decimal(price),
        close_price=Decimal(close),
    )


def test_the_figures_of_kite_s_own_sample():
    # kiteconnect-mocks, positions.json: three carried, four bought, four sold.
    position = BookPosition(instrument=GOLDGUINEA.id, product=Product.NRML)
    position.carry_in(3, Decimal(23171))
    position.apply(Side.BUY, 1, Decimal(23388) - 342)
    net = position.net(Decimal(23355), Decimal(23232))
    assert (net.quantity, net.overnight_quantity) == (4, 3)
    assert net.buy_value == 3 * 23171 + 23046
    assert net.buy_m2m == 3 * 23232 + 23046
    sample = BookPosition(
        instrument=GOLDGUINEA.id,
        product=Product.NRML,
        buy_quantity=4,
        sell_quantity=4,
        buy_value=Decimal(92559),
        sell_value=Decimal(93360),
        overnight_quantity=3,
        overnight_value=Decimal(92559 - 23388),
    )
    net, day = sample.net(Decimal(23355), Decimal(23232)), sample.day(Decimal(23355))
    assert (net.value, net.pnl, net.m2m, net.average_price) == (801, 801, 276, 0)
    assert (day.quantity, day.average_price, day.pnl) == (-3, 23340, -93)


def test_a_short_is_worth_what_it_will_cost_to_close():
    # A peer's books showed 120,000 after this sale, and 122,000 at 120.
    books = Portfolio(spec(opening_cash=Decimal(100_000)))
    books.book(fill(100, "100", side=SELL), "a")
    costs = books.charges
    assert books.equity == 100_000 - costs
    books.mark(INFY.id, Decimal(120))
    assert books.equity == 98_000 - costs
    assert books.summary().net_value == -12_000


def test_an_exit_closes_the_oldest_entry_and_takes_its_charges_along():
    books = Portfolio(spec())
    books.book(fill(10, "100", trade_id="t1", order_id="o1"), "a")
    books.book(fill(10, "110", trade_id="t2", order_id="o2", at_ns=START_NS + 1), "a")
    books.book(fill(15, "120", trade_id="t3", order_id="o3", side=SELL, at_ns=START_NS + 2), "a")
    first, second = books.trips
    assert (first.quantity, first.entry_price, first.exit_price, first.gross) == (10, 100, 120, 200)
    assert (second.quantity, second.entry_order_id, second.gross) == (5, "o2", 50)
    assert first.net == first.gross - first.charges
    assert (first.entry_ns, first.exit_ns) == (START_NS, START_NS + 2)
    assert books.fifo_realised("a") == 250
    assert books.realised == 15 * 120 - 15 * 105  # by average cost
    assert books.fifo_realised("b") == 0


def test_a_short_s_trip_begins_with_the_sale():
    books = Portfolio(spec())
    books.book(fill(10, "100", side=SELL), "a")
    books.book(fill(25, "90", trade_id="t2", order_id="o2"), "a")
    (trip,) = books.trips
    assert (trip.side, trip.quantity, trip.gross) == (SELL, 10, 100)
    assert books.owned("a", INFY.id) == 15


def test_the_trade_history_can_be_filtered():
    books = Portfolio(spec())
    books.book(fill(1), "a")
    books.book(fill(2, trade_id="t2", at_ns=START_NS + 5), "b")
    books.book(fill(3, trade_id="t3", instrument=TCS), "a")

    def quantities(**only: object) -> list[int]:
        return [each.fill.quantity for each in books.booked(**only)]

    assert quantities() == [1, 2, 3]
    assert quantities(owner="a") == [1, 3]
    assert quantities(instrument=INFY.id) == [1, 2]
    assert quantities(since_ns=START_NS + 1) == [2]


def test_a_position_s_result_is_known_when_it_is_closed_and_not_before():
    books = Portfolio(spec())
    books.book(fill(10, "100"), "a")
    books.book(fill(4, "110", trade_id="t2", side=SELL), "a")
    assert books.take_results() == []
    books.book(fill(6, "90", trade_id="t3", side=SELL), "a")
    assert books.take_results() == [("a", 40 - 60 - books.charges)]
    assert books.take_results() == []


def test_a_carried_position_keeps_its_owner_its_cost_and_yesterday_s_profit():
    both = (carried(10, 90, 100), carried(-4, 120, 100, "beta"))
    desk = Desk(spec(strategies=(told("alpha"), told("beta")), carried=both))
    books = desk.engine.portfolio
    assert (desk.owned(), desk.owned(by="beta")) == (10, -4)
    assert books.equity == books.cash + 6 * 100
    assert books.net_pnl == 100 + 80
    assert desk.engine.risk.tally.base == 180  # of which nothing was earned today
    assert [i.quantity for i in submitted(desk.say(0))] == [10]
    position = books.position(INFY.id, Product.NRML)
    assert position is not None
    assert position.net(Decimal(101), Decimal(105)).overnight_quantity == 6


def test_yesterday_s_loss_is_not_today_s():
    run = spec(carried=(carried(1_000, 200, 100),))  # 100,000 down since it was bought
    desk = Desk(run)
    desk.tick(99.0)
    assert alarms(desk.wait()) == []
    desk.tick(49.0)
    assert alarms(desk.wait()) == ["HALTED"]


def test_a_position_follows_its_strategy_to_a_new_name():
    renamed = told("alpha")
    renamed = type(renamed)(
        name="alpha", path=renamed.path, instruments=renamed.instruments, former_names=("old",)
    )
    desk = Desk(spec(strategies=(renamed,), carried=(carried(10, 90, 100, "old"),)))
    assert desk.owned() == 10


def test_what_is_open_is_carried_into_the_next_day():
    books = Portfolio(spec())
    books.book(fill(10, "100"), "alpha")
    books.book(fill(5, "100", trade_id="t2", instrument=TCS), "beta")
    books.book(fill(5, "101", trade_id="t3", instrument=TCS, side=SELL), "beta")
    books.mark(INFY.id, Decimal(104))
    (left,) = books.carry_forward()
    assert (left.owner, left.quantity, left.average_price, left.close_price) == (
        "alpha",
        10,
        100,
        104,
    )
    again = Portfolio(spec(opening_cash=books.cash, carried=(left,)))
    assert again.equity == books.equity


@pytest.mark.parametrize("price", ["0", "NaN"])
def test_a_carried_position_is_one(price: str):
    wrong = CarriedPosition(
        owner="a",
        instrument=INFY.id,
        product=Product.MIS,
        quantity=1,
        average_price=Decimal(price),
    )
    with pytest.raises(InvalidValue, match="carried"):
        Portfolio(spec(carried=(wrong,)))
    with pytest.raises(InvalidValue, match="not part of this run"):
        Portfolio(
            spec(
                carried=(
                    CarriedPosition(
                        owner="a",
                        instrument=named("NSE:ELSE"),
                        product=Product.MIS,
                        quantity=1,
                        average_price=Decimal(1),
                    ),
                )
            )
        )


def conversion(quantity: int, *, overnight: bool = False) -> PositionConverted:
    return PositionConverted(
        at_ns=START_NS,
        instrument=INFY.id,
        side=Side.BUY,
        quantity=quantity,
        old_product=Product.MIS,
        new_product=Product.CNC,
        overnight=overnight,
    )


def test_a_conversion_moves_units_at_their_cost_and_no_money():
    desk = Desk()
    desk.hold(10)
    books = desk.engine.portfolio
    before = (books.cash, books.net_pnl)
    desk.send(conversion(4))
    mis, cnc = books.position(INFY.id, Product.MIS), books.position(INFY.id, Product.CNC)
    assert mis is not None
    assert cnc is not None
    assert (mis.quantity, cnc.quantity, cnc.buy_value) == (6, 4, 400)
    assert (books.cash, books.net_pnl) == before
    assert desk.owned() == 10
    assert alarms(desk.send(conversion(7))) == ["BOOKS_NOT_CHANGED"]
    assert alarms(desk.send(conversion(1, overnight=True))) == ["BOOKS_NOT_CHANGED"]
    assert mis.quantity == 6


def test_a_split_keeps_the_cost_and_the_worth():
    desk = Desk()
    desk.hold(10)
    books = desk.engine.portfolio
    equity = books.equity
    desk.send(CorporateAction(at_ns=START_NS, instrument=INFY.id, new_units=5, old_units=1))
    assert (desk.owned(), books.held(INFY.id), books.equity) == (50, 50, equity)
    assert books.last_mark(INFY.id) == 20
    assert books.position(INFY.id, Product.MIS).average_price == 20  # type: ignore[union-attr]
    desk.say(0, price=21.0)
    assert desk.last_order.intent.quantity == 50
    desk.fill(desk.last_order, "o2", 50, "21")
    assert books.fifo_realised() == books.realised == 50


def test_a_fraction_is_left_to_a_person():
    desk = Desk()
    desk.hold(5)
    action = CorporateAction(at_ns=START_NS, instrument=INFY.id, new_units=3, old_units=2)
    assert alarms(desk.send(action)) == ["BOOKS_NOT_CHANGED"]
    assert desk.owned() == 5


def test_a_dividend_is_cash_for_each_unit():
    desk = Desk()
    desk.hold(10)
    books = desk.engine.portfolio
    cash = books.cash
    desk.send(CorporateAction(at_ns=START_NS, instrument=INFY.id, dividend=Decimal("2.50")))
    assert books.cash == cash + 25
    assert books.equity == books.cash + 10 * books.last_mark(INFY.id)
    assert books.ledger[-1].kind == "dividend"


def test_the_equity_is_noted_once_a_minute():
    desk = Desk()
    desk.hold(10)
    for _ in range(150):
        desk.tick(101.0)
        desk.wait()
    curve = desk.engine.portfolio.curve
    assert len(curve) == 3
    assert curve[-1].equity == desk.engine.portfolio.equity


def test_owners_know_what_they_earned_after_charges():
    books = Portfolio(spec())
    books.book(fill(10, "100"), "a")
    books.book(fill(10, "100", trade_id="t2", order_id="o2", instrument=TCS), "b")
    books.mark(INFY.id, Decimal(103))
    assert books.net_pnl_of("a") == 30 - books.charges_of("a")
    assert books.net_pnl_of("a") + books.net_pnl_of("b") == books.net_pnl


def test_claimed_trades_bring_their_charges_along():
    desk = Desk()
    desk.say(10)
    intent = desk.last_order.intent
    books = Portfolio(spec())
    books.book(fill(10, "99"), EXTERNAL)
    books.book(fill(10, "101", trade_id="t2", order_id="o9", side=SELL), EXTERNAL)
    charges = books.charges
    assert len(books.trips) == 1
    books.claim("o1", intent)
    assert books.trips == []  # one of them is the strategy's now: nothing was closed
    assert books.charges_of("alpha") > 0
    assert books.charges_of("alpha") + books.charges_of(EXTERNAL) == charges
    assert [each.owner for each in books.booked()] == ["alpha", EXTERNAL]


# --- the broker's figures --------------------------------------------------------------------


def figures(books: Portfolio, **changes: object) -> PositionFigures:
    (position,) = books.positions()
    last = books.last_mark(position.instrument)
    fields: dict[str, object] = {
        "instrument": position.instrument,
        "product": position.product,
        "quantity": position.quantity,
        "buy_quantity": position.buy_quantity,
        "sell_quantity": position.sell_quantity,
        "buy_value": position.buy_value,
        "sell_value": position.sell_value,
        "last_price": last,
        "pnl": position.pnl(last),
    }
    return PositionFigures(**{**fields, **changes})  # type: ignore[arg-type]


def read(*rows: PositionFigures, charges: Decimal | None = None) -> AccountRead:
    return AccountRead(at_ns=START_NS, positions=rows, charges=charges)


def one_position() -> Portfolio:
    books = Portfolio(spec())
    books.book(fill(10, "100"), "a")
    books.book(fill(4, "110", trade_id="t2", side=SELL), "a")
    return books


def test_equal_books_have_no_difference():
    books = one_position()
    assert compare(books, read(figures(books), charges=books.charges)) == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"quantity": 7}, ["quantity"]),
        ({"pnl": Decimal(1)}, ["pnl"]),
        ({"buy_value": Decimal(1001)}, ["buy_value"]),
        ({"buy_quantity": 11, "sell_quantity": 4}, ["buy_quantity"]),
    ],
)
def test_what_cannot_be_explained_is_alarmed(changes: dict, fields: list[str]):
    books = one_position()
    found = compare(books, read(figures(books, **changes)))
    assert [d.field for d in found] == fields
    assert not any(d.explanation for d in found)


def test_another_last_price_and_rounded_charges_are_explained():
    books = one_position()
    last = Decimal(105)
    (position,) = books.positions()
    row = figures(books, last_price=last, pnl=position.pnl(last))
    found = compare(books, read(row, charges=books.charges + 1))
    assert [(d.field, bool(d.explanation)) for d in found] == [
        ("last_price", True),
        ("charges", True),
    ]
    (far,) = compare(books, read(figures(books), charges=books.charges + 50))
    assert far.explanation == ""


def test_closed_units_counted_on_one_side_are_explained():
    books = one_position()
    row = figures(
        books,
        buy_quantity=12,
        sell_quantity=6,
        buy_value=Decimal(1220),
        sell_value=Decimal(660),
        pnl=figures(books).pnl,
    )
    found = compare(books, read(row))
    assert len(found) == 4
    assert all(d.explanation for d in found)


def test_positions_that_one_side_lacks_are_differences():
    books = one_position()
    (ours,) = compare(books, read())
    assert (ours.field, ours.ours, ours.theirs, ours.explanation) == ("quantity", 6, 0, "")
    elsewhere = figures(books, instrument=named("NSE:ELSE"))
    found = compare(books, read(figures(books), elsewhere))
    assert [bool(d.explanation) for d in found] == [True]
    other_product = figures(books, product=Product.CNC)
    found = compare(books, read(other_product))
    assert [d.explanation != "" for d in found] == [True, True]
    future = figures(books, instrument=FUTURE.id)
    (missing,) = compare(books, read(figures(books), future))
    assert (missing.ours, missing.theirs) == (0, 6)


def test_the_day_s_comparison_alarms_and_explains():
    desk = Desk()
    desk.hold(10)
    books = desk.engine.portfolio
    assert desk.send(read(figures(books))) == ()
    commands = desk.send(read(figures(books, quantity=9), charges=books.charges + 1))
    told_codes = [(c.code, c.severity) for c in commands if isinstance(c, AlarmRaised)]
    assert told_codes == [("BOOKS_DIFFER", "critical"), ("BOOKS_EXPLAINED", "info")]
