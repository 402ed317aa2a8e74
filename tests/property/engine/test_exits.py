"""Whatever limits a run has and whatever state it is in: while the market is open, exits leave."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Side
from patang.domain.limits import RiskLimits, ScopeLimits
from patang.domain.messages import BandsRead, OperatorHalted, PriceBand
from tests.builders import INFY, LIMITS, Desk, spec, submitted

TINY = Decimal("0.01")
AMOUNTS = st.decimals("0.01", "200000", places=2)
COUNTS = st.integers(1, 20)


@st.composite
def limits(draw: st.DrawFn) -> RiskLimits:
    """Any limits that do not contradict each other, most of them far too small to trade with."""

    def maybe(what: st.SearchStrategy) -> object:
        return draw(st.none() | what)

    gross = maybe(AMOUNTS)
    position = min(draw(AMOUNTS), gross) if isinstance(gross, Decimal) else draw(AMOUNTS)
    units = maybe(COUNTS)
    lock = maybe(AMOUNTS)
    return RiskLimits(
        max_order_value=draw(AMOUNTS),
        max_position_value=position,
        max_daily_loss=draw(AMOUNTS),
        max_orders_per_second=draw(COUNTS),
        max_orders_per_minute=draw(COUNTS),
        max_order_quantity=units,
        max_position_quantity=units,
        max_gross_value=gross,
        max_net_value=gross,
        max_open_positions=maybe(COUNTS),
        max_orders_per_day=maybe(COUNTS),
        max_drawdown=maybe(AMOUNTS),
        profit_lock_from=lock,
        profit_lock_give_back=lock,
        max_loss_streak=maybe(COUNTS),
        price_collar=maybe(st.just(TINY)),
        margin_use=maybe(st.just(TINY)),
        duplicate_window_ns=maybe(st.just(10**12)),
        strategies={"alpha": ScopeLimits(max_daily_loss=TINY, max_loss_streak=maybe(st.just(1)))},
        underlyings={"INFY": ScopeLimits(max_orders_per_day=1)} if draw(st.booleans()) else {},
    )


@settings(max_examples=150, deadline=None)
@given(
    limits(),
    st.sampled_from([1, -1]),
    st.floats(20, 500).map(lambda price: round(price, 1)),
    st.booleans(),
    st.integers(0, 20),
)
def test_an_exit_is_never_blocked(
    judged: RiskLimits, side: int, price: float, is_halted: bool, orders_before: int
):
    desk = Desk(spec(limits=LIMITS))
    desk.hold(side * 50)
    # The limits change under a position that is there: as tight as can be.
    gate = desk.engine.risk
    tight = type(gate)(msgspec.structs.replace(desk.spec, limits=judged))
    desk.engine.risk = desk.engine._witness._gate = tight
    band = PriceBand(instrument=INFY.id, lower=TINY, upper=TINY * 2)
    desk.send(BandsRead(at_ns=desk.now_ns, bands=(band,)))
    tight._placed_ns.extend([desk.now_ns] * orders_before)
    if is_halted:
        desk.send(OperatorHalted(at_ns=desk.now_ns, by="me", reason="enough"))
    desk.tick(price)
    desk.wait()
    (leaving,) = submitted(desk.say(0, price=price))
    assert (leaving.quantity, leaving.side) == (50, Side.SELL if side > 0 else Side.BUY)
    assert leaving.reduces
