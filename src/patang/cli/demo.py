"""``patang demo``: a market, two strategies and the whole path between them, in a minute."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from patang.cli.exits import Exit
from patang.cli.output import (
    SEED_MAX,
    Output,
    OutputOption,
    find_modules_here,
    print_json,
    whole_number,
)
from patang.domain.errors import PatangError

if TYPE_CHECKING:
    from patang.runtime.demo import DemoReport
    from patang.runtime.node import Feeder, Node
    from patang.runtime.scoreboard import Scoreboard

INTERRUPTED = "interrupted"


async def demo(
    *,
    seed: Annotated[int, Parameter(converter=whole_number(0, SEED_MAX))] = 1,
    speed: Annotated[float, Parameter(validator=Number(gt=0, lte=1_000))] = 60.0,
    minutes: Annotated[int, Parameter(converter=whole_number(1, 340))] = 40,
    strategy: list[str] | None = None,
    journal_folder: Path | None = None,
    headless: Annotated[bool, Parameter(negative="")] = False,
    output: OutputOption = Output.TABLE,
) -> int:
    """Watch two strategies trade a simulated market over Kite's own wire formats.

    Starts a sandbox as its own process, logs in, subscribes, and trades an EMA cross on bars and
    a mean reversion on ticks over real HTTP and WebSocket, for MINUTES of market time. Near the
    end every position is squared off. Exits 0 only if it traded and the account agrees with the
    sandbox's books, order by order and to the paisa.

    For example:

        patang demo

        patang demo --seed 7 --minutes 20

        patang demo --strategy my_strategy:BuyTheDip

        patang demo --headless -o json

    Parameters
    ----------
    seed
        Same seed, same market: a whole number from 0 to 9223372036854775807.
    speed
        Market seconds for each real second, up to 1000.
    minutes
        Market minutes to trade, from 1 to 340; at the end positions are squared off.
    strategy
        Run this class, written module:Class, on all shares instead of the two examples; may be
        given more than once. Modules of the current folder are found.
    journal_folder
        Where the run's journal goes; by default the folder of user data.
    headless
        No live view; only the summary.
    output
        json prints the summary as one JSON document and shows no live view.
    """
    from patang.runtime.demo import DemoSettings, run_demo

    folder = _default_folder() if journal_folder is None else journal_folder
    settings = DemoSettings(
        seed=seed,
        speed=speed,
        minutes=minutes,
        journal_folder=folder,
        strategies=tuple(strategy or ()),
    )
    find_modules_here()

    def started(board: "Scoreboard", node: "Node", end_ns: int) -> "Feeder | None":
        if sys.platform != "win32":  # there, Ctrl-C raises KeyboardInterrupt
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, node.stop, INTERRUPTED)
        if output is Output.JSON or headless:
            return None
        from patang.cli.demo_view import follow

        return follow(board, end_ns, speed)

    if output is Output.JSON:
        with contextlib.redirect_stdout(sys.stderr):  # a strategy may print; the document is ours
            report = await run_demo(settings, started)
        print_json(report)
    else:
        from patang.cli.demo_view import print_summary

        report = await run_demo(settings, started)
        print_summary(report)
    if report.stop_reason == INTERRUPTED:
        return Exit.INTERRUPTED
    if not report.succeeded:
        raise _failure(report)
    return Exit.OK


def _failure(report: "DemoReport") -> PatangError:
    if report.disagreements:
        return PatangError(
            f"Our books and the sandbox's do not agree: {report.disagreements[0]}",
            f"Keep the journal {report.journal}; `patang replay` rebuilds the run from it.",
        )
    broken = next((one for one in report.alarms if one.code == "STRATEGY_ERROR"), None)
    if broken is not None:
        return PatangError(
            f"The demo did not trade; a strategy failed: {broken.message}",
            "Mend the strategy. After three failures in a row it is disabled for the run.",
        )
    if report.denied:
        codes = ", ".join(report.denied_by_code)
        return PatangError(
            f"The demo did not trade: risk denied all {report.denied} orders ({codes}).",
            "docs/risk.md says what each code means.",
        )
    return PatangError(
        f"The demo did not trade in {report.market_minutes} minutes of market time.",
        "The strategies look on for some minutes first: give it more with --minutes.",
    )


def _default_folder() -> Path:
    import platformdirs

    return platformdirs.user_data_path("patang", appauthor=False) / "journals"
