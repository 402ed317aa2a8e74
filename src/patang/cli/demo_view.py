"""What the demo shows: a live screen on a terminal, plain lines elsewhere, and the summary."""

import asyncio
import shutil
import sys
from decimal import Decimal
from pathlib import Path

from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from patang.domain.money import format_inr
from patang.domain.order import OrderStatus
from patang.rules.ist import format_ist
from patang.runtime.demo import DemoReport
from patang.runtime.node import Feeder, Node
from patang.runtime.scoreboard import OrderLine, Scoreboard

_REFRESH_S = 0.125
_ORDERS_SHOWN = 8
_ALARMS_SHOWN = 5
_WIDE = 100
_FRAME_LINES = 10
_TABLE_LINES = 4
_STATUS_STYLE = {
    OrderStatus.FILLED: "green",
    OrderStatus.REJECTED: "red",
    OrderStatus.DENIED: "red",
    OrderStatus.UNRESOLVED: "bold red",
    OrderStatus.NOT_PLACED: "bold red",
    OrderStatus.CANCELLED: "dim",
}


def follow(board: Scoreboard, end_ns: int, speed: float) -> Feeder:
    """A task that shows the run while it lasts: a live screen, or lines where there is none."""
    screen = DemoScreen(board, end_ns, speed)
    console = Console(highlight=False)
    has_screen = console.is_terminal and not console.is_dumb_terminal
    return _live(screen, console) if has_screen else _lines(screen, console)


def _live(screen: "DemoScreen", console: Console) -> Feeder:
    async def show(_node: Node) -> None:
        # Refreshed by this task alone: a refresh thread would read the board while it changes.
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(screen.render(*console.size), refresh=True)
                await asyncio.sleep(_REFRESH_S)

    return show


def _lines(screen: "DemoScreen", console: Console) -> Feeder:
    async def show(_node: Node) -> None:
        shown = -1
        while True:
            quarter = int(screen.progress * 4)
            if quarter > shown:
                shown = quarter
                console.print(screen.line(), soft_wrap=True)
            await asyncio.sleep(_REFRESH_S)

    return show


class DemoScreen:
    """Renders the scoreboard of a demo that ends at ``end_ns`` (UTC)."""

    def __init__(self, board: Scoreboard, end_ns: int, speed: float) -> None:
        self._board = board
        self._end_ns = end_ns
        self._speed = speed

    @property
    def progress(self) -> float:
        """Share of the run that is over, 0 to 1."""
        start_ns = self._board.started_ns
        if start_ns is None:
            return 0.0
        return min((self._board.now_ns - start_ns) / max(self._end_ns - start_ns, 1), 1.0)

    def line(self) -> str:
        """The run in one line."""
        board = self._board
        return (
            f"{format_ist(board.now_ns)} IST  {self.progress:4.0%}  ticks {board.ticks}  "
            f"bars {board.bars}  orders {len(board.orders)}  fills {board.fills}  "
            f"net {_signed(board.net_pnl())}"
        )

    def render(self, width: int, height: int) -> RenderableType:
        """The whole screen, for a terminal of so many columns and lines.

        What a small one has no room for goes in this order: orders, closed positions, prices.
        """
        room = height - _FRAME_LINES
        if width >= _WIDE:
            prices = self._prices(room)
            positions, used = self._positions(room)
            orders = self._orders(room - used - _TABLE_LINES)
            tables = Table.grid(expand=True, padding=(0, 1))
            tables.add_column(ratio=4)
            tables.add_column(ratio=6)
            tables.add_row(prices, Group(positions, orders) if orders else positions)
            return Group(self._header(), tables, self._footer())
        positions, used = self._positions(room)
        body: list[RenderableType] = [positions]
        left = room - used - _TABLE_LINES
        if left > _TABLE_LINES:
            body.append(self._prices(left))
        return Group(self._header(), *body, self._footer())

    def _header(self) -> RenderableType:
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(
            "[bold]Patang demo[/]  [black on yellow] SANDBOX [/] pretend money",
            f"[bold]{format_ist(self._board.now_ns)} IST[/]  x{self._speed:g}  {self.progress:.0%}",
        )
        bar = ProgressBar(total=1.0, completed=self.progress, complete_style="cyan")
        return Panel(Group(grid, bar))

    def _prices(self, room: int) -> RenderableType:
        table = _table("Prices", "Instrument", ">Last", ">Day")
        for name, row in sorted(self._board.prices.items())[: max(room - _TABLE_LINES, 1)]:
            moved = row.last - row.before
            mark, style = ("▲", "green") if moved > 0 else ("▼", "red") if moved < 0 else (" ", "")
            day = (row.last / row.close - 1) * 100 if row.close else 0.0
            table.add_row(
                name.partition(":")[2],
                Text(f"{format_inr(Decimal(repr(row.last)))} {mark}", style=style),
                Text(f"{day:+.2f}%", style="green" if day > 0 else "red" if day < 0 else ""),
            )
        return table

    def _positions(self, room: int) -> tuple[RenderableType, int]:
        """The table and how many lines it takes; open positions stand first."""
        table = _table("Positions", "Strategy", "Instrument", ">Quantity", ">Average", ">P&L gross")
        books = self._board.portfolio
        owned = sorted(books.owners().items(), key=lambda item: item[1].quantity == 0)
        shown = owned[: max(room - _TABLE_LINES, 1)]
        for (owner, name), position in shown:
            pnl = position.pnl(books.last_mark(name))
            held, average = "flat", "-"
            if position.quantity:
                held, average = f"{position.quantity:+d}", format_inr(position.average_price)
            table.add_row(owner, name.partition(":")[2], held, average, _coloured(pnl))
        return table, len(shown) + _TABLE_LINES

    def _orders(self, room: int) -> RenderableType | None:
        count = min(room, _ORDERS_SHOWN)
        if count < 1:
            return None
        table = _table("Newest orders", "Time", "Order", ">Filled", "Status")
        for line in list(self._board.orders.values())[-count:]:
            table.add_row(
                format_ist(line.intent.created_ns)[11:],
                _order_text(line),
                str(line.filled),
                Text(line.status.value, style=_STATUS_STYLE.get(line.status, "yellow")),
            )
        return table

    def _footer(self) -> RenderableType:
        board = self._board
        p50, p99 = board.latency_ms(0.5), board.latency_ms(0.99)
        latency = "-" if p50 is None or p99 is None else f"{p50:.1f} / {p99:.1f} ms"
        grid = Table.grid(expand=True, padding=(0, 2))
        for _ in range(2):
            grid.add_column(no_wrap=True)
        net = Text.assemble("P&L net of charges ", _coloured(board.net_pnl()))
        grid.add_row(net, f"charges {format_inr(board.portfolio.charges)}")
        grid.add_row(
            f"orders {len(board.orders)}  fills {board.fills}  denied {board.denied}",
            f"ticks {board.ticks}  bars {board.bars}",
        )
        grid.add_row(f"alarms {len(board.alarms)}", f"tick to order, p50 / p99  {latency}")
        return Panel(grid)


