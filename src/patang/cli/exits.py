"""Exit codes, and the one line that a failure prints. Documented in docs/exit-codes.md."""

import errno
import os
import re
import sys
from enum import IntEnum

from rich.console import Console
from rich.markup import escape

from patang.cli.output import one_line
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
    MARKET_CLOSED = 8
    JOURNAL_CORRUPT = 9
    INTERRUPTED = 130


# Kite has no error type for it, only words. Source: Kite Connect forum, order rejections.
_MARKET_CLOSED = re.compile(r"\bmarkets? (?:is|are) closed\b", re.IGNORECASE)


def exit_code_of(error: PatangError) -> Exit:
    """The exit code that belongs to an error."""
    # Imported here: a command that does not fail should not load every floor to say so.
    from patang.cli.errors import ReadyFileUnreadable
    from patang.config.errors import ConfigInvalid
    from patang.gateway.config_file import GatewayFileInvalid
    from patang.gateway.ledger import LedgerFailed
    from patang.kite import KiteError, NetworkException, TokenException
    from patang.kite.login_errors import CallbackPortTaken, LoginFailed
    from patang.kite.saved import SessionEnded
    from patang.runtime.sandbox_process import SandboxFailed, SandboxGone
    from patang.sandbox.app_file import AppFileInvalid
    from patang.sandbox.documents import DocumentInvalid
    from patang.sandbox.errors import PortUnavailable, ReadyFileUnwritable
    from patang.sandbox.tapes import TapeError
    from patang.sandbox.tls import CertificateUnusable
    from patang.storage.journal import JournalCorrupt, JournalError
    from patang.storage.private_file import SecretStorageError

    match error:
        case JournalCorrupt():
            return Exit.JOURNAL_CORRUPT
        case InvalidValue():
            return Exit.USAGE
        case TokenException() | SessionEnded() | LoginFailed():
            return Exit.SESSION
        case NetworkException() | SandboxGone():
            return Exit.NETWORK
        case KiteError() if _MARKET_CLOSED.search(error.message):
            return Exit.MARKET_CLOSED
        case KiteError():
            return Exit.BROKER_REFUSED
        case (
            MissingExtra()
            | CallbackPortTaken()
            | ConfigInvalid()
            | GatewayFileInvalid()
            | LedgerFailed()
            | ReadyFileUnreadable()
            | SecretStorageError()
            | JournalError()
            | PortUnavailable()
            | ReadyFileUnwritable()
            | SandboxFailed()
            | DocumentInvalid()
            | AppFileInvalid()
            | CertificateUnusable()
            | TapeError()
        ):
            return Exit.SETUP
        case _:
            return Exit.FAILED


def print_failure(error: PatangError) -> None:
    """Cause and remedy on standard error, one line each, no traceback."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {escape(one_line(error.cause))}")
    remedy = error.remedy or _usual_remedy(error)
    if remedy:
        console.print(f"[bold]  fix:[/] {escape(one_line(remedy))}")


def _usual_remedy(error: PatangError) -> str:
    """What helps against an answer of Kite that says only what is wrong."""
    from patang.kite import KiteError, NetworkException, PermissionException, TokenException

    match error:
        case TokenException():
            return "Log in again: patang login. A wrong checksum means a wrong API secret."
        case NetworkException(status=429):
            return "Wait a second and try again: Kite limits how often it may be asked."
        case NetworkException():
            return "See whether the server runs and the line is up, and try again."
        case KiteError(status=404):
            return "The server does not know it; a sandbox offers less than Kite."
        case PermissionException():
            return "The app's plan, or this machine's address, does not allow it: see its console."
        case _:
            return ""


OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC)
"""How writing to standard output fails: nobody reads it any more, or there is no room."""


def leave(code: int) -> None:
    """End the process with ``code``, quietly even when nobody reads standard output any more."""
    try:
        if sys.stdout is not None:  # closed by whoever started us: nobody wants to read
            sys.stdout.flush()
    except OSError as error:
        leave_unwritten(error, code)
    sys.exit(code)


def leave_unwritten(error: OSError, code: int = 0) -> None:
    """End the process after standard output could not be written to."""
    # What is still buffered must not be tried again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        cause = f"Cannot write to standard output: {error.strerror}."
        print_failure(PatangError(cause, "Send it where there is room."))
        code = Exit.SETUP
    sys.exit(code)
