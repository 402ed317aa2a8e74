"""A journal as entries to look at: every event and every command, with its time and its row.

The rows say what happened in bytes; an entry says it in the engine's own words. What this release
cannot decode stays an entry, with the reason, so that nothing is skipped in silence.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import msgspec

from patang.domain.messages import AnyCommand, AnyEvent, decode_commands, decode_event
from patang.runtime.turns import COMMANDS, EVENT
from patang.storage.journal import SEAL, Row, Seal, read_journal

KINDS: tuple[str, ...] = tuple(
    sorted([*(str(each.__struct_config__.tag) for each in get_args(AnyEvent | AnyCommand)), SEAL])
)
"""Every kind an entry can have, besides those of rows that cannot be read."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event, one command, a seal, or a row that cannot be read.

    ``kind`` is the message's tag (``order_accepted``); ``at_ns`` is the time of the event, or of
    the event that led to the command (UTC ns, None before the first). ``problem`` says why
    ``message`` is None.
    """

    sequence: int
    kind: str
    at_ns: int | None
    message: AnyEvent | AnyCommand | Seal | None
    problem: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to show: all that match everything given. Times are UTC ns, both included."""

    kinds: frozenset[str] = frozenset()
    from_ns: int | None = None
    to_ns: int | None = None
    names: frozenset[str] = frozenset()

    def takes(self, entry: Entry) -> bool:
        """Whether the entry is one of them."""
        if self.kinds and entry.kind not in self.kinds:
            return False
        if self.from_ns is not None and (entry.at_ns is None or entry.at_ns < self.from_ns):
            return False
        if self.to_ns is not None and (entry.at_ns is None or entry.at_ns > self.to_ns):
            return False
        return not self.names or not self.names.isdisjoint(names_of(entry.message))


def read_entries(path: Path) -> Iterator[Entry]:
    """Every entry of a journal in order, each row checked against the chain first.

    Raises:
        JournalCorrupt: at the first row that is not what was written.
        JournalError: the file cannot be read.
    """
    return entries_of(read_journal(path))


def entries_of(rows: Iterable[Row]) -> Iterator[Entry]:
    """The entries that rows hold."""
    at_ns: int | None = None
    for row in rows:
        try:
            messages = _messages(row)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeError) as error:
            yield Entry(
                sequence=row.sequence,
                kind=row.kind,
                at_ns=at_ns,
                message=None,
                problem=f"row {row.sequence} is no {row.kind} that this release knows: {error}",
            )
            continue
        if messages is None:
            yield Entry(
                sequence=row.sequence,
                kind=row.kind,
                at_ns=at_ns,
                message=None,
                problem=f"row {row.sequence} has a kind that this release does not know.",
            )
            continue
        if row.kind == EVENT:
            at_ns = getattr(messages[0], "at_ns", at_ns)
        for message in messages:
            yield Entry(sequence=row.sequence, kind=kind_of(message), at_ns=at_ns, message=message)


def kind_of(message: AnyEvent | AnyCommand | Seal) -> str:
    """The tag a message is journaled under."""
    if isinstance(message, Seal):
        return SEAL
    return str(message.__struct_config__.tag)


def names_of(message: object) -> set[str]:
    """Every name by which a message speaks of an order: intent id, tag, order id."""
    found: set[str] = set()
    for part in (message, getattr(message, "intent", None), getattr(message, "fill", None)):
        for field in ("intent_id", "tag", "order_id"):
            name = getattr(part, field, None)
            if isinstance(name, str):
                found.add(name)
    return found


def all_names(entries: Iterable[Entry], name: str) -> frozenset[str]:
    """Every name of the order that ``name`` is one of; none when nothing speaks of it."""
    # An order learns its names one by one, and news may come before the reply that names it.
    groups: dict[str, set[str]] = {}
    for entry in entries:
        spoken = names_of(entry.message)
        if not spoken:
            continue
        joined = set(spoken)
        for one in spoken:
            joined |= groups.get(one, set())
        for one in joined:
            groups[one] = joined
    return frozenset(groups.get(name, ()))


def _messages(row: Row) -> tuple[AnyEvent | AnyCommand | Seal, ...] | None:
    """What a row says; None for a kind that nobody here writes."""
    if row.kind == EVENT:
        return (decode_event(row.payload),)
    if row.kind == COMMANDS:
        return decode_commands(row.payload)
    if row.kind == SEAL:
        return (msgspec.json.decode(row.payload, type=Seal),)
    return None
