"""Recorded ticks or bars from a file (CSV, Parquet), checked row by row.

Columns of ticks: ``time``, ``instrument``, ``last_price`` and, if there, ``last_quantity``,
``volume`` (the day's running total), ``oi``, ``previous_close``, and depth as ``bid_price_1``,
``bid_quantity_1``, ``ask_price_1``, ``ask_quantity_1`` up to 5. Columns of bars: ``time`` (the
start), ``instrument``, ``open``, ``high``, ``low``, ``close``, ``volume`` and, if there, ``oi`` and
``previous_close``. Times are ISO 8601, in IST where they name no zone, or whole nanoseconds UTC.
Other columns are left alone.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from patang.domain.errors import MissingExtra, PatangError
from patang.domain.instrument import Instrument, InstrumentId, parse_instrument_id
from patang.rules.ist import IST, IST_OFFSET_NS, ist_date
from patang.sandbox.tape_instruments import TapeInstruments
from patang.simulator.tape.fill_models import FillModelName
from patang.simulator.tape.recording import (
    Recording,
    Shown,
    TapeEvent,
    TickBar,
    bar_events,
    quoted_about,
)

DEPTH = 5
_TIME_NAMES = ("time", "time_ns", "date")
_BAR = ("open", "high", "low", "close", "volume")
_MOST = 1 << 62
_DIGITS = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TapeError(PatangError):
    """A tape that cannot be played: says which file, row and field.

    Rows are counted from 1, the header left out; ``row`` is None where it is about all of them.
    """

    def __init__(
        self, path: Path, row: int | None, field: str, cause: str, remedy: str = ""
    ) -> None:
        self.path = path
        self.row = row
        self.field = field
        where = f"{path}" if row is None else f"{path}, row {row}"
        super().__init__(f"{where}, {field}: {cause}", remedy)


class TapeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Which tape a world plays, and how users' orders meet it.

    ``instrument`` (``EXCHANGE:SYMBOL``) is what the rows are of where they do not say it.
    ``instruments`` is a dump as Kite's ``/instruments`` gives it, for ticks, lots and tokens;
    without one, shares are known by their symbol alone.
    """

    path: Path
    fill_model: FillModelName = FillModelName.QUOTE_BASED
    instrument: str | None = None
    instruments: Path | None = None


def read_tape(spec: TapeSpec) -> Recording:
    """The whole tape, checked.

    Raises:
        TapeError: the file cannot be read, or a row does not fit; names file, row and field.
        MissingExtra: Parquet without the extra ``data``.
    """
    return _Reading(spec).recording()


