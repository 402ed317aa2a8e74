"""Recovery: a run that was interrupted is taken up where its journal ends.

The whole journal is replayed without effects and every decision compared with the journaled one;
after that the node reads the broker's books before anything new is decided. What was on the wire
when the process ended is unresolved, never lost and never sent again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from patang.domain.errors import PatangError
from patang.domain.messages import RunStarted, decode_event, encode_commands
from patang.engine.engine import Engine
from patang.runtime.replay import first_difference
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS, EVENT
from patang.storage.journal import Journal, JournalError, Row, read_journal


class Recovered(NamedTuple):
    """A run as its journal left it, and the journal, ready for what comes next."""

    engine: Engine
    journal: Journal


def recover(path: Path | str) -> Recovered:
    """Take up the run of an unsealed journal; its lock is held from here on.

    Give both to a ``Node``: it reads the broker's books first.

    Raises:
        JournalLocked: another process trades this run.
        JournalCorrupt: a row is not what was written.
        JournalError: sealed or unreadable, or this version would have decided otherwise: then
            nothing is known of the state, and nothing may be traded on it.
        PatangError: the strategies cannot be loaded here.
    """
    path = Path(path)
    journal = Journal.open_for_append(path)
    try:
        return recovered(read_journal(path), journal)
    except BaseException:
        journal.close()
        raise


def recovered(rows: Iterable[Row], journal: Journal) -> Recovered:
    """The run that ``rows`` tell of, with its last decision journaled if a crash had cut it off.

    Raises:
        JournalError: the rows hold no run, or a decision is not the one that was journaled.
        PatangError: the strategies cannot be loaded here.
    """
    rebuilding = _Rebuilding(journal)
    for row in rows:
        rebuilding.take(row)
    return rebuilding.finish()


class _Rebuilding:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._engine: Engine | None = None
        self._decided: bytes | None = None

    def take(self, row: Row) -> None:
        if row.kind == EVENT:
            if self._decided is not None:
                raise self._stop(row, "the decision before it was not journaled.")
            self._process(row)
        elif row.kind == COMMANDS:
            decided, self._decided = self._decided, None
            if decided != row.payload:
                where = first_difference(row.payload, decided or b"[]")
                raise self._stop(row, where)

    def finish(self) -> Recovered:
        if self._engine is None:
            raise JournalError(
                self._journal.path, "the journal holds no run.", "Start a new one beside it."
            )
        if self._decided is not None:
            # The crash came between an event and what it led to. None of that has been sent:
            # sending waits until its row is durable.
            self._journal.append(COMMANDS, self._decided)
            self._journal.sync()
        return Recovered(self._engine, self._journal)

    def _process(self, row: Row) -> None:
        try:
            event = decode_event(row.payload)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise self._stop(row, f"it is no event: {error}") from error
        if self._engine is None:
            if not isinstance(event, RunStarted):
                raise self._stop(row, "a run begins with its specification.")
            self._engine = Engine(event.run, load_strategies(event.run.strategies))
        try:
            commands = self._engine.process(event)
        except PatangError as error:
            raise self._stop(row, f"the event cannot be processed: {error}") from error
        self._decided = encode_commands(commands) if commands else None

    def _stop(self, row: Row, what: str) -> JournalError:
        return JournalError(
            self._journal.path,
            f"row {row.sequence} cannot be taken up: {what}",
            "Replay the journal with the version and strategies that wrote it; close what is open "
            "by hand.",
        )
