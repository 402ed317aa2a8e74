"""Replay equals run, over random lives; and no damage ever passes as equal."""

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.messages import RunStarted, RunStopped, encode_commands
from patang.engine.engine import Engine
from patang.runtime.replay import replay
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import COMMANDS, take_turn
from patang.storage.journal import Journal, JournalError
from tests.builders import START_NS
from tests.generate_events import FOLLOWERS, MOVES, Move, chaos_spec, events_of


def journaled(path: Path, moves: list[Move]) -> tuple[list[tuple[str, bytes]], str]:
    """Live through the moves; leave the sealed journal at ``path``."""
    path.unlink(missing_ok=True)
    run = chaos_spec()
    engine = Engine(run, load_strategies(FOLLOWERS))
    rows: list[tuple[str, bytes]] = []
    with Journal.create(path) as journal:

        def append(kind: str, payload: bytes) -> None:
            rows.append((kind, payload))
            journal.append(kind, payload)

        last_ns = START_NS
        take_turn(engine, append, RunStarted(at_ns=START_NS, run=run))
        for event in events_of(engine, moves):
            last_ns = event.at_ns
            take_turn(engine, append, event)
        take_turn(engine, append, RunStopped(at_ns=last_ns, reason="done"))
        journal.seal(engine.state_hash())
    return rows, engine.state_hash()


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_replay_equals_run(tmp_path_factory, moves: list[Move]):
    path = tmp_path_factory.getbasetemp() / "equal.journal"
    rows, state_hash = journaled(path, moves)
    report = replay(path)
    assert report.difference is None
    assert report.commands_match
    assert report.state_hash == report.sealed_state_hash == state_hash
    assert report.rows == len(rows) + 1


@settings(max_examples=50, deadline=None)
@given(MOVES, st.data())
def test_a_damaged_journal_never_replays_equal(tmp_path_factory, moves, data: st.DataObject):
    path = tmp_path_factory.getbasetemp() / "damaged.journal"
    rows, _ = journaled(path, moves)
    sequence = data.draw(st.integers(1, len(rows) + 1))
    damage = data.draw(st.sampled_from(["byte", "delete", "cut", "copy", "swap", "hash", "kind"]))
    with closing(sqlite3.connect(path)) as database:
        (payload, chained) = database.execute(
            "SELECT payload, hash FROM rows WHERE sequence = ?", (sequence,)
        ).fetchone()
        position = data.draw(st.integers(0, len(payload) - 1))
        other = bytes([payload[position] ^ data.draw(st.integers(1, 255))])
        changed = payload[:position] + other + payload[position + 1 :]
        match damage:
            case "byte":
                database.execute(
                    "UPDATE rows SET payload = ? WHERE sequence = ?", (changed, sequence)
                )
            case "hash":
                database.execute(
                    "UPDATE rows SET hash = ? WHERE sequence = ?",
                    (bytes([chained[0] ^ 1]) + chained[1:], sequence),
                )
            case "kind":
                database.execute("UPDATE rows SET kind = 'x' WHERE sequence = ?", (sequence,))
            case "delete":
                database.execute("DELETE FROM rows WHERE sequence = ?", (sequence,))
            case "cut":
                database.execute("DELETE FROM rows WHERE sequence >= ?", (sequence,))
            case "copy":
                database.execute(
                    "INSERT INTO rows SELECT ?, kind, payload, hash FROM rows WHERE sequence = ?",
                    (len(rows) + 2, sequence),
                )
            case _:
                after = 1 if sequence > 1 else 2
                for old, new in ((sequence, 10**6), (after, sequence), (10**6, after)):
                    database.execute("UPDATE rows SET sequence = ? WHERE sequence = ?", (new, old))
        database.commit()
    try:
        report = replay(path)
    except JournalError:
        return
    assert not report.is_equal


@settings(max_examples=30, deadline=None)
@given(MOVES, st.data())
def test_forged_decisions_never_replay_equal(tmp_path_factory, moves, data: st.DataObject):
    path = tmp_path_factory.getbasetemp() / "forged.journal"
    rows, state_hash = journaled(path, moves)
    decisions = [index for index, (kind, _) in enumerate(rows) if kind == COMMANDS]
    index = data.draw(st.sampled_from([*decisions, len(rows)]))
    if index == len(rows) or data.draw(st.booleans()):
        rows.insert(index, (COMMANDS, encode_commands(())))
    else:
        del rows[index]
    path.unlink()
    with Journal.create(path) as journal:
        for row in rows:
            journal.append(*row)
        journal.seal(state_hash)
    report = replay(path)
    assert not report.is_equal
    assert not report.commands_match
