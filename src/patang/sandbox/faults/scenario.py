"""Scenario files: the faults of a run, in TOML or JSON.

A scenario in TOML::

    name = "a bad morning"

    [[faults]]
    kind = "lose_reply"
    nth = [3]

    [[faults]]
    kind = "cut_exchange"
    at_s = 60
    for_s = 20
"""

from pathlib import Path

import msgspec

from patang.sandbox.documents import parse_document, read_document
from patang.sandbox.faults.menu import KINDS, Fault

HINTS = {
    "kind": f"docs/faults.md explains them: {', '.join(KINDS)}.",
    "": "docs/faults.md lists the fields of every fault, docs/sandbox.md shows a scenario.",
}
"""What helps against a wrong field, by its name; or, under the empty one, against any other."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults that a run meets. Their seconds count from the moment the scenario is loaded."""

    name: str = ""
    faults: tuple[Fault, ...] = ()


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file, ``.json`` or TOML.

    Raises:
        DocumentInvalid: unreadable, or not a scenario; it names file, line and field.
    """
    return read_document(path, Scenario, HINTS)


def parse_scenario(text: str, *, is_json: bool = False) -> Scenario:
    """A scenario out of its text; raises ``DocumentInvalid``."""
    return parse_document(text, Scenario, is_json=is_json, name="scenario", hints=HINTS)
