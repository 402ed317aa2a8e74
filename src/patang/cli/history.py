"""``patang history``: candles of the past."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from patang.cli.account import AccountOptions, opened
from patang.cli.listing import Cell, Column, Format, FormatOption, Kind, Listing, show
from patang.cli.output import whole_number
from patang.domain.instrument import parse_instrument_id
from patang.domain.market import NS_PER_SECOND
from patang.kite import SystemClock
from patang.rules.ist import IST

if TYPE_CHECKING:
    from patang.wire.candle_rows import Candle

_COLUMNS = (
    Column("timestamp", "Start (IST)"),
    Column("open", "Open", Kind.PRICE),
    Column("high", "High", Kind.PRICE),
    Column("low", "Low", Kind.PRICE),
    Column("close", "Close", Kind.PRICE),
    Column("volume", "Volume", Kind.QUANTITY),
)
_INTEREST = Column("oi", "Open interest", Kind.QUANTITY)
# Written out, for the command line to list them in Kite's spelling.
Candles = Literal[
    "minute", "3minute", "5minute", "10minute", "15minute", "30minute", "60minute", "day"
]
_STAMP = "%Y-%m-%d %H:%M:%S"


async def history(
    instrument: str,
    /,
    *,
    interval: Candles = "day",
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    days: Annotated[int, Parameter(converter=whole_number(1, 2_000))] = 30,
    continuous: Annotated[bool, Parameter(negative="")] = False,
    oi: Annotated[bool, Parameter(name="--oi", negative="")] = False,
    account: AccountOptions | None = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show candles of an instrument, oldest first, in one request.

    For example:

        patang history NSE:INFY

        patang history NSE:INFY --interval 15minute --days 5 -o csv

        patang history NSE:INFY --from 2026-11-02 --to "2026-11-06 15:30:00"

    Parameters
    ----------
    instrument
        EXCHANGE:SYMBOL.
    interval
        How long a candle is.
    from_
        First moment, IST: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS; by default --days before the last.
    to
        Last moment, IST; by default now.
    days
        How far back to go where --from is not given.
    continuous
        Join the day candles of expired futures.
    oi
        Open interest too.
    account
        The account to ask.
    output
        table, json as the server sent it, or csv.
    """
    name = parse_instrument_id(instrument)
    from patang.kite.instruments import KiteInstruments

    async with opened(account) as open_account:
        now_ns = SystemClock().now_ns() if open_account.now_ns is None else open_account.now_ns
        last = to or datetime.fromtimestamp(now_ns // NS_PER_SECOND, IST).strftime(_STAMP)
        candles = await open_account.kite.historical_data(
            await KiteInstruments(open_account.kite).token(name),
            from_ or _before(last, days),
            last,
            interval,
            continuous=continuous,
            oi=oi,
        )
        listing = Listing(
            title=f"{name} {interval}",
            columns=(*_COLUMNS, _INTEREST) if oi else _COLUMNS,
            rows=[_cells(candle, oi=oi) for candle in candles],
            document=candles.to_dict(),
            empty="No candles in that time.",
        )
        show(open_account, listing, output)


def _before(last: str, days: int) -> str | date:
    """The day that lies ``days`` before a moment; a moment of no form is left to the client."""
    try:
        return date.fromisoformat(last[:10]) - timedelta(days=days)
    except (ValueError, OverflowError):
        return last


def _cells(candle: "Candle", *, oi: bool) -> list[Cell]:
    cells: list[Cell] = [candle.timestamp.replace("T", " ")[:19]]
    cells += [
        Decimal(repr(price)) for price in (candle.open, candle.high, candle.low, candle.close)
    ]
    cells.append(candle.volume)
    return [*cells, candle.oi] if oi else cells
