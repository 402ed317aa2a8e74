"""The port through which the ticker is heard: dial, receive, send, close."""

from collections.abc import Mapping
from typing import Protocol

from patang.domain.errors import PatangError


class SocketClosed(PatangError):
    """The WebSocket ended; the text says how. Never leaves ``KiteFeed``.

    ``code`` is the closing code, where the server sent one.
    """

    def __init__(self, cause: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(cause)


class HandshakeRefused(PatangError):
    """The server answered the handshake with an HTTP status. Never leaves ``KiteFeed``."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"HTTP {status}: {message}" if message else f"HTTP {status}")


class Socket(Protocol):
    """One open WebSocket."""

    async def receive(self) -> bytes | str:
        """The next data frame, binary or text; raises ``SocketClosed`` when there is no more."""
        ...

    async def send(self, text: str) -> None:
        """Send one text frame; raises ``SocketClosed``."""
        ...

    async def close(self) -> None:
        """Close within about a second, whatever the peer does."""
        ...


class Dialler(Protocol):
    """Opens WebSockets."""

    async def dial(self, url: str, headers: Mapping[str, str], timeout_seconds: float) -> Socket:
        """Connect and shake hands; raises ``HandshakeRefused`` or ``ConnectFailed``."""
        ...

    async def close(self) -> None:
        """Release what dialling holds."""
        ...
