"""Recovery by snapshot and tail gives what replaying everything gives, or falls back to that."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from patang.domain.market import Tick
from patang.domain.messages import RunSpec, RunStarted, Signal, StrategySpec
from patang.engine.engine import Engine
from patang.engine.strategy import Strategy, View
from patang.runtime.object_graph import NotKeepable
from patang.runtime.recovery import Recovered, recover
from patang.runtime.snapshots import Snapshots, restore_engine, take_snapshot
from patang.runtime.strategies import load_strategies
from patang.runtime.turns import take_turn
from patang.storage.journal import START, Fault, Head, Journal, JournalCorrupt, JournalError
from patang.storage.snapshot_file import (
    Snapshot,
    SnapshotUnusable,
    read_snapshot,
    snapshot_path,
    write_snapshot,
)
from patang.storage.witness import witness_path
from patang.storage.writer import JournalWriter
from tests.builders import INFY, START_NS, spec
from tests.generate_events import Move, chaos_spec, events_of

MOVES = [Move(kind, n % 4, 17 * n % 120, 5) for n in range(12) for kind in (0, 5, 7, 12, 15)]
CUT = 30
calls: list[str] = []


class Counts(Strategy):
    """Counts ticks in plain attributes."""

    def __init__(self) -> None:
        calls.append("constructor")
        self.ticks = 0

    def on_start(self, view: View) -> None:
        calls.append("start")

    def on_tick(self, view: View, tick: Tick) -> Signal:
        calls.append("tick")
        self.ticks += 1
        return Signal(instrument=tick.instrument, target=self.ticks % 5 * 10)


class Pipes(Counts):
    """Holds what no attribute shows."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: Iterator[int] = iter(range(10**9))

    def on_tick(self, view: View, tick: Tick) -> Signal:
        return Signal(instrument=tick.instrument, target=next(self.numbers) % 5 * 10)


class Keeping(Pipes):
    """The same, and says itself what to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def on_tick(self, view: View, tick: Tick) -> Signal:
        self.seen += 1
        return super().on_tick(view, tick)

    def save_state(self) -> object:
        return {"seen": self.seen}

    def load_state(self, state: object) -> None:
        assert isinstance(state, dict)
        self.seen = state["seen"]
        self.numbers = iter(range(self.seen, 10**9))


def run_of(strategy: type[Strategy]) -> RunSpec:
    path = f"{__name__}:{strategy.__name__}"
    return spec(strategies=(StrategySpec(name="one", path=path, instruments=(INFY.id,)),))


def interrupted(path: Path, run: RunSpec, cut: int | None = CUT) -> Engine:
    """A run that was killed, with a snapshot after its event ``cut``."""
    engine = Engine(run, load_strategies(run.strategies))
    with Journal.create(path) as journal:
        take_turn(engine, journal.append, RunStarted(at_ns=START_NS, run=run))
        for number, event in enumerate(events_of(engine, MOVES)):
            take_turn(engine, journal.append, event)
            if number == cut:
                journal.sync()
                write_snapshot(path, take_snapshot(engine, journal.head))
    return engine


def taken_up(path: Path) -> Recovered:
    found = recover(path)
    found.journal.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def run_of_an_example() -> RunSpec:
    """One that holds TA-Lib's handles, fed by ticks."""
    path, window = "patang.examples.mean_reversion:MeanReversion", {"window": 3}
    example = StrategySpec(name="one", path=path, instruments=(INFY.id,), parameters=window)
    return spec(strategies=(example,))


@pytest.mark.parametrize(
    "run",
    [chaos_spec(), run_of(Counts), run_of(Keeping), run_of_an_example()],
    ids=["followers", "counts", "keeps", "indicators"],
)
def test_snapshot_and_tail_give_the_state_that_the_whole_journal_gives(path: Path, run: RunSpec):
    engine = interrupted(path, run)
    short = taken_up(path)
    snapshot_path(path).unlink()
    whole = taken_up(path)
    assert short.snapshot_problem is whole.snapshot_problem is None
    assert short.snapshot_sequence > CUT
    assert whole.snapshot_sequence == 0
    hashes = {each.state_hash() for each in (engine, short.engine, whole.engine)}
    assert len(hashes) == 1


