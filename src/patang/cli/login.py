"""``patang login`` and ``patang logout``: a session is made, kept encrypted, and ended."""

import asyncio
import contextlib
import getpass
import sys
import webbrowser
from collections.abc import Coroutine
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from patang.cli.account import AccountOptions, choose
from patang.cli.listing import badge, people_console
from patang.cli.output import Output, OutputOption, one_line, print_json, whole_number
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue
from patang.domain.secret import Secret
from patang.kite import Kite, SystemClock, TokenException
from patang.kite.login import LOGIN_SECONDS, Login, LoginFlow
from patang.kite.saved import SavedAccount, SessionEnded
from patang.rules.ist import format_ist

_LINE_MAX = 8 * 1024


class LoginReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a login prints: everything but the token."""

    profile: str
    mode: Mode
    user_id: str
    user_name: str
    login_time: str
    expires: str
    folder: str
    key: str


def login(
    *,
    account: AccountOptions | None = None,
    paste: Annotated[bool, Parameter(negative="")] = False,
    browser: bool = True,
    port: Annotated[int | None, Parameter(converter=whole_number(1, 65_535))] = None,
    timeout: Annotated[float, Parameter(validator=Number(gt=0, lte=3_600))] = LOGIN_SECONDS,
    save_secret: Annotated[bool, Parameter(negative="")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Log in at Kite and keep the session, encrypted, until 06:00 IST.

    Opens Kite's login page in the browser and waits on 127.0.0.1 for it to come back. The app's
    redirect URL, registered with Zerodha, must be http://127.0.0.1:PORT/ for this; with --paste
    any will do. The app's secret is taken from PATANG_API_SECRET, from what --save-secret kept,
    or asked for.

    For example:

        patang login

        patang login --profile home --paste

        patang login --sandbox ready.json --paste

    Parameters
    ----------
    account
        The account to log in.
    paste
        Wait for no browser: paste the address it ended on, or the request token, into standard
        input.
    browser
        Open the login page; without, its address is only printed.
    port
        The port of the redirect URL on 127.0.0.1; by default the profile's.
    timeout
        Seconds to wait for the browser, at most 3600.
    save_secret
        Keep the app's secret too, encrypted, for the next mornings.
    output
        json prints one document, without the token.
    """
    target = choose(account)
    key = target.keys.find_or_create()  # before a request token is spent
    secret = _api_secret(target)
    kite = target.kite(None)
    flow = LoginFlow(kite, secret, SystemClock())
    who = f"{target.name} ({target.profile.mode.upper()})"
    if paste:
        _say(f"{who}: log in at\n\n    {flow.login_url}\n\nand paste the address it ends on: ")
        pasted = sys.stdin.readline(_LINE_MAX) if sys.stdin else ""
        if not _is_terminal():  # on a terminal the person's own Enter ended the line
            _say("\n")
        done = asyncio.run(_closing(kite, flow.by_paste(pasted)))
    else:
        show = _open_browser if browser else _leave_to_the_person
        chosen_port = target.profile.redirect_port if port is None else port
        back = f"http://127.0.0.1:{chosen_port}/"
        _say(f"{who}: waiting on {back} for the login at\n\n    {flow.login_url}\n\n")
        done = asyncio.run(_closing(kite, flow.by_callback(chosen_port, show, timeout)))
    target.keep(done)
    if save_secret:
        target.keep_api_secret(secret)
    _report(target, done, key.origin, output)


def logout(
    *,
    account: AccountOptions | None = None,
    local: Annotated[bool, Parameter(negative="")] = False,
    forget_secret: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """End the session at Kite and remove it here.

    For example:

        patang logout

        patang logout --profile home --forget-secret

    Parameters
    ----------
    account
        The account to log out.
    local
        Only remove it here, without asking the server: for a session that cannot be read or a
        server that cannot be reached.
    forget_secret
        Remove the app's secret too, if it was kept.
    """
    target = choose(account)
    console = people_console()
    if not local:
        try:
            asyncio.run(_end(target))
        except (SessionEnded, TokenException):
            console.print(badge(target.profile.mode), f"{target.name} had no session any more.")
        else:
            console.print(badge(target.profile.mode), f"The session of {target.name} is ended.")
    if target.vault.remove_session(target.name):
        console.print("Its file is removed.")
    if forget_secret and target.vault.remove_api_secret(target.name):
        console.print("The app's secret is removed.")


async def _end(target: SavedAccount) -> None:
    async with target.kite(target.access_token(SystemClock())) as kite:
        await kite.invalidate_access_token()


def _api_secret(target: SavedAccount) -> Secret:
    found = target.api_secret()
    if found is not None:
        return found
    if _is_terminal():
        with contextlib.suppress(EOFError):
            typed = getpass.getpass(f"API secret of the app {target.profile.api_key}: ").strip()
            if typed:
                return Secret(typed)
    raise InvalidValue(
        "api_secret",
        "the app's secret is needed and was not given.",
        "Set PATANG_API_SECRET, or run in a terminal; --save-secret keeps it.",
    )


async def _open_browser(url: str) -> None:
    # In a thread: a browser that lives in the terminal would keep the loop from its redirect.
    await asyncio.to_thread(webbrowser.open, url)


async def _leave_to_the_person(url: str) -> None:
    """The address was printed already."""


async def _closing(kite: Kite, login: Coroutine[object, object, Login]) -> Login:
    async with kite:
        return await login


def _report(target: SavedAccount, done: Login, key_origin: str, output: Output) -> None:
    report = LoginReport(
        profile=target.name,
        mode=target.profile.mode,
        user_id=done.user_id,
        user_name=done.user_name,
        login_time=f"{format_ist(done.login_ns)} IST",
        expires=f"{format_ist(done.expires_ns)} IST",
        folder=str(target.vault.folder),
        key=key_origin,
    )
    if output is Output.JSON:
        print_json(report)
        return
    console = people_console()
    who = one_line(f"{report.user_id} ({report.user_name})")
    console.print(badge(report.mode), f"Logged in as {who}.", markup=False)
    console.print(f"The session ends at {report.expires}.", markup=False)
    console.print(
        f"It is kept encrypted in {report.folder}; the key is in {key_origin}.", markup=False
    )


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _say(text: str) -> None:
    """To the person on standard error: standard output belongs to the result."""
    sys.stderr.write(text)
    sys.stderr.flush()
