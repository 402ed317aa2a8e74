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
        ("users", (SandboxUser(user_id=""),)),
        ("users", (SandboxUser(user_id="A", cash=Decimal(-1)),)),
    ],
)
def test_bad_settings_name_the_field(field, value):
    with pytest.raises(InvalidValue) as raised:
        SandboxSettings(**{field: value})
    assert raised.value.field == field
