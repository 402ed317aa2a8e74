"""The socket that a sandbox serves on."""

import asyncio
from socket import IPPROTO_TCP, TCP_NODELAY

import pytest

from patang.sandbox.errors import PortUnavailable
from patang.sandbox.server import listening_socket


async def test_answers_do_not_wait_for_acknowledgements():
    answered = asyncio.get_running_loop().create_future()

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = writer.get_extra_info("socket")
        answered.set_result(raw.getsockopt(IPPROTO_TCP, TCP_NODELAY))
        writer.close()

    with listening_socket(0) as listener:
        async with await asyncio.start_server(note, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await asyncio.wait_for(answered, 5)
            writer.close()


def test_a_port_in_use_is_refused_with_the_remedy():
    with listening_socket(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailable, match=rf"Port {port} .*--port"), listening_socket(port):
            pass
