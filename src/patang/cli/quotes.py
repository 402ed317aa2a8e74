"""``patang quote`` and ``patang ohlc``: what the market says now."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import Column, Format, FormatOption, Kind, Listing, percent, show
from patang.domain.errors import InvalidValue
from patang.domain.instrument import parse_instrument_id

if TYPE_CHECKING:
    from patang.wire.rows import DepthEntry, OhlcRow, QuoteRow

Row = TypeVar("Row")

_MOVE = (
    Column("instrument", "Instrument"),
    Column("last_price", "Last", Kind.PRICE),
    Column("change", "Change", Kind.CHANGE),
    Column("change_percent", "%", Kind.PERCENT),
)
_RANGE = (
    Column("open", "Open", Kind.PRICE, is_minor=True),
    Column("high", "High", Kind.PRICE, is_minor=True),
    Column("low", "Low", Kind.PRICE, is_minor=True),
    Column("close", "Prev. close", Kind.PRICE, is_minor=True),
)
_BOOK = (
    Column("bid", "Bid", Kind.PRICE),
    Column("bid_quantity", "Qty", Kind.QUANTITY, is_minor=True),
    Column("ask", "Ask", Kind.PRICE),
    Column("ask_quantity", "Qty", Kind.QUANTITY, is_minor=True),
    Column("volume", "Volume", Kind.QUANTITY),
    Column("timestamp", "Time (IST)", is_minor=True),
)


async def quote(
    *instruments: str, account: AccountOptions | None = None, output: FormatOption = Format.TABLE
) -> None:
    """Show price, change, best bid and ask, and volume of instruments.

    For example:

        patang quote NSE:INFY

        patang quote NSE:INFY "NSE:NIFTY 50" -o json

        patang quote NSE:TCS --sandbox ready.json

    Parameters
    ----------
    instruments
        EXCHANGE:SYMBOL, one or more.
    account
        The account to ask.
    output
        table, json or csv.
    """
    keys = checked_keys(instruments)
    async with opened(account) as open_account:
        quotes = await open_account.kite.quote(keys)
        named = in_order(keys, quotes)
        rows = [
            (*_move(key, row), *_range(row), *_touch(row), row.volume, row.timestamp)
            for key, row in named
        ]
        listing = Listing(
            title="Quotes",
            columns=(*_MOVE, *_RANGE, *_BOOK),
            rows=rows,
            document={key: row.to_dict() for key, row in named},
        )
        show(open_account, listing, output)


async def ohlc(
    *instruments: str, account: AccountOptions | None = None, output: FormatOption = Format.TABLE
) -> None:
    """Show the day's open, high and low, the last price, and the previous close.

    For example:

        patang ohlc NSE:INFY NSE:TCS

        patang ohlc NSE:INFY -o csv

    Parameters
    ----------
    instruments
        EXCHANGE:SYMBOL, one or more.
    account
        The account to ask.
    output
        table, json or csv.
    """
    keys = checked_keys(instruments)
    async with opened(account) as open_account:
        named = in_order(keys, await open_account.kite.ohlc(keys))
        listing = Listing(
            title="OHLC",
            columns=(*_MOVE, *_RANGE),
            rows=[(*_move(key, row), *_range(row)) for key, row in named],
            document={key: row.to_dict() for key, row in named},
        )
        show(open_account, listing, output)


def checked_keys(instruments: tuple[str, ...]) -> list[str]:
    """``EXCHANGE:SYMBOL`` keys; raises ``InvalidValue``."""
    if not instruments:
        raise InvalidValue("instruments", "none given.", "Write for example NSE:INFY.")
    return [parse_instrument_id(text) for text in instruments]


def in_order(keys: Iterable[str], found: dict[str, Row]) -> list[tuple[str, Row]]:
    """The rows in the order they were asked for; an unknown instrument raises."""
    absent = [key for key in keys if key not in found]
    if absent:
        raise InvalidValue(
            "instruments",
            f"Kite has no quote for {', '.join(absent)}.",
            "Find the symbol with `patang instruments search`.",
        )
    return [(key, found[key]) for key in dict.fromkeys(keys)]


def _move(key: str, row: "OhlcRow | QuoteRow") -> tuple[str, Decimal, Decimal, Decimal | None]:
    # The server is known to send 0 as net change, so it is computed.
    change = row.last_price - row.ohlc.close if row.ohlc.close else Decimal(0)
    return key, row.last_price, change, percent(change, row.ohlc.close)


def _range(row: "OhlcRow | QuoteRow") -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return row.ohlc.open, row.ohlc.high, row.ohlc.low, row.ohlc.close


def _touch(row: "QuoteRow") -> tuple[Decimal | None, int | None, Decimal | None, int | None]:
    from msgspec import UNSET

    if row.depth is UNSET:  # an index has no book
        return None, None, None, None
    return (*_best(row.depth.buy), *_best(row.depth.sell))


def _best(levels: "list[DepthEntry]") -> tuple[Decimal | None, int | None]:
    if not levels or not levels[0].quantity:
        return None, None
    return levels[0].price, levels[0].quantity
