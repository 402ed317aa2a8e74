"""What a person did wrong in a scenario or a users file is told with its line."""

from datetime import time
from decimal import Decimal

import pytest

from patang.sandbox.documents import DocumentInvalid
from patang.sandbox.faults.menu import CutExchange, LoseReply
from patang.sandbox.faults.scenario import parse_scenario, read_scenario
from patang.sandbox.seeds import SandboxUser, SeedHolding, SeedOrder, SeedPosition, read_users

SCENARIO = """
name = "a bad morning"

[[faults]]
kind = "lose_reply"
nth = [3]

[[faults]]
kind = "cut_exchange"
at_s = 60
for_s = 20
"""

USERS = """
[[users]]
user_id = "AB1234"
cash = 250000.50

[[users.holdings]]
instrument = "NSE:INFY"
quantity = 10
average_price = 1450.05

[[users.positions]]
instrument = "NFO:NIFTY26NOVFUT"
quantity = -65
price = 24000

[[users]]
user_id = "CD5678"
poa = false

[[users.orders]]
instrument = "NSE:ITC"
side = "BUY"
quantity = 5
status = "CANCELLED"
at = 09:16:05
"""


def test_a_scenario_is_read(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO)
    scenario = read_scenario(path)
    assert scenario.name == "a bad morning"
    assert scenario.faults == (LoseReply(nth=(3,)), CutExchange(at_s=60.0, for_s=20.0))


def test_a_scenario_may_be_json(tmp_path):
    path = tmp_path / "scenario.json"
    path.write_text('{"faults": [{"kind": "lose_reply"}]}')
    assert read_scenario(path).faults == (LoseReply(),)


@pytest.mark.parametrize(
    ("text", "line", "field", "told"),
    [
        ("nam = 1", 1, "nam", "unknown field `nam`"),
        ("\nname = ", None, "", "Invalid value"),
        ("[[faults]]\nkind = 1 1", 2, "", "line 2"),
        ('[[faults]]\nkind = "lose_repl"', 2, "kind", "Invalid value 'lose_repl'"),
        ('[[faults]]\nkind = "lose_reply"\n\n[[faults]]\nkind = "lose_reply"\nfoo = 1', 6, "foo",
         "faults[1]: Object contains unknown field `foo`"),
        ('[[faults]]\nkind = "lose_reply"\nuntil_s = 0', 3, "until_s", "is not after from_s"),
        ('name = "x"\n[[faults]]\nkind = "error_reply"', 2, "status", "missing required field"),
        ('[[faults]]\nkind = "lose_reply"\nnth = ["x"]', 3, "nth", "Expected `int`, got `str`"),
        ('[[faults]]\nkind = "lose_reply"\nroutes = ["x"]', 3, "routes", "no route 'x'"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_names_line_and_field(text, line, field, told):
    with pytest.raises(DocumentInvalid) as caught:
        parse_scenario(text)
    assert (caught.value.line, caught.value.field) == (line, field)
    assert told in caught.value.cause


def test_an_unknown_kind_comes_with_all_that_are_known():
    with pytest.raises(DocumentInvalid) as caught:
        parse_scenario('[[faults]]\nkind = "earthquake"')
    assert "half_open_sockets" in caught.value.remedy


def test_a_wrong_field_of_a_fault_is_sent_to_the_page_of_the_faults():
    with pytest.raises(DocumentInvalid) as caught:
        parse_scenario("[[faults]]\nkind = 'error_reply'\n")
    assert "docs/faults.md" in caught.value.remedy
    with pytest.raises(DocumentInvalid) as caught:
        parse_scenario("[[faults]\n")
    assert "docs/faults.md" in caught.value.remedy


def test_users_are_read_with_all_they_begin_with(tmp_path):
    path = tmp_path / "users.toml"
    path.write_text(USERS)
    assert read_users(path) == (
        SandboxUser(
            user_id="AB1234",
            cash=Decimal("250000.5"),
            holdings=(
                SeedHolding(instrument="NSE:INFY", quantity=10, average_price=Decimal("1450.05")),
            ),
            positions=(
                SeedPosition(instrument="NFO:NIFTY26NOVFUT", quantity=-65, price=Decimal(24_000)),
            ),
        ),
        SandboxUser(
            user_id="CD5678",
            poa=False,
            orders=(
                SeedOrder(
                    instrument="NSE:ITC",
                    side="BUY",
                    quantity=5,
                    status="CANCELLED",
                    at=time(9, 16, 5),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ('"CANCELLED"', '"DONE"', 24, "status"),
        ("quantity = 5", "quantity = 5.5", 23, "quantity"),
        ("quantity = -65", 'quantity = "x"', 13, "quantity"),
        ("poa = false", "poa = false\nage = 3", 19, "age"),
        ('user_id = "CD5678"', 'user_id = "CD 5678"', 17, "user_id"),
        ('side = "BUY"\n', "", 20, "side"),
    ],
)
def test_a_wrong_users_file_names_line_and_field(tmp_path, old, new, line, field):
    path = tmp_path / "users.toml"
    path.write_text(USERS.replace(old, new))
    with pytest.raises(DocumentInvalid, match=r"users\.toml") as caught:
        read_users(path)
    assert (caught.value.line, caught.value.field) == (line, field)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DocumentInvalid, match="No such file"):
        read_users(tmp_path / "nobody.toml")
