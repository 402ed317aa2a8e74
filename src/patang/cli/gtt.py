"""``patang gtt``: the triggers that wait at the broker."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import Cell, Column, Format, FormatOption, Kind, Listing, show

if TYPE_CHECKING:
    from patang.wire.rows import GttOrderRow, GttRow

_COLUMNS = (
    Column("id", "Trigger"),
    Column("status", "Status"),
    Column("type", "Type", is_minor=True),
    Column("instrument", "Instrument"),
    Column("trigger_value", "At", Kind.PRICE),
    Column("transaction_type", "Side"),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("order_type", "Order", is_minor=True),
    Column("price", "Price", Kind.PRICE),
    Column("expires_at", "Expires (IST)", is_minor=True),
    Column("outcome", "Outcome", is_minor=True),
)


async def gtt(
    *,
    active: Annotated[bool, Parameter(negative="")] = False,
    account: AccountOptions | None = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show the good-till-triggered orders, a line for each leg.

    That a trigger has fired says nothing of its order: the outcome does.

    For example:

        patang gtt

        patang gtt --active -o json

    Parameters
    ----------
    active
        Only triggers that still wait.
    account
        The account to ask.
    output
        table, json or csv.
    """
    async with opened(account) as open_account:
        triggers = await open_account.kite.get_gtts()
        chosen = [row for row in triggers if row.status == "active" or not active]
        listing = Listing(
            title="GTT",
            columns=_COLUMNS,
            rows=[
                _cells(row, leg, order) for row in chosen for leg, order in enumerate(row.orders)
            ],
            document=[row.to_dict() for row in chosen],
            empty="No triggers.",
        )
        show(open_account, listing, output)


def _cells(row: "GttRow", leg: int, order: "GttOrderRow") -> tuple[Cell, ...]:
    values = row.condition.trigger_values
    return (
        str(row.id),
        row.status,
        row.type,
        f"{row.condition.exchange}:{row.condition.tradingsymbol}",
        values[leg] if leg < len(values) else None,
        order.transaction_type,
        order.quantity,
        order.order_type,
        order.price or None,
        row.expires_at or None,
        _outcome(order),
    )


def _outcome(order: "GttOrderRow") -> str | None:
    placed = order.result.order_result if order.result else None
    if placed is None:
        return None
    return " ".join(
        part for part in (placed.status, placed.order_id, placed.rejection_reason) if part
    )
