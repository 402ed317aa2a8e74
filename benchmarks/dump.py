"""A made-up instruments dump of the size and mixture of a real one; the same at every run."""

from datetime import date, timedelta
from functools import cache

from patang.wire.instruments import COLUMNS

ROWS = 120_000

_UNDERLYINGS = 220
_EXPIRIES = [(date(2026, 1, 6) + timedelta(days=7 * week)).isoformat() for week in range(18)]


@cache
def dump() -> bytes:
    """The CSV: shares, quoted names among them, an index in a hundred, futures and options."""
    lines = [",".join(COLUMNS)]
    lines += [_line(number) for number in range(ROWS)]
    return ("\n".join(lines) + "\n").encode()


def _line(number: int) -> str:
    place = 1001 + number
    if number < 9_000:
        if number % 100 == 0:
            return (
                f"{place * 256 + 9},{place},INDEX {number},INDEX {number},0,,0,0,0,EQ,INDICES,NSE"
            )
        name = f'"SHARE {number}, LIMITED"' if number % 500 == 1 else f"SHARE {number} LIMITED"
        return f"{place * 256 + 1},{place},SHARE{number},{name},0.0,,0,0.05,1,EQ,NSE,NSE"
    if number < 20_000:
        return f"{place * 256 + 4},{place},S{number},SHARE {number} LTD.,0.0,,0,0.05,1,EQ,BSE,BSE"
    name = f"NAME{number % _UNDERLYINGS}"
    expiry = _EXPIRIES[number // _UNDERLYINGS % len(_EXPIRIES)]
    terms = expiry[2:].replace("-", "")
    if number < 21_000:
        symbol, kind, strike = f"{name}{terms}FUT", "FUT", 0
    else:
        strike = 100 + number % 1_600 * 50
        symbol, kind = f"{name}{terms}{strike}CE", "CE"
    last_price = f"{number % 9_973 / 20:.2f}"
    segment = "NFO-FUT" if kind == "FUT" else "NFO-OPT"
    return (
        f"{place * 256 + 2},{place},{symbol},{name},{last_price},{expiry},{strike},0.05,75,"
        f"{kind},{segment},NFO"
    )
