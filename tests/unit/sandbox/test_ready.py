import json
import stat

import pytest

from patang.sandbox.errors import ReadyFileUnwritable
from patang.sandbox.ready import ClockReading, Ready, ReadyFile, ReadyUser

READY = Ready(
    root="http://127.0.0.1:1",
    control="http://127.0.0.1:2",
    ws="ws://127.0.0.1:1",
    api_key="k",
    api_secret="s",
    login_url="http://127.0.0.1:1/connect/login?v=3&api_key=k",
    users=(ReadyUser("AB1234", "t"),),
    clock=ClockReading(5, 1.0),
)


def test_the_file_is_whole_private_and_leaves_nothing_else_behind(tmp_path):
    path = tmp_path / "ready.json"
    file = ReadyFile(path)
    file.prepare()
    assert not path.exists()
    file.publish(READY)
    assert json.loads(path.read_text()) == {
        "root": "http://127.0.0.1:1",
        "control": "http://127.0.0.1:2",
        "ws": "ws://127.0.0.1:1",
        "api_key": "k",
        "api_secret": "s",
        "login_url": "http://127.0.0.1:1/connect/login?v=3&api_key=k",
        "users": [{"user_id": "AB1234", "access_token": "t"}],
        "clock": {"now_ns": 5, "speed": 1.0},
        "apps": [],
        "certificate": None,
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_preparing_removes_a_stale_file(tmp_path):
    path = tmp_path / "ready.json"
    path.write_text("stale")
    ReadyFile(path).prepare()
    assert not path.exists()


def test_withdrawing_leaves_a_file_that_is_not_ours(tmp_path):
    path = tmp_path / "ready.json"
    file = ReadyFile(path)
    file.prepare()
    file.publish(READY)
    path.write_text("another sandbox")
    file.withdraw()
    assert path.read_text() == "another sandbox"


def test_withdrawing_removes_what_was_published(tmp_path):
    path = tmp_path / "ready.json"
    file = ReadyFile(path)
    file.prepare()
    file.publish(READY)
    file.withdraw()
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_named_before_anything_starts(tmp_path):
    with pytest.raises(ReadyFileUnwritable, match=r"missing/ready\.json"):
        ReadyFile(tmp_path / "missing" / "ready.json").prepare()
    with pytest.raises(ReadyFileUnwritable):
        ReadyFile(tmp_path).prepare()
