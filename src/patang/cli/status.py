"""``patang status``: whether there is a session, whose, and until when."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from patang.cli.account import AccountOptions, choose, venue_now_ns
from patang.cli.exits import Exit
from patang.cli.listing import badge, people_console
from patang.cli.output import Output, OutputOption, one_line, print_json
from patang.domain.enums import Mode
from patang.domain.market import NS_PER_SECOND
from patang.kite import SystemClock, TokenException
from patang.kite.saved import SavedAccount, SessionEnded
from patang.rules.ist import format_ist

_MINUTE_NS = 60 * NS_PER_SECOND


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an account's session. Times are IST; ``is_valid`` null: not asked."""

    profile: str
    mode: Mode
    root: str
    is_valid: bool | None
    user_id: str | None
    login_time: str | None
    expires: str | None
    minutes_left: int | None
    key: str | None
    reason: str | None


async def status(
    *,
    account: AccountOptions | None = None,
    offline: Annotated[bool, Parameter(negative="")] = False,
    output: OutputOption = Output.TABLE,
) -> int:
    """Show whose session there is and until when; exits 0 if it is valid and 4 if not.

    For example:

        patang status

        patang status --profile home --offline -o json

    Parameters
    ----------
    account
        The account to look at.
    offline
        Only look at what is kept here; do not ask the server.
    output
        json prints one document.
    """
    target = choose(account)
    found = await _look(target, offline=offline)
    if output is Output.JSON:
        print_json(found)
    else:
        _print(target, found)
    return Exit.SESSION if found.reason else Exit.OK


async def _look(target: SavedAccount, *, offline: bool) -> Status:
    is_valid, user_id, reason = None, None, None
    session = target.saved_session()
    now_ns = None if offline else await venue_now_ns(target)
    try:
        token = target.access_token(SystemClock())
        if not offline:
            async with target.kite(token) as kite:
                user_id = (await kite.profile()).user_id
            is_valid = True
    except SessionEnded as error:
        is_valid, reason = False, error.cause
    except TokenException as error:
        is_valid, reason = False, f"The server refuses the session: {error.message}"
    key = target.keys.find()
    left_ns = None if session is None or now_ns is None else session.expires_ns - now_ns
    return Status(
        profile=target.name,
        mode=target.profile.mode,
        root=target.profile.root,
        is_valid=is_valid,
        user_id=user_id or (session.user_id if session else None),
        login_time=f"{format_ist(session.login_ns)} IST" if session else None,
        expires=f"{format_ist(session.expires_ns)} IST" if session else None,
        minutes_left=None if left_ns is None else max(left_ns // _MINUTE_NS, 0),
        key=key.origin if key else None,
        reason=reason,
    )


def _print(target: SavedAccount, found: Status) -> None:
    from rich.table import Table
    from rich.text import Text

    console = people_console()
    console.print(badge(found.mode), f"{found.profile}  {found.root}", markup=False)
    table = Table.grid(padding=(0, 2))
    words = {True: ("✓ valid", "green"), False: ("✗ ended", "red"), None: ("not asked", "yellow")}
    table.add_row("Session", Text(*words[found.is_valid]))
    rows = {
        "User": found.user_id,
        "Logged in": found.login_time,
        "Ends": _until(found),
        "Key": found.key,
    }
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, Text(value))
    console.print(table)
    if found.reason:
        reason = one_line(found.reason)
        console.print(f"{reason} {target.how_to_log_in}", markup=False, soft_wrap=True)


def _until(found: Status) -> str | None:
    if found.minutes_left is None:
        return found.expires
    hours, minutes = divmod(found.minutes_left, 60)
    return f"{found.expires} (in {hours} h {minutes:02} min)"
