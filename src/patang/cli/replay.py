"""``patang replay``: rebuild a run from its journal."""

from pathlib import Path

from patang.cli.exits import Exit
from patang.cli.output import Output, OutputOption, find_modules_here, print_json


def replay(journal: Path, /, *, output: OutputOption = Output.TABLE) -> int:
    """Rebuild a run from its journal alone and compare every decision.

    Exits 0 when the rebuilt run equals the journaled one, 1 naming the first difference, and 9
    when the journal itself is not what was written.

    For example:

        patang replay demo.journal

        patang replay demo.journal -o json

    Parameters
    ----------
    journal
        The journal file that a run reported.
    output
        json prints one document with state_hash and commands_match.
    """
    from patang.runtime.replay import replay as rebuild

    find_modules_here()
    report = rebuild(journal)
    if output is Output.JSON:
        print_json(report)
    else:
        from rich.console import Console
        from rich.markup import escape

        console = Console(highlight=False, soft_wrap=True)
        console.print(f"{report.events} events in {report.rows} rows, head {report.head}")
        console.print(f"state {report.state_hash}")
        if report.is_equal:
            console.print("[green]✓[/] the rebuilt run equals the journaled one.")
        else:
            console.print(f"[red]✗[/] {escape(report.difference or '')}")
    return Exit.OK if report.is_equal else Exit.FAILED
