"""Every kind of failure has its documented exit code, and a remedy."""

import pytest

from patang.cli.errors import ReadyFileUnreadable
from patang.cli.exits import Exit, exit_code_of, print_failure
from patang.config.errors import ConfigInvalid
from patang.domain.errors import InvalidValue, PatangError
from patang.kite import (
    ConnectFailed,
    GeneralException,
    InputException,
    MarginException,
    NetworkException,
    OrderException,
    PermissionException,
    TokenException,
)
from patang.kite.login_errors import CallbackPortTaken, LoginRefused, LoginTimeout
from patang.kite.saved import SessionEnded
from patang.storage.key_chain import KeyUnusable
from patang.storage.private_file import UnsafePermissions
from patang.storage.vault import SecretFileCorrupt, WrongKey


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidValue("x", "no"), Exit.USAGE),
        (ConfigInvalid("x", "no"), Exit.SETUP),
        (ReadyFileUnreadable("no"), Exit.SETUP),
        (CallbackPortTaken("no"), Exit.SETUP),
        (UnsafePermissions("no"), Exit.SETUP),
        (KeyUnusable("no"), Exit.SETUP),
        (WrongKey("no"), Exit.SETUP),
        (SecretFileCorrupt("no"), Exit.SETUP),
        (SessionEnded("no"), Exit.SESSION),
        (TokenException("no"), Exit.SESSION),
        (LoginTimeout("no"), Exit.SESSION),
        (LoginRefused("no"), Exit.SESSION),
        (PermissionException("no"), Exit.BROKER_REFUSED),
        (MarginException("no"), Exit.BROKER_REFUSED),
        (InputException("Markets are closed right now."), Exit.MARKET_CLOSED),
        (OrderException("The market is closed."), Exit.MARKET_CLOSED),
        (OrderException("The position is closed."), Exit.BROKER_REFUSED),
        (NetworkException("Too many requests", status=429), Exit.NETWORK),
        (ConnectFailed("no"), Exit.NETWORK),
        (PatangError("no"), Exit.FAILED),
    ],
)
def test_failure_has_its_code(error: PatangError, code: Exit) -> None:
    assert exit_code_of(error) is code


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NetworkException("Too many requests", status=429), "Wait a second"),
        (NetworkException("gone"), "try again"),
        (PermissionException("no"), "plan"),
        (TokenException("Invalid `checksum`."), "patang login"),
        (GeneralException("Route not found", status=404), "sandbox"),
        (PatangError("no", "Do this."), "Do this."),
    ],
)
def test_failure_says_what_to_do(
    capsys: pytest.CaptureFixture[str], error: PatangError, remedy: str
) -> None:
    print_failure(error)
    cause, fix = capsys.readouterr().err.splitlines()
    assert cause == f"error: {error.cause}"
    assert fix.startswith("  fix: ")
    assert remedy in fix
