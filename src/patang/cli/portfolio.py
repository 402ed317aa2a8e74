"""``patang positions``, ``holdings`` and ``funds``: what the account has."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import Cell, Column, Format, FormatOption, Kind, Listing, percent, show

if TYPE_CHECKING:
    from patang.wire.rows import HoldingRow, PositionRow, SegmentRow

_POSITIONS = (
    Column("instrument", "Instrument"),
    Column("product", "Product", is_minor=True),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("average_price", "Average", Kind.PRICE),
    Column("last_price", "Last", Kind.PRICE),
    Column("pnl", "P&L", Kind.CHANGE),
    Column("m2m", "Day's M2M", Kind.CHANGE, is_minor=True),
    Column("buy_quantity", "Bought", Kind.QUANTITY, is_minor=True),
    Column("sell_quantity", "Sold", Kind.QUANTITY, is_minor=True),
)
_HOLDINGS = (
    Column("instrument", "Instrument"),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("t1_quantity", "T1", Kind.QUANTITY, is_minor=True),
    Column("average_price", "Average", Kind.PRICE),
    Column("last_price", "Last", Kind.PRICE),
    Column("value", "Value", Kind.MONEY, is_minor=True),
    Column("pnl", "P&L", Kind.CHANGE),
    Column("pnl_percent", "%", Kind.PERCENT),
    Column("day_change_percentage", "Day", Kind.PERCENT),
)
_FUNDS = (
    Column("segment", "Segment"),
    Column("net", "Available", Kind.MONEY),
    Column("cash", "Cash", Kind.MONEY),
    Column("collateral", "Collateral", Kind.MONEY, is_minor=True),
    Column("intraday_payin", "Paid in", Kind.MONEY, is_minor=True),
    Column("debits", "Used", Kind.MONEY),
    Column("m2m_realised", "M2M loss booked", Kind.MONEY, is_minor=True),
    Column("m2m_unrealised", "M2M loss open", Kind.MONEY, is_minor=True),
)


async def positions(
    *,
    day: Annotated[bool, Parameter(name="--day", negative="")] = False,
    account: AccountOptions | None = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show the positions and their profit, gross of charges.

    For example:

        patang positions

        patang positions --day -o csv

    Parameters
    ----------
    day
        Today's activity alone, without what was carried over.
    account
        The account to ask.
    output
        table, json (net and day, as the server sent them) or csv.
    """
    async with opened(account) as open_account:
        both = await open_account.kite.positions()
        chosen = both.day if day else both.net
        listing = Listing(
            title="Positions of the day" if day else "Positions",
            columns=_POSITIONS,
            rows=[_position(row) for row in chosen],
            document=both.to_dict(),
            totals=[("P&L gross of charges", _sum(row.pnl for row in chosen), Kind.CHANGE)],
            empty="No positions.",
        )
        show(open_account, listing, output)


async def holdings(
    *, account: AccountOptions | None = None, output: FormatOption = Format.TABLE
) -> None:
    """Show what lies in the demat account, its value and profit.

    For example:

        patang holdings

        patang holdings -o json

    Parameters
    ----------
    account
        The account to ask.
    output
        table, json or csv.
    """
    async with opened(account) as open_account:
        rows = await open_account.kite.holdings()
        listing = Listing(
            title="Holdings",
            columns=_HOLDINGS,
            rows=[_holding(row) for row in rows],
            document=[row.to_dict() for row in rows],
            totals=[
                ("Value", _sum(_owned(row) * row.last_price for row in rows), Kind.MONEY),
                ("P&L", _sum(row.pnl for row in rows), Kind.CHANGE),
            ],
            empty="No holdings.",
        )
        show(open_account, listing, output)


async def funds(
    *, account: AccountOptions | None = None, output: FormatOption = Format.TABLE
) -> None:
    """Show the funds of both segments: what can be traded, and what blocks the rest.

    For example:

        patang funds

        patang funds -o json

    Parameters
    ----------
    account
        The account to ask.
    output
        table, json or csv.
    """
    async with opened(account) as open_account:
        both = await open_account.kite.margins()
        segments = [("equity", both.equity), ("commodity", both.commodity)]
        listing = Listing(
            title="Funds",
            columns=_FUNDS,
            rows=[_segment(name, row) for name, row in segments if row.enabled],
            document=both.to_dict(),
            empty="No segment is enabled.",
        )
        show(open_account, listing, output)


def _position(row: "PositionRow") -> tuple[Cell, ...]:
    return (
        f"{row.exchange}:{row.tradingsymbol}",
        row.product,
        row.quantity,
        row.average_price,
        row.last_price,
        row.pnl,
        row.m2m,
        row.buy_quantity,
        row.sell_quantity,
    )


def _owned(row: "HoldingRow") -> int:
    """Settled shares and those bought yesterday."""
    return row.quantity + row.t1_quantity


def _holding(row: "HoldingRow") -> tuple[Cell, ...]:
    return (
        f"{row.exchange}:{row.tradingsymbol}",
        row.quantity,
        row.t1_quantity,
        row.average_price,
        row.last_price,
        _owned(row) * row.last_price,
        row.pnl,
        percent(row.pnl, _owned(row) * row.average_price),
        row.day_change_percentage,
    )


def _segment(name: str, row: "SegmentRow") -> tuple[Cell, ...]:
    return (
        name,
        row.net,
        row.available.cash,
        row.available.collateral,
        row.available.intraday_payin,
        row.utilised.debits,
        row.utilised.m2m_realised,
        row.utilised.m2m_unrealised,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