def test_what_a_strategy_did_before_the_snapshot_is_not_done_again(path: Path):
    interrupted(path, run_of(Counts))
    calls.clear()
    found = taken_up(path)
    strategy = found.engine.host.hosted["one"].strategy
    assert isinstance(strategy, Counts)
    assert "start" not in calls
    assert 0 < calls.count("tick") < strategy.ticks


def test_a_strategy_that_keeps_its_own_state_is_made_and_then_given_it(path: Path):
    engine = interrupted(path, run_of(Keeping))
    before = engine.host.hosted["one"].strategy
    after = taken_up(path).engine.host.hosted["one"].strategy
    assert isinstance(before, Keeping)
    assert isinstance(after, Keeping)
    assert after.seen == before.seen
    assert next(after.numbers) == next(before.numbers)


def test_a_strategy_that_cannot_be_kept_is_named_and_recovered_by_the_whole_journal(path: Path):
    engine = interrupted(path, run_of(Pipes), cut=None)
    with pytest.raises(NotKeepable, match="numbers"):
        take_snapshot(engine, START)
    assert taken_up(path).engine.state_hash() == engine.state_hash()


def altered(path: Path, **changes: object) -> None:
    snapshot = read_snapshot(path)
    assert snapshot is not None
    write_snapshot(path, msgspec.structs.replace(snapshot, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "code", "hash", "payload", "foreign"])
def test_a_snapshot_that_cannot_be_used_is_told_and_the_whole_journal_decides(
    path: Path, tmp_path: Path, fault: str
):
    engine = interrupted(path, chaos_spec())
    file = snapshot_path(path)
    content = file.read_bytes()
    match fault:
        case "cut":
            file.write_bytes(content[:-1])
        case "flipped":
            file.write_bytes(content[:2_000] + bytes([content[2_000] ^ 1]) + content[2_001:])
        case "empty":
            file.write_bytes(b"")
        case "code":
            altered(path, code="0" * 64)
        case "hash":
            altered(path, state_hash="0" * 64)
        case "payload":
            snapshot = read_snapshot(path)
            assert snapshot is not None
            altered(path, payload=snapshot.payload.replace(b"position", b"positiom", 1))
        case "foreign":
            other = tmp_path / "other.journal"
            interrupted(other, run_of(Counts))
            theirs, ours = read_snapshot(other), read_snapshot(path)
            assert theirs is not None
            assert ours is not None
            same_place = msgspec.structs.replace(theirs, sequence=ours.sequence, head=ours.head)
            write_snapshot(path, same_place)
    found = taken_up(path)
    assert found.snapshot_problem
    assert found.snapshot_sequence == 0
    assert found.engine.state_hash() == engine.state_hash()


def test_a_state_that_was_changed_in_the_snapshot_does_not_pass(path: Path):
    """Sound bytes, of the right program, with one rupee more: only the state's hash can tell."""
    run = chaos_spec()
    engine = interrupted(path, run)
    first = read_snapshot(path)
    assert first is not None
    rich = restore_engine(first, run)
    rich.portfolio.cash += 1
    forged = take_snapshot(rich, Head(first.sequence, first.head))
    write_snapshot(path, msgspec.structs.replace(forged, state_hash=first.state_hash))
    found = taken_up(path)
    assert "another hash" in str(found.snapshot_problem)
    assert found.engine.portfolio.cash == engine.portfolio.cash


def test_a_journal_that_lacks_the_rows_a_snapshot_saw_is_an_older_copy(path: Path, tmp_path: Path):
    run = run_of(Counts)
    short = tmp_path / "short.journal"
    with Journal.create(short) as journal:
        engine = Engine(run, load_strategies(run.strategies))
        take_turn(engine, journal.append, RunStarted(at_ns=START_NS, run=run))
    interrupted(path, run)
    witness_path(path).unlink()  # after a power cut the witness may be gone; the snapshot is not
    shutil.copy(short, path)
    with pytest.raises(JournalCorrupt, match="a snapshot saw") as caught:
        recover(path)
    assert caught.value.fault is Fault.OLDER_COPY


def test_a_snapshot_of_other_rows_is_an_older_copy(path: Path):
    interrupted(path, chaos_spec())
    altered(path, head=bytes(32))
    with pytest.raises(JournalCorrupt, match="another than the one a snapshot saw"):
        recover(path)


