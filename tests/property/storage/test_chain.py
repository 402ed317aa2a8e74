"""Laws of the journal: any rows round-trip, and any single change to them is found."""

import contextlib
import sqlite3
import tempfile
from hashlib import sha256
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.storage.journal import Journal, JournalError, read_journal, verify

kinds = st.text(min_size=1, max_size=20).filter(
    lambda kind: kind != "seal" and not any("\ud800" <= letter <= "\udfff" for letter in kind)
)
rows = st.lists(st.tuples(kinds, st.binary(max_size=300)), min_size=1, max_size=12)
few = settings(max_examples=60, deadline=None)


def write(path: Path, contents: list[tuple[str, bytes]]) -> None:
    with Journal.create(path) as journal:
        for kind, payload in contents:
            journal.append(kind, payload)
        journal.seal("ab")


@few
@given(rows, st.data())
def test_any_rows_round_trip_however_they_are_synced(
    contents: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.journal"
        with Journal.create(path) as journal:
            for kind, payload in contents:
                journal.append(kind, payload)
                if data.draw(st.booleans()):
                    journal.sync()
        assert [(row.kind, row.payload) for row in read_journal(path)] == contents
        assert verify(path).head == journal.head


@few
@given(rows, st.data())
def test_the_chain_is_what_its_definition_says(
    contents: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    journal = Journal.in_memory()
    digest = sha256(b"patang journal, format 1").digest()
    for sequence, (kind, payload) in enumerate(contents, start=1):
        name = kind.encode()
        lengths = sequence.to_bytes(8, "big") + len(name).to_bytes(2, "big")
        digest = sha256(digest + lengths + name + payload).digest()
        assert journal.append(kind, payload).hash == digest
    assert journal.head == (len(contents), digest)


@few
@given(rows, st.data())
def test_any_single_change_to_a_row_is_found(
    contents: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.journal"
        write(path, contents)
        target = data.draw(st.integers(1, len(contents)), label="row")
        column = data.draw(st.sampled_from(["kind", "payload", "hash", "sequence"]))
        connection = sqlite3.connect(path)
        with connection:
            query = f"SELECT {column} FROM rows WHERE sequence = ?"
            (old,) = connection.execute(query, (target,)).fetchone()
            if column == "sequence":
                other = st.integers(-(2**63), 2**63 - 1)
                new = data.draw(other.filter(lambda n: not 1 <= n <= len(contents) + 1))
            elif column == "kind":
                new = data.draw(kinds.filter(lambda kind: kind != old))
            else:
                new = data.draw(st.binary(max_size=40).filter(lambda raw: raw != old))
            connection.execute(f"UPDATE rows SET {column} = ? WHERE sequence = ?", (new, target))
        connection.close()
        result = verify(path)
        assert result.problem is not None
        assert result.rows < len(contents) + 1


@few
@given(rows, st.data())
def test_any_damage_to_the_file_is_a_typed_error_or_harmless(
    contents: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.journal"
        write(path, contents)
        expected = list(read_journal(path))
        whole = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(whole) - 1))
            patch = data.draw(st.binary(min_size=1, max_size=64))
            whole[start : start + len(patch)] = patch
        path.write_bytes(whole)
        with contextlib.suppress(JournalError):
            assert list(read_journal(path)) == expected


@few
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused_as_a_journal(content: bytes, has_magic: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.journal"
        path.write_bytes(b"SQLite format 3\0" + content if has_magic else content)
        assert verify(path).problem is not None
