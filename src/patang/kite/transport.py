"""The port through which every REST call leaves: one request in, one response out.

A transport sends what it is given exactly once. It never follows a redirect and never tries
again: whether a call may be repeated is for the caller to know.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from patang.domain.errors import InvalidValue
from patang.kite.secret import Secret


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of machine time, per phase.

    ``connect`` covers the wait for a connection, DNS, TCP and TLS; ``read`` the silence between
    two reads; ``total`` everything. The official clients wait 7 seconds.
    """

    connect: float = 3.0
    read: float = 7.0
    total: float = 10.0

    def __post_init__(self) -> None:
        for phase in self.__struct_fields__:
            seconds = getattr(self, phase)
            if not isinstance(seconds, int | float) or not 0 < seconds <= 300:
                raise InvalidValue(f"timeouts.{phase}", f"{seconds} is not in (0, 300] seconds.")


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How connections are made and kept.

    ``keep_alive_s`` is how long an idle connection stays open. ``proxy`` is the ``http://`` address
    of a proxy; what stands before an ``@`` in it are its credentials, and never shown.
    ``certificate`` is a PEM file of the only certificates to trust, as a sandbox names one in its
    ready file; without it those of the machine are.

    Raises:
        InvalidValue: a number out of range, or a proxy that is no address.
    """

    max_connections: int = 32
    keep_alive_s: float = 30.0
    proxy: Secret | None = None
    certificate: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_connections <= 1_000:
            raise InvalidValue(
                "network.max_connections", f"{self.max_connections} is not in [1, 1000]."
            )
        if not 0 < self.keep_alive_s <= 3_600:
            raise InvalidValue("network.keep_alive_s", f"{self.keep_alive_s} is not in (0, 3600].")
        parts = urlsplit(self.proxy.reveal()) if self.proxy else None
        if parts and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise InvalidValue(
                "network.proxy", "is not the address of a proxy.", "Write http://host:port."
            )


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request, ready to send. Its repr leaves out what may hold a token."""

    method: str
    url: str
    headers: Mapping[str, str]
    timeouts: Timeouts
    body: bytes = b""

    @property
    def path(self) -> str:
        """The URL without its query."""
        return self.url.partition("?")[0]

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP response, read whole. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str | None:
        """The Content-Type header, parameters included."""
        return self.headers.get("content-type")

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.content_type}, {len(self.body)} bytes)"


class Transport(Protocol):
    """Sends requests."""

    async def send(self, request: Request) -> Response:
        """Send ``request`` once and read the whole answer, whatever its status.

        Raises:
            ConnectFailed: no connection was made, so the server saw nothing.
            ReplyLost: the server may have seen the request; its answer did not arrive whole.
        """
        ...

    async def close(self) -> None:
        """Release every connection; the transport opens new ones when it is used again."""
        ...


class MemoryTransport:
    """Answers from a function instead of a network: for tests and in-process simulation."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer
        self.sent: list[Request] = []

    async def send(self, request: Request) -> Response:
        """Record the request and hand it to the function."""
        self.sent.append(request)
        return await self._answer(request)

    async def close(self) -> None:
        """Nothing to release."""