def _table(title: str, *headings: str) -> Table:
    """A table whose cells never wrap; a heading that begins with ``>`` is aligned right."""
    table = Table(title=title, expand=True, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings:
        justify: JustifyMethod = "right" if heading.startswith(">") else "left"
        table.add_column(heading.lstrip(">"), justify=justify, no_wrap=True)
    return table


def print_summary(report: DemoReport) -> None:
    """The run's result, for a person."""
    console = Console(highlight=False, soft_wrap=True)
    latency = report.tick_to_order_ms
    rows: list[tuple[str, str | Text]] = [
        (
            "Run",
            f"seed {report.seed}, {report.market_minutes} market minutes, "
            f"{report.elapsed_s:.0f} s ({report.stop_reason})",
        ),
        ("Ticks, bars", f"{report.ticks}, {report.bars}"),
        ("Signals, orders, fills", f"{report.signals}, {report.orders}, {report.fills}"),
        ("Denied by risk", _denials(report)),
        ("P&L before charges", _coloured(report.gross_pnl)),
        ("Charges", format_inr(report.charges)),
        ("P&L net of charges", _coloured(report.net_pnl)),
    ]
    for position in report.positions:
        state = "flat" if position.quantity == 0 else f"{position.quantity:+d}"
        rows.append((f"  {position.instrument} ({state})", _coloured(position.pnl)))
    if latency.p50 is not None and latency.p99 is not None:
        rows.append(("Tick to order, p50 / p99", f"{latency.p50:.2f} / {latency.p99:.2f} ms"))
    rows += [("State hash", report.state_hash), ("Journal", report.journal)]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:  # plain lines, never cropped: hash and path are to be copied
        console.print(Text.assemble(f"{name:{width}}  ", value))
    for alarm in report.alarms[-_ALARMS_SHOWN:]:
        console.print(f"[yellow]![/] {alarm.severity} {alarm.code}: {escape(alarm.message)}")
    if any(position.quantity for position in report.positions):
        console.print("[yellow]![/] positions are still open.")
    if report.disagreements:
        console.print("[red]✗[/] our books and the sandbox's do not agree:")
        for difference in report.disagreements:
            console.print(f"    {escape(difference)}")
    elif report.fills:
        console.print(
            "[green]✓[/] every order, trade and position agrees with the sandbox's books."
        )
    else:
        console.print("[yellow]![/] it did not trade.")
    console.print(f"Replay it: {_patang()} replay '{escape(report.journal)}'")


def _denials(report: DemoReport) -> str:
    codes = ", ".join(f"{code} {count}" for code, count in report.denied_by_code.items())
    return f"{report.denied} ({codes})" if codes else str(report.denied)


def _patang() -> str:
    """How this very command is run again from here."""
    if shutil.which("patang"):
        return "patang"
    beside = Path(sys.executable).with_name("patang")
    here = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return str(here) if beside.exists() else f"{sys.executable} -m patang.cli"


def _order_text(line: OrderLine) -> str:
    intent = line.intent
    symbol = intent.instrument.partition(":")[2]
    return f"{intent.side} {intent.quantity} {symbol} ({intent.strategy})"


def _signed(value: Decimal) -> str:
    mark = "▲" if value > 0 else "▼" if value < 0 else " "
    return f"{format_inr(value, signed=True)} {mark}"


def _coloured(value: Decimal) -> Text:
    return Text(_signed(value), style="green" if value > 0 else "red" if value < 0 else "")
