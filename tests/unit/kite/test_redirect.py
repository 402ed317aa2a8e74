"""The redirect is read with suspicion: only ours, only once, only whole."""

import contextlib
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.kite.login_errors import LoginRefused
from patang.kite.redirect import new_state, request_token_in, request_token_of, with_state

STATE = "s3cret_state-of_ours"
TOKEN = "Request5Token5Of5ThirtyTwo5Signs"
GOOD = {"request_token": TOKEN, "action": "login", "status": "success", "state": STATE}


def query(**changes: str | None) -> str:
    pairs = GOOD | changes
    return urlencode({name: value for name, value in pairs.items() if value is not None})


def test_states_are_long_and_never_the_same() -> None:
    states = {new_state() for _ in range(100)}
    assert len(states) == 100
    assert min(map(len, states)) >= 32


def test_the_state_travels_in_redirect_params() -> None:
    url = with_state("https://kite.zerodha.com/connect/login?api_key=k&v=3", STATE)
    asked = parse_qs(urlsplit(url).query)
    assert asked["api_key"] == ["k"]
    assert parse_qsl(asked["redirect_params"][0]) == [("state", STATE)]


def test_a_good_redirect_gives_its_token_hidden() -> None:
    token = request_token_of(query(), STATE)
    assert token.reveal() == TOKEN
    assert TOKEN not in repr(token)


@pytest.mark.parametrize(
    ("given_query", "complaint"),
    [
        ("", "does not belong"),
        (query(state=None), "does not belong"),
        (query(state="other"), "does not belong"),
        (query(state=STATE + "x"), "does not belong"),
        (query(state="ünïcode"), "does not belong"),
        (query() + f"&state={STATE}", "does not belong"),
        (query(status="cancelled"), "not completed"),
        (query(status="", request_token=None), "not completed"),
        (query(request_token=None), "no request token"),
        (query(request_token="short"), "no request token"),
        (query(request_token="<script>alert(1)</script>"), "no request token"),
        (query() + f"&request_token={TOKEN}", "no request token"),
    ],
)
def test_any_other_redirect_is_refused(given_query: str, complaint: str) -> None:
    with pytest.raises(LoginRefused, match=complaint) as failure:
        request_token_of(given_query, STATE)
    assert TOKEN not in repr(failure.value)
    assert STATE not in repr(failure.value)


@pytest.mark.parametrize(
    "pasted",
    [
        TOKEN,
        f"  {TOKEN}\n",
        f"http://127.0.0.1:5010/?{query()}",
        f"http://127.0.0.1:5010/?{query(state=None)}",
        f"https://elsewhere.example/back?x=1&{query()}#fragment",
    ],
)
def test_an_address_or_a_token_can_be_pasted(pasted: str) -> None:
    assert request_token_in(pasted, STATE).reveal() == TOKEN


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "hello there",
        "http://127.0.0.1:5010/",
        "http://[half",
        f"http://127.0.0.1:5010/?{query(state='other')}",
        f"http://127.0.0.1:5010/?{query(status='failed')}",
        "x" * 10_000,
        "http://a/?" + "&".join(f"a{n}=1" for n in range(100)),
    ],
)
def test_anything_else_pasted_is_refused(pasted: str) -> None:
    with pytest.raises(LoginRefused):
        request_token_in(pasted, STATE)


@given(st.text(max_size=300))
def test_no_text_is_anything_but_a_token_or_a_refusal(text: str) -> None:
    for read in (request_token_of, request_token_in):
        with contextlib.suppress(LoginRefused):
            assert read(text, STATE)
