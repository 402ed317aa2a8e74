"""Exit codes, and the one line that a failure prints. Documented in docs/exit-codes.md."""

import os
import sys
from enum import IntEnum

from rich.console import Console
from rich.markup import escape

from patang.domain.errors import InvalidValue, MissingExtra, PatangError


class Exit(IntEnum):
    """What a command's end means."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETUP = 3
    SESSION = 4
    BROKER_REFUSED = 6
    NETWORK = 7
    JOURNAL_CORRUPT = 9
    INTERRUPTED = 130


def exit_code_of(error: PatangError) -> Exit:
    """The exit code that belongs to an error."""
    # Imported here: a command that does not fail should not load every floor to say so.
    from patang.kite import KiteError, NetworkException, PermissionException, TokenException
    from patang.runtime.sandbox_process import SandboxFailed, SandboxGone
    from patang.sandbox.errors import PortUnavailable, ReadyFileUnwritable
    from patang.storage.journal import JournalCorrupt, JournalError

    match error:
        case JournalCorrupt():
            return Exit.JOURNAL_CORRUPT
        case InvalidValue():
            return Exit.USAGE
        case TokenException() | PermissionException():
            return Exit.SESSION
        case NetworkException() | SandboxGone():
            return Exit.NETWORK
        case KiteError():
            return Exit.BROKER_REFUSED
        case (
            MissingExtra()
            | JournalError()
            | PortUnavailable()
            | ReadyFileUnwritable()
            | SandboxFailed()
        ):
            return Exit.SETUP
        case _:
            return Exit.FAILED


def print_failure(error: PatangError) -> None:
    """Cause and remedy on standard error, one line each, no traceback."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {escape(error.cause)}")
    if error.remedy:
        console.print(f"[bold]  fix:[/] {escape(error.remedy)}")


def leave(code: int) -> None:
    """End the process with ``code``, quietly even when nobody reads standard output any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
