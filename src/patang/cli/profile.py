"""``patang profile``: the accounts that commands can speak to."""

from typing import Annotated

from cyclopts import App, Parameter

from patang.cli.listing import badge, people_console
from patang.cli.output import Output, OutputOption, print_json, whole_number
from patang.config.environment import read_environment
from patang.config.errors import first_failure
from patang.config.profile import DEFAULT_REDIRECT_PORT, Profile
from patang.config.profiles import PROFILES_FILE, add_profile, read_profiles
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue

app = App(name="profile", help="The accounts that commands can speak to.", version_flags=[])


@app.command
def add(
    name: str,
    /,
    *,
    api_key: str,
    mode: Mode,
    root: str | None = None,
    redirect_port: Annotated[
        int, Parameter(converter=whole_number(1, 65_535))
    ] = DEFAULT_REDIRECT_PORT,
) -> None:
    """Add a profile. It holds no secret; `patang login` asks for that.

    For example:

        patang profile add home --mode live --api-key abcd1234

        patang profile add toy --mode sandbox --api-key abcd --root http://127.0.0.1:8000

    Parameters
    ----------
    name
        At most 40 letters, digits, '-' and '_'.
    api_key
        The key of the app, from Zerodha's developer console or the sandbox.
    mode
        live or sandbox. It must agree with the address.
    root
        The address of a sandbox; live needs none.
    redirect_port
        The port of 127.0.0.1 in the app's registered redirect URL.
    """
    from pydantic import ValidationError

    if mode not in (Mode.LIVE, Mode.SANDBOX):
        raise InvalidValue("--mode", f"a profile cannot be {mode}.", "Choose live or sandbox.")
    fields = {"mode": mode.value, "api_key": api_key, "redirect_port": redirect_port}
    if root is not None:
        fields["root"] = root
    try:
        profile = Profile.model_validate(fields)
    except ValidationError as error:
        raise first_failure(error, "the command line") from None
    path = add_profile(read_environment().config_folder, name, profile)
    console = people_console()
    console.print(badge(profile.mode), f"Profile {name} is in {path}.", markup=False)
    console.print(f"Next: patang login --profile {name}")


@app.command(name="list")
def list_(*, output: OutputOption = Output.TABLE) -> None:
    """List the profiles and their modes; the one that is used by default is marked.

    For example:

        patang profile list

        patang profile list -o json

    Parameters
    ----------
    output
        json prints one document.
    """
    folder = read_environment().config_folder
    found = read_profiles(folder)
    default = found.profile or (next(iter(found.profiles)) if len(found.profiles) == 1 else None)
    if output is Output.JSON:
        profiles = {name: each.model_dump(mode="json") for name, each in found.profiles.items()}
        print_json({"default": default, "profiles": profiles})
        return
    from rich.table import Table
    from rich.text import Text

    console = people_console()
    if not found.profiles:
        console.print(f"There are no profiles in {folder / PROFILES_FILE}.", markup=False)
        return
    table = Table.grid(padding=(0, 2))
    for name, profile in sorted(found.profiles.items()):
        mark = "*" if name == default else " "
        table.add_row(mark, name, badge(profile.mode), Text(profile.root))
    console.print(table)
