"""The official Python client's calls beside ours, for the migration guide and its test."""

import inspect
from collections.abc import Iterator

from patang.kite import Kite

DIFFERENCES = {
    "basket_order_margins": "flags travel as `true`/`false`",
    "cancel_order": "`OrderOutcomeUnknown` when the answer is lost",
    "convert_position": "the same product twice is refused here",
    "delete_gtt": "`cancel_gtt` is the same call",
    "exit_order": "`OrderOutcomeUnknown` when the answer is lost",
    "generate_session": "`login_time` is text; tokens are left out of the repr",
    "historical_data": "dates with a zone are turned into IST; text is checked; each candle has"
    " `date` and `start_ns`; `to_dict()` gives the server's table",
    "instruments": "`Instrument` values that round prices and quantities; feeds that cannot be"
    " traded are left out; `instrument_columns` is faster still",
    "invalidate_access_token": "the client forgets the token it ended",
    "ltp": "split beyond 1,000 instruments and joined",
    "mf_instruments": "prices are exact",
    "modify_gtt": "as `place_gtt`",
    "modify_order": "as `place_order`; `validity_ttl` can be changed too",
    "ohlc": "split beyond 1,000 instruments and joined",
    "order_margins": "takes `mode='compact'` too; dicts or `MarginOrder`",
    "place_autoslice_order": "each slice's fate typed: `.placed`, `.refused`",
    "place_gtt": "checked before it is sent; legs keep `market_protection`, so MARKET works; dicts"
    " or `GttLeg`; `expires_at`",
    "place_order": "checked before it is sent (`InvalidValue` names the field); a lost answer"
    " raises `OrderOutcomeUnknown`; takes `autoslice` too",
    "quote": "split beyond 500 instruments and joined",
    "renew_access_token": "tokens are left out of the repr",
    "set_session_expiry_hook": "a coroutine function that returns the new token; awaited once,"
    " however many calls noticed",
}
"""What somebody who changes over has to know of a call, beyond ``await`` and typed rows."""


def official_calls() -> dict[str, list[str]]:
    """Every public method of the official client, with its parameters in order."""
    from kiteconnect import KiteConnect

    return {
        name: list(inspect.signature(method).parameters)[1:]
        for name, method in inspect.getmembers(KiteConnect, inspect.isfunction)
        if not name.startswith("_")
    }


def our_parameters(name: str) -> list[str]:
    """The parameters of our call of that name, in order."""
    return list(inspect.signature(getattr(Kite, name)).parameters)[1:]


def migration_table() -> Iterator[str]:
    """One row for each call of the official client."""
    yield "| Official call | Ours | Ours takes besides | Ours gives | Different |"
    yield "|---|---|---|---|---|"
    for name, theirs in official_calls().items():
        method = getattr(Kite, name)
        besides = [f"`{one}`" for one in our_parameters(name) if one not in theirs]
        wait = "await " if inspect.iscoroutinefunction(method) else ""
        yield (
            f"| `{name}({', '.join(theirs)})` | `{wait}kite.{name}` | {', '.join(besides)} "
            f"| {_gives(name)} | {DIFFERENCES.get(name, '')} |"
        )


def further_table() -> Iterator[str]:
    """One row for each of our calls that the official client does not have."""
    yield "| Ours only | What it does |"
    yield "|---|---|"
    theirs = official_calls()
    for name, method in inspect.getmembers(Kite, inspect.isfunction):
        if name.startswith("_") or name in theirs:
            continue
        parameters = ", ".join(our_parameters(name))
        summary = (inspect.getdoc(method) or "").partition("\n")[0]
        yield f"| `{name}({parameters})` | {summary} |"


def _gives(name: str) -> str:
    """The type of the result, without the rooms it comes from."""
    returned = inspect.signature(getattr(Kite, name)).return_annotation
    text = returned.__name__ if isinstance(returned, type) else str(returned)
    if hasattr(returned, "__args__"):
        text = str(returned)
    for part in sorted(set(text.replace("[", " ").replace("]", " ").replace(",", " ").split())):
        text = text.replace(part, part.rpartition(".")[2])
    return "nothing" if returned is None else f"`{text.replace('|', 'or')}`"
