"""Replay: the journal alone rebuilds the run, and says where it does not."""

from pathlib import Path

import msgspec

from patang.domain.errors import InvalidValue, PatangError
from patang.domain.messages import AnyEvent, RunStarted, decode_event, encode_commands
from patang.engine.engine import Engine
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS, EVENT
from patang.storage.journal import SEAL, START, Head, JournalError, Row, Seal, read_journal


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found. ``difference`` names the first one, None when there is none."""

    journal: str
    rows: int
    events: int
    head: str
    state_hash: str
    sealed_state_hash: str | None
    commands_match: bool
    is_sealed: bool
    difference: str | None

    @property
    def is_equal(self) -> bool:
        """Whether the rebuilt run is the run that was journaled, whole."""
        return self.difference is None


def replay(path: Path) -> ReplayReport:
    """Rebuild a run from its journal and compare every decision with the journaled one.

    Raises:
        JournalError: the file is missing or cannot be read.
        JournalCorrupt: a row was altered, is missing or was added.
        PatangError: the journal's strategies cannot be loaded here.
    """
    return _Replay(path).run()


class _Replay:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._difference: str | None = None
        self._commands_match = True
        self._events = 0
        self._engine: Engine | None = None
        self._expected: tuple[int, bytes] | None = None  # event row, and the commands it leads to

    def run(self) -> ReplayReport:
        last, seal = START, None
        for row in read_journal(self._path):
            last = Head(row.sequence, row.hash)
            if row.kind == EVENT:
                self._settle(None)
                self._process(row)
            elif row.kind == COMMANDS:
                self._settle(row)
            elif row.kind == SEAL:
                self._settle(None)
                seal = msgspec.json.decode(row.payload, type=Seal)
            else:
                self._note(f"row {row.sequence}: unknown kind {row.kind!r}.")
        self._settle(None)
        if self._engine is None:
            raise JournalError(
                self._path,
                f"{self._path} holds no run.",
                "Was it written by a run of Patang to its end?",
            )
        state_hash = self._engine.state_hash()
        if seal is None:
            self._note(
                f"the journal is not sealed: the run was cut off after row {last.sequence}, or its "
                "last rows are gone. Everything up to there is rebuilt above."
            )
        elif seal.state_hash != state_hash:
            self._note(f"state hash {state_hash}, but the run was sealed with {seal.state_hash}.")
        return ReplayReport(
            journal=str(self._path),
            rows=last.sequence,
            events=self._events,
            head=last.hash.hex(),
            state_hash=state_hash,
            sealed_state_hash=None if seal is None else seal.state_hash,
            commands_match=self._commands_match,
            is_sealed=seal is not None,
            difference=self._difference,
        )

    def _process(self, row: Row) -> None:
        try:
            event = decode_event(row.payload)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise JournalError(
                self._path,
                f"row {row.sequence} of {self._path} is no event: {error}",
                "It was written by another version or altered; restore it from a backup.",
            ) from error
        self._events += 1
        engine = self._engine_for(event, row.sequence)
        try:
            commands = engine.process(event)
        except PatangError as error:
            self._note(f"row {row.sequence}: the event cannot be processed: {error}")
            return
        if commands:
            self._expected = (row.sequence, encode_commands(commands))

    def _engine_for(self, event: AnyEvent, sequence: int) -> Engine:
        if self._engine is None:
            if not isinstance(event, RunStarted):
                raise JournalError(
                    self._path,
                    f"row {sequence} of {self._path} is {type(event).__name__}, not RunStarted.",
                    "A run's journal begins with its specification.",
                )
            try:
                self._engine = Engine(event.run, load_strategies(event.run.strategies))
            except InvalidValue as error:
                raise JournalError(
                    self._path,
                    f"{self._path} names a run that cannot be rebuilt here: {error}",
                    "Replay it where its strategies can be imported.",
                ) from error
        return self._engine

    def _settle(self, row: Row | None) -> None:
        """Compare what the last event led to with the row that follows it."""
        expected, self._expected = self._expected, None
        if row is None and expected is not None:
            self._mismatch(f"row {expected[0]}: the event leads to commands, none were journaled.")
        elif row is not None and expected is None:
            self._mismatch(f"row {row.sequence}: commands were journaled, the event leads to none.")
        elif row is not None and expected is not None and row.payload != expected[1]:
            self._mismatch(f"row {row.sequence}: {first_difference(row.payload, expected[1])}")

    def _mismatch(self, difference: str) -> None:
        self._commands_match = False
        self._note(difference)

    def _note(self, difference: str) -> None:
        if self._difference is None:
            self._difference = difference


def first_difference(journaled: bytes, decided: bytes) -> str:
    """Where two turns' commands part, in words: which command, which field, both values."""
    try:
        ours, theirs = msgspec.json.decode(decided), msgspec.json.decode(journaled)
    except msgspec.DecodeError:
        return "the journaled commands are no JSON."
    for number in range(max(len(ours), len(theirs))):
        if number >= len(theirs):
            return f"replay decides one more command: {_short(ours[number])}."
        if number >= len(ours):
            return f"replay does not decide the journaled {_short(theirs[number])}."
        if ours[number] != theirs[number]:
            path, was, now = _parting(theirs[number], ours[number], "")
            kind = theirs[number].get("kind", "command")
            return f"{kind}{path}: journaled {_short(was)}, replay decides {_short(now)}."
    return "the same commands, written differently."


def _parting(was: object, now: object, path: str) -> tuple[str, object, object]:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in [*was, *now]:
            if was.get(name) != now.get(name):
                return _parting(was.get(name), now.get(name), f"{path}.{name}")
    return path, was, now


def _short(value: object, length: int = 160) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= length else f"{text[:length]} (cut)"
