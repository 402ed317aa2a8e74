"""A real loopback server that does exactly what a test says, and counts what reached it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET

import pytest

from tests.hand_clock import HandClock

SeenRequest = tuple[str, str, dict[str, str], bytes]
Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class ScriptedServer:
    """Answers request after request from a script: bytes to write, or what to do to the socket."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.seen: list[SeenRequest] = []
        self.connections = 0
        self.root = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.rstrip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {
                    name.strip().lower(): value.strip()
                    for name, value in (line.split(":", 1) for line in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.seen.append((method, target, headers, body))
                reply = self.script.pop(0)
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                else:
                    await reply(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(body: bytes | str, status: int = 200, content_type: str = "application/json") -> bytes:
    """One HTTP response."""
    content = body.encode() if isinstance(body, str) else body
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n"
    )
    return head.encode() + b"\r\n" + content


async def reset(writer: asyncio.StreamWriter) -> None:
    """Accept the request, then break the connection with RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Accept the request, then close without a word."""
    writer.close()


async def stay_silent(writer: asyncio.StreamWriter) -> None:
    """Accept the request and never answer."""
    await asyncio.sleep(5)


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Send headers and half a body, and no more."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n")
    writer.write(b'{"status":"success","da')
    await writer.drain()
    await asyncio.sleep(5)


async def cut_short(writer: asyncio.StreamWriter) -> None:
    """Send half a body and close."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n")
    writer.write(b'{"status":"success","da')
    await writer.drain()
    writer.close()


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    served = ScriptedServer()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    served.root = f"http://127.0.0.1:{port}"
    yield served
    server.close()


class Replies:
    """The replies a script is made of, for tests (which import nothing from each other)."""

    http = staticmethod(http)
    reset = staticmethod(reset)
    hang_up = staticmethod(hang_up)
    stay_silent = staticmethod(stay_silent)
    trickle = staticmethod(trickle)
    cut_short = staticmethod(cut_short)


@pytest.fixture
def replies() -> type[Replies]:
    return Replies


@pytest.fixture
async def clock():
    return HandClock()
