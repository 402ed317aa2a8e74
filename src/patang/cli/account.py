"""Which account a command speaks to: a profile or a sandbox, with the session that is kept."""

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter

from patang.cli.errors import ReadyFileUnreadable
from patang.config.environment import read_environment
from patang.config.profile import Profile
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.secret import Secret
from patang.kite import Kite, Request, SystemClock, Timeouts, TokenException
from patang.kite.saved import SavedAccount, SessionEnded, saved_account
from patang.kite.transport import NetworkSettings
from patang.rules.ist import format_ist
from patang.sandbox.ready import ClockReading, Ready
from patang.storage.key_chain import KeyChain
from patang.storage.vault import Vault

if TYPE_CHECKING:
    from patang.kite.transport import Transport

_CLOCK_TIMEOUTS = Timeouts(connect=2, read=2, total=3)


@Parameter(name="*")
@dataclass(frozen=True)
class AccountOptions:
    """The options that every account command has."""

    profile: Annotated[
        str | None,
        Parameter(help="The profile to use; by default PATANG_PROFILE, or the only one."),
    ] = None
    sandbox: Annotated[
        Path | None, Parameter(help="Use the sandbox that wrote this ready file, and no profile.")
    ] = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An open account: its client, and what every output says about it.

    ``now_ns`` is the venue's time when the command began, or None where a server does not say.
    """

    target: SavedAccount
    kite: Kite
    now_ns: int | None

    @property
    def label(self) -> str:
        """Account, server and time, for a header."""
        target = self.target
        parts = [target.name, urlsplit(target.profile.root).netloc]
        if self.now_ns is not None:
            parts.append(f"{format_ist(self.now_ns)} IST")
        return " · ".join(parts)

    @property
    def mode(self) -> Mode:
        """Whether this is real."""
        return self.target.profile.mode


def choose(options: AccountOptions | None) -> SavedAccount:
    """The account that the options, the environment and the profiles name.

    Raises:
        InvalidValue: both a profile and a sandbox were given.
        ConfigInvalid: the profiles are wrong, or leave the choice open.
        ReadyFileUnreadable: the sandbox's file is not there or not such a file.
    """
    given = options or AccountOptions()
    if given.sandbox is None:
        return saved_account(given.profile)
    if given.profile is not None:
        raise InvalidValue("--sandbox", "it goes without --profile.", "Give one of them.")
    ready, written_ns = read_ready(given.sandbox)
    name, profile = _sandbox_profile(given.sandbox, ready)
    environment = read_environment()
    keys = KeyChain(environment)
    vault = Vault(environment.config_folder, keys)
    # An earlier sandbox on this port took its sessions with it.
    vault.remove_session_before(name, written_ns)
    return SavedAccount(
        name=name,
        option=f"--sandbox {shlex.quote(str(given.sandbox))}",
        profile=profile,
        vault=vault,
        keys=keys,
        environment=environment,
        usual_token=Secret(ready.users[0].access_token) if ready.users else None,
        usual_secret=Secret(ready.api_secret),
        network=NetworkSettings(certificate=ready.certificate),
    )


@asynccontextmanager
async def opened(options: AccountOptions | None) -> AsyncIterator[Account]:
    """The account with a session, while the block runs.

    Raises:
        SessionEnded: there is no session, or the server refuses it within the block.
        PatangError: as ``choose``, or whatever the block raises.
    """
    target = choose(options)
    async with target.kite(target.access_token(SystemClock())) as kite:
        try:
            yield Account(target=target, kite=kite, now_ns=await venue_now_ns(target))
        except TokenException as error:
            raise SessionEnded(
                f"{target.profile.root} refuses the session of {target.name}: {error.message}",
                target.how_to_log_in,
            ) from error


async def venue_now_ns(target: SavedAccount) -> int | None:
    """The time where the account trades: this machine's, or the sandbox's own; else None."""
    if target.profile.mode is Mode.LIVE:
        return SystemClock().now_ns()
    from patang.kite.aiohttp_transport import AiohttpTransport

    transport = AiohttpTransport(target.network)
    try:
        return await _sandbox_now_ns(transport, target.profile.root)
    finally:
        await transport.close()


async def _sandbox_now_ns(transport: "Transport", root: str) -> int | None:
    request = Request(method="GET", url=f"{root}/clock", headers={}, timeouts=_CLOCK_TIMEOUTS)
    try:
        response = await transport.send(request)
        return msgspec.json.decode(response.body, type=ClockReading).now_ns
    except (PatangError, msgspec.DecodeError):
        return None  # another server than ours has no clock; the call that follows says more


def read_ready(path: Path) -> tuple[Ready, int]:
    """What a sandbox says of itself, and when it wrote that, by this machine's clock."""
    try:
        ready = msgspec.json.decode(path.read_bytes(), type=Ready)
        return ready, path.stat().st_mtime_ns
    except OSError as error:
        cause = f"The ready file {path} cannot be read: {error.strerror}."
    except (msgspec.DecodeError, UnicodeError):
        cause = f"{path} is no ready file of a sandbox of this version."
    # Raised out here: a decoder's error may quote what it read, and that holds tokens.
    raise ReadyFileUnreadable(
        cause, f"Start one: patang sandbox --ready-file '{path}' ; the file is there while it runs."
    )


def _sandbox_profile(path: Path, ready: Ready) -> tuple[str, Profile]:
    from pydantic import ValidationError

    from patang.config.errors import first_failure

    fields = {"api_key": ready.api_key, "root": ready.root, "ws": ready.ws}
    login_url = ready.login_url.partition("?")[0]
    try:
        profile = Profile.model_validate(
            {"mode": Mode.SANDBOX.value, "login_url": login_url, **fields}
        )
    except ValidationError as error:
        raise first_failure(error, str(path)) from None
    parts = urlsplit(profile.root)
    return f"sandbox-{parts.port or (443 if parts.scheme == 'https' else 80)}", profile
