"""A web server for one redirect: it waits on 127.0.0.1 for the browser to come back from login.

It answers GET only, reads a bounded head within a bounded time, and looks at the Host header, so
that a page elsewhere on the web cannot pass itself off as this machine. A request that is not the
redirect we wait for is told so and changes nothing.
"""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from html import escape
from http import HTTPStatus
from urllib.parse import urlsplit

from patang.domain.secret import Secret
from patang.kite.login_errors import CallbackPortTaken, LoginRefused, LoginTimeout
from patang.kite.redirect import request_token_of

HOST = "127.0.0.1"
_MAX_HEAD_BYTES = 8 * 1024
_HEAD_SECONDS = 5.0
_MAX_SILENT = 16
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
    "<style>body{{font:18px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32em;"
    "padding:0 1em}}h1{{font-size:1.4em}}</style><h1>{title}</h1><p>{text}</p></html>"
)


class CallbackServer:
    """Listens while it is open (see ``open_callback``); ``token`` waits for the redirect."""

    def __init__(self, state: str) -> None:
        self.port = 0
        self._state = state
        self._silent: set[asyncio.StreamWriter] = set()
        self._arrived: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()

    async def token(self, timeout_seconds: float) -> Secret:
        """The request token of the first redirect that carries our state.

        Raises:
            LoginTimeout: none came.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.shield(self._arrived)
        except TimeoutError:
            raise LoginTimeout(
                f"The browser did not come back to {HOST}:{self.port}"
                f" within {timeout_seconds:g} seconds.",
                f"The app's redirect URL must be http://{HOST}:{self.port}/ ; or log in with"
                " --paste.",
            ) from None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, whatever it sends."""
        try:
            if len(self._silent) >= _MAX_SILENT:
                return
            self._silent.add(writer)
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                self._silent.discard(writer)
                writer.write(_response(*self._answer(head)))
                await writer.drain()
        except asyncio.LimitOverrunError:
            writer.write(_response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Too large", ""))
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass  # whoever it was went away or dawdles; the login goes on waiting
        finally:
            self._silent.discard(writer)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_HEAD_SECONDS):
                    await writer.wait_closed()

    def hang_up(self) -> None:
        """Drop who has said nothing yet: browsers open connections that they may never use."""
        for writer in list(self._silent):
            writer.transport.abort()

    def _answer(self, head: bytes) -> tuple[HTTPStatus, str, str]:
        line, *headers = head.decode("latin-1").split("\r\n")
        match line.split(" "):
            case ["GET", target, version] if version.startswith("HTTP/1."):
                pass
            case ["GET", _, _] | [_]:
                return HTTPStatus.BAD_REQUEST, "Not understood", "This is no HTTP request."
            case _:
                return HTTPStatus.METHOD_NOT_ALLOWED, "Not here", "Only GET is answered."
        hosts = [each.partition(":")[2].strip() for each in headers if _is_host(each)]
        if hosts not in ([f"{HOST}:{self.port}"], [f"localhost:{self.port}"]):
            return HTTPStatus.MISDIRECTED_REQUEST, "Not here", "This server is another's."
        try:
            token = request_token_of(urlsplit(target).query, self._state)
        except (LoginRefused, ValueError) as error:
            cause = error.cause if isinstance(error, LoginRefused) else "No address."
            return HTTPStatus.BAD_REQUEST, "Not logged in", cause
        if not self._arrived.done():
            self._arrived.set_result(token)
        return (
            HTTPStatus.OK,
            "Back to the terminal",
            "Patang finishes the login there. Close this page.",
        )


@contextlib.asynccontextmanager
async def open_callback(port: int, state: str) -> AsyncIterator[CallbackServer]:
    """A callback server on 127.0.0.1 while the block runs; port 0 takes any free one.

    Raises:
        CallbackPortTaken: somebody else listens there, or the port is not allowed.
    """
    callback = CallbackServer(state)
    try:
        server = await asyncio.start_server(callback.serve, HOST, port, limit=_MAX_HEAD_BYTES)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        raise CallbackPortTaken(
            f"Port {port} of {HOST} {'is in use' if is_taken else 'cannot be opened'}.",
            "Stop what listens there, or log in with --paste.",
        ) from None
    callback.port = server.sockets[0].getsockname()[1]
    try:
        yield callback
    finally:
        server.close()
        callback.hang_up()
        await server.wait_closed()


def _is_host(header: str) -> bool:
    return header.partition(":")[0].strip().lower() == "host"


def _response(status: HTTPStatus, title: str, text: str) -> bytes:
    page = _PAGE.format(title=escape(title), text=escape(text)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(page)}\r\n"
        "Cache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + page
