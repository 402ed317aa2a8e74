"""How rows are shown: a table for people, JSON as the server sent it, CSV for spreadsheets.

The mode is always in sight: in the table's header, and on standard error beside JSON and CSV.
"""

import csv
import sys
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from patang.cli.account import Account
from patang.cli.output import one_line, print_json
from patang.domain.enums import Mode
from patang.domain.money import format_inr, to_paisa

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_PIPE_WIDTH = 240
_GAP = 1


class Format(StrEnum):
    """For people, for programs, for spreadsheets."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[
    Format,
    Parameter(
        name=["--output", "-o"],
        help="table for people, json as the server sent it, csv with plain numbers.",
    ),
]
"""The ``-o`` of every command that lists rows."""


class Kind(StrEnum):
    """How a column's values are written for people. ``CLOCK`` leaves the day out of a time."""

    TEXT = "text"
    CLOCK = "clock"
    QUANTITY = "quantity"
    PRICE = "price"
    MONEY = "money"
    CHANGE = "change"
    PERCENT = "percent"


Cell = str | int | Decimal | None


class Column(msgspec.Struct, frozen=True):
    """A column: its name in CSV, its heading in the table, and what it holds.

    A minor one is left out of a table that would be wider than the terminal.
    """

    name: str
    heading: str
    kind: Kind = Kind.TEXT
    is_minor: bool = False

    @property
    def is_left(self) -> bool:
        """Whether its values stand on the left."""
        return self.kind in (Kind.TEXT, Kind.CLOCK)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to show. ``document`` is what JSON gives; ``totals`` stand below the table."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    document: Any
    totals: Sequence[tuple[str, Decimal, Kind]] = ()
    empty: str = "Nothing."


def show(account: Account, listing: Listing, output: Format) -> None:
    """Print a listing on standard output, with the account's mode in sight."""
    if output is Format.TABLE:
        _print_table(account, listing)
        return
    print_banner(account)
    if output is Format.JSON:
        print_json(listing.document)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in listing.columns])
    for row in listing.rows:
        writer.writerow(["" if cell is None else _plain(cell) for cell in row])
    sys.stdout.flush()


def print_banner(account: Account) -> None:
    """Mode and account on standard error, one line."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(badge(account.mode), account.label, markup=False)


def badge(mode: Mode) -> "Text":
    """The mode as nobody overlooks it: LIVE on red, anything else on yellow."""
    from rich.text import Text

    style = "bold white on red" if mode is Mode.LIVE else "bold black on yellow"
    return Text(f" {mode.value.upper()} ", style=style)


def people_console() -> "Console":
    """Standard output for people: the terminal's width, or a wide page for a pipe."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def _print_table(account: Account, listing: Listing) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    console = people_console()
    console.print(
        Text.assemble(badge(account.mode), " ", (listing.title, "bold"), f"  {account.label}"),
        soft_wrap=True,
    )
    if not listing.rows:
        console.print(Text(listing.empty))
        return
    columns = [
        (column, [written(row[at], column.kind) for row in listing.rows])
        for at, column in enumerate(listing.columns)
        if any(row[at] is not None for row in listing.rows)
    ]
    fitting = _fitting(columns, console.width)
    table = Table(box=SIMPLE_HEAD, padding=(0, _GAP, 0, 0), show_edge=False)
    for column, _ in fitting:
        justify: Literal["left", "right"] = "left" if column.is_left else "right"
        table.add_column(column.heading, justify=justify, overflow="fold")
    for cells in zip(*(cells for _, cells in fitting), strict=True):
        table.add_row(*cells)
    console.print(table)
    if len(fitting) < len(columns):
        left_out = ", ".join(each.heading for each, _ in columns if each not in dict(fitting))
        console.print(Text(f"No room for: {left_out}. -o csv has all.", style="dim"))
    for name, value, kind in listing.totals:
        console.print(Text.assemble(f"{name}  ", written(value, kind)))


Filled = tuple[Column, list["Text"]]


def _fitting(columns: list[Filled], width: int) -> list[Filled]:
    """The columns without as many of the minor ones, from the right, as do not fit."""
    kept = list(columns)
    minor = [each for each in columns if each[0].is_minor]
    while minor and sum(map(_width, kept)) > width:
        kept.remove(minor.pop())
    return kept


def _width(filled: Filled) -> int:
    column, cells = filled
    return max(len(column.heading), *(cell.cell_len for cell in cells)) + _GAP + 1


def written(cell: Cell, kind: Kind) -> "Text":
    """A value as people read it: Indian grouping, and a sign and a mark on every change."""
    from rich.text import Text

    if cell is None:
        return Text("-", style="dim")
    if isinstance(cell, str):
        return Text(one_line(cell[11:] if kind is Kind.CLOCK else cell))
    amount = Decimal(cell)
    match kind:
        case Kind.QUANTITY:
            return Text(format_inr(amount, decimals=0))
        case Kind.PRICE:
            return Text(format_inr(amount, decimals=_places(amount)))
        case Kind.CHANGE | Kind.PERCENT:
            mark, style = (
                ("▲", "green") if amount > 0 else ("▼", "red") if amount < 0 else (" ", "")
            )
            unit = "%" if kind is Kind.PERCENT else ""
            return Text(f"{format_inr(amount, signed=True)}{unit} {mark}", style=style)
        case Kind.MONEY | Kind.TEXT | Kind.CLOCK:
            return Text(format_inr(amount))


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """``part`` in percent of ``whole``, two decimals; None of nothing."""
    return to_paisa(part * 100 / whole) if whole else None


def _places(price: Decimal) -> int:
    """Two decimals, or the four that currency pairs have."""
    exponent = price.normalize().as_tuple().exponent
    return min(max(2, -exponent), 4) if isinstance(exponent, int) else 2


def _plain(cell: Cell) -> str:
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
