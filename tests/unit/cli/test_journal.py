"""``patang journal``: proof, a look inside, and the audit of every order with its reason."""

import csv
import json
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from patang.cli.app import _run as run_command
from patang.cli.exits import Exit, exit_code_of
from patang.domain.enums import Side
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.messages import (
    FillReceived,
    OperatorHalted,
    OrderAccepted,
    OrderRefused,
    OrderUpdated,
    RunStarted,
    Signal,
    TicksReceived,
)
from patang.domain.order import OrderStatus
from patang.engine.engine import Engine
from patang.runtime.journal_entries import KINDS, read_entries
from patang.runtime.turns import EVENT, take_turn
from patang.storage.journal import Journal, JournalCorrupt, JournalError, read_journal
from tests.builders import INFY, START_NS, TCS, Told, fill, spec, tick

SECOND = 1_000_000_000


def write(path: Path, *, seal: bool = True) -> Path:
    """Four orders: filled, refused by the broker, denied by the gate, and one placed by hand."""
    strategy = Told()
    engine = Engine(spec(), {"alpha": strategy})
    with Journal.create(path) as journal:

        def turn(event: object) -> None:
            take_turn(engine, journal.append, event)  # type: ignore[arg-type]

        def say(target: int, second: int, reason: str) -> None:
            wish = Signal(instrument=INFY.id, target=target, reason=reason)
            strategy.next.append(wish)
            at_ns = START_NS + second * SECOND
            turn(TicksReceived(at_ns=at_ns, ticks=(tick(100.0, at_ns),)))

        turn(RunStarted(at_ns=START_NS, run=spec()))
        say(10, 1, "=cheap")
        # The fill overtakes the reply, without a tag: an order of somebody else's until named.
        trade = fill(10, "100.50", trade_id="t1", order_id="o1", at_ns=START_NS + SECOND)
        turn(FillReceived(at_ns=START_NS + 2 * SECOND, fill=trade))
        turn(OrderAccepted(at_ns=START_NS + 2 * SECOND, intent_id="run-1", order_id="o1"))
        turn(_update("o1", "run-1", engine, OrderStatus.FILLED, 10))
        say(30, 10, "cheaper")
        turn(
            OrderRefused(
                at_ns=START_NS + 11 * SECOND,
                intent_id="run-2",
                code="MarginException",
                message="Insufficient funds",
            )
        )
        say(100_000, 20, "all in")
        other = fill(5, "2000", trade_id="t9", order_id="byhand", instrument=TCS)
        turn(FillReceived(at_ns=START_NS + 30 * SECOND, fill=other))
        turn(OperatorHalted(at_ns=START_NS + 40 * SECOND, by="ravi", reason="lunch"))
        if seal:
            journal.seal(engine.state_hash())
    return path


def _update(
    order_id: str, intent_id: str, engine: Engine, status: OrderStatus, filled: int
) -> OrderUpdated:
    intent = engine.ledger.orders[intent_id].intent
    return OrderUpdated(
        at_ns=START_NS + 3 * SECOND,
        order_id=order_id,
        tag=intent.tag,
        instrument=intent.instrument,
        side=Side.BUY,
        quantity=intent.quantity,
        filled_quantity=filled,
        status=status,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "run.journal")


def outcome(*tokens: object) -> int:
    try:
        return run_command(["journal", *map(str, tokens)])
    except PatangError as error:
        return exit_code_of(error)


def document(capsys: pytest.CaptureFixture[str], *tokens: object) -> dict:
    assert outcome(*tokens, "-o", "json") == Exit.OK
    return json.loads(capsys.readouterr().out)


def table(capsys: pytest.CaptureFixture[str], *tokens: object) -> list[dict]:
    assert outcome("export", *tokens) == Exit.OK
    return list(csv.DictReader(StringIO(capsys.readouterr().out)))


def lines(capsys: pytest.CaptureFixture[str], *tokens: object) -> list[dict]:
    assert outcome("export", *tokens, "--form", "jsonl") == Exit.OK
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# --- verify -------------------------------------------------------------------


