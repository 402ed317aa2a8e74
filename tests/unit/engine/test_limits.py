"""Every further limit of the gate at its edge, by scope; and what contradicts is refused."""

from decimal import Decimal

import msgspec
import pytest

from patang.domain.enums import Product
from patang.domain.errors import InvalidValue
from patang.domain.limits import RiskLimits, ScopeLimits
from patang.domain.messages import BandsRead, OperatorResumed, PriceBand
from patang.domain.order import OrderStatus
from patang.engine.day_watch import TradingState
from patang.engine.sizing import DEFAULT_RULE, Situation, units
from tests.builders import FUTURE, INFY, LIMITS, TCS, Desk, alarms, cancelled, spec, submitted, told

DAY_NS = 86_400_000_000_000


def limited(*, strategies: tuple[str, ...] = ("alpha",), **changes: object) -> Desk:
    limits = msgspec.structs.replace(LIMITS, **changes)
    return Desk(spec(limits=limits, strategies=tuple(told(name) for name in strategies)))


def test_order_quantity_may_reach_the_limit_and_not_pass_it():
    desk = limited(max_order_quantity=50)
    assert submitted(desk.say(51)) == []
    assert desk.denials == ["MAX_ORDER_QUANTITY"]
    assert len(submitted(desk.say(50))) == 1


def test_position_quantity_counts_every_strategy_and_working_order():
    desk = limited(strategies=("alpha", "beta"), max_position_quantity=60)
    desk.open(40)
    assert submitted(desk.say(21, by="beta")) == []
    assert desk.denials == ["MAX_POSITION_QUANTITY"]
    desk.wait(5)
    assert len(submitted(desk.say(20, by="beta"))) == 1


@pytest.mark.parametrize("price", [89.9, 110.1])
def test_a_limit_outside_the_collar_is_refused(price: float):
    desk = limited(price_collar=Decimal(10))
    desk.say(10, limit=price)
    assert desk.denials == ["PRICE_COLLAR"]


@pytest.mark.parametrize("price", [90.0, 110.0])
def test_a_limit_on_the_collar_is_taken(price: float):
    desk = limited(price_collar=Decimal(10))
    assert len(submitted(desk.say(10, limit=price))) == 1


def test_a_limit_outside_the_day_s_band_is_refused_until_the_band_moves():
    desk = Desk()
    band = PriceBand(instrument=INFY.id, lower=Decimal(95), upper=Decimal(105))
    desk.send(BandsRead(at_ns=desk.now_ns, bands=(band,)))
    desk.say(10, limit=105.1)
    assert desk.denials == ["CIRCUIT_LIMIT"]
    wider = msgspec.structs.replace(band, upper=Decimal(110))
    desk.send(BandsRead(at_ns=desk.now_ns, bands=(wider,)))
    desk.wait(5)
    assert len(submitted(desk.say(10, limit=105.1))) == 1


def test_open_positions_count_what_is_held_and_what_is_ordered():
    desk = limited(max_open_positions=2)
    desk.hold(10)
    desk.open(10, "o2", instrument=TCS)
    desk.say(75, instrument=FUTURE)
    assert desk.denials == ["MAX_OPEN_POSITIONS"]
    assert len(submitted(desk.say(20))) == 1  # more of what is held is no further position


def test_gross_value_adds_longs_and_shorts_and_net_value_offsets_them():
    values = {
        "max_position_value": Decimal(15_000),
        "max_gross_value": Decimal(20_000),
        "max_net_value": Decimal(6_000),
    }
    desk = limited(**values)
    desk.hold(50)
    desk.say(20, instrument=TCS)
    assert desk.denials == ["MAX_NET_VALUE"]
    assert len(submitted(desk.say(-110, instrument=TCS))) == 1
    desk.say(75, instrument=FUTURE)
    assert desk.denials == ["MAX_NET_VALUE", "MAX_GROSS_VALUE"]


def test_an_order_that_would_be_sent_twice_is_refused_and_a_next_slice_is_not():
    desk = limited(duplicate_window_ns=60_000_000_000)
    desk.say(50)
    order = desk.last_order
    desk.accept(order, "o1")
    desk.update(order, "o1", OrderStatus.REJECTED)
    desk.wait(6)
    assert submitted(desk.say(50)) == []
    assert desk.denials == ["DUPLICATE"]
    desk.wait(60)
    assert len(submitted(desk.say(50))) == 1
    order = desk.last_order
    desk.accept(order, "o2")
    desk.fill(order, "o2", 50)
    desk.update(order, "o2", OrderStatus.FILLED, 50)
    assert len(submitted(desk.say(100))) == 1  # the same order, from another position


def test_only_allowed_instruments_and_products_are_entered():
    desk = limited(allowed_instruments=(TCS.id,))
    desk.say(10)
    assert desk.denials == ["INSTRUMENT_NOT_ALLOWED"]
    assert len(submitted(desk.say(10, instrument=TCS))) == 1
    with pytest.raises(InvalidValue, match=r"limits\.allowed_products"):
        limited(allowed_products=(Product.CNC,))


