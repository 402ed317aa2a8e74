import pytest

from patang.domain.errors import InvalidValue
from patang.sandbox.settings import SandboxSettings
from patang.sandbox.world import World
from patang.simulator.worlds.regimes import Regime


@pytest.mark.parametrize(
    ("field", "value"), [("universe", 100), ("universe", 100_001), ("book_limit", -1)]
)
def test_worlds_that_cannot_be_made_are_refused(field, value):
    with pytest.raises(InvalidValue, match=field):
        SandboxSettings(**{field: value})


def test_a_universe_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "none.csv"
    with pytest.raises(InvalidValue, match=r"universe_file: .*none\.csv"):
        World(SandboxSettings(universe_file=path), "http://sandbox")


def test_a_universe_file_that_is_no_dump_is_refused(tmp_path):
    path = tmp_path / "dump.csv"
    path.write_text("token,name\n1,INFY\n")
    with pytest.raises(InvalidValue, match="universe"):
        World(SandboxSettings(universe_file=path), "http://sandbox")


def test_a_world_has_the_mood_it_was_asked_for():
    calm, trend = (
        World(SandboxSettings(regime=regime), "http://sandbox")
        for regime in (Regime.CALM, Regime.TREND)
    )
    names = [one.id for one in calm.instruments]
    assert names == [one.id for one in trend.instruments]
    assert [calm.exchange.last_price(one) for one in names] != [
        trend.exchange.last_price(one) for one in names
    ]
