"""The network between one process of ours and the exchange: latency, loss, and who saw what.

Whatever has left a process arrives, also when the process dies meanwhile; replies to the dead are
dropped.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from patang.kite.errors import ConnectFailed, ReplyLost
from patang.kite.transport import Request, Response, Timeouts
from patang.sandbox.in_process import MemoryCourier, MemorySocket, _scope
from tests.simulation.loop import SeededLoop

if TYPE_CHECKING:
    from tests.simulation.process import Process

_PATIENT = Timeouts(connect=300.0, read=300.0, total=300.0)
_LATENCIES_S = (0.002, 0.005, 0.01, 0.02, 0.04, 0.09)
_LAGS_S = (0.0, 0.0, 0.0, 0.003, 0.03, 0.15)


class Sent(NamedTuple):
    """One order request as the network saw it; times are virtual UTC nanoseconds."""

    method: str
    tag: str | None
    left_ns: int
    arrived_ns: int


class Network:
    """All traffic of a run."""

    def __init__(self, loop: SeededLoop, app: object, outside: Context, now_ns: Callable[[], int]):
        self.loop = loop
        self.outside = outside
        self.sent: list[Sent] = []
        self.hosts: set[str] = set()
        self._app = app
        self._courier = MemoryCourier(app)  # type: ignore[arg-type]
        self._now_ns = now_ns

    def carry(
        self, request: Request, reply: "asyncio.Future[Response]", process: "Process"
    ) -> None:
        """Take a request away; ``reply`` is the sender's."""
        left_ns = self._now_ns()
        self.hosts.add(urlsplit(request.url).netloc)
        is_order = urlsplit(request.url).path.startswith("/orders/") and request.method != "GET"
        there_s = self.loop.chance.choice(_LATENCIES_S)

        async def visit() -> None:
            if is_order:
                tag = dict(parse_qsl(request.body.decode())).get("tag")
                self.sent.append(Sent(request.method, tag, left_ns, self._now_ns()))
            patient = msgspec.structs.replace(request, timeouts=_PATIENT)
            try:
                response = await self._courier.send(patient)
            except ReplyLost as error:
                answer: Response | ReplyLost = error
            else:
                answer = response
            await asyncio.sleep(self.loop.chance.choice(_LATENCIES_S))
            if is_order and not process.is_dead:
                process.boundary("reply")
            if process.is_dead or reply.done():
                return
            if isinstance(answer, ReplyLost):
                reply.set_exception(answer)
            else:
                reply.set_result(answer)

        def arrive() -> None:
            self.loop.create_task(visit(), context=self.outside)

        self.loop.call_later(there_s, arrive, context=self.outside)

    def dial(self, url: str, headers: Mapping[str, str]) -> MemorySocket:
        """A socket whose far end outlives the process."""
        scope = _scope("websocket", url, headers)
        return self.outside.copy().run(MemorySocket, self._app, scope)


class SimTransport:
    """The client's transport: what it sends travels through ``Network``."""

    def __init__(self, process: "Process") -> None:
        self._process = process

    async def send(self, request: Request) -> Response:
        process = self._process
        is_order = urlsplit(request.url).path.startswith("/orders/") and request.method != "GET"
        if is_order:
            process.watch_departure(request)
            await process.pass_boundary("before send")
        reply: asyncio.Future[Response] = process.network.loop.create_future()
        process.network.carry(request, reply, process)
        if is_order:
            await process.pass_boundary("after send")
        try:
            async with asyncio.timeout(request.timeouts.read):
                return await reply
        except TimeoutError:
            path = urlsplit(request.url).path
            raise ReplyLost(f"{request.method} {path}: no answer in time.") from None

    async def close(self) -> None:
        return


class SimDialler:
    """Opens the process's sockets, and knows them for the day it dies."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self.sockets: list[MemorySocket] = []
        self.opened = 0

    async def dial(
        self, url: str, headers: Mapping[str, str], timeout_seconds: float
    ) -> "LaggingSocket":
        socket = self._process.network.dial(url, headers)
        self.sockets.append(socket)
        try:
            async with asyncio.timeout(timeout_seconds):
                await socket.shake_hands()
        except TimeoutError:
            await socket.close()
            raise ConnectFailed("no answer to the handshake.") from None
        self.opened += 1
        return LaggingSocket(socket, self._process.network.loop)

    async def close(self) -> None:
        for socket in self.sockets:
            await socket.close()


class LaggingSocket:
    """Frames arrive in order, each a little late."""

    def __init__(self, socket: MemorySocket, loop: SeededLoop) -> None:
        self._socket = socket
        self._loop = loop
        self._arriving: bytes | str | None = None
        self._due_s = 0.0

    async def receive(self) -> bytes | str:
        # Who gives up waiting for a frame finds it here the next time.
        if self._arriving is None:
            self._arriving = await self._socket.receive()
            self._due_s = self._loop.time() + self._loop.chance.choice(_LAGS_S)
        if (left_s := self._due_s - self._loop.time()) > 0:
            await asyncio.sleep(left_s)
        frame, self._arriving = self._arriving, None
        return frame

    async def send(self, text: str) -> None:
        await self._socket.send(text)

    async def close(self) -> None:
        await self._socket.close()
