"""A sandbox without a port: the same application, called in memory.

``SandboxApp`` is an ASGI application for any ASGI client (Starlette's ``TestClient``, httpx's
``ASGITransport``). ``MemoryCourier`` and ``MemoryDialler`` are the transports through which
Patang's own client and feed reach it.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.kite.client import Kite
from patang.kite.errors import ConnectFailed, ReplyLost
from patang.kite.feed import KiteFeed
from patang.kite.socket import HandshakeRefused, SocketClosed
from patang.kite.transport import Request, Response
from patang.kite.windows import Limits
from patang.sandbox.app import build_app
from patang.sandbox.control.app import build_control
from patang.sandbox.control.steps import Stepper
from patang.sandbox.control.truth import truth
from patang.sandbox.ready import Ready
from patang.sandbox.server import describe
from patang.sandbox.settings import SandboxSettings
from patang.sandbox.world import World

ROOT = "http://sandbox.test"
"""The address a world without a port believes to be served at; nothing listens there."""

PUMP_INTERVAL_S = 0.015


def stepped(**changes: Any) -> SandboxSettings:
    """Settings for tests: the clock stands until it is told, and no request is one too many.

    ``changes`` are fields of ``SandboxSettings``.

    Raises:
        InvalidValue: there is no such field, or it cannot hold that.
    """
    unknown = sorted(set(changes) - set(SandboxSettings.__struct_fields__))
    if unknown:
        known = ", ".join(SandboxSettings.__struct_fields__)
        raise InvalidValue(unknown[0], "is no setting of a sandbox.", f"There are {known}.")
    fields: dict[str, Any] = {"speed": 0.0, "rate_limits": False}
    return SandboxSettings(**(fields | changes))


def step_to(world: World, to_ns: int) -> int:
    """Let the market live until ``to_ns`` (UTC) and tell the ticker; return the new now.

    A time that has passed changes nothing.
    """
    while world.now_ns < to_ns:
        # Requests that a fault delays are let go at their own moments.
        world.step(min(to_ns, max(world.now_ns, world.waits.next_ns)), math.inf)
        world.publish()
    return world.now_ns


def limits_of(settings: SandboxSettings) -> Limits:
    """What a client may send to such a world; orders never more than ten a second, by any."""
    if settings.rate_limits:
        return Limits()
    return Limits(
        orders_per_second=10,
        orders_per_minute=2_000,
        orders_per_day=1_000_000,
        modifications_per_order=1_000,
        quotes_per_second=1_000,
        candles_per_second=1_000,
        others_per_second=1_000,
    )


class SandboxApp:
    """One world as an ASGI application, with what a test needs to know of it.

    ``settings`` are by default ``stepped()``.
    """

    def __init__(self, settings: SandboxSettings | None = None, root: str = ROOT) -> None:
        self.world = World(settings or stepped(), root)
        self.world.start_clock()
        self.ready: Ready = describe(self.world, root)
        self.control: ASGIApp = build_control(self.world)
        """The control port's application, for the same clients."""
        self._app: ASGIApp = build_app(self.world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket; what it changed is published at once."""
        await self._app(scope, receive, send)
        if scope["type"] == "http":
            self.world.publish()

    def access_token(self, user_id: str) -> str:
        """The token of a user who is logged in from the start.

        Raises:
            InvalidValue: there is no such user.
        """
        return access_token(self.ready, user_id)

    def advance(self, seconds: float) -> int:
        """Let that much market time pass; return the new now, nanoseconds UTC."""
        return step_to(self.world, self.world.now_ns + round(seconds * NS_PER_SECOND))

    def advance_to(self, to_ns: int) -> int:
        """Let the market live until a moment, nanoseconds UTC; return the new now."""
        return step_to(self.world, to_ns)

    async def step(self, seconds: float) -> int:
        """As ``advance``, with requests served meanwhile: those that a fault delays go in time."""
        return await Stepper(self.world).advance(round(seconds * NS_PER_SECOND))

    def truth(self) -> dict[str, Any]:
        """What every user has by the exchange's own books, as the control port tells it."""
        told: dict[str, Any] = msgspec.json.decode(truth(self.world))
        return told

    def kite(self, user_id: str | None = None) -> Kite:
        """A client of a user, by default the first, whose requests never leave this process."""
        return Kite(
            self.ready.api_key,
            self._token(user_id),
            self.ready.root,
            transport=MemoryCourier(self),
            limits=limits_of(self.world.settings),
        )

    def feed(self, user_id: str | None = None) -> KiteFeed:
        """A ticker feed of a user, by default the first, without a socket."""
        return KiteFeed(
            self.ready.api_key, self._token(user_id), self.ready.ws, dialler=MemoryDialler(self)
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["SandboxApp"]:
        """Within it the clock runs by itself, and order updates leave for postback addresses.

        Not needed where the clock stands still and only ``advance`` moves it.
        """
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self._pump(), name="sandbox pump")
            posting = tasks.create_task(self.world.postbacks.deliver(), name="sandbox postbacks")
            try:
                yield self
            finally:
                pump.cancel()
                posting.cancel()

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(PUMP_INTERVAL_S)
            self.world.advance()
            self.world.publish()

    def _token(self, user_id: str | None) -> str:
        return self.access_token(user_id or self.ready.users[0].user_id)


def sandbox_app(settings: SandboxSettings | None = None) -> SandboxApp:
    """A world as an ASGI application, its clock under the caller's hand by default."""
    return SandboxApp(settings)


def access_token(ready: Ready, user_id: str) -> str:
    """The access token that a ready document holds for a user.

    Raises:
        InvalidValue: there is no such user.
    """
    for user in ready.users:
        if user.user_id == user_id:
            return user.access_token
    known = ", ".join(user.user_id for user in ready.users)
    raise InvalidValue("user_id", f"{user_id} is not a user here.", f"There are: {known}.")


class MemoryCourier:
    """The transport of ``patang.kite.Kite`` that calls an ASGI application instead of a network."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def send(self, request: Request) -> Response:
        """Call the application once.

        Raises:
            ReplyLost: no whole answer within the read time.
        """
        head: list[Message] = []
        body = bytearray()
        is_whole = False
        sent = [{"type": "http.request", "body": request.body, "more_body": False}]
        never = asyncio.Event()

        async def receive() -> Message:
            if sent:
                return sent.pop()
            await never.wait()  # The caller stays for as long as it waits for the answer.
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal is_whole
            if message["type"] == "http.response.start":
                head.append(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                is_whole = not message.get("more_body", False)

        try:
            async with asyncio.timeout(request.timeouts.read):
                await self._app(
                    _scope("http", request.url, request.headers, request), receive, send
                )
        except TimeoutError:
            is_whole = False
        if not head or not is_whole:
            raise ReplyLost(
                f"{request.method} {urlsplit(request.url).path}: no whole answer came. "
                "The server may have seen the request."
            )
        headers = {name.decode().lower(): text.decode() for name, text in head[0]["headers"]}
        promised = headers.get("content-length")
        if promised is not None and int(promised) != len(body):
            raise ReplyLost(f"{request.method} {urlsplit(request.url).path}: the answer is cut.")
        return Response(status=head[0]["status"], headers=headers, body=bytes(body))

    async def close(self) -> None:
        """Nothing to release."""


class MemoryDialler:
    """Opens WebSockets of an ASGI application without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[MemorySocket] = set()

    async def dial(
        self, url: str, headers: Mapping[str, str], timeout_seconds: float
    ) -> "MemorySocket":
        """Shake hands with the application.

        Raises:
            HandshakeRefused: it answered with an HTTP status.
            ConnectFailed: it did not answer within the time.
        """
        socket = MemorySocket(self._app, _scope("websocket", url, headers))
        try:
            async with asyncio.timeout(timeout_seconds):
                await socket.shake_hands()
        except TimeoutError:
            await socket.close()
            raise ConnectFailed("the sandbox did not answer the handshake.") from None
        self._open.add(socket)
        return socket

    async def close(self) -> None:
        """Close what is still open."""
        for socket in list(self._open):
            await socket.close()
        self._open.clear()


class MemorySocket:
    """One WebSocket between a client and an ASGI application in the same process."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue(maxsize=64)
        self._closed: SocketClosed | None = None
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._serving = asyncio.ensure_future(app(scope, self._to_app.get, self._from_app.put))

    async def shake_hands(self) -> None:
        """Wait for the application to accept; raises ``HandshakeRefused``."""
        message = await self._next()
        if message["type"] == "websocket.accept":
            return
        status, body = message.get("status", 403), b""
        while message.get("more_body", message["type"].endswith("response.start")):
            message = await self._next()
            body += message.get("body", b"")
        await self._serving
        raise HandshakeRefused(status, _message_of(body))

    async def receive(self) -> bytes | str:
        """The next data frame; raises ``SocketClosed``."""
        if self._closed is not None:
            raise self._closed
        message = await self._next()
        if message["type"] == "websocket.send":
            frame: bytes | str = message["bytes"] if message.get("bytes") else message["text"]
            return frame
        code = message.get("code", 1000)
        self._closed = SocketClosed(f"closed by the server with code {code}", code)
        raise self._closed

    async def send(self, text: str) -> None:
        """Send one text frame; raises ``SocketClosed``."""
        if self._closed is not None:
            raise self._closed
        await self._to_app.put({"type": "websocket.receive", "text": text})

    async def close(self) -> None:
        """Hang up."""
        self._closed = self._closed or SocketClosed("closed by this side", 1000)
        await self._to_app.put({"type": "websocket.disconnect", "code": 1000})
        while not self._serving.done():
            # Its writer may be waiting for room; what it still says has no reader.
            while not self._from_app.empty():
                self._from_app.get_nowait()
            await asyncio.wait({self._serving}, timeout=0.05)
        await self._serving

    async def _next(self) -> Message:
        coming = asyncio.ensure_future(self._from_app.get())
        try:
            await asyncio.wait({coming, self._serving}, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                return coming.result()
            if not self._from_app.empty():
                return self._from_app.get_nowait()
        finally:
            coming.cancel()
        await self._serving  # raises what the application raised
        return {"type": "websocket.close", "code": 1006}


class _Failure(msgspec.Struct):
    message: str = ""


def _message_of(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Failure).message
    except (msgspec.DecodeError, msgspec.ValidationError):
        return body[:80].decode("utf-8", "replace")


def _scope(
    kind: str, url: str, headers: Mapping[str, str], request: Request | None = None
) -> Scope:
    parts = urlsplit(url)
    path = parts.path or "/"
    named = {"host": parts.netloc, **{name.lower(): text for name, text in headers.items()}}
    if request is not None and request.body:
        named.setdefault("content-length", str(len(request.body)))
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": parts.scheme,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), text.encode()) for name, text in named.items()],
        "client": ("127.0.0.1", 0),
        "server": (parts.hostname, parts.port or 80),
        "state": {},
    }
    if request is not None:
        scope["method"] = request.method
    else:
        scope["subprotocols"] = []
        scope["extensions"] = {"websocket.http.response": {}}
    return scope
