"""docs/faults.md names every fault with every field it has of its own."""

import re
from pathlib import Path

import pytest

from patang.sandbox.faults.menu import ChanceFault, Fault, RequestFault, TimedFault, kind_of
from patang.sandbox.faults.reasons import REASONS

PAGE = (Path(__file__).parents[4] / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = {
    kind: set(re.findall(r"`(\w+)`", fields))
    for kind, fields in re.findall(r"^\| `(\w+_\w+)` \|.*\| ([^|]*)\|$", PAGE, re.MULTILINE)
}
SHARED = {
    name for base in (RequestFault, ChanceFault, TimedFault) for name in base.__struct_fields__
}


@pytest.mark.parametrize("fault", Fault.__args__)
def test_the_page_has_the_fault_with_its_own_fields(fault):
    assert ROWS[kind_of(fault)] == set(fault.__struct_fields__) - SHARED


def test_the_page_has_no_others():
    assert len(ROWS) == len(Fault.__args__)


@pytest.mark.parametrize("name", [*sorted(SHARED), *REASONS])
def test_the_page_names_what_faults_share_and_every_reason(name):
    assert f"`{name}`" in PAGE
