from decimal import Decimal

import pytest

from patang.domain.errors import InvalidValue
from patang.sandbox.settings import SandboxSettings, SandboxUser


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 65_536),
        ("port", -1),
        ("speed", -1.0),
        ("speed", float("nan")),
        ("speed", float("inf")),
        ("start_ns", -1),
        ("users", ()),
        ("users", (SandboxUser(user_id="A"), SandboxUser(user_id="A"))),
        ("control_port", 65_536),
        ("book_limit", -1),
    ],
)
def test_bad_settings_name_the_field(field, value):
    with pytest.raises(InvalidValue) as raised:
        SandboxSettings(**{field: value})
    assert raised.value.field == field


def test_kites_port_and_the_control_port_are_two():
    with pytest.raises(InvalidValue, match="control_port"):
        SandboxSettings(port=8_000, control_port=8_000)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("user_id", {"user_id": ""}),
        ("user_id", {"user_id": "AB 12"}),
        ("cash", {"user_id": "A", "cash": Decimal(-1)}),
    ],
)
def test_bad_users_name_the_field(field, fields):
    with pytest.raises(InvalidValue) as raised:
        SandboxUser(**fields)
    assert raised.value.field == field
