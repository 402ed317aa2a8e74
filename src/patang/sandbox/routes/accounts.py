"""Routes of the user's money and the portfolio."""

from patang.sandbox.calls import Call
from patang.sandbox.rows.accounts import (
    holding_row,
    margins_row,
    position_row,
    profile_row,
)
from patang.wire.errors import InputException
from patang.wire.rows import (
    HoldingRow,
    MarginsRow,
    Positions,
    ProfileRow,
    SegmentRow,
)


def profile(call: Call) -> ProfileRow:
    """GET /user/profile."""
    return profile_row(call.user_id, call.world.exchange_names)


def margins(call: Call) -> MarginsRow:
    """GET /user/margins."""
    return margins_row(call.world.exchange.funds(call.user_id))


def segment_margins(call: Call) -> SegmentRow:
    """GET /user/margins/{segment}."""
    both = margins(call)
    match call.path["segment"]:
        case "equity":
            return both.equity
        case "commodity":
            return both.commodity
        case _:
            raise InputException("Invalid `segment`.")


def positions(call: Call) -> Positions:
    """GET /portfolio/positions. Accounts start the day flat, so net and day are the same."""
    exchange = call.world.exchange
    rows = [
        position_row(
            position,
            call.world.instrument(position.instrument),
            exchange.last_price(position.instrument),
        )
        for position in exchange.positions(call.user_id)
    ]
    return Positions(net=rows, day=rows)


def holdings(call: Call) -> list[HoldingRow]:
    """GET /portfolio/holdings."""
    world = call.world
    rows = []
    for holding in world.exchange.holdings(call.user_id):
        quote = world.exchange.quote(holding.instrument)
        instrument = world.instrument(holding.instrument)
        rows.append(holding_row(holding, instrument, quote.last_price, quote.close, call.now_ns))
    return rows
