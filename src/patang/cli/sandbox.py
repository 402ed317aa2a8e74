"""``patang sandbox``: a local exchange that speaks Kite's wire."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from patang.cli.output import SEED_MAX, Output, OutputOption, print_json, whole_number
from patang.domain.errors import InvalidValue

if TYPE_CHECKING:
    from patang.sandbox.ready import Ready


async def sandbox(
    *,
    port: Annotated[int, Parameter(converter=whole_number(0, 65_535))] = 0,
    control_port: Annotated[int, Parameter(converter=whole_number(0, 65_535))] = 0,
    seed: Annotated[int, Parameter(converter=whole_number(0, SEED_MAX))] = 1,
    speed: Annotated[float, Parameter(validator=Number(gte=0, lte=1_000))] = 1.0,
    world: str = "calm",
    fill_model: str | None = None,
    date: str | None = None,
    universe: str = "20",
    users: str | None = None,
    apps: Path | None = None,
    scenario: Path | None = None,
    rate_limits: bool = True,
    login_choice: Annotated[bool, Parameter(negative="")] = False,
    tls: Annotated[bool, Parameter(negative="")] = False,
    tls_folder: Path | None = None,
    tls_names: str | None = None,
    ready_file: Path | None = None,
    until_eof: Annotated[bool, Parameter(negative="")] = False,
    redirect_url: str | None = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Serve a simulated market behind Kite's own URLs until SIGTERM or Ctrl-C.

    The world begins on Thursday 2026-11-19 at 09:20:00 IST, in continuous trading, and runs at the
    pace of real time unless `--speed` says otherwise. It lives through one trading day after the
    other until it is stopped. It listens on 127.0.0.1 only. When it is ready it prints, and writes
    to the ready file, where it listens and how to log in. A second port, the control port, moves
    the clock, makes faults and tells the truth, to whoever asks on this machine.

    For example:

        patang sandbox

        patang sandbox --port 8765 --seed 7 --speed 60 --ready-file sandbox.json

        patang sandbox --speed 0 --control-port 8766 --users AB1234,CD5678=250000

        patang sandbox --world crash --date 2026-11-20T09:00 --universe 5000

        patang sandbox --users users.toml --scenario faults.toml --no-rate-limits

        patang sandbox --world ticks.csv --fill-model queue-position --speed 10 --tls

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; 0 takes any free one.
    control_port
        TCP port of the control port on 127.0.0.1; 0 takes any free one.
    seed
        Same seed, same market: a whole number from 0 to 9223372036854775807.
    speed
        Market seconds for each real second, up to 1000; 0 freezes the clock.
    world
        What kind of days: calm, trend, gap, crash or circuit; or a recorded tape to play, a .csv or
        .parquet file of ticks or bars.
    fill_model
        How orders meet a tape: quote-based (the default), or queue-position (behind what was
        shown).
    date
        When the world begins: a day (then 09:20), or a day and a time in India, as in
        2026-11-20T08:50. A tape begins with its first record unless the date lies inside it.
    universe
        How many instruments are listed, 20 or 250 to 100000, or an instruments dump (.csv).
    users
        Who trades: ids, each with its cash where it is not 1000000; or a .toml or .json file that
        also gives holdings, positions and orders of the day so far.
    apps
        A .toml or .json file of apps: keys, redirect and postback addresses, kinds, allowed IPs.
    scenario
        A .toml or .json file of faults.
    rate_limits
        Refuse what is above Kite's rate limits, as Kite does. They count market seconds: while the
        clock stands still, one second goes on.
    login_choice
        Let the login page ask who logs in.
    tls
        Speak https and wss, with a certificate of the sandbox's own.
    tls_folder
        Where that certificate is kept, for clients to trust; by default with Patang's own files.
        Implies `--tls`.
    tls_names
        The names in the certificate, by default localhost,127.0.0.1. Implies `--tls`.
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
    from patang.cli import sandbox_options as options
    from patang.sandbox.app_file import read_apps
    from patang.sandbox.faults.scenario import read_scenario
    from patang.sandbox.server import serve
    from patang.sandbox.settings import SandboxSettings

    if redirect_url is not None and not redirect_url.startswith(("http://", "https://")):
        raise InvalidValue(
            "--redirect-url", "it is no web address.", "Write http://127.0.0.1:5010/."
        )
    asked: dict[str, Any] = options.world_settings(world, fill_model)
    asked |= options.universe_settings(universe)
    if date is not None:
        asked["start_ns"] = options.start_of(date, of_tape="tape" in asked)
    if users is not None:
        asked["users"] = options.users_of(users)
    if apps is not None:
        asked["apps"] = read_apps(apps)
    if scenario is not None:
        asked["scenario"] = read_scenario(scenario)
    if tls or tls_folder is not None or tls_names is not None:
        asked["tls_folder"] = tls_folder or options.tls_folder()
    if tls_names is not None:
        asked["tls_names"] = tuple(name.strip() for name in tls_names.split(","))
    settings = SandboxSettings(
        port=port,
        control_port=control_port,
        seed=seed,
        speed=speed,
        ready_file=ready_file,
        redirect_url=redirect_url,
        rate_limits=rate_limits,
        login_choice=login_choice,
        **asked,
    )
    announce = print_json if output is Output.JSON else _print_ready
    await serve(settings, on_ready=announce, until_eof=until_eof)


def _print_ready(ready: "Ready") -> None:
    from rich.console import Console

    from patang.cli.sandbox_options import clock_in_words

    rows = {
        "REST": ready.root,
        "Ticker": ready.ws,
        "Control": ready.control,
        "Clock": clock_in_words(ready.clock.now_ns, ready.clock.speed),
        "Login": ready.login_url,
        "API key": ready.api_key,
        "API secret": ready.api_secret,
        **{f"Access token of {user.user_id}": user.access_token for user in ready.users},
    }
    if ready.certificate is not None:
        rows["Certificate"] = ready.certificate
    width = max(map(len, rows))
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Sandbox ready.[/] A pretend market: nothing here is real money.")
    for name, value in rows.items():  # never cropped: these are to be copied
        console.print(f"{name:{width}}  {value}", markup=False)
    console.print("A new login of a user ends the user's earlier token. Stop with Ctrl-C.")
