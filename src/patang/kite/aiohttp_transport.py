"""The network transport: one warm aiohttp session, verified TLS, explicit timeouts, no resend.

aiohttp sends PUT, DELETE and GET again, by itself, when a kept-alive connection turns out to be
dead. For an order that could be a second cancel or change, so ``_once`` turns such a failure into
our own error before aiohttp's loop sees it. ``tests/unit/kite/test_aiohttp_transport.py`` counts
the requests on the server's side.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from yarl import URL

from patang.domain.errors import InvalidValue
from patang.kite.errors import ConnectFailed, ReplyLost
from patang.kite.socket import HandshakeRefused, SocketClosed
from patang.kite.transport import NetworkSettings, Request, Response, Timeouts

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

_MAX_FRAME_BYTES = 4 * 1024 * 1024
_MAX_REFUSAL_BYTES = 4096
_CLOSE_SECONDS = 1.0

# The connection was never made: the server cannot have seen the request.
# A proxy that refuses a tunnel has passed nothing on either.
_NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)
_BROKEN = (aiohttp.ClientError, OSError, TimeoutError)


class AiohttpTransport:
    """Sends requests over one session that is opened on first use and kept until ``close``."""

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        self._settings = settings or NetworkSettings()
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """Send once, follow nothing, read the whole answer.

        Raises:
            ConnectFailed: no connection was made, so the server saw nothing.
            ReplyLost: the server may have seen the request; its answer did not arrive whole.
            InvalidValue: the certificate to trust cannot be read; nothing was sent.
        """
        session = self._opened()
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                timeout=_client_timeout(request.timeouts),
                allow_redirects=False,
                proxy=self._settings.proxy.reveal() if self._settings.proxy else None,
            ) as response:
                body = await response.read()
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Response(status=response.status, headers=headers, body=body)
        except _NOT_SENT as error:
            failure: ConnectFailed | ReplyLost = ConnectFailed(_connect_failure(request, error))
        except _BROKEN as error:
            failure = ReplyLost(_reply_failure(request, error))
        # Raised out here so that no aiohttp error hangs on it: theirs can hold URL and headers.
        raise failure

    async def close(self) -> None:
        """Close the session; a later ``send`` opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_CleanConnector(
                    limit=self._settings.max_connections,
                    keepalive_timeout=self._settings.keep_alive_s,
                    ssl=_trust(self._settings.certificate),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_once,),
            )
        return self._session


def _trust(certificate: str | None) -> ssl.SSLContext | bool:
    """What verifies a server: this PEM file alone, or (True) what the machine trusts."""
    if certificate is None:
        return True
    try:
        return ssl.create_default_context(cafile=certificate)
    except OSError as error:  # of the file, or of what it holds
        raise InvalidValue(
            "network.certificate",
            f"cannot use {certificate}: {error.strerror or type(error).__name__}.",
            "Name a PEM file that can be read.",
        ) from error


class _CleanConnector(aiohttp.TCPConnector):
    """Reuses no connection on which something came that no request had asked for.

    aiohttp looks for that when a connection goes back into the pool, not when it is taken out: a
    doubled answer that comes in between would be read as the answer to the next request.
    """

    async def _get(self, key: "ConnectionKey", traces: "list[Trace]") -> "Connection | None":
        for protocol, _ in tuple(self._conns.get(key, ())):
            if protocol.should_close:
                protocol.close()  # the pool drops what is closed
        return await super()._get(key, traces)


async def _once(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except _NOT_SENT:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        text = f"{request.method} {request.url.path}: {_describe(error)}"
    raise ReplyLost(f"{text}. The server may have seen the request.")


def _client_timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=timeouts.total,
        connect=timeouts.connect,
        sock_connect=timeouts.connect,
        sock_read=timeouts.read,
    )


def _connect_failure(request: Request, error: BaseException) -> str:
    return (
        f"{request.method} {URL(request.url, encoded=True).path}: no connection to"
        f" {URL(request.url, encoded=True).authority} ({_describe(error)}). Nothing was sent."
    )


def _reply_failure(request: Request, error: BaseException) -> str:
    path = URL(request.url, encoded=True).path
    return f"{request.method} {path}: {_describe(error)}. The server may have seen the request."


def _describe(error: BaseException) -> str:
    """The kind of failure and the system's words for it; the library's may quote URLs."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    words = getattr(error, "strerror", None)
    if isinstance(error, TimeoutError) and not words:
        return "timed out"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


class AiohttpSocket:
    """One open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> bytes | str:
        """The next data frame; raises ``SocketClosed``."""
        message = await self._socket.receive()
        match message.type:
            case aiohttp.WSMsgType.BINARY | aiohttp.WSMsgType.TEXT:
                received: bytes | str = message.data
                return received
            case aiohttp.WSMsgType.ERROR:
                raise SocketClosed(f"broken: {_describe(message.data)}")
            case _:
                code = self._socket.close_code
                raise SocketClosed(f"closed by the server with code {code}", code)

    async def send(self, text: str) -> None:
        """Send one text frame; raises ``SocketClosed``."""
        failure = None
        try:
            await self._socket.send_str(text)
        except _BROKEN as error:
            failure = SocketClosed(f"broken: {_describe(error)}")
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Say goodbye, but wait for no more than a second: a dead peer never answers."""
        await self._socket.close()


class AiohttpDialler:
    """Opens WebSockets on one session of its own."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def dial(
        self, url: str, headers: Mapping[str, str], timeout_seconds: float
    ) -> AiohttpSocket:
        """Connect and shake hands.

        Raises:
            HandshakeRefused: the server answered with an HTTP status instead of upgrading.
            ConnectFailed: there is no connection, or no answer within the time.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), middlewares=(_once, _keep_refusal)
            )
        refusal: HandshakeRefused | ConnectFailed
        try:
            async with asyncio.timeout(timeout_seconds):
                return AiohttpSocket(
                    await self._session.ws_connect(
                        URL(url, encoded=True),
                        headers=headers,
                        # Closing a black-holed peer must not hang; silence is the watchdog's.
                        timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                        autoping=True,
                        max_msg_size=_MAX_FRAME_BYTES,
                    )
                )
        except aiohttp.WSServerHandshakeError as error:
            refusal = HandshakeRefused(error.status, "the upgrade was not completed")
        except (*_BROKEN, ReplyLost) as error:
            refusal = ConnectFailed(f"the ticker cannot be reached ({_describe(error)}).")
        # Raised out here: aiohttp's handshake error carries the URL, and the URL the token.
        raise refusal

    async def close(self) -> None:
        """Close the session; a later ``dial`` opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _keep_refusal(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    """Read the body of a refused handshake, which aiohttp would throw away: it says why."""
    response = await handler(request)
    if response.status == 101:
        return response
    body = await response.content.read(_MAX_REFUSAL_BYTES)
    response.close()
    raise HandshakeRefused(response.status, _refusal_text(body))


class _Refusal(msgspec.Struct):
    message: str


def _refusal_text(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refusal).message[:200]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body[:80].decode("utf-8", "replace")
