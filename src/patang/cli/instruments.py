"""``patang instruments``: from what a person types to what the exchange lists."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import Cell, Column, Format, FormatOption, Kind, Listing, show
from patang.cli.output import whole_number
from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue

if TYPE_CHECKING:
    from patang.kite.search import Match

LIMIT_MAX = 1_000
_COLUMNS = (
    Column("instrument", "Instrument"),
    Column("name", "Name", is_minor=True),
    Column("instrument_type", "Type"),
    Column("expiry", "Expiry"),
    Column("strike", "Strike", Kind.PRICE),
    Column("lot_size", "Lot", Kind.QUANTITY),
    Column("tick_size", "Tick", Kind.PRICE, is_minor=True),
    Column("token", "Token", is_minor=True),
    Column("found", "Found as", is_minor=True),
)

app = App(
    name="instruments", help="Find what the exchanges list; needs a session.", version_flags=[]
)


@app.command
async def search(
    *query: str,
    exchange: Exchange | None = None,
    limit: Annotated[int, Parameter(converter=whole_number(1, LIMIT_MAX))] = 20,
    account: AccountOptions | None = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Find instruments by symbol, name or the terms of a contract; misspellings too.

    The day's list is fetched once and, for a live account, kept for the day.

    For example:

        patang instruments search infy --exchange NSE

        patang instruments search nifty 26dec 25000 ce

        patang instruments search relaince -o json

    Parameters
    ----------
    query
        What to look for: words in any order.
    exchange
        Only this exchange.
    limit
        At most so many, from 1 to 1000.
    account
        The account to ask.
    output
        table, json or csv.
    """
    if not query:
        raise InvalidValue("query", "none given.", "Write for example infy.")
    from patang.kite.instruments import KiteInstruments

    async with opened(account) as open_account:
        instruments = KiteInstruments(open_account.kite)
        matches = await instruments.search_instruments(" ".join(query), exchange, limit=limit)
        listing = Listing(
            title="Instruments",
            columns=_COLUMNS,
            rows=[_cells(match) for match in matches],
            document=[_document(match) for match in matches],
            empty="Nothing is like that.",
        )
        show(open_account, listing, output)


def _cells(match: "Match") -> tuple[Cell, ...]:
    found = match.instrument
    return (
        found.id,
        found.name,
        found.instrument_type.value,
        found.expiry,
        found.strike,
        found.lot_size,
        found.tick_size,
        str(found.token),
        match.found.name.lower(),
    )


def _document(match: "Match") -> dict[str, Any]:
    import msgspec

    fields = msgspec.to_builtins(match.instrument)
    return {"instrument": match.instrument.id, **fields, "found": match.found.name.lower()}
