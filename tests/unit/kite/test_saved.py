"""A script gets a client with the session that was kept, or is told how to log in."""

from datetime import date
from pathlib import Path

import pytest

from patang.config.profile import Profile
from patang.config.profiles import add_profile
from patang.domain.enums import Mode
from patang.kite.login import Login
from patang.kite.saved import SavedAccount, SessionEnded, saved_account, saved_kite
from patang.kite.secret import Secret
from patang.rules.ist import at_ist
from patang.storage.private_file import SecretStorageError

DAY = date(2026, 11, 20)
LOGIN = Login(
    user_id="AB1234",
    user_name="A B",
    access_token=Secret("t0ken"),
    login_ns=at_ist(DAY, 8, 30),
    expires_ns=at_ist(date(2026, 11, 21), 6, 0),
)


class Clock:
    """Stands still."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


MORNING = Clock(LOGIN.login_ns)
NEXT_DAY = Clock(LOGIN.expires_ns)


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROFILE", "SECRETS_KEY", "SECRETS_KEY_FILE", "API_SECRET"):
        monkeypatch.delenv(f"PATANG_{name}", raising=False)
    monkeypatch.setenv("PATANG_CONFIG_DIR", str(tmp_path))
    add_profile(tmp_path, "home", Profile(mode=Mode.LIVE, api_key="key"))


def changed(account: SavedAccount, **fields: object) -> SavedAccount:
    import msgspec

    return msgspec.structs.replace(account, **fields)


def test_a_kept_session_makes_a_client() -> None:
    saved_account().keep(LOGIN)
    kite = saved_kite("home", clock=MORNING)
    assert kite.access_token == Secret("t0ken")
    assert kite.root == "https://api.kite.trade"
    assert "t0ken" not in repr(kite)


def test_without_a_session_one_is_told_how_to_get_it() -> None:
    with pytest.raises(SessionEnded, match="no session for home") as failure:
        saved_kite()
    assert failure.value.remedy == "Log in: patang login --profile home"


def test_after_six_in_the_morning_a_live_session_is_over() -> None:
    account = saved_account()
    account.keep(LOGIN)
    with pytest.raises(SessionEnded, match="ended at 2026-11-21 06:00:00 IST"):
        account.access_token(NEXT_DAY)


def test_a_session_of_another_app_or_server_is_not_used() -> None:
    account = saved_account()
    account.keep(LOGIN)
    other_app = Profile(mode=Mode.LIVE, api_key="other")
    sandbox = Profile(mode=Mode.SANDBOX, api_key="key", root="http://127.0.0.1:8000")
    for profile in (other_app, sandbox):
        with pytest.raises(SessionEnded):
            changed(account, profile=profile).access_token(MORNING)


def test_a_sandbox_decides_itself_what_has_expired() -> None:
    sandbox = Profile(mode=Mode.SANDBOX, api_key="key", root="http://127.0.0.1:8000")
    account = changed(saved_account(), profile=sandbox)
    account.keep(LOGIN)
    assert account.access_token(NEXT_DAY) == Secret("t0ken")


def test_what_was_kept_goes_before_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    account = changed(
        saved_account(), usual_token=Secret("usual"), usual_secret=Secret("usual secret")
    )
    assert account.access_token(MORNING) == Secret("usual")
    assert account.api_secret() == Secret("usual secret")
    account.keep(LOGIN)
    account.keep_api_secret(Secret("kept secret"))
    assert account.access_token(MORNING) == Secret("t0ken")
    assert account.api_secret() == Secret("kept secret")
    monkeypatch.setenv("PATANG_API_SECRET", "given secret")
    assert changed(saved_account()).api_secret() == Secret("given secret")
    other = Profile(mode=Mode.LIVE, api_key="other")
    assert changed(account, profile=other).api_secret() == Secret("usual secret")


def test_a_damaged_session_is_no_missing_one(tmp_path: Path) -> None:
    saved_account().keep(LOGIN)
    (tmp_path / "secrets" / "home.session.age").write_bytes(b"junk")
    with pytest.raises(SecretStorageError):
        saved_kite(clock=MORNING)
