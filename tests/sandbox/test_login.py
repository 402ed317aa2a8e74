"""The whole login against a sandbox process: its page, the redirect, the session, its end."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from patang.kite import Kite, Secret, SystemClock, TokenException
from patang.kite.login import LoginFlow
from patang.kite.login_errors import CallbackPortTaken, LoginRefused, LoginTimeout
from patang.rules.ist import format_ist

USERS = [{"user_id": "AB1234"}, {"user_id": "CD5678"}]


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def sandbox(start_sandbox, port):
    return start_sandbox(
        speed=0, rate_limits=False, users=USERS, redirect_url=f"http://127.0.0.1:{port}/back"
    )


@pytest.fixture
async def kite(sandbox) -> AsyncIterator[Kite]:
    root = sandbox.root
    async with Kite(sandbox.api_key, root=root, login_root=f"{root}/connect/login") as opened:
        yield opened


@pytest.fixture
def flow(sandbox, kite) -> LoginFlow:
    return LoginFlow(kite, sandbox.api_secret, SystemClock())


async def browse(url: str) -> str:
    """Follow the login page's redirect as a browser does, and show where it ended."""
    async with aiohttp.ClientSession() as browser, browser.get(url) as page:
        assert page.status == 200
        return str(page.url)


async def test_a_browser_that_comes_back_is_logged_in(sandbox, kite, flow, port) -> None:
    async with asyncio.TaskGroup() as tasks:

        async def show(url: str) -> None:
            tasks.create_task(browse(url))

        login = await flow.by_callback(port, show, timeout_seconds=10)
    assert login.user_id == "AB1234"
    assert login.user_name
    # The sandbox's day, not this machine's: 2026-11-19 09:20 IST.
    assert format_ist(login.login_ns) == "2026-11-19 09:20:00"
    assert format_ist(login.expires_ns) == "2026-11-20 06:00:00"
    assert (await kite.profile()).user_id == "AB1234"
    assert login.access_token.reveal() not in f"{login!r}"


async def test_a_pasted_address_or_token_logs_in(sandbox, kite, flow) -> None:
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(flow.login_url, allow_redirects=False) as page,
    ):
        address = page.headers["location"]
    assert (await flow.by_paste(address)).user_id == "AB1234"
    with pytest.raises(TokenException):  # a request token works once
        await flow.by_paste(address)
    assert (await flow.by_paste(sandbox.request_token("CD5678"))).user_id == "CD5678"
    assert (await kite.profile()).user_id == "CD5678"


async def test_the_redirect_of_another_login_is_refused(sandbox, kite, flow) -> None:
    other = LoginFlow(kite, sandbox.api_secret, SystemClock())
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(other.login_url, allow_redirects=False) as page,
    ):
        address = page.headers["location"]
    with pytest.raises(LoginRefused, match="does not belong"):
        await flow.by_paste(address)


async def test_a_wrong_secret_is_kites_refusal_and_shows_nothing(sandbox, kite) -> None:
    flow = LoginFlow(kite, "wrongsecretwrongsecret", SystemClock())
    token = sandbox.request_token("AB1234")
    with pytest.raises(TokenException, match="checksum") as failure:
        await flow.by_paste(token)
    assert token not in repr(failure.value)
    assert "wrongsecret" not in repr(failure.value)


async def test_a_plug_in_can_bring_the_token(sandbox, flow) -> None:
    class Plug:
        async def request_token(self, login_url: str) -> str:
            assert "redirect_params" in login_url
            return sandbox.request_token("CD5678")

    assert (await flow.by_provider(Plug())).user_id == "CD5678"


async def test_nobody_is_sent_to_the_page_when_nobody_can_come_back(flow, port) -> None:
    shown: list[str] = []

    async def show(url: str) -> None:
        shown.append(url)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CallbackPortTaken):
            await flow.by_callback(taken.getsockname()[1], show)
    assert shown == []
    with pytest.raises(LoginTimeout):
        await flow.by_callback(port, show, timeout_seconds=0.01)
    assert len(shown) == 1


async def test_a_session_that_dies_is_renewed_once_by_a_plug_in(sandbox, kite, flow) -> None:
    class Plug:
        asked = 0

        async def request_token(self, login_url: str) -> str:
            self.asked += 1
            return sandbox.request_token("AB1234")

    plug = Plug()

    async def hook() -> Secret:
        # A flow of its own, on the client that is renewed: its reads must not wait for the hook.
        renewed = LoginFlow(kite, sandbox.api_secret, SystemClock())
        return (await renewed.by_provider(plug)).access_token

    await flow.by_paste(sandbox.request_token("AB1234"))
    kite.set_session_expiry_hook(hook)
    async with Kite(sandbox.api_key, root=sandbox.root) as elsewhere:
        await elsewhere.generate_session(sandbox.request_token("AB1234"), sandbox.api_secret)
    assert not await kite.validate_session()
    profiles = await asyncio.gather(*(kite.profile() for _ in range(3)))
    assert {row.user_id for row in profiles} == {"AB1234"}
    assert plug.asked == 1
    assert await kite.validate_session()