def test_a_sound_journal_is_told_with_its_head_and_counts(path: Path, capsys):
    found = document(capsys, "verify", path)
    assert found["is_sealed"]
    assert found["difference"] is None
    assert found["kinds"]["fill_received"] == 2
    assert found["rows"] == sum(1 for _ in read_journal(path))


def Journal_rows(path: Path):
    from patang.storage.journal import read_journal

    return read_journal(path)


def test_an_unsealed_journal_fails_unless_that_was_to_be_expected(tmp_path: Path, capsys):
    cut = write(tmp_path / "cut.journal", seal=False)
    assert outcome("verify", cut) == Exit.FAILED
    assert "not sealed" in capsys.readouterr().out
    assert outcome("verify", cut, "--unsealed") == Exit.OK


def test_an_altered_row_ends_with_the_code_of_a_corrupt_journal(path: Path, capsys):
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE rows SET payload = x'00' WHERE sequence = 3")
        database.commit()
    for tokens in (["verify", path], ["verify", path, "-o", "json"], ["show", path]):
        capsys.readouterr()
        assert outcome(*tokens) == Exit.JOURNAL_CORRUPT
        assert "json" not in tokens or capsys.readouterr().out == ""


def test_a_head_that_was_noted_down_proves_that_nothing_was_rewritten(path: Path, tmp_path: Path):
    rows = list(read_journal(path))
    assert outcome("verify", path, "--head", rows[4].hash.hex()) == Exit.OK
    assert outcome("verify", path, "--head", rows[-1].hash.hex()[:12].upper()) == Exit.OK
    # Rewritten whole, with a chain of its own: every row is sound, and still it is found.
    forged = tmp_path / "forged.journal"
    with Journal.create(forged) as journal:
        for row in rows[1:-1]:
            journal.append(row.kind, row.payload)
        journal.seal("0" * 64)
    assert outcome("verify", forged) == Exit.OK
    assert outcome("verify", forged, "--head", rows[-1].hash.hex()) == Exit.JOURNAL_CORRUPT
    assert outcome("verify", path, "--head", "nonsense") == Exit.USAGE


def test_a_row_that_this_release_cannot_read_is_named_and_never_skipped(tmp_path: Path, capsys):
    path = tmp_path / "future.journal"
    with Journal.create(path) as journal:
        journal.append(EVENT, b'{"kind":"moon_rose","at_ns":5}')
        journal.append("gossip", b"{}")
        journal.seal("0" * 64)
    assert outcome("verify", path) == Exit.FAILED
    assert "row 1" in capsys.readouterr().out
    problems = [line["problem"] for line in lines(capsys, path, "--what", "entries")]
    assert [bool(problem) for problem in problems] == [True, True, False]


def test_what_is_no_journal_is_one_clear_error(tmp_path: Path):
    (tmp_path / "text").write_text("hello")
    assert outcome("verify", tmp_path / "text") == Exit.JOURNAL_CORRUPT
    assert outcome("verify", tmp_path / "none") == Exit.SETUP
    assert outcome("show", tmp_path) == Exit.SETUP


# --- show ---------------------------------------------------------------------


def test_kinds_times_and_limits_choose_what_is_shown(path: Path, capsys):
    kinds = document(capsys, "show", path, "-k", "order_denied", "-k", "order_refused")
    assert [entry["kind"] for entry in kinds["entries"]] == ["order_refused", "order_denied"]
    late = document(capsys, "show", path, "--from", "2026-11-20 10:00:30")
    assert {entry["kind"] for entry in late["entries"]} >= {"operator_halted", "fill_received"}
    early = document(capsys, "show", path, "--to", "2026-11-20 10:00:29")
    assert late["matching"] + early["matching"] == document(capsys, "show", path)["matching"]
    day = document(capsys, "show", path, "--from", "2026-11-20", "--to", "2026-11-20")
    assert day == document(capsys, "show", path)
    newest = document(capsys, "show", path, "--limit", "2")
    assert newest["entries"] == document(capsys, "show", path)["entries"][-2:]


