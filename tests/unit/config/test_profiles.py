"""Profiles: what a file and the environment may say, and how a mistake is named."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.config.errors import ConfigInvalid
from patang.config.profile import Profile
from patang.config.profiles import Profiles, add_profile, profile_text, read_profiles
from patang.domain.enums import Mode

LIVE = '[profiles.home]\nmode = "live"\napi_key = "abc123"\n'
SANDBOX = '[profiles.toy]\nmode = "sandbox"\napi_key = "k"\nroot = "http://127.0.0.1:8000/"\n'


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATANG_PROFILE", "PATANG_PROFILES"):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    (folder / "profiles.toml").write_text(text)
    return folder


def test_a_live_profile_needs_only_the_key_of_the_app(tmp_path: Path) -> None:
    name, config = read_profiles(written(tmp_path, LIVE)).chosen()
    assert (name, config.mode, config.api_key) == ("home", Mode.LIVE, "abc123")
    assert config.root == "https://api.kite.trade"
    assert config.login_url == "https://kite.zerodha.com/connect/login"


def test_the_addresses_of_a_sandbox_follow_from_its_root(tmp_path: Path) -> None:
    _, config = read_profiles(written(tmp_path, SANDBOX)).chosen()
    assert config.root == "http://127.0.0.1:8000"
    assert config.ws == "ws://127.0.0.1:8000"
    assert config.login_url == "http://127.0.0.1:8000/connect/login"


def test_command_line_goes_before_environment_before_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path, f'profile = "home"\n{LIVE}{SANDBOX}')
    assert read_profiles(folder).chosen()[0] == "home"
    monkeypatch.setenv("PATANG_PROFILE", "toy")
    monkeypatch.setenv("PATANG_PROFILES__HOME__API_KEY", "fromoutside")
    assert read_profiles(folder).chosen()[0] == "toy"
    name, config = read_profiles(folder, "home").chosen()
    assert (name, config.api_key) == ("home", "fromoutside")


def test_the_environment_alone_can_hold_a_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATANG_PROFILES__CI__MODE", "live")
    monkeypatch.setenv("PATANG_PROFILES__CI__API_KEY", "key")
    assert read_profiles(tmp_path).chosen()[0] == "ci"


def test_nothing_is_chosen_by_chance(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no profile is set up"):
        read_profiles(tmp_path).chosen()
    folder = written(tmp_path, LIVE + SANDBOX)
    with pytest.raises(ConfigInvalid, match=r"none was chosen.*home, toy"):
        read_profiles(folder).chosen()
    with pytest.raises(ConfigInvalid, match=r"'away'.*home, toy"):
        read_profiles(folder, "away").chosen()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[profiles.a\n", "line 1 is no TOML"),
        ("\udc80".join(["", ""]), "cannot be read"),
        ("colour = 1", "^colour: .* may not hold this name"),
        (LIVE + 'colour = "red"', "profiles.home.colour"),
        ("profiles = 3", "^profiles: "),
        ('[profiles.a]\napi_key = "k"', "profiles.a.mode: it is missing"),
        ('[profiles.a]\nmode = "live"', "profiles.a.api_key: it is missing"),
        ('[profiles.a]\nmode = "paper"\napi_key = "k"', "profiles.a.mode"),
        ('[profiles.a]\nmode = "sandbox"\napi_key = "k"', "needs root"),
        (LIVE + "redirect_port = 0", "redirect_port"),
        (LIVE.replace("[profiles.home]", '[profiles."../up"]'), "no name of a profile"),
        (LIVE + 'root = "http://127.0.0.1"', "mode is live, but the address in root is not"),
        (SANDBOX.replace("http://127.0.0.1:8000/", "https://api.kite.trade"), "Zerodha's own"),
        (SANDBOX + 'ws = "wss://ws.kite.trade"', "address in ws is Zerodha's own"),
        (SANDBOX + 'login_url = "https://kite.zerodha.com/connect/login"', "login_url is Zerodha"),
        (SANDBOX.replace("http://", "file://"), "no address of a server"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "profiles.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigInvalid, match=complaint):
        read_profiles(tmp_path)


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for field in ("api_secret", "access_token", "totp_secret"):
        with pytest.raises(ConfigInvalid, match="a secret does not belong") as failure:
            read_profiles(written(tmp_path, f'{LIVE}{field} = "hush5bring"\n'))
        assert failure.value.field == f"profiles.home.{field}"
        assert "hush5bring" not in repr(failure.value)


def test_no_mistake_repeats_the_value(tmp_path: Path) -> None:
    for field in ("api_key", "mode", "root", "ws", "redirect_port", "colour"):
        text = f'[profiles.a]\n{field} = "hush hush"\n'
        with pytest.raises(ConfigInvalid) as failure:
            read_profiles(written(tmp_path, text))
        assert "hush" not in repr(failure.value)


def test_a_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    text = SANDBOX.replace("http://127", "http://me:hush@127")
    with pytest.raises(ConfigInvalid) as failure:
        read_profiles(written(tmp_path, text))
    assert "hush" not in repr(failure.value)


def test_an_environment_that_is_no_json_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATANG_PROFILES", "{bad")
    with pytest.raises(ConfigInvalid, match="PATANG_PROFILES"):
        read_profiles(tmp_path)


def test_a_written_profile_reads_back_equal(tmp_path: Path) -> None:
    live = Profile(mode=Mode.LIVE, api_key="abc123", redirect_port=5000)
    toy = Profile(mode=Mode.SANDBOX, api_key="k", root="http://127.0.0.1:8000")
    text = profile_text("home", live) + "\n" + profile_text("toy", toy)
    assert "ws.kite.trade" not in text
    assert read_profiles(written(tmp_path, text)).profiles == {"home": live, "toy": toy}


def test_profiles_are_added_beside_those_that_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    live = Profile(mode=Mode.LIVE, api_key="abc123")
    toy = Profile(mode=Mode.SANDBOX, api_key="k", root="http://127.0.0.1:8000")
    add_profile(folder, "home", live)
    path = add_profile(folder, "toy", toy)
    assert read_profiles(folder).profiles == {"home": live, "toy": toy}
    assert [each.name for each in folder.iterdir()] == [path.name]
    with pytest.raises(ConfigInvalid, match="already"):
        add_profile(folder, "home", toy)
    with pytest.raises(ConfigInvalid, match="no name"):
        add_profile(folder, "../home", toy)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigInvalid, match="cannot be"):
        add_profile(tmp_path / "file", "home", live)


@settings(max_examples=150, deadline=None)
@given(junk=st.binary(max_size=200))
def test_no_file_is_anything_but_profiles_or_a_named_mistake(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "junk"
    folder.mkdir(exist_ok=True)
    for content in (junk, LIVE.encode() + junk, b"[profiles.a]\nmode = " + junk):
        (folder / "profiles.toml").write_bytes(content)
        with contextlib.suppress(ConfigInvalid):
            assert isinstance(read_profiles(folder), Profiles)
