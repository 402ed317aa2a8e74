"""The exchange of a request token, against answers that Kite would not give."""

import json

import pytest

from patang.kite import Kite, MemoryTransport, Request, Response, SystemClock
from patang.kite.login import LoginFlow
from patang.kite.login_errors import LoginRefused
from patang.rules.ist import format_ist, next_token_expiry_ns

TOKEN = "Request5Token5Of5ThirtyTwo5Signs"


def flow_with(session: dict[str, str], profile: dict[str, str]) -> LoginFlow:
    async def answer(request: Request) -> Response:
        row = session if request.method == "POST" else profile
        body = json.dumps({"status": "success", "data": row}).encode()
        return Response(status=200, headers={"content-type": "application/json"}, body=body)

    kite = Kite("key", root="http://127.0.0.1:1", transport=MemoryTransport(answer))
    return LoginFlow(kite, "apisecret", SystemClock())


def session_of(user_id: str, login_time: str = "2026-11-20 08:30:00") -> dict[str, str]:
    return {"user_id": user_id, "access_token": "t0ken", "login_time": login_time}


async def test_a_session_that_answers_as_somebody_else_is_refused() -> None:
    flow = flow_with(session_of("AB1234"), {"user_id": "CD5678"})
    with pytest.raises(LoginRefused, match="AB1234 answers as CD5678") as failure:
        await flow.by_paste(TOKEN)
    assert "t0ken" not in repr(failure.value)


async def test_a_login_counts_from_the_servers_time() -> None:
    login = await flow_with(session_of("AB1234"), {"user_id": "AB1234"}).by_paste(TOKEN)
    assert format_ist(login.login_ns) == "2026-11-20 08:30:00"
    assert format_ist(login.expires_ns) == "2026-11-21 06:00:00"


async def test_a_time_that_cannot_be_read_leaves_our_own_clock() -> None:
    before_ns = SystemClock().now_ns()
    flow = flow_with(session_of("AB1234", "this morning"), {"user_id": "AB1234"})
    login = await flow.by_paste(TOKEN)
    assert before_ns <= login.login_ns <= SystemClock().now_ns()
    assert login.expires_ns == next_token_expiry_ns(login.login_ns)


async def test_a_flow_shows_neither_secret_nor_state() -> None:
    flow = flow_with(session_of("AB1234"), {"user_id": "AB1234"})
    state = flow.login_url.rpartition("%3D")[2]
    assert len(state) >= 32
    assert "apisecret" not in f"{flow!r} {vars(flow)}"
    assert state not in repr(flow)