def test_margins_may_take_their_share_of_the_equity():
    # MIS blocks a fifth of a share's value: 200,000 of 1,000,000 rupees.
    desk = limited(margin_use=Decimal(20), max_order_value=Decimal(10_000_000))
    desk.say(10_001)
    assert desk.denials == ["MARGIN"]
    assert len(submitted(desk.say(10_000, instrument=TCS))) == 1
    desk.say(10)
    assert desk.denials == ["MARGIN", "MARGIN"]  # the order that works has taken all of it


def test_orders_a_day_are_counted_with_exits_and_begin_anew_the_next_day():
    desk = Desk(
        spec(
            limits=msgspec.structs.replace(LIMITS, max_orders_per_day=2),
            close_ns=spec().close_ns + DAY_NS,
            square_off_ns=spec().square_off_ns + DAY_NS,
        )
    )
    desk.hold(10)
    desk.say(0)
    exit_order = desk.last_order
    desk.accept(exit_order, "o2")
    desk.fill(exit_order, "o2", 10)
    desk.update(exit_order, "o2", OrderStatus.FILLED, 10)
    desk.wait(6)
    assert submitted(desk.say(10)) == []
    assert desk.denials == ["MAX_ORDERS_PER_DAY"]
    desk.now_ns += DAY_NS
    assert len(submitted(desk.say(10))) == 1


def test_a_strategy_an_instrument_and_an_underlying_have_limits_of_their_own():
    desk = Desk(
        spec(
            limits=msgspec.structs.replace(
                LIMITS,
                strategies={"alpha": ScopeLimits(max_position_value=Decimal(1_000))},
                instruments={TCS.id: ScopeLimits(max_order_quantity=5)},
                underlyings={"NIFTY": ScopeLimits(max_position_quantity=150)},
            ),
            strategies=(told("alpha"), told("beta")),
        )
    )
    desk.say(11)
    assert desk.denials == ["MAX_POSITION_VALUE"]
    assert len(submitted(desk.say(11, by="beta"))) == 1
    desk.say(6, instrument=TCS)
    assert desk.denials[1:] == ["MAX_ORDER_QUANTITY"]
    assert len(submitted(desk.say(150, instrument=FUTURE, by="beta", price=1.0))) == 1
    desk.wait(1)
    desk.say(75, instrument=FUTURE, price=1.0)
    assert desk.denials[2:] == ["MAX_POSITION_QUANTITY"]


def test_a_strategy_s_own_loss_stops_it_alone():
    desk = Desk(
        spec(
            limits=msgspec.structs.replace(
                LIMITS, strategies={"alpha": ScopeLimits(max_daily_loss=Decimal(400))}
            ),
            strategies=(told("alpha"), told("beta")),
        )
    )
    desk.hold(50)
    entry = desk.open(10, "o9", instrument=TCS)
    desk.tick(91.0)
    commands = desk.wait()
    assert alarms(commands) == ["REDUCING"]
    assert cancelled(commands) == ["o9"]
    desk.update(entry, "o9", OrderStatus.CANCELLED)
    desk.wait(6)
    desk.say(10, instrument=TCS)
    assert set(desk.denials) == {"REDUCING"}
    assert len(submitted(desk.say(10, instrument=TCS, by="beta"))) == 1
    assert len(submitted(desk.say(0, price=91.0))) == 1
    assert desk.engine.risk.state is TradingState.ACTIVE


def test_a_fall_from_the_peak_halts_though_the_day_is_won():
    desk = limited(max_drawdown=Decimal(1_000))
    desk.hold(100)
    desk.tick(120.0)
    desk.wait()
    desk.tick(110.1)
    assert alarms(desk.wait()) == []
    desk.tick(110.0)
    assert alarms(desk.wait()) == ["HALTED"]
    assert desk.engine.portfolio.net_pnl > 900
    assert "drawdown" in desk.engine.risk.halt_reason
    desk.send(OperatorResumed(at_ns=desk.now_ns, by="me", reason="seen"))
    assert alarms(desk.wait()) == []  # measured from here on


def test_a_locked_profit_leaves_only_exits_for_the_day():
    desk = limited(profit_lock_from=Decimal(1_000), profit_lock_give_back=Decimal(500))
    desk.hold(100)
    desk.tick(109.0)
    desk.wait()
    desk.tick(101.0)
    assert alarms(desk.wait()) == []  # what was never reached is not locked
    desk.tick(112.0)
    desk.wait()
    desk.tick(106.9)
    assert alarms(desk.wait()) == ["REDUCING"]
    assert desk.engine.risk.state is TradingState.REDUCING
    desk.say(10, instrument=TCS)
    assert desk.denials == ["REDUCING"]
    assert len(submitted(desk.say(0, price=106.9))) == 1


