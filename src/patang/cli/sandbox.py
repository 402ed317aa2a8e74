"""``patang sandbox``: a local exchange that speaks Kite's wire."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from patang.cli.output import SEED_MAX, Output, OutputOption, print_json, whole_number
from patang.domain.errors import InvalidValue

if TYPE_CHECKING:
    from patang.sandbox.ready import Ready


async def sandbox(
    *,
    port: Annotated[int, Parameter(converter=whole_number(0, 65_535))] = 0,
    seed: Annotated[int, Parameter(converter=whole_number(0, SEED_MAX))] = 1,
    speed: Annotated[float, Parameter(validator=Number(gte=0, lte=1_000))] = 1.0,
    ready_file: Path | None = None,
    until_eof: Annotated[bool, Parameter(negative="")] = False,
    redirect_url: str | None = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Serve a simulated market behind Kite's own URLs until SIGTERM or Ctrl-C.

    The world begins on Thursday 2026-11-19 at 09:20:00 IST, in continuous trading, and runs at the
    pace of real time unless `--speed` says otherwise. Trading lasts until 15:15:00 IST, five hours
    and 55 minutes of market time; the clock and the server go on until they are stopped. It listens
    on 127.0.0.1 only. When it is ready it prints, and writes to the ready file, where it listens
    and how to log in.

    For example:

        patang sandbox

        patang sandbox --port 8765 --seed 7 --speed 60 --ready-file sandbox.json

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; 0 takes any free one.
    seed
        Same seed, same market: a whole number from 0 to 9223372036854775807.
    speed
        Market seconds for each real second, up to 1000; 0 freezes the clock.
    ready_file
        Where to write, once ready, a JSON file with addresses and credentials (mode 0600).
    until_eof
        Stop as well when standard input ends, as it does when the program that started it is gone.
    redirect_url
        Where the login page sends the browser, as registered for a real app: for `patang login`
        http://127.0.0.1:5010/. By default a page of the sandbox that shows the request token.
    output
        json prints the ready document on standard output.
    """
    from patang.sandbox.server import serve
    from patang.sandbox.settings import SandboxSettings

    if redirect_url is not None and not redirect_url.startswith(("http://", "https://")):
        raise InvalidValue(
            "--redirect-url", "it is no web address.", "Write http://127.0.0.1:5010/."
        )
    settings = SandboxSettings(
        port=port, seed=seed, speed=speed, ready_file=ready_file, redirect_url=redirect_url
    )
    announce = print_json if output is Output.JSON else _print_ready
    await serve(settings, on_ready=announce, until_eof=until_eof)


def _print_ready(ready: "Ready") -> None:
    from rich.console import Console

    rows = {
        "REST": ready.root,
        "Ticker": ready.ws,
        "Login": ready.login_url,
        "API key": ready.api_key,
        "API secret": ready.api_secret,
        **{f"Access token of {user.user_id}": user.access_token for user in ready.users},
    }
    width = max(map(len, rows))
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Sandbox ready.[/] A pretend market: nothing here is real money.")
    for name, value in rows.items():  # never cropped: these are to be copied
        console.print(f"{name:{width}}  {value}", markup=False)
    console.print("A new login of a user ends the user's earlier token. Stop with Ctrl-C.")
