"""``python -m benchmarks [NAME] [-o table|json] [--rounds N]``: measure and print."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.harness import Benchmark, MissingPeer, find_benchmarks, measure

EXIT_OK = 0
EXIT_ENVIRONMENT = 3
DEFAULT_ROUNDS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmark, or all of them, and return the exit code.

    A benchmark whose peer is missing is named on stderr; the others still run.
    """
    found = find_benchmarks()
    options = _parse(arguments, found)
    chosen = [found[options.name]] if options.name else list(found.values())
    results: list[dict[str, Any]] = []
    code = EXIT_OK
    for benchmark in chosen:
        try:
            results.append(measure(benchmark, options.rounds))
        except MissingPeer as error:
            print(error, file=sys.stderr)
            code = EXIT_ENVIRONMENT
    if options.output == "json":
        print(json.dumps(results, indent=2))
    elif results:
        Console().print(_table(results))
    return code


def _parse(arguments: Sequence[str] | None, found: dict[str, Benchmark]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Patang against named peers. Ratio above 1: Patang is the faster.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of: {', '.join(found)}")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument(
        "--rounds", type=_positive, default=DEFAULT_ROUNDS, help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    if options.name is not None and options.name not in found:
        parser.error(f"unknown benchmark '{options.name}'; choose from: {', '.join(found)}")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Patang against its peers", show_lines=True)
    table.add_column("benchmark, peer, work of a round", overflow="fold")
    for heading in ("ours, ms", "theirs, ms", "times faster", "from - to"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        ratio = result["ratio"]
        table.add_row(
            f"[bold]{result['name']}[/]\n{escape(result['peer'])}\n{escape(result['work'])}",
            f"{result['ours'] * 1e3:.2f}",
            f"{result['theirs'] * 1e3:.2f}",
            f"[bold]{ratio['median']:.1f}[/]",
            f"{ratio['min']:.1f} - {ratio['max']:.1f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
