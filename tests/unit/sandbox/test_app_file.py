import pytest

from patang.sandbox.app_file import AppFileInvalid, read_apps
from patang.sandbox.apps import AppKind, AppSettings

TOML = """
[[apps]]
api_key = "alpha"
api_secret = "alphasecret"
postback_url = "http://127.0.0.1:9000/postback"

[[apps]]
kind = "personal"
allowed_ips = []
"""
JSON = '{"apps": [{"api_key": "alpha", "has_refresh_tokens": true}]}'


def test_apps_are_read_from_toml_and_json(tmp_path):
    toml, json = tmp_path / "apps.toml", tmp_path / "apps.json"
    toml.write_text(TOML)
    json.write_text(JSON)
    alpha, personal = read_apps(toml)
    assert (alpha.api_key, alpha.kind) == ("alpha", AppKind.CONNECT)
    assert alpha.postback_url == "http://127.0.0.1:9000/postback"
    assert personal == AppSettings(kind=AppKind.PERSONAL, allowed_ips=())
    assert read_apps(json) == (AppSettings(api_key="alpha", has_refresh_tokens=True),)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("apps = 1", "apps"),
        ("apps = []", "no app"),
        ("[[apps]]\nkind = 'free'", "apps[0].kind"),
        ("[[apps]]\ncolour = 'red'", "colour"),
        ("[[apps]]\npostback_url = 'nowhere'", "postback_url"),
        ("[[apps]\n", "line 1"),
        ("other = 1", "other"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_its_field(tmp_path, text, named):
    path = tmp_path / "apps.toml"
    path.write_text(text)
    with pytest.raises(AppFileInvalid) as caught:
        read_apps(path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert "connect or personal" in caught.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing.toml", "binary"):
        with pytest.raises(AppFileInvalid, match=name):
            read_apps(tmp_path / name)
