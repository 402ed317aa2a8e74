"""docs/protocol.md names every message, field and code of the protocol."""

import re
from pathlib import Path

import pytest

from patang.brokers import protocol as p

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([A-Za-z_]+)`", PAGE))
STRUCTS = [
    *p.ClientMessage.__args__,
    *p.GatewayMessage.__args__,
    p.Books,
    p.BookedFields,
    p.PositionFields,
    p.RequestFate,
    p.GttLegFields,
]


@pytest.mark.parametrize("kind", sorted(p.CLIENT_TYPES | p.GATEWAY_TYPES))
def test_every_type_is_on_the_page(kind):
    assert kind in NAMED


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_field_is_on_the_page(struct):
    assert set(struct.__struct_fields__) <= NAMED


def test_every_code_is_on_the_page_and_no_other():
    codes = {value for name, value in vars(p.Codes).items() if name.isupper()}
    table = PAGE.partition("### ERROR")[2].partition("## The stream")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == codes


def test_every_closing_code_is_on_the_page():
    for name, value in vars(p.CloseCode).items():
        if name.isupper():
            assert str(value) in PAGE
