"""Routes of the user's money and the portfolio."""

from decimal import Decimal

from patang.domain.enums import Side
from patang.domain.instrument import Instrument, instrument_id
from patang.sandbox.authorisations import Authorisation
from patang.sandbox.calls import Call
from patang.sandbox.rows.accounts import profile_row
from patang.sandbox.rows.margins import margins_row
from patang.sandbox.rows.portfolio import (
    auction_row,
    compact_row,
    day_row,
    holding_row,
    net_row,
    summary_row,
)
from patang.simulator.accounts.account import Holding
from patang.simulator.accounts.conversion import Conversion
from patang.simulator.accounts.holdings import isin_of
from patang.wire.errors import InputException
from patang.wire.holding_rows import (
    AuctionInstrumentRow,
    CompactHoldingRow,
    HoldingsAuthorisation,
    HoldingsSummaryRow,
)
from patang.wire.portfolio_forms import PositionType, parse_conversion
from patang.wire.rows import (
    HoldingRow,
    MarginsRow,
    PositionRow,
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
    """GET /portfolio/positions: the current book, and today's trades alone."""
    exchange = call.world.exchange
    net: list[PositionRow] = []
    day: list[PositionRow] = []
    for position in exchange.positions(call.user_id):
        instrument = exchange.instrument(position.instrument)
        last_price = exchange.last_price(position.instrument)
        close = exchange.previous_close(position.instrument)
        net.append(net_row(position, instrument, last_price, close))
        if position.has_traded:
            day.append(day_row(position, instrument, last_price, close))
    return Positions(net=net, day=day)


def convert(call: Call) -> bool:
    """PUT /portfolio/positions."""
    form = parse_conversion(call.form.as_dict())
    wanted = Conversion(
        instrument=instrument_id(form.exchange, form.tradingsymbol),
        side=Side(form.transaction_type),
        quantity=form.quantity,
        old_product=form.old_product,
        new_product=form.new_product,
        overnight=form.position_type is PositionType.OVERNIGHT,
    )
    call.world.exchange.convert(call.user_id, wanted, call.now_ns)
    return True


def holdings(call: Call) -> list[HoldingRow]:
    """GET /portfolio/holdings."""
    return [
        holding_row(holding, instrument, last_price, close, call.now_ns)
        for holding, instrument, last_price, close in _held(call)
    ]


def holdings_summary(call: Call) -> HoldingsSummaryRow:
    """GET /portfolio/holdings/summary."""
    return summary_row(
        (holding, last_price, close) for holding, _, last_price, close in _held(call)
    )


def holdings_compact(call: Call) -> list[CompactHoldingRow]:
    """GET /portfolio/holdings/compact."""
    return [compact_row(holding, instrument) for holding, instrument, _, _ in _held(call)]


def auctions(call: Call) -> list[AuctionInstrumentRow]:
    """GET /portfolio/holdings/auctions: what the user holds of today's auctions."""
    numbers = call.world.exchange.back_office.auctions
    return [
        auction_row(
            holding, instrument, last_price, close, call.now_ns, numbers[holding.instrument]
        )
        for holding, instrument, last_price, close in _held(call)
        if holding.instrument in numbers
    ]


def authorise(call: Call) -> HoldingsAuthorisation:
    """POST /portfolio/holdings/authorise: pairs of ``isin`` and ``quantity``, none for all."""
    isins, quantities = call.form.all("isin"), call.form.all("quantity")
    if len(isins) != len(quantities):
        raise InputException("Invalid `quantity`: give one for each `isin`.")
    held = {isin_of(instrument): holding for holding, instrument, _, _ in _held(call)}
    wanted = {}
    for isin, quantity in zip(isins, quantities, strict=True):
        if isin not in held:
            raise InputException(f"Invalid `isin` {isin}.")
        if not (quantity.isascii() and quantity.isdecimal() and 0 < len(quantity) < 10):
            raise InputException("Invalid `quantity`.")
        if not 0 < int(quantity) <= held[isin].total:
            raise InputException(f"Invalid `quantity` {quantity}: {held[isin].total} are held.")
        wanted[held[isin].instrument] = int(quantity)
    request_id = call.world.authorisations.ask(
        Authorisation(
            user_id=call.user_id,
            api_key=call.session.app.api_key,
            quantities=wanted if isins else None,
        )
    )
    return HoldingsAuthorisation(request_id=request_id)


def _held(call: Call) -> list[tuple[Holding, Instrument, Decimal, Decimal]]:
    """The user's holdings with their shares, last prices and yesterday's closes."""
    exchange = call.world.exchange
    return [
        (
            holding,
            exchange.instrument(holding.instrument),
            exchange.last_price(holding.instrument),
            exchange.previous_close(holding.instrument),
        )
        for holding in exchange.holdings(call.user_id)
    ]