class _Row:
    """One row and where it stands; every method names the field when it does not fit."""

    def __init__(self, path: Path, number: int, cells: Mapping[str, Any]) -> None:
        self._path = path
        self._number = number
        self._cells = cells

    def fault(self, field: str, cause: str, remedy: str = "") -> TapeError:
        """What is wrong with a cell of this row."""
        return TapeError(self._path, self._number, field, cause, remedy)

    def text(self, field: str) -> str:
        """The cell as text, empty where there is none."""
        value = self._cells.get(field)
        return "" if value is None else str(value).strip()

    def price(self, field: str) -> Decimal:
        """A positive number of rupees."""
        text = self.text(field)
        try:
            # Floats of a Parquet file are meant by their shortest text.
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal("nan")
        if not (price.is_finite() and price > 0):
            raise self.fault(field, f"{text!r} is not a positive price.", "Write rupees.")
        return price

    def count(self, field: str, absent: int | None = None) -> int:
        """A whole number of zero or more; ``absent`` where the cell is empty."""
        text = self.text(field)
        if not text and absent is not None:
            return absent
        if text.isascii() and text.isdecimal() and len(text) < _DIGITS:
            return int(text)
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite() or number != int(number) or not 0 <= number < _MOST:
            raise self.fault(field, f"{text!r} is not a whole number of zero or more.")
        return int(number)

    def time_ns(self, field: str) -> int:
        """UTC nanoseconds."""
        value = self._cells.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        text = self.text(field)
        if text.isascii() and text.isdecimal() and len(text) > 12:
            return int(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self.fault(
                field, f"{text!r} is no time.", "Write 2026-11-19T09:15:00+05:30, or nanoseconds."
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=IST)
        since = moment - _EPOCH
        return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


class _Reading:
    """One pass over a tape."""

    def __init__(self, spec: TapeSpec) -> None:
        self._spec = spec
        self._path = spec.path
        self._known = TapeInstruments(spec.instruments)
        self._rows: dict[InstrumentId, list[_Row]] = {}
        self._times: dict[InstrumentId, list[int]] = {}
        self._time_field = ""

    def recording(self) -> Recording:
        columns, rows = _table(self._path)
        is_bars = self._check_columns(columns)
        for number, cells in enumerate(rows, 1):
            self._take(_Row(self._path, number, cells))
        if not self._rows:
            raise TapeError(self._path, None, "rows", "there are none.")
        instruments: list[Instrument] = []
        closes: dict[InstrumentId, Decimal] = {}
        events: dict[InstrumentId, tuple[TapeEvent, ...]] = {}
        for name, own in self._rows.items():
            prices = self._prices(own, is_bars=is_bars)
            instrument = self._instrument(name, own[0], prices)
            instruments.append(instrument)
            first = "open" if is_bars else "last_price"
            has_close = bool(own[0].text("previous_close"))
            closes[name] = own[0].price("previous_close" if has_close else first)
            times = self._times[name]
            if is_bars:
                events[name] = self._bars(instrument, own, times)
            else:
                events[name] = self._ticks(instrument, own, times, "bid_price_1" in columns)
        return Recording(instruments=tuple(instruments), previous_closes=closes, events=events)

    def _check_columns(self, columns: list[str]) -> bool:
        """Whether the rows are bars; raises ``TapeError`` for columns that are missing."""
        time_field = next((name for name in _TIME_NAMES if name in columns), None)
        if time_field is None:
            raise TapeError(
                self._path,
                None,
                "time",
                "there is no such column.",
                "Name the columns in the first line; docs/sandbox.md shows a tape.",
            )
        self._time_field = time_field
        if "instrument" not in columns and self._spec.instrument is None:
            raise TapeError(
                self._path,
                None,
                "instrument",
                "there is no such column.",
                "Say which instrument the tape is of, such as NSE:INFY.",
            )
        if "last_price" in columns:
            return False
        missing = next((name for name in _BAR if name not in columns), None)
        if missing is not None:
            raise TapeError(
                self._path,
                None,
                missing,
                "there is no such column.",
                "Ticks have last_price; bars have open, high, low, close and volume.",
            )
        return True

    def _take(self, row: _Row) -> None:
        text = row.text("instrument") or self._spec.instrument or ""
        try:
            name = parse_instrument_id(text)
        except ValueError as error:
            raise row.fault("instrument", str(error)) from error
        at_ns = row.time_ns(self._time_field)
        times = self._times.setdefault(name, [])
        if times and at_ns < times[-1]:
            raise row.fault(
                self._time_field, f"it is before that of the last row of {name}.", "Sort by time."
            )
        times.append(at_ns)
        self._rows.setdefault(name, []).append(row)

    def _prices(self, rows: list[_Row], *, is_bars: bool) -> list[Decimal]:
        """Every traded price, from which the tick may have to be guessed."""
        fields = ("open", "high", "low", "close") if is_bars else ("last_price",)
        return [row.price(field) for row in rows for field in fields]

    def _instrument(self, name: InstrumentId, row: _Row, prices: list[Decimal]) -> Instrument:
        try:
            return self._known.find(name, prices)
        except ValueError as error:
            raise row.fault("instrument", str(error)) from error

    def _bars(
        self, instrument: Instrument, rows: list[_Row], times: list[int]
    ) -> tuple[TapeEvent, ...]:
        steps = [after - before for before, after in pairwise(times)]
        length_ns = min(steps, default=60_000_000_000)
        events: list[TapeEvent] = []
        ticks_of = _Ticks(instrument)
        for row, start_ns, gap_ns in zip(rows, times, [*steps, length_ns], strict=True):
            if not gap_ns:
                raise row.fault(self._time_field, "two bars begin then.", "Keep one of them.")
            open_, high, low, close = (ticks_of.of(row, name) for name in _BAR[:4])
            if not low <= min(open_, close) <= max(open_, close) <= high:
                raise row.fault("high", "high and low do not enclose open and close.")
            oi = row.count("oi", absent=0) if row.text("oi") else None
            bar = TickBar(start_ns, open_, high, low, close, row.count("volume"), oi)
            events += bar_events(bar, length_ns)
        return tuple(events)

    def _ticks(
        self, instrument: Instrument, rows: list[_Row], times: list[int], has_depth: bool
    ) -> tuple[TapeEvent, ...]:
        events: list[TapeEvent] = []
        ticks_of = _Ticks(instrument)
        day, volume = None, 0
        for row, at_ns in zip(rows, times, strict=True):
            last = ticks_of.of(row, "last_price")
            quantity = row.count("last_quantity", absent=0)
            today = ist_date(at_ns)
            if row.text("volume"):
                total = row.count("volume")
                # What was traded before the tape begins belongs to nobody here.
                before = volume if day == today else (total - quantity if day is None else 0)
                if total < before:
                    raise row.fault("volume", f"the day's total falls from {before} to {total}.")
                traded, volume = total - before, total
            else:
                traded = quantity
            day = today
            bids, asks = quoted_about(last, quantity)
            if has_depth:
                bids, asks = _side(row, ticks_of, "bid"), _side(row, ticks_of, "ask")
            if bids and asks and bids[0][0] >= asks[0][0]:
                raise row.fault("bid_price_1", "the best bid is not below the best offer.")
            oi = row.count("oi") if row.text("oi") else None
            events.append(TapeEvent(at_ns, last, traded, bids, asks, oi))
        return tuple(events)


class _Ticks:
    """Prices of one instrument in ticks; each text is worked out once, as prices repeat."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._known: dict[str, int] = {}

    def of(self, row: _Row, field: str) -> int:
        """The ticks of a cell; raises ``TapeError`` for what is no price, or off the tick."""
        text = row.text(field)
        known = self._known.get(text)
        if known is not None:
            return known
        price, instrument = row.price(field), self._instrument
        if not instrument.is_on_tick(price):
            raise row.fault(
                field,
                f"{price} is not a multiple of the tick size {instrument.tick_size}"
                f" of {instrument.id}.",
            )
        ticks = self._known[text] = instrument.to_ticks(price)
        return ticks


def _side(row: _Row, ticks_of: _Ticks, side: str) -> Shown:
    levels: list[tuple[int, int]] = []
    for number in range(1, DEPTH + 1):
        quantity = row.count(f"{side}_quantity_{number}", absent=0)
        if not quantity:
            continue
        field = f"{side}_price_{number}"
        ticks = ticks_of.of(row, field)
        if levels and (ticks >= levels[-1][0] if side == "bid" else ticks <= levels[-1][0]):
            raise row.fault(field, "levels stand best first, each price once.")
        levels.append((ticks, quantity))
    return tuple(levels)


def _table(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """The names of the columns, and the rows."""
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.suffix == ".csv":
        return _csv(path)
    raise TapeError(path, None, "name", "it is neither .csv nor .parquet.")


def _csv(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    import csv

    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TapeError(path, None, "file", f"{error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise TapeError(path, None, "file", "it is not UTF-8 text.") from error
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        columns = list(reader.fieldnames or ())
        rows = list(reader)
    except csv.Error as error:
        raise TapeError(path, max(reader.line_num - 1, 1), "row", f"{error}.") from error
    for number, row in enumerate(rows, 1):
        # csv collects cells beyond the header under None, and gives None for those missing.
        if None in row or None in row.values():
            raise TapeError(
                path, number, "row", f"it does not have the {len(columns)} cells of the header."
            )
    return columns, iter(rows)


def _parquet(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingExtra("Reading a Parquet tape", "data") from error
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TapeError(path, None, "file", f"{error}.") from error
    for place, field in enumerate(table.schema):
        if not pa.types.is_timestamp(field.type):
            continue
        # Nanoseconds are more than Python's own times hold, so they come as whole numbers.
        zone = 0 if field.type.tz is not None else IST_OFFSET_NS
        stamps = table.column(place).cast(pa.timestamp("ns", field.type.tz)).cast(pa.int64())
        shifted = [None if one is None else one - zone for one in stamps.to_pylist()]
        table = table.set_column(place, field.name, pa.array(shifted, pa.int64()))
    rows = (row for batch in table.to_batches() for row in batch.to_pylist())
    return list(table.column_names), rows
