"""The callback server takes one redirect, and nothing else moves it."""

import asyncio
import contextlib
import random

import pytest

from patang.kite.callback import CallbackServer, open_callback
from patang.kite.login_errors import CallbackPortTaken, LoginTimeout

STATE = "s3cret_state-of_ours"
TOKEN = "Request5Token5Of5ThirtyTwo5Signs"
GOOD = f"/?request_token={TOKEN}&status=success&state={STATE}"


async def send(callback: CallbackServer, raw: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
    writer.write(raw)
    try:
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


def get(callback: CallbackServer, target: str, host: str | None = None) -> bytes:
    named = f"127.0.0.1:{callback.port}" if host is None else host
    return f"GET {target} HTTP/1.1\r\nHost: {named}\r\nAccept: */*\r\n\r\n".encode()


async def test_the_redirect_is_answered_with_a_page_and_gives_the_token() -> None:
    async with open_callback(0, STATE) as callback:
        page = await send(callback, get(callback, GOOD))
        assert (await callback.token(1)).reveal() == TOKEN
    assert page.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Back to the terminal" in page
    assert b"no-store" in page
    assert b"default-src 'none'" in page
    assert TOKEN.encode() not in page


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/favicon.ico", 400),
        ("/", 400),
        (GOOD.replace(STATE, "guess"), 400),
        (f"/?request_token={TOKEN}", 400),
        (f"/?state={STATE}&status=cancelled", 400),
        ("http://[half", 400),
        ("/?" + "&".join(f"a{n}=1" for n in range(100)), 400),
        ("/?" + "a" * 9000, 431),
    ],
)
async def test_anything_else_is_refused_and_the_login_goes_on(target: str, status: int) -> None:
    async with open_callback(0, STATE) as callback:
        answer = await send(callback, get(callback, target))
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        await send(callback, get(callback, GOOD))
        assert (await callback.token(1)).reveal() == TOKEN


async def test_a_page_of_another_name_cannot_reach_it() -> None:
    async with open_callback(0, STATE) as callback:
        for host in ("evil.example", f"evil.example:{callback.port}", "127.0.0.1:1", ""):
            answer = await send(callback, get(callback, GOOD, host))
            assert answer.startswith(b"HTTP/1.1 421 ")
        with pytest.raises(LoginTimeout):
            await callback.token(0.01)
        localhost = get(callback, GOOD, f"localhost:{callback.port}")
        assert b" 200 " in await send(callback, localhost)


async def test_only_get_is_answered() -> None:
    async with open_callback(0, STATE) as callback:
        for method in (b"POST", b"PUT", b"OPTIONS", b"HEAD"):
            request = get(callback, GOOD).replace(b"GET", method, 1)
            assert b" 405 " in await send(callback, request)
        with pytest.raises(LoginTimeout, match="redirect URL must be"):
            await callback.token(0.01)


async def test_the_first_redirect_counts() -> None:
    async with open_callback(0, STATE) as callback:
        await send(callback, get(callback, GOOD))
        await send(callback, get(callback, GOOD.replace("Request5", "Another5")))
        assert (await callback.token(1)).reveal() == TOKEN


async def test_no_bytes_stop_it() -> None:
    dice = random.Random(7)
    async with open_callback(0, STATE) as callback:
        good = get(callback, GOOD)
        for _ in range(150):
            raw = bytearray(good if dice.random() < 0.7 else dice.randbytes(dice.randrange(300)))
            for _ in range(dice.randrange(1, 12)):
                if raw:
                    raw[dice.randrange(len(raw))] = dice.randrange(256)
            await send(callback, bytes(raw[: dice.randrange(len(raw) + 1)]))
        await send(callback, good)
        assert await callback.token(1)


async def test_dawdlers_neither_keep_the_redirect_out_nor_the_login_waiting() -> None:
    began = asyncio.get_running_loop().time()
    async with open_callback(0, STATE) as callback:
        idle = [await asyncio.open_connection("127.0.0.1", callback.port) for _ in range(10)]
        assert b" 200 " in await send(callback, get(callback, GOOD))
        assert (await callback.token(1)).reveal() == TOKEN
    assert asyncio.get_running_loop().time() - began < 2
    for reader, writer in idle:
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_crowd_is_turned_away() -> None:
    async with open_callback(0, STATE) as callback:
        crowd = [await asyncio.open_connection("127.0.0.1", callback.port) for _ in range(16)]
        await asyncio.sleep(0)
        assert await send(callback, get(callback, GOOD)) == b""
        crowd.pop()[1].close()
        answers = [await send(callback, get(callback, GOOD)) for _ in range(20)]
        assert any(b" 200 " in answer for answer in answers)
        for _, writer in crowd:
            writer.close()


async def test_a_port_in_use_is_named() -> None:
    async with open_callback(0, STATE) as callback:
        with pytest.raises(CallbackPortTaken, match=f"{callback.port}") as failure:
            async with open_callback(callback.port, STATE):
                pass
    assert "--paste" in failure.value.remedy


async def test_it_listens_on_this_machine_only_and_ends_with_its_block() -> None:
    async with open_callback(0, STATE) as callback:
        port = callback.port
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)
