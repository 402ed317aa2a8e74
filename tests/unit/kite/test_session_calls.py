"""A client whose session dies: one new login, reads go on, nothing that moves money is repeated."""

import asyncio
import json

import pytest

from patang.kite import (
    Kite,
    MemoryTransport,
    NetworkException,
    Rejected,
    ReplyLost,
    Request,
    Response,
    Secret,
    TokenException,
)
from tests.hand_clock import HandClock

JSON = {"content-type": "application/json"}
PROFILE = {"user_id": "AB1234", "user_name": "A B"}


class Server:
    """Knows one token; every other is refused as Kite refuses it."""

    def __init__(self, good: str) -> None:
        self.good = good
        self.transport = MemoryTransport(self.answer)

    async def answer(self, request: Request) -> Response:
        await asyncio.sleep(0)
        if request.headers.get("Authorization") != f"token key:{self.good}":
            return refusal(403, "TokenException", "Incorrect `api_key` or `access_token`.")
        data: object = PROFILE if request.path.endswith("/profile") else {"order_id": "1"}
        body = json.dumps({"status": "success", "data": data}).encode()
        return Response(status=200, headers=JSON, body=body)

    def sent(self, method: str) -> int:
        return sum(request.method == method for request in self.transport.sent)


def refusal(status: int, kind: str, message: str) -> Response:
    body = {"status": "error", "message": message, "error_type": kind}
    return Response(status=status, headers=JSON, body=json.dumps(body).encode())


@pytest.fixture
def server() -> Server:
    return Server("new")


@pytest.fixture
def kite(server: Server) -> Kite:
    return Kite("key", "old", "http://127.0.0.1:1", transport=server.transport)


def hook_for(kite: Kite, token: str | None = "new") -> list[int]:
    asked: list[int] = []

    async def hook() -> str | None:
        asked.append(1)
        await asyncio.sleep(0)
        return token

    kite.set_session_expiry_hook(hook)
    return asked


async def order(kite: Kite) -> str:
    return await kite.place_order("regular", "NSE", "INFY", "BUY", 1, "CNC", "LIMIT", price=100)


async def test_many_reads_on_a_dead_session_ask_once_and_all_succeed(
    kite: Kite, server: Server
) -> None:
    asked = hook_for(kite)
    profiles = await asyncio.gather(*(kite.profile() for _ in range(5)))
    assert {row.user_id for row in profiles} == {"AB1234"}
    assert asked == [1]
    assert kite.access_token == Secret("new")
    assert (await kite.raw.profile())["user_id"] == "AB1234"


async def test_an_order_is_not_sent_again_but_the_next_one_goes(kite: Kite, server: Server) -> None:
    asked = hook_for(kite)
    with pytest.raises(TokenException):
        await order(kite)
    assert server.sent("POST") == 1
    assert asked == [1]
    assert await order(kite) == "1"
    assert server.sent("POST") == 2


@pytest.mark.parametrize("failure", [ReplyLost("the login's reply"), ValueError("no phone")])
async def test_an_order_that_was_refused_stays_refused_when_the_login_fails(
    kite: Kite, server: Server, failure: Exception
) -> None:
    async def hook() -> str:
        raise failure

    kite.set_session_expiry_hook(hook)
    with pytest.raises(TokenException, match="Incorrect") as caught:
        await kite.cancel_order("regular", "1")
    assert caught.value.__cause__ is failure
    outcome = await kite.place_order_safely(
        "regular", "NSE", "INFY", "BUY", 1, "CNC", "LIMIT", price=1500
    )
    assert isinstance(outcome, Rejected)
    assert server.sent("POST") == server.sent("DELETE") == 1


async def test_without_a_hook_the_refusal_is_the_callers(kite: Kite, server: Server) -> None:
    with pytest.raises(TokenException):
        await kite.profile()
    kite.set_session_expiry_hook(None)
    with pytest.raises(TokenException):
        await kite.profile()
    assert server.sent("GET") == 2
    with pytest.raises(TokenException, match="no session expiry hook"):
        await kite.refresh_session()


async def test_a_token_that_is_refused_too_ends_it(kite: Kite, server: Server) -> None:
    asked = hook_for(kite, "worse")
    with pytest.raises(TokenException):
        await kite.profile()
    assert asked == [1]
    assert server.sent("GET") == 2


async def test_a_hook_may_use_the_client_that_it_renews(kite: Kite, server: Server) -> None:
    async def hook() -> str:
        kite.set_access_token("worse")
        await kite.profile()
        return "never"

    kite.set_session_expiry_hook(hook)
    async with asyncio.timeout(5):
        with pytest.raises(TokenException, match="hook made is refused"):
            await kite.profile()


async def test_refresh_asks_the_hook_though_nothing_was_refused(kite: Kite) -> None:
    asked = hook_for(kite, "newer")
    await kite.refresh_session()
    assert asked == [1]
    assert kite.access_token == Secret("newer")


async def test_validating_tells_true_from_false_and_never_logs_in(
    kite: Kite, server: Server
) -> None:
    asked = hook_for(kite)
    assert await kite.validate_session() is False
    assert await Kite("key", root="http://127.0.0.1:1").validate_session() is False
    kite.set_access_token("new")
    assert await kite.validate_session() is True
    assert asked == []


async def test_validating_raises_on_anything_but_an_answer_about_the_session() -> None:
    async def broken(_request: Request) -> Response:
        return Response(status=503, headers={"content-type": "text/html"}, body=b"<html>")

    kite = Kite("key", "token", "http://127.0.0.1:1", transport=MemoryTransport(broken))
    with pytest.raises(NetworkException):
        await kite.validate_session()


async def test_ending_a_dead_session_does_not_make_a_new_one(kite: Kite) -> None:
    asked = hook_for(kite)
    with pytest.raises(TokenException):
        await kite.invalidate_access_token()
    assert asked == []


async def test_keeping_a_connection_warm_logs_nobody_in_and_outlives_the_session(
    clock: HandClock, server: Server
) -> None:
    kite = Kite("key", "old", "http://127.0.0.1:1", transport=server.transport, clock=clock)
    asked = hook_for(kite)
    warming = asyncio.create_task(kite.keep_warm(20))
    await clock.run_for(65)
    assert server.sent("GET") == 3
    assert not asked
    assert not warming.done()
    warming.cancel()
