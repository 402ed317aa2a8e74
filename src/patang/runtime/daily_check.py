"""The broker's own figures as an event: what the day's books are held against."""

from patang.brokers.port import AccountSnapshot
from patang.domain.messages import AccountRead, PositionFigures


def account_read(snapshot: AccountSnapshot) -> AccountRead:
    """The snapshot's positions for the engine to compare; see ``patang.engine.comparison``."""
    return AccountRead(
        at_ns=snapshot.at_ns,
        positions=tuple(
            PositionFigures(
                instrument=position.instrument,
                product=position.product,
                quantity=position.quantity,
                buy_value=position.buy_value,
                sell_value=position.sell_value,
                buy_quantity=position.buy_quantity,
                sell_quantity=position.sell_quantity,
                last_price=position.last_price,
                pnl=position.pnl,
            )
            for position in snapshot.positions
        ),
    )
