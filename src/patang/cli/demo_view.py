"""What the demo shows: a live screen on a terminal, plain lines elsewhere, and the summary."""

import asyncio
from decimal import Decimal

from rich.console import Console, Group, RenderableType
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
_PIPE_WIDTH = 200
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
    return _live(screen, console) if console.is_terminal else _lines(screen, console)


def _live(screen: "DemoScreen", console: Console) -> Feeder:
    async def show(_node: Node) -> None:
        # Refreshed by this task alone: a refresh thread would read the board while it changes.
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(screen.render(), refresh=True)
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
        self._start_ns: int | None = None
        self._end_ns = end_ns
        self._speed = speed

    @property
    def progress(self) -> float:
        """Share of the run that is over, 0 to 1."""
        now_ns = self._board.now_ns
        if self._start_ns is None:
            if not self._board.ticks:
                return 0.0
            self._start_ns = now_ns
        return min((now_ns - self._start_ns) / max(self._end_ns - self._start_ns, 1), 1.0)

    def line(self) -> str:
        """The run in one line."""
        board = self._board
        return (
            f"{format_ist(board.now_ns)} IST  {self.progress:4.0%}  ticks {board.ticks}  "
            f"bars {board.bars}  orders {len(board.orders)}  fills {board.fills}  "
            f"net {_signed(board.net_pnl())}"
        )

    def render(self) -> RenderableType:
        """The whole screen."""
        tables = Table.grid(expand=True, padding=(0, 1))
        tables.add_column(ratio=4)
        tables.add_column(ratio=6)
        tables.add_row(self._prices(), Group(self._positions(), self._orders()))
        return Group(self._header(), tables, self._footer())

    def _header(self) -> RenderableType:
        grid = Table.grid(expand=True)
        grid.add_column()
        grid.add_column(justify="center")
        grid.add_column(justify="right")
        grid.add_row(
            "[bold]Patang demo[/]  [black on yellow] SANDBOX [/] pretend money",
            f"[bold]{format_ist(self._board.now_ns)} IST[/]  x{self._speed:g}",
            f"{self.progress:.0%}",
        )
        return Panel(
            Group(grid, ProgressBar(total=1.0, completed=self.progress, complete_style="cyan"))
        )

    def _prices(self) -> RenderableType:
        table = Table(title="Prices", expand=True, title_justify="left")
        table.add_column("Instrument")
        table.add_column("Last", justify="right")
        table.add_column("Day", justify="right")
        for name, row in sorted(self._board.prices.items()):
            moved = row.last - row.before
            mark, style = ("▲", "green") if moved > 0 else ("▼", "red") if moved < 0 else (" ", "")
            day = (row.last / row.close - 1) * 100 if row.close else 0.0
            table.add_row(
                name.partition(":")[2],
                Text(f"{format_inr(Decimal(repr(row.last)))} {mark}", style=style),
                Text(f"{day:+.2f}%", style="green" if day > 0 else "red" if day < 0 else ""),
            )
        return table

    def _positions(self) -> RenderableType:
        table = Table(title="Positions", expand=True, title_justify="left")
        table.add_column("Strategy")
        table.add_column("Instrument")
        for heading in ("Quantity", "Average", "P&L gross"):
            table.add_column(heading, justify="right")
        books = self._board.portfolio
        for (owner, name), position in books.owners().items():
            pnl = position.pnl(books.last_mark(name))
            held, average = "flat", "-"
            if position.quantity:
                held, average = f"{position.quantity:+d}", format_inr(position.average_price)
            table.add_row(owner, name.partition(":")[2], held, average, _coloured(pnl))
        return table

    def _orders(self) -> RenderableType:
        table = Table(title="Newest orders", expand=True, title_justify="left")
        for heading in ("Time", "Order", "Filled", "Status"):
            table.add_column(heading, no_wrap=True)
        for line in list(self._board.orders.values())[-_ORDERS_SHOWN:]:
            table.add_row(
                format_ist(line.intent.created_ns)[11:],
                _order_text(line),
                str(line.filled),
                Text(line.status.value, style=_STATUS_STYLE.get(line.status, "yellow")),
            )
        return table

    def _footer(self) -> RenderableType:
        board = self._board
        net = board.net_pnl()
        p50, p99 = board.latency_ms(0.5), board.latency_ms(0.99)
        latency = "-" if p50 is None or p99 is None else f"{p50:.1f} / {p99:.1f} ms"
        grid = Table.grid(expand=True, padding=(0, 2))
        text = Text.assemble("P&L net of charges ", _coloured(net))
        grid.add_row(text, f"charges {format_inr(board.portfolio.charges)}", f"ticks {board.ticks}")
        grid.add_row(
            f"orders {len(board.orders)}  fills {board.fills}  denied {board.denied}",
            f"signals {board.signals}  bars {board.bars}",
            f"tick to order p50 / p99  {latency}",
        )
        return Panel(grid)


def print_summary(report: DemoReport) -> None:
    """The run's result, for a person."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, soft_wrap=True, width=_PIPE_WIDTH)
    latency = report.tick_to_order_ms
    table = Table.grid(padding=(0, 3))
    table.add_row("Ticks, bars", f"{report.ticks}, {report.bars}")
    table.add_row("Signals, orders, fills", f"{report.signals}, {report.orders}, {report.fills}")
    table.add_row("Denied by risk", str(report.denied))
    table.add_row("P&L before charges", _coloured(report.gross_pnl))
    table.add_row("Charges", format_inr(report.charges))
    table.add_row("P&L net of charges", _coloured(report.net_pnl))
    for position in report.positions:
        state = "flat" if position.quantity == 0 else f"{position.quantity:+d}"
        table.add_row(f"  {position.instrument} ({state})", _coloured(position.pnl))
    if latency.p50 is not None and latency.p99 is not None:
        table.add_row("Tick to order, p50 / p99", f"{latency.p50:.2f} / {latency.p99:.2f} ms")
    table.add_row("State hash", report.state_hash)
    table.add_row("Journal", escape(report.journal))
    # Long values (hash, path) fold onto further lines: what is printed can be copied whole.
    table.columns[1].overflow = "fold"
    console.print(table)
    for alarm in report.alarms[-_ALARMS_SHOWN:]:
        console.print(f"[yellow]![/] {alarm.severity} {alarm.code}: {escape(alarm.message)}")
    if report.fills == 0:
        console.print("[red]✗[/] it did not trade.")
    if report.disagreements:
        console.print("[red]✗[/] our books and the sandbox's do not agree:")
        for difference in report.disagreements:
            console.print(f"    {escape(difference)}")
    elif report.fills:
        console.print(
            "[green]✓[/] every order, trade and position agrees with the sandbox's books."
        )
    console.print(f"Replay it: patang replay '{escape(report.journal)}'")


def _order_text(line: OrderLine) -> str:
    intent = line.intent
    symbol = intent.instrument.partition(":")[2]
    return f"{intent.side} {intent.quantity} {symbol} ({intent.strategy})"


def _signed(value: Decimal) -> str:
    mark = "▲" if value > 0 else "▼" if value < 0 else " "
    return f"{format_inr(value, signed=True)} {mark}"


def _coloured(value: Decimal) -> Text:
    return Text(_signed(value), style="green" if value > 0 else "red" if value < 0 else "")
