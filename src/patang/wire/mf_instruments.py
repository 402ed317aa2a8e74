"""The dump of mutual funds: sixteen columns of CSV, both ways. Source: Kite Connect v3, funds."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from patang.wire.errors import DataException

COLUMNS = (
    "tradingsymbol",
    "amc",
    "name",
    "purchase_allowed",
    "redemption_allowed",
    "minimum_purchase_amount",
    "purchase_amount_multiplier",
    "minimum_additional_purchase_amount",
    "minimum_redemption_quantity",
    "redemption_quantity_multiplier",
    "dividend_type",
    "scheme_type",
    "plan",
    "settlement_type",
    "last_price",
    "last_price_date",
)


class MfInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """One fund. ``tradingsymbol`` is its ISIN, amounts are rupees, quantities units.

    ``last_price_date`` is ISO ``YYYY-MM-DD``, empty where the dump has none.
    """

    tradingsymbol: str
    amc: str
    name: str
    purchase_allowed: bool
    redemption_allowed: bool
    minimum_purchase_amount: Decimal
    purchase_amount_multiplier: Decimal
    minimum_additional_purchase_amount: Decimal
    minimum_redemption_quantity: Decimal
    redemption_quantity_multiplier: Decimal
    dividend_type: str
    scheme_type: str
    plan: str
    settlement_type: str
    last_price: Decimal
    last_price_date: str

    def to_dict(self) -> dict[str, Any]:
        """The columns by name."""
        return msgspec.structs.asdict(self)


def encode_mf_instruments_csv(funds: Iterable[MfInstrument]) -> bytes:
    """The dump, header first; flags are 0 and 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for fund in funds:
        writer.writerow([_text(value) for value in msgspec.structs.astuple(fund)])
    return text.getvalue().encode()


def decode_mf_instruments_csv(body: bytes) -> list[MfInstrument]:
    """Read a dump.

    Raises:
        DataException: naming the row and column that cannot be read.
    """
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8"), newline=""), strict=True)
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise DataException(f"mf instruments, header: expected {','.join(COLUMNS)}.")
        return [_fund(cells, reader.line_num) for cells in reader if cells]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataException(f"mf instruments: not CSV: {error}.") from error


def _fund(cells: list[str], line: int) -> MfInstrument:
    if len(cells) != len(COLUMNS):
        cause = f"{len(cells)} columns instead of {len(COLUMNS)}"
        raise DataException(f"mf instruments, line {line}: {cause}.")
    values: dict[str, Any] = {}
    for name, cell in zip(COLUMNS, cells, strict=True):
        try:
            values[name] = _READERS.get(name, str)(cell)
        except (ValueError, KeyError, InvalidOperation) as error:
            cause = f"{name}: cannot read {cell!r}"
            raise DataException(f"mf instruments, line {line}: {cause}.") from error
    return MfInstrument(**values)


def _number(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _date(text: str) -> str:
    return text and date.fromisoformat(text).isoformat()


def _text(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case Decimal():
            text = f"{value:f}"
            return text if "." in text else f"{text}.0"
        case _:
            return value


_FLAGS = {"0": False, "1": True}
_READERS: dict[str, Callable[[str], Any]] = {
    "purchase_allowed": _FLAGS.__getitem__,
    "redemption_allowed": _FLAGS.__getitem__,
    "minimum_purchase_amount": _number,
    "purchase_amount_multiplier": _number,
    "minimum_additional_purchase_amount": _number,
    "minimum_redemption_quantity": _number,
    "redemption_quantity_multiplier": _number,
    "last_price": _number,
    "last_price_date": _date,
}
