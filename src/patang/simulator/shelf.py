"""The venues of a floor: those that are open, and those that will open when somebody needs them.

A book with its agents is costly, so a large market prices most instruments without one: its
*backdrop*. An instrument's book opens on its first order, in the state the backdrop shows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator.quote import Quote
from patang.simulator.venue import Venue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Backdrop(Protocol):
    """Prices of what has no book of its own. Times are UTC nanoseconds."""

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Everything listed, with a book or without."""

    @property
    def books(self) -> "NDArray[np.bool_]":
        """By row: whether the instrument has a book; its prices are the book's then."""

    @property
    def close_ticks(self) -> "NDArray[np.int64]":
        """By row: the last session's close, in ticks; another array each day."""

    def find(self, instrument: InstrumentId) -> Instrument | None:
        """A listed instrument."""

    def row(self, instrument: InstrumentId) -> int | None:
        """Where an instrument stands in the columns; None for one that is not listed."""

    def row_of(self, token: int) -> int | None:
        """The row of a token; None for one that is not listed."""

    def quote(self, instrument: InstrumentId, at_ns: int) -> Quote:
        """The full quote of a listed instrument without a book."""

    def last_price(self, instrument: InstrumentId, at_ns: int) -> Decimal:
        """Its last price, rupees; the previous close before the first trade."""

    def previous_close(self, instrument: InstrumentId) -> Decimal:
        """The last session's close, rupees, of anything listed."""

    def columns(self, rows: "NDArray[np.int64]", at_ns: int) -> "NDArray[Any]":
        """Quotes of rows without a book, as ``patang.wire.tick_columns.COLUMNS``."""

    def step(self, at_ns: int) -> int:
        """The number of the quarter second; rows without a book change with it."""

    def open(self, instrument: Instrument, at_ns: int) -> Venue:
        """A venue in the state that the backdrop shows, its book still empty."""

    def people(self, venue: Venue, at_ns: int) -> None:
        """Let agents quote on a venue that was just opened."""


class Venues(Mapping[InstrumentId, Venue]):
    """Looking up a listed instrument opens its venue; going through shows the open ones only.

    ``on_open`` is called with each venue that opens later, before its agents quote.
    """

    def __init__(
        self,
        venues: Iterable[Venue],
        backdrop: Backdrop | None = None,
        now_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.on_open: list[Callable[[Venue], None]] = []
        self._open: dict[InstrumentId, Venue] = {one.instrument.id: one for one in venues}
        self._backdrop = backdrop
        self._now_ns = now_ns

    def __getitem__(self, instrument: InstrumentId) -> Venue:
        venue = self._open.get(instrument)
        if venue is not None:
            return venue
        backdrop = self._backdrop
        listed = None if backdrop is None else backdrop.find(instrument)
        if backdrop is None or listed is None:
            raise KeyError(instrument)
        now_ns = self._now_ns()
        venue = self._open[instrument] = backdrop.open(listed, now_ns)
        for hook in self.on_open:
            hook(venue)
        backdrop.people(venue, now_ns)
        return venue

    def __contains__(self, instrument: object) -> bool:
        if instrument in self._open:
            return True
        backdrop = self._backdrop
        return backdrop is not None and backdrop.find(instrument) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[InstrumentId]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def values(self) -> ValuesView[Venue]:
        """The open venues."""
        return self._open.values()

    def retire(self, on: date) -> None:
        """Close the venues of contracts that ended before a day."""
        today = on.isoformat()
        for name, venue in list(self._open.items()):
            if (venue.instrument.expiry or today) < today:
                del self._open[name]

    def peek(self, instrument: InstrumentId) -> Venue | None:
        """The venue if it is open."""
        return self._open.get(instrument)
