"""The ``patang`` command: what there is, and where it ends."""

import sys
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError

import patang
from patang.cli.exits import (
    OUTPUT_ERRORS,
    Exit,
    exit_code_of,
    leave,
    leave_unwritten,
    print_failure,
)
from patang.cli.output import Output, OutputOption, never_fail_to_write, print_json
from patang.domain.errors import PatangError

app = App(
    name="patang",
    help="Trade through Zerodha's Kite Connect, or through a market that fits in a laptop.",
    version_flags=[],
    help_flags=["--help", "-h"],
    help_format="markdown",
)
# The summaries stand here because a command's own text would have to be imported to be shown.
COMMANDS = {
    "demo": ("patang.cli.demo:demo", "Watch two strategies trade a simulated market."),
    "run": ("patang.cli.run:run", "Trade as a file says, and take up what a crash cut off."),
    "backtest": ("patang.cli.backtest:backtest", "Play stored days to a strategy."),
    "sandbox": ("patang.cli.sandbox:sandbox", "Serve a simulated market behind Kite's own URLs."),
    "gateway": ("patang.cli.gateway:app", "Serve one account to many clients."),
    "replay": ("patang.cli.replay:replay", "Rebuild a run from its journal and compare."),
    "journal": ("patang.cli.journal:app", "Prove a run's journal, look into it, export it."),
    "profile": ("patang.cli.profile:app", "Add and list the accounts that commands speak to."),
    "login": ("patang.cli.login:login", "Log in at Kite and keep the session, encrypted."),
    "logout": ("patang.cli.login:logout", "End the session at Kite and remove it here."),
    "status": ("patang.cli.status:status", "Show whose session there is and until when."),
    "quote": ("patang.cli.quotes:quote", "Show price, change, bid, ask and volume."),
    "ohlc": ("patang.cli.quotes:ohlc", "Show the day's range and the last price."),
    "orders": ("patang.cli.orders:orders", "Show the day's orders."),
    "positions": ("patang.cli.portfolio:positions", "Show the positions and their profit."),
    "holdings": ("patang.cli.portfolio:holdings", "Show what lies in the demat account."),
    "funds": ("patang.cli.portfolio:funds", "Show the funds of both segments."),
    "gtt": ("patang.cli.gtt:gtt", "Show the good-till-triggered orders."),
    "instruments": ("patang.cli.instruments:app", "Find what the exchanges list."),
    "history": ("patang.cli.history:history", "Show candles of the past."),
}
for _name, (_target, _summary) in COMMANDS.items():
    app.command(_target, name=_name, help=_summary)


@app.default
def root(
    *,
    version: Annotated[bool, Parameter(negative="")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show this help, or the version.

    For example:

        patang demo

        patang --version -o json

    Parameters
    ----------
    version
        Print the version and exit.
    output
        table for people, json for programs.
    """
    if not version:
        app.help_print([])
    elif output is Output.JSON:
        print_json({"version": patang.__version__})
    else:
        print(f"patang {patang.__version__}")


def main(arguments: list[str] | None = None) -> None:
    """Run one command line; ends the process with a documented exit code."""
    tokens = sys.argv[1:] if arguments is None else arguments
    never_fail_to_write()
    try:
        leave(_run(_command_first(tokens)))
    except PatangError as error:
        print_failure(error)
        leave(exit_code_of(error))
    except KeyboardInterrupt:
        leave(Exit.INTERRUPTED)
    except OSError as error:
        if error.errno not in OUTPUT_ERRORS:
            raise
        leave_unwritten(error)


def _command_first(tokens: list[str]) -> list[str]:
    """``patang -o json replay J`` means ``patang replay J -o json``."""
    if len(tokens) > 2 and tokens[0] in ("-o", "--output") and tokens[2] in COMMANDS:
        return [*tokens[2:], *tokens[:2]]
    return tokens


def _run(tokens: list[str]) -> int:
    if tokens and not tokens[0].startswith("-") and tokens[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        print_failure(PatangError(f"There is no command {tokens[0]!r}.", f"Commands: {known}."))
        return Exit.USAGE
    if tokens and tokens[0] in COMMANDS:
        command = app[tokens[0]]
        if command.default_command is not None:
            command.help = None  # its own text, with the examples, instead of the summary
    try:
        answer = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        print_failure(_usage_error(error, tokens))
        return Exit.USAGE
    return answer if isinstance(answer, int) else Exit.OK


def _usage_error(error: CycloptsError, tokens: list[str]) -> PatangError:
    command = f"patang {tokens[0]}" if tokens and tokens[0] in COMMANDS else "patang"
    cause, remedy = " ".join(str(error).split()), f"`{command} --help` shows what it takes."
    if isinstance(error, UnusedCliTokensError):
        cause = f"{command} does not take {', '.join(map(repr, error.unused_tokens or []))}."
    if isinstance(error, UnknownOptionError):
        names = sorted(
            name
            for argument in error.argument_collection
            for name in argument.names
            if name.startswith("-")
        )
        remedy = f"Options of {command}: {', '.join(names)}."
    return PatangError(cause, remedy)
