"""``patang gateway``: one account, served to many clients over one protocol."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import badge, people_console
from patang.cli.output import Output, OutputOption, print_json
from patang.domain.enums import Mode
from patang.gateway.clients import Permission, Scope

if TYPE_CHECKING:
    from patang.kite import Clock
    from patang.sandbox.ready import Ready

app = App(
    name="gateway",
    help="Let programs anywhere trade through this host, under one account's limits.",
    version_flags=[],
)


class GatewayReady(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway prints when it takes orders."""

    url: str
    mode: Mode
    user_id: str
    clients: tuple[str, ...]
    ledger: str


@app.default
async def serve(
    *,
    config: Path,
    account: AccountOptions | None = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Serve the account to the clients of a file until SIGTERM or Ctrl-C.

    It holds the one Kite session and the one limit of orders a second; docs/protocol.md says what
    clients send. Requests are kept on disk under their keys, so none is done twice.

    For example:

        patang gateway --config gateway.toml --profile home

        patang gateway --config gateway.toml --sandbox ready.json -o json

    Parameters
    ----------
    config
        The gateway's file: where to listen, certificate, clients. See docs/protocol.md.
    account
        The account to trade.
    output
        json prints one document, once orders are taken.
    """
    from patang.gateway.config_file import read_gateway_file
    from patang.gateway.service import serving
    from patang.kite import KiteFeed, SystemClock

    file = read_gateway_file(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    sandbox = None if account is None else account.sandbox
    async with opened(account) as open_account, _venue_clock(sandbox) as clock:
        kite, target = open_account.kite, open_account.target
        user_id = (await kite.profile()).user_id
        listed = [each for name in file.exchanges for each in await kite.instruments(name)]
        token = target.access_token(SystemClock())
        feed = KiteFeed(target.profile.api_key, token, target.profile.ws, clock=clock)
        async with serving(
            kite,
            feed,
            clock,
            mode=open_account.mode,
            user_id=user_id,
            instruments=listed,
            ledger_path=file.ledger_path,
            clients=file.clients,
            settings=file.settings,
        ) as (gateway, desk):
            await desk.ready()
            ready = GatewayReady(
                url=gateway.url,
                mode=open_account.mode,
                user_id=user_id,
                clients=tuple(file.clients),
                ledger=str(file.ledger_path),
            )
            _print_ready(ready, output)
            await stopped.wait()


@app.command(name="add-client")
def add(
    name: str,
    /,
    *,
    config: Path,
    permit: Annotated[tuple[Permission, ...], Parameter(consume_multiple=True)] = (
        Permission.READ,
    ),
    scope: Scope = Scope.OWN,
) -> None:
    """Add a client to the gateway's file, and make its secret.

    For example:

        patang gateway add-client desk --config gateway.toml --permit read quotes trade

    Parameters
    ----------
    name
        At most 40 letters, digits, '-' and '_'.
    config
        The gateway's file; it is made if there is none.
    permit
        What the client may do: read, quotes, trade, gtt.
    scope
        own: it sees and cancels its own orders; account: everybody's.
    """
    from patang.gateway.config_file import add_client

    secret = add_client(config, name, permit, scope)
    console = people_console()
    console.print(f"Client {name} is in {config}.", markup=False)
    console.print(f"Its secret is in {secret}: copy it to the client, mode 0600.", markup=False)


@asynccontextmanager
async def _venue_clock(sandbox: Path | None) -> AsyncIterator["Clock"]:
    """The clock to trade by: this machine's, or a sandbox's own, which is followed meanwhile."""
    from patang.kite import SystemClock
    from patang.runtime.sandbox_client import SandboxClient

    if sandbox is None:
        yield SystemClock()
        return
    async with SandboxClient(_ready_of(sandbox)) as world:
        clock = await world.clock()
        following = asyncio.create_task(world.follow(clock), name="sandbox-clock")
        try:
            yield clock
        finally:
            following.cancel()
            await asyncio.wait([following])


def _ready_of(path: Path) -> "Ready":
    from patang.sandbox.ready import Ready

    return msgspec.json.decode(path.read_bytes(), type=Ready)


def _print_ready(ready: GatewayReady, output: Output) -> None:
    if output is Output.JSON:
        print_json(ready)
        return
    console = people_console()
    console.print(badge(ready.mode), f"The gateway is open at {ready.url}.", markup=False)
    console.print(f"Account {ready.user_id}; clients {', '.join(ready.clients)}.", markup=False)
    console.print("Stop with Ctrl-C.")
