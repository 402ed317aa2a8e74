"""Our books held against the broker's own figures: every difference is explained, or alarmed."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from patang.domain.enums import Product
from patang.domain.instrument import InstrumentId
from patang.domain.messages import AccountRead, PositionFigures
from patang.engine.book import BookPosition
from patang.engine.portfolio import Portfolio

_PAISA = Decimal("0.01")
# A contract note rounds STT and stamp duty to whole rupees, per segment. Source: Zerodha, charges.
_NOTE_ROUNDING = Decimal(2)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that is not the broker's. Without an ``explanation`` somebody must look at it."""

    instrument: InstrumentId | None
    product: Product | None
    field: str
    ours: Decimal
    theirs: Decimal
    explanation: str = ""

    def __str__(self) -> str:
        where = "account" if self.instrument is None else f"{self.instrument} {self.product}"
        why = f" ({self.explanation})" if self.explanation else ""
        return f"{where} {self.field}: {self.ours} with us, {self.theirs} at the broker{why}."


def compare(books: Portfolio, account: AccountRead) -> list[Difference]:
    """What differs, by position in the broker's order, then ours alone, then the charges."""
    theirs = {(row.instrument, row.product): row for row in account.positions}
    found: list[Difference] = []
    for row in account.positions:
        found += _of_position(books, row, theirs.values())
    for position in books.positions():
        key = (position.instrument, position.product)
        if key not in theirs and position.quantity:
            found.append(_quantity(books, key, position.quantity, 0, theirs.values()))
    if account.charges is not None and account.charges != books.charges:
        gap = abs(account.charges - books.charges)
        why = ""
        if gap <= _NOTE_ROUNDING * _segments(books):
            why = "the contract note rounds STT and stamp duty to whole rupees"
        elif books.uncharged:
            why = f"{books.uncharged} trades of ours have no rates"
        found.append(
            Difference(
                instrument=None,
                product=None,
                field="charges",
                ours=books.charges,
                theirs=account.charges,
                explanation=why,
            )
        )
    return found


def _of_position(
    books: Portfolio, row: PositionFigures, rows: Iterable[PositionFigures]
) -> list[Difference]:
    key = (row.instrument, row.product)
    if not books.knows(row.instrument):
        why = "the instrument is not part of this run"
        return [_difference(key, "quantity", 0, row.quantity, why)] if row.quantity else []
    ours = books.position(*key)
    if ours is None:
        if not (row.quantity or row.buy_quantity or row.sell_quantity):
            return []
        return [_quantity(books, key, 0, row.quantity, rows)]
    if ours.quantity != row.quantity:
        return [_quantity(books, key, ours.quantity, row.quantity, rows)]
    found = _of_values(key, ours, row)
    if row.last_price is None:
        return found
    value, shift = ours.sell_value - ours.buy_value, row.sell_value - row.buy_value
    pnl = ours.pnl(row.last_price)
    if row.pnl is not None and abs(pnl - row.pnl) > _PAISA and abs(value - shift) <= _PAISA:
        found.append(_difference(key, "pnl", pnl, row.pnl))
    marked = books.marked(row.instrument)
    if marked is not None and marked != row.last_price and row.quantity:
        why = "another last price; at the broker's our profit is the same" if not found else ""
        found.append(_difference(key, "last_price", marked, row.last_price, why))
    return found


def _of_values(
    key: tuple[InstrumentId, Product], ours: BookPosition, row: PositionFigures
) -> list[Difference]:
    """What was bought and sold: rows of the broker are rounded to the paisa."""
    pairs = (
        ("buy_quantity", ours.buy_quantity, row.buy_quantity),
        ("sell_quantity", ours.sell_quantity, row.sell_quantity),
    )
    values = (
        ("buy_value", ours.buy_value, row.buy_value),
        ("sell_value", ours.sell_value, row.sell_value),
    )
    is_told = row.buy_quantity is not None and row.sell_quantity is not None
    bought = ours.buy_quantity - (row.buy_quantity or 0)
    shift = ours.buy_value - row.buy_value
    sold = ours.sell_quantity - (row.sell_quantity or 0)
    net = is_told and bought == sold and abs(shift - (ours.sell_value - row.sell_value)) <= _PAISA
    # As much on one side as on the other, at the same value: one of us nets what was closed.
    why = "closed units are counted on one side only; what is open is the same" if net else ""
    found = [_difference(key, name, a, b, why) for name, a, b in pairs if b is not None and a != b]
    found += [
        _difference(key, name, a, b, why if bought else "")
        for name, a, b in values
        if abs(a - b) > _PAISA
    ]
    return found


def _quantity(
    books: Portfolio,
    key: tuple[InstrumentId, Product],
    ours: int,
    theirs: int,
    rows: Iterable[PositionFigures],
) -> Difference:
    total = sum(row.quantity for row in rows if row.instrument == key[0])
    why = ""
    if total == books.held(key[0]):
        why = "all products together agree: a conversion that one side has not seen"
    return _difference(key, "quantity", ours, theirs, why)


def _difference(
    key: tuple[InstrumentId, Product],
    field: str,
    ours: Decimal | int,
    theirs: Decimal | int,
    why: str = "",
) -> Difference:
    return Difference(
        instrument=key[0],
        product=key[1],
        field=field,
        ours=Decimal(ours),
        theirs=Decimal(theirs),
        explanation=why,
    )


def _segments(books: Portfolio) -> int:
    return len({(p.instrument.partition(":")[0], p.product) for p in books.positions()})
