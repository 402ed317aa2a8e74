import pytest

from patang.domain.market import NS_PER_SECOND
from patang.sandbox.apps import App
from patang.sandbox.sessions import REQUEST_TOKEN_LIFE_NS, Sessions
from patang.sandbox.settings import DEFAULT_START_NS as NOW
from patang.wire.checksums import login_checksum
from patang.wire.errors import TokenException

APP = App(app_id=1, api_key="key", api_secret="sec", redirect_url="http://127.0.0.1/")
OTHER = App(app_id=2, api_key="other", api_secret="sec2", redirect_url="http://127.0.0.1/")


def sessions(*, one_session: bool = True) -> Sessions:
    return Sessions((APP, OTHER), seed=1, one_session=one_session)


def exchange(store: Sessions, token: str, now_ns: int = NOW, secret: str = "sec"):
    return store.exchange("key", token, login_checksum("key", token, secret), now_ns)


def test_a_request_token_becomes_a_session_that_verifies():
    store = sessions()
    session = exchange(store, store.request_token(APP, "AB1234", NOW))
    assert session.user_id == "AB1234"
    assert len(session.access_token) == 32
    assert session.access_token.isalnum()
    assert store.verify("key", session.access_token, NOW) is session


def test_a_request_token_works_once():
    store = sessions()
    token = store.request_token(APP, "AB1234", NOW)
    exchange(store, token)
    with pytest.raises(TokenException, match="invalid or has expired"):
        exchange(store, token)


def test_a_request_token_expires_after_three_minutes():
    store = sessions()
    token = store.request_token(APP, "AB1234", NOW)
    with pytest.raises(TokenException, match="invalid or has expired"):
        exchange(store, token, NOW + REQUEST_TOKEN_LIFE_NS)


def test_a_wrong_checksum_does_not_spend_the_token():
    store = sessions()
    token = store.request_token(APP, "AB1234", NOW)
    with pytest.raises(TokenException, match="checksum"):
        exchange(store, token, secret="wrong")
    assert exchange(store, token).user_id == "AB1234"


def test_a_request_token_belongs_to_its_app():
    store = sessions()
    token = store.request_token(OTHER, "AB1234", NOW)
    with pytest.raises(TokenException, match="invalid or has expired"):
        exchange(store, token)


def test_an_access_token_dies_at_its_expiry():
    store = sessions()
    session = store.open(APP, "AB1234", NOW)
    store.verify("key", session.access_token, session.expires_ns - 1)
    with pytest.raises(TokenException, match="Incorrect `api_key` or `access_token`"):
        store.verify("key", session.access_token, session.expires_ns)


def test_an_access_token_needs_the_api_key_it_was_made_for():
    store = sessions()
    session = store.open(APP, "AB1234", NOW)
    with pytest.raises(TokenException):
        store.verify("other", session.access_token, NOW)


def test_a_new_login_ends_the_earlier_one_of_the_same_user_and_app_only():
    store = sessions()
    first = store.open(APP, "AB1234", NOW)
    elsewhere = store.open(OTHER, "AB1234", NOW)
    somebody = store.open(APP, "CD5678", NOW)
    second = store.open(APP, "AB1234", NOW + NS_PER_SECOND)
    with pytest.raises(TokenException):
        store.verify("key", first.access_token, NOW)
    for session in (elsewhere, somebody, second):
        assert store.verify(session.app.api_key, session.access_token, NOW) is session


def test_earlier_logins_may_be_kept():
    store = sessions(one_session=False)
    first = store.open(APP, "AB1234", NOW)
    store.open(APP, "AB1234", NOW)
    assert store.verify("key", first.access_token, NOW) is first


def test_closing_a_session_ends_it():
    store = sessions()
    session = store.open(APP, "AB1234", NOW)
    store.close(session)
    with pytest.raises(TokenException):
        store.verify("key", session.access_token, NOW)


def test_tokens_repeat_with_the_seed():
    first, second = (sessions().open(APP, "AB1234", NOW).access_token for _ in range(2))
    assert first == second