def test_a_finished_run_leaves_no_snapshot(path: Path):
    engine = interrupted(path, chaos_spec())
    with Journal.open_for_append(path) as journal:
        journal.seal(engine.state_hash())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_snapshot_replaces_the_one_before_it_whole_and_private(path: Path):
    interrupted(path, chaos_spec())
    before = snapshot_path(path).read_bytes()
    altered(path, code="1")
    assert snapshot_path(path).read_bytes() != before
    assert snapshot_path(path).stat().st_mode & 0o777 == 0o600
    assert not [f for f in path.parent.iterdir() if "draft" in f.name]
    snapshot_path(path).write_bytes(before + b"x")
    with pytest.raises(SnapshotUnusable):
        read_snapshot(path)


def test_a_folder_that_is_gone_keeps_the_journal_in_charge(tmp_path: Path):
    gone = tmp_path / "gone" / "run.journal"
    snapshot = Snapshot(sequence=1, head=b"", code="", state_hash="", payload=b"")
    with pytest.raises(JournalError):
        write_snapshot(gone, snapshot)
    assert read_snapshot(gone) is None


# --- while a run goes on ------------------------------------------------------


async def test_snapshots_are_taken_when_enough_has_happened_and_only_of_durable_rows(path: Path):
    run = chaos_spec()
    engine = Engine(run, load_strategies(run.strategies))
    async with JournalWriter(Journal.create(path)) as writer:
        snapshots = Snapshots(rows_between=20)
        take_turn(engine, writer.append, RunStarted(at_ns=START_NS, run=run))
        assert not snapshots.is_due(writer)
        for event in events_of(engine, MOVES[:30]):
            take_turn(engine, writer.append, event)
        assert snapshots.is_due(writer)
        head = writer.head
        assert await snapshots.take(engine, writer)
        assert not snapshots.is_due(writer)
        assert writer.synced == head.sequence
    taken = read_snapshot(path)
    assert taken is not None
    assert (taken.sequence, taken.head) == head
    assert (snapshots.taken, snapshots.problem) == (1, None)
    assert snapshots.longest_ns > 0


async def test_a_run_that_cannot_be_kept_says_so_and_goes_on_without(path: Path):
    run = run_of(Pipes)
    engine = Engine(run, load_strategies(run.strategies))
    async with JournalWriter(Journal.create(path)) as writer:
        take_turn(engine, writer.append, RunStarted(at_ns=START_NS, run=run))
        snapshots = Snapshots(rows_between=1)
        async with asyncio.timeout(5):
            await snapshots.run(engine, writer, lambda: True)
        assert "numbers" in str(snapshots.problem)
        assert snapshots.taken == 0
        assert writer.failure is None


async def test_a_run_in_memory_has_no_use_for_snapshots():
    run = run_of(Counts)
    engine = Engine(run, load_strategies(run.strategies))
    async with asyncio.timeout(5):
        await Snapshots().run(engine, JournalWriter(Journal.in_memory()), lambda: True)


async def test_a_snapshot_that_cannot_be_written_leaves_the_run_going(path: Path):
    run = run_of(Counts)
    engine = Engine(run, load_strategies(run.strategies))
    async with JournalWriter(Journal.create(path)) as writer:
        take_turn(engine, writer.append, RunStarted(at_ns=START_NS, run=run))
        snapshot_path(path).mkdir()  # a file cannot replace it
        snapshots = Snapshots(rows_between=1)
        assert await snapshots.take(engine, writer)
        assert "snapshot" in str(snapshots.problem)
        writer.append("note", b"on it goes")
        await writer.sync()


async def test_a_run_that_a_snapshot_pauses_too_long_takes_no_more_of_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("patang.runtime.snapshots._PAUSE_MAX_NS", 0)
    run = run_of(Counts)
    engine = Engine(run, load_strategies(run.strategies))
    async with JournalWriter(Journal.create(path)) as writer:
        take_turn(engine, writer.append, RunStarted(at_ns=START_NS, run=run))
        snapshots = Snapshots(rows_between=1)
        async with asyncio.timeout(5):
            await snapshots.run(engine, writer, lambda: True)
        assert "paused the run" in str(snapshots.problem)
        assert snapshots.taken == 1
    assert taken_up(path).snapshot_sequence == 1