def lose_once(desk: Desk, number: int, price: str = "99") -> None:
    desk.hold(10, f"in{number}")
    desk.say(0)
    order = desk.last_order
    desk.accept(order, f"out{number}")
    desk.fill(order, f"out{number}", 10, price)
    desk.update(order, f"out{number}", OrderStatus.FILLED, 10)
    desk.wait(6)


def test_a_streak_of_losses_ends_new_exposure_and_a_win_ends_the_streak():
    desk = limited(max_loss_streak=2)
    lose_once(desk, 1)
    lose_once(desk, 2, "120")
    lose_once(desk, 3)
    assert desk.engine.risk.state is TradingState.ACTIVE
    lose_once(desk, 4)
    assert desk.engine.risk.state is TradingState.REDUCING
    desk.say(10)
    assert desk.denials == ["REDUCING"]
    desk.send(OperatorResumed(at_ns=desk.now_ns, by="me", reason="market is quiet again"))
    desk.wait(6)
    assert len(submitted(desk.say(10))) == 1


def test_reducing_ends_with_the_day_and_a_halt_does_not():
    open_for_long = {
        "close_ns": spec().close_ns + DAY_NS,
        "square_off_ns": spec().square_off_ns + DAY_NS,
    }
    for change, state in (
        ({"max_loss_streak": 1}, TradingState.ACTIVE),
        ({"max_drawdown": Decimal(5)}, TradingState.HALTED),
    ):
        desk = Desk(spec(limits=msgspec.structs.replace(LIMITS, **change), **open_for_long))
        desk.wait()
        lose_once(desk, 1)
        assert desk.engine.risk.state is not TradingState.ACTIVE
        desk.now_ns += DAY_NS
        desk.wait()
        assert desk.engine.risk.state is state


def test_the_default_limits_and_the_default_sizing_trade_and_exit():
    # What a peer's default configuration never did: its sizing asked for all of the account, its
    # risk check allowed a fiftieth of it, and its exits counted as further positions.
    capital = Decimal(100_000)
    desk = Desk(spec(opening_cash=capital, limits=RiskLimits.of_capital(capital)))
    given = Situation(instrument=INFY, equity=desk.engine.portfolio.equity, price=Decimal(100))
    quantity = units(DEFAULT_RULE, given)
    assert quantity == 100
    desk.hold(quantity)
    assert desk.owned() == 100
    desk.wait(6)
    (leaving,) = submitted(desk.say(0))
    assert (leaving.quantity, leaving.reduces) == (100, True)
    assert desk.denials == []


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("max_net_value", {"max_net_value": 3, "max_gross_value": 2, "max_position_value": 1}),
        ("max_position_value", {"max_gross_value": 100}),
        ("max_order_quantity", {"max_order_quantity": 6, "max_position_quantity": 5}),
        ("profit_lock_from", {"profit_lock_from": 10}),
        ("profit_lock_give_back", {"profit_lock_from": 10, "profit_lock_give_back": 11}),
        ("margin_use", {"margin_use": 101}),
        ("price_collar", {"price_collar": 0}),
        ("max_open_positions", {"max_open_positions": 0}),
    ],
)
def test_contradictory_limits_are_refused_with_the_field_named(field: str, changes: dict):
    money = {
        name: Decimal(value) if "quantity" not in name and "positions" not in name else value
        for name, value in changes.items()
    }
    with pytest.raises(InvalidValue, match=field):
        RiskLimits(**{**msgspec.structs.asdict(LIMITS), **money})


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("limits.strategies", {"strategies": {"nobody": ScopeLimits()}}),
        ("limits.instruments", {"instruments": {"NSE:ELSE": ScopeLimits()}}),
        ("limits.underlyings", {"underlyings": {"SENSEX": ScopeLimits()}}),
        ("limits.allowed_instruments", {"allowed_instruments": ("NSE:ELSE",)}),
    ],
)
def test_a_limit_for_what_the_run_has_not_is_refused(field: str, changes: dict):
    with pytest.raises(InvalidValue, match=field):
        spec(limits=msgspec.structs.replace(LIMITS, **changes))


def test_a_strategy_that_could_trade_nothing_is_refused():
    limits = msgspec.structs.replace(LIMITS, allowed_instruments=(TCS.id,))
    with pytest.raises(InvalidValue, match="strategy alpha may trade none"):
        spec(limits=limits, strategies=(told("alpha", INFY),))


def test_a_part_may_not_be_given_more_than_the_whole():
    wide = {"alpha": ScopeLimits(max_daily_loss=Decimal(50_001))}
    with pytest.raises(InvalidValue, match=r"limits\.strategies\.alpha\.max_daily_loss"):
        RiskLimits(**{**msgspec.structs.asdict(LIMITS), "strategies": wide})
