"""Snapshots: the engine and its strategies as they stand after a row, so that recovery is short.

A snapshot is a short cut to what replaying the journal gives, and nothing else: it belongs to the
exact program that took it, proves itself by the state's hash and by being written the same again,
and whoever cannot use it replays the journal from its first row. See docs/adr/0019.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import patang
from patang.domain.messages import RunSpec
from patang.engine.engine import Engine
from patang.runtime.object_graph import NotKeepable, decode_graph, encode_graph
from patang.runtime.strategies import load_strategies
from patang.storage.journal import Head, JournalError
from patang.storage.snapshot_file import Snapshot
from patang.storage.writer import JournalWriter

_DECIDING = ("domain", "engine", "examples", "rules")
_LOOK_S = 1.0
_TOO_LONG = "the last snapshot paused the run for {:.0f} ms, so no more are taken."
_METER = "meter"
ROWS_BETWEEN = 20_000
"""Journal rows after which a new snapshot is worth its pause; replaying them takes a second."""
_PAUSE_SHARE = 200
"""A snapshot may take one part in so many of the time since the one before it."""
_PAUSE_MAX_NS = 500_000_000
"""A run whose snapshots pause it for longer takes no more of them: its last one stays good."""


@runtime_checkable
class Keeps(Protocol):
    """A strategy that says itself what to keep, because it holds more than plain values."""

    def save_state(self) -> object:
        """Plain values, containers and structs from which ``load_state`` can go on."""
        ...

    def load_state(self, state: object) -> None:
        """Take up a saved state; the constructor has run, ``on_start`` will not."""
        ...


def take_snapshot(engine: Engine, head: Head) -> Snapshot:
    """The engine after the row of ``head``, between two turns.

    Raises:
        NotKeepable: a strategy, or the engine, holds what cannot be written.
    """
    spec = engine.spec
    kept = _kept(engine)
    payload = encode_graph(
        (engine, {name: strategy.save_state() for name, strategy in kept.items()}),
        _allowed_for(spec),
        _named(kept),
    )
    return Snapshot(
        sequence=head.sequence,
        head=head.hash,
        code=code_fingerprint(spec),
        state_hash=engine.state_hash(),
        payload=payload,
    )


def restore_engine(snapshot: Snapshot, spec: RunSpec) -> Engine:
    """The engine that ``snapshot`` was taken of; ``spec`` is the run's, from the journal.

    Raises:
        NotKeepable: another program took it, or it does not prove itself.
        PatangError: the strategies cannot be loaded here.
    """
    fresh = load_strategies(spec.strategies)
    if snapshot.code != code_fingerprint(spec):
        raise NotKeepable("snapshot", "Patang or a strategy has changed since it was taken.")
    kept = {name: each for name, each in fresh.items() if isinstance(each, Keeps)}
    named: dict[str, object] = {f"strategy {name}": each for name, each in kept.items()}
    named[_METER] = time.monotonic_ns
    root = decode_graph(snapshot.payload, _allowed_for(spec), named)
    match root:
        case (Engine() as engine, dict() as states) if engine.spec == spec:
            pass
        case _:
            raise NotKeepable("snapshot", "it is of another run.")
    for name, strategy in kept.items():
        strategy.load_state(states[name])
    if engine.state_hash() != snapshot.state_hash:
        raise NotKeepable("snapshot", "its state has another hash than when it was taken.")
    if take_snapshot(engine, Head(snapshot.sequence, snapshot.head)) != snapshot:
        raise NotKeepable("snapshot", "it is not written the same again.")
    return engine


def code_fingerprint(spec: RunSpec) -> str:
    """What decides in this process: Patang's deciding rooms, Python, and the strategies' files.

    Raises:
        NotKeepable: a strategy has no file.
    """
    digest = hashlib.sha256(f"{patang.__version__} {sys.version}".encode())
    root = Path(patang.__file__).parent
    files = [
        file
        for room in _DECIDING
        for file in sorted((root / room).rglob("*"))
        if file.suffix in (".py", ".toml")
    ]
    files += [Path(__file__), Path(__file__).with_name("object_graph.py")]
    for module in sorted(_modules(spec)):
        origin = getattr(sys.modules.get(module), "__file__", None)
        if origin is None:
            raise NotKeepable(module, "a strategy that has no file may change unseen.")
        files.append(Path(origin))
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)} ".encode() + content)
    return digest.hexdigest()


class Snapshots:
    """Takes them of a running engine, now and then, and tells how that goes.

    ``problem`` says why there are none; ``longest_ns`` is the longest pause that one has cost.
    """

    def __init__(self, rows_between: int = ROWS_BETWEEN) -> None:
        self.taken = 0
        self.problem: str | None = None
        self.longest_ns = 0
        self._rows_between = rows_between
        self._last = 0
        self._not_before_ns = 0

    async def run(
        self, engine: Engine, journal: JournalWriter, is_quiet: Callable[[], bool]
    ) -> None:
        """Take them until cancelled, or until it shows that this run cannot be kept."""
        while journal.path is not None:
            await asyncio.sleep(_LOOK_S)
            if self.is_due(journal) and is_quiet() and not await self.take(engine, journal):
                return

    def is_due(self, journal: JournalWriter) -> bool:
        """Whether enough has happened since the last one, and its pause has been earned."""
        grown = journal.head.sequence - self._last >= self._rows_between
        return grown and time.monotonic_ns() >= self._not_before_ns

    async def take(self, engine: Engine, journal: JournalWriter) -> bool:
        """Take one now; False when there is to be no other."""
        begun_ns = time.monotonic_ns()
        try:
            # No await from here to the end of encoding: nothing moves meanwhile.
            snapshot = take_snapshot(engine, journal.head)
        except NotKeepable as error:
            self.problem = str(error)
            return False
        took_ns = time.monotonic_ns() - begun_ns
        self.longest_ns = max(self.longest_ns, took_ns)
        self._not_before_ns = time.monotonic_ns() + _PAUSE_SHARE * took_ns
        self._last = snapshot.sequence
        is_too_long = took_ns > _PAUSE_MAX_NS
        try:
            await journal.write_snapshot(snapshot)
        except JournalError as error:
            self.problem = str(error)  # the journal is the truth; it stops the run by itself
        else:
            self.taken += 1
            self.problem = _TOO_LONG.format(took_ns / 1e6) if is_too_long else None
        return not is_too_long


def _kept(engine: Engine) -> dict[str, Keeps]:
    return {
        name: hosted.strategy
        for name, hosted in engine.host.hosted.items()
        if isinstance(hosted.strategy, Keeps)
    }


def _named(kept: Mapping[str, Keeps]) -> dict[int, str]:
    by_id = {id(strategy): f"strategy {name}" for name, strategy in kept.items()}
    # What the host measures callbacks with: each process has its own.
    return {**by_id, id(time.monotonic_ns): _METER}


def _modules(spec: RunSpec) -> set[str]:
    return {item.path.partition(":")[0] for item in spec.strategies}


def _allowed_for(spec: RunSpec) -> Callable[[str], bool]:
    modules = _modules(spec)
    rooms = tuple(f"patang.{room}." for room in _DECIDING)
    return lambda module: module.startswith(rooms) or module in modules
