"""The ``patang`` command: what there is, and where it ends."""

import sys

from cyclopts import App, CycloptsError, UnknownOptionError

import patang
from patang.cli.exits import Exit, exit_code_of, leave, print_failure
from patang.cli.output import Output, OutputOption, print_json
from patang.domain.errors import PatangError

app = App(
    name="patang",
    help="Trade through Zerodha's Kite Connect, or through a market that fits in a laptop.",
    version_flags=[],
    help_flags=["--help", "-h"],
    help_format="markdown",
)
COMMANDS = {
    "demo": "patang.cli.demo:demo",
    "replay": "patang.cli.replay:replay",
    "sandbox": "patang.cli.sandbox:sandbox",
}
for _name, _target in COMMANDS.items():
    app.command(_target, name=_name)


@app.default
def root(*, version: bool = False, output: OutputOption = Output.TABLE) -> None:
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
    try:
        leave(_run(tokens))
    except PatangError as error:
        print_failure(error)
        leave(exit_code_of(error))
    except KeyboardInterrupt:
        leave(Exit.INTERRUPTED)


def _run(tokens: list[str]) -> int:
    if tokens and not tokens[0].startswith("-") and tokens[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        print_failure(PatangError(f"There is no command {tokens[0]!r}.", f"Commands: {known}."))
        return Exit.USAGE
    try:
        answer = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        print_failure(_usage_error(error, tokens))
        return Exit.USAGE
    return answer if isinstance(answer, int) else Exit.OK


def _usage_error(error: CycloptsError, tokens: list[str]) -> PatangError:
    command = f"patang {tokens[0]}" if tokens and tokens[0] in COMMANDS else "patang"
    remedy = f"`{command} --help` shows what it takes."
    if isinstance(error, UnknownOptionError):
        names = sorted(
            name
            for argument in error.argument_collection
            for name in argument.names
            if name.startswith("-")
        )
        remedy = f"Options of {command}: {', '.join(names)}."
    return PatangError(" ".join(str(error).split()), remedy)
