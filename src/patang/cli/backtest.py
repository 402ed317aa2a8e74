"""``patang backtest``: a strategy over stored days, after all charges."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from patang.cli.exits import Exit
from patang.cli.output import (
    SEED_MAX,
    Output,
    OutputOption,
    find_modules_here,
    one_line,
    print_json,
    whole_number,
)
from patang.domain.errors import InvalidValue, PatangError

if TYPE_CHECKING:
    from patang.runtime.backtest import BacktestReport, Progress

_CAPITAL = "1000000"
_TRADES_SHOWN = 12


def backtest(
    strategy: list[str],
    /,
    *,
    from_: Annotated[str, Parameter(name="--from")],
    to: str,
    instruments: str | None = None,
    data: Path | None = None,
    seed: Annotated[int, Parameter(converter=whole_number(0, SEED_MAX))] = 1,
    capital: str = _CAPITAL,
    fill_model: str = "quote-based",
    journal_folder: Path | None = None,
    output: OutputOption = Output.TABLE,
) -> int:
    """Play stored days to a strategy, and show what it would have earned after charges.

    Bars and ticks come from a file, or are the made-up past of the simulator. They stand in the
    simulator's books, where the strategy's orders meet them under the same risk limits, product
    rules and charges as in every other run. Each day is a run of its own: intraday positions are
    closed before its end, and what it earned is the next day's capital. A decision on a bar is
    made when the bar is over, and its order trades at the prices that follow.

    For example:

        patang backtest patang.examples.ema_cross:EmaCross --from 2026-11-16 --to 2026-11-18

        patang backtest dip:BuyTheDip --from 2026-11-02 --to 2026-11-06 --data minutes.csv

        patang backtest dip:Dip --from 2026-11-18 --to 2026-11-18 --instruments NSE:INFY -o json

    Parameters
    ----------
    strategy
        The class, written module:Class; several run side by side. Modules of the current folder
        are found.
    from_
        The first day, as in 2026-11-16.
    to
        The last day.
    instruments
        What to trade, separated by commas; by default everything there is.
    data
        A .csv or .parquet file of bars or ticks, as docs/sandbox.md describes a tape; without it,
        the past of a sandbox's world.
    seed
        Which past, where there is no file: the one `patang sandbox` of this seed tells.
    capital
        Rupees to begin with. The risk limits follow from it.
    fill_model
        How orders meet the data: quote-based, or queue-position (behind what was shown).
    journal_folder
        Keep a journal of each day there, for `patang replay`. Without it none is written.
    output
        json prints the report as one JSON document and shows no progress.
    """
    from patang.runtime.backtest import BacktestSettings, run_backtest
    from patang.runtime.backtest_data import recording_of
    from patang.simulator.tape.fill_models import FillModelName

    if fill_model not in list(FillModelName):
        raise InvalidValue(
            "--fill-model",
            f"{one_line(fill_model)!r} is none.",
            f"One of {', '.join(FillModelName)}.",
        )
    settings = BacktestSettings(
        strategies=tuple(strategy),
        capital=_rupees(capital),
        fill_model=FillModelName(fill_model),
        seed=seed,
        journal_folder=journal_folder,
    )
    first, last = _day("--from", from_), _day("--to", to)
    names = _names(instruments)
    find_modules_here()
    with contextlib.redirect_stdout(sys.stderr):  # a strategy may print; the document is ours
        recording = recording_of(data, seed, first, last, names)
        with _progress(output) as progress:
            report = run_backtest(settings, recording, progress)
    if output is Output.JSON:
        print_json(_document(report))
    else:
        _print(report)
    broken = next((one for one in report.alarms if one.code == "STRATEGY_ERROR"), None)
    if broken is not None:
        raise PatangError(
            f"A strategy failed: {broken.message}",
            "Mend the strategy; what the report says is without what it would have done.",
        )
    return Exit.OK


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidValue(
            option, f"{one_line(text)!r} is no day.", "Write it as in 2026-11-16."
        ) from None


def _rupees(text: str) -> Decimal:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and 0 < amount < Decimal("1e13")):
        raise InvalidValue(
            "--capital", f"{one_line(text)!r} is no amount of rupees.", f"Write {_CAPITAL}."
        )
    return amount


def _names(text: str | None) -> "list[Any]":
    from patang.domain.instrument import parse_instrument_id

    if text is None:
        return []
    try:
        names = [parse_instrument_id(one.strip()) for one in text.split(",")]
    except ValueError as error:
        raise InvalidValue("--instruments", str(error), "Write NSE:INFY,NSE:TCS.") from None
    return list(dict.fromkeys(names))


@contextlib.contextmanager
def _progress(output: Output) -> "Iterator[Progress | None]":
    """A bar on the terminal, while there is one to show it on."""
    if output is Output.JSON or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("days"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("days", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _document(report: "BacktestReport") -> dict[str, Any]:
    document: dict[str, Any] = msgspec.structs.asdict(report)
    document["trades"] = [
        {**msgspec.structs.asdict(trade), "net": trade.net} for trade in report.trades
    ]
    return document


def _print(report: "BacktestReport") -> None:
    from rich.console import Console
    from rich.table import Table

    from patang.rules.ist import format_ist

    console = Console(highlight=False)
    made = report.performance
    span = f"{report.first_day} to {report.last_day}"
    console.print(f"[bold]{', '.join(report.strategies)}[/], {span}, {len(report.days)} days")
    rows: dict[str, str] = {
        "Capital": f"{report.capital:,.2f}",
        "Net P&L": f"{report.net_pnl:+,.2f} ({made.return_percent:+.2f} %)",
        "Charges": f"{report.charges:,.2f}",
        "Largest drawdown": f"{made.drawdown.amount:,.2f} ({made.drawdown.percent:.2f} %)",
        "Trades": f"{made.trades} ({made.wins} won, {made.losses} lost)",
        "Orders, fills": f"{report.orders}, {report.fills}",
        "Denied": ", ".join(f"{code} {n}" for code, n in report.denied_by_code.items()) or "none",
        "Bars": f"{report.bars:,} in {report.elapsed_s:.1f} s",
        "Fills, latency": f"{report.fill_model}; {report.latency}",
    }
    if made.profit_factor is not None:
        rows["Profit factor"] = f"{made.profit_factor:.2f}"
    if made.sharpe is not None:
        rows["Sharpe"] = f"{made.sharpe:.2f}"
    summary = Table(show_header=False, box=None)
    for name, value in rows.items():
        summary.add_row(name, value)
    console.print(summary)
    if report.trades:
        table = Table(
            "Entry (IST)", "Exit", "Instrument", "Side", title="The newest trades", box=None
        )
        for name in ("Units", "In", "Out", "Charges", "Net"):
            table.add_column(name, justify="right")
        for trade in report.trades[-_TRADES_SHOWN:]:
            table.add_row(
                format_ist(trade.entry_ns)[5:16],
                format_ist(trade.exit_ns)[11:16],
                trade.instrument,
                trade.side,
                str(trade.quantity),
                f"{trade.entry_price}",
                f"{trade.exit_price}",
                f"{trade.charges:.2f}",
                f"{trade.net:+.2f}",
            )
        console.print(table)
    for day in report.days:
        for name, quantity in day.left_open.items():
            console.print(f"[yellow]left open on {day.date}:[/] {name} {quantity}")
    for alarm in report.alarms[:5]:
        console.print(f"[yellow]{alarm.severity}:[/] {alarm.code} {alarm.message}", markup=True)
