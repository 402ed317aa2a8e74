"""How commands print: data on standard output, everything else on standard error."""

import io
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter, Token


class Output(StrEnum):
    """For people, or for programs."""

    TABLE = "table"
    JSON = "json"


SEED_MAX = (1 << 63) - 1

OutputOption = Annotated[
    Output, Parameter(name=["--output", "-o"], help="table for people, json for programs.")
]
"""The ``-o`` of every command that prints data."""


def whole_number(low: int, high: int) -> Callable[[object, Sequence[Token]], int]:
    """A converter for whole numbers from ``low`` to ``high``, which names them when it refuses."""

    def convert(_type: object, tokens: Sequence[Token]) -> int:
        try:
            number = int(tokens[0].value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"{tokens[0].value!r} is not a whole number from {low} to {high}.")
        return number

    return convert


_encoder = msgspec.json.Encoder(decimal_format="string")


def print_json(document: object) -> None:
    """One JSON document on standard output; money as strings."""
    sys.stdout.buffer.write(msgspec.json.format(_encoder.encode(document)) + b"\n")
    sys.stdout.flush()


def one_line(text: str) -> str:
    """Text from a server, safe for a terminal: one line, no control characters."""
    flat = " ".join(text.split())
    return flat if flat.isprintable() else "".join(c if c.isprintable() else "?" for c in flat)


def never_fail_to_write() -> None:
    """Let a terminal or pipe of another encoding show ``?`` for what it lacks, and read as much."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def find_modules_here() -> None:
    """Let strategies be imported from the folder the command is run in, as ``python -m`` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
