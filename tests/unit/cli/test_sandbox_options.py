"""The options of `patang sandbox`, and what they refuse."""

import pytest

from patang.cli.sandbox_options import (
    clock_in_words,
    start_of,
    universe_settings,
    users_of,
    world_settings,
)
from patang.domain.errors import InvalidValue
from patang.rules.ist import format_ist
from patang.sandbox.documents import DocumentInvalid
from patang.sandbox.seeds import SandboxUser
from patang.sandbox.settings import DEFAULT_START_NS
from patang.simulator.tape.fill_models import FillModelName
from patang.simulator.worlds.regimes import Regime


def test_a_world_is_a_kind_of_days_or_a_tape(tmp_path):
    assert world_settings("crash", None) == {"regime": Regime.CRASH}
    path = tmp_path / "ticks.csv"
    path.write_text("")
    tape = world_settings(str(path), "queue-position")["tape"]
    assert (tape.path, tape.fill_model) == (path, FillModelName.QUEUE_POSITION)


@pytest.mark.parametrize(
    ("world", "model", "told"),
    [
        ("storm", "quote-based", "calm, trend, gap, crash or circuit"),
        ("storm.csv", "quote-based", "no file storm.csv"),
        ("calm", "magic", "quote-based or queue-position"),
        ("calm", "queue-position", "is of a recorded tape"),
    ],
)
def test_another_world_is_refused(world, model, told):
    with pytest.raises(InvalidValue) as caught:
        world_settings(world, model)
    assert told in str(caught.value)


def test_without_a_fill_model_a_tape_fills_where_its_quote_crosses(tmp_path):
    path = tmp_path / "ticks.csv"
    path.write_text("")
    assert world_settings(str(path), None)["tape"].fill_model == FillModelName.QUOTE_BASED


def test_a_universe_is_a_size_or_a_dump(tmp_path):
    assert universe_settings("5000") == {"universe": 5000}
    path = tmp_path / "instruments.csv"
    path.write_text("")
    assert universe_settings(str(path)) == {"universe_file": path}


@pytest.mark.parametrize("text", ["30", "100001", "everything", "-1", "1e3"])
def test_another_universe_is_refused(text):
    with pytest.raises(InvalidValue):
        universe_settings(text)


def test_a_date_begins_at_its_time_in_india():
    assert start_of("2026-11-19") == DEFAULT_START_NS
    assert format_ist(start_of("2026-11-20T08:55:30")) == "2026-11-20 08:55:30"


@pytest.mark.parametrize("text", ["tomorrow", "2026-02-30", "2026-11-20T09:00+05:30", "20-11-2026"])
def test_another_date_is_refused(text):
    with pytest.raises(InvalidValue, match="--date"):
        start_of(text)


def test_users_are_named_or_in_a_file(tmp_path):
    assert [user.user_id for user in users_of("AB1234,CD5678=5")] == ["AB1234", "CD5678"]
    path = tmp_path / "users.json"
    path.write_text('{"users": [{"user_id": "EF9012"}]}')
    assert users_of(str(path)) == (SandboxUser(user_id="EF9012"),)
    with pytest.raises(DocumentInvalid):
        users_of(str(tmp_path / "absent.toml"))


@pytest.mark.parametrize("day", ["2024-03-04", "2035-06-01"])
def test_a_day_that_no_calendar_knows_is_refused_by_its_option(day):
    with pytest.raises(InvalidValue, match=r"--date.*calendar"):
        start_of(day)
    assert format_ist(start_of(day, of_tape=True)) == f"{day} 09:20:00"


@pytest.mark.parametrize("text", ["users.yaml", "AB 1234", "AB1234=much", "AB1234=-1", ""])
def test_other_users_are_refused_with_what_to_write(text):
    with pytest.raises(InvalidValue, match="--users") as caught:
        users_of(text)
    assert "users.toml" in caught.value.remedy


@pytest.mark.parametrize(
    ("when", "speed", "told"),
    [
        ("2026-11-19", 1.0, "Thursday 2026-11-19 09:20:00 IST, at the pace of real time"),
        ("2026-11-19", 60.0, "Thursday 2026-11-19 09:20:00 IST, 60 times real time"),
        ("2026-11-20T08:50", 0.0, "Friday 2026-11-20 08:50:00 IST, standing still"),
        ("2026-11-22", 0.5, "Sunday 2026-11-22 09:20:00 IST (no trading), 0.5 times real time"),
    ],
)
def test_a_clock_is_told_in_words(when, speed, told):
    assert clock_in_words(start_of(when), speed) == told
