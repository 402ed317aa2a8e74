"""A tiny HTTP server in a process of its own: it answers every request with the same bytes."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_END_OF_HEAD = b"\r\n\r\n"


class _Answer(asyncio.Protocol):
    """Answers each head as soon as it is whole; requests with a body are not expected."""

    def __init__(self, response: bytes) -> None:
        self._response = response
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while _END_OF_HEAD in self._received:
            _, _, self._received = self._received.partition(_END_OF_HEAD)
            self._transport.write(self._response)


def response_of(body: bytes, content_type: str = "application/json") -> bytes:
    """A whole HTTP answer around a body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def serving(body: bytes) -> Iterator[str]:
    """Serve ``body`` on a free port of 127.0.0.1; gives the root."""
    command = [sys.executable, "-m", "benchmarks.loopback"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(body)
        process.stdin.close()
        port = int(process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def _serve(response: bytes) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answer(response), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(response_of(sys.stdin.buffer.read())))
