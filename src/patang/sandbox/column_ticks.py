"""The ticks of one connection that come by the column: thousands of instruments without a book."""

from typing import TYPE_CHECKING, Any, Protocol

from patang.domain.market import NS_PER_SECOND
from patang.wire.ticks import TickMode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# However fast the virtual clock runs, a full connection is sent no more than 36,000 ticks a second:
# what no client reads in time would only pile up.
REST_NS = NS_PER_SECOND // 12


class Columns(Protocol):
    """Instruments whose state is worked out for many at once; each has a row number."""

    @property
    def books(self) -> "NDArray[np.bool_]":
        """By row: whether the instrument has become a book, and is no longer known here."""

    def row_of(self, token: int) -> int | None:
        """The row of a token; None for one that is not known here."""

    def columns(self, rows: "NDArray[np.int64]", at_ns: int) -> "NDArray[Any]":
        """The rows' newest state at a UTC instant, as ``wire.tick_columns.COLUMNS``."""


class _Group:
    """The rows that are pushed in one mode."""

    def __init__(self, mode: TickMode, tokens: list[int], rows: list[int]) -> None:
        import numpy as np

        from patang.wire.tick_columns import COLUMNS

        self.mode = mode
        self.tokens = tokens
        self.rows = np.asarray(rows, np.int64)
        self.sent = np.zeros(len(rows), COLUMNS)
        self.is_new = np.ones(len(rows), np.bool_)
        self.sent_ns = (0, 0)

    def adopt(self, before: "_Group") -> None:
        """Take over what was sent while the group had other members."""
        places = {token: place for place, token in enumerate(before.tokens)}
        for place, token in enumerate(self.tokens):
            old = places.get(token)
            if old is not None:
                self.sent[place] = before.sent[old]
                self.is_new[place] = before.is_new[old]
        self.sent_ns = before.sent_ns


class ColumnTicks:
    """Which rows one connection listens to, and the bytes that are due.

    Like the packets of the books, ticks are pushed on change, the newest state only, and each
    token at most once in ``interval_ns``; a token that was just subscribed is pushed at once.
    """

    def __init__(self, source: Columns, interval_ns: int) -> None:
        self._source = source
        self._interval_ns = interval_ns
        self._wanted: dict[int, tuple[int, TickMode]] = {}
        self._groups: dict[TickMode, _Group] = {}
        self._anew: set[int] = set()
        self._is_settled = True

    def __contains__(self, token: int) -> bool:
        return token in self._wanted

    def __len__(self) -> int:
        return len(self._wanted)

    def subscribe(self, token: int, mode: TickMode) -> bool:
        """Listen to a token in ``mode``; False when it is none of the rows."""
        row = self._source.row_of(token)
        if row is None or self._source.books[row]:
            return False
        self._wanted[token] = (row, mode)
        self._anew.add(token)
        self._is_settled = False
        return True

    def forget(self, token: int) -> None:
        """Stop listening to a token."""
        if self._wanted.pop(token, None) is not None:
            self._is_settled = False

    def take_books(self) -> list[int]:
        """Tokens that have become books since the last call; they are forgotten here."""
        books = self._source.books
        moved: list[int] = []
        for group in self._settled():
            is_book = books[group.rows]
            if is_book.any():
                moved += [group.tokens[place] for place in is_book.nonzero()[0]]
        for token in moved:
            self.forget(token)
        return moved

    def take(self, now_ns: int, real_ns: int) -> tuple[int, list[bytes]]:
        """How many packets are due, and their bytes; virtual and the machine's time."""
        from patang.wire.tick_columns import encode_columns

        count, bodies = 0, []
        for group in self._settled():
            passed_ns = now_ns - group.sent_ns[0], real_ns - group.sent_ns[1]
            is_turn = max(passed_ns) >= self._interval_ns and passed_ns[1] >= REST_NS
            is_turn = is_turn or bool(group.is_new.all())
            if not is_turn and not group.is_new.any():
                continue
            fresh = self._source.columns(group.rows, now_ns)
            due = group.is_new.copy()
            if is_turn:
                due |= _is_news(fresh, group.sent, group.mode)
                group.sent_ns = (now_ns, real_ns)
            group.is_new[:] = False
            if due.all():
                group.sent = fresh
            else:
                group.sent[due] = fresh[due]
                fresh = fresh[due]
            if len(fresh):
                count += len(fresh)
                bodies.append(encode_columns(fresh, group.mode))
        return count, bodies

    def _settled(self) -> list[_Group]:
        """The groups, made anew where subscriptions changed."""
        if not self._is_settled:
            before, self._groups = self._groups, {}
            for mode in TickMode:
                chosen = [(t, row) for t, (row, wanted) in self._wanted.items() if wanted is mode]
                if not chosen:
                    continue
                group = _Group(mode, [t for t, _ in chosen], [row for _, row in chosen])
                if mode in before:
                    group.adopt(before[mode])
                for place, token in enumerate(group.tokens):
                    if token in self._anew:
                        group.is_new[place] = True
                self._groups[mode] = group
            self._anew.clear()
            self._is_settled = True
        return list(self._groups.values())


def _is_news(fresh: "NDArray[Any]", sent: "NDArray[Any]", mode: TickMode) -> "NDArray[np.bool_]":
    """Which rows say something new. In ltp mode only a new price counts.

    Source: Zerodha staff, developer forum.
    """
    if mode is TickMode.LTP:
        is_new: NDArray[np.bool_] = fresh["last_price"] != sent["last_price"]
        return is_new
    # Whole rows are compared as bytes; the time of the packet alone is no news.
    known = sent.copy()
    known["exchange_timestamp"] = fresh["exchange_timestamp"]
    width = fresh.dtype.itemsize
    differs = fresh.view("u1").reshape(-1, width) != known.view("u1").reshape(-1, width)
    any_differs: NDArray[np.bool_] = differs.any(axis=1)
    return any_differs
