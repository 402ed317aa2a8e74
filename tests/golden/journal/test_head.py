"""Format 1 of the journal, fixed for good: these rows give this chain, and this file reads."""

import shutil
from pathlib import Path

from patang.storage.journal import Journal, read_journal, verify

ROWS = [
    ("config", b'{"mode":"backtest","seed":7}'),
    ("tick", b'{"instrument":"NSE:INFY","last_price":1500.05}'),
    ("लेख", bytes(range(256))),
    ("empty", b""),
    ("overflow", b"patang " * 1200),
]
STATE_HASH = "00" * 32
HASHES = [
    "65cffb49f22c2bf2d65b1dfd863334f4beae0db313dd10f364097673a917f843",
    "61391831aea102474e2e99168377dee03de94a304bc5084a48078cec0edc5305",
    "8d3bb18872d4daec6468cb795bcab8208e0f2777a9449dac2aa0134833b20a85",
    "dd0e32ca547188d24cc69da52f1ef5fa0c70e1897f57c5dbf2de349e78ca028a",
    "cb797b76c49b7a737698a2ac822c5868d5ac07c387ea4f52c7c0b2f79715e87f",
    "ce9b93d9fa28149f837cdd2cb3bad5b3c4ac533ea1909f45ea3e6902467fbdab",
]


def test_fixed_rows_give_a_fixed_chain() -> None:
    journal = Journal.in_memory()
    hashes = [journal.append(kind, payload).hash.hex() for kind, payload in ROWS]
    hashes.append(journal.seal(STATE_HASH).hash.hex())
    assert hashes == HASHES


def test_a_file_of_format_1_still_reads(tmp_path: Path) -> None:
    path = Path(shutil.copy(Path(__file__).with_name("format-1.journal"), tmp_path))
    result = verify(path)
    assert (result.rows, result.is_sealed, result.problem) == (6, True, None)
    assert result.state_hash == STATE_HASH
    assert [(row.kind, row.payload) for row in read_journal(path)][:-1] == ROWS
    assert [row.hash.hex() for row in read_journal(path)] == HASHES
