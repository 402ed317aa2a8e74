"""Random lives of a run: any valid message at any moment, drawn from small pools so they meet."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from hypothesis import strategies as st

from patang.domain.enums import Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND, Tick
from patang.domain.messages import (
    AnyEvent,
    BandsRead,
    CancelRefused,
    CorporateAction,
    FeedGap,
    FillReceived,
    OperatorHalted,
    OperatorResumed,
    OrderAccepted,
    OrderNotPlaced,
    OrderRefused,
    OrderUnresolved,
    OrderUpdated,
    PositionConverted,
    PriceBand,
    ReservationReleased,
    RunSpec,
    StrategySpec,
    TicksConflated,
    TicksReceived,
    TimerFired,
)
from patang.domain.order import Fill, OrderStatus
from patang.engine.engine import Engine
from tests.builders import FUTURE, INDEX, INFY, SQUARE_OFF_NS, START_NS, TCS, spec

NAMES = (INFY.id, TCS.id, FUTURE.id, INDEX.id, "NSE:ELSEWHERE")
FOLLOWERS = (
    StrategySpec(name="one", path="tests.builders:PriceFollower", instruments=NAMES[:2]),
    StrategySpec(
        name="two",
        path="tests.builders:PriceFollower",
        instruments=NAMES[:4],
        parameters={"unit": 75, "fails": True},
    ),
)


class Move(NamedTuple):
    """What happens next, in numbers that are read against the run's present state."""

    kind: int
    which: int
    much: int
    flag: int


MOVES = st.lists(
    st.builds(
        Move, st.integers(0, 19), st.integers(0, 7), st.integers(-3, 120), st.integers(0, 11)
    ),
    max_size=60,
)


def chaos_spec(run_id: str = "chaos") -> RunSpec:
    """Two strategies that fail now and then, on four instruments, over the square-off."""
    return spec(run_id=run_id, strategies=FOLLOWERS, max_strategy_errors=50)


def events_of(engine: Engine, moves: list[Move]) -> Iterator[AnyEvent]:
    """Turn moves into events against the engine that is fed with them."""
    now_ns = SQUARE_OFF_NS - 600 * NS_PER_SECOND if len(moves) % 3 == 0 else START_NS
    for number, move in enumerate(moves):
        now_ns += (move.much % 7) * NS_PER_SECOND * (30 if move.flag == 7 else 1)
        yield _event(engine, move, now_ns, number)


def _event(engine: Engine, move: Move, now_ns: int, number: int) -> AnyEvent:
    kind, which, much, flag = move
    orders = list(engine.ledger.orders.values())
    order = orders[which % len(orders)] if orders else None
    intent_id = "nobody" if order is None or flag == 0 else order.intent.intent_id
    order_id = f"o{which}" if order is None else f"id-{order.intent.intent_id}"
    if flag == 11:
        order_id = "id-other"
    name = NAMES[which % 5] if order is None or flag == 1 else order.intent.instrument
    side = list(Side)[flag % 2] if order is None or flag == 2 else order.intent.side
    tag = None if order is None or flag in (3, 4) else order.intent.tag
    match kind:
        case 0 | 1 | 2 | 3 | 4:
            price = 0.0 if flag == 11 and kind == 0 else 90.0 + much * 0.05
            seen = Tick(
                instrument=NAMES[which % 5],
                received_ns=now_ns,
                exchange_ns=now_ns - flag * NS_PER_SECOND // 2,
                last_price=price,
                volume=0 if which % 5 == 3 else number * 10 + much,
            )
            return TicksReceived(at_ns=now_ns, ticks=(seen,) * (1 + flag % 2))
        case 5 | 6:
            return TimerFired(at_ns=now_ns)
        case 7:
            return OrderAccepted(at_ns=now_ns, intent_id=intent_id, order_id=order_id)
        case 8:
            return OrderRefused(at_ns=now_ns, intent_id=intent_id, code="X", message="no")
        case 9:
            return OrderUnresolved(at_ns=now_ns, intent_id=intent_id, reason="timeout")
        case 10:
            return OrderNotPlaced(at_ns=now_ns, intent_id=intent_id, reads=much)
        case 11 | 12 | 13 | 14:
            return OrderUpdated(
                at_ns=now_ns,
                order_id=order_id,
                tag=tag,
                instrument=name,
                side=side,
                quantity=much if order is None else order.intent.quantity,
                filled_quantity=max(0, much),
                status=list(OrderStatus)[(much + flag) % len(OrderStatus)],
            )
        case 15 | 16:
            traded = Fill(
                trade_id=f"t{much % 25}",
                order_id=order_id,
                instrument=name,
                side=side,
                quantity=much,
                price=Decimal(2_000 + which) * Decimal("0.05"),
                product=list(Product)[flag % 3 if flag > 8 else 1],
                time_ns=0 if flag == 9 else now_ns,
            )
            return FillReceived(at_ns=now_ns, fill=traded, tag=tag)
        case 17:
            return CancelRefused(at_ns=now_ns, intent_id=intent_id, message="no")
        case 18:
            if flag > 5:
                return FeedGap(at_ns=now_ns, from_ns=now_ns - much, to_ns=now_ns + much)
            return TicksConflated(at_ns=now_ns, instruments=NAMES[:which], dropped=much)
        case _:
            return _operation(move, now_ns, intent_id, name, side)


def _operation(move: Move, now_ns: int, intent_id: str, name: InstrumentId, side: Side) -> AnyEvent:
    """What a person, the broker's back office or the registrar does."""
    flag, much = move.flag, move.much
    if flag in (3, 4, 5):
        return ReservationReleased(
            at_ns=now_ns, by="me", reason="seen" * (flag - 3), intent_id=intent_id
        )
    if flag == 6:
        return PositionConverted(
            at_ns=now_ns,
            instrument=name,
            side=side,
            quantity=much,
            old_product=Product.MIS,
            new_product=Product.NRML,
            overnight=much % 5 == 0,
        )
    if flag == 7:
        return CorporateAction(
            at_ns=now_ns,
            instrument=name,
            new_units=1 + abs(much) % 3,
            old_units=1 + move.which % 2,
            dividend=Decimal(abs(much)),
        )
    if flag == 8:
        band = PriceBand(instrument=name, lower=Decimal(80), upper=Decimal(90 + abs(much)))
        return BandsRead(at_ns=now_ns, bands=(band,))
    if flag > 8:
        return OperatorResumed(at_ns=now_ns, by="me", reason="fine" * (flag - 9))
    return OperatorHalted(
        at_ns=now_ns, by="me", reason="enough", cancel_all=flag == 1, flatten=flag == 2
    )
