"""What the soak of kills holds against the exchange: it must be able to see a difference."""

from typing import Any

from patang.engine.engine import Engine
from patang.engine.strategy import Strategy
from tests.builders import spec
from tests.soak.kills import differences


def truth(**changed: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"orders": [], "trades": [], "positions": {"net": []}}
    return {**nothing, "charges": {"total": 0}, **changed}


def test_doubled_unknown_and_unequal_things_are_named() -> None:
    engine = Engine(spec(), {item.name: Strategy() for item in spec().strategies})
    cash = str(engine.portfolio.cash)
    assert differences(engine, truth(cash=cash)) == []
    order = {"tag": "a1", "order_id": "1", "status": "COMPLETE", "filled_quantity": 5}
    twice = differences(engine, truth(cash=cash, orders=[order, {**order, "order_id": "2"}]))
    assert twice[0] == "tag a1 has 2 orders"
    assert len(twice) == 3
    assert differences(engine, truth(cash=cash, trades=[{"trade_id": "7"}]))
    held = {"exchange": "NSE", "tradingsymbol": "INFY", "quantity": 5}
    assert differences(engine, truth(cash=cash, positions={"net": [held]}))
    assert differences(engine, truth(cash="1"))
