"""A journal alone rebuilds its run; whatever was done to it is found and never passes as equal."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from patang.domain.messages import RunSpec, RunStarted, StrategySpec, encode_event
from patang.engine.engine import Engine
from patang.runtime.replay import ReplayReport, replay
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS, EVENT, take_turn
from patang.storage.journal import SEAL, Journal, JournalCorrupt, JournalError
from tests.builders import START_NS
from tests.generate_events import Move, chaos_spec, events_of

MOVES = [
    Move(kind, n % 4, 17 * n % 120, 5 + n % 5) for n in range(30) for kind in (0, 5, 7, 12, 15)
]
Rows = list[tuple[str, bytes]]


def a_run(run: RunSpec) -> tuple[Rows, str]:
    """The rows of a run with ticks, orders and fills, and its final state hash."""
    rows: Rows = []
    engine = Engine(run, load_strategies(run.strategies))

    def append(kind: str, payload: bytes) -> None:
        rows.append((kind, payload))

    take_turn(engine, append, RunStarted(at_ns=START_NS, run=run))
    for event in events_of(engine, MOVES):
        take_turn(engine, append, event)
    assert engine.portfolio.fills > 3
    assert len(engine.ledger.orders) > 3
    return rows, engine.state_hash()


ROWS, HASH = a_run(chaos_spec())


def written(path: Path, rows: Rows = ROWS, seal: str | None = HASH) -> Path:
    with Journal.create(path) as journal:
        for kind, payload in rows:
            journal.append(kind, payload)
        if seal is not None:
            journal.seal(seal)
    return path


def tampered(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(written(path))) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def first_of(kind: str) -> int:
    return next(index for index, row in enumerate(ROWS) if row[0] == kind)


def test_an_untouched_journal_replays_equal(path: Path):
    report = replay(written(path))
    assert report.is_equal
    assert report.commands_match
    assert report.state_hash == report.sealed_state_hash == HASH
    assert report.rows == len(ROWS) + 1
    assert report.events == sum(kind == EVENT for kind, _ in ROWS)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET payload = replace(payload, '1', '2') WHERE sequence = 5",
        "UPDATE rows SET kind = 'note' WHERE sequence = 3",
        "DELETE FROM rows WHERE sequence = 4",
        "DELETE FROM rows WHERE sequence = 1",
        "UPDATE rows SET sequence = 100000 WHERE sequence = 4",
        "INSERT INTO rows SELECT 100000, kind, payload, hash FROM rows WHERE sequence = 4",
    ],
)
def test_altered_missing_and_extra_rows_are_reported_as_such(path: Path, statement: str):
    with pytest.raises(JournalCorrupt):
        replay(tampered(path, statement))


def test_rows_cut_off_at_the_end_are_never_equal(path: Path):
    cut = tampered(path, f"DELETE FROM rows WHERE sequence > {len(ROWS) // 2}")
    try:
        report = replay(cut)
    except JournalError:
        return
    assert not report.is_equal


def test_a_run_that_was_cut_off_is_told(path: Path):
    report = replay(written(path, seal=None))
    assert not report.is_equal
    assert not report.is_sealed
    assert report.commands_match
    assert "not sealed" in str(report.difference)


def rewritten(path: Path, change: str) -> ReplayReport:
    """A journal forged whole, with a chain of its own."""
    rows = list(ROWS)
    where = first_of(COMMANDS)
    match change:
        case "commands altered":
            rows[where] = (COMMANDS, rows[where][1].replace(b"0", b"1", 1))
        case "commands missing":
            del rows[where]
        case "commands twice":
            rows.insert(where, rows[where])
        case "commands first":
            rows[where - 1 : where + 1] = reversed(rows[where - 1 : where + 1])
        case "unknown row":
            rows.insert(where, ("gossip", b"{}"))
        case "event twice":
            rows.insert(1, rows[0])
    return replay(written(path, rows))


@pytest.mark.parametrize(
    "change",
    [
        "commands altered",
        "commands missing",
        "commands twice",
        "commands first",
        "unknown row",
        "event twice",
    ],
)
def test_a_forged_journal_does_not_replay_equal_and_the_first_difference_is_named(
    path: Path, change: str
):
    report = rewritten(path, change)
    assert not report.is_equal
    assert "row" in str(report.difference)
    assert report.commands_match is (change in ("unknown row", "event twice"))


def test_another_state_hash_in_the_seal_is_a_difference(path: Path):
    report = replay(written(path, seal="0" * 64))
    assert report.commands_match
    assert "state hash" in str(report.difference)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "holds no run"),
        ([("note", b"{}")], "holds no run"),
        (ROWS[2:], "not RunStarted"),
        ([(EVENT, b"not json")], "is no event"),
        ([(EVENT, b"\xff\xfe")], "is no event"),
        ([*ROWS[:1], (EVENT, b'{"kind":"nonsense"}')], "is no event"),
        (
            [
                (
                    EVENT,
                    encode_event(
                        RunStarted(
                            at_ns=1,
                            run=msgspec.structs.replace(
                                chaos_spec(),
                                strategies=(
                                    StrategySpec(name="x", path="nowhere:X", instruments=()),
                                ),
                            ),
                        )
                    ),
                )
            ],
            "cannot be rebuilt here",
        ),
    ],
    ids=["empty", "notes", "no start", "no json", "no text", "no event", "no strategy"],
)
def test_what_is_no_run_is_one_clear_error(path: Path, rows: Rows, words: str):
    with pytest.raises(JournalError, match=words):
        replay(written(path, rows, seal=None))


def test_a_missing_file_is_one_clear_error(tmp_path: Path):
    with pytest.raises(JournalError):
        replay(tmp_path / "none.journal")


def test_the_seal_is_no_row_of_the_run():
    assert SEAL not in {kind for kind, _ in ROWS}
