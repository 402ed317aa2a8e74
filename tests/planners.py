"""A strategy that gives every kind of explicit intent, as a pure function of the last price."""

from patang.domain.enums import Side
from patang.domain.intents import (
    BasketIntent,
    BracketIntent,
    Intent,
    Leg,
    LimitIntent,
    OcoIntent,
    StopIntent,
    TrailingIntent,
    Watch,
    Withdraw,
)
from patang.domain.market import Tick
from patang.domain.messages import Signal, StrategySpec
from patang.domain.order import Order
from patang.engine.parameters import flag, whole
from patang.engine.strategy import Signals, Strategy, View
from tests.builders import FUTURE, INDEX, INFY, TCS


class Planner(Strategy):
    """Prices in steps of a twentieth choose the intent; every fifth order is answered."""

    unit = whole(30, low=1)
    fails = flag(False)

    def on_tick(self, view: View, tick: Tick) -> Signals:
        step, price, name = int(tick.last_price * 20), tick.last_price, tick.instrument
        if self.fails and step % 17 == 5:
            raise RuntimeError(f"no idea, {self!r}")
        return self._intent(step, price, tick) if step % 3 else self._target(step, name)

    def on_order(self, view: View, order: Order) -> Signals:
        number = int(order.intent.intent_id.rpartition("-")[2])
        name = order.intent.instrument
        return Withdraw(instrument=name) if number % 5 == 0 and name in view.instruments else None

    def _target(self, step: int, name: str) -> Signal | None:
        target = (step % 5 - 2) * self.unit
        return Signal(instrument=name, target=target) if step % 2 else None  # type: ignore[arg-type]

    def _intent(self, step: int, price: float, tick: Tick) -> Intent:
        name, side = tick.instrument, list(Side)[step % 2]
        away = (1 + step % 4) * side.sign
        match step % 8:
            case 0:
                return LimitIntent(instrument=name, side=side, quantity=self.unit, price=price)
            case 1:
                trigger = price + away
                return StopIntent(instrument=name, side=side, quantity=self.unit, trigger=trigger)
            case 2 | 3:
                return BracketIntent(
                    instrument=name,
                    side=side,
                    quantity=self.unit,
                    target=price + away,
                    stop=price - away,
                    trail=abs(away) / 2 if step % 16 == 2 else None,
                )
            case 4:
                return OcoIntent(instrument=name, target=price + away, stop=price - away)
            case 5:
                return TrailingIntent(instrument=name, distance=abs(away))
            case 6:
                legs = (
                    Leg(instrument=INFY.id, side=side, quantity=self.unit),
                    Leg(instrument=TCS.id, side=side.opposite, quantity=self.unit),
                )
                policy = ("unwind", "hold", "alarm")[step // 24 % 3]
                return BasketIntent(legs=legs, on_partial=policy)  # type: ignore[arg-type]
            case _:
                return Watch(add=(FUTURE.id,), drop=(INDEX.id,))


PLANNERS = (
    StrategySpec(name="one", path="tests.planners:Planner", instruments=(INFY.id, TCS.id)),
    StrategySpec(
        name="two",
        path="tests.planners:Planner",
        instruments=(INFY.id, TCS.id, FUTURE.id, INDEX.id),
        parameters={"unit": 75, "fails": True},
    ),
)
