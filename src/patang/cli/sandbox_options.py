"""What the options of ``patang sandbox`` mean: texts into a sandbox's settings."""

from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue

if TYPE_CHECKING:
    from patang.sandbox.seeds import SandboxUser

TAPE_SUFFIXES = (".csv", ".parquet", ".pq")
OPENING = time(9, 20)
"""When a day begins where only its date is given: five minutes into continuous trading."""


def world_settings(world: str, fill_model: str | None) -> dict[str, Any]:
    """``--world``: the name of a kind of days, or a recorded tape, with its ``--fill-model``.

    Raises:
        InvalidValue: neither of them, or a fill model for days that have real books.
    """
    from patang.sandbox.tapes import TapeSpec
    from patang.simulator.tape.fill_models import FillModelName
    from patang.simulator.worlds.regimes import Regime

    models = [one.value for one in FillModelName]
    if fill_model is not None and fill_model not in models:
        raise InvalidValue("--fill-model", f"{fill_model!r} is none.", f"Use {_either(models)}.")
    if world in list(Regime):
        if fill_model is not None:
            raise InvalidValue(
                "--fill-model",
                "it is of a recorded tape; in the other worlds orders meet in books.",
                "Leave it out, or give --world the path of a tape.",
            )
        return {"regime": Regime(world)}
    path = Path(world)
    if path.suffix.lower() not in TAPE_SUFFIXES:
        names = _either([one.value for one in Regime])
        raise InvalidValue(
            "--world",
            f"{world!r} is neither a kind of world nor a recorded tape.",
            f"Use {names}, or the path of a .csv or .parquet file.",
        )
    if not path.is_file():
        raise InvalidValue("--world", f"there is no file {world}.", "Name a recorded tape.")
    model = FillModelName.QUOTE_BASED if fill_model is None else FillModelName(fill_model)
    return {"tape": TapeSpec(path=path, fill_model=model)}


def universe_settings(universe: str) -> dict[str, Any]:
    """``--universe``: how many rows to list, or an instruments dump.

    Raises:
        InvalidValue: neither a size that can be made nor a file.
    """
    from patang.simulator.worlds.generation import check_size

    if universe.isascii() and universe.isdecimal():
        check_size(int(universe))
        return {"universe": int(universe)}
    path = Path(universe)
    if not path.is_file():
        raise InvalidValue(
            "--universe",
            f"{universe!r} is neither a number nor a file.",
            "Give a number of instruments, or an instruments dump (.csv).",
        )
    return {"universe_file": path}


def start_of(text: str, *, of_tape: bool = False) -> int:
    """``--date``: a day, or a day and a time in India; nanoseconds UTC.

    A tape may be older than the calendar; a market that is made up lives by it.

    Raises:
        InvalidValue: no such date, or none that the calendar knows.
    """
    from patang.rules.calendar import Calendar, OutsideCalendar
    from patang.rules.ist import at_ist

    try:
        if len(text) == len("2026-11-19"):
            day, at = date.fromisoformat(text), OPENING
        else:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                raise ValueError("no zone is wanted")
            day, at = moment.date(), moment.time()
    except ValueError:
        raise InvalidValue(
            "--date",
            f"{text!r} is no date.",
            "Write 2026-11-19, or 2026-11-19T09:00:00 for a time in India.",
        ) from None
    try:
        if not of_tape:
            Calendar.load(Exchange.NSE).session(day)
    except OutsideCalendar as error:
        raise InvalidValue("--date", error.cause, error.remedy) from None
    return at_ist(day, at.hour, at.minute, at.second)


def clock_in_words(now_ns: int, speed: float) -> str:
    """What a world's clock shows and how fast it goes, for the eye.

    ``now_ns`` is in nanoseconds UTC, shown in India's time; ``speed`` is market seconds per second.
    """
    from patang.rules.calendar import Calendar, OutsideCalendar
    from patang.rules.ist import format_ist, ist_date

    day = ist_date(now_ns)
    try:
        trades = Calendar.load(Exchange.NSE).session(day) is not None
    except OutsideCalendar:
        trades = True  # a tape may be older than the calendar
    if speed == 0:
        pace = "standing still"
    elif speed == 1:
        pace = "at the pace of real time"
    else:
        pace = f"{speed:g} times real time"
    closed = "" if trades else " (no trading)"
    return f"{day:%A} {format_ist(now_ns)} IST{closed}, {pace}"


def users_of(text: str) -> "tuple[SandboxUser, ...]":
    """``--users``: ids with cash, or a file that also has holdings, positions and orders.

    Raises:
        InvalidValue: an id or an amount that is none.
        DocumentInvalid: a file that cannot be read.
    """
    from patang.sandbox.seeds import parse_users, read_users

    path = Path(text)
    if path.suffix in (".toml", ".json"):
        return read_users(path)
    try:
        return parse_users(text)
    except InvalidValue as error:
        raise InvalidValue(
            "--users", error.cause, "Write AB1234,CD5678=250000, or the path of a users.toml."
        ) from None


def tls_folder() -> Path:
    """Where the certificate stays when no folder is named."""
    import platformdirs

    return platformdirs.user_state_path("patang", appauthor=False) / "sandbox-tls"


def _either(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
