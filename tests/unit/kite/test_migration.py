"""Whoever comes from the official Python client finds every call, under its name and keywords."""

import inspect
from pathlib import Path

import pytest
from kiteconnect import KiteConnect

from patang.kite import Kite

GUIDE = Path(__file__).parents[3] / "docs" / "migrating-from-pykiteconnect.md"
OFFICIAL = {
    name: inspect.signature(method)
    for name, method in inspect.getmembers(KiteConnect, inspect.isfunction)
    if not name.startswith("_")
}


def test_the_official_client_is_the_one_the_guide_is_about():
    from kiteconnect.__version__ import __version__

    assert __version__ == "5.2.2"
    assert __version__ in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_guide_has_every_public_method(name):
    assert f"| `{name}(" in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OFFICIAL)
def test_keywords_agree_in_name_order_and_kind(name):
    theirs = list(OFFICIAL[name].parameters.values())[1:]
    ours = list(inspect.signature(getattr(Kite, name)).parameters.values())[1:]
    assert [one.name for one in ours[: len(theirs)]] == [one.name for one in theirs]
    assert [one.kind for one in ours[: len(theirs)]] == [one.kind for one in theirs]
    for mine, peers in zip(ours, theirs, strict=False):
        assert (mine.default is mine.empty) == (peers.default is peers.empty), mine.name
    # What ours takes besides may be left out.
    assert all(one.default is not one.empty for one in ours[len(theirs) :])


def test_the_constructor_takes_the_first_three_as_the_official_one_does():
    def first(cls):
        return list(inspect.signature(cls.__init__).parameters)[1:4]

    assert first(Kite) == first(KiteConnect) == ["api_key", "access_token", "root"]
