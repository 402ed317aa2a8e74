"""Records of earlier releases: whatever a later one adds to them, these still say what they said.

``messages-1.txt`` holds one record of every kind the first release wrote, ``run-1.journal`` a whole
run of it, ``messages-2.txt`` the kinds and fields that came with explicit intents and the books.
A kind that is added later gets a line in a file of its own number; these stay as they are.
"""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from patang.domain.messages import (
    decode_commands,
    decode_event,
    encode_commands,
    encode_event,
)
from patang.runtime.journal_entries import KINDS, read_entries
from patang.runtime.order_audit import audit_orders
from patang.runtime.replay import replay
from patang.runtime.turns import COMMANDS, EVENT
from patang.storage.journal import SEAL, read_journal, verify

HERE = Path(__file__).parent
RUN_ROWS = 190
RUN_HEAD = "0129a9b2fbeb42e100bd793d569159156a3d91cada402b62ba32032d14fe5abf"
RUN_ORDERS = 13
LINES = [
    tuple(line.split(b" ", 1))
    for file in sorted(HERE.glob("messages-*.txt"))
    for line in file.read_bytes().splitlines()
]


def holds(now: object, then: object) -> bool:
    """Whether everything that was said then is said now; more may be."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(
            name in now and holds(now[name], value) for name, value in then.items()
        )
    if isinstance(then, list):
        return isinstance(now, list) and len(now) == len(then) and all(map(holds, now, then))
    return now == then


@pytest.mark.parametrize(("kind", "payload"), LINES, ids=lambda value: value[:40].decode())
def test_a_record_still_says_what_it_said(kind: bytes, payload: bytes) -> None:
    if kind.decode() == EVENT:
        now = encode_event(decode_event(payload))
    else:
        assert kind.decode() == COMMANDS
        now = encode_commands(decode_commands(payload))
    assert holds(json.loads(now), json.loads(payload))


def test_commands_are_even_written_the_same() -> None:
    """A replay compares commands by their bytes, so a new field must not show until it is used."""
    for kind, payload in LINES:
        if kind.decode() == COMMANDS:
            assert encode_commands(decode_commands(payload)) == payload


def test_every_kind_of_record_has_a_line_that_holds_it() -> None:
    """A kind that is missing is to be added, in a file of the release that brings it."""
    held = {
        message["kind"]
        for kind, payload in LINES
        for message in ([json.loads(payload)] if kind.decode() == EVENT else json.loads(payload))
    }
    assert sorted(set(KINDS) - held - {SEAL}) == []


def test_a_field_that_is_gone_or_means_another_thing_is_noticed() -> None:
    assert holds({"a": 1, "new": 2}, {"a": 1})
    assert not holds({"b": 1}, {"a": 1})
    assert not holds({"a": [1, 2]}, {"a": [1]})
    assert not holds({"a": {"b": "1"}}, {"a": {"b": 1}})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copy(HERE / "run-1.journal", tmp_path))


def test_a_run_of_the_first_release_still_reads_whole(run: Path) -> None:
    result = verify(run)
    assert (result.problem, result.is_sealed, result.rows) == (None, True, RUN_ROWS)
    assert result.head.hash.hex() == RUN_HEAD
    entries = list(read_entries(run))
    assert [entry.problem for entry in entries if entry.problem] == []
    for row in read_journal(run):
        if row.kind == COMMANDS:
            assert encode_commands(decode_commands(row.payload)) == row.payload


def test_a_run_of_the_first_release_is_rebuilt_to_the_same_decisions_and_state(run: Path) -> None:
    """What a new field of the state does not need is absent from it, as ``msgspec.UNSET``."""
    report = replay(run)
    assert report.commands_match, report.difference
    assert report.is_equal, report.difference


def test_its_audit_names_the_same_orders_with_the_same_ends(run: Path) -> None:
    encoded = msgspec.json.Encoder(decimal_format="string").encode
    now = [json.loads(encoded(order)) for order in audit_orders(read_entries(run))]
    then = [
        {name: value for name, value in json.loads(line).items() if not name.endswith("_ist")}
        for line in (HERE / "run-1.orders.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert holds(now, then)
    assert len(then) == RUN_ORDERS
