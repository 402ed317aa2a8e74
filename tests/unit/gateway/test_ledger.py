import asyncio
import sqlite3

import pytest

from patang.gateway.ledger import KEPT_NS, Entry, Ledger, LedgerFailed

NOW_NS = 1_767_589_200_000_000_000


def an_entry(request_id="r1", **changes) -> Entry:
    fields = {
        "client": "desk",
        "request_id": request_id,
        "kind": "PLACE_ORDER",
        "digest": b"d",
        "body": b"{}",
        "received_ns": NOW_NS,
        "tag": f"tag{request_id}",
    }
    return Entry(**(fields | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gateway.ledger"


async def test_what_was_synced_is_there_after_a_crash(path):
    ledger = Ledger(path, NOW_NS)
    ledger.begin(an_entry())
    await ledger.sync()
    # A crash: nothing is closed, and only what is on disk is read.
    rows = sqlite3.connect(path).execute("SELECT request_id, answer FROM requests").fetchall()
    assert rows == [("r1", None)]
    ledger.close()
    again = Ledger(path, NOW_NS)
    assert again.find("desk", "r1").answer is None
    assert again.of_tag("tagr1").request_id == "r1"
    again.close()


async def test_an_answer_is_kept_with_its_request(path):
    ledger = Ledger(path, NOW_NS)
    entry = an_entry()
    ledger.begin(entry)
    await ledger.sync()
    ledger.settle(entry, b'{"type":"RESPONSE"}')
    ledger.close()
    again = Ledger(path, NOW_NS)
    assert again.find("desk", "r1").answer == b'{"type":"RESPONSE"}'
    again.close()


async def test_many_requests_share_a_write(path):
    ledger = Ledger(path, NOW_NS)
    writes = []
    write = ledger._write
    ledger._write = lambda rows: (writes.append(len(rows)), write(rows))
    entries = [an_entry(f"r{number}") for number in range(50)]

    async def one(entry):
        ledger.begin(entry)
        await ledger.sync()

    await asyncio.gather(*map(one, entries))
    assert sum(writes) == 50
    assert len(writes) <= 3
    ledger.close()


async def test_a_second_gateway_is_refused(path):
    ledger = Ledger(path, NOW_NS)
    with pytest.raises(LedgerFailed, match="held by another gateway"):
        Ledger(path, NOW_NS)
    ledger.close()
    Ledger(path, NOW_NS).close()


async def test_a_request_that_cannot_be_written_was_never_made(path):
    ledger = Ledger(path, NOW_NS)
    ledger._database.execute("PRAGMA query_only = ON")  # as a full disk, every write fails
    entry = an_entry()
    ledger.begin(entry)
    with pytest.raises(LedgerFailed, match="cannot be written"):
        await ledger.sync()
    ledger.forget(entry)
    assert ledger.find("desk", "r1") is None
    assert ledger.count_since("desk", "PLACE_ORDER", 0) == 0
    ledger._database.execute("PRAGMA query_only = OFF")
    ledger.begin(entry)
    await ledger.sync()
    ledger.close()
    again = Ledger(path, NOW_NS)
    assert again.find("desk", "r1") is not None
    again.close()


async def test_keys_are_forgotten_after_a_week(path):
    ledger = Ledger(path, NOW_NS)
    ledger.begin(an_entry("old"))
    ledger.begin(an_entry("new", received_ns=NOW_NS + 10))
    ledger.close()
    later = Ledger(path, NOW_NS + KEPT_NS + 5)
    assert later.find("desk", "old") is None
    assert later.find("desk", "new") is not None
    later.close()


async def test_requests_are_counted_from_a_moment_on(path):
    ledger = Ledger(path, NOW_NS)
    for number in range(5):
        ledger.begin(an_entry(f"r{number}", received_ns=NOW_NS + number))
    assert ledger.count_since("desk", "PLACE_ORDER", NOW_NS + 2) == 3
    assert ledger.count_since("other", "PLACE_ORDER", 0) == 0
    ledger.close()


def test_a_file_that_is_no_ledger_is_refused_and_let_go(path):
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(LedgerFailed, match="cannot be read"):
        Ledger(path, NOW_NS)
    path.unlink()
    Ledger(path, NOW_NS).close()