@pytest.mark.parametrize("name", ["run-1", "o1"])
def test_one_order_is_followed_by_any_of_its_names(path: Path, capsys, name: str):
    shown = document(capsys, "show", path, "--order", name)
    assert [entry["kind"] for entry in shown["entries"]] == [
        "submit_order",
        "fill_received",
        "order_accepted",
        "order_updated",
    ]


@pytest.mark.parametrize(
    "option",
    [
        ["--kind", "nonsense"],
        ["--from", "yesterday"],
        ["--from", "2026-11-21", "--to", "2026-11-20"],
        ["--order", "nobody"],
        ["--limit", "0"],
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(path: Path, capsys, option: list[str]):
    assert outcome("show", path, *option) == Exit.USAGE


def test_every_kind_of_the_messages_can_be_asked_for(path: Path):
    assert {entry.kind for entry in read_entries(path)} <= set(KINDS)
    assert {"run_started", "submit_order", "seal"} <= set(KINDS)


def test_a_line_for_people_tells_time_kind_and_what(path: Path, capsys):
    assert outcome("show", path, "-k", "operator_halted") == Exit.OK
    line = capsys.readouterr().out
    assert "2026-11-20 10:00:40.000 operator_halted" in line
    assert '"reason":"lunch"' in line


# --- export -------------------------------------------------------------------


def test_every_order_stands_in_the_audit_with_its_reason(path: Path, capsys):
    first, refused, denied, by_hand = table(capsys, path)
    assert (first["intent_id"], first["order_ids"], first["status"]) == ("run-1", "o1", "FILLED")
    assert (first["filled_quantity"], first["average_price"]) == ("10", "100.50")
    assert first["trade_ids"] == "t1"
    assert (first["source"], first["strategy"], first["verdict"]) == ("patang", "alpha", "APPROVED")
    assert first["decided_ist"] == "2026-11-20 10:00:01.000"
    assert (refused["reason"], refused["status"]) == ("cheaper", "REJECTED")
    assert "MarginException: Insufficient funds" in refused["messages"]
    assert (denied["status"], denied["verdict"]) == ("DENIED", "MAX_ORDER_VALUE")
    assert "limit 1000000" in denied["verdict_message"]
    assert (by_hand["source"], by_hand["order_ids"], by_hand["instrument"]) == (
        "external",
        "byhand",
        TCS.id,
    )


def test_a_text_from_outside_is_no_formula_in_a_spreadsheet(path: Path, capsys):
    assert table(capsys, path)[0]["reason"] == "'=cheap"
    assert lines(capsys, path)[0]["reason"] == "=cheap"


def test_orders_are_chosen_by_name_and_by_when_they_were_decided(path: Path, capsys):
    (one,) = lines(capsys, path, "--order", "run-2")
    assert one["intent_id"] == "run-2"
    late = lines(capsys, path, "--from", "2026-11-20 10:00:15")
    assert [line["status"] for line in late] == ["DENIED", "ACCEPTED"]


def test_entries_as_lines_are_the_journal_in_words(path: Path, capsys):
    entries = lines(capsys, path, "--what", "entries")
    assert [entry["kind"] for entry in entries] == [entry.kind for entry in read_entries(path)]
    assert entries[0]["message"]["run"]["opening_cash"] == "1000000"
    assert outcome("export", path, "--kind", "seal") == Exit.USAGE


def test_a_file_is_new_private_and_whole(path: Path, tmp_path: Path, capsys):
    into = tmp_path / "orders.csv"
    assert outcome("export", path, "--into", into) == Exit.OK
    assert capsys.readouterr().out == ""
    assert into.stat().st_mode & 0o777 == 0o600
    assert len(into.read_text().splitlines()) == 5
    assert outcome("export", path, "--into", into) == Exit.USAGE
    assert outcome("export", path, "--into", tmp_path / "no" / "orders.csv") == Exit.SETUP


def test_errors_keep_their_exit_codes():
    assert exit_code_of(JournalError(None, "x")) == Exit.SETUP
    assert issubclass(JournalCorrupt, JournalError)
    assert exit_code_of(InvalidValue("--kind", "x")) == Exit.USAGE
