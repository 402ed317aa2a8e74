"""Recovery: a run that was interrupted is taken up where its journal ends.

The journal is replayed without effects, from the newest snapshot where it can be used and else from
its first row, and every decision is compared with the journaled one; after that the node reads the
broker's books before anything new is decided. What was on the wire when the process ended is
unresolved, never lost and never sent again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from patang.domain.errors import PatangError
from patang.domain.messages import AnyEvent, RunStarted, decode_event, encode_commands
from patang.engine.engine import Engine
from patang.runtime.object_graph import NotKeepable
from patang.runtime.replay import first_difference
from patang.runtime.snapshots import restore_engine
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS, EVENT
from patang.storage.journal import (
    Fault,
    Journal,
    JournalCorrupt,
    JournalError,
    Row,
    read_journal,
)
from patang.storage.snapshot_file import Snapshot, read_snapshot


class Recovered(NamedTuple):
    """A run as its journal left it, and the journal, ready for what comes next.

    ``snapshot_sequence`` is the row whose snapshot the replay began with, 0 for none;
    ``snapshot_problem`` says why one that is there was of no use.
    """

    engine: Engine
    journal: Journal
    snapshot_sequence: int = 0
    snapshot_problem: str | None = None


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
        return _from_snapshot_or_start(path, journal)
    except BaseException:
        journal.close()
        raise


def recovered(rows: Iterable[Row], journal: Journal, snapshot: Snapshot | None = None) -> Recovered:
    """The run that ``rows`` tell of, with its last decision journaled if a crash had cut it off.

    Rows that ``snapshot`` stands for are not processed again.

    Raises:
        NotKeepable: the snapshot cannot be used; without it the rows may be sound.
        JournalError: the rows hold no run, or a decision is not the one that was journaled.
        PatangError: the strategies cannot be loaded here.
    """
    rebuilding = _Rebuilding(journal, snapshot)
    for row in rows:
        rebuilding.take(row)
    return rebuilding.finish()


def _from_snapshot_or_start(path: Path, journal: Journal) -> Recovered:
    try:
        snapshot = read_snapshot(path)
        if snapshot is None:
            return recovered(read_journal(path), journal)
        _check_is_of(snapshot, path, journal)
        return recovered(read_journal(path), journal, snapshot)
    except JournalCorrupt:
        raise
    except (NotKeepable, JournalError) as error:
        problem = error
    # Its tail may have failed for a reason that the rows before it explain: they decide.
    whole = recovered(read_journal(path), journal)
    return whole._replace(snapshot_problem=str(problem))


def _check_is_of(snapshot: Snapshot, path: Path, journal: Journal) -> None:
    """The rows a snapshot stands for were durable before it was: where are they?"""
    if snapshot.sequence > journal.head.sequence:
        detail = (
            f"it ends with row {journal.head.sequence}, but a snapshot saw {snapshot.sequence}."
        )
        raise JournalCorrupt(path, Fault.OLDER_COPY, detail, journal.head.sequence + 1)


class _Rebuilding:
    def __init__(self, journal: Journal, snapshot: Snapshot | None) -> None:
        self._journal = journal
        self._snapshot = snapshot
        self._engine: Engine | None = None
        self._decided: bytes | None = None

    def take(self, row: Row) -> None:
        snapshot = self._snapshot
        if snapshot is not None and row.sequence <= snapshot.sequence:
            self._pass(row, snapshot)
        elif row.kind == EVENT:
            if self._decided is not None:
                raise self._stop(row, "the decision before it was not journaled.")
            self._process(row)
        elif row.kind == COMMANDS:
            decided, self._decided = self._decided, None
            if decided != row.payload:
                where = first_difference(row.payload, decided or b"[]")
                raise self._stop(row, where)

    def _pass(self, row: Row, snapshot: Snapshot) -> None:
        """A row that the snapshot stands for: the first names the run, the last must be its own."""
        if row.sequence == 1:
            self._engine = restore_engine(snapshot, self._started(row).run)
        if row.sequence == snapshot.sequence and row.hash != snapshot.head:
            detail = f"row {row.sequence} is another than the one a snapshot saw."
            raise JournalCorrupt(self._journal.path, Fault.OLDER_COPY, detail, row.sequence)

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
        sequence = 0 if self._snapshot is None else self._snapshot.sequence
        return Recovered(self._engine, self._journal, sequence)

    def _process(self, row: Row) -> None:
        event = self._decoded(row)
        if self._engine is None:
            run = self._started(row).run
            self._engine = Engine(run, load_strategies(run.strategies))
        try:
            commands = self._engine.process(event)
        except PatangError as error:
            raise self._stop(row, f"the event cannot be processed: {error}") from error
        self._decided = encode_commands(commands) if commands else None

    def _decoded(self, row: Row) -> AnyEvent:
        try:
            return decode_event(row.payload)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise self._stop(row, f"it is no event: {error}") from error

    def _started(self, row: Row) -> RunStarted:
        event = self._decoded(row)
        if not isinstance(event, RunStarted):
            raise self._stop(row, "a run begins with its specification.")
        return event

    def _stop(self, row: Row, what: str) -> JournalError:
        return JournalError(
            self._journal.path,
            f"row {row.sequence} cannot be taken up: {what}",
            "Replay the journal with the version and strategies that wrote it; close what is open "
            "by hand.",
        )
