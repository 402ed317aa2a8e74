"""``patang orders`` and ``patang gtt``: what was asked of the market."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import Cell, Column, Format, FormatOption, Kind, Listing, show

if TYPE_CHECKING:
    from patang.wire.rows import OrderRow

_TERMINAL = frozenset({"COMPLETE", "REJECTED", "CANCELLED"})
_COLUMNS = (
    Column("order_timestamp", "Time (IST)", Kind.CLOCK),
    Column("order_id", "Order"),
    Column("transaction_type", "Side"),
    Column("instrument", "Instrument"),
    Column("product", "Product", is_minor=True),
    Column("order_type", "Type", is_minor=True),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("filled_quantity", "Filled", Kind.QUANTITY),
    Column("price", "Price", Kind.PRICE),
    Column("trigger_price", "Trigger", Kind.PRICE, is_minor=True),
    Column("average_price", "Average", Kind.PRICE, is_minor=True),
    Column("status", "Status"),
    Column("tag", "Tag", is_minor=True),
    Column("status_message", "Message", is_minor=True),
)


async def orders(
    *,
    pending: Annotated[bool, Parameter(name="--pending", negative="")] = False,
    account: AccountOptions | None = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show the day's orders in their latest state, oldest first.

    For example:

        patang orders

        patang orders --pending -o json

    Parameters
    ----------
    pending
        Only orders that have not come to an end.
    account
        The account to ask.
    output
        table, json or csv.
    """
    async with opened(account) as open_account:
        rows = await open_account.kite.orders()
        chosen = [row for row in rows if not (pending and row.status in _TERMINAL)]
        listing = Listing(
            title="Orders",
            columns=_COLUMNS,
            rows=[_cells(row) for row in chosen],
            document=[row.to_dict() for row in chosen],
            empty="No pending orders." if pending else "No orders today.",
        )
        show(open_account, listing, output)


def _cells(row: "OrderRow") -> tuple[Cell, ...]:
    return (
        row.order_timestamp,
        row.order_id,
        row.transaction_type,
        f"{row.exchange}:{row.tradingsymbol}",
        row.product,
        row.order_type,
        row.quantity,
        row.filled_quantity,
        row.price or None,
        row.trigger_price or None,
        row.average_price or None,
        row.status,
        row.tag,
        row.status_message,
    )
