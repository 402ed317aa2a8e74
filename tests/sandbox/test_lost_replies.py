"""Whatever the network does to a placement, the server sees one request and the caller the truth.

A real sandbox process behind a proxy that spoils the answer to ``POST /orders``, or loses the
request itself.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import SO_LINGER, SOL_SOCKET

import pytest

from patang.kite import Kite, NotPlaced, OrderOutcomeUnknown, Placed, Rejected, Timeouts
from patang.runtime.clocks import VenueClock

SPEED = 150.0
USERS = [{"user_id": f"LR{number:04}"} for number in range(20)]
QUICK = Timeouts(connect=0.5, read=0.4, total=0.6)

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
TIMED_OUT = (
    b'{"status":"error","error_type":"InputException","message":"Order request timed out. Please'
    b' check the order book and confirm before placing again.","data":null}'
)


def http(status: int, body: bytes, kind: bytes) -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


async def reset(writer: asyncio.StreamWriter, reply: bytes) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def close(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.close()


async def drop(writer: asyncio.StreamWriter, reply: bytes) -> None:
    await asyncio.sleep(2)


async def slow_body(writer: asyncio.StreamWriter, reply: bytes) -> None:
    for byte in reply:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def cut_short(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.write(reply[:-5])
    writer.close()


async def bad_gateway(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.write(http(502, HTML, b"text/html"))


async def timed_out(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.write(http(400, TIMED_OUT, b"application/json"))


Fault = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]
FAULTS: list[Fault] = [reset, close, drop, slow_body, cut_short, bad_gateway, timed_out]


class Proxy:
    """Passes everything on but a POST; counts the POSTs that it passed on."""

    def __init__(self, port: int, fault: Fault, *, loses_request: bool) -> None:
        self._port = port
        self._fault = fault
        self._loses_request = loses_request
        self.posts_received = 0
        self.posts_passed_on = 0
        self.is_book_readable = True
        self._ends: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends.append(server_writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._pass_on(reader, writer, server_reader, server_writer)
        writer.close()
        server_writer.close()

    async def close(self) -> None:
        for end in self._ends:
            end.transport.abort()
        await asyncio.sleep(0.01)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            request = head + await reader.readexactly(length_of(head))
            is_post = head.startswith(b"POST /orders")
            self.posts_received += is_post
            if is_post and self._loses_request:
                await self._fault(writer, b"")
                continue
            self.posts_passed_on += is_post
            server_writer.write(request)
            reply = await server_reader.readuntil(b"\r\n\r\n")
            reply += await server_reader.readexactly(length_of(reply))
            if is_post:
                await self._fault(writer, reply)
            elif not self.is_book_readable:
                await bad_gateway(writer, reply)
            else:
                writer.write(reply)


def length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=SPEED, users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user["user_id"] for user in USERS)


@asynccontextmanager
async def spoiled(
    sandbox, token: str, fault: Fault, *, loses_request: bool
) -> AsyncIterator[tuple[Kite, Proxy]]:
    proxy = Proxy(int(sandbox.root.rpartition(":")[2]), fault, loses_request=loses_request)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    reading = sandbox.ready["clock"]
    # A lost reply is looked for in the venue's seconds: ninety of them pass in less than one.
    clock = VenueClock(reading["now_ns"], reading["speed"])
    async with Kite(sandbox.api_key, token, root, timeouts=QUICK, clock=clock) as kite:
        yield kite, proxy
    server.close()
    await proxy.close()


def place(kite: Kite, **more) -> Awaitable[Placed | Rejected | NotPlaced]:
    order = {"quantity": 1, "price": 1400} | more
    return kite.place_order_safely(
        "regular", "NSE", "INFY", "BUY", product="MIS", order_type="LIMIT", **order
    )


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_reply_is_one_order_that_the_caller_learns_of(sandbox, free_users, fault):
    token = sandbox.access_token(next(free_users))
    async with spoiled(sandbox, token, fault, loses_request=False) as (kite, proxy):
        placed = await place(kite, tag_prefix="lost")
        book = await kite.orders()
    assert isinstance(placed, Placed)
    assert [row.order_id for row in book] == [placed.order_id]
    assert book[0].tag == placed.tag
    assert (proxy.posts_received, proxy.posts_passed_on) == (1, 1)


@pytest.mark.parametrize("fault", [reset, close, drop, bad_gateway, timed_out])
async def test_a_lost_request_is_presumed_not_placed_and_not_sent_again(sandbox, free_users, fault):
    token = sandbox.access_token(next(free_users))
    async with spoiled(sandbox, token, fault, loses_request=True) as (kite, proxy):
        absent = await place(kite)
        book = await kite.orders()
    assert isinstance(absent, NotPlaced)
    assert absent.is_presumed
    assert book == []
    assert (proxy.posts_received, proxy.posts_passed_on) == (1, 0)


async def test_a_lost_refusal_is_no_order(sandbox, free_users):
    token = sandbox.access_token(next(free_users))
    async with spoiled(sandbox, token, reset, loses_request=False) as (kite, proxy):
        absent = await place(kite, price=1400.013)
        book = await kite.orders()
    assert isinstance(absent, NotPlaced)
    assert book == []
    assert proxy.posts_passed_on == 1


async def test_a_book_that_cannot_be_read_leaves_the_outcome_unknown(sandbox, free_users):
    token = sandbox.access_token(next(free_users))
    async with spoiled(sandbox, token, reset, loses_request=False) as (kite, proxy):
        proxy.is_book_readable = False
        with pytest.raises(OrderOutcomeUnknown, match="order book cannot be read") as unknown:
            await place(kite)
        proxy.is_book_readable = True
        (row,) = await kite.orders()
    assert row.tag == unknown.value.tag
    assert proxy.posts_received == 1


async def test_a_server_that_is_gone_has_placed_nothing(free_users, sandbox):
    async with Kite("key", "token", "http://127.0.0.1:9", timeouts=QUICK) as kite:
        absent = await place(kite)
    assert isinstance(absent, NotPlaced)
    assert not absent.is_presumed
